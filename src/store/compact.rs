//! Many changes become few: what a batch leaves behind, by queue and message.
//!
//! A store that keeps one row for each message writes the outcome of a batch, not its history. A message stored and
//! removed within the batch is never written, several changes of one message become one, a purge drops everything
//! before it. What must not get lost in this is the number a queue gives out next: it is kept as a high-water mark
//! over all effects, also of those that leave nothing else behind.
//!
//! Several batches that are written together are one: a summary takes in one after the other.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::{AdoptedQueue, Change, MoveTaskRecord, QueueRecord};
use crate::engine::{Effect, MessageId, MessageStatus, Receipt, StoredMessage, Time};

/// What a batch leaves behind.
#[derive(Debug, Default)]
pub struct BatchSummary {
    /// By uid.
    pub queues: BTreeMap<u64, QueueSummary>,
    /// Task ids in the order in which they first came up, which is the order in which the tasks started, with the
    /// newest word on each; `None` for one that was forgotten. There are only ever a few.
    pub tasks: Vec<(String, Option<Box<MoveTaskRecord>>)>,
    /// What is between nodes, as it came: [`Change::Sent`], [`Change::Taken`] and [`Change::Handed`].
    pub between_nodes: Vec<Change>,
    /// Queues that were loaded by themselves; what else is said of them here came after that.
    pub adopted: Vec<AdoptedQueue>,
    /// How many rows of messages and of what is remembered this is.
    pub rows: usize,
}

impl BatchSummary {
    /// Takes in a batch that came after those before.
    pub fn add(&mut self, batch: Vec<Change>) {
        for change in batch {
            match change {
                Change::Queue(record) => {
                    let queue = self.queues.entry(record.uid).or_default();
                    if queue.deleted.is_none() {
                        queue.record = Some(record);
                    }
                }
                Change::QueueDeleted { uid, at } => {
                    let queue = self.queues.entry(uid).or_default();
                    self.rows -= queue.rows();
                    let record = queue.record.take();
                    *queue = QueueSummary { record, deleted: Some(at), ..QueueSummary::default() };
                }
                Change::Effect { queue, effect } => {
                    let queue = self.queues.entry(queue).or_default();
                    if queue.deleted.is_none() {
                        self.rows -= queue.rows();
                        queue.apply(effect);
                        self.rows += queue.rows();
                    }
                }
                Change::MoveTask(task) => self.task(task.id.clone(), Some(task)),
                Change::MoveTaskForgotten { id } => self.task(id, None),
                change @ (Change::Sent(_) | Change::Taken { .. } | Change::Handed { .. }) => {
                    self.between_nodes.push(change);
                }
                Change::Adopted(queue) => self.adopted.push(*queue),
                Change::Proof => {}
            }
        }
    }

    fn task(&mut self, id: String, record: Option<Box<MoveTaskRecord>>) {
        match self.tasks.iter_mut().find(|(known, _)| *known == id) {
            Some((_, last)) => *last = record,
            None => self.tasks.push((id, record)),
        }
    }
}

/// What a batch leaves behind of one queue.
#[derive(Debug, Default)]
pub struct QueueSummary {
    /// The newest record, if it changed.
    pub record: Option<Box<QueueRecord>>,
    /// When the queue was deleted. Then only the name in `record` still counts.
    pub deleted: Option<Time>,
    /// All that was there before the batch is gone: the queue was purged. Numbers before this one are gone.
    pub purged_below: Option<u64>,
    /// By message number.
    pub messages: BTreeMap<u64, MessageSummary>,
    /// Accepted deduplication ids, as they came.
    pub remembered: Vec<Remembered>,
    /// The newest word on each attempt.
    pub attempts: HashMap<Arc<str>, Attempted>,
    /// The next number the queue gives out is at least this.
    pub next_number: u64,
    /// Whether a message was removed, so that the remaining ones may no longer tell `next_number`.
    pub removed_any: bool,
}

/// What became of a message.
#[derive(Debug)]
pub enum MessageSummary {
    /// It is new, and this is its newest state.
    Stored(Box<StoredMessage>),
    /// It was there before, and this is its newest state.
    Changed {
        /// Its slot.
        slot: u32,
        /// Where it stands.
        status: MessageStatus,
    },
    /// It was there before, and is gone.
    Removed,
}

/// See [`Effect::Remembered`].
#[derive(Debug)]
pub struct Remembered {
    /// The message group, if the id counts only there.
    pub group: Option<Arc<str>>,
    /// The deduplication id.
    pub deduplication_id: Arc<str>,
    /// When it was accepted.
    pub first_sent: Time,
    /// The id of the message.
    pub id: MessageId,
    /// The number of the message.
    pub number: u64,
}

/// See [`Effect::Attempted`].
#[derive(Debug)]
pub struct Attempted {
    /// When the id was first used.
    pub at: Time,
    /// What was handed out, each with the end of its visibility timeout if the batch tells it. Another end later
    /// means that the message was touched, so that the attempt cannot be repeated.
    pub receipts: Vec<(Receipt, Option<Time>)>,
}

/// Compacts a batch.
#[must_use]
pub fn compact(batch: Vec<Change>) -> BatchSummary {
    let mut summary = BatchSummary::default();
    summary.add(batch);
    summary
}

impl QueueSummary {
    fn rows(&self) -> usize {
        self.messages.len() + self.remembered.len() + self.attempts.len()
    }

    fn apply(&mut self, effect: Effect) {
        self.next_number = self.next_number.max(effect.next_number());
        match effect {
            Effect::Stored(stored) => {
                self.messages.insert(stored.number, MessageSummary::Stored(stored));
            }
            Effect::Changed { slot, number, status } => match self.messages.get_mut(&number) {
                Some(MessageSummary::Stored(stored)) => stored.status = status,
                Some(MessageSummary::Removed) => {}
                Some(changed @ MessageSummary::Changed { .. }) => *changed = MessageSummary::Changed { slot, status },
                None => {
                    self.messages.insert(number, MessageSummary::Changed { slot, status });
                }
            },
            Effect::Removed { number, .. } => {
                self.removed_any = true;
                match self.messages.get_mut(&number) {
                    Some(MessageSummary::Stored(_)) => {
                        self.messages.remove(&number);
                    }
                    Some(known) => *known = MessageSummary::Removed,
                    None => {
                        self.messages.insert(number, MessageSummary::Removed);
                    }
                }
            }
            Effect::Purged { .. } => {
                self.removed_any = true;
                self.purged_below = Some(self.next_number);
                self.messages.clear();
                self.remembered.clear();
                self.attempts.clear();
            }
            Effect::Remembered { group, deduplication_id, first_sent, id, number } => {
                self.remembered.push(Remembered { group, deduplication_id, first_sent, id, number });
            }
            Effect::Attempted { attempt_id, at, receipts } => {
                let receipts = receipts.into_iter().map(|receipt| (receipt, self.deadline(receipt.number))).collect();
                self.attempts.insert(attempt_id, Attempted { at, receipts });
            }
            // The mark above is all there is to it, but nothing else may be there to tell it.
            Effect::Counter { .. } => self.removed_any = true,
        }
    }

    /// The end of a message's visibility timeout, as far as the batch tells.
    fn deadline(&self, number: u64) -> Option<Time> {
        match self.messages.get(&number)? {
            MessageSummary::Stored(stored) => stored.status.deadline,
            MessageSummary::Changed { status, .. } => status.deadline,
            MessageSummary::Removed => None,
        }
    }
}

#[cfg(test)]
mod tests;
