//! Counting: the approximate numbers after a restart, and what must be gone after a queue was drained.

use super::{Audit, Message, Removal};
use crate::client::Span;
use crate::content::{SOURCE, family, is_fifo};

/// `ApproximateNumberOfMessages`, `...NotVisible`, `...Delayed`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub visible: usize,
    pub in_flight: usize,
    pub delayed: usize,
}

impl Counts {
    pub fn total(self) -> usize {
        self.visible + self.in_flight + self.delayed
    }
}

/// For how long after a send it may be repeated; well below the five minutes for which a FIFO queue knows it.
pub const REPEATABLE_MS: u64 = 200_000;
/// For how long the auditor knows it.
const REMEMBERED_MS: u64 = REPEATABLE_MS + 60_000;

impl Audit {
    /// The counters of a family of queues, read while nothing else happened since the restart.
    pub fn counted(&mut self, queue: &'static str, counts: Counts, span: Span) {
        let of_queue = || self.messages.iter().filter(|(_, message)| message.queue == queue);
        let sure = of_queue().filter(|(_, message)| message.surely_there()).count();
        let possible = |message: &Message| !matches!(message.removal, Removal::Done { .. });
        let most = of_queue().filter(|(_, message)| possible(message)).count();
        let hidden = of_queue()
            .filter(|(key, message)| {
                let holder = message.hold.as_ref().map_or(queue, |hold| hold.queue);
                message.surely_there() && self.surely_hidden(key, holder, span.ended_ms)
            })
            .count();
        let delayed = of_queue()
            .filter(|(_, message)| {
                message.surely_there() && message.sending.began_ms + message.delay_ms > span.ended_ms + self.margin_ms
            })
            .count();
        let total = counts.total();
        if total < sure || total > most {
            self.complain(format!("{queue} counts {counts:?}, but has at least {sure} and at most {most} messages"));
        }
        if counts.in_flight < hidden {
            self.complain(format!("{queue} counts {counts:?}, but {hidden} are certainly in flight"));
        }
        if counts.delayed < delayed {
            self.complain(format!("{queue} counts {counts:?}, but {delayed} are certainly delayed"));
        }
        self.settle_purge(queue, total);
    }

    /// A purge without an answer took everything or nothing.
    fn settle_purge(&mut self, queue: &'static str, total: usize) {
        let Some(count) = self.books.entry(queue).or_default().purge_in_doubt.take() else { return };
        let of_queue = self.messages.values_mut().filter(|message| message.queue == queue);
        let mut others = 0;
        let mut doubtful = Vec::new();
        for message in of_queue {
            match message.removal {
                Removal::Doubt { .. } if message.known => doubtful.push(message),
                Removal::Done { .. } => {}
                _ => others += 1,
            }
        }
        // Others are sends in doubt: whoever purges does nothing else meanwhile.
        let (purged, kept) = (total <= others, total >= count);
        if kept && !purged {
            doubtful.into_iter().for_each(|message| message.removal = Removal::No);
        } else if !purged {
            self.complain(format!("{queue}: half purged, {total} of {count} messages are left"));
        }
    }

    /// The messages that are certainly there and due, for those who look for them.
    pub fn expected(&self, queue: &'static str, now_ms: u64) -> Vec<String> {
        const SOON_MS: u64 = 60_000;
        let due = |message: &Message| message.sending.began_ms + message.delay_ms < now_ms + SOON_MS;
        let expected = |message: &Message| message.queue == family(queue) && message.surely_there() && due(message);
        self.messages.iter().filter(|(_, message)| expected(message)).map(|(key, _)| key.clone()).collect()
    }

    /// The receipts with which messages that may be there may be hidden still: queue, key, handle.
    pub fn receipts(&self) -> Vec<(&'static str, String, String)> {
        let there = self.messages.iter().filter(|(_, message)| !matches!(message.removal, Removal::Done { .. }));
        let held = there.filter_map(|(key, message)| Some((message.hold.as_ref()?, key)));
        held.map(|(hold, key)| (hold.queue, key.clone(), hold.handle.clone())).collect()
    }

    /// A family of queues was emptied: whatever certainly was there was received and deleted. What is still there was lost.
    pub fn drained(&mut self, queue: &'static str, now_ms: u64) {
        for key in self.expected(queue, now_ms) {
            self.complain_of(&key, "lost: acknowledged, never deleted, and not there");
        }
        // What was in doubt and did not show itself is not there. What a FIFO queue remembers is kept for as long.
        self.messages.retain(|_, message| {
            let waits = message.sending.began_ms + message.delay_ms > now_ms;
            let remembered = is_fifo(queue) && message.known && message.sending.began_ms + REMEMBERED_MS > now_ms;
            message.queue != family(queue) || waits || remembered
        });
        for message in self.messages.values_mut().filter(|message| message.queue == family(queue)) {
            if matches!(message.removal, Removal::Doubt { .. } | Removal::Begun) {
                message.removal = Removal::Done { acknowledged_ms: now_ms };
            }
        }
        if queue == SOURCE {
            self.moves = false;
        }
    }

    /// How many messages certainly wait for a delay that is longer than anyone will wait.
    pub fn long_delayed(&self, queue: &'static str, now_ms: u64) -> (usize, usize) {
        let waits = |message: &&Message| message.queue == queue && message.sending.began_ms + message.delay_ms > now_ms;
        let waiting = self.messages.values().filter(waits);
        (waiting.clone().filter(|message| message.known).count(), waiting.count())
    }
}
