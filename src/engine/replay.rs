//! Building a queue again from its effects.

use super::contents::Contents;
use super::dedup::{DeduplicationKey, FirstSend};
use super::effect::{Effect, MessageState, MessageStatus, StoredMessage};
use super::queue::Queue;
use super::receipt::Receipt;
use super::slot::Slot;
use super::time::Time;

/// No queue ever counts this far; a record that says so is damaged and must not exhaust the counter.
const NUMBER_MAX: u64 = 1 << 56;

impl Queue {
    /// Takes one effect as a fact: nothing is checked, no time passes, and nothing can go wrong. An effect about a
    /// message that is not there is passed over. Of two messages in one slot the newer keeps it and the other gets a
    /// free one: it was on its way out of the queue, and no receipt for it still counts.
    pub fn replay(&mut self, effect: Effect) {
        if effect.next_number() <= NUMBER_MAX {
            self.next_number = self.next_number.max(effect.next_number());
        }
        match effect {
            Effect::Stored(stored) => self.replay_stored(*stored),
            Effect::Changed { slot, number, status } => self.replay_changed(slot, number, status),
            Effect::Removed { slot, number } => {
                if self.holds(slot, number) {
                    self.contents.remove(slot);
                }
            }
            Effect::Purged { .. } => self.contents = Contents::new(self.queue_type()),
            Effect::Remembered { group, deduplication_id, first_sent, id, number } => {
                let key = DeduplicationKey { group, id: deduplication_id };
                self.contents.deduplication.insert(first_sent, key, FirstSend { id, number });
            }
            Effect::Attempted { attempt_id, at, receipts } => {
                self.insert_attempt(at, &attempt_id, &receipts);
            }
            Effect::Counter { .. } => {}
        }
    }

    fn replay_stored(&mut self, stored: StoredMessage) {
        let StoredMessage { slot, number, status, mut message } = stored;
        if self.holds(slot, number) {
            // The same message again: the newer word counts.
            self.contents.remove(slot);
        }
        let occupant = self.contents.slots.get(slot).filter(|occupant| occupant.number < number);
        let older = occupant.map(|_| self.contents.stored(slot));
        if older.is_some() {
            self.contents.remove(slot);
        }
        let group = message.group.take();
        let mut packed = Slot::new(message, number);
        apply(&mut packed, status);
        self.contents.add(packed, Some(slot), group.as_ref(), status.state, self.deadline(status));
        if let Some(older) = older {
            // The slot is taken now, by a message of a higher number, so this ends here.
            self.replay_stored(older);
        }
    }

    fn replay_changed(&mut self, slot: u32, number: u64, status: MessageStatus) {
        if !self.holds(slot, number) {
            return;
        }
        self.contents.detach(slot);
        let message = &mut self.contents.slots[slot];
        let received = status.receive_count > message.receive_count;
        apply(message, status);
        match (status.state, self.deadline(status), status.received_at) {
            // As the live receive does, so that the same message groups turn noisy.
            (MessageState::InFlight, Some(deadline), Some(at)) if received => {
                self.attach_received(at, slot, deadline);
            }
            (state, deadline, _) => self.contents.attach(slot, state, deadline),
        }
    }

    fn holds(&self, slot: u32, number: u64) -> bool {
        let receipt = Receipt { queue: self.uid(), slot, number, receive: 0 };
        self.contents.find(receipt).is_some()
    }

    /// The deadline with which a message of this status is attached.
    fn deadline(&self, status: MessageStatus) -> Option<Time> {
        match status.state {
            MessageState::Visible => None,
            MessageState::Delayed if self.is_fifo() => None,
            // A deadline that was lost has passed.
            MessageState::InFlight | MessageState::Delayed => Some(status.deadline.unwrap_or(Time(0))),
        }
    }
}

fn apply(slot: &mut Slot, status: MessageStatus) {
    slot.order = status.order;
    slot.receive_count = status.receive_count;
    slot.set_first_received(status.first_received);
    slot.set_received_at(status.received_at);
}
