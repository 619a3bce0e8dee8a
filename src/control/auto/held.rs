//! Why auto-advance does not jump, in words that a person understands.

use crate::control::duration::Span;
use crate::engine::MessageId;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// One reason why the clock does not jump now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldBy {
    /// The reason, in a word.
    pub why: Why,
    /// The queue that it is about, if it is about one.
    pub queue: Option<String>,
    /// How many of them.
    pub count: Option<u64>,
    /// For how long it has been so, in real time.
    pub since: Duration,
    /// What to do about it.
    pub hint: String,
}

/// A reason why the clock does not jump.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// A request has been read and not been answered.
    Served,
    /// A part of a request has come.
    HalfRequest,
    /// It has not been quiet for long enough.
    Settling,
    /// A test holds it.
    Hold,
    /// A message is in flight, and its consumers are not declared or not all parked.
    InFlight,
    /// There is nothing to jump to for which anybody waits.
    NoTarget,
    /// The clock has come as far as was asked for.
    Until,
    /// Somebody else turns the clock just now.
    Turning,
}

impl Why {
    /// The word in answers.
    pub fn name(self) -> &'static str {
        match self {
            Why::Served => "served",
            Why::HalfRequest => "halfRequest",
            Why::Settling => "settling",
            Why::Hold => "hold",
            Why::InFlight => "inFlight",
            Why::NoTarget => "noTarget",
            Why::Until => "until",
            Why::Turning => "turning",
        }
    }
}

impl HeldBy {
    /// As in answers.
    pub fn json(&self) -> Value {
        let mut members = Map::new();
        members.insert("why".to_owned(), self.why.name().into());
        if let Some(queue) = &self.queue {
            members.insert("queue".to_owned(), queue.as_str().into());
        }
        if let Some(count) = self.count {
            members.insert("count".to_owned(), count.into());
        }
        members.insert("for".to_owned(), Span(self.since).to_string().into());
        members.insert("hint".to_owned(), self.hint.as_str().into());
        Value::Object(members)
    }

    /// In a line.
    pub fn text(&self) -> String {
        let queue = self.queue.as_deref().map(|queue| format!(" {queue}")).unwrap_or_default();
        let count = self.count.map(|count| format!(" {count}")).unwrap_or_default();
        format!("{}{queue}{count} for {}: {}", self.why.name(), Span(self.since), self.hint)
    }
}

/// Why auto-advance has come to its end by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// One message was handed out again and again by jumps.
    PoisonLoop {
        /// The queue.
        queue: String,
        /// The message.
        message: MessageId,
        /// How often jumps handed it out.
        handed_out: u64,
    },
    /// The clock has jumped as often as it may.
    MaxJumps {
        /// So often.
        jumps: u64,
    },
}

impl Stopped {
    /// The word in answers.
    pub fn name(&self) -> &'static str {
        match self {
            Stopped::PoisonLoop { .. } => "poisonLoop",
            Stopped::MaxJumps { .. } => "maxJumps",
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Stopped::PoisonLoop { queue, message, handed_out } => format!(
                "{message} in `{queue}` was handed out {handed_out} times and never deleted: give `{queue}` a dead-letter queue, \
                 or mend its consumer"
            ),
            Stopped::MaxJumps { jumps } => format!("the clock jumped {jumps} times: ask for more by maxJumps"),
        }
    }

    /// As in answers.
    pub fn json(&self) -> Value {
        let mut stopped = json!({"why": self.name(), "hint": self.hint()});
        match self {
            Stopped::PoisonLoop { queue, message, handed_out } => {
                stopped["queue"] = queue.as_str().into();
                stopped["messageId"] = message.to_string().into();
                stopped["handedOut"] = (*handed_out).into();
            }
            Stopped::MaxJumps { jumps } => stopped["jumps"] = (*jumps).into(),
        }
        stopped
    }
}
