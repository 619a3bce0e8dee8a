//! The delivery order of a FIFO queue.
//!
//! One rule explains every order recorded from SQS: a call drains one message group as far as it may before it goes
//! to the next, and groups come in the order in which their first messages last became available. That moment is the
//! message's `order`: drawn when it is sent, and drawn again when its delay or a visibility timeout ends. A group
//! whose first message is in flight or delayed is not ready; its later messages are locked.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::arena::Arena;
use super::effect::MessageState;
use super::groups::Groups;
use super::list::{LANE, List};
use super::settings::Counts;
use super::slot::{Listing, Slot};

/// One message group of a FIFO queue.
struct Group {
    /// All its messages by number, in whatever state.
    messages: List<LANE>,
    in_flight: usize,
    /// The order of its first message, if that can be delivered.
    ready: Option<u64>,
}

/// The groups of a FIFO queue, and those with a message that can be delivered.
pub(super) struct FifoOrder {
    groups: Groups<Group>,
    /// By the order of their first message.
    ready: BTreeSet<(u64, u32)>,
    /// Delayed messages by number. The delay is the same for all, so they become available in that order, whatever
    /// the delay is changed to.
    delayed: BTreeSet<(u64, u32)>,
    groups_with_in_flight: usize,
}

impl FifoOrder {
    pub(super) fn new() -> FifoOrder {
        FifoOrder { groups: Groups::new(), ready: BTreeSet::new(), delayed: BTreeSet::new(), groups_with_in_flight: 0 }
    }

    /// The message to deliver next: the first one of the first group that is ready.
    pub(super) fn next(&self) -> Option<u32> {
        let &(_, group) = self.ready.first()?;
        self.groups[group].messages.head()
    }

    /// The message to deliver after this one in the same call: the next of its group, if it is visible.
    pub(super) fn after(slots: &Arena<Slot>, slot: u32) -> Option<u32> {
        let next = List::<LANE>::next(slots, slot)?;
        (slots[next].listing == Listing::InOrder).then_some(next)
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

    /// Adds a message to its group; `attach` has to follow.
    pub(super) fn enter_group(&mut self, slots: &mut Arena<Slot>, slot: u32, name: &Arc<str>) -> u32 {
        let group = self.groups.find_or_add(name, || Group { messages: List::new(), in_flight: 0, ready: None });
        let number = slots[slot].number;
        // A new message is the last one. Only a replay in another order has to search.
        let mut previous = self.groups[group].messages.tail();
        while let Some(earlier) = previous.filter(|&earlier| slots[earlier].number > number) {
            previous = List::<LANE>::previous(slots, earlier);
        }
        self.groups[group].messages.insert_after(slots, previous, slot);
        group
    }

    /// Takes a message out of the counts, not out of its group; `attach` or `leave_group` has to follow.
    pub(super) fn detach(&mut self, slots: &mut Arena<Slot>, slot: u32) {
        slots[slot].listing = Listing::None;
        let Slot { group, state, number, .. } = slots[slot];
        match state {
            MessageState::InFlight => {
                let group = &mut self.groups[group];
                group.in_flight -= 1;
                self.groups_with_in_flight -= usize::from(group.in_flight == 0);
            }
            MessageState::Delayed => {
                self.delayed.remove(&(number, slot));
            }
            MessageState::Visible => {}
        }
    }

    /// Takes in a message by its state, for delivery if it is `offered`.
    pub(super) fn attach(&mut self, slots: &mut Arena<Slot>, slot: u32, offered: bool) {
        slots[slot].listing = if offered { Listing::InOrder } else { Listing::None };
        let Slot { group, state, number, .. } = slots[slot];
        match state {
            MessageState::InFlight => {
                let group = &mut self.groups[group];
                self.groups_with_in_flight += usize::from(group.in_flight == 0);
                group.in_flight += 1;
            }
            MessageState::Delayed => {
                self.delayed.insert((number, slot));
            }
            MessageState::Visible => {}
        }
        self.reposition(slots, group);
    }

    /// Takes a detached message out of its group, which may unlock the group.
    pub(super) fn leave_group(&mut self, slots: &mut Arena<Slot>, slot: u32) {
        let group = slots[slot].group;
        self.groups[group].messages.remove(slots, slot);
        self.reposition(slots, group);
        if self.groups[group].messages.head().is_none() {
            self.groups.remove(group);
        }
    }

    /// Adds what only this structure knows.
    pub(super) fn count(&self, counts: &mut Counts) {
        counts.groups = self.groups.len();
        counts.groups_with_in_flight = self.groups_with_in_flight;
    }

    /// Brings a group to its position among those that are ready, after a change.
    fn reposition(&mut self, slots: &Arena<Slot>, index: u32) {
        let group = &mut self.groups[index];
        let head = group.messages.head().filter(|&head| slots[head].listing == Listing::InOrder);
        let ready = head.map(|head| slots[head].order);
        let before = std::mem::replace(&mut group.ready, ready);
        if before == ready {
            return;
        }
        if let Some(order) = before {
            self.ready.remove(&(order, index));
        }
        if let Some(order) = ready {
            self.ready.insert((order, index));
        }
    }
}
