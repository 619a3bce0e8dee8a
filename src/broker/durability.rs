//! When what a queue did is as durable as the user asked for.
//!
//! Effects go to the store under the queue's lock, so that it gets them in the order in which they took place, and nobody
//! waits for it there. Whoever answers a client waits first, with no lock: a writer for its own effects and all before them, a
//! receiver for the sends of what it shows. Without a store there is nothing to wait for.

use super::Broker;
use super::queue::Queue;
use crate::engine::{Effect, Time};
use crate::error::Error;
use crate::store::{Change, QueueRecord, Ticket};
use std::collections::{BTreeMap, VecDeque};

/// An outcome, and what to wait for before anyone is told.
#[must_use]
pub(super) struct Done<T> {
    value: T,
    ticket: Option<Ticket>,
}

impl<T> Done<T> {
    pub(super) fn new(value: T, ticket: Option<Ticket>) -> Done<T> {
        Done { value, ticket }
    }

    pub(super) fn map<R>(self, change: impl FnOnce(T) -> R) -> Done<R> {
        Done { value: change(self.value), ticket: self.ticket }
    }

    /// The outcome for those who do not wait: what they tell changes nothing.
    pub(super) fn unwaited(self) -> T {
        self.value
    }

    /// The outcome, once it is durable.
    ///
    /// # Errors
    /// `InternalFailure` if the store has failed: nothing is acknowledged any more.
    pub(super) async fn settled(self) -> Result<T, Error> {
        settle(self.ticket).await?;
        Ok(self.value)
    }
}

impl<T> Done<Result<T, Error>> {
    /// Brings an error to the outside.
    pub(super) fn transpose(self) -> Result<Done<T>, Error> {
        let ticket = self.ticket;
        self.value.map(|value| Done { value, ticket })
    }
}

/// Waits until what a ticket stands for is durable.
///
/// # Errors
/// `InternalFailure` if the store has failed.
pub(super) async fn settle(ticket: Option<Ticket>) -> Result<(), Error> {
    match ticket {
        Some(ticket) => ticket.settled().await.map_err(|poisoned| Error::internal(poisoned.to_string())),
        None => Ok(()),
    }
}

/// What a queue has for the store, and what it has given already.
pub struct Outbox {
    /// What the engine did since the last delivery; `None` without a store.
    pub(super) journal: Option<Vec<Effect>>,
    /// What else changed: the queue's record, or that it is gone; also effects that had to wait for another queue's.
    changes: Vec<Change>,
    /// Stands for everything given so far.
    last: Option<Ticket>,
    /// The highest message number of each batch that is not settled yet, oldest first: numbers and batches both only rise.
    unsettled: VecDeque<(u64, Ticket)>,
}

impl Outbox {
    /// For a queue of a broker with or without a store.
    pub(super) fn new(stored: bool) -> Outbox {
        Outbox { journal: stored.then(Vec::new), changes: Vec::new(), last: None, unsettled: VecDeque::new() }
    }

    /// Takes what changed beside effects of the engine. Without a store to give it to, it is not even put together.
    pub(super) fn put<I: IntoIterator<Item = Change>>(&mut self, changes: impl FnOnce() -> I) {
        if self.journal.is_some() {
            self.changes.extend(changes());
        }
    }

    /// How much is in the journal, to find what is added to it.
    pub(super) fn mark(&self) -> usize {
        self.journal.as_ref().map_or(0, Vec::len)
    }

    /// Takes out of the journal that messages left since the mark. They are on their way to another queue, and leaving one
    /// and entering the other go to the store as one.
    pub(super) fn take_removals(&mut self, mark: usize, uid: u64) -> Vec<Change> {
        let Some(journal) = &mut self.journal else { return Vec::new() };
        let removals = journal.extract_if(mark.min(journal.len()).., |e| matches!(e, Effect::Removed { .. }));
        removals.map(|effect| Change::Effect { queue: uid, effect }).collect()
    }

    /// What has to be waited for before messages up to this number may be shown, or before it may be said that they are there.
    pub(super) fn ticket_for(&self, number: u64) -> Option<Ticket> {
        let at = self.unsettled.partition_point(|(highest, _)| *highest < number);
        self.unsettled.get(at).map(|(_, ticket)| ticket.clone()).filter(|ticket| !ticket.is_durable())
    }

    /// Batches of which it is not known yet whether they are durable.
    #[cfg(test)]
    pub(super) fn unsettled_batches(&self) -> usize {
        self.unsettled.len()
    }

    /// What has to be waited for before it may be said that everything up to now has been done.
    pub(super) fn ticket(&self) -> Option<Ticket> {
        self.last.clone().filter(|ticket| !ticket.is_durable())
    }
}

impl Broker {
    /// Gives the store what a queue has for it. The caller holds the queue.
    pub(super) fn deliver(&self, queue: &Queue, outbox: &mut Outbox) {
        let Some(store) = &self.store else { return };
        let Some(journal) = outbox.journal.as_mut().filter(|j| !j.is_empty() || !outbox.changes.is_empty()) else {
            return;
        };
        let stored = |effect: &Effect| match effect {
            Effect::Stored(stored) => Some(stored.number),
            _ => None,
        };
        let highest = journal.iter().filter_map(stored).max();
        let mut changes = std::mem::take(&mut outbox.changes);
        changes.extend(journal.drain(..).map(|effect| Change::Effect { queue: queue.uid, effect }));
        let ticket = store.submit(changes);
        while outbox.unsettled.front().is_some_and(|(_, ticket)| ticket.is_durable()) {
            outbox.unsettled.pop_front();
        }
        if let Some(number) = highest {
            match outbox.unsettled.back_mut().filter(|(_, last)| last.is_same(&ticket)) {
                Some((highest, _)) => *highest = number,
                None => outbox.unsettled.push_back((number, ticket.clone())),
            }
        }
        outbox.last = Some(ticket);
    }
}

/// What the store keeps of a queue beside its messages.
pub(super) fn record(queue: &Queue, purged: Option<Time>, tags: &BTreeMap<String, String>) -> Change {
    let settings = queue.settings();
    Change::Queue(Box::new(QueueRecord {
        uid: queue.uid,
        account: queue.account.to_string(),
        region: queue.region.to_string(),
        name: queue.name.to_string(),
        created: settings.created,
        modified: settings.modified,
        purged,
        fifo: settings.fifo,
        deduplication_scope: settings.deduplication_scope,
        attributes: settings.explicit().iter().map(|(name, value)| (name.to_string(), value.clone())).collect(),
        tags: tags.clone(),
    }))
}
