//! One queue: its settings, its counter and its contents, and all operations but receive, tick and replay.

use std::fmt;
use std::sync::Arc;

use super::contents::{Contents, Discarded};
use super::dedup::{DeduplicationKey, FirstSend};
use super::effect::{Cause, Effect, Fact, Journal, MessageFacts, MessageState};
use super::message::{FIRST_FIFO_NUMBER, Message, MessageId, NewMessage};
use super::receipt::Receipt;
use super::settings::{Counts, DeduplicationScope, Deleted, Movable, QueueType, Sent, Settings, VisibilityChange};
use super::slot::Slot;
use super::time::Time;

/// A message stays hidden for at most 12 hours after it was received (AWS: `Total VisibilityTimeout for the message is
/// beyond the limit [43200 seconds]`).
pub const VISIBILITY_TOTAL_MS_MAX: u64 = 43_200_000;

/// AWS is reported to refuse 43 199 and 43 200 seconds right after the receive, through rounding; so at least this
/// many milliseconds count as gone by.
const VISIBILITY_ELAPSED_MS_MIN: u64 = 2_000;

/// From this receive count on, a message with a redrive policy that allows more goes to the end of a standard queue.
const TO_THE_BACK_ABOVE: u32 = 3;

/// One queue as a pure state machine.
///
/// Every operation takes the time and first brings the queue up to it; with more than
/// [`TICK_EVENTS_MAX`](super::TICK_EVENTS_MAX) events due, only in part, so callers run [`Queue::tick`] until it
/// returns `false` first. Even if they do not, no operation hands out, deletes or hides a message against the rules.
pub struct Queue {
    uid: u64,
    pub(super) settings: Settings,
    /// The next number or order: one counter for both, so that they can be compared.
    pub(super) next_number: u64,
    pub(super) contents: Contents,
}

impl Queue {
    /// An empty queue. `uid` becomes part of its receipt handles, so it must be no other queue's.
    #[must_use]
    pub fn new(uid: u64, queue_type: QueueType, settings: Settings) -> Queue {
        let contents = Contents::new(queue_type);
        let next_number = match queue_type {
            QueueType::Standard => 1,
            QueueType::Fifo => FIRST_FIFO_NUMBER,
        };
        Queue { uid, settings, next_number, contents }
    }

    /// The number given to [`Queue::new`].
    #[must_use]
    pub fn uid(&self) -> u64 {
        self.uid
    }

    /// Whether it is a standard or a FIFO queue.
    #[must_use]
    pub fn queue_type(&self) -> QueueType {
        self.contents.queue_type()
    }

    /// The settings in force.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The next number that will be given out; a store keeps it for [`Effect::Counter`].
    #[must_use]
    pub fn next_number(&self) -> u64 {
        self.next_number
    }

    /// Changes the settings. Retention applies to all messages, the FIFO delay to those still waiting for it (a
    /// message that has become available stays so).
    pub fn configure(&mut self, settings: Settings) {
        self.settings = settings;
    }

    /// Accepts a message, unless it is a duplicate.
    pub fn send<J: Journal>(&mut self, now: Time, new: NewMessage, j: &mut J) -> Sent {
        self.tick(now, j);
        let delay_seconds = match self.queue_type() {
            QueueType::Standard => new.delay_seconds,
            QueueType::Fifo => self.settings.fifo_delay_seconds,
        };
        let (message, group) = Message::without_group(new, now);
        let group = group.map(|name| self.contents.shared_name(name));
        let key = self.deduplication_key(&message, group.as_ref());
        if let Some((_, first)) = key.as_ref().and_then(|key| self.contents.deduplication.get(now, key)) {
            let FirstSend { id, number } = *first;
            j.observe(now, Cause::Deduplicated, || Fact::Duplicate { of: id, number });
            return Sent::Duplicate { id, number };
        }
        let state = if delay_seconds == 0 { MessageState::Visible } else { MessageState::Delayed };
        let timed = state == MessageState::Delayed && !self.is_fifo();
        let deadline = timed.then(|| now.plus_seconds(u64::from(delay_seconds)));
        let id = message.id;
        let number = self.store(now, (Cause::Sent, None), message, group.as_ref(), (state, deadline), j);
        if let Some(key) = key {
            j.record(now, Cause::Remembered, || Effect::Remembered {
                group: key.group.clone(),
                deduplication_id: key.id.clone(),
                first_sent: now,
                id,
                number,
            });
            self.contents.deduplication.insert(now, key, FirstSend { id, number });
        }
        Sent::Stored { number }
    }

    /// Adds a message as it is: a dead letter, a moved message, or one that is put back. No delay, no deduplication;
    /// the time of sending, the counts and the start of retention are the message's own. Returns its new number.
    ///
    /// For a dead letter the caller sets `dead_letter_source`, and in a FIFO queue (AWS documentation) also
    /// `retained_from` to now and the deduplication id to the message id.
    pub fn insert<J: Journal>(&mut self, now: Time, message: Message, j: &mut J) -> u64 {
        self.insert_renewed(now, message, None, j)
    }

