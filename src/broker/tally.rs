//! What has happened in a queue, as plain counts under the queue's lock: what metrics are made of when somebody reads them.

use crate::engine::{Cause, Delivery, Time};
use crate::histogram::Histogram;
use std::sync::Arc;

/// Upper bounds of the sizes of sent messages, in bytes: 1 KiB to 1 MiB.
pub const SIZE_BOUNDS: [u64; 6] = [1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20];
/// Upper bounds of times that messages take, in milliseconds: 10 ms to an hour.
pub const TIME_BOUNDS_MS: [u64; 14] =
    [10, 50, 100, 500, 1_000, 5_000, 10_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_800_000, 3_600_000];
/// Dead-letter queues of one queue that are told apart; what goes to more of them is counted with the last.
const TARGETS_MAX: usize = 16;

/// What CloudWatch sums up over a period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flows {
    /// Messages sent.
    pub sent: u64,
    /// Messages received, each time.
    pub received: u64,
    /// Successful deletions, also of what was gone.
    pub deleted: u64,
    /// Receives that ended with nothing.
    pub empty_receives: u64,
    /// Sends that were duplicates.
    pub deduplicated: u64,
    /// Bytes sent.
    pub sent_bytes: u64,
}

impl Flows {
    fn since(self, before: Flows) -> Flows {
        Flows {
            sent: self.sent - before.sent,
            received: self.received - before.received,
            deleted: self.deleted - before.deleted,
            empty_receives: self.empty_receives - before.empty_receives,
            deduplicated: self.deduplicated - before.deduplicated,
            sent_bytes: self.sent_bytes - before.sent_bytes,
        }
    }
}

/// The last complete period, and what is needed to complete the next.
#[derive(Clone, Copy, Debug, Default)]
struct Periods {
    /// When the present one ends.
    ends: Time,
    /// What there was before it.
    before: Flows,
    /// The largest message sent in it.
    largest: u64,
    last: Flows,
    last_largest: u64,
}

/// What has happened in a queue since it was made or loaded.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    by_cause: [u64; Cause::COUNT],
    /// Successful deletions, also of what was gone.
    pub deleted: u64,
    /// Deliveries of messages that had been received here before.
    pub redelivered: u64,
    /// Dead letters by the name of the queue that they went to.
    pub dead_lettered: Vec<(Arc<str>, u64)>,
    /// Sizes of sent messages.
    pub sizes: Histogram<6>,
    /// From sending, or arriving as a dead letter, to the first receive here, in milliseconds, without the delay of the queue.
    pub waits: Histogram<14>,
    /// From a receive to the deletion with its receipt handle, in milliseconds.
    pub processing: Histogram<14>,
    periods: Periods,
}

impl Tally {
    /// Counts one event.
    pub(super) fn happened(&mut self, cause: Cause) {
        self.by_cause[cause as usize] += 1;
    }

    /// How many events there were of a cause.
    pub fn of(&self, cause: Cause) -> u64 {
        self.by_cause[cause as usize]
    }

    /// Counts the bytes of a message that was sent.
    pub(super) fn sent(&mut self, bytes: usize) {
        self.sizes.add(&SIZE_BOUNDS, bytes as u64);
        self.periods.largest = self.periods.largest.max(bytes as u64);
    }

    /// Counts what is delivered of messages; the deliveries themselves are counted as events.
    pub(super) fn delivered(&mut self, now: Time, delay_ms: u64, deliveries: &[Delivery]) {
        for delivery in deliveries {
            let extra = delivery.extra.as_deref();
            let elsewhere = extra.map_or(0, |extra| extra.receive_count_on_arrival);
            if delivery.receive_count > elsewhere + 1 {
                self.redelivered += 1;
                continue;
            }
            let sent = (elsewhere == 0).then_some(delivery.sent);
            let available = extra.and_then(|extra| extra.arrived.0).or(sent.map(|sent| sent.plus_ms(delay_ms)));
            if let Some(available) = available {
                self.waits.add(&TIME_BOUNDS_MS, now.ms_since(available));
            }
        }
    }

    /// Counts messages that go to a dead-letter queue.
    pub(super) fn dead_letters(&mut self, target: &Arc<str>, count: u64) {
        let full = self.dead_lettered.len() >= TARGETS_MAX;
        match self.dead_lettered.iter_mut().find(|(name, _)| name == target) {
            Some((_, counted)) => *counted += count,
            None if !full => self.dead_lettered.push((target.clone(), count)),
            None => self.dead_lettered[TARGETS_MAX - 1].1 += count,
        }
    }

