//! What is done to single messages by hand rather than by their consumers, and what a test has to know to turn the clock.

use super::contents::DeliveryOrder;
use super::effect::{Cause, Journal, MessageState};
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

    /// Forgets all deduplication ids and receive attempts.
    pub fn forget_deduplication(&mut self) {
        self.contents.forget_deduplication();
    }
}
