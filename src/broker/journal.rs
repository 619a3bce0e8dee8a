//! What happened in a queue, on its way to its readers: the store, and an observer that asked for it.
//!
//! Changes are handed to the store under the queue's lock, so that it gets them in the order in which they took place; it is
//! not waited for there. An answer waits for it with no lock held: that of a writer for its own changes and all before them, that
//! of a receiver for the sends of what it shows. The observer is told facts at once. Without a reader nothing is put together.

use super::observer::{By, FailedEntry, Observer, QueueEvent, QueueNames};
use super::tally::Tally;
use crate::engine::{self, Cause, Effect, Fact, Time};
use crate::error::Error;
use crate::store::{Change, CommitTicket, Committer, NotDurable, StoreError};
use std::collections::VecDeque;
use std::sync::Arc;

/// One thing that happened, for the store.
pub(super) struct Entry {
    /// Why, if it happened to messages.
    cause: Option<Cause>,
    /// What.
    change: Change,
}

impl Entry {
    /// The number of the message that left, if that is what happened.
    pub(super) fn removed(&self) -> Option<u64> {
        match &self.change {
            Change::Effect { effect: Effect::Removed { number, .. }, .. } => Some(*number),
            _ => None,
        }
    }
}

/// All readers of what happens.
#[derive(Default)]
pub(super) struct Readers {
    pub(super) store: Option<Committer>,
    pub(super) observer: Option<Arc<dyn Observer>>,
}

/// An outcome, and what has to be durable before anyone is told.
#[must_use]
pub struct Pending<T> {
    value: T,
    ticket: Option<CommitTicket>,
}

impl<T> Pending<T> {
    /// An outcome that nothing has to be waited for.
    pub fn nothing(value: T) -> Pending<T> {
        Pending { value, ticket: None }
    }

    pub(super) fn new(value: T, ticket: Option<CommitTicket>) -> Pending<T> {
        Pending { value, ticket }
    }

    /// Changes the outcome.
    pub fn map<R>(self, change: impl FnOnce(T) -> R) -> Pending<R> {
        Pending { value: change(self.value), ticket: self.ticket }
    }

    /// The outcome, and by itself what has to be waited for.
    pub fn split(self) -> (T, Pending<()>) {
        (self.value, Pending { value: (), ticket: self.ticket })
    }

    /// The outcome of what changes nothing, or is followed by something that waits.
    pub fn without_waiting(self) -> T {
        self.value
    }

    /// The outcome, once it is durable.
    ///
    /// # Errors
    /// `InternalFailure` if the store has failed: nothing is acknowledged any more. `ServiceUnavailable` if it does not answer: it
    /// may become durable yet.
    pub async fn durable(self) -> Result<T, Error> {
        if let Some(ticket) = self.ticket {
            ticket.durable().await.map_err(|error| not_durable(&error))?;
        }
        Ok(self.value)
    }
}

impl Pending<()> {
    /// Waits until it is known what became of it, however long that takes: for work that nobody waits for.
    ///
    /// # Errors
    /// `InternalFailure` if the store has failed.
    pub async fn settled(self) -> Result<(), Error> {
        let Some(ticket) = self.ticket else { return Ok(()) };
        ticket.finished().await;
        ticket.durable().await.map_err(|error| not_durable(&error))
    }
}

/// SQS's answer when it cannot be said that something is durable.
#[cold]
pub(super) fn not_durable(error: &NotDurable) -> Error {
    match error {
        // Whoever tries again finds the node that has the queue now.
        NotDurable::Failed(poisoned) if matches!(*poisoned.reason, StoreError::Fenced { .. }) => {
            Error::unavailable(poisoned.to_string())
        }
        NotDurable::Failed(poisoned) => Error::internal(poisoned.to_string()),
        NotDurable::Stalled => Error::unavailable(error.to_string()),
    }
}

/// The changes of one queue that the store has not got yet, and what the store has got and not yet made durable.
pub(super) struct Journal {
    queue: u64,
    /// Whether there is a store.
    wanted: bool,
    /// The observer of the broker, who is there before its first queue and never changes.
    observer: Option<Arc<dyn Observer>>,
    /// Counts what happens, whoever reads it.
    pub(super) tally: Tally,
    /// On whose behalf the queue is open.
    by: By,
    /// In the order in which they took place.
    entries: Vec<Entry>,
    /// Stands for everything that the store has got so far.
    newest: Option<CommitTicket>,
    /// The highest message number of each batch that is not durable yet, oldest first: numbers and batches both only rise.
    unsettled: VecDeque<(u64, CommitTicket)>,
}

impl engine::Journal for Journal {
    fn record(&mut self, _: Time, cause: Cause, effect: impl FnOnce() -> Effect) {
        if self.wanted {
            let change = Change::Effect { queue: self.queue, effect: effect() };
            self.entries.push(Entry { cause: Some(cause), change });
        }
    }