    /// Counts a deletion, with the time of the receive if it is known. One that came too late is a measure of the work too.
    pub(super) fn deleted(&mut self, now: Time, received: Option<Time>, success: bool) {
        self.deleted += u64::from(success);
        if let Some(received) = received {
            self.processing.add(&TIME_BOUNDS_MS, now.ms_since(received));
        }
    }

    /// All that CloudWatch sums up over periods, so far.
    pub fn flows(&self) -> Flows {
        Flows {
            sent: self.of(Cause::Sent),
            received: self.of(Cause::Received),
            deleted: self.deleted,
            empty_receives: self.of(Cause::ReceivedNothing),
            deduplicated: self.of(Cause::Deduplicated),
            sent_bytes: self.sizes.sum,
        }
    }

    /// To be called before anything is counted: completes a period that is over.
    pub(super) fn begin(&mut self, now: Time, period_ms: u64) {
        if now >= self.periods.ends {
            self.turn(now, period_ms);
        }
    }

    /// Begins the period that `now` is in: they all begin at multiples of their length.
    #[cold]
    fn turn(&mut self, now: Time, period_ms: u64) {
        let flows = self.flows();
        let begins = now.as_ms() - now.as_ms() % period_ms;
        // The one that was going on may be the one before, or longer ago: then nothing happened in the one before.
        let (last, last_largest) = match self.periods.ends.as_ms() == begins {
            true => (flows.since(self.periods.before), self.periods.largest),
            false => Default::default(),
        };
        let ends = Time(begins.saturating_add(period_ms));
        self.periods = Periods { ends, before: flows, largest: 0, last, last_largest };
    }

    /// What happened in the last period that is complete, and the bytes of the largest message that was sent in it.
    pub fn last_period(&self) -> (Flows, u64) {
        (self.periods.last, self.periods.last_largest)
    }

    /// What outlives the queue.
    pub fn totals(&self) -> Totals {
        let Flows { sent, received, deleted, empty_receives, deduplicated, .. } = self.flows();
        Totals([
            sent,
            received,
            deleted,
            empty_receives,
            deduplicated,
            self.redelivered,
            self.dead_lettered.iter().map(|(_, count)| count).sum(),
            self.of(Cause::Expired),
            self.of(Cause::Moved),
        ])
    }
}

/// Counts of several queues, also of those that are gone, in the order of [`Totals::NAMES`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals(pub [u64; Totals::NAMES.len()]);

impl Totals {
    /// What is counted.
    pub const NAMES: [&str; 9] = [
        "messages_sent",
        "messages_received",
        "messages_deleted",
        "empty_receives",
        "messages_deduplicated",
        "messages_redelivered",
        "messages_dead_lettered",
        "messages_expired",
        "messages_moved",
    ];

    /// Adds those of another.
    pub fn add(&mut self, other: &Totals) {
        self.0.iter_mut().zip(other.0).for_each(|(own, other)| *own += other);
    }

    /// Those of another where they are higher.
    pub fn rise_to(&mut self, other: &Totals) {
        self.0.iter_mut().zip(other.0).for_each(|(own, other)| *own = other.max(*own));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60_000;

    #[test]
    fn a_period_is_complete_when_the_next_has_begun_and_gone_when_the_one_after_that_has() {
        let mut tally = Tally::default();
        tally.begin(Time(MINUTE / 2), MINUTE);
        tally.happened(Cause::Sent);
        tally.sent(700);
        assert_eq!(tally.last_period().0.sent, 0, "it is not over");
        tally.begin(Time(MINUTE - 1), MINUTE);
        assert_eq!(tally.last_period().0.sent, 0);
        tally.begin(Time(MINUTE), MINUTE);
        let (last, largest) = tally.last_period();
        assert_eq!((last.sent, last.sent_bytes, largest), (1, 700, 700));
        tally.happened(Cause::ReceivedNothing);
        tally.begin(Time(2 * MINUTE + 1), MINUTE);
        let (last, largest) = tally.last_period();
        assert_eq!((last.sent, last.empty_receives, largest), (0, 1, 0));
        tally.happened(Cause::Deduplicated);
        tally.begin(Time(7 * MINUTE), MINUTE);
        assert_eq!(tally.last_period(), Default::default(), "nothing happened in the minute before");
    }

    #[test]
    fn dead_letter_queues_are_told_apart_up_to_a_bound() {
        let mut tally = Tally::default();
        for number in 0..TARGETS_MAX + 3 {
            tally.dead_letters(&format!("dead-{number}").into(), 1);
        }
        tally.dead_letters(&"dead-0".into(), 5);
        assert_eq!((tally.dead_lettered.len(), tally.dead_lettered[0].1), (TARGETS_MAX, 6));
        assert_eq!(tally.totals().0[6], 5 + TARGETS_MAX as u64 + 3);
    }
}
