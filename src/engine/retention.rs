//! The order in which messages expire.
//!
//! The retention period is the same for all messages of a queue, so messages that arrive in the order of their
//! retention start expire in that order: a list is enough. Dead letters of a standard queue keep the time they were
//! first sent and may not fit; those are in a sorted set of their own.

use std::collections::BTreeSet;

use super::arena::Arena;
use super::list::{List, RETENTION};
use super::slot::Slot;
use super::time::Time;

/// All messages of a queue by the start of their retention period, in whatever state they are.
pub(super) struct RetentionOrder {
    in_order: List<RETENTION>,
    out_of_order: BTreeSet<(Time, u32)>,
}

impl RetentionOrder {
    pub(super) const fn new() -> RetentionOrder {
        RetentionOrder { in_order: List::new(), out_of_order: BTreeSet::new() }
    }

    pub(super) fn add(&mut self, slots: &mut Arena<Slot>, slot: u32) {
        let start = slots[slot].retained_from();
        let fits = self.in_order.tail().is_none_or(|tail| slots[tail].retained_from() <= start);
        slots[slot].out_of_order = !fits;
        if fits {
            self.in_order.push_back(slots, slot);
        } else {
            self.out_of_order.insert((start, slot));
        }
    }

    pub(super) fn remove(&mut self, slots: &mut Arena<Slot>, slot: u32) {
        if slots[slot].out_of_order {
            self.out_of_order.remove(&(slots[slot].retained_from(), slot));
        } else {
            self.in_order.remove(slots, slot);
        }
    }

    /// All messages in the order in which they expire, with the starts of their retention periods.
    pub(super) fn iter<'a>(&'a self, slots: &'a Arena<Slot>) -> impl Iterator<Item = (Time, u32)> + 'a {
        let next = move |slot: &u32| List::<RETENTION>::next(slots, *slot);
        let in_order =
            std::iter::successors(self.in_order.head(), next).map(|slot| (slots[slot].retained_from(), slot));
        let (mut in_order, mut out_of_order) = (in_order.peekable(), self.out_of_order.iter().copied().peekable());
        std::iter::from_fn(move || match (in_order.peek(), out_of_order.peek()) {
            (Some(one), Some(other)) if one <= other => in_order.next(),
            (Some(_), None) => in_order.next(),
            _ => out_of_order.next(),
        })
    }

    /// The message that expires first, and when its retention period started.
    pub(super) fn oldest(&self, slots: &Arena<Slot>) -> Option<(Time, u32)> {
        let in_order = self.in_order.head().map(|slot| (slots[slot].retained_from(), slot));
        let out_of_order = self.out_of_order.first().copied();
        match (in_order, out_of_order) {
            (Some(in_order), Some(out_of_order)) => Some(in_order.min(out_of_order)),
            (one, other) => one.or(other),
        }
    }
}
