//! Who is next in a FIFO queue.
//!
//! One rule explains every order recorded from SQS: a call drains one message group as far as it may before it goes
//! to the next, and groups stand in line by the moment their first message last became available. That moment is the
//! message's `order`: drawn when it is sent, and drawn again when its delay or a visibility timeout ends. A group
//! whose first message is in flight or delayed does not stand in line at all; its later messages are locked.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::arena::Arena;
use super::groups::Groups;
use super::list::{LANE, List};
use super::settings::Counts;
use super::slot::{Place, Slot};

/// One message group of a FIFO queue.
struct Group {
    /// All its messages by number, in whatever state.
    messages: List<LANE>,
    in_flight: usize,
    /// Its place in line.
    seat: Option<u64>,
}

/// The groups of a FIFO queue and the line of those that can deliver.
pub(super) struct Fifo {
    groups: Groups<Group>,
    line: BTreeSet<(u64, u32)>,
    /// Delayed messages by number. The delay is the same for all, so they become available in that order, whatever
    /// the delay is changed to.
    delayed: BTreeSet<(u64, u32)>,
    groups_with_in_flight: usize,
}

impl Fifo {
    pub(super) fn new() -> Fifo {
        Fifo { groups: Groups::new(), line: BTreeSet::new(), delayed: BTreeSet::new(), groups_with_in_flight: 0 }
    }

    /// The message to deliver next: the first one of the first group in line.
    pub(super) fn next(&self) -> Option<u32> {
        let &(_, group) = self.line.first()?;
        self.groups[group].messages.head()
    }

    /// The message to deliver after this one in the same call: the next of its group, if it is visible.
    pub(super) fn after(slots: &Arena<Slot>, slot: u32) -> Option<u32> {
        let next = List::<LANE>::next(slots, slot)?;
        (slots[next].place == Place::Fresh).then_some(next)
    }

    /// The message whose delay ends first.
    pub(super) fn next_delayed(&self) -> Option<u32> {
        self.delayed.first().map(|&(_, slot)| slot)
    }

    /// The name of a message's group.
    pub(super) fn group_name(&self, group: u32) -> Option<Arc<str>> {
        self.groups.name(group)
    }

    /// This name as the queue already holds it, or a new copy.
    pub(super) fn shared_name(&self, name: Box<str>) -> Arc<str> {
        self.groups.shared(name)
    }

    /// A message of this group arrives; `put` has to follow.
    pub(super) fn enter(&mut self, slots: &mut Arena<Slot>, slot: u32, name: &Arc<str>) -> u32 {
        let group = self.groups.enter(name, || Group { messages: List::new(), in_flight: 0, seat: None });
        let number = slots[slot].number;
        // A new message is the last one. Only a replay in another order has to look for the place.
        let mut previous = self.groups[group].messages.tail();
        while let Some(earlier) = previous.filter(|&earlier| slots[earlier].number > number) {
            previous = List::<LANE>::previous(slots, earlier);
        }
        self.groups[group].messages.insert_after(slots, previous, slot);
        group
    }

    /// Takes a message out of the numbers, not out of its group; `put` or `leave` has to follow.
    pub(super) fn lift(&mut self, slots: &Arena<Slot>, slot: u32) {
        let Slot { group, place, number, .. } = slots[slot];
        match place {
            Place::InFlight => {
                let group = &mut self.groups[group];
                group.in_flight -= 1;
                self.groups_with_in_flight -= usize::from(group.in_flight == 0);
            }
            Place::Delayed => {
                self.delayed.remove(&(number, slot));
            }
            Place::Fresh | Place::Returned | Place::Held => {}
        }
    }

    /// Puts a message where `place` says.
    pub(super) fn put(&mut self, slots: &mut Arena<Slot>, slot: u32, place: Place) {
        slots[slot].place = place;
        let Slot { group, number, .. } = slots[slot];
        match place {
            Place::InFlight => {
                let group = &mut self.groups[group];
                self.groups_with_in_flight += usize::from(group.in_flight == 0);
                group.in_flight += 1;
            }
            Place::Delayed => {
                self.delayed.insert((number, slot));
            }
            Place::Fresh | Place::Returned | Place::Held => {}
        }
        self.settle(slots, group);
    }

    /// A lifted message leaves the queue, which may unlock its group.
    pub(super) fn leave(&mut self, slots: &mut Arena<Slot>, slot: u32) {
        let group = slots[slot].group;
        self.groups[group].messages.remove(slots, slot);
        self.settle(slots, group);
        if self.groups[group].messages.head().is_none() {
            self.groups.leave(group);
        }
    }

    /// Adds what only this structure knows.
    pub(super) fn count(&self, counts: &mut Counts) {
        counts.groups = self.groups.len();
        counts.groups_with_in_flight = self.groups_with_in_flight;
    }

    /// Brings a group to the place in line it should have now.
    fn settle(&mut self, slots: &Arena<Slot>, group: u32) {
        let state = &mut self.groups[group];
        let seat =
            state.messages.head().filter(|&head| slots[head].place == Place::Fresh).map(|head| slots[head].order);
        let before = std::mem::replace(&mut state.seat, seat);
        if before == seat {
            return;
        }
        if let Some(order) = before {
            self.line.remove(&(order, group));
        }
        if let Some(order) = seat {
            self.line.insert((order, group));
        }
    }
}
