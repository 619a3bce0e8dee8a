//! What is awaited, as a tree that is judged as it is.

use super::bounds::Bounds;
use crate::control::matcher::Matcher;
use crate::engine::MessageState;
use serde_json::{Map, Value, json};
use std::fmt;
use std::time::Duration;

/// How long an await lasts unless said otherwise.
pub const TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);
/// An await lasts no longer than this.
pub const TIMEOUT_MAX: Duration = Duration::from_secs(600);

/// What is awaited, and for how long.
#[derive(Clone, Debug)]
pub struct Condition {
    /// What has to be so.
    pub clause: Clause,
    /// What must not become so meanwhile.
    pub never: Option<Clause>,
    /// It has to be so for this long.
    pub stable: Duration,
    /// Nothing but polls may have happened for this long.
    pub quiet: Duration,
    /// It ends early when nothing happened for this long and nothing will happen by itself.
    pub fail_fast: Option<Duration>,
    /// It ends after this long.
    pub timeout: Duration,
}

impl Default for Condition {
    fn default() -> Condition {
        Condition {
            clause: Clause::default(),
            never: None,
            stable: Duration::ZERO,
            quiet: Duration::ZERO,
            fail_fast: None,
            timeout: TIMEOUT_DEFAULT,
        }
    }
}

/// Conditions of which all have to hold at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Clause {
    /// The queue that gauges, counters and the message are about; all queues for the message if none is named.
    pub queue: Option<String>,
    /// How many messages or receives there are.
    pub gauges: Vec<(Gauge, Bounds)>,
    /// How often something happened behind a position of the history.
    pub counters: Vec<(Counter, Bounds, u64)>,
    /// There is such a message.
    pub message: Option<MessageClause>,
    /// These do not hold.
    pub not: Option<Box<Clause>>,
    /// One of these holds, if there are any.
    pub any: Vec<Clause>,
    /// All of these hold.
    pub all: Vec<Clause>,
}

/// Declares an enum whose variants have names in the API.
macro_rules! named {
    ($(#[$of_enum:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident $text:literal,)* }) => {
        $(#[$of_enum])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$doc])* $variant,)*
        }

        impl $name {
            /// All of them.
            pub const ALL: &[$name] = &[$($name::$variant,)*];

            /// Its name in the API.
            pub fn name(self) -> &'static str {
                match self {
                    $($name::$variant => $text,)*
                }
            }
        }
    };
}

named! {
    /// What there is so much of in a queue at a moment.
    Gauge {
        /// Messages that can be received.
        Visible "visible",
        /// Messages that were received and are hidden.
        InFlight "inFlight",
        /// Messages whose delay has not ended.
        Delayed "delayed",
        /// All messages.
        Messages "messages",
        /// Receives that wait for messages.
        Parked "parked",
    }
}

named! {
    /// What happened so often in a queue.
    Counter {
        /// SendMessage put a message in.
        Sent "sent",
        /// A message was handed out, and not given back because its client had gone.
        Received "received",
        /// DeleteMessage took a message out.
        Deleted "deleted",
        /// A message left for the dead-letter queue.
        DeadLettered "deadLettered",
        /// The retention period of a message ended.
        Expired "expired",
        /// A receive ended with nothing.
        EmptyReceives "emptyReceives",
        /// A SendMessage was a duplicate.
        Deduplicated "deduplicated",
    }
}

named! {
    /// The state that a message has to be in.
    State {
        /// It can be received.
        Visible "visible",
        /// It was received and is hidden.
        InFlight "inFlight",
        /// Its delay has not ended.
        Delayed "delayed",
        /// It was deleted.
        Deleted "deleted",
        /// It left for the dead-letter queue.
        Dead "dead",
        /// Its retention period ended.
        Expired "expired",
        /// Whatever state, also if it is gone.
        Any "any",
    }
}

impl State {
    /// That of a message in a queue.
    pub fn of(state: MessageState) -> State {
        match state {
            MessageState::Visible => State::Visible,
            MessageState::InFlight => State::InFlight,
            MessageState::Delayed => State::Delayed,
        }
    }

    /// Whether a message in it may be in a queue.
    pub fn may_be_present(self) -> bool {
        !matches!(self, State::Deleted | State::Dead | State::Expired)
    }

    /// Whether a message in it may have left its queue.
    pub fn may_be_gone(self) -> bool {
        !matches!(self, State::Visible | State::InFlight | State::Delayed)
    }
}

/// A message that has to be there.
#[derive(Clone, Debug, PartialEq)]
pub struct MessageClause {
    /// Which one.
    pub matcher: Matcher,
    /// Its state.
    pub state: State,
    /// How often it was received.
    pub receives: Option<Bounds>,
    /// If it is gone it left behind this position of the history.
    pub since: u64,
}

impl MessageClause {
    /// Whether state and receive count are as they have to be.
    pub fn is_so(&self, state: State, receives: u64) -> bool {
        (self.state == State::Any || self.state == state) && self.receives.is_none_or(|bounds| bounds.holds(receives))
    }
}

/// For people: `$.orderId = 1001, deleted, received at most 1 times`.
impl fmt::Display for MessageClause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.matcher)?;
        match self.state {
            State::Any => {}
            State::InFlight => f.write_str(", in flight")?,
            state => write!(f, ", {}", state.name())?,
        }
        match self.receives {
            Some(bounds) => write!(f, ", receives {bounds}"),
            None => Ok(()),
        }
    }
}

impl Clause {
    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        *self == Clause { queue: self.queue.clone(), ..Clause::default() }
    }

    /// This clause and all inside it.
    pub fn each<'a>(&'a self, visit: &mut dyn FnMut(&'a Clause)) {
        visit(self);
        self.not.as_deref().into_iter().chain(&self.any).chain(&self.all).for_each(|inner| inner.each(visit));
    }

    /// As it may be asked for.
    pub fn to_json(&self) -> Value {
        let Clause { queue, gauges, counters, message, not, any, all } = self;
        let mut members = Map::new();
        members.extend(queue.as_deref().map(|queue| ("queue".to_owned(), queue.into())));
        members.extend(gauges.iter().map(|(gauge, bounds)| (gauge.name().to_owned(), bounds.to_json())));
        for (counter, bounds, since) in counters {
            let mut bounds = bounds.to_json();
            if *since > 0 {
                let plain = bounds.as_u64().map(|count| json!({"min": count, "max": count}));
                bounds = plain.unwrap_or(bounds);
                bounds["since"] = (*since).into();
            }
            members.insert(counter.name().to_owned(), bounds);
        }
        if let Some(message) = message {
            let mut inner = message.matcher.to_json();
            inner["state"] = message.state.name().into();
            if let Some(receives) = message.receives {
                inner["receives"] = receives.to_json();
            }
            members.insert("message".to_owned(), inner);
        }
        members.extend(not.as_deref().map(|not| ("not".to_owned(), not.to_json())));
        for (name, clauses) in [("any", any), ("all", all)] {
            if !clauses.is_empty() {
                members.insert(name.to_owned(), clauses.iter().map(Clause::to_json).collect());
            }
        }
        Value::Object(members)
    }
}

impl Condition {
    /// As it may be asked for, without how long.
    pub fn to_json(&self) -> Value {
        let mut json = self.clause.to_json();
        if let Some(never) = &self.never {
            json["not"] = never.to_json();
        }
        for (name, time) in [("stable", self.stable), ("quiet", self.quiet)] {
            if !time.is_zero() {
                json[name] = crate::control::duration::Span(time).to_string().into();
            }
        }
        json
    }
}
