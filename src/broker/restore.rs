//! How a broker comes back from its store: queues, what is in them, move tasks, and names that are closed for a minute.

use super::queue::Queue;
use super::settings::QueueSettings;
use super::shared::Broker;
use super::skew::Skew;
use crate::config::NamespaceMode;
use crate::store::{QueueRecord, StoredItem};
use std::collections::HashMap;
use std::sync::Arc;

/// As many queues are named in the log or an error, and the others counted.
const NAMED_MAX: usize = 8;

impl Broker {
    /// Takes what a store has loaded, one thing after the other: a queue before its messages.
    pub fn restore(&self) -> Restoring<'_> {
        let skew = Skew::new(self.clock.now());
        Restoring { broker: self, queues: HashMap::new(), skew, shared_names: 0, examples: Vec::new() }
    }
}

/// A broker that is being restored.
pub struct Restoring<'a> {
    broker: &'a Broker,
    /// By uid, with the seconds for which messages are kept.
    queues: HashMap<u64, (Arc<Queue>, u32)>,
    skew: Skew,
    /// Queues whose name is another's when regions are merged, and some of them.
    shared_names: usize,
    examples: Vec<String>,
}

impl Restoring<'_> {
    /// Takes back the next item.
    pub fn apply(&mut self, item: StoredItem) {
        match item {
            StoredItem::Queue(record) => self.queue(record),
            StoredItem::DeletedName { account, region, name, mut at } => {
                self.skew.past(&mut at);
                self.broker.namespace.close_name(&account, &region, &name, at);
            }
            StoredItem::Effect { queue, mut effect } => {
                // An effect of a queue that is not there is one that was on its way when the queue was deleted.
                if let Some((queue, retention_seconds)) = self.queues.get(&queue) {
                    self.skew.effect(&mut effect, *retention_seconds);
                    queue.lock_as_is().engine.replay(effect);
                }
            }
            StoredItem::MoveTask(mut record) => {
                if let Some((queue, _)) = self.queues.get(&record.queue) {
                    self.skew.move_task(&mut record);
                    self.broker.move_tasks.restore(queue, record, self.broker.clock.now());
                }
            }
        }
    }

    fn queue(&mut self, record: QueueRecord) {
        let uid = record.uid;
        let (queue, retention_seconds) = rebuilt(record, &mut self.skew);
        if let Err(other) = self.broker.namespace.put_back(&queue) {
            self.shared_names += 1;
            if self.examples.len() < NAMED_MAX {
                let (name, account) = (&other.name, &other.account);
                self.examples.push(format!("{name} of account {account} in {} and {}", other.region, queue.region));
            }
        }
        self.queues.insert(uid, (queue, retention_seconds));
    }

    /// Sets running move tasks going again, and tells how many queues there are. `home` is the region of callers that name none.
    ///
    /// # Errors
    /// What to do about queues of one name in several regions, of which all but one could not be reached in merged regions.
    pub fn finish(self, home: &str) -> Result<usize, String> {
        if self.shared_names > 0 {
            return Err(format!(
                "the store keeps queues of the same name in several regions ({}), and with merged regions all but one of each \
                 name could not be reached; keep regions apart with --namespace aws, as when the store was written, or delete \
                 the queues that are not needed there first",
                listed(&self.examples, self.shared_names)
            ));
        }
        for (queue, _) in self.queues.values() {
            if self.broker.move_tasks.is_running(queue) {
                self.broker.move_task_wakeups.set(queue, None, self.broker.clock.now());
            }
        }
        self.skew.tell();
        self.tell_of_regions(home);
        Ok(self.queues.len())
    }

    /// Where regions are kept apart, a queue that was created when they were merged is only in the region of the caller that created it.
    fn tell_of_regions(&self, home: &str) {
        if self.broker.namespace.mode() == NamespaceMode::Merged {
            return;
        }
        let elsewhere = self.queues.values().filter(|(queue, _)| *queue.region != *home);
        let mut names: Vec<String> =
            elsewhere.map(|(queue, _)| format!("{} in {}", queue.name, queue.region)).collect();
        if names.is_empty() {
            return;
        }
        let count = names.len();
        names.sort_unstable();
        names.truncate(NAMED_MAX);
        tracing::info!("only clients of their own regions find these queues: {}", listed(&names, count));
    }
}

/// A queue as its record says, without messages, and the seconds for which it keeps them.
pub(super) fn rebuilt(mut record: QueueRecord, skew: &mut Skew) -> (Arc<Queue>, u32) {
    skew.queue(&mut record);
    let settings = QueueSettings::restored(&record);
    let retention_seconds = settings.message_retention_seconds;
    let place = (record.account.as_str(), record.region.as_str(), record.name.as_str());
    let queue = Arc::new(Queue::new(record.uid, place, settings, record.tags));
    queue.lock_as_is().purged = record.purged;
    (queue, retention_seconds)
}

fn listed(names: &[String], count: usize) -> String {
    let more = count.saturating_sub(names.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", names.join(", "))
}
