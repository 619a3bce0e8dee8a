//! What has to be remembered for a constant time: a map, and a line in which the oldest stands first.

use std::collections::VecDeque;
use std::hash::Hash;

use super::sharded::ShardedMap;
use super::time::Time;

/// Entries in one block of the line, so that the line never has to be copied to grow.
const BLOCK: usize = 512;

/// Entries by key that count for `length_ms` from the moment they were made. As the time is the same for all, the
/// line by time needs no heap.
pub(super) struct Window<K, V> {
    length_ms: u64,
    entries: ShardedMap<K, (Time, V)>,
    /// Times and hashes. The hash is enough: of the entries that share one, those made at a time that is over are
    /// all over, whichever of them is meant.
    line: VecDeque<VecDeque<(Time, u64)>>,
}

impl<K: Eq + Hash, V> Window<K, V> {
    pub(super) fn new(length_ms: u64) -> Window<K, V> {
        Window { length_ms, entries: ShardedMap::new(), line: VecDeque::new() }
    }

    /// The entry, and when it was made, if it still counts at `now`.
    pub(super) fn get(&self, now: Time, key: &K) -> Option<(Time, &V)> {
        let (at, value) = self.entries.get(self.entries.hash_of(key), key)?;
        self.counts(now, *at).then_some((*at, value))
    }

    /// Makes or replaces an entry.
    pub(super) fn insert(&mut self, at: Time, key: K, value: V) {
        let hash = self.entries.hash_of(&key);
        let before = self.entries.insert(hash, key, (at, value));
        if before.is_some_and(|(known, _)| known == at) {
            return;
        }
        if self.line.back().is_none_or(|block| block.len() == BLOCK) {
            // The first block of a quiet queue starts small; the others are about to be filled.
            let capacity = if self.line.is_empty() { 0 } else { BLOCK };
            self.line.push_back(VecDeque::with_capacity(capacity));
        }
        if let Some(block) = self.line.back_mut() {
            block.push_back((at, hash));
        }
    }

    /// Whether the oldest entry no longer counts.
    pub(super) fn is_due(&self, now: Time) -> bool {
        self.oldest().is_some_and(|at| !self.counts(now, at))
    }

    /// Forgets the oldest entry.
    pub(super) fn forget_oldest(&mut self) {
        let Some(block) = self.line.front_mut() else { return };
        let oldest = block.pop_front();
        if block.is_empty() {
            self.line.pop_front();
        }
        if let Some((at, hash)) = oldest {
            // If it was replaced, its newer self has a later time and stands further back.
            self.entries.remove(hash, |_, (known, _)| *known == at);
        }
    }

    fn oldest(&self) -> Option<Time> {
        Some(self.line.front()?.front()?.0)
    }

    fn counts(&self, now: Time, at: Time) -> bool {
        now.ms_since(at) < self.length_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_counts_for_exactly_its_time() {
        let mut window = Window::new(100);
        window.insert(Time(5), "a", 1);
        assert_eq!(window.get(Time(104), &"a"), Some((Time(5), &1)));
        assert_eq!(window.get(Time(105), &"a"), None);
        assert!(!window.is_due(Time(104)));
        assert!(window.is_due(Time(105)));
        window.forget_oldest();
        assert!(!window.is_due(Time(1000)));
        window.forget_oldest();
    }

    #[test]
    fn a_replaced_entry_is_not_forgotten_with_its_older_self() {
        let mut window = Window::new(100);
        window.insert(Time(5), "a", 1);
        window.insert(Time(5), "a", 2);
        window.insert(Time(110), "a", 3);
        window.forget_oldest();
        assert_eq!(window.get(Time(110), &"a"), Some((Time(110), &3)));
        window.forget_oldest();
        assert_eq!(window.get(Time(110), &"a"), None);
    }

    #[test]
    fn a_long_line_is_forgotten_in_order() {
        let mut window = Window::new(10);
        for number in 0..5_000_u64 {
            window.insert(Time(number), number, ());
        }
        for number in 0..5_000_u64 {
            assert!(window.is_due(Time(number + 10)));
            assert!(!window.is_due(Time(number + 9)));
            window.forget_oldest();
        }
        assert!(window.line.is_empty());
    }
}
