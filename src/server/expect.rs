//! What a test expects of a queue: now, or within a time, with the reason in words if it does not come to be.

use super::auto::{Auto, blocking};
use crate::control::awaits::{Bounds, Condition, Counter, Gauge, MessageClause, Missed, State, wait};
use crate::control::{AutoOptions, Matcher, Space};
use std::fmt;
use std::ops::{RangeFrom, RangeInclusive, RangeToInclusive};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

/// A count that is expected: `3`, `1..`, `..=5`, `1..=5`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count(Bounds);

macro_rules! counts {
    ($($number:ty)*) => { $(
        impl From<$number> for Count {
            fn from(count: $number) -> Count {
                Count(Bounds::exactly(whole(count)))
            }
        }

        impl From<RangeFrom<$number>> for Count {
            fn from(range: RangeFrom<$number>) -> Count {
                Count(Bounds::at_least(whole(range.start)))
            }
        }

        impl From<RangeToInclusive<$number>> for Count {
            fn from(range: RangeToInclusive<$number>) -> Count {
                Count(Bounds::at_most(whole(range.end)))
            }
        }

        impl From<RangeInclusive<$number>> for Count {
            fn from(range: RangeInclusive<$number>) -> Count {
                Count(Bounds { min: whole(*range.start()), max: whole(*range.end()) })
            }
        }
    )* };
}

counts! { i32 u64 usize }

/// A count that is below zero is none.
fn whole(count: impl TryInto<u64>) -> u64 {
    count.try_into().unwrap_or(0)
}

/// What is expected of a queue, all at one moment.
#[must_use = "nothing is looked at before `now` or `within`"]
#[derive(Clone)]
pub struct Expect<'a> {
    space: &'a Arc<Space>,
    condition: Condition,
    auto: Option<AutoOptions>,
}

/// What was expected did not come to be. Its text is for the log of a test: what was wanted and seen, the messages that come nearest,
/// what happened last, and what may help.
pub struct NotMet(Box<Missed>);

impl fmt::Display for NotMet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The text too: a test that ends with `?` shows this.
impl fmt::Debug for NotMet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n{}", self.0)
    }
}

impl std::error::Error for NotMet {}

/// Methods for what is counted.
macro_rules! counted {
    ($($(#[$doc:meta])* $name:ident: $add:ident $what:expr;)*) => { $(
        $(#[$doc])*
        pub fn $name(self, count: impl Into<Count>) -> Self {
            self.$add($what, count.into())
        }
    )* };
}

impl<'a> Expect<'a> {
    pub(super) fn new(space: &'a Arc<Space>, queue: String) -> Expect<'a> {
        let mut condition = Condition::default();
        condition.clause.queue = Some(queue);
        Expect { space, condition, auto: None }
    }

    counted! {
        /// So many messages that can be received.
        visible: gauge Gauge::Visible;
        /// So many messages that were received and are hidden.
        in_flight: gauge Gauge::InFlight;
        /// So many messages whose delay has not ended.
        delayed: gauge Gauge::Delayed;
        /// So many messages in whatever state.
        messages: gauge Gauge::Messages;
        /// So many receives that wait for a message.
        parked: gauge Gauge::Parked;
        /// So many messages were sent, since the start or the last reset.
        sent: counter Counter::Sent;
        /// So many messages were handed out.
        received: counter Counter::Received;
        /// So many messages were deleted.
        deleted: counter Counter::Deleted;
        /// So many messages left for the dead-letter queue.
        dead_lettered: counter Counter::DeadLettered;
        /// So many messages expired.
        expired: counter Counter::Expired;
        /// So many receives ended with nothing.
        empty_receives: counter Counter::EmptyReceives;
        /// So many sends were duplicates.
        deduplicated: counter Counter::Deduplicated;
    }

    /// No message in whatever state.
    pub fn empty(self) -> Self {
        self.messages(0)
    }

    /// A message whose body contains a text.
    pub fn containing(mut self, text: &str) -> Self {
        let matcher = Matcher { contains: Some(text.to_owned()), ..Matcher::default() };
        self.condition.clause.message = Some(MessageClause { matcher, state: State::Any, receives: None, since: 0 });
        self
    }

    /// It is so for this long.
    pub fn stable(mut self, time: Duration) -> Self {
        self.condition.stable = time;
        self
    }

    /// No request but parked receives for this long.
    pub fn quiet(mut self, time: Duration) -> Self {
        self.condition.quiet = time;
        self
    }

    /// Lets the clock jump whenever all is quiet, for as long as this is waited for.
    pub fn auto(mut self, auto: Auto) -> Self {
        self.auto = Some(auto.0);
        self
    }

    fn gauge(mut self, gauge: Gauge, Count(bounds): Count) -> Self {
        self.condition.clause.gauges.push((gauge, bounds));
        self
    }

    fn counter(mut self, counter: Counter, Count(bounds): Count) -> Self {
        self.condition.clause.counters.push((counter, bounds, 0));
        self
    }

    /// Whether it is so now.
    ///
    /// # Errors
    /// If it is not, and why.
    #[track_caller]
    pub fn now(self) -> Result<(), NotMet> {
        self.within_blocking(Duration::ZERO)
    }

    /// Waits until it is so, at most this long in real time and at most ten minutes.
    ///
    /// # Errors
    /// If it does not come to be, and why.
    pub async fn within(self, time: Duration) -> Result<(), NotMet> {
        let (done, answer) = oneshot::channel();
        let space = self.space.shared().clone();
        let work = self.work(time);
        let spawned = space.background.spawn(async move {
            // Nobody listens if the caller gave up.
            let _ = done.send(work.await);
        });
        let _ended = spawned.ok().map(Ended);
        // Only the end of the server drops the sender, and the caller holds the server.
        answer.await.unwrap_or(Ok(()))
    }

    /// The same for code that is not async.
    ///
    /// # Errors
    /// As [`Expect::within`].
    #[track_caller]
    pub fn within_blocking(self, time: Duration) -> Result<(), NotMet> {
        let space = self.space.clone();
        blocking(&space, self.work(time))
    }

    fn work(self, time: Duration) -> impl Future<Output = Result<(), NotMet>> + Send + use<> {
        let Expect { space, mut condition, auto } = self;
        condition.timeout = time;
        let space = space.clone();
        async move {
            let met = wait(&space, &condition, auto).await;
            met.map(|_| ()).map_err(|missed| NotMet(Box::new(missed)))
        }
    }
}

/// Ends a task when it is dropped.
struct Ended(AbortHandle);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.abort();
    }
}
