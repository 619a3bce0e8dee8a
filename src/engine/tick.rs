//! What time does to a queue: delays and visibility timeouts end, messages, deduplication ids and attempts expire.

use super::contents::DeliveryOrder;
use super::effect::{Cause, Journal, MessageState};
use super::queue::Queue;
use super::time::Time;

/// One tick handles at most this many events, so that the work under the queue's lock is bounded.
pub const TICK_EVENTS_MAX: usize = 1024;

/// The next thing to happen to a message. Of those due at the same moment, the upper ones come first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// The retention period ends, in whatever state the message is.
    Expiry(u32),
    /// The delay of a FIFO message ends.
    FifoDelay(u32),
    /// A visibility timeout, or the delay of a standard message, ends.
    Timer(u32),
}

impl Queue {
    /// Brings the queue up to `now`, event by event in the order of their moments, at most [`TICK_EVENTS_MAX`] of
    /// them. Returns whether more are due.
    pub fn tick<J: Journal>(&mut self, now: Time, j: &mut J) -> bool {
        let mut events = 0;
        while let Some((at, event)) = self.next_event().filter(|&(at, _)| at <= now) {
            if events == TICK_EVENTS_MAX {
                return true;
            }
            events += 1;
            match event {
                Event::Expiry(slot) => {
                    self.remove(at, Cause::Expired, slot, j);
                }
                Event::FifoDelay(slot) => self.end_delay(at, slot, j),
                Event::Timer(slot) if self.contents.slots[slot].state == MessageState::Delayed => {
                    self.end_delay(at, slot, j);
                }
                Event::Timer(slot) => self.make_visible(at, Cause::VisibilityTimeoutEnded, slot, j),
            }
        }
        while self.forget_one(now) {
            if events == TICK_EVENTS_MAX {
                return true;
            }
            events += 1;
        }
        false
    }

    /// When a tick will next make a message available or expire one.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Time> {
        self.next_event().map(|(at, _)| at)
    }

    fn next_event(&self) -> Option<(Time, Event)> {
        let contents = &self.contents;
        let expiry = contents
            .retention
            .oldest(&contents.slots)
            .map(|(start, slot)| (self.expires_at(start), Event::Expiry(slot)));
        let fifo_delay = match &contents.order {
            DeliveryOrder::Standard(_) => None,
            DeliveryOrder::Fifo(fifo) => fifo
                .next_delayed()
                .map(|slot| (self.fifo_delay_ends(contents.slots[slot].sent), Event::FifoDelay(slot))),
        };
        let timer = contents.timers.next().map(|timer| (timer.at, Event::Timer(timer.slot)));
        [expiry, fifo_delay, timer].into_iter().flatten().min()
    }

    /// When the delay of a FIFO message ends.
    pub(super) fn fifo_delay_ends(&self, sent: Time) -> Time {
        sent.plus_seconds(u64::from(self.settings.fifo_delay_seconds))
    }

    /// A standard message takes its position in send order; for a FIFO message that is the moment it becomes available.
    fn end_delay<J: Journal>(&mut self, at: Time, slot: u32, j: &mut J) {
        self.contents.detach(slot);
        if self.is_fifo() {
            self.contents.slots[slot].order = self.draw_number();
        }
        self.contents.attach(slot, MessageState::Visible, None);
        self.record_change(at, Cause::DelayEnded, slot, j);
    }

    /// Forgets one deduplication id, attempt or noisy tenant that no longer counts; whether there was one.
    fn forget_one(&mut self, now: Time) -> bool {
        let contents = &mut self.contents;
        if contents.deduplication.has_expired(now) {
            contents.deduplication.remove_oldest();
            return true;
        }
        if contents.attempts.has_expired(now) {
            contents.attempts.remove_oldest();
            return true;
        }
        if let DeliveryOrder::Standard(standard) = &mut contents.order
            && let Some(group) = standard.idle_noisy(now)
        {
            standard.clear_noisy(&contents.slots, group);
            return true;
        }
        false
    }
}
