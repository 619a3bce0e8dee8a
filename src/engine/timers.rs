//! The ends of visibility timeouts and delays: an indexed min-heap in which each slot knows the position of its timer.

use std::ops::{Index, IndexMut};

use super::arena::{Arena, NONE};
use super::slot::Slot;
use super::time::Time;

/// One timer of a message. Of two that end at the same moment, the one that was set first ends first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Timer {
    /// When it ends.
    pub at: Time,
    /// Counts the timers of the queue, so it also tells whether a message's timer is still the same one.
    pub generation: u64,
    /// The message.
    pub slot: u32,
}

/// Timers in one chunk, 6 KiB of them: growing by chunks never copies what is there, and shrinking gives memory back.
const CHUNK: usize = 256;

/// Timers by position in the heap.
struct Chunks {
    /// After the last chunk in use there is at most one that is empty.
    chunks: Vec<Box<[Timer; CHUNK]>>,
    len: usize,
}

impl Chunks {
    fn get(&self, position: usize) -> Option<Timer> {
        (position < self.len).then(|| self[position])
    }

    fn push(&mut self, timer: Timer) {
        if self.len == self.chunks.len() * CHUNK {
            self.chunks.push(Box::new([timer; CHUNK]));
        }
        let end = self.len;
        self.len += 1;
        self[end] = timer;
    }

    fn pop(&mut self) -> Option<Timer> {
        let last = self.len.checked_sub(1)?;
        let timer = self[last];
        self.len = last;
        // One empty chunk is kept, so that a queue around a chunk's border does not allocate all the time.
        if self.chunks.len() > last / CHUNK + 2 {
            self.chunks.pop();
        }
        Some(timer)
    }
}

impl Index<usize> for Chunks {
    type Output = Timer;

    #[inline]
    fn index(&self, position: usize) -> &Timer {
        #[cfg(test)]
        crate::engine::tests::steps::count();
        &self.chunks[position / CHUNK][position % CHUNK]
    }
}

impl IndexMut<usize> for Chunks {
    #[inline]
    fn index_mut(&mut self, position: usize) -> &mut Timer {
        #[cfg(test)]
        crate::engine::tests::steps::count();
        &mut self.chunks[position / CHUNK][position % CHUNK]
    }
}

/// The timers of a queue's messages. Removal and change are O(log n) and leave nothing stale behind.
pub(super) struct MessageTimers {
    heap: Chunks,
    next_generation: u64,
}

impl MessageTimers {
    pub(super) const fn new() -> MessageTimers {
        MessageTimers { heap: Chunks { chunks: Vec::new(), len: 0 }, next_generation: 0 }
    }

    /// The timer that ends next.
    pub(super) fn next(&self) -> Option<Timer> {
        self.heap.get(0)
    }

    /// The timer of a message.
    pub(super) fn of(&self, slot: &Slot) -> Option<Timer> {
        self.heap.get(slot.timer as usize)
    }

    /// Sets the timer of a message that has none.
    pub(super) fn set(&mut self, slots: &mut Arena<Slot>, slot: u32, at: Time) {
        let generation = self.next_generation;
        self.next_generation += 1;
        self.heap.push(Timer { at, generation, slot });
        self.rise(slots, self.heap.len - 1);
    }

    /// Removes the timer of a message, if it has one.
    pub(super) fn remove(&mut self, slots: &mut Arena<Slot>, slot: u32) {
        let position = std::mem::replace(&mut slots[slot].timer, NONE) as usize;
        if position >= self.heap.len {
            return;
        }
        let Some(last) = self.heap.pop() else { return };
        if position < self.heap.len {
            self.heap[position] = last;
            let position = self.rise(slots, position);
            self.sink(slots, position);
        }
    }

    /// Moves a timer towards the front as far as it belongs; returns its new position.
    fn rise(&mut self, slots: &mut Arena<Slot>, mut position: usize) -> usize {
        let timer = self.heap[position];
        while position > 0 {
            let parent = (position - 1) / 2;
            let above = self.heap[parent];
            if above <= timer {
                break;
            }
            self.place(slots, position, above);
            position = parent;
        }
        self.place(slots, position, timer);
        position
    }

    /// Moves a timer towards the end as far as it belongs.
    fn sink(&mut self, slots: &mut Arena<Slot>, mut position: usize) {
        let timer = self.heap[position];
        loop {
            let mut child = 2 * position + 1;
            if child >= self.heap.len {
                break;
            }
            let mut earlier = self.heap[child];
            if child + 1 < self.heap.len && self.heap[child + 1] < earlier {
                child += 1;
                earlier = self.heap[child];
            }
            if timer <= earlier {
                break;
            }
            self.place(slots, position, earlier);
            position = child;
        }
        self.place(slots, position, timer);
    }

    fn place(&mut self, slots: &mut Arena<Slot>, position: usize, timer: Timer) {
        self.heap[position] = timer;
        slots[timer.slot].timer = position as u32;
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
    fn timers_that_end_together_end_in_the_order_they_were_set() {
        let mut slots = slots(20);
        let mut timers = MessageTimers::new();
        for slot in (0..20).rev() {
            timers.set(&mut slots, slot, Time(5));
        }
        for slot in (0..20).rev() {
            assert_eq!(timers.next().map(|timer| timer.slot), Some(slot));
            timers.remove(&mut slots, slot);
        }
        assert!(timers.next().is_none());
    }

    #[test]
    fn growing_moves_nothing_and_shrinking_gives_memory_back() {
        let count = 5 * CHUNK as u32;
        let mut slots = slots(count);
        let mut timers = MessageTimers::new();
        for slot in 0..count {
            timers.set(&mut slots, slot, Time(u64::from(count - slot)));
        }
        let second = timers.heap.chunks[1].as_ptr();
        assert_eq!((timers.heap.chunks.len(), timers.next().map(|timer| timer.slot)), (5, Some(count - 1)));
        for slot in (CHUNK as u32 + 1..count).rev() {
            timers.remove(&mut slots, slot);
        }
        assert_eq!((timers.heap.chunks.len(), timers.heap.chunks[1].as_ptr()), (3, second));
        for slot in 0..=CHUNK as u32 {
            timers.remove(&mut slots, slot);
        }
        assert_eq!((timers.heap.chunks.len(), timers.heap.len), (2, 0));
    }

    proptest! {
        #[test]
        fn the_heap_agrees_with_a_sorted_list(steps in prop::collection::vec((0..32_u32, 0..50_u64, any::<bool>()), 0..200)) {
            let mut slots = slots(32);
            let mut timers = MessageTimers::new();
            let mut plain: Vec<(u64, usize, u32)> = Vec::new();
            for (step, (slot, at, add)) in steps.into_iter().enumerate() {
                timers.remove(&mut slots, slot);
                plain.retain(|&(_, _, other)| other != slot);
                if add {
                    timers.set(&mut slots, slot, Time(at));
                    plain.push((at, step, slot));
                    plain.sort_unstable();
                }
                prop_assert_eq!(timers.next().map(|timer| timer.slot), plain.first().map(|first| first.2));
                for &(at, _, slot) in &plain {
                    prop_assert_eq!(timers.of(&slots[slot]).map(|timer| timer.at), Some(Time(at)));
                }
                prop_assert!(timers.of(&slots[slot]).is_some() == add);
            }
        }
    }
}
