//! Looking at a queue without working on it, and watching for its next change.

use super::queue::{Queue, QueueState};
use super::shared::Broker;
use super::tally::Tally;
use crate::engine::{Counts, Message, MessagePage, NextChange, Receipt, Time};
use crate::error::Error;
use std::collections::BTreeMap;
use std::sync::{Arc, MutexGuard};
use tokio::sync::watch;

/// A queue that is looked at: locked, and brought up to now. Nothing is handed out by it, and nobody is told that it took place.
#[must_use]
pub struct QueueLook<'a> {
    state: MutexGuard<'a, QueueState>,
    now: Time,
}

/// What matters of a queue to those who turn the clock.
#[derive(Clone, Copy, Debug)]
pub struct Glance {
    /// How many messages there are in each state.
    pub counts: Counts,
    /// How many receives are parked.
    pub parked: usize,
    /// Whether somebody awaits something here.
    pub awaited: bool,
    /// When a message next becomes available by itself.
    pub next: Option<NextChange>,
}

impl Glance {
    fn of(state: &QueueState) -> Glance {
        let (counts, next) = (state.engine.counts(), state.engine.next_change());
        Glance { counts, parked: state.long_polls.len(), awaited: state.is_watched(), next }
    }

    /// Whether a receive is parked, or something awaited.
    pub fn has_waiters(&self) -> bool {
        self.parked > 0 || self.awaited
    }
}

impl Broker {
    /// Glances at a queue as it stands, without bringing it up to now and without reading the clock; `None` if somebody works on
    /// it, or it is gone.
    pub fn try_glance(&self, queue: &Queue) -> Option<Glance> {
        queue.try_lock_as_is().filter(|state| state.gone.is_none()).map(|state| Glance::of(&state))
    }

    /// Looks at a queue as it is now.
    ///
    /// # Errors
    /// `QueueDoesNotExist` if the queue was deleted since it was looked up.
    pub fn look<'a>(&self, queue: &'a Arc<Queue>) -> Result<QueueLook<'a>, Error> {
        let (mut state, now, _) = self.lock_up_to_now(queue);
        if let Some(gone) = state.gone {
            return Err(gone.error());
        }
        state.journal.flush(&self.readers);
        // What has become visible is for the parked receives; the wake-up hands it out.
        if state.engine.has_ready() && !state.long_polls.is_empty() {
            self.set_wakeup(queue, &mut state, Some(now));
        }
        Ok(QueueLook { state, now })
    }

    /// Has a queue watched from now on until the receiver is dropped: it sees a change after each operation on the queue, and
    /// after each moment at which time alone changes it.
    pub fn watch(&self, queue: &Arc<Queue>) -> watch::Receiver<u64> {
        let mut state = queue.lock_as_is();
        let receiver = state.changes.get_or_insert_with(|| watch::Sender::new(0)).subscribe();
        self.set_wakeup(queue, &mut state, None);
        receiver
    }
}

impl QueueLook<'_> {
    /// The moment of the look.
    pub fn now(&self) -> Time {
        self.now
    }

    /// All that matters to those who turn the clock.
    pub fn glance(&self) -> Glance {
        Glance::of(&self.state)
    }

    /// How many messages there are in each state.
    pub fn counts(&self) -> Counts {
        self.state.engine.counts()
    }

    /// How many receives are parked.
    pub fn parked_receives(&self) -> usize {
        self.state.long_polls.len()
    }

    /// Whether somebody awaits something here.
    pub fn is_watched(&self) -> bool {
        self.state.is_watched()
    }

    /// When a message next becomes available by itself.
    pub fn next_change(&self) -> Option<NextChange> {
        self.state.engine.next_change()
    }

    /// Up to `limit` messages from slot `from` on; see [`engine::Queue::messages`](crate::engine::Queue::messages).
    pub fn messages(&self, from: u32, limit: usize) -> MessagePage {
        self.state.engine.messages(from, limit)
    }

    /// The names of noisy message groups, up to `limit`.
    pub fn noisy_groups(&self, limit: usize) -> Vec<Arc<str>> {
        self.state.engine.noisy_groups(limit)
    }

    /// A copy of the message that a receipt speaks of, if it is still there.
    pub fn message_of(&self, receipt: Receipt) -> Option<Message> {
        self.state.engine.message_of(receipt)
    }

    /// What has happened in it.
    pub fn tally(&self) -> &Tally {
        &self.state.journal.tally
    }

    /// Since when its oldest message is in it; see [`engine::Queue::oldest`](crate::engine::Queue::oldest).
    pub fn oldest(&self) -> (Option<Time>, Option<Time>) {
        self.state.engine.oldest()
    }

    /// Its tags.
    pub fn tags(&self) -> &BTreeMap<String, String> {
        &self.state.tags
    }
}
