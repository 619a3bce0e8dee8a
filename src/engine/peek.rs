//! Looking at messages without receiving them.

use super::effect::{MessagePage, MessageState, StoredMessage};
use super::queue::Queue;

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

    /// The message in a slot that is taken, with its delay's end also in a FIFO queue.
    fn stored(&self, slot: u32) -> StoredMessage {
        let mut stored = self.contents.stored(slot);
        if stored.status.state == MessageState::Delayed && self.is_fifo() {
            stored.status.deadline = Some(self.fifo_delay_ends(stored.message.sent));
        }
        stored
    }
}
