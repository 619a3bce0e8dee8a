//! A map whose entries expire a constant time after they were made: entries by key, and the same by time.

use std::collections::VecDeque;
use std::hash::Hash;

use super::sharded::ShardedMap;
use super::time::Time;

/// Entries in one block of the order by time, which therefore never has to be copied to grow.
const BLOCK: usize = 512;

/// Entries by key that count for `lifetime_ms` from the moment they were made. As that is the same for all, they expire
/// in the order in which they were made.
pub(super) struct ExpiringMap<K, V> {
    lifetime_ms: u64,
    entries: ShardedMap<K, (Time, V)>,
    /// Times and hashes, oldest first. The hash is enough: of the entries that share one, those made at a time that is
    /// over are all over, whichever of them is meant.
    by_time: VecDeque<VecDeque<(Time, u64)>>,
}

impl<K: Eq + Hash, V> ExpiringMap<K, V> {
    pub(super) fn new(lifetime_ms: u64) -> ExpiringMap<K, V> {
        ExpiringMap { lifetime_ms, entries: ShardedMap::new(), by_time: VecDeque::new() }
    }

    /// The entry, and when it was made, if it still counts at `now`.
    pub(super) fn get(&self, now: Time, key: &K) -> Option<(Time, &V)> {
        let (at, value) = self.entries.get(self.entries.hash_of(key), key)?;
        self.is_alive(now, *at).then_some((*at, value))
    }

    /// Makes or replaces an entry.
    pub(super) fn insert(&mut self, at: Time, key: K, value: V) {
        let hash = self.entries.hash_of(&key);
        let before = self.entries.insert(hash, key, (at, value));
        if before.is_some_and(|(known, _)| known == at) {
            return;
        }
        if self.by_time.back().is_none_or(|block| block.len() == BLOCK) {
            // The first block of an idle queue starts small; the others are about to be filled.
            let capacity = if self.by_time.is_empty() { 0 } else { BLOCK };
            self.by_time.push_back(VecDeque::with_capacity(capacity));
        }
        if let Some(block) = self.by_time.back_mut() {
            block.push_back((at, hash));
        }
    }

    /// Whether the oldest entry no longer counts.
    pub(super) fn has_expired(&self, now: Time) -> bool {
        self.oldest().is_some_and(|at| !self.is_alive(now, at))
    }

    /// Removes the oldest entry.
    pub(super) fn remove_oldest(&mut self) {
        let Some(block) = self.by_time.front_mut() else { return };
        let oldest = block.pop_front();
        if block.is_empty() {
            self.by_time.pop_front();
        }
        if let Some((at, hash)) = oldest {
            // If it was replaced, the newer entry has a later time, and its own place in this order.
            self.entries.remove(hash, |_, (known, _)| *known == at);
        }
    }

    fn oldest(&self) -> Option<Time> {
        Some(self.by_time.front()?.front()?.0)
    }

    fn is_alive(&self, now: Time, at: Time) -> bool {
        now.ms_since(at) < self.lifetime_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_counts_for_exactly_its_time() {
        let mut map = ExpiringMap::new(100);
        map.insert(Time(5), "a", 1);
        assert_eq!(map.get(Time(104), &"a"), Some((Time(5), &1)));
        assert_eq!(map.get(Time(105), &"a"), None);
        assert!(!map.has_expired(Time(104)));
        assert!(map.has_expired(Time(105)));
        map.remove_oldest();
        assert!(!map.has_expired(Time(1000)));
        map.remove_oldest();
    }

    #[test]
    fn a_replaced_entry_does_not_expire_with_the_older_one() {
        let mut map = ExpiringMap::new(100);
        map.insert(Time(5), "a", 1);
        map.insert(Time(5), "a", 2);
        map.insert(Time(110), "a", 3);
        map.remove_oldest();
        assert_eq!(map.get(Time(110), &"a"), Some((Time(110), &3)));
        map.remove_oldest();
        assert_eq!(map.get(Time(110), &"a"), None);
    }

    #[test]
    fn many_entries_expire_in_order() {
        let mut map = ExpiringMap::new(10);
        for number in 0..5_000_u64 {
            map.insert(Time(number), number, ());
        }
        for number in 0..5_000_u64 {
            assert!(map.has_expired(Time(number + 10)));
            assert!(!map.has_expired(Time(number + 9)));
            map.remove_oldest();
        }
        assert!(map.by_time.is_empty());
    }
}
