//! Numbered places for things of one type: growth never moves a thing, and memory goes back when places empty.

use std::collections::BTreeSet;
use std::ops::{Index, IndexMut};

/// No place at all; ends a list.
pub(super) const NONE: u32 = u32::MAX;

/// Places in one chunk: small enough that a queue of one message costs little, large enough to be rare.
const CHUNK: usize = 256;
const WORDS: usize = CHUNK / 64;

/// Higher places are refused by [`Arena::insert_at`], so that a damaged record cannot claim a huge directory.
const REPLAY_INDEX_MAX: u32 = 1 << 28;

/// `CHUNK` places, and a bit for each that is taken.
struct Chunk<T> {
    items: Vec<Option<T>>,
    taken: [u64; WORDS],
    count: u32,
}

impl<T> Chunk<T> {
    fn new() -> Chunk<T> {
        Chunk { items: Vec::new(), taken: [0; WORDS], count: 0 }
    }

    fn first_free(&self) -> Option<usize> {
        let word = self.taken.iter().position(|&word| word != u64::MAX)?;
        Some(word * 64 + self.taken[word].trailing_ones() as usize)
    }

    fn set(&mut self, offset: usize, item: T) {
        if self.items.capacity() == 0 {
            self.items.reserve_exact(CHUNK);
        }
        while self.items.len() <= offset {
            self.items.push(None);
        }
        self.items[offset] = Some(item);
        self.taken[offset / 64] |= 1 << (offset % 64);
        self.count += 1;
    }

    fn clear(&mut self, offset: usize) -> Option<T> {
        let item = self.items.get_mut(offset)?.take()?;
        self.taken[offset / 64] &= !(1 << (offset % 64));
        self.count -= 1;
        Some(item)
    }
}

/// Things by number. A new thing gets the lowest place that is free in the lowest chunk that has one, so the high
/// chunks of a queue that shrinks run empty and their memory is returned.
pub(super) struct Arena<T> {
    chunks: Vec<Chunk<T>>,
    with_room: BTreeSet<u32>,
    /// One empty chunk keeps its memory, so that a queue around a chunk's border does not allocate all the time.
    spare: Option<u32>,
    len: usize,
}

