//! What the counts of queues were a while ago, for as long as somebody wants to show old ones.

use super::bounded::Bounded;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// Queues whose counts are kept.
const QUEUES_MAX: usize = 10_000;
/// Different counts that are kept of a queue.
const COUNTS_MAX: usize = 1_024;

/// Visible, in flight, delayed.
pub(super) type Counts = [usize; 3];

/// The counts of queues over real time.
pub(super) struct Stale(Mutex<Bounded<u64, VecDeque<(u64, Counts)>>>);

impl Stale {
    pub(super) fn new() -> Stale {
        Stale(Mutex::new(Bounded::new(QUEUES_MAX)))
    }

    /// Takes down what the counts of a queue are from now on.
    pub(super) fn note(&self, queue: u64, now_ms: u64, counts: Counts) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = all.get_or_insert(queue, VecDeque::new);
        if kept.back().is_some_and(|(_, last)| *last == counts) {
            return;
        }
        if kept.len() == COUNTS_MAX {
            kept.pop_front();
        }
        kept.push_back((now_ms, counts));
    }

    /// What they were at a moment; before they were first looked at, what they were then.
    pub(super) fn at(&self, queue: u64, ms: u64) -> Option<Counts> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = all.get(&queue)?;
        let at = kept.iter().rev().find(|(since, _)| *since <= ms).or(kept.front());
        at.map(|(_, counts)| *counts)
    }

    /// Forgets everything.
    pub(super) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_those_of_then() {
        let stale = Stale::new();
        assert_eq!(stale.at(1, 5), None);
        for (ms, visible) in [(10, 0), (20, 1), (25, 1), (30, 2)] {
            stale.note(1, ms, [visible, 0, 0]);
        }
        for (ms, visible) in [(5, 0), (10, 0), (19, 0), (20, 1), (29, 1), (30, 2), (99, 2)] {
            assert_eq!(stale.at(1, ms), Some([visible, 0, 0]), "{ms}");
        }
        for ms in 100..3_000 {
            stale.note(1, ms, [ms as usize, 0, 0]);
        }
        assert_eq!(stale.at(1, 0), Some([3_000 - COUNTS_MAX, 0, 0]));
    }
}
