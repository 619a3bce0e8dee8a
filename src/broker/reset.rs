//! What a test takes back: all queues, or what is in them, and the names that are closed after a deletion.

use super::journal::Pending;
use super::open::OpenQueue;
use super::queue::Queue;
use super::shared::Broker;
use std::sync::Arc;

impl Broker {
    /// Takes a queue away, with everything in it. Receives that are parked at it, or about to be, end with nothing rather than with
    /// an error, for a queue of that name may be there again at once.
    pub fn take_away(&self, queue: &Arc<Queue>) -> Pending<()> {
        queue.set_taken_away();
        // An error means that it is gone already.
        let Ok(mut open) = self.open(queue) else { return Pending::nothing(()) };
        let contents = open.delete_queue();
        let pending = open.close();
        self.move_tasks.forget(queue);
        // The contents may be large; they are dropped here, after the queue was let go of.
        drop(contents);
        pending
    }

    /// Stands for all that happened in a queue so far.
    pub fn saved(&self, queue: &Arc<Queue>) -> Pending<()> {
        self.open(queue).map_or(Pending::nothing(()), OpenQueue::close)
    }

    /// Takes out what is in a queue, without the pause that SQS asks for between purges.
    pub fn empty(&self, queue: &Arc<Queue>) -> Pending<()> {
        let Ok(mut open) = self.open(queue) else { return Pending::nothing(()) };
        let contents = open.empty();
        let pending = open.close();
        drop(contents);
        pending
    }

    /// Has a queue forget deduplication ids and receive attempts.
    pub fn forget_deduplication(&self, queue: &Arc<Queue>) {
        if let Ok(mut open) = self.open(queue) {
            open.forget_deduplication();
            open.close().without_waiting();
        }
    }
}
