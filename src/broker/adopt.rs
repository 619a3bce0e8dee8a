//! A queue that comes from another node, or goes to one, while others are served; and messages that come from one.
//!
//! Whose a queue is stands in the store. It goes away in a commit of its owner's that has all that happened in it before; whoever
//! still holds it here then, a request or a parked receive, is told that it has moved. One that comes is found by nobody before it
//! is whole.

use super::journal::Pending;
use super::observer::By;
use super::open::OpenQueue;
use super::queue::{Gone, Queue, TransferCause};
use super::restore::rebuilt;
use super::shared::Broker;
use super::skew::Skew;
use crate::engine::{Discarded, Effect};
use crate::error::Error;
use crate::store::{AdoptedQueue, Change, MoveTaskRecord, QueueRecord, TransferRecord, TransferRecordCause};
use std::sync::Arc;

impl Broker {
    /// Gives a queue to another node. When what is answered is durable that node may load it; until then this one must not take it
    /// for one of its own that it has not loaded yet. `None`, and nothing is done, while messages that left it have not arrived
    /// elsewhere: it is to be tried again.
    ///
    /// # Errors
    /// As [`Broker::open`].
    pub fn release(&self, queue: &Arc<Queue>, to: i64) -> Result<Option<Pending<()>>, Error> {
        let mut open = self.open(queue)?;
        if open.has_departures() {
            open.close().without_waiting();
            return Ok(None);
        }
        let discarded = open.hand_over(to);
        let pending = open.close();
        // It may be large: dropped when nobody waits for the queue.
        drop(discarded);
        Ok(Some(pending))
    }

    /// Begins to take in a queue that is this node's now, as the store has it.
    pub fn adopt(&self, record: QueueRecord) -> Adopting<'_> {
        let mut skew = Skew::new(self.clock.now());
        let (queue, retention_seconds) = rebuilt(record, &mut skew);
        Adopting { broker: self, queue, retention_seconds, skew, tasks: Vec::new() }
    }
}

impl Broker {
    /// Puts messages in that come from queues of other nodes, in this order. When what is answered is durable they are not on their
    /// way any more; until then they must not be read again.
    ///
    /// # Errors
    /// As [`Broker::open`].
    pub fn take(&self, target: &Arc<Queue>, transfers: Vec<TransferRecord>) -> Result<Pending<()>, Error> {
        let mut open = self.open(target)?;
        for transfer in transfers {
            let TransferRecord { source, number, source_arn, cause, message, .. } = transfer;
            if source == target.uid {
                // Its target was deleted, so it is where it was.
                open.insert(message);
            } else {
                open.insert_from(&cause.into(), message, &source_arn);
            }
            open.note(|queue, _| [Change::Taken { target: queue.uid, source, number }]);
        }
        Ok(open.close())
    }
}

impl From<TransferRecordCause> for TransferCause {
    fn from(cause: TransferRecordCause) -> TransferCause {
        match cause {
            TransferRecordCause::DeadLetter => TransferCause::DeadLetter,
            TransferRecordCause::MoveTask(task) => TransferCause::MoveTask(task),
            TransferRecordCause::ByHand => TransferCause::ByHand(By::default()),
        }
    }
}

impl OpenQueue<'_> {
    /// The rest of its life is another node's.
    fn hand_over(&mut self, to: i64) -> Discarded {
        self.note(|queue, _| [Change::Handed { uid: queue.uid, to }]);
        self.state.gone = Some(Gone::Moved);
        self.broker.count_gone(&self.state.journal.tally);
        self.state.long_polls.dismiss();
        self.state.tell_watchers();
        let moved = Arc::new(self.queue.moved(&self.state.tags, to));
        self.broker.namespace.replace(self.queue, &moved);
        self.broker.move_tasks.forget(self.queue);
        let now = self.now();
        self.state.engine.purge(now, &mut ())
    }
}

/// A queue that is being taken in.
pub struct Adopting<'a> {
    broker: &'a Broker,
    queue: Arc<Queue>,
    retention_seconds: u32,
    skew: Skew,
    tasks: Vec<MoveTaskRecord>,
}

impl Adopting<'_> {
    /// Takes what happened in it next; the order is that of [`StoredItem`](crate::store::StoredItem).
    pub fn apply(&mut self, mut effect: Effect) {
        self.skew.effect(&mut effect, self.retention_seconds);
        self.queue.lock_as_is().engine.replay(effect);
    }

    /// Takes a message move task that empties it; the oldest first.
    pub fn move_task(&mut self, mut record: MoveTaskRecord) {
        self.skew.move_task(&mut record);
        self.tasks.push(record);
    }

    /// From now on it is served here. To be called when a commit has succeeded that came after all that was read.
    ///
    /// # Errors
    /// The queue that has its name here.
    pub fn finish(self, adopted: AdoptedQueue) -> Result<Arc<Queue>, Arc<Queue>> {
        let Adopting { broker, queue, tasks, .. } = self;
        // Told of once more just when it had been taken in: what is here stays, with its tasks.
        let found = broker.namespace.get(&queue.account, &queue.region, &queue.name);
        if let Some(other) = found.filter(|found| found.elsewhere().is_none()) {
            return Err(other);
        }
        let now = broker.clock.now();
        for record in tasks {
            broker.move_tasks.restore(&queue, record, now);
        }
        // Before anybody finds it: what happens in it comes after that it is known.
        let mut state = queue.lock(&broker.readers);
        state.journal.note(|| [Change::Adopted(Box::new(adopted))]);
        state.journal.flush(&broker.readers);
        drop(state);
        if let Err(other) = broker.namespace.put_back(&queue) {
            broker.move_tasks.forget(&queue);
            return Err(other);
        }
        if broker.move_tasks.is_running(&queue) {
            broker.move_task_wakeups.set(&queue, None, now);
        }
        Ok(queue)
    }
}

#[cfg(test)]
mod tests;
