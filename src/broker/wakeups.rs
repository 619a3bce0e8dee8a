//! When which queue has something to do: one set for queues as such, one for message move tasks.
//!
//! Nothing depends on them for correctness: every operation brings its queue up to now by itself. They make things prompt.

use super::queue::Queue;
use crate::clock::Clock;
use crate::engine::Time;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use tokio::sync::Notify;

/// All wake-ups of one kind, by their moment and the queue's uid.
#[derive(Default)]
pub(super) struct Wakeups {
    set: Mutex<BTreeMap<(Time, u64), Weak<Queue>>>,
    earlier: Notify,
}

impl Wakeups {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<(Time, u64), Weak<Queue>>> {
        self.set.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets a wake-up for a queue, in place of the one at `before` if that is still set.
    pub fn set(&self, queue: &Arc<Queue>, before: Option<Time>, at: Time) {
        let mut set = self.lock();
        if let Some(before) = before {
            set.remove(&(before, queue.uid));
        }
        set.insert((at, queue.uid), Arc::downgrade(queue));
        let is_first = set.first_key_value().is_some_and(|(first, _)| *first == (at, queue.uid));
        drop(set);
        if is_first {
            self.earlier.notify_one();
        }
    }

    /// When the first wake-up is due.
    pub fn first(&self) -> Option<Time> {
        self.lock().first_key_value().map(|((at, _), _)| *at)
    }

    /// The queues whose wake-ups are set for this moment, at most `limit`.
    pub fn at(&self, at: Time, limit: usize) -> Vec<Arc<Queue>> {
        let set = self.lock();
        let of_moment = set.range((at, 0)..=(at, u64::MAX));
        of_moment.filter_map(|(_, queue)| queue.upgrade()).take(limit).collect()
    }

    /// All queues with a wake-up, each with its moment.
    pub fn all(&self) -> Vec<(Time, Arc<Queue>)> {
        self.lock().iter().filter_map(|((at, _), queue)| Some((*at, queue.upgrade()?))).collect()
    }

    /// Takes the wake-ups that are due at `now`, at most `limit`.
    pub fn take_due(&self, now: Time, limit: usize) -> Vec<Arc<Queue>> {
        let mut set = self.lock();
        let mut due = Vec::new();
        while due.len() < limit {
            let Some(first) = set.first_entry().filter(|first| first.key().0 <= now) else { break };
            // A queue that is gone has no parked receives.
            due.extend(first.remove().upgrade());
        }
        due
    }

    /// Waits until the first wake-up is due.
    pub async fn wait(&self, clock: &Clock) {
        loop {
            let changed = self.earlier.notified();
            match self.first() {
                Some(at) if at <= clock.now() => return,
                Some(at) => tokio::select! {
                    () = clock.sleep_until(at) => return,
                    () = changed => {}
                },
                None => changed.await,
            }
        }
    }
}
