//! A map that forgets what came first when it is full.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// A map of at most so many entries.
pub(super) struct Bounded<K, V> {
    max: usize,
    entries: HashMap<K, V>,
    /// The keys in the order in which they came; also those that were removed since.
    order: VecDeque<K>,
}

impl<K: Hash + Eq + Clone, V> Bounded<K, V> {
    pub(super) fn new(max: usize) -> Bounded<K, V> {
        Bounded { max, entries: HashMap::new(), order: VecDeque::new() }
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key)
    }

    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.entries.get_mut(key)
    }

    pub(super) fn get_or_insert(&mut self, key: K, value: impl FnOnce() -> V) -> &mut V {
        if !self.entries.contains_key(&key) {
            while self.order.len() >= self.max
                && let Some(oldest) = self.order.pop_front()
            {
                self.entries.remove(&oldest);
            }
            self.order.push_back(key.clone());
        }
        self.entries.entry(key).or_insert_with(value)
    }

    pub(super) fn clear(&mut self) {
        self.entries = HashMap::new();
        self.order = VecDeque::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_forgotten_when_it_is_full() {
        let mut map = Bounded::new(2);
        for key in [1, 2, 1, 3] {
            *map.get_or_insert(key, || 0) += 1;
        }
        assert_eq!([1, 2, 3].map(|key| map.get(&key).copied()), [None, Some(1), Some(1)]);
        map.clear();
        assert_eq!(map.get(&3), None);
    }
}
