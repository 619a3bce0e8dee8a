//! What the database says of all queues, carried over into the names that requests are looked up by.

use super::node::Cluster;
use crate::broker::Queue;
use crate::store::postgres::{Directory as Told, Listed};
use std::collections::HashMap;
use std::sync::Arc;

/// All queues, as far as the database has told of them.
#[derive(Default)]
pub(super) struct Directory {
    /// What was read last; none before the first time.
    pub(super) rev: Option<u64>,
    known: HashMap<u64, Known>,
    /// Queues that were given away here, each with the epoch in which that was: until the database says so too, they must not be
    /// taken for queues that were not loaded yet.
    going: HashMap<u64, u64>,
}

struct Known {
    epoch: u64,
    /// What is in the names for it, if it is another node's or on its way here.
    elsewhere: Option<Arc<Queue>>,
}

impl Directory {
    /// Takes what was read; the queues that are this node's now and have to be loaded.
    pub(super) fn take(&mut self, cluster: &Cluster, told: Told) -> Vec<u64> {
        let Told { rev, whole, queues, deleted, names } = told;
        for (account, region, name, at) in names {
            cluster.broker.namespace().close_name(&account, &region, &name, at);
        }
        let mut gone = deleted;
        if whole {
            let listed: std::collections::HashSet<u64> = queues.iter().map(|listed| listed.record.uid).collect();
            gone.extend(self.known.keys().chain(self.going.keys()).filter(|uid| !listed.contains(uid)));
        }
        // Deleted ones first: another may have the name now.
        for uid in gone {
            cluster.broker.has_deleted(uid);
            self.going.remove(&uid);
            if let Some(queue) = self.known.remove(&uid).and_then(|known| known.elsewhere) {
                cluster.broker.namespace().forget(&queue);
            }
        }
        let arriving = queues.into_iter().filter_map(|listed| self.take_one(cluster, &listed)).collect();
        self.rev = Some(rev);
        arriving
    }

    /// Takes what was read of one queue; its uid, if it has to be loaded.
    fn take_one(&mut self, cluster: &Cluster, listed: &Listed) -> Option<u64> {
        let Listed { record, owner, epoch } = listed;
        let (uid, mine) = (record.uid, *owner == cluster.me.0);
        let namespace = cluster.broker.namespace();
        let found = namespace.get(&record.account, &record.region, &record.name);
        let is_here = found.as_ref().is_some_and(|queue| queue.uid == uid && queue.elsewhere().is_none());
        if !mine || self.going.get(&uid).is_some_and(|given| epoch > given) {
            self.going.remove(&uid);
        }
        let (elsewhere, arrives) = if self.going.contains_key(&uid) {
            // The database does not say so yet. What is known of it stays.
            (self.known.remove(&uid).and_then(|known| known.elsewhere), false)
        } else if is_here || cluster.broker.is_deleting(uid) {
            // Of a queue that is here and another's by the database, the next commit tells the rest.
            (None, false)
        } else {
            match cluster.broker.know_elsewhere(record, *owner) {
                Ok(queue) => (Some(queue), mine),
                Err(other) => {
                    tracing::debug!(uid, other = other.uid, "two queues of one name, of which one is gone by now");
                    (None, false)
                }
            }
        };
        self.known.insert(uid, Known { epoch: *epoch, elsewhere });
        arrives.then_some(uid)
    }

    /// A queue is about to be given away.
    pub(super) fn goes(&mut self, uid: u64) {
        // One that was made here and not read yet is in its first.
        let epoch = self.known.get(&uid).map_or(1, |known| known.epoch);
        self.going.insert(uid, epoch);
    }

    /// It was: what is known of it from now on goes when the database says that it is deleted, which may be the next thing that it says.
    pub(super) fn went(&mut self, cluster: &Cluster, queue: &Queue) {
        let found = cluster.broker.namespace().get(&queue.account, &queue.region, &queue.name);
        let elsewhere = found.filter(|found| found.uid == queue.uid);
        let epoch = self.going.get(&queue.uid).copied().unwrap_or(1);
        self.known.insert(queue.uid, Known { epoch, elsewhere });
    }

    /// It was not, after all.
    pub(super) fn stays(&mut self, uid: u64) {
        self.going.remove(&uid);
    }
}
