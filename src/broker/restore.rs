//! How a broker comes back from its store: queues, what is in them, move tasks, and names that are closed for a minute.

use super::Broker;
use super::queue::Queue;
use super::settings::QueueSettings;
use crate::engine::Time;
use crate::store::{Committer, Loaded, QueueRecord};
use std::collections::HashMap;
use std::sync::Arc;

impl Broker {
    /// Takes what a store has loaded, one thing after the other: a queue before its messages.
    pub fn restore(&self) -> Restoring<'_> {
        Restoring { broker: self, queues: HashMap::new() }
    }

    /// From now on everything that happens goes to this store.
    pub fn attach(&mut self, store: Committer) {
        self.store = Some(store);
    }

    /// The store, if there is one.
    pub fn store(&self) -> Option<&Committer> {
        self.store.as_ref()
    }
}

/// A broker that is being restored.
pub struct Restoring<'a> {
    broker: &'a Broker,
    queues: HashMap<u64, Arc<Queue>>,
}

impl Restoring<'_> {
    /// Takes the next thing.
    pub fn take(&mut self, loaded: Loaded) {
        match loaded {
            Loaded::Queue(record) => self.queue(record),
            Loaded::DeletedName { account, region, name, at } => {
                self.broker.namespace.close_name(&account, &region, &name, at);
            }
            Loaded::Effect { queue, effect } => {
                // An effect of a queue that is not there is one that was on its way when the queue was deleted.
                if let Some(queue) = self.queues.get(&queue) {
                    queue.lock_as_is().engine.replay(effect);
                }
            }
            Loaded::MoveTask(record) => {
                if let Some(queue) = self.queues.get(&record.queue) {
                    self.broker.move_tasks.restore(queue, record, self.broker.clock.now());
                }
            }
        }
    }

    fn queue(&mut self, record: QueueRecord) {
        let settings = QueueSettings::restored(&record);
        let place = (record.account.as_str(), record.region.as_str(), record.name.as_str());
        let queue = Arc::new(Queue::new(record.uid, place, settings, record.tags, true));
        queue.lock_as_is().purged = record.purged;
        // What was created is there again, whatever was deleted before it.
        let _ = self.broker.namespace.add(&queue, Time(0), false);
        self.queues.insert(record.uid, queue);
    }

    /// Sets running move tasks going again, and tells how many queues there are.
    pub fn finish(self) -> usize {
        for queue in self.queues.values() {
            if self.broker.move_tasks.is_running(queue.uid) {
                self.broker.move_task_timers.set(queue, None, self.broker.clock.now());
            }
        }
        self.queues.len()
    }
}
