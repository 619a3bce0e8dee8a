//! What is different where other nodes have queues too.
//!
//! Their queues are in the [`Namespace`](super::Namespace) like this node's own, by their names and settings, and with nothing in
//! them; whoever opens one is told that it is elsewhere. What goes to one of them goes by the store.

use super::neighbours::{Neighbours, TellSent};
use super::open::OpenQueue;
use super::queue::Queue;
use super::shared::Broker;
use crate::engine::Receipt;
use crate::store::{Change, CommitTicket, QueueRecord};
use std::sync::Arc;

impl Broker {
    /// From now on other nodes have queues too. To be called before there are queues.
    pub fn has_neighbours(&self, tell_sent: TellSent) {
        // The first stays.
        let _ = self.neighbours.set(Neighbours::new(tell_sent));
    }

    /// Takes down that another node has a queue, and how it is set.
    ///
    /// # Errors
    /// The queue of this node that has its name.
    pub fn know_elsewhere(&self, record: &QueueRecord, owner: i64) -> Result<Arc<Queue>, Arc<Queue>> {
        let queue = Arc::new(Queue::of_another(record, owner));
        self.namespace.put_back(&queue).map(|()| queue)
    }

    /// Whether a queue was deleted here and the database may still have it.
    pub fn is_deleting(&self, uid: u64) -> bool {
        self.neighbours.get().is_some_and(|neighbours| neighbours.deleting().contains(&uid))
    }

    /// The database has a queue no more.
    pub fn has_deleted(&self, uid: u64) {
        if let Some(neighbours) = self.neighbours.get() {
            neighbours.deleting().remove(&uid);
        }
    }

    /// Gives messages of one queue back that were answered with and delivered to nobody, by their receipt handles. If the queue is not
    /// here any more they wait for their visibility timeout.
    pub fn give_back<'a>(&self, handles: impl IntoIterator<Item = &'a str>) {
        let receipts: Vec<Receipt> = handles.into_iter().filter_map(Receipt::decode).collect();
        let Some(Receipt { queue: uid, .. }) = receipts.first().copied() else { return };
        let Some(queue) = self.namespace.all().into_iter().find(|queue| queue.uid == uid) else { return };
        if let Ok(mut open) = self.open(&queue) {
            open.give_back_by(&receipts);
            open.close().without_waiting();
        }
    }

    /// Whether what goes from one queue to another has to go by the store, as it does to another node. In FIFO queues it always does
    /// where there are other nodes: what went by the store before must not be overtaken by what goes directly.
    pub(super) fn goes_by_store(&self, target: &Queue) -> bool {
        self.neighbours.get().is_some() && (target.fifo || target.elsewhere().is_some())
    }

    /// Tells that messages are on their way from one queue to another.
    pub(super) fn tell_sent(&self, source: &Queue, target: &Queue, ticket: Option<CommitTicket>) {
        if let Some(neighbours) = self.neighbours.get() {
            (neighbours.tell_sent)(source, target, ticket);
        }
    }
}

impl OpenQueue<'_> {
    /// The queue is deleted: until the database says so too, it must not be taken for one that was not loaded yet.
    pub(super) fn note_deleting(&self) {
        if let Some(neighbours) = self.broker.neighbours.get() {
            neighbours.deleting().insert(self.queue.uid);
        }
    }

    /// Something is answered by what is in memory alone, and must be true: where other nodes could have the queue by now, the answer
    /// waits for a commit that begins later.
    pub(super) fn prove(&mut self) {
        if self.broker.neighbours.get().is_some() {
            self.note(|_, _| [Change::Proof]);
        }
    }
}
