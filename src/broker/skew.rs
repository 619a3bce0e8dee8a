//! Moments out of a store that lie later than now: it was written under a clock that was ahead, or this one is behind.
//!
//! Which of the two it is cannot be known. So everything that has happened is taken to have happened by now, and nothing stays hidden
//! or refused for longer than was asked for; but the retention period of a message is left as it is, because a clock that is set
//! right later must not find all messages expired.

use crate::api::limits::{DELAY_SECONDS_MAX, VISIBILITY_TIMEOUT_SECONDS_MAX};
use crate::engine::{Effect, MessageState, StoredMessage, Time};
use crate::store::{MoveTaskRecord, QueueRecord};

/// A store whose newest moment is later than now by no more milliseconds is not worth a word.
const TOLERATED_MS: u64 = 60_000;

/// What was found while a store was loaded.
pub(super) struct Skew {
    now: Time,
    /// The newest moment at which anything happened.
    newest: Time,
    /// Messages with a moment later than now.
    messages: u64,
    /// Queues with a moment later than now.
    queues: u64,
    /// Messages whose retention period is over.
    expired: u64,
}

impl Skew {
    pub(super) fn new(now: Time) -> Skew {
        Skew { now, newest: Time(0), messages: 0, queues: 0, expired: 0 }
    }

    /// Takes a moment at which something happened to be now at the latest. Whether it was later.
    pub(super) fn past(&mut self, moment: &mut Time) -> bool {
        self.newest = self.newest.max(*moment);
        let later = *moment > self.now;
        *moment = self.now.min(*moment);
        later
    }

    fn past_if_any(&mut self, moment: &mut Option<Time>) -> bool {
        moment.as_mut().is_some_and(|moment| self.past(moment))
    }

    pub(super) fn queue(&mut self, record: &mut QueueRecord) {
        let created = self.past(&mut record.created);
        let modified = self.past(&mut record.modified);
        let purged = self.past_if_any(&mut record.purged);
        self.queues += u64::from(created || modified || purged);
    }

    pub(super) fn move_task(&mut self, record: &mut MoveTaskRecord) {
        self.past(&mut record.started);
    }

    /// `retention_seconds` is what the queue is set to.
    pub(super) fn effect(&mut self, effect: &mut Effect, retention_seconds: u32) {
        match effect {
            Effect::Stored(stored) => {
                let expires = stored.message.retained_from.plus_seconds(retention_seconds.into());
                self.expired += u64::from(expires <= self.now);
                let later = self.message(stored);
                self.messages += u64::from(later);
            }
            Effect::Remembered { first_sent: at, .. } | Effect::Attempted { at, .. } => {
                self.past(at);
            }
            Effect::Changed { .. } | Effect::Removed { .. } | Effect::Purged { .. } | Effect::Counter { .. } => {}
        }
    }

    fn message(&mut self, stored: &mut StoredMessage) -> bool {
        let StoredMessage { status, message, .. } = stored;
        let (hidden_from, seconds_max) = match status.state {
            MessageState::Delayed => (Some(message.sent), DELAY_SECONDS_MAX),
            MessageState::InFlight | MessageState::Visible => (status.received_at, VISIBILITY_TIMEOUT_SECONDS_MAX),
        };
        let mut later = false;
        if let Some(deadline) = &mut status.deadline {
            // Hidden from later than now on: for as long as that, but from now on.
            let ahead = hidden_from.filter(|from| from <= deadline).map_or(0, |from| from.ms_since(self.now));
            let longest = self.now.plus_seconds(seconds_max.unsigned_abs());
            let mended = Time(deadline.as_ms().saturating_sub(ahead)).min(longest);
            later |= mended != *deadline;
            *deadline = mended;
        }
        later |= self.past(&mut message.sent);
        later |= self.past_if_any(&mut status.received_at);
        later |= self.past_if_any(&mut status.first_received);
        message.first_received = status.first_received;
        later
    }

    /// Says in the log what is odd about the clock.
    pub(super) fn tell(&self) {
        let Skew { now, newest, messages, queues, expired } = self;
        if newest.ms_since(*now) > TOLERATED_MS {
            tracing::warn!(
                "it is {now}, but the store was last written at {newest}: the clock was ahead then, or is behind now; \
                 {messages} messages and {queues} queues are taken as of now"
            );
        }
        if *expired > 0 {
            tracing::warn!(
                "it is {now}, and {expired} messages are past their retention period and gone; the store was last written \
                 at {newest}"
            );
        }
    }
}
