//! Everything that waits for a moment: an indexed min-heap in which each slot knows its own position.

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

/// The waits of a queue. Removal and change are O(log n) and leave nothing stale behind.
pub(super) struct Timers {
    waits: Vec<Wait>,
    tickets: u64,
}

impl Timers {
    pub(super) const fn new() -> Timers {
        Timers { waits: Vec::new(), tickets: 0 }
    }

    /// The wait that ends next.
    pub(super) fn next(&self) -> Option<Wait> {
        self.waits.first().copied()
    }

    /// What the slot waits for.
    pub(super) fn of(&self, slot: &Slot) -> Option<Wait> {
        self.waits.get(slot.timer as usize).copied()
    }

    /// Lets a slot that waits for nothing wait until `at`.
    pub(super) fn push(&mut self, slots: &mut Arena<Slot>, slot: u32, at: Time) {
        let ticket = self.tickets;
        self.tickets += 1;
        self.waits.push(Wait { at, ticket, slot });
        self.rise(slots, self.waits.len() - 1);
    }

    /// Ends the slot's wait, if it has one.
    pub(super) fn remove(&mut self, slots: &mut Arena<Slot>, slot: u32) {
        let position = std::mem::replace(&mut slots[slot].timer, NONE) as usize;
        if position >= self.waits.len() {
            return;
        }
        self.waits.swap_remove(position);
        if position < self.waits.len() {
            let settled = self.rise(slots, position);
            self.sink(slots, settled);
        }
    }

    /// Moves a wait towards the front as far as it belongs; tells where it ended up.
    fn rise(&mut self, slots: &mut Arena<Slot>, mut position: usize) -> usize {
        let wait = self.waits[position];
        while position > 0 {
            let parent = (position - 1) / 2;
            if self.waits[parent] <= wait {
                break;
            }
            self.set(slots, position, self.waits[parent]);
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
            if child + 1 < self.waits.len() && self.waits[child + 1] < self.waits[child] {
                child += 1;
            }
            if child >= self.waits.len() || wait <= self.waits[child] {
                break;
            }
            self.set(slots, position, self.waits[child]);
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
