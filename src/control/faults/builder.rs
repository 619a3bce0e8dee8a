//! Rules built in Rust: `Fault::lost_answer().on(Operation::SendMessage).nth([2])`.

use super::fault::{CallerMatch, Fault, How, Late, Polls, While};
use super::kind::FaultKind;
use crate::api::Operation;
use crate::control::duration::Span;
use crate::control::matcher::Matcher;
use crate::error::ErrorKind;
use std::time::Duration;

/// Which fault.
impl Fault {
    /// `RequestThrottled`, and nothing is done.
    pub fn throttle() -> Fault {
        Fault::new(FaultKind::Throttle)
    }

    /// This error, and nothing is done.
    pub fn error(code: ErrorKind) -> Fault {
        Fault { code: Some(code), ..Fault::new(FaultKind::Error) }
    }

    /// 503 `ServiceUnavailable`, and nothing is done.
    pub fn unavailable() -> Fault {
        Fault::new(FaultKind::Unavailable)
    }

    /// The connection is reset, and nothing is done.
    pub fn lost_request() -> Fault {
        Fault::new(FaultKind::LostRequest)
    }

    /// All is done, and the connection is reset in place of the answer.
    pub fn lost_answer() -> Fault {
        Fault::new(FaultKind::LostAnswer)
    }

    /// The action begins late, in real time.
    pub fn latency(by: Duration) -> Fault {
        let ms = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        Fault { ms: Some(ms), ..Fault::new(FaultKind::Latency) }
    }

    /// A received message is received once more.
    pub fn duplicate() -> Fault {
        Fault::new(FaultKind::Duplicate)
    }

    /// A deleted message comes back once, so long after its deletion.
    pub fn resurrect(after: Duration) -> Fault {
        Fault { after: Some(Span(after)), ..Fault::new(FaultKind::Resurrect) }
    }

    /// A receive finds nothing, though messages are there.
    pub fn empty_receive() -> Fault {
        Fault::new(FaultKind::EmptyReceive)
    }

    /// Entries of a batch fail.
    pub fn partial_batch() -> Fault {
        Fault::new(FaultKind::PartialBatch)
    }

    /// Messages are received in another order within a window of so many.
    pub fn reorder(window: usize) -> Fault {
        Fault { window: Some(window), ..Fault::new(FaultKind::Reorder) }
    }

    /// Receipt handles are not valid any more.
    pub fn handle_expired() -> Fault {
        Fault::new(FaultKind::HandleExpired)
    }

    /// Counts are as old as this, in real time.
    pub fn stale_counts(lag: Duration) -> Fault {
        Fault { lag: Some(Span(lag)), ..Fault::new(FaultKind::StaleCounts) }
    }

    /// The body of a received message is not that of its MD5.
    pub fn corrupt() -> Fault {
        Fault::new(FaultKind::Corrupt)
    }

    /// What happens on AWS, as rarely as there.
    pub fn aws_like() -> Fault {
        Fault::new(FaultKind::AwsLike)
    }
}

/// What is hit, and when.
impl Fault {
    /// Gives the rule an id.
    pub fn id(mut self, id: impl Into<String>) -> Fault {
        self.id = Some(id.into());
        self
    }

    /// Hits this action. May be called again.
    pub fn on(mut self, action: Operation) -> Fault {
        self.on.actions.push(action);
        self
    }

    /// Hits the queue of this name.
    pub fn queue(mut self, name: impl Into<String>) -> Fault {
        self.on.queue = Some(name.into());
        self
    }

    /// Hits requests with such a message.
    pub fn message(mut self, matcher: Matcher) -> Fault {
        self.on.message = Some(matcher);
        self
    }

    /// Hits clients whose `User-Agent` contains this.
    pub fn user_agent(mut self, part: impl Into<String>) -> Fault {
        self.on.caller.get_or_insert_with(CallerMatch::default).user_agent = Some(part.into());
        self
    }

    /// Hits clients of this account.
    pub fn account(mut self, account: impl Into<String>) -> Fault {
        self.on.caller.get_or_insert_with(CallerMatch::default).account = Some(account.into());
        self
    }

    /// Fires by chance, drawn from the seed.
    pub fn probability(mut self, probability: f64) -> Fault {
        self.when.probability = Some(probability);
        self
    }

    /// Fires at these matches, counted from 1.
    pub fn nth(mut self, nth: impl IntoIterator<Item = u64>) -> Fault {
        self.when.nth = nth.into_iter().collect();
        self
    }

    /// Fires at the first so many matches.
    pub fn first(mut self, matches: u64) -> Fault {
        self.when.first = Some(matches);
        self
    }

    /// Fires at every so manieth match.
    pub fn every(mut self, matches: u64) -> Fault {
        self.when.every = Some(matches);
        self
    }

    /// Fires at all matches behind the first so many.
    pub fn after_first(mut self, matches: u64) -> Fault {
        self.when.after = Some(matches);
        self
    }

    /// Fires at most so often.
    pub fn times(mut self, times: u64) -> Fault {
        self.when.times = Some(times);
        self
    }

    /// Ends after so long, in real time.
    pub fn ttl(mut self, ttl: Duration) -> Fault {
        self.ttl = Some(Span(ttl));
        self
    }
}

/// How.
impl Fault {
    /// How an answer is lost.
    pub fn how(mut self, how: How) -> Fault {
        self.how = Some(how);
        self
    }

    /// How many milliseconds more or less.
    pub fn jitter(mut self, ms: u64) -> Fault {
        self.jitter = Some(ms);
        self
    }

    /// Makes the answer late after the action rather than before it.
    pub fn after_action(mut self) -> Fault {
        self.at = Some(Late::After);
        self
    }

    /// How many more receives get a message.
    pub fn copies(mut self, copies: u32) -> Fault {
        self.copies = Some(copies);
        self
    }

    /// Has duplicates only while the message is in flight.
    pub fn while_in_flight(mut self) -> Fault {
        self.while_ = Some(While::InFlight);
        self
    }

    /// Leaves long polls alone.
    pub fn short_polls(mut self) -> Fault {
        self.polls = Some(Polls::Short);
        self
    }

    /// How many entries of a batch fail.
    pub fn entries(mut self, entries: usize) -> Fault {
        self.entries = Some(entries);
        self
    }

    /// The error with which entries of a batch fail.
    pub fn code(mut self, code: ErrorKind) -> Fault {
        self.code = Some(code);
        self
    }

    /// Another HTTP status than that of the error.
    pub fn status(mut self, status: u16) -> Fault {
        self.status = Some(status);
        self
    }
}
