//! Queues that go to other nodes: because this one is about to stop, because it has more than its share, or by hand.

use super::directory::Directory;
use super::node::Cluster;
use super::roll::{Load, NodeId, Roll};
use super::shares::shares;
use crate::broker::{Pending, Queue};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// The pause before a queue is tried again whose messages are on their way to another one.
const PAUSE: Duration = Duration::from_millis(20);

/// As often all queues are tried again before a node stops with some left.
const ATTEMPTS: usize = 250;

/// So many queues are given at most between two rounds to have each node have its share.
const GIVEN_PER_ROUND: u64 = 32;

/// What gives queues away.
#[derive(Clone)]
pub(super) struct Giving {
    pub(super) cluster: Arc<Cluster>,
    pub(super) directory: Rc<RefCell<Directory>>,
    pub(super) roll: Rc<RefCell<Roll>>,
}

impl Giving {
    /// Hands a queue to another node, in a commit that was begun when this returns. None if it cannot be now.
    fn hand(&self, queue: &Arc<Queue>, to: NodeId) -> Option<Pending<()>> {
        self.directory.borrow_mut().goes(queue.uid);
        match self.cluster.broker.release(queue, to.0) {
            Ok(Some(pending)) => {
                self.directory.borrow_mut().went(&self.cluster, queue);
                self.cluster.counts.handovers.fetch_add(1, Ordering::Relaxed);
                Some(pending)
            }
            Ok(None) | Err(_) => {
                self.directory.borrow_mut().stays(queue.uid);
                None
            }
        }
    }

    /// Gives these queues to these nodes; how many were given.
    async fn give(&self, given: Vec<(Arc<Queue>, NodeId)>) -> usize {
        let pending: Vec<_> = given.iter().filter_map(|(queue, to)| Some((self.hand(queue, *to)?, *to))).collect();
        let count = pending.len();
        let mut heirs = Vec::new();
        for (pending, to) in pending {
            if pending.durable().await.is_ok() && !heirs.contains(&to) {
                heirs.push(to);
            }
        }
        self.tell(&heirs).await;
        self.cluster.learned();
        count
    }

    /// Tells nodes that they have something to read. If one does not hear it, its next round tells it.
    pub(super) async fn tell(&self, nodes: &[NodeId]) {
        for node in nodes {
            if let Some(peer) = self.cluster.peer(*node) {
                let _ = self.cluster.link.look(&peer).await;
            }
        }
    }

    /// Gives a queue to a node, by hand.
    pub(super) async fn move_to(&self, uid: u64, to: NodeId) -> Result<(), String> {
        let queue = self.cluster.broker.namespace().all().into_iter().find(|queue| queue.uid == uid);
        let queue = queue.ok_or("the queue is not at this node")?;
        if to == self.cluster.me {
            return Ok(());
        }
        if self.cluster.peer(to).is_none() {
            return Err("there is no such node, or it takes no queues".to_owned());
        }
        for _ in 0..ATTEMPTS {
            if self.give(vec![(queue.clone(), to)]).await > 0 {
                return Ok(());
            }
            self.cluster.time.pause(PAUSE).await;
        }
        Err("messages that left the queue have not arrived elsewhere yet; try again".to_owned())
    }

    /// Gives all queues away, if there is anybody to give them to; who is there is looked at first.
    pub(super) async fn drain(&self) {
        let began_ms = self.cluster.time.now_ms();
        for _ in 0..ATTEMPTS {
            if self.cluster.round_ms.load(Ordering::Acquire) >= began_ms {
                break;
            }
            self.cluster.time.pause(PAUSE).await;
        }
        for _ in 0..ATTEMPTS {
            let queues = self.cluster.broker.namespace().all();
            let heirs = self.heirs();
            if queues.is_empty() || heirs.is_empty() {
                break;
            }
            let uids = queues.iter().map(|queue| queue.uid).collect();
            let shares: std::collections::HashMap<u64, NodeId> = shares(uids, &heirs).into_iter().collect();
            let given = queues.into_iter().filter_map(|queue| shares.get(&queue.uid).map(|to| (queue.clone(), *to)));
            if self.give(given.collect()).await == 0 {
                self.cluster.time.pause(PAUSE).await;
            }
        }
        let left = self.cluster.broker.namespace().all().len();
        tracing::info!("queues were given to the other nodes; {left} are left, for whoever is started next");
    }

    /// The nodes that may be given queues, without this one.
    fn heirs(&self) -> Vec<Load> {
        let mut heirs = self.roll.borrow().heirs();
        heirs.retain(|heir| heir.id != self.cluster.me && self.cluster.peer(heir.id).is_some());
        heirs
    }

    /// Gives some queues to the node that has the fewest, if it has fewer than its share and this one more: shallow and idle ones.
    pub(super) async fn balance(&self) {
        if self.cluster.is_draining() {
            return;
        }
        let all = self.roll.borrow().heirs();
        let own: Vec<Arc<Queue>> = self.cluster.broker.namespace().all();
        let Some(least) = self.heirs().into_iter().min_by_key(|heir| (heir.queues, heir.id)) else { return };
        let total: u64 = all.iter().map(|heir| heir.queues).sum();
        let (nodes, mine) = (all.len() as u64, own.len() as u64);
        let too_many = mine.saturating_sub(total.div_ceil(nodes.max(1)));
        let too_few = (total / nodes.max(1)).saturating_sub(least.queues);
        let count = too_many.min(too_few).min(GIVEN_PER_ROUND);
        if count == 0 {
            return;
        }
        let mut queues: Vec<(usize, Arc<Queue>)> = own.into_iter().map(|queue| (self.weight(&queue), queue)).collect();
        queues.sort_by_key(|(weight, queue)| (*weight, queue.uid));
        let given = queues.into_iter().take(usize::try_from(count).unwrap_or(1)).map(|(_, queue)| (queue, least.id));
        self.give(given.collect()).await;
    }

    /// How much it costs to give a queue away: its messages, and who waits for some.
    fn weight(&self, queue: &Queue) -> usize {
        let Some(glance) = self.cluster.broker.try_glance(queue) else { return usize::MAX };
        let counts = glance.counts;
        counts.visible + counts.in_flight + counts.delayed + glance.parked
    }
}
