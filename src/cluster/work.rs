//! What a node is asked for by its requests, and does on a thread of its own.

use super::roll::NodeId;
use crate::store::CommitTicket;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
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
    /// Messages are on their way from one queue to another, of that node or of this one, once that is durable.
    Sent { source: u64, target: u64, owner: Option<NodeId>, ticket: Option<CommitTicket> },
    /// Messages have come for this queue.
    Take(u64, oneshot::Sender<()>),
    /// A queue is to be given to another node.
    Give(u64, NodeId, oneshot::Sender<Result<(), String>>),
    /// All queues are to be given to other nodes.
    Drain(oneshot::Sender<()>),
}

/// What queues of this node have sent to others and is not there yet, each with how often.
#[derive(Debug, Default)]
pub(super) struct Sending {
    under_way: Mutex<HashMap<u64, usize>>,
    arrived: Notify,
}

impl Sending {
    fn lock(&self) -> MutexGuard<'_, HashMap<u64, usize>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn begins(&self, source: u64) {
        *self.lock().entry(source).or_default() += 1;
    }

    pub(super) fn ends(&self, source: u64) {
        if let Entry::Occupied(mut under_way) = self.lock().entry(source) {
            *under_way.get_mut() -= 1;
            if *under_way.get() == 0 {
                under_way.remove();
            }
        }
        self.arrived.notify_waiters();
    }

    /// Ends when what this queue has sent has arrived.
    pub(super) async fn arrived(&self, source: u64) {
        loop {
            let arrived = self.arrived.notified();
            if !self.lock().contains_key(&source) {
                return;
            }
            arrived.await;
        }
    }
}
