//! All that a queue holds, and the few steps that keep its structures consistent.
//!
//! Whatever happens to a message is: [`Contents::detach`] it from the structures of its state, change it, and
//! [`Contents::attach`] it to those of its new state; or [`Contents::remove`] it for good. Live operations and replay
//! use the same steps, so they cannot disagree.

use std::fmt;
use std::sync::Arc;

use super::arena::{Arena, NONE};
use super::dedup::{ATTEMPT_WINDOW_MS, Attempts, DEDUPLICATION_WINDOW_MS, Deduplication};
use super::effect::{MessageFacts, MessageState, MessageStatus, StoredMessage};
use super::expiring_map::ExpiringMap;
use super::fifo::FifoOrder;
use super::message::Message;
use super::receipt::Receipt;
use super::retention::RetentionOrder;
use super::settings::{Counts, QueueType};
use super::slot::Slot;
use super::standard::StandardOrder;
use super::time::Time;
use super::timers::{MessageTimers, Timer};

/// Which message is delivered next, by type of queue.
pub(super) enum DeliveryOrder {
    Standard(StandardOrder),
    Fifo(FifoOrder),
}

/// Everything a purge throws away.
pub(super) struct Contents {
    pub slots: Arena<Slot>,
    pub timers: MessageTimers,
    pub retention: RetentionOrder,
    pub order: DeliveryOrder,
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
    pub(super) fn new(queue_type: QueueType) -> Contents {
        Contents {
            slots: Arena::new(),
            timers: MessageTimers::new(),
            retention: RetentionOrder::new(),
            order: match queue_type {
                QueueType::Standard => DeliveryOrder::Standard(StandardOrder::new()),
                QueueType::Fifo => DeliveryOrder::Fifo(FifoOrder::new()),
            },
            deduplication: ExpiringMap::new(DEDUPLICATION_WINDOW_MS),
            attempts: ExpiringMap::new(ATTEMPT_WINDOW_MS),
            in_flight: 0,
            delayed: 0,
        }
    }

    pub(super) fn queue_type(&self) -> QueueType {
        match self.order {
            DeliveryOrder::Standard(_) => QueueType::Standard,
            DeliveryOrder::Fifo(_) => QueueType::Fifo,
        }
    }

    /// Adds a message, to the given slot if one is given, and attaches it.
    pub(super) fn add(
        &mut self,
        slot: Slot,
        at: Option<u32>,
        group: Option<&Arc<str>>,
        state: MessageState,
        deadline: Option<Time>,
    ) -> u32 {
        let sent = slot.sent;
        let index = match at {
            Some(at) => self.slots.insert_at(at, slot),
            None => self.slots.insert(slot),
        };
        self.retention.add(&mut self.slots, index);
        let group = match &mut self.order {
            DeliveryOrder::Standard(standard) => group.map(|name| standard.enter_group(name, sent)),
            DeliveryOrder::Fifo(fifo) => {
                // Callers give every FIFO message a group; should one lack it, it shares the nameless one.
                let nameless = || Arc::from("");
                let name = group.cloned().unwrap_or_else(nameless);
                Some(fifo.enter_group(&mut self.slots, index, &name))
            }
        };
        self.slots[index].group = group.unwrap_or(NONE);
        self.attach(index, state, deadline);
        index
    }

    /// Takes a message out of the structures of its state, so that it can be changed.
    pub(super) fn detach(&mut self, slot: u32) {
        match self.slots[slot].state {
            MessageState::InFlight => self.in_flight -= 1,
            MessageState::Delayed => self.delayed -= 1,
            MessageState::Visible => {}
        }
        self.timers.remove(&mut self.slots, slot);
        match &mut self.order {
            DeliveryOrder::Standard(standard) => standard.detach(&mut self.slots, slot),
            DeliveryOrder::Fifo(fifo) => fifo.detach(&mut self.slots, slot),
        }
    }

    /// Puts a detached message into the structures of its new state. `deadline` is when its visibility timeout ends, or
    /// its delay in a standard queue; for that of a FIFO queue see `FifoOrder::next_delayed`.
    pub(super) fn attach(&mut self, slot: u32, state: MessageState, deadline: Option<Time>) {
        match state {
            MessageState::InFlight => self.in_flight += 1,
            MessageState::Delayed => self.delayed += 1,
            MessageState::Visible => {}
        }
        if let Some(at) = deadline {
            self.timers.set(&mut self.slots, slot, at);
        }
        self.attach_in_order(slot, state, state == MessageState::Visible);
    }

    /// The same for a message that is visible, but not to be handed out again by the receive under way.
    pub(super) fn attach_withheld(&mut self, slot: u32) {
        self.attach_in_order(slot, MessageState::Visible, false);
    }

