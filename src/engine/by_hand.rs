//! What is done to single messages by hand rather than by their consumers, and what a test has to know to turn the clock.

use super::contents::DeliveryOrder;
use super::effect::{Cause, Effect, Journal, MessageFacts, MessageState};
use super::message::{Message, MessageId};
use super::queue::Queue;
use super::receipt::Receipt;
use super::time::Time;

/// The next moment at which a message becomes available by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextChange {
    /// The moment.
    pub at: Time,
    /// The id of the message.
    pub id: MessageId,
    /// What ends then: `Delayed` its delay, `InFlight` its visibility timeout.
    pub state: MessageState,
}

impl Queue {
    /// When a message next becomes available: a delay or a visibility timeout ends. Unlike
    /// [`Queue::next_deadline`] this leaves out that messages expire.
    #[must_use]
    pub fn next_change(&self) -> Option<NextChange> {
        let contents = &self.contents;
        let fifo = match &contents.order {
            DeliveryOrder::Standard(_) => None,
            DeliveryOrder::Fifo(fifo) => {
                fifo.next_delayed().map(|slot| (self.fifo_delay_ends(contents.slots[slot].sent), slot))
            }
        };
        let timer = contents.timers.next().map(|timer| (timer.at, timer.slot));
        let (at, slot) = fifo.into_iter().chain(timer).min()?;
        let message = &contents.slots[slot];
        Some(NextChange { at, id: message.id, state: message.state })
    }

    /// The message in a slot, if it still has that number.
    fn slot_of(&self, slot: u32, number: u64) -> Option<u32> {
        self.contents.find(Receipt { queue: self.uid(), slot, number, receive: 0 })
    }

    /// Takes a message out, in whatever state it is; `None` if it has gone.
    pub fn take<J: Journal>(&mut self, now: Time, (slot, number): (u32, u64), j: &mut J) -> Option<Message> {
        self.tick(now, j);
        let slot = self.slot_of(slot, number)?;
        self.remove(now, Cause::Removed, slot, j)
    }

    /// Makes a message visible that is in flight or delayed. `false` if it is visible already, or has gone.
    ///
    /// Receipt handles of a standard queue stay valid; those of a FIFO queue end with the visibility timeout.
    pub fn release<J: Journal>(&mut self, now: Time, (slot, number): (u32, u64), j: &mut J) -> bool {
        self.tick(now, j);
        let Some(slot) = self.slot_of(slot, number) else { return false };
        if self.contents.slots[slot].state == MessageState::Visible {
            return false;
        }
        self.make_visible(now, Cause::Released, slot, j);
        true
    }

    /// A copy of the message that a receipt speaks of, if it is still there.
    #[must_use]
    pub fn message_of(&self, receipt: Receipt) -> Option<Message> {
        self.contents.find(receipt).map(|slot| self.contents.stored(slot).message)
    }

    /// Puts a message of a standard queue in once more, with its id, its times and its counts, whether the first one is still
    /// there or not: a fault that was asked for. It is hidden until a moment, if one is given. Returns its number.
    pub fn repeat<J: Journal>(&mut self, now: Time, mut message: Message, until: Option<Time>, j: &mut J) -> u64 {
        self.tick(now, j);
        let group = message.group.take();
        let until = until.filter(|&until| until > now);
        let state = if until.is_some() { MessageState::Delayed } else { MessageState::Visible };
        self.store(now, (Cause::Released, None), message, group.as_ref(), (state, until), j)
    }

    /// Puts the first so many visible messages of a standard queue into the order of their ranks. Does nothing on a FIFO queue.
    pub fn reorder<J: Journal>(
        &mut self,
        now: Time,
        messages: usize,
        rank: &dyn Fn(&MessageFacts<'_>) -> (u64, u64),
        j: &mut J,
    ) {
        self.tick(now, j);
        if self.is_fifo() {
            return;
        }
        let (mut slots, mut orders) = (Vec::new(), Vec::new());
        while slots.len() < messages
            && let Some(slot) = self.contents.next()
        {
            orders.push(self.contents.slots[slot].order);
            slots.push((rank(&self.contents.facts(slot)), slot));
            self.contents.detach(slot);
            self.contents.attach_withheld(slot);
        }
        orders.sort_unstable();
        slots.sort_unstable();
        for (&(_, slot), &order) in slots.iter().zip(&orders) {
            let before = std::mem::replace(&mut self.contents.slots[slot].order, order);
            self.contents.detach(slot);
            self.contents.attach(slot, MessageState::Visible, None);
            if before != order {
                // Nothing happened to the message that an observer would want to know.
                j.record(now, Cause::Released, || {
                    let number = self.contents.slots[slot].number;
                    Effect::Changed { slot, number, status: self.contents.status(slot) }
                });
            }
        }
    }

    /// Forgets all deduplication ids and receive attempts.
    pub fn forget_deduplication(&mut self) {
        self.contents.forget_deduplication();
    }
}
