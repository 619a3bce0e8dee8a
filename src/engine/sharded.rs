//! A hash map in parts that grow one at a time, and that never looks at its keys again to grow.
//!
//! A single map of a million entries would, each time it doubles, keep the queue locked for many milliseconds: it
//! has to fetch and hash every key anew. Here the full hash is stored, and a part holds a 64th of the entries.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher, RandomState};

/// Number of parts: a million entries are moved about 16 000 at a time.
const PARTS: usize = 64;

/// Takes a number that is a hash already for the hash.
#[derive(Default)]
struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        // Never called with the keys used here; correct for any.
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// An entry, and the others with the same 64-bit hash: practically none, but it has to be right.
struct Entry<K, V> {
    key: K,
    value: V,
    next: Option<Box<Entry<K, V>>>,
}

/// One part, by full hash.
type Part<K, V> = HashMap<u64, Entry<K, V>, BuildHasherDefault<Identity>>;

/// A map from names to something small. Its order is never observed, so random hashing does no harm to determinism;
/// it is what keeps chosen names from colliding on purpose.
pub(super) struct ShardedMap<K, V, S = RandomState> {
    hasher: S,
    /// Empty until the first entry: most queues never need it.
    parts: Vec<Part<K, V>>,
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
        let mut entry = self.parts.get(part(hash))?.get(&hash)?;
        while entry.key.borrow() != key {
            entry = entry.next.as_ref()?;
        }
        Some(&entry.value)
    }

    /// Makes or replaces an entry; returns the value it had.
    pub(super) fn insert(&mut self, hash: u64, key: K, value: V) -> Option<V> {
        #[cfg(test)]
        crate::engine::tests::steps::count();
        if self.parts.is_empty() {
            self.parts.resize_with(PARTS, HashMap::default);
        }
        let part = &mut self.parts[part(hash)];
        let Some(mut entry) = part.get_mut(&hash) else {
            part.insert(hash, Entry { key, value, next: None });
            return None;
        };
        while entry.key != key {
            if entry.next.is_none() {
                entry.next = Some(Box::new(Entry { key, value, next: None }));
                return None;
            }
            entry = entry.next.as_mut()?;
        }
        Some(std::mem::replace(&mut entry.value, value))
    }

    /// Removes the entries with this hash that `unwanted` says so of.
    pub(super) fn remove(&mut self, hash: u64, unwanted: impl Fn(&K, &V) -> bool) {
        #[cfg(test)]
        crate::engine::tests::steps::count();
        let Some(part) = self.parts.get_mut(part(hash)) else { return };
        // The chain is taken apart, and the others are put back.
        let Some(mut entry) = part.remove(&hash) else { return };
        let mut rest = entry.next.take();
        let mut others: Option<Entry<K, V>> = None;
        loop {
            if !unwanted(&entry.key, &entry.value) {
                entry.next = others.take().map(Box::new);
                others = Some(entry);
            }
            let Some(mut next) = rest else { break };
            rest = next.next.take();
            entry = *next;
        }
        if let Some(others) = others {
            part.insert(hash, others);
        }
        // What a burst needed is given back once it is over.
        if part.capacity() > 64 && part.len() < part.capacity() / 8 {
            part.shrink_to(part.len() * 2);
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
        assert!(map.parts.iter().all(HashMap::is_empty));
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