impl<T> Arena<T> {
    pub(super) fn new() -> Arena<T> {
        Arena { chunks: Vec::new(), with_room: BTreeSet::new(), spare: None, len: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// All places that are taken are below this one.
    pub(super) fn end(&self) -> u32 {
        self.chunks.len() as u32 * CHUNK as u32
    }

    pub(super) fn get(&self, index: u32) -> Option<&T> {
        #[cfg(test)]
        crate::engine::tests::steps::count();
        let (chunk, offset) = split(index);
        self.chunks.get(chunk as usize)?.items.get(offset)?.as_ref()
    }

    /// Puts a thing into any free place and tells which.
    pub(super) fn insert(&mut self, item: T) -> u32 {
        let chunk = self.with_room.first().copied().unwrap_or_else(|| {
            self.grow_to(self.chunks.len());
            self.chunks.len() as u32 - 1
        });
        // A chunk in `with_room` has a free place.
        let offset = self.chunks[chunk as usize].first_free().unwrap_or(0);
        self.set(chunk, offset, item);
        chunk * CHUNK as u32 + offset as u32
    }

    /// Puts a thing into the given place, or into any other if that one is taken or absurdly high.
    pub(super) fn insert_at(&mut self, index: u32, item: T) -> u32 {
        if index > REPLAY_INDEX_MAX || self.get(index).is_some() {
            return self.insert(item);
        }
        let (chunk, offset) = split(index);
        self.grow_to(chunk as usize);
        self.set(chunk, offset, item);
        index
    }

    pub(super) fn remove(&mut self, index: u32) -> Option<T> {
        let (number, offset) = split(index);
        let chunk = self.chunks.get_mut(number as usize)?;
        let item = chunk.clear(offset)?;
        self.len -= 1;
        if chunk.count as usize == CHUNK - 1 {
            self.with_room.insert(number);
        }
        if chunk.count == 0 {
            // The lower one is used first, so that is the one to keep.
            let (keep, release) = match self.spare {
                Some(spare) if spare < number => (spare, Some(number)),
                spare => (number, spare),
            };
            self.spare = Some(keep);
            if let Some(release) = release {
                self.chunks[release as usize].items = Vec::new();
            }
        }
        Some(item)
    }

    fn set(&mut self, number: u32, offset: usize, item: T) {
        let chunk = &mut self.chunks[number as usize];
        chunk.set(offset, item);
        self.len += 1;
        if chunk.count as usize == CHUNK {
            self.with_room.remove(&number);
        }
        if self.spare == Some(number) {
            self.spare = None;
        }
    }

    fn grow_to(&mut self, chunk: usize) {
        while self.chunks.len() <= chunk {
            self.with_room.insert(self.chunks.len() as u32);
            self.chunks.push(Chunk::new());
        }
    }

    #[cfg(test)]
    fn chunks_in_memory(&self) -> usize {
        self.chunks.iter().filter(|chunk| chunk.items.capacity() > 0).count()
    }
}

fn split(index: u32) -> (u32, usize) {
    (index / CHUNK as u32, index as usize % CHUNK)
}

/// For places the engine itself linked; an empty one would be a fault in the engine.
impl<T> Index<u32> for Arena<T> {
    type Output = T;

    // Inlined everywhere: the most frequent step of the engine, and the compiler cannot be relied on to see it.
    #[inline]
    fn index(&self, index: u32) -> &T {
        #[cfg(test)]
        crate::engine::tests::steps::count();
        let (chunk, offset) = split(index);
        self.chunks[chunk as usize].items[offset].as_ref().expect("a linked place is taken")
    }
}

impl<T> IndexMut<u32> for Arena<T> {
    #[inline]
    fn index_mut(&mut self, index: u32) -> &mut T {
        #[cfg(test)]
        crate::engine::tests::steps::count();
        let (chunk, offset) = split(index);
        self.chunks[chunk as usize].items[offset].as_mut().expect("a linked place is taken")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_free_place_is_used_first() {
        let mut arena = Arena::new();
        for number in 0..600 {
            assert_eq!(arena.insert(number), number);
        }
        assert_eq!(arena.remove(300), Some(300));
        assert_eq!(arena.remove(5), Some(5));
        assert_eq!(arena.remove(5), None);
        assert_eq!(arena.insert(9), 5);
        assert_eq!(arena.insert(9), 300);
        assert_eq!(arena.insert(9), 600);
        assert_eq!((arena.len(), arena.end()), (601, 768));
    }

    #[test]
    fn memory_is_returned_as_chunks_run_empty_but_one_is_kept() {
        let mut arena = Arena::new();
        for number in 0..10 * CHUNK as u32 {
            arena.insert(number);
        }
        assert_eq!(arena.chunks_in_memory(), 10);
        for number in (0..10 * CHUNK as u32).rev() {
            arena.remove(number);
        }
        assert_eq!((arena.len(), arena.chunks_in_memory()), (0, 1));
        assert_eq!(arena.insert(1), 0);
        assert_eq!(arena.chunks_in_memory(), 1);
    }

    #[test]
    fn a_place_can_be_chosen_and_the_gaps_are_filled_later() {
        let mut arena = Arena::new();
        assert_eq!(arena.insert_at(1000, 'a'), 1000);
        assert_eq!(arena.insert_at(2, 'b'), 2);
        assert_eq!(arena.insert_at(2, 'c'), 0, "taken, so another");
        assert_eq!(arena.insert_at(NONE, 'd'), 1, "absurd, so another");
        assert_eq!(arena.insert('e'), 3);
        assert_eq!((arena[1000], arena[2], arena[0], arena[1]), ('a', 'b', 'c', 'd'));
        assert_eq!(arena.get(999), None);
        assert_eq!(arena.get(NONE), None);
    }
}
