//! What a report is made from: what was observed of each queue and its messages, as plain values.

use crate::engine::{MessageId, Time};
use std::sync::Arc;

/// A moment: by the clock of the space, and by the machine's. Between two moments the clock may have been turned, the machine's
/// time is what a consumer had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct When {
    /// By the clock of the space.
    pub at: Time,
    /// By the machine's clock.
    pub real: Time,
}

impl When {
    /// Milliseconds that really passed since an earlier moment: jumps of the clock are left out.
    pub fn real_ms_since(self, earlier: When) -> u64 {
        self.real.ms_since(earlier.real)
    }
}

/// Everything that was observed.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// When the report is made.
    pub now: When,
    /// The history was cut: what happened before this event is not in here.
    pub dropped_before: Option<u64>,
    /// What ids and faults are drawn from.
    pub seed: u64,
    /// Milliseconds that a Lambda function which reads the queues may take, if it was told.
    pub lambda_timeout_ms: Option<u64>,
    /// The queues, by name.
    pub queues: Vec<ObservedQueue>,
}

/// What was observed of a queue.
#[derive(Clone, Debug, Default)]
pub struct ObservedQueue {
    /// Its name.
    pub name: String,
    /// Whether it is a FIFO queue.
    pub fifo: bool,
    /// What it is set to now; nothing is known of a queue that was deleted.
    pub settings: Option<ObservedSettings>,
    /// How often what took place, also what was dropped from the history.
    pub totals: ObservedTotals,
    /// Its messages, in the order in which they came in.
    pub messages: Vec<ObservedMessage>,
    /// Entries of batches that failed.
    pub failed_entries: Vec<FailedEntry>,
}

/// Attributes of a queue.
#[derive(Clone, Debug, Default)]
pub struct ObservedSettings {
    /// `VisibilityTimeout` in milliseconds.
    pub visibility_timeout_ms: u64,
    /// `MessageRetentionPeriod` in milliseconds.
    pub retention_ms: u64,
    /// The dead-letter queue of its redrive policy: its name and its retention period in milliseconds, if it is there.
    pub dead_letter_queue: Option<(String, u64)>,
    /// Whether it has a redrive policy.
    pub redrive: bool,
    /// Whether it is the dead-letter queue of another.
    pub takes_dead_letters: bool,
}

/// Counts of a queue.
#[derive(Clone, Copy, Debug, Default)]
pub struct ObservedTotals {
    /// Messages that were sent to it.
    pub sent: u64,
    /// Messages that were deleted from it.
    pub deleted: u64,
    /// Messages that left it because their retention period had ended.
    pub expired: u64,
    /// Messages that are in it.
    pub left: u64,
    /// Receives that did not wait and found nothing.
    pub empty_short_polls: u64,
    /// Real milliseconds from the first of them to the last.
    pub empty_short_polls_ms: u64,
}

/// A message in one queue: a dead letter is another one in the dead-letter queue.
#[derive(Clone, Debug, Default)]
pub struct ObservedMessage {
    /// Its id.
    pub id: String,
    /// When it came into the queue.
    pub came: When,
    /// Whether SendMessage put it in, and not a redrive.
    pub sent: bool,
    /// From when its retention period counts.
    pub sent_at: Time,
    /// The request that sent it.
    pub request: u128,
    /// Stands for its body and attributes, if they are known.
    pub content: Option<u64>,
    /// Whether it was sent with a deduplication id.
    pub has_deduplication_id: bool,
    /// Its message group.
    pub group: Option<Arc<str>>,
    /// Its receives, in order, without those that were undone.
    pub receives: Vec<ObservedReceive>,
    /// How and when it left the queue, if it did.
    pub left: Option<(When, Left)>,
}

/// How a message leaves a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// It was deleted by a consumer.
    Deleted,
    /// Its retention period ended.
    Expired,
    /// It went to another queue: a dead letter, moved by a task or by hand.
    ToAnotherQueue,
    /// The queue was purged or deleted.
    WithOthers,
    /// It was taken out by hand.
    ByHand,
}

/// One receive of a message.
#[derive(Clone, Debug, Default)]
pub struct ObservedReceive {
    /// The receive count, which its receipt handle names.
    pub number: u32,
    /// When.
    pub when: When,
    /// The visibility timeout that it was given, in milliseconds.
    pub timeout_ms: u64,
    /// When its visibility timeout ends or ended, by the clock of the space, with all changes.
    pub visible_at: Time,
    /// Whether ChangeMessageVisibility was called for it.
    pub changed: bool,
    /// When the message became visible again without being deleted, and how.
    pub ended: Option<(When, Ended)>,
    /// When it was first deleted by the handle of this receive, whether or not that did anything.
    pub settled: Option<When>,
}

/// How a message becomes visible again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The visibility timeout ended.
    TimedOut,
    /// Its consumer made it visible.
    MadeVisible,
    /// By hand or by a fault.
    ByControl,
}

/// An entry of a batch that failed.
#[derive(Clone, Debug, Default)]
pub struct FailedEntry {
    /// `SendMessageBatch`, `DeleteMessageBatch` or `ChangeMessageVisibilityBatch`.
    pub action: &'static str,
    /// The code that was answered.
    pub code: String,
    /// The message, if it is known.
    pub id: Option<MessageId>,
    /// Whether the same was done later.
    pub made_up_for: bool,
}

impl ObservedReceive {
    /// Real milliseconds from the receive to its deletion.
    pub fn processing_ms(&self) -> Option<u64> {
        Some(self.settled?.real_ms_since(self.when))
    }

    /// Whether the visibility timeout had ended by the clock of the space when it was deleted.
    pub fn settled_late(&self) -> bool {
        let timed_out = matches!(self.ended, Some((_, Ended::TimedOut)));
        timed_out && self.settled.is_some_and(|settled| settled.at >= self.visible_at)
    }

    /// Whether it took longer than the visibility timeout in real time, so that no jump of the clock is to blame. Nothing is said
    /// of a timeout that was changed.
    pub fn overran(&self) -> bool {
        !self.changed && self.processing_ms().is_some_and(|ms| ms > self.timeout_ms)
    }
}

impl ObservedMessage {
    /// Whether it was received again between a receive and the deletion by that receive's handle.
    pub fn received_meanwhile(&self, index: usize) -> bool {
        let settled = self.receives.get(index).and_then(|receive| receive.settled);
        let next = self.receives.get(index + 1).map(|next| next.when);
        // Of two in the same millisecond the order of events counts: a handle that was replaced is no more the last one.
        matches!((settled, next), (Some(settled), Some(next)) if next.real <= settled.real && next.at <= settled.at)
    }

    /// Whether it was received, and since then neither deleted nor made visible by its consumer or by time.
    pub fn is_leaked(&self) -> bool {
        let open = self.receives.last().is_some_and(|last| last.ended.is_none() && last.settled.is_none());
        open && matches!(self.left, None | Some((_, Left::WithOthers)))
    }
}
