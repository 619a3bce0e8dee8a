//! Which deduplication ids of which queue expire when, for stores that delete them by the numbers of their messages.
//!
//! Looking for them by their time would read a table that holds those of five minutes. So a store notes, about once a
//! second and queue, that all up to one number had been accepted by then.

use std::collections::VecDeque;

use crate::engine::{DEDUPLICATION_WINDOW_MS, Time};

/// Deduplication ids of a queue expire together if they were accepted within this many milliseconds.
const MARK_MS: u64 = 1_000;

/// All deduplication ids of a queue up to this number were accepted at this time or before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ExpiryMark {
    pub at: Time,
    pub queue: u64,
    pub number: u64,
}

/// The marks of all queues, oldest first.
#[derive(Debug, Default)]
pub(super) struct ExpiryMarks(VecDeque<ExpiryMark>);

impl ExpiryMarks {
    /// Notes an accepted deduplication id. `marked` is when the newest mark of its queue was made: ids that follow a
    /// marked one closely wait for the next mark; `last` says that there will be none.
    pub(super) fn note(&mut self, marked: &mut Option<Time>, mark: ExpiryMark, last: bool) {
        if last || marked.is_none_or(|marked| mark.at.ms_since(marked) >= MARK_MS) {
            *marked = Some(mark.at);
            self.0.push_back(mark);
        }
    }

    /// Takes the next mark that has expired.
    pub(super) fn expired(&mut self, now: Time) -> Option<ExpiryMark> {
        self.0.front().filter(|mark| now.ms_since(mark.at) >= DEDUPLICATION_WINDOW_MS)?;
        self.0.pop_front()
    }

    /// Until when ids up to which number had been accepted.
    #[cfg(feature = "postgres")]
    pub(super) fn into_pairs(self) -> Vec<(Time, u64)> {
        self.0.into_iter().map(|mark| (mark.at, mark.number)).collect()
    }

    /// Puts marks back whose rows could not be deleted.
    #[cfg(feature = "postgres")]
    pub(super) fn give_back(&mut self, marks: Vec<ExpiryMark>) {
        for mark in marks.into_iter().rev() {
            self.0.push_front(mark);
        }
    }
}