    fn observe<'a>(&mut self, at: Time, cause: Cause, fact: impl FnOnce() -> Fact<'a>) {
        self.tally.happened(cause);
        if let Some(observer) = &self.observer {
            observer.happened(self.queue, at, cause, &fact(), self.by);
        }
    }
}

impl Journal {
    /// The journal of the queue with this uid.
    pub(super) fn new(queue: u64) -> Journal {
        Journal {
            queue,
            wanted: false,
            observer: None,
            tally: Tally::default(),
            by: By::default(),
            entries: Vec::new(),
            newest: None,
            unsettled: VecDeque::new(),
        }
    }

    /// To be called before the queue is worked on.
    pub(super) fn begin(&mut self, readers: &Readers) {
        self.wanted = readers.store.is_some();
        self.by = By::default();
        if self.observer.is_none() && readers.observer.is_some() {
            self.observer.clone_from(&readers.observer);
        }
    }

    /// From here on what happens is done on behalf of somebody; answers on whose behalf it was before.
    pub(super) fn act_for(&mut self, by: By) -> By {
        std::mem::replace(&mut self.by, by)
    }

    /// Tells the observer that an entry of a batch failed.
    pub(super) fn entry_failed(&self, at: Time, entry: &FailedEntry<'_>) {
        if let Some(observer) = &self.observer {
            observer.entry_failed(self.queue, at, entry, self.by);
        }
    }

    /// Tells the observer what happened to the queue as such.
    pub(super) fn tell(&self, at: Time, event: QueueEvent, names: impl FnOnce() -> QueueNames) {
        if let Some(observer) = &self.observer {
            observer.queue_event(&names(), at, event, self.by);
        }
    }

    /// Takes down what changed beside effects of the engine. Without a store it is not even put together.
    pub(super) fn note<I: IntoIterator<Item = Change>>(&mut self, changes: impl FnOnce() -> I) {
        if self.wanted {
            self.entries.extend(changes().into_iter().map(|change| Entry { cause: None, change }));
        }
    }

    /// Takes down what was taken out of another journal by [`Journal::take_removals`].
    pub(super) fn append(&mut self, entries: Vec<Entry>) {
        self.entries.extend(entries);
    }

    /// How much is in here, to find what is added to it.
    pub(super) fn mark(&self) -> usize {
        self.entries.len()
    }

    /// Takes out that messages left since the mark. They are on their way to another queue, and leaving one and entering the
    /// other go to the store as one.
    pub(super) fn take_removals(&mut self, mark: usize) -> Vec<Entry> {
        let is_removal =
            |entry: &mut Entry| matches!(entry.cause, Some(Cause::DeadLettered | Cause::Moved | Cause::Removed));
        self.entries.extract_if(mark.min(self.entries.len()).., is_removal).collect()
    }

    /// Hands everything to the store.
    pub(super) fn flush(&mut self, readers: &Readers) {
        if self.entries.is_empty() {
            return;
        }
        let Some(store) = &readers.store else { return self.entries.clear() };
        let stored = |entry: &Entry| match &entry.change {
            Change::Effect { queue, effect: Effect::Stored(stored) } if *queue == self.queue => Some(stored.number),
            _ => None,
        };
        let highest = self.entries.iter().filter_map(stored).max();
        let ticket = store.submit(std::mem::take(&mut self.entries).into_iter().map(|entry| entry.change).collect());
        while self.unsettled.front().is_some_and(|(_, ticket)| ticket.is_durable()) {
            self.unsettled.pop_front();
        }
        if let Some(number) = highest {
            match self.unsettled.back_mut().filter(|(_, last)| last.is_same(&ticket)) {
                Some((highest, _)) => *highest = number,
                None => self.unsettled.push_back((number, ticket.clone())),
            }
        }
        self.newest = Some(ticket);
    }

    /// What has to be waited for before messages up to this number may be shown, or before it may be said that they are there.
    pub(super) fn ticket_for(&self, number: u64) -> Option<CommitTicket> {
        let at = self.unsettled.partition_point(|(highest, _)| *highest < number);
        self.unsettled.get(at).map(|(_, ticket)| ticket.clone()).filter(|ticket| !ticket.is_durable())
    }

    /// What has to be waited for before it may be said that everything up to now has been done.
    pub(super) fn ticket(&self) -> Option<CommitTicket> {
        self.newest.clone().filter(|ticket| !ticket.is_durable())
    }

    /// Batches of which it is not known yet whether they are durable.
    #[cfg(test)]
    pub(super) fn unsettled_batches(&self) -> usize {
        self.unsettled.len()
    }
}