    fn attach_in_order(&mut self, slot: u32, state: MessageState, offered: bool) {
        self.slots[slot].state = state;
        match &mut self.order {
            DeliveryOrder::Standard(standard) => standard.attach(&mut self.slots, slot, offered),
            DeliveryOrder::Fifo(fifo) => fifo.attach(&mut self.slots, slot, offered),
        }
    }

    /// Removes a message for good.
    pub(super) fn remove(&mut self, slot: u32) -> Option<Message> {
        let name = self.group_name(slot);
        self.detach(slot);
        self.retention.remove(&mut self.slots, slot);
        match &mut self.order {
            DeliveryOrder::Standard(standard) => standard.leave_group(&self.slots, self.slots[slot].group),
            DeliveryOrder::Fifo(fifo) => fifo.leave_group(&mut self.slots, slot),
        }
        Some(self.slots.remove(slot)?.into_message(name))
    }

    /// The message to deliver next.
    pub(super) fn next(&self) -> Option<u32> {
        match &self.order {
            DeliveryOrder::Standard(standard) => standard.next(&self.slots),
            DeliveryOrder::Fifo(fifo) => fifo.next(),
        }
    }

    /// The message that has to follow this one in the same call, if any: FIFO drains a group before the next.
    pub(super) fn after(&self, slot: u32) -> Option<u32> {
        match &self.order {
            DeliveryOrder::Standard(_) => None,
            DeliveryOrder::Fifo(_) => FifoOrder::after(&self.slots, slot),
        }
    }

    /// The slot a receipt speaks of, if the message is still there.
    pub(super) fn find(&self, receipt: Receipt) -> Option<u32> {
        let slot = self.slots.get(receipt.slot)?;
        (slot.number == receipt.number).then_some(receipt.slot)
    }

    /// The message a receipt speaks of and its timer, if it is in flight by exactly this receive.
    pub(super) fn in_flight_by(&self, receipt: Receipt) -> Option<(u32, Timer)> {
        let index = self.find(receipt)?;
        let slot = &self.slots[index];
        let current = slot.state == MessageState::InFlight && slot.receive_count == receipt.receive;
        Some((index, self.timers.of(slot).filter(|_| current)?))
    }

    #[inline]
    pub(super) fn group_name(&self, slot: u32) -> Option<Arc<str>> {
        let group = self.slots[slot].group;
        match &self.order {
            DeliveryOrder::Standard(standard) => standard.group_name(group),
            DeliveryOrder::Fifo(fifo) => fifo.group_name(group),
        }
    }

    /// This name as the queue already holds it, or a new copy.
    pub(super) fn shared_name(&self, name: Box<str>) -> Arc<str> {
        match &self.order {
            DeliveryOrder::Standard(standard) => standard.shared_name(name),
            DeliveryOrder::Fifo(fifo) => fifo.shared_name(name),
        }
    }

    /// A copy of the message in a slot that is taken.
    pub(super) fn stored(&self, slot: u32) -> StoredMessage {
        let message = self.slots[slot].to_message(self.group_name(slot));
        StoredMessage { slot, number: self.slots[slot].number, status: self.status(slot), message }
    }

    /// Forgets all deduplication ids and receive attempts.
    pub(super) fn forget_deduplication(&mut self) {
        self.deduplication = ExpiringMap::new(DEDUPLICATION_WINDOW_MS);
        self.attempts = ExpiringMap::new(ATTEMPT_WINDOW_MS);
    }

    /// A message as it is now, for observers.
    #[inline]
    pub(super) fn facts(&self, slot: u32) -> MessageFacts<'_> {
        let message = &self.slots[slot];
        MessageFacts {
            id: message.id,
            renewed_from: None,
            slot,
            number: message.number,
            state: Some(message.state),
            deadline: self.timers.of(message).map(|timer| timer.at),
            receive_count: message.receive_count,
            receive: message.receive_count,
            sent: message.sent,
            body: &message.body,
            body_md5: message.body_md5,
            extra: message.extra.as_deref(),
            group: self.group_name(slot),
        }
    }

    pub(super) fn status(&self, slot: u32) -> MessageStatus {
        let slot = &self.slots[slot];
        MessageStatus {
            order: slot.order,
            state: slot.state,
            deadline: self.timers.of(slot).map(|timer| timer.at),
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
            oldest_sent: self.retention.oldest(&self.slots).map(|(_, slot)| self.slots[slot].sent),
            ..Counts::default()
        };
        match &self.order {
            DeliveryOrder::Standard(standard) => standard.count(&mut counts),
            DeliveryOrder::Fifo(fifo) => fifo.count(&mut counts),
        }
        counts
    }
}
