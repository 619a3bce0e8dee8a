//! Looking at messages without receiving them.

use super::contents::DeliveryOrder;
use super::effect::{MessagePage, MessageState, StoredMessage};
use super::queue::Queue;
use super::receipt::Receipt;
use super::time::Time;
use std::sync::Arc;

/// A message that has been received more often does not count for the age of the oldest one: AWS calls it a poison pill.
const POISON_ABOVE: u32 = 3;

/// Messages that are looked at to find the oldest one, so that the work under the queue's lock is bounded.
pub const OLDEST_LOOKED_AT_MAX: usize = 1000;

/// One call of [`Queue::messages`] looks at no more slots than this, taken or not, so that the work under the queue's
/// lock is bounded.
pub const SLOTS_PER_PAGE_MAX: u32 = 4096;

impl Queue {
    /// Up to `limit` messages in whatever state, from slot `from` on (0 for the first page), by slot.
    ///
    /// Read only: no time passes, nothing is handed out or counted, and states are those the last operation left. A
    /// message that stays in the queue from the first page to the last is on exactly one of them, and one that comes or
    /// goes meanwhile on at most one.
    #[must_use]
    pub fn messages(&self, from: u32, limit: usize) -> MessagePage {
        let end = self.contents.slots.end();
        let stop = from.saturating_add(SLOTS_PER_PAGE_MAX).min(end);
        let mut messages = Vec::new();
        let mut slot = from;
        while slot < stop && messages.len() < limit {
            if self.contents.slots.get(slot).is_some() {
                messages.push(self.stored(slot));
            }
            slot += 1;
        }
        MessagePage { messages, next: (slot < end).then_some(slot) }
    }

    /// Since when the oldest message is in the queue, in whatever state, and the same without the messages of noisy groups. Messages
    /// that were received more than three times here do not count (AWS), and a dead letter counts from its arrival.
    ///
    /// Of no more than [`OLDEST_LOOKED_AT_MAX`] messages: where the oldest ones do not count, the rest may go unseen.
    #[must_use]
    pub fn oldest(&self) -> (Option<Time>, Option<Time>) {
        let contents = &self.contents;
        let (mut oldest, mut oldest_quiet): (Option<Time>, Option<Time>) = (None, None);
        let earlier = |known: Option<Time>, since: Time| Some(known.map_or(since, |known| known.min(since)));
        for (start, slot) in contents.retention.iter(&contents.slots).take(OLDEST_LOOKED_AT_MAX) {
            // Those that follow were sent later, and arrived no earlier than they were sent.
            if oldest.is_some_and(|known| known <= start) && oldest_quiet.is_some_and(|known| known <= start) {
                break;
            }
            let message = &contents.slots[slot];
            if message.received_here() > POISON_ABOVE {
                continue;
            }
            let arrived = message.extra.as_ref().and_then(|extra| extra.arrived.0);
            let since = arrived.unwrap_or(message.sent);
            oldest = earlier(oldest, since);
            let noisy = matches!(&contents.order, DeliveryOrder::Standard(order) if order.is_noisy(message.group));
            if !noisy {
                oldest_quiet = earlier(oldest_quiet, since);
            }
        }
        (oldest, oldest_quiet)
    }

    /// When the receive that a receipt is of took place, if that is still known: if it was the message's first one or its last.
    #[must_use]
    pub fn received_at(&self, receipt: Receipt) -> Option<Time> {
        let message = &self.contents.slots[self.contents.find(receipt)?];
        match receipt.receive {
            receive if receive == message.receive_count => message.received_at(),
            1 => message.first_received(),
            _ => None,
        }
    }

    /// The names of noisy message groups, up to `limit`; a FIFO queue has none.
    #[must_use]
    pub fn noisy_groups(&self, limit: usize) -> Vec<Arc<str>> {
        match &self.contents.order {
            DeliveryOrder::Standard(order) => order.noisy(limit),
            DeliveryOrder::Fifo(_) => Vec::new(),
        }
    }

    /// The message in a slot that is taken, with its delay's end also in a FIFO queue.
    fn stored(&self, slot: u32) -> StoredMessage {
        let mut stored = self.contents.stored(slot);
        if stored.status.state == MessageState::Delayed && self.is_fifo() {
            stored.status.deadline = Some(self.fifo_delay_ends(stored.message.sent));
        }
        stored
    }
}
