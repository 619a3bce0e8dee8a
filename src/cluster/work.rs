//! What a node is asked for by its requests, and does on a thread of its own.

use super::roll::NodeId;
use crate::store::CommitTicket;
use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, oneshot};

/// The name of a queue, as no two queues have it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Name {
    pub(super) account: String,
    /// What stands for it in names.
    pub(super) region: String,
    pub(super) name: String,
}

/// One thing that is asked for.
#[derive(Debug)]
pub(super) enum Ask {
    /// What the database says of all queues.
    Refresh(oneshot::Sender<()>),
    /// That nobody else creates a queue of this name; told whether that is so.
    Claim(Name, oneshot::Sender<bool>),
    /// That others may, once everything up to now is durable.
    Disclaim(Name),
    /// A queue that is on its way here, before others.
    Sooner(u64),
    /// A round at once: something has changed, or a node does not answer.
    Look,
    /// Messages are on their way from one queue to another, of that node or of this one, once that is durable; the number is that of
    /// [`Sending::begins`].
    Sent { source: u64, number: u64, target: u64, owner: Option<NodeId>, ticket: Option<CommitTicket> },
    /// Messages have come for this queue.
    Take(u64, oneshot::Sender<()>),
    /// A queue is to be given to another node.
    Give(u64, NodeId, oneshot::Sender<Result<(), String>>),
    /// All queues are to be given to other nodes.
    Drain(oneshot::Sender<()>),
}

/// What queues of this node have sent to others and is not there yet.
#[derive(Debug, Default)]
pub(super) struct Sending {
    under_way: Mutex<UnderWay>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct UnderWay {
    /// The number of the next.
    next: u64,
    /// Of each queue the numbers of what is under way.
    of: HashMap<u64, BTreeSet<u64>>,
}

impl Sending {
    fn lock(&self) -> MutexGuard<'_, UnderWay> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn begins(&self, source: u64) -> u64 {
        let mut under_way = self.lock();
        let number = under_way.next;
        under_way.next += 1;
        under_way.of.entry(source).or_default().insert(number);
        number
    }

    pub(super) fn ends(&self, source: u64, number: u64) {
        if let Entry::Occupied(mut numbers) = self.lock().of.entry(source) {
            numbers.get_mut().remove(&number);
            if numbers.get().is_empty() {
                numbers.remove();
            }
        }
        self.arrived.notify_waiters();
    }

    /// Whether something of any queue is on its way.
    pub(super) fn is_under_way(&self) -> bool {
        !self.lock().of.is_empty()
    }

    /// Ends when what this queue has sent until now has arrived.
    pub(super) async fn arrived(&self, source: u64) {
        let now = self.lock().next;
        loop {
            let arrived = self.arrived.notified();
            let first = self.lock().of.get(&source).and_then(|numbers| numbers.first().copied());
            if first.is_none_or(|first| first >= now) {
                return;
            }
            arrived.await;
        }
    }
}
