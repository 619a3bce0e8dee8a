//! What columns hold, both ways: states as letters, and the rare and the readable as JSON.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::engine::{DeduplicationScope, Extra, MessageState, Time};
use crate::store::{QueueRecord, TransferRecordCause};

/// The letters of `message.state`.
const STATES: [(MessageState, i8); 3] = [
    (MessageState::Visible, b'v'.cast_signed()),
    (MessageState::InFlight, b'f'.cast_signed()),
    (MessageState::Delayed, b'd'.cast_signed()),
];

pub(super) fn letter(state: MessageState) -> i8 {
    STATES.iter().find(|(known, _)| *known == state).map_or(STATES[0].1, |(_, letter)| *letter)
}

pub(super) fn state(letter: i8) -> Option<MessageState> {
    STATES.iter().find(|(_, known)| *known == letter).map(|(state, _)| *state)
}

/// `transfer.cause` and `transfer.task`.
pub(super) fn cause_letter(cause: &TransferRecordCause) -> (i8, Option<&str>) {
    match cause {
        TransferRecordCause::DeadLetter => (b'd'.cast_signed(), None),
        TransferRecordCause::MoveTask(task) => (b't'.cast_signed(), Some(task)),
        TransferRecordCause::ByHand => (b'h'.cast_signed(), None),
    }
}

/// The cause for which [`cause_letter`] gave this, or what is wrong with it.
pub(super) fn cause(letter: i8, task: Option<&str>) -> Result<TransferRecordCause, String> {
    match (letter.cast_unsigned(), task) {
        (b'd', None) => Ok(TransferRecordCause::DeadLetter),
        (b't', Some(task)) => Ok(TransferRecordCause::MoveTask(Arc::from(task))),
        (b'h', None) => Ok(TransferRecordCause::ByHand),
        (letter, task) => Err(format!("`{}` with the task {task:?} is no cause", char::from(letter))),
    }
}

/// Whole numbers have a sign in the database; nothing counts so far.
pub(super) fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn ms(time: Time) -> i64 {
    whole(time.as_ms())
}

/// `message.extra`: what few messages have, but for their attributes.
#[derive(Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ExtraText<'a> {
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub deduplication_id: Option<Cow<'a, str>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub sender: Option<Cow<'a, str>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub trace_header: Option<Cow<'a, str>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub dead_letter_source: Option<Cow<'a, str>>,
    /// Receives in other queues.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub received_elsewhere: Option<u32>,
}

impl ExtraText<'_> {
    /// The text for the column; `None` if there is nothing to it.
    pub(super) fn of(extra: &Extra) -> Option<String> {
        let text = ExtraText {
            deduplication_id: extra.deduplication_id.as_deref().map(Cow::from),
            sender: extra.sender.as_deref().map(Cow::from),
            trace_header: extra.trace_header.as_deref().map(Cow::from),
            dead_letter_source: extra.dead_letter_source.as_deref().map(Cow::from),
            received_elsewhere: Some(extra.receive_count_on_arrival).filter(|&count| count > 0),
        };
        if text == ExtraText::default() { None } else { serde_json::to_string(&text).ok() }
    }
}

/// `queue.record`: a queue without what columns of their own hold.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RecordText {
    kind: Cow<'static, str>,
    deduplication_scope: Cow<'static, str>,
    created_ms: u64,
    modified_ms: u64,
    purged_ms: Option<u64>,
    attributes: BTreeMap<String, String>,
    tags: BTreeMap<String, String>,
}

impl RecordText {
    pub(super) fn of(queue: &QueueRecord) -> String {
        let text = RecordText {
            kind: if queue.fifo { "fifo" } else { "standard" }.into(),
            deduplication_scope: match queue.deduplication_scope {
                DeduplicationScope::Queue => "queue",
                DeduplicationScope::MessageGroup => "messageGroup",
            }
            .into(),
            created_ms: queue.created.as_ms(),
            modified_ms: queue.modified.as_ms(),
            purged_ms: queue.purged.map(Time::as_ms),
            attributes: queue.attributes.clone(),
            tags: queue.tags.clone(),
        };
        // Maps of texts are always JSON.
        serde_json::to_string(&text).unwrap_or_default()
    }

    /// The queue for which [`RecordText::of`] made this text, or what is wrong with it.
    pub(super) fn read(
        text: &str,
        uid: u64,
        (account, region, name): (String, String, String),
    ) -> Result<QueueRecord, String> {
        let read: RecordText = serde_json::from_str(text).map_err(|error| error.to_string())?;
        Ok(QueueRecord {
            uid,
            account,
            region,
            name,
            created: Time(read.created_ms),
            modified: Time(read.modified_ms),
            purged: read.purged_ms.map(Time),
            fifo: match &*read.kind {
                "fifo" => true,
                "standard" => false,
                other => return Err(format!("`{other}` is no kind of queue")),
            },
            deduplication_scope: match &*read.deduplication_scope {
                "queue" => DeduplicationScope::Queue,
                "messageGroup" => DeduplicationScope::MessageGroup,
                other => return Err(format!("`{other}` is no deduplication scope")),
            },
            attributes: read.attributes,
            tags: read.tags,
        })
    }
}
