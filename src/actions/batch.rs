//! What the three batch actions have in common: the checks of the batch as a whole, and the two lists of the answer.

use crate::api::{BatchResult, BatchResultErrorEntry, Entries, Operation, limits, rules};
use crate::broker::{FailedEntry, OpenQueue};
use crate::engine::Receipt;
use crate::error::{Error, ErrorKind, Fault};
use std::collections::HashSet;

/// An entry that has an id.
pub(super) trait Entry {
    /// What the Query protocol calls the entry; SQS's texts use it in both protocols.
    const NAME: &'static str;

    /// The id as it was sent.
    fn id(&self) -> Option<&str>;
}

/// Checks a batch as a whole, in SQS's order: there at all, not empty, not too many, ids present and well formed, distinct.
///
/// # Errors
/// The batch errors of the API; nothing has been done then.
pub(super) fn check<E: Entry>(entries: Option<Entries<E>>) -> Result<Vec<E>, Error> {
    // Uncertain: the text for an absent list; no recording.
    let entries = entries.ok_or_else(|| Error::missing("Entries"))?;
    if entries.is_empty() {
        let text = format!("There should be at least one {} in the request.", E::NAME);
        return Err(Error::new(ErrorKind::EmptyBatchRequest, text));
    }
    let entries = entries.all().map_err(|sent| {
        let most = limits::BATCH_ENTRIES_MAX;
        Error::new(
            ErrorKind::TooManyEntriesInBatchRequest,
            format!("Maximum number of entries per request are {most}. You have sent {sent}."),
        )
    })?;
    for (index, entry) in entries.iter().enumerate() {
        let id = entry.id().ok_or_else(|| Error::missing(format_args!("{}.{}.Id", E::NAME, index + 1)))?;
        if !rules::is_label(id) {
            return Err(Error::new(
                ErrorKind::InvalidBatchEntryId,
                "A batch entry id can only contain alphanumeric characters, hyphens and underscores. \
                 It can be at most 80 letters long.",
            ));
        }
    }
    let mut seen = HashSet::new();
    match entries.iter().filter_map(Entry::id).find(|id| !seen.insert(*id)) {
        Some(id) => Err(Error::new(ErrorKind::BatchEntryIdsNotDistinct, format!("Id {id} repeated."))),
        None => Ok(entries),
    }
}

/// The name of a member of the `index`th entry (from 0) as SQS's texts write it.
pub(super) fn member<E: Entry>(index: usize, member: &str) -> String {
    format!("{}.{}.{member}", E::NAME, index + 1)
}

/// Tells the observer of an entry that failed: of its receipt handle or its body, if they were good.
pub(super) fn tell_failure<R>(
    open: &mut OpenQueue<'_>,
    operation: Operation,
    (receipt, body_md5): (Option<Receipt>, Option<[u8; 16]>),
    outcome: &Result<R, Error>,
) {
    if let Err(error) = outcome {
        open.entry_failed(&FailedEntry { operation, code: error.kind.code(), receipt, body_md5 });
    }
}

/// Sorts the outcomes of the entries into the two lists.
pub(super) fn result<R>(outcomes: impl IntoIterator<Item = (String, Result<R, Error>)>) -> BatchResult<R> {
    let mut result = BatchResult { failed: Vec::new(), successful: Vec::new() };
    for (id, outcome) in outcomes {
        match outcome {
            Ok(done) => result.successful.push(done),
            Err(error) => result.failed.push(BatchResultErrorEntry {
                code: error.kind.code().to_owned(),
                id,
                sender_fault: error.fault() == Fault::Sender,
                message: error.message.into_owned(),
            }),
        }
    }
    result
}
