//! One message inside a queue, packed into 128 bytes beside its body.

use std::sync::Arc;

use super::arena::NONE;
use super::effect::MessageState;
use super::message::{Body, Extra, Message, MessageId};
use super::time::Time;

/// Stands for "never" among the millisecond distances.
const NEVER: u32 = u32::MAX;

/// Neighbours in one list.
#[derive(Clone, Copy)]
pub(super) struct Links {
    pub previous: u32,
    pub next: u32,
}

impl Links {
    pub(super) const NONE: Links = Links { previous: NONE, next: NONE };
}

/// How the delivery order lists a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listing {
    /// Not at all: it is hidden, or visible but withheld from the receive under way.
    None,
    /// FIFO: every visible message. Standard: in the list of its lane, which is in order by itself.
    InOrder,
    /// Standard: in the sorted set of its lane, because it became visible after messages of a higher order.
    Sorted,
}

/// A message with its links into the structures of its queue.
pub(super) struct Slot {
    pub body: Body,
    pub id: MessageId,
    pub body_md5: [u8; 16],
    pub extra: Option<Arc<Extra>>,
    pub sent: Time,
    /// Unique in the queue for good; 1 is the first.
    pub number: u64,
    /// When it last became available, in the queue's own counting; smaller goes first.
    pub order: u64,
    /// Milliseconds from `sent`; saturates after 49 days, long after any message has expired.
    first_received_ms: u32,
    /// Milliseconds from the start of the retention period, which is never longer than 14 days.
    received_ms: u32,
    pub receive_count: u32,
    /// The index of its message group, or `NONE`.
    pub group: u32,
    /// The position of its timer, or `NONE`.
    pub timer: u32,
    /// By `LANE` and `RETENTION` of `list.rs`.
    pub links: [Links; 2],
    pub state: MessageState,
    pub listing: Listing,
    /// Its retention period started before that of messages that came earlier, see `retention.rs`.
    pub out_of_order: bool,
    /// Its retention period does not start at `sent`, see `Extra::retained_from`.
    restarted: bool,
    /// Its receive was repeated, by the attempt id.
    pub repeated: bool,
}

impl Slot {
    pub(super) fn new(mut message: Message, number: u64) -> Slot {
        let restarted = message.retained_from != message.sent;
        let retained_from = restarted.then_some(message.retained_from);
        if restarted || message.extra.as_ref().is_some_and(|extra| extra.retained_from.is_some()) {
            message.extra_mut().retained_from = retained_from;
        }
        let mut slot = Slot {
            body: message.body,
            id: message.id,
            body_md5: message.body_md5,
            extra: message.extra,
            sent: message.sent,
            number,
            order: number,
            first_received_ms: NEVER,
            received_ms: NEVER,
            receive_count: message.receive_count,
            group: NONE,
            timer: NONE,
            links: [Links::NONE; 2],
            state: MessageState::Visible,
            listing: Listing::None,
            out_of_order: false,
            restarted,
            repeated: false,
        };
        slot.set_first_received(message.first_received);
        slot
    }

    /// The message as it leaves the queue.
    pub(super) fn into_message(self, group: Option<Arc<str>>) -> Message {
        Message {
            first_received: self.first_received(),
            retained_from: self.retained_from(),
            id: self.id,
            body: self.body,
            body_md5: self.body_md5,
            extra: self.extra,
            group,
            sent: self.sent,
            receive_count: self.receive_count,
        }
    }

    /// A copy of the message, for the journal.
    pub(super) fn to_message(&self, group: Option<Arc<str>>) -> Message {
        Message {
            first_received: self.first_received(),
            retained_from: self.retained_from(),
            id: self.id,
            body: self.body.clone(),
            body_md5: self.body_md5,
            extra: self.extra.clone(),
            group,
            sent: self.sent,
            receive_count: self.receive_count,
        }
    }

    /// Receives in this queue: what a redrive policy counts.
    pub(super) fn received_here(&self) -> u32 {
        let elsewhere = self.extra.as_ref().map_or(0, |extra| extra.receive_count_on_arrival);
        self.receive_count.saturating_sub(elsewhere)
    }

    pub(super) fn retained_from(&self) -> Time {
        // The flag spares most messages a look at their extra part.
        if !self.restarted {
            return self.sent;
        }
        self.extra.as_ref().and_then(|extra| extra.retained_from).unwrap_or(self.sent)
    }

    pub(super) fn first_received(&self) -> Option<Time> {
        at(self.sent, self.first_received_ms)
    }

    pub(super) fn set_first_received(&mut self, time: Option<Time>) {
        self.first_received_ms = distance(self.sent, time);
    }

    pub(super) fn received_at(&self) -> Option<Time> {
        at(self.retained_from(), self.received_ms)
    }

    pub(super) fn set_received_at(&mut self, time: Option<Time>) {
        self.received_ms = distance(self.retained_from(), time);
    }
}

fn at(start: Time, ms: u32) -> Option<Time> {
    (ms != NEVER).then(|| start.plus_ms(u64::from(ms)))
}

fn distance(start: Time, time: Option<Time>) -> u32 {
    time.map_or(NEVER, |time| u32::try_from(time.ms_since(start)).unwrap_or(NEVER).min(NEVER - 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tests::message;

    #[test]
    fn a_message_costs_at_most_136_bytes_beside_its_body() {
        assert!(size_of::<Slot>() <= 136, "{}", size_of::<Slot>());
        assert_eq!(size_of::<Option<Slot>>(), size_of::<Slot>(), "an empty slot needs no flag of its own");
    }

    #[test]
    fn times_survive_the_packing() {
        let mut slot = Slot::new(message(1, Time(1_000)), 1);
        assert_eq!((slot.first_received(), slot.received_at()), (None, None));
        slot.set_first_received(Some(Time(1_000)));
        slot.set_received_at(Some(Time(1_209_601_000)));
        assert_eq!(slot.first_received(), Some(Time(1_000)));
        assert_eq!(slot.received_at(), Some(Time(1_209_601_000)));
        slot.set_first_received(Some(Time(u64::MAX)));
        assert_eq!(slot.first_received(), Some(Time(1_000 + u64::from(u32::MAX) - 1)));
        slot.set_first_received(Some(Time(3)));
        assert_eq!(slot.first_received(), Some(Time(1_000)), "a clock that went back");
    }

    #[test]
    fn the_start_of_retention_is_kept_apart_only_where_it_differs() {
        let mut arrived = message(1, Time(5));
        assert_eq!(Slot::new(arrived.clone(), 1).retained_from(), Time(5));
        arrived.retained_from = Time(9);
        let slot = Slot::new(arrived.clone(), 1);
        assert_eq!(slot.retained_from(), Time(9));
        let back = slot.into_message(None);
        assert_eq!(back.retained_from, Time(9));
        let again = Slot::new(Message { retained_from: Time(5), ..back }, 2);
        assert_eq!(again.retained_from(), Time(5));
    }
}
