//! The one alarm clock: when which queue with someone waiting, or which move task, has something to do.
//!
//! Nothing depends on it for correctness: every operation brings its queue up to now by itself. It makes things prompt.

use super::queue::Queue;
use crate::clock::Clock;
use crate::engine::Time;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use tokio::sync::Notify;

/// What an alarm is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Alarm {
    /// The queue with this uid has a deadline, and someone waits there.
    Queue(u64),
    /// The move task of the queue with this uid can move more.
    MoveTask(u64),
}

/// All alarms that are set.
#[derive(Default)]
pub struct Timers {
    alarms: Mutex<BTreeMap<(Time, Alarm), Weak<Queue>>>,
    earlier: Notify,
}

impl Timers {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<(Time, Alarm), Weak<Queue>>> {
        self.alarms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets an alarm, in place of the one at `before` if that is still set.
    pub fn set(&self, alarm: Alarm, before: Option<Time>, at: Time, queue: &Arc<Queue>) {
        let mut alarms = self.lock();
        if let Some(before) = before {
            alarms.remove(&(before, alarm));
        }
        alarms.insert((at, alarm), Arc::downgrade(queue));
        let is_first = alarms.first_key_value().is_some_and(|(first, _)| *first == (at, alarm));
        drop(alarms);
        if is_first {
            self.earlier.notify_one();
        }
    }

    /// Takes the alarms that are due at `now`, at most `limit`.
    pub fn take_due(&self, now: Time, limit: usize) -> Vec<(Alarm, Arc<Queue>)> {
        let mut alarms = self.lock();
        let mut due = Vec::new();
        while due.len() < limit {
            let Some(first) = alarms.first_entry().filter(|first| first.key().0 <= now) else { break };
            let ((_, alarm), queue) = first.remove_entry();
            // A queue that nobody holds any more has nobody waiting.
            due.extend(queue.upgrade().map(|queue| (alarm, queue)));
        }
        due
    }

    /// Waits until the first alarm is due.
    pub async fn wait(&self, clock: &Clock) {
        loop {
            let changed = self.earlier.notified();
            let first = self.lock().first_key_value().map(|((at, _), _)| *at);
            match first {
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
