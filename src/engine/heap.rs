//! Everything that waits for a moment: an indexed min-heap in which each slot knows its own position.

use std::ops::{Index, IndexMut};

use super::arena::{Arena, NONE};
use super::slot::Slot;
use super::time::Time;

/// One wait. Of two that end at the same moment, the one that began first ends first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Wait {
    /// When it ends.
    pub at: Time,
    /// Drawn anew for every wait, so it also tells whether a wait is still the same one.
    pub ticket: u64,
    /// Who waits.
    pub slot: u32,
}

/// Waits in one chunk, 6 KiB of them: growing by chunks never copies what is there, and shrinking gives memory back.
const CHUNK: usize = 256;

/// Waits by position.
struct Waits {
    /// Behind the last one with something in it stands at most one that is empty.
    chunks: Vec<Box<[Wait; CHUNK]>>,
    len: usize,
}

impl Waits {
    fn get(&self, position: usize) -> Option<Wait> {
        (position < self.len).then(|| self[position])
    }

    fn push(&mut self, wait: Wait) {
        if self.len == self.chunks.len() * CHUNK {
            self.chunks.push(Box::new([wait; CHUNK]));
        }
        let end = self.len;
        self.len += 1;
        self[end] = wait;
    }

    fn pop(&mut self) -> Option<Wait> {
        let last = self.len.checked_sub(1)?;
        let wait = self[last];
        self.len = last;
        // One empty chunk is kept, so that a queue around a chunk's border does not allocate all the time.
        if self.chunks.len() > last / CHUNK + 2 {
            self.chunks.pop();
        }
        Some(wait)
    }
}

impl Index<usize> for Waits {
    type Output = Wait;

    #[inline]
    fn index(&self, position: usize) -> &Wait {
        &self.chunks[position / CHUNK][position % CHUNK]
    }
}

impl IndexMut<usize> for Waits {
    #[inline]
    fn index_mut(&mut self, position: usize) -> &mut Wait {
        &mut self.chunks[position / CHUNK][position % CHUNK]
    }
}

/// The waits of a queue. Removal and change are O(log n) and leave nothing stale behind.
pub(super) struct Timers {
    waits: Waits,
    tickets: u64,
}

impl Timers {
    pub(super) const fn new() -> Timers {
        Timers { waits: Waits { chunks: Vec::new(), len: 0 }, tickets: 0 }
    }

    /// The wait that ends next.
    pub(super) fn next(&self) -> Option<Wait> {
        self.waits.get(0)
    }

    /// What the slot waits for.
    pub(super) fn of(&self, slot: &Slot) -> Option<Wait> {
        self.waits.get(slot.timer as usize)
    }

    /// Lets a slot that waits for nothing wait until `at`.
    pub(super) fn push(&mut self, slots: &mut Arena<Slot>, slot: u32, at: Time) {
        let ticket = self.tickets;
        self.tickets += 1;
        self.waits.push(Wait { at, ticket, slot });
        self.rise(slots, self.waits.len - 1);
    }

    /// Ends the slot's wait, if it has one.
    pub(super) fn remove(&mut self, slots: &mut Arena<Slot>, slot: u32) {
        let position = std::mem::replace(&mut slots[slot].timer, NONE) as usize;
        if position >= self.waits.len {
            return;
        }
        let Some(last) = self.waits.pop() else { return };
        if position < self.waits.len {
            self.waits[position] = last;
            let settled = self.rise(slots, position);
            self.sink(slots, settled);
        }
    }

    /// Moves a wait towards the front as far as it belongs; tells where it ended up.
    fn rise(&mut self, slots: &mut Arena<Slot>, mut position: usize) -> usize {
        let wait = self.waits[position];
        while position > 0 {
            let parent = (position - 1) / 2;
            let above = self.waits[parent];
            if above <= wait {
                break;
            }
            self.set(slots, position, above);
            position = parent;
        }
        self.set(slots, position, wait);
        position
    }

    /// Moves a wait towards the end as far as it belongs.
    fn sink(&mut self, slots: &mut Arena<Slot>, mut position: usize) {
        let wait = self.waits[position];
        loop {
            let mut child = 2 * position + 1;
            if child >= self.waits.len {
                break;
            }
            let mut earlier = self.waits[child];
            if child + 1 < self.waits.len && self.waits[child + 1] < earlier {
                child += 1;
                earlier = self.waits[child];
            }
            if wait <= earlier {
                break;
            }
            self.set(slots, position, earlier);
            position = child;
        }
        self.set(slots, position, wait);
    }

    fn set(&mut self, slots: &mut Arena<Slot>, position: usize, wait: Wait) {
        self.waits[position] = wait;
        slots[wait.slot].timer = position as u32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tests::message;
    use proptest::prelude::*;

    fn slots(count: u32) -> Arena<Slot> {
        let mut slots = Arena::new();
        for number in 0..count {
            slots.insert(Slot::new(message(number, Time(0)), u64::from(number)));
        }
        slots
    }

    #[test]
    fn waits_that_end_together_end_in_the_order_they_began() {
        let mut slots = slots(20);
        let mut timers = Timers::new();
        for slot in (0..20).rev() {
            timers.push(&mut slots, slot, Time(5));
        }
        for slot in (0..20).rev() {
            assert_eq!(timers.next().map(|wait| wait.slot), Some(slot));
            timers.remove(&mut slots, slot);
        }
        assert!(timers.next().is_none());
    }

    #[test]
    fn growing_moves_nothing_and_shrinking_gives_memory_back() {
        let count = 5 * CHUNK as u32;
        let mut slots = slots(count);
        let mut timers = Timers::new();
        for slot in 0..count {
            timers.push(&mut slots, slot, Time(u64::from(count - slot)));
        }
        let second = timers.waits.chunks[1].as_ptr();
        assert_eq!((timers.waits.chunks.len(), timers.next().map(|wait| wait.slot)), (5, Some(count - 1)));
        for slot in (CHUNK as u32 + 1..count).rev() {
            timers.remove(&mut slots, slot);
        }
        assert_eq!((timers.waits.chunks.len(), timers.waits.chunks[1].as_ptr()), (3, second));
        for slot in 0..=CHUNK as u32 {
            timers.remove(&mut slots, slot);
        }
        assert_eq!((timers.waits.chunks.len(), timers.waits.len), (2, 0));
    }

    proptest! {
        #[test]
        fn the_heap_agrees_with_a_sorted_list(steps in prop::collection::vec((0..32_u32, 0..50_u64, any::<bool>()), 0..200)) {
            let mut slots = slots(32);
            let mut timers = Timers::new();
            let mut plain: Vec<(u64, usize, u32)> = Vec::new();
            for (step, (slot, at, add)) in steps.into_iter().enumerate() {
                timers.remove(&mut slots, slot);
                plain.retain(|&(_, _, other)| other != slot);
                if add {
                    timers.push(&mut slots, slot, Time(at));
                    plain.push((at, step, slot));
                    plain.sort_unstable();
                }
                prop_assert_eq!(timers.next().map(|wait| wait.slot), plain.first().map(|first| first.2));
                for &(at, _, slot) in &plain {
                    prop_assert_eq!(timers.of(&slots[slot]).map(|wait| wait.at), Some(Time(at)));
                }
                prop_assert!(timers.of(&slots[slot]).is_some() == add);
            }
        }
    }
}
