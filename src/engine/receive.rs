//! Receiving: hand messages out, take dead letters out, repeat an attempt, undo a receive whose client has gone.

use std::sync::Arc;

use super::contents::DeliveryOrder;
use super::dedup::AttemptEntry;
use super::effect::{Cause, Effect, Journal, MessageState};
use super::message::{Delivery, Message};
use super::queue::Queue;
use super::receipt::Receipt;
use super::settings::{ReceiveOptions, Received};
use super::time::Time;

/// At most this many dead letters are taken out by one call, so that the work under the queue's lock is bounded.
pub const DEAD_LETTERS_PER_CALL_MAX: usize = 1024;

/// One receive: what was asked for, and what it has gathered so far.
struct Receive {
    now: Time,
    visibility_timeout_seconds: u32,
    dead_letter_after: Option<u32>,
    deliveries: Vec<Delivery>,
    dead: Vec<Message>,
    /// Delivered with a visibility timeout of 0: visible, but withheld until this receive is over.
    withheld: Vec<u32>,
    /// Messages that turned out to be expired; they count towards the bound, too.
    expired: usize,
}

impl Receive {
    fn is_at_bound(&self) -> bool {
        self.dead.len() + self.expired >= DEAD_LETTERS_PER_CALL_MAX
    }

    /// When the visibility timeout of what it hands out ends.
    fn deadline(&self) -> Time {
        self.now.plus_seconds(u64::from(self.visibility_timeout_seconds))
    }
}

impl Queue {
    /// Hands out up to `options.max` messages, never more than may be in flight.
    ///
    /// `dead_letter_after` is the `maxReceiveCount` of the redrive policy, if its dead-letter queue is there: a message
    /// received this often already is taken out instead of delivered.
    ///
    /// A FIFO queue serves the first message group that is ready as far as it may before it goes to the next; see
    /// `fifo.rs`. A standard queue serves in send order; see `standard.rs` for message groups.
    pub fn receive<J: Journal>(
        &mut self,
        now: Time,
        options: &ReceiveOptions,
        dead_letter_after: Option<u32>,
        j: &mut J,
    ) -> Received {
        self.tick(now, j);
        let mut receive = Receive {
            now,
            visibility_timeout_seconds: options
                .visibility_timeout_seconds
                .unwrap_or(self.settings.visibility_timeout_seconds),
            dead_letter_after,
            deliveries: Vec::new(),
            dead: Vec::new(),
            withheld: Vec::new(),
            expired: 0,
        };
        let attempt_id = options.attempt_id.as_ref().filter(|_| self.is_fifo());
        if let Some(again) = attempt_id.and_then(|id| self.repeat_attempt(id, &receive, j)) {
            return again;
        }
        let room = self.settings.in_flight_max.saturating_sub(self.contents.in_flight());
        if room == 0 {
            return Received { over_limit: !self.is_fifo(), ..Received::default() };
        }
        let max = options.max.min(room);
        while receive.deliveries.len() < max && !receive.is_at_bound() {
            let Some(first) = self.contents.next() else { break };
            let mut candidate = Some(first);
            while let Some(slot) = candidate
                && receive.deliveries.len() < max
                && !receive.is_at_bound()
            {
                candidate = self.contents.after(slot);
                self.gather(slot, &mut receive, j);
            }
        }
        for slot in std::mem::take(&mut receive.withheld) {
            self.make_visible(now, Cause::Received, slot, j);
        }
        if let Some(id) = attempt_id {
            self.remember_attempt(now, now, id, &receive.deliveries, j);
        }
        Received {
            more_dead: receive.is_at_bound() && self.has_ready(),
            deliveries: receive.deliveries,
            dead: receive.dead,
            over_limit: false,
        }
    }

    /// Undoes receives whose client went away before it got the answer: receive count, time of first receive and
    /// position are as before. Receipts of messages that are not in flight any more, or were received again, are passed
    /// over; so are those of a receive that was repeated, for its first answer may have been seen.
    pub fn give_back<J: Journal>(&mut self, now: Time, receipts: &[Receipt], j: &mut J) {
        self.tick(now, j);
        for &receipt in receipts {
            let Some(slot) = self.running_receive(now, receipt) else { continue };
            if self.contents.slots[slot].repeated {
                continue;
            }
            self.contents.detach(slot);
            let message = &mut self.contents.slots[slot];
            message.receive_count = message.receive_count.saturating_sub(1);
            if message.receive_count == 0 {
                message.set_first_received(None);
                message.set_received_at(None);
            }
            self.contents.attach(slot, MessageState::Visible, None);
            self.record_change(now, Cause::GivenBack, slot, j);
        }
    }

