//! What a FIFO queue remembers for five minutes: deduplication ids, and the receives that may be repeated.

use std::sync::Arc;

use super::expiring_map::ExpiringMap;
use super::message::MessageId;
use super::receipt::Receipt;

/// A deduplication id counts for this many milliseconds from the first accepted send; the last one is excluded.
/// Repeated sends do not prolong it, and deleting the message does not end it.
pub const DEDUPLICATION_WINDOW_MS: u64 = 300_000;

/// A receive can be repeated by its `ReceiveRequestAttemptId` for this many milliseconds.
pub const ATTEMPT_WINDOW_MS: u64 = 300_000;

/// A deduplication id with its scope.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct DeduplicationKey {
    /// Only with the scope `messageGroup`.
    pub group: Option<Arc<str>>,
    pub id: Arc<str>,
}

/// The message that was accepted with a deduplication id.
pub(super) struct FirstSend {
    pub id: MessageId,
    pub number: u64,
}

/// A message that a receive attempt handed out. If its timer still has this generation, nothing has happened to it.
#[derive(Clone, Copy)]
pub(super) struct AttemptEntry {
    pub receipt: Receipt,
    pub generation: u64,
}

/// Accepted deduplication ids.
pub(super) type Deduplication = ExpiringMap<DeduplicationKey, FirstSend>;

/// Receives by attempt id. Those that found nothing are not remembered.
pub(super) type Attempts = ExpiringMap<Arc<str>, Vec<AttemptEntry>>;
