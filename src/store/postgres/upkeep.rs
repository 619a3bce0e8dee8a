//! Keeping the tables small, in small transactions of their own that wait for no disk: what is lost of them is done
//! again. They are fenced like commits, and any number of nodes may do them at once.

use super::columns::whole;
use super::commit::{Call, Link, Param};
use super::statements::Which;
use super::write::Queues;
use crate::engine::{ATTEMPT_WINDOW_MS, Time};
use crate::store::expiry::ExpiryMark;
use crate::store::{DELETED_NAME_MS, StoreError};

/// Rows of purged and deleted queues that are cleared away in one step.
const ROWS_PER_STEP: i32 = 5_000;

/// Marks of old deduplication ids that one step clears away; each stands for about a second of a queue.
const MARKS_PER_STEP: usize = 64;

/// What is later than now by more than this is not of another node whose clock is a little ahead.
const CLOCKS_APART_MS: u64 = 10_000;

/// What has become too old is looked for every so many milliseconds.
const FORGET_MS: u64 = 10_000;

/// What there may be to do.
#[derive(Debug, Default)]
pub(super) struct Upkeep {
    forgot: Time,
    /// Marks before this one are deleted.
    marks_below: u64,
}

impl Upkeep {
    /// One step. Returns whether more is due.
    pub(super) async fn step(&mut self, link: &mut Link, queues: &mut Queues, now: Time) -> Result<bool, StoreError> {
        if queues.discarded {
            let clear = Call { which: Which::Clear, params: vec![Box::new(ROWS_PER_STEP)] };
            // If it did not take place, the next commit finds out why; then it is tried again.
            let Some(touched) = link.tidy(&[clear]).await? else { return Ok(false) };
            queues.discarded = touched.get(1).is_some_and(|&rows| rows > 0);
            return Ok(true);
        }
        // A clock that went back must not stop this for long.
        if now >= self.forgot && now.ms_since(self.forgot) < FORGET_MS {
            return Ok(false);
        }
        let below = link.settled();
        let marks: Vec<ExpiryMark> = std::iter::from_fn(|| queues.expired(now)).take(MARKS_PER_STEP).collect();
        let calls = self.forget(link.node, below, &marks, now);
        if link.tidy(&calls).await?.is_none() {
            queues.give_back(marks);
            return Ok(false);
        }
        self.marks_below = below;
        let more = marks.len() == MARKS_PER_STEP;
        self.forgot = if more { self.forgot } else { now };
        Ok(more)
    }

    /// Deletes what has become too old.
    fn forget(&self, node: i64, below: u64, marks: &[ExpiryMark], now: Time) -> Vec<Call<'static>> {
        let before = |window_ms: u64| whole(now.as_ms().saturating_sub(window_ms));
        let future = whole(now.as_ms().saturating_add(CLOCKS_APART_MS));
        let call = |which, params: &[i64]| Call {
            which,
            params: params.iter().map(|&param| -> Param<'static> { Box::new(param) }).collect(),
        };
        let mut calls = vec![
            // First, as in commits.
            call(Which::NoteForgotten, &[]),
            call(Which::ForgetGoneQueues, &[]),
            call(Which::ForgetAttempts, &[before(ATTEMPT_WINDOW_MS), future]),
            call(Which::ForgetNames, &[before(DELETED_NAME_MS), future]),
            call(Which::ForgetMarks, &[node, whole(self.marks_below), whole(below)]),
            call(Which::ForgetMarksOfGone, &[]),
            call(Which::ForgetClaims, &[]),
            call(Which::ForgetBeatsOfGone, &[]),
            call(Which::ForgetNodes, &[]),
            call(Which::TurnBackLost, &[]),
        ];
        // Numbers of a queue that was deleted are nobody else's.
        let ids = marks.iter().map(|mark| call(Which::ForgetIds, &[mark.queue.cast_signed(), whole(mark.number)]));
        calls.extend(ids);
        calls
    }
}
