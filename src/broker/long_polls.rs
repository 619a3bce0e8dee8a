//! The parked receives of one queue: first come, first served, one direct hand-off each.

use super::journal::Pending;
use super::observer::By;
use crate::engine::{Delivery, ReceiveOptions};
use std::collections::BTreeMap;
use tokio::sync::oneshot;

/// What a receive is handed: messages, once they may be shown.
pub type Handoff = Pending<Vec<Delivery>>;

impl Default for Handoff {
    fn default() -> Handoff {
        Pending::nothing(Vec::new())
    }
}

/// Names a parked receive. Those that parked later have higher ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LongPollId(u64);

/// A parked receive.
pub(super) struct LongPoll {
    pub(super) options: ReceiveOptions,
    pub(super) by: By,
    pub(super) handoff: oneshot::Sender<Handoff>,
}

/// The parked receives of a queue, in the order in which they parked.
#[derive(Default)]
pub struct LongPolls {
    next: u64,
    parked: BTreeMap<LongPollId, LongPoll>,
}

impl LongPolls {
    /// Parks a receive behind all others.
    pub(super) fn park(&mut self, options: ReceiveOptions, by: By) -> (LongPollId, oneshot::Receiver<Handoff>) {
        let (handoff, receiver) = oneshot::channel();
        let id = LongPollId(self.next);
        self.next += 1;
        self.parked.insert(id, LongPoll { options, by, handoff });
        (id, receiver)
    }

    /// The receive that has been parked longest.
    pub(super) fn first(&self) -> Option<(LongPollId, &LongPoll)> {
        self.parked.first_key_value().map(|(id, poll)| (*id, poll))
    }

    /// Takes a receive out, unless it has been handed something already.
    pub(super) fn remove(&mut self, id: LongPollId) -> Option<LongPoll> {
        self.parked.remove(&id)
    }

    /// Ends all of them with nothing.
    pub(super) fn dismiss(&mut self) {
        self.parked.clear();
    }

    /// Whether none is parked.
    pub fn is_empty(&self) -> bool {
        self.parked.is_empty()
    }

    /// How many are parked.
    pub fn len(&self) -> usize {
        self.parked.len()
    }
}
