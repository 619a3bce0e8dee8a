//! A hash map in parts that grow one at a time, and that never looks at its keys again to grow.
//!
//! A single map of a million entries would, each time it doubles, keep the queue locked for many milliseconds: it
//! has to fetch and hash every key anew. Here the full hash is stored, and a part holds a 64th of the entries.

use std::borrow::Borrow;
use std::hash::{BuildHasher, Hash, RandomState};

use hashbrown::HashTable;

/// Number of parts: a million entries are moved about 16 000 at a time.
const PARTS: usize = 64;

/// An entry with the full hash of its key.
struct Entry<K, V> {
    hash: u64,
    key: K,
    value: V,
}

/// A map from names to something small. Its order is never observed, so random hashing does no harm to determinism;
/// it is what keeps chosen names from colliding on purpose.
pub(super) struct ShardedMap<K, V, S = RandomState> {
    hasher: S,
    /// Empty until the first entry: most queues never need it.
    parts: Vec<HashTable<Entry<K, V>>>,
}

impl<K: Eq + Hash, V, S: BuildHasher + Default> ShardedMap<K, V, S> {
    pub(super) fn new() -> ShardedMap<K, V, S> {
        ShardedMap { hasher: S::default(), parts: Vec::new() }
    }

    /// The hash that the other operations want, so that a caller with several of them hashes once.
    pub(super) fn hash_of<Q: Hash + ?Sized>(&self, key: &Q) -> u64
    where
        K: Borrow<Q>,
    {
        self.hasher.hash_one(key)
    }

    pub(super) fn get<Q: Eq + ?Sized>(&self, hash: u64, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        #[cfg(test)]
        crate::engine::tests::steps::count();
        let found = self.parts.get(part(hash))?.find(hash, |entry| entry.hash == hash && entry.key.borrow() == key)?;
        Some(&found.value)
    }

    /// Makes or replaces an entry; returns the value it had.
    pub(super) fn insert(&mut self, hash: u64, key: K, value: V) -> Option<V> {
        #[cfg(test)]
        crate::engine::tests::steps::count();
        if self.parts.is_empty() {
            self.parts.resize_with(PARTS, HashTable::new);
        }
        let part = &mut self.parts[part(hash)];
        if let Some(entry) = part.find_mut(hash, |entry| entry.hash == hash && entry.key == key) {
            return Some(std::mem::replace(&mut entry.value, value));
        }
        part.insert_unique(hash, Entry { hash, key, value }, |entry| entry.hash);
        None
    }

    /// Removes one entry with this hash that is `unwanted`, if there is one.
    pub(super) fn remove(&mut self, hash: u64, unwanted: impl Fn(&K, &V) -> bool) {
        #[cfg(test)]
        crate::engine::tests::steps::count();
        let Some(part) = self.parts.get_mut(part(hash)) else { return };
        let is_meant = |entry: &Entry<K, V>| entry.hash == hash && unwanted(&entry.key, &entry.value);
        if let Ok(entry) = part.find_entry(hash, is_meant) {
            entry.remove();
        }
        // What a burst needed is given back once it is over.
        if part.capacity() > 64 && part.len() < part.capacity() / 8 {
            part.shrink_to(part.len() * 2, |entry| entry.hash);
        }
    }
}

/// The part uses the highest and the lowest bits of the hash; these are from the middle.
fn part(hash: u64) -> usize {
    (hash >> 32) as usize % PARTS
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hash::{BuildHasherDefault, Hasher};
    use std::sync::Arc;

    type Map<S> = ShardedMap<Arc<str>, u32, S>;

    fn get<S: BuildHasher + Default>(map: &Map<S>, key: &str) -> Option<u32> {
        map.get(map.hash_of(key), key).copied()
    }

    fn insert<S: BuildHasher + Default>(map: &mut Map<S>, key: &str, value: u32) -> Option<u32> {
        map.insert(map.hash_of(key), key.into(), value)
    }

    fn remove<S: BuildHasher + Default>(map: &mut Map<S>, key: &str) {
        map.remove(map.hash_of(key), |known, _| **known == *key);
    }

    fn exercise<S: BuildHasher + Default>(count: u32) {
        let map = &mut Map::<S>::new();
        assert_eq!(get(map, "a"), None);
        remove(map, "a");
        for number in 0..count {
            assert_eq!(insert(map, &number.to_string(), number), None);
        }
        assert_eq!(insert(map, "7", 1), Some(7));
        assert_eq!((get(map, "7"), get(map, "8"), get(map, "x")), (Some(1), Some(8), None));
        remove(map, "8");
        assert_eq!((get(map, "7"), get(map, "8"), get(map, "9")), (Some(1), None, Some(9)));
        for number in 0..count {
            remove(map, &number.to_string());
            assert_eq!(get(map, &number.to_string()), None);
        }
        assert!(map.parts.iter().all(HashTable::is_empty));
    }

    #[test]
    fn entries_are_found_replaced_and_forgotten() {
        exercise::<RandomState>(10_000);
    }

    #[test]
    fn keys_with_the_same_hash_are_kept_apart() {
        /// Gives every key the same hash.
        #[derive(Default)]
        struct Same;
        impl Hasher for Same {
            fn finish(&self) -> u64 {
                5
            }
            fn write(&mut self, _: &[u8]) {}
        }
        exercise::<BuildHasherDefault<Same>>(20);
    }
}