    /// Delivers one candidate, or takes it out because it is expired or dead.
    fn gather<J: Journal>(&mut self, slot: u32, receive: &mut Receive, j: &mut J) {
        let now = receive.now;
        let received_here = self.contents.slots[slot].received_here();
        if let Some(at) = self.expired_at(now, slot) {
            receive.expired += 1;
            self.remove(at, Cause::Expired, slot, j);
        } else if receive.dead_letter_after.is_some_and(|limit| received_here >= limit) {
            // AWS: moved by the receive that would have delivered it, and that one does not count.
            receive.dead.extend(self.remove(now, Cause::DeadLettered, slot, j));
        } else {
            receive.deliveries.push(self.deliver(slot, receive, j));
            if receive.visibility_timeout_seconds == 0 {
                receive.withheld.push(slot);
            }
        }
    }

    fn deliver<J: Journal>(&mut self, slot: u32, receive: &Receive, j: &mut J) -> Delivery {
        let now = receive.now;
        self.contents.detach(slot);
        let message = &mut self.contents.slots[slot];
        message.receive_count = message.receive_count.saturating_add(1);
        message.repeated = false;
        if message.first_received().is_none() {
            message.set_first_received(Some(now));
        }
        message.set_received_at(Some(now));
        if receive.visibility_timeout_seconds == 0 {
            self.contents.attach_withheld(slot);
        } else {
            self.attach_received(now, slot, receive.deadline());
            self.record_change(now, Cause::Received, slot, j);
        }
        self.delivery(slot)
    }

    /// Attaches a detached message that was received.
    pub(super) fn attach_received(&mut self, now: Time, slot: u32, deadline: Time) {
        self.contents.attach(slot, MessageState::InFlight, Some(deadline));
        let in_flight = self.contents.in_flight();
        let contents = &mut self.contents;
        if let DeliveryOrder::Standard(standard) = &mut contents.order {
            let group = contents.slots[slot].group;
            standard.received(&contents.slots, group, now, in_flight);
        }
    }

    fn delivery(&self, slot: u32) -> Delivery {
        let message = &self.contents.slots[slot];
        Delivery {
            id: message.id,
            body: message.body.clone(),
            body_md5: message.body_md5,
            extra: message.extra.clone(),
            group: self.contents.group_name(slot),
            sent: message.sent,
            first_received: message.first_received().unwrap_or(message.sent),
            receive_count: message.receive_count,
            number: message.number,
            receipt: Receipt { queue: self.uid(), slot, number: message.number, receive: message.receive_count },
        }
    }

    /// The same messages with the same receipts, their visibility restarted, if nothing happened to any of them.
    fn repeat_attempt<J: Journal>(&mut self, id: &Arc<str>, receive: &Receive, j: &mut J) -> Option<Received> {
        let now = receive.now;
        let (at, entries) = self.contents.attempts.get(now, id)?;
        let untouched = |entry: &AttemptEntry| {
            let timer = self.contents.in_flight_by(entry.receipt).map(|(_, timer)| timer);
            timer.is_some_and(|timer| timer.generation == entry.generation && timer.at > now)
                && self.expired_at(now, entry.receipt.slot).is_none()
        };
        if !entries.iter().all(untouched) {
            return None;
        }
        let slots: Vec<u32> = entries.iter().map(|entry| entry.receipt.slot).collect();
        let mut deliveries = Vec::with_capacity(slots.len());
        for slot in slots {
            deliveries.push(self.delivery(slot));
            if receive.visibility_timeout_seconds == 0 {
                self.make_visible(now, Cause::Received, slot, j);
                continue;
            }
            self.contents.detach(slot);
            self.contents.slots[slot].set_received_at(Some(now));
            self.contents.slots[slot].repeated = true;
            self.contents.attach(slot, MessageState::InFlight, Some(receive.deadline()));
            self.record_change(now, Cause::Received, slot, j);
        }
        self.remember_attempt(now, at, id, &deliveries, j);
        Some(Received { deliveries, ..Received::default() })
    }

    /// Remembers what an attempt, first made at `first`, handed out, unless it was nothing or is visible again already.
    fn remember_attempt<J: Journal>(
        &mut self,
        now: Time,
        first: Time,
        id: &Arc<str>,
        deliveries: &[Delivery],
        j: &mut J,
    ) {
        let receipts: Vec<Receipt> = deliveries.iter().map(|delivery| delivery.receipt).collect();
        if self.insert_attempt(first, id, &receipts) {
            j.record(now, Cause::Remembered, || Effect::Attempted { attempt_id: id.clone(), at: first, receipts });
        }
    }

    /// Keeps what an attempt handed out, unless one of its messages is not in flight; whether it did.
    pub(super) fn insert_attempt(&mut self, at: Time, id: &Arc<str>, receipts: &[Receipt]) -> bool {
        let entries: Option<Vec<AttemptEntry>> = receipts
            .iter()
            .map(|&receipt| {
                let (_, timer) = self.contents.in_flight_by(receipt)?;
                Some(AttemptEntry { receipt, generation: timer.generation })
            })
            .collect();
        match entries {
            Some(entries) if !entries.is_empty() => {
                self.contents.attempts.insert(at, id.clone(), entries);
                true
            }
            _ => false,
        }
    }
}
