//! Doubly linked lists whose links live in the slots: no allocation, removal from the middle in one step.

use super::arena::{Arena, NONE};
use super::slot::{Links, Slot};

/// The link of a slot within its lane (standard) or message group (FIFO).
pub(super) const LANE: usize = 0;
/// The link of a slot within the order of retention.
pub(super) const RETENTION: usize = 1;

/// A list over the link `LINK` of the slots.
pub(super) struct List<const LINK: usize> {
    head: u32,
    tail: u32,
}

impl<const LINK: usize> List<LINK> {
    pub(super) const fn new() -> List<LINK> {
        List { head: NONE, tail: NONE }
    }

    pub(super) fn head(&self) -> Option<u32> {
        some(self.head)
    }

    pub(super) fn tail(&self) -> Option<u32> {
        some(self.tail)
    }

    pub(super) fn next(slots: &Arena<Slot>, slot: u32) -> Option<u32> {
        some(slots[slot].links[LINK].next)
    }

    pub(super) fn previous(slots: &Arena<Slot>, slot: u32) -> Option<u32> {
        some(slots[slot].links[LINK].previous)
    }

    pub(super) fn push_back(&mut self, slots: &mut Arena<Slot>, slot: u32) {
        self.insert_after(slots, self.tail(), slot);
    }

    /// Puts the slot behind `previous`, or in front of all.
    pub(super) fn insert_after(&mut self, slots: &mut Arena<Slot>, previous: Option<u32>, slot: u32) {
        let next = match previous {
            Some(previous) => std::mem::replace(&mut slots[previous].links[LINK].next, slot),
            None => std::mem::replace(&mut self.head, slot),
        };
        match some(next) {
            Some(next) => slots[next].links[LINK].previous = slot,
            None => self.tail = slot,
        }
        slots[slot].links[LINK] = Links { previous: previous.unwrap_or(NONE), next };
    }

    pub(super) fn remove(&mut self, slots: &mut Arena<Slot>, slot: u32) {
        let Links { previous, next } = std::mem::replace(&mut slots[slot].links[LINK], Links::NONE);
        match some(previous) {
            Some(previous) => slots[previous].links[LINK].next = next,
            None => self.head = next,
        }
        match some(next) {
            Some(next) => slots[next].links[LINK].previous = previous,
            None => self.tail = previous,
        }
    }
}

fn some(slot: u32) -> Option<u32> {
    (slot != NONE).then_some(slot)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tests::message;
    use crate::engine::time::Time;

    #[test]
    fn slots_can_be_added_and_removed_anywhere() {
        let mut slots = Arena::new();
        for number in 0..4 {
            slots.insert(Slot::new(message(number, Time(0)), u64::from(number)));
        }
        let mut list = List::<RETENTION>::new();
        let content = |list: &List<RETENTION>, slots: &Arena<Slot>| {
            let forward: Vec<u32> =
                std::iter::successors(list.head(), |&slot| List::<RETENTION>::next(slots, slot)).collect();
            let mut backward: Vec<u32> =
                std::iter::successors(list.tail(), |&slot| List::<RETENTION>::previous(slots, slot)).collect();
            backward.reverse();
            assert_eq!(forward, backward);
            forward
        };
        list.push_back(&mut slots, 1);
        list.push_back(&mut slots, 2);
        list.insert_after(&mut slots, None, 0);
        list.insert_after(&mut slots, Some(1), 3);
        assert_eq!(content(&list, &slots), [0, 1, 3, 2]);
        list.remove(&mut slots, 3);
        list.remove(&mut slots, 0);
        assert_eq!(content(&list, &slots), [1, 2]);
        list.remove(&mut slots, 2);
        list.remove(&mut slots, 1);
        assert_eq!(content(&list, &slots), [0u32; 0]);
    }
}
