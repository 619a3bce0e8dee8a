//! Values out of columns. A value that cannot be what was written is an error, and means that the file is damaged.

use std::str::FromStr as _;
use std::sync::Arc;

use rusqlite::Row;
use rusqlite::types::Type;

use super::layout::RANGES_MAX;
use crate::engine::{MessageId, MessageState, Time};

/// The words for `messages.state`.
pub(super) const STATES: [(MessageState, &str); 3] =
    [(MessageState::Visible, "visible"), (MessageState::InFlight, "in flight"), (MessageState::Delayed, "delayed")];

/// The error for a value that cannot be.
pub(super) fn damaged(column: usize, what: &str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, what.into())
}

/// A number without a sign.
pub(super) fn whole(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let value: i64 = row.get(column)?;
    u64::try_from(value).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, value))
}

/// The number of a range.
pub(super) fn range(row: &Row<'_>, column: usize) -> rusqlite::Result<i64> {
    let value = row.get(column)?;
    if (1..=RANGES_MAX).contains(&value) {
        Ok(value)
    } else {
        Err(rusqlite::Error::IntegralValueOutOfRange(column, value))
    }
}

/// A number without a sign, or NULL.
pub(super) fn optional_whole(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<u64>> {
    if is_null(row, column)? { Ok(None) } else { whole(row, column).map(Some) }
}

/// A time in milliseconds.
pub(super) fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Time> {
    whole(row, column).map(Time)
}

/// The same, or NULL.
pub(super) fn optional_time(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Time>> {
    Ok(optional_whole(row, column)?.map(Time))
}

/// A text, not copied.
pub(super) fn text<'r>(row: &'r Row<'_>, column: usize) -> rusqlite::Result<&'r str> {
    row.get_ref(column)?.as_str().map_err(|error| damaged(column, &error.to_string()))
}

/// The same, or NULL.
pub(super) fn optional_text<'r>(row: &'r Row<'_>, column: usize) -> rusqlite::Result<Option<&'r str>> {
    if is_null(row, column)? { Ok(None) } else { text(row, column).map(Some) }
}

/// A text in an allocation of its own size, or NULL.
pub(super) fn boxed(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Box<str>>> {
    Ok(optional_text(row, column)?.map(Box::from))
}

/// A text that is often the same as that of the row before, or NULL.
pub(super) fn shared(last: &mut Option<Arc<str>>, row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Arc<str>>> {
    let Some(text) = optional_text(row, column)? else { return Ok(None) };
    if last.as_deref() != Some(text) {
        *last = Some(Arc::from(text));
    }
    Ok(last.clone())
}

/// A UUID.
pub(super) fn message_id(row: &Row<'_>, column: usize) -> rusqlite::Result<MessageId> {
    MessageId::from_str(text(row, column)?).map_err(|error| damaged(column, &error.to_string()))
}

/// JSON.
pub(super) fn json<T: serde::de::DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    serde_json::from_str(text(row, column)?).map_err(|error| damaged(column, &error.to_string()))
}

fn is_null(row: &Row<'_>, column: usize) -> rusqlite::Result<bool> {
    Ok(row.get_ref(column)?.data_type() == Type::Null)
}