    /// The same for a message that had another id until now, for its observers.
    pub fn insert_renewed<J: Journal>(
        &mut self,
        now: Time,
        mut message: Message,
        renewed_from: Option<MessageId>,
        j: &mut J,
    ) -> u64 {
        self.tick(now, j);
        let group = message.group.take();
        let cause = (Cause::Arrived, renewed_from);
        self.store(now, cause, message, group.as_ref(), (MessageState::Visible, None), j)
    }

    /// Deletes the message a receipt speaks of.
    ///
    /// Standard: any handle of a message deletes it, in whatever state it is. FIFO: only the handle of a receive whose
    /// visibility timeout is still running.
    pub fn delete<J: Journal>(&mut self, now: Time, receipt: Receipt, j: &mut J) -> Deleted {
        self.tick(now, j);
        let Some(slot) = self.find_unexpired(now, receipt, j) else {
            j.observe(now, Cause::DeleteMissed, || Fact::Receipt(receipt));
            return Deleted::AlreadyGone;
        };
        if self.is_fifo() && self.running_receive(now, receipt).is_none() {
            j.observe(now, Cause::DeleteMissed, || Fact::Receipt(receipt));
            return Deleted::ReceiptExpired;
        }
        self.remove_by(now, Cause::Deleted, slot, Some(receipt), j);
        Deleted::Done
    }

    /// Hides the message for `timeout_seconds` (0 to 43 200) from now on; with 0 it is visible at once.
    ///
    /// Standard: works with any handle of the message, also when it is visible again. FIFO: only with the handle of a
    /// receive whose visibility timeout is still running.
    pub fn change_visibility<J: Journal>(
        &mut self,
        now: Time,
        receipt: Receipt,
        timeout_seconds: u32,
        j: &mut J,
    ) -> VisibilityChange {
        self.tick(now, j);
        let Some(slot) = self.find_unexpired(now, receipt, j) else {
            return VisibilityChange::NotAvailable;
        };
        let available = match self.queue_type() {
            QueueType::Standard => self.contents.slots[slot].state != MessageState::Delayed,
            QueueType::Fifo => self.running_receive(now, receipt).is_some(),
        };
        if !available {
            return VisibilityChange::NotAvailable;
        }
        if timeout_seconds == 0 {
            if self.contents.slots[slot].state == MessageState::InFlight {
                self.make_visible(now, Cause::VisibilityChanged, slot, j);
            }
            return VisibilityChange::Changed;
        }
        let received_at = self.contents.slots[slot].received_at().unwrap_or(now);
        let elapsed_ms = now.ms_since(received_at).max(VISIBILITY_ELAPSED_MS_MIN);
        let timeout_ms = u64::from(timeout_seconds) * 1000;
        if elapsed_ms.saturating_add(timeout_ms) > VISIBILITY_TOTAL_MS_MAX {
            return VisibilityChange::BeyondLimit;
        }
        self.contents.detach(slot);
        self.contents.attach(slot, MessageState::InFlight, Some(now.plus_ms(timeout_ms)));
        self.record_change(now, Cause::VisibilityChanged, slot, j);
        VisibilityChange::Changed
    }

    /// What a message move task has to know of the message that [`Queue::take_oldest_visible`] takes out next, if the
    /// queue is up to now.
    #[must_use]
    pub fn peek_oldest_visible(&self) -> Option<Movable> {
        let message = &self.contents.slots[self.contents.next()?];
        Some(Movable { dead_letter_source: message.extra.as_ref().and_then(|extra| extra.dead_letter_source.clone()) })
    }

    /// Takes out the next visible message, for a message move task. Those in flight or delayed stay.
    ///
    /// "Oldest first" holds as for a receive: by the moment they became available, a FIFO group strictly in order,
    /// noisy groups of a standard queue last.
    pub fn take_oldest_visible<J: Journal>(&mut self, now: Time, j: &mut J) -> Option<Message> {
        self.tick(now, j);
        let slot = self.contents.next()?;
        self.remove(now, Cause::Moved, slot, j)
    }

    /// Throws everything away, deduplication ids and attempts too (recorded from SQS). Old receipts then speak of
    /// messages that are gone, and numbers keep counting up.
    ///
    /// O(1): drop what it returns outside the queue's lock.
    pub fn purge<J: Journal>(&mut self, now: Time, j: &mut J) -> Discarded {
        j.record(now, Cause::Purged, || Effect::Purged { next_number: self.next_number });
        j.observe(now, Cause::Purged, || Fact::Queue);
        let empty = Contents::new(self.queue_type());
        Discarded(std::mem::replace(&mut self.contents, empty))
    }

