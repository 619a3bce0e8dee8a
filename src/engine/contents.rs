//! All that a queue holds, and the few moves that keep its structures in step.
//!
//! Whatever happens to a message is: [`Contents::lift`] it out of the structures its state puts it in, change it,
//! and [`Contents::put`] it into those of its new state; or [`Contents::take`] it out for good. Live operations and
//! replay use the same moves, so they cannot disagree.

use std::fmt;
use std::sync::Arc;

use super::ages::Ages;
use super::arena::{Arena, NONE};
use super::dedup::{ATTEMPT_WINDOW_MS, Attempts, DEDUPLICATION_WINDOW_MS, Deduplication};
use super::effect::{Status, Stored};
use super::fifo::Fifo;
use super::heap::{Timers, Wait};
use super::message::Message;
use super::receipt::Receipt;
use super::settings::{Counts, Kind};
use super::slot::{Place, Slot};
use super::standard::Standard;
use super::time::Time;
use super::window::Window;

/// Who is next, by kind of queue.
pub(super) enum Line {
    Standard(Standard),
    Fifo(Fifo),
}

/// Where a message is put.
#[derive(Clone, Copy)]
pub(super) enum Position {
    Visible,
    /// Visible, but not to be handed out again by the receive that is going on.
    Held,
    InFlight(Time),
    /// The moment only counts in a standard queue; see `Fifo::next_delayed`.
    Delayed(Time),
}

/// Everything a purge throws away.
pub(super) struct Contents {
    pub slots: Arena<Slot>,
    pub timers: Timers,
    pub ages: Ages,
    pub line: Line,
    pub deduplication: Deduplication,
    pub attempts: Attempts,
    in_flight: usize,
    delayed: usize,
}

/// What a purge threw away. Dropping it takes time in proportion to its size, so drop it outside any lock.
#[must_use = "drop it outside the queue's lock"]
pub struct Discarded(pub(super) Contents);

impl Discarded {
    /// How many messages were thrown away.
    #[must_use]
    pub fn messages(&self) -> usize {
        self.0.slots.len()
    }
}

impl fmt::Debug for Discarded {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Discarded({} messages)", self.messages())
    }
}

impl Contents {
    pub(super) fn new(kind: Kind) -> Contents {
        Contents {
            slots: Arena::new(),
            timers: Timers::new(),
            ages: Ages::new(),
            line: match kind {
                Kind::Standard => Line::Standard(Standard::new()),
                Kind::Fifo => Line::Fifo(Fifo::new()),
            },
            deduplication: Window::new(DEDUPLICATION_WINDOW_MS),
            attempts: Window::new(ATTEMPT_WINDOW_MS),
            in_flight: 0,
            delayed: 0,
        }
    }

    /// Adds a message, in the given slot if there is one, and puts it where it belongs.
    pub(super) fn add(&mut self, slot: Slot, at: Option<u32>, group: Option<&Arc<str>>, position: Position) -> u32 {
        let sent = slot.sent;
        let index = match at {
            Some(at) => self.slots.insert_at(at, slot),
            None => self.slots.insert(slot),
        };
        self.ages.add(&mut self.slots, index);
        let group = match &mut self.line {
            Line::Standard(standard) => group.map(|name| standard.enter(name, sent)),
            Line::Fifo(fifo) => {
                // Callers give every FIFO message a group; should one lack it, it shares the nameless one.
                let nameless = || Arc::from("");
                let name = group.cloned().unwrap_or_else(nameless);
                Some(fifo.enter(&mut self.slots, index, &name))
            }
        };
        self.slots[index].group = group.unwrap_or(NONE);
        self.put(index, position);
        index
    }

    /// Takes a message out of the structures its state puts it in, so that it can be changed.
    pub(super) fn lift(&mut self, slot: u32) {
        match self.slots[slot].place {
            Place::InFlight => self.in_flight -= 1,
            Place::Delayed => self.delayed -= 1,
            Place::Fresh | Place::Returned | Place::Held => {}
        }
        self.timers.remove(&mut self.slots, slot);
        match &mut self.line {
            Line::Standard(standard) => standard.lift(&mut self.slots, slot),
            Line::Fifo(fifo) => fifo.lift(&self.slots, slot),
        }
    }

    /// Puts a lifted message into the structures of its new state.
    pub(super) fn put(&mut self, slot: u32, position: Position) {
        let place = match position {
            Position::Visible => Place::Fresh,
            Position::Held => Place::Held,
            Position::InFlight(at) => {
                self.in_flight += 1;
                self.timers.push(&mut self.slots, slot, at);
                Place::InFlight
            }
            Position::Delayed(at) => {
                self.delayed += 1;
                if matches!(self.line, Line::Standard(_)) {
                    self.timers.push(&mut self.slots, slot, at);
                }
                Place::Delayed
            }
        };
        match &mut self.line {
            Line::Standard(standard) => standard.put(&mut self.slots, slot, place),
            Line::Fifo(fifo) => fifo.put(&mut self.slots, slot, place),
        }
    }

    /// Takes a message out for good.
    pub(super) fn take(&mut self, slot: u32) -> Option<Message> {
        let name = self.group_name(slot);
        self.lift(slot);
        self.ages.remove(&mut self.slots, slot);
        match &mut self.line {
            Line::Standard(standard) => standard.leave(&self.slots, self.slots[slot].group),
            Line::Fifo(fifo) => fifo.leave(&mut self.slots, slot),
        }
        Some(self.slots.remove(slot)?.into_message(name))
    }

    /// The message to deliver next.
    pub(super) fn next(&self) -> Option<u32> {
        match &self.line {
            Line::Standard(standard) => standard.next(&self.slots),
            Line::Fifo(fifo) => fifo.next(),
        }
    }

    /// The message that has to follow this one in the same call, if any: FIFO drains a group before the next.
    pub(super) fn after(&self, slot: u32) -> Option<u32> {
        match &self.line {
            Line::Standard(_) => None,
            Line::Fifo(_) => Fifo::after(&self.slots, slot),
        }
    }

    /// The slot a receipt speaks of, if the message is still there.
    pub(super) fn find(&self, receipt: Receipt) -> Option<u32> {
        let slot = self.slots.get(receipt.slot)?;
        (slot.number == receipt.number).then_some(receipt.slot)
    }

    /// The visibility timeout of a message that is in flight by exactly this receive.
    pub(super) fn in_flight_by(&self, receipt: Receipt) -> Option<(u32, Wait)> {
        let index = self.find(receipt)?;
        let slot = &self.slots[index];
        let current = slot.place == Place::InFlight && slot.receive_count == receipt.receive;
        Some((index, self.timers.of(slot).filter(|_| current)?))
    }

    pub(super) fn group_name(&self, slot: u32) -> Option<Arc<str>> {
        let group = self.slots[slot].group;
        match &self.line {
            Line::Standard(standard) => standard.group_name(group),
            Line::Fifo(fifo) => fifo.group_name(group),
        }
    }

    /// This name as the queue already holds it, or a new copy.
    pub(super) fn shared_name(&self, name: Box<str>) -> Arc<str> {
        match &self.line {
            Line::Standard(standard) => standard.shared_name(name),
            Line::Fifo(fifo) => fifo.shared_name(name),
        }
    }

    /// A copy of the message in a slot that is taken.
    pub(super) fn stored(&self, slot: u32) -> Stored {
        let message = self.slots[slot].to_message(self.group_name(slot));
        Stored { slot, number: self.slots[slot].number, status: self.status(slot), message }
    }

    pub(super) fn status(&self, slot: u32) -> Status {
        let slot = &self.slots[slot];
        Status {
            order: slot.order,
            state: slot.state(),
            deadline: self.timers.of(slot).map(|wait| wait.at),
            receive_count: slot.receive_count,
            first_received: slot.first_received(),
            received_at: slot.received_at(),
        }
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight
    }

    pub(super) fn counts(&self) -> Counts {
        let mut counts = Counts {
            visible: self.slots.len() - self.in_flight - self.delayed,
            in_flight: self.in_flight,
            delayed: self.delayed,
            oldest_sent: self.ages.oldest(&self.slots).map(|(_, slot)| self.slots[slot].sent),
            ..Counts::default()
        };
        match &self.line {
            Line::Standard(standard) => standard.count(&mut counts),
            Line::Fifo(fifo) => fifo.count(&mut counts),
        }
        counts
    }
}