    /// Whether a receive now would find something, the limit of messages in flight aside.
    #[must_use]
    pub fn has_ready(&self) -> bool {
        self.contents.next().is_some()
    }

    /// The kept numbers.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.contents.counts()
    }

    fn deduplication_key(&self, message: &Message, group: Option<&Arc<str>>) -> Option<DeduplicationKey> {
        if !self.is_fifo() {
            return None;
        }
        let id = message.extra.as_ref()?.deduplication_id.clone()?;
        let group = match self.settings.deduplication_scope {
            DeduplicationScope::Queue => None,
            DeduplicationScope::MessageGroup => group.cloned(),
        };
        Some(DeduplicationKey { group, id })
    }

    pub(super) fn store<J: Journal>(
        &mut self,
        now: Time,
        (cause, renewed_from): (Cause, Option<MessageId>),
        message: Message,
        group: Option<&Arc<str>>,
        (state, deadline): (MessageState, Option<Time>),
        j: &mut J,
    ) -> u64 {
        let number = self.draw_number();
        let slot = self.contents.add(Slot::new(message, number), None, group, state, deadline);
        j.record(now, cause, || Effect::Stored(Box::new(self.contents.stored(slot))));
        j.observe(now, cause, || Fact::Message(MessageFacts { renewed_from, ..self.contents.facts(slot) }));
        number
    }

    /// Removes a message for good.
    pub(super) fn remove<J: Journal>(&mut self, at: Time, cause: Cause, slot: u32, j: &mut J) -> Option<Message> {
        self.remove_by(at, cause, slot, None, j)
    }

    fn remove_by<J: Journal>(
        &mut self,
        at: Time,
        cause: Cause,
        slot: u32,
        receipt: Option<Receipt>,
        j: &mut J,
    ) -> Option<Message> {
        j.record(at, cause, || Effect::Removed { slot, number: self.contents.slots[slot].number });
        j.observe(at, cause, || {
            let facts = self.contents.facts(slot);
            let receive = receipt.map_or(facts.receive, |receipt| receipt.receive);
            Fact::Message(MessageFacts { state: None, deadline: None, receive, ..facts })
        });
        self.contents.remove(slot)
    }

    /// A message that is in flight, or withheld, becomes visible again.
    pub(super) fn make_visible<J: Journal>(&mut self, at: Time, cause: Cause, slot: u32, j: &mut J) {
        let message = &self.contents.slots[slot];
        // FIFO: groups are in the order in which their first messages became available. Standard: a message keeps
        // its position in send order, unless it keeps coming back (see `redrive_max_receive_count`).
        let to_the_back = match self.queue_type() {
            QueueType::Fifo => true,
            QueueType::Standard => {
                let allowed = self.settings.redrive_max_receive_count;
                allowed.is_some_and(|allowed| allowed > TO_THE_BACK_ABOVE) && message.receive_count > TO_THE_BACK_ABOVE
            }
        };
        self.contents.detach(slot);
        if to_the_back {
            self.contents.slots[slot].order = self.draw_number();
        }
        self.contents.attach(slot, MessageState::Visible, None);
        self.record_change(at, cause, slot, j);
    }

    pub(super) fn record_change<J: Journal>(&self, at: Time, cause: Cause, slot: u32, j: &mut J) {
        j.record(at, cause, || {
            let number = self.contents.slots[slot].number;
            Effect::Changed { slot, number, status: self.contents.status(slot) }
        });
        j.observe(at, cause, || Fact::Message(self.contents.facts(slot)));
    }

    pub(super) fn draw_number(&mut self) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        number
    }

    /// When the message's retention period ended, if it has.
    pub(super) fn expired_at(&self, now: Time, slot: u32) -> Option<Time> {
        Some(self.expires_at(self.contents.slots[slot].retained_from())).filter(|&at| now >= at)
    }

    pub(super) fn expires_at(&self, retained_from: Time) -> Time {
        retained_from.plus_seconds(u64::from(self.settings.retention_seconds))
    }

    /// The message a receipt speaks of; removed at once if its retention period is over but no tick has come to it yet.
    fn find_unexpired<J: Journal>(&mut self, now: Time, receipt: Receipt, j: &mut J) -> Option<u32> {
        let slot = self.contents.find(receipt)?;
        if let Some(at) = self.expired_at(now, slot) {
            self.remove(at, Cause::Expired, slot, j);
            return None;
        }
        Some(slot)
    }

    /// The message, if it is in flight by exactly this receive and its visibility timeout is not over.
    pub(super) fn running_receive(&self, now: Time, receipt: Receipt) -> Option<u32> {
        let (slot, timer) = self.contents.in_flight_by(receipt)?;
        (timer.at > now).then_some(slot)
    }

    pub(super) fn is_fifo(&self) -> bool {
        self.queue_type() == QueueType::Fifo
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Queue")
            .field("uid", &self.uid)
            .field("settings", &self.settings)
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}
