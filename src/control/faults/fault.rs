//! What a rule says: which fault, what it hits, when, and how. The same as JSON, in the configuration file, and built in Rust.

use super::kind::{FaultKind, Stage};
use super::written::{actions, numbers, show_span};
use crate::actions::Ending;
use crate::api::Operation;
use crate::control::duration::Span;
use crate::control::matcher::{Matcher, text};
use crate::error::ErrorKind;
use serde::{Deserialize, Serialize};

/// What a rule says.
#[must_use = "a rule does nothing until it is added"]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fault {
    /// What the rule is called; numbered if not said.
    #[serde(default, deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Which fault.
    #[serde(rename = "fault")]
    pub kind: FaultKind,
    /// What it hits; everything that it can hit if not said.
    #[serde(default, skip_serializing_if = "On::is_all")]
    pub on: On,
    /// When; always if not said.
    #[serde(default, skip_serializing_if = "When::is_always")]
    pub when: When,
    /// How long the rule is there, in real time.
    #[serde(default, serialize_with = "show_span", skip_serializing_if = "Option::is_none")]
    pub ttl: Option<Span>,
    /// `error`, `partialBatch`: the error.
    #[serde(default, with = "super::written::code", skip_serializing_if = "Option::is_none")]
    pub code: Option<ErrorKind>,
    /// `error`: another HTTP status than that of the error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// `error`, `partialBatch`: another text.
    #[serde(default, deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// `lostAnswer`: how the connection ends; reset if not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub how: Option<How>,
    /// `latency`: how many milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ms: Option<u64>,
    /// `latency`: how many milliseconds more or less, drawn evenly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jitter: Option<u64>,
    /// `latency`: before the action, or after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Late>,
    /// `duplicate`: how many more receives get the message; 1 if not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copies: Option<u32>,
    /// `duplicate`: only as long as the message is in flight.
    #[serde(default, rename = "while", skip_serializing_if = "Option::is_none")]
    pub while_: Option<While>,
    /// `resurrect`: when the message comes back; at once if not said.
    #[serde(default, serialize_with = "show_span", skip_serializing_if = "Option::is_none")]
    pub after: Option<Span>,
    /// `emptyReceive`: only short polls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub polls: Option<Polls>,
    /// `partialBatch`: so many entries of the batch, the first ones; without it each entry by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entries: Option<usize>,
    /// `reorder`: within how many messages; 10 if not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<usize>,
    /// `staleCounts`: how old the counts are, in real time; two seconds if not said.
    #[serde(default, serialize_with = "show_span", skip_serializing_if = "Option::is_none")]
    pub lag: Option<Span>,
}

/// What a rule hits. All that is said has to hold.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct On {
    /// One of these actions; any if empty.
    #[serde(rename = "action", with = "actions", skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<Operation>,
    /// The queue of this name.
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// Requests with such a message.
    #[serde(with = "super::written::message", skip_serializing_if = "Option::is_none")]
    pub message: Option<Matcher>,
    /// Requests of such a client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caller: Option<CallerMatch>,
}

impl On {
    fn is_all(&self) -> bool {
        *self == On::default()
    }
}

/// Which clients a rule hits. All that is said has to hold.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct CallerMatch {
    /// A part of its `User-Agent`, whatever the case.
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// Its account.
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
}

/// When a rule fires, among what it matches. Late most one of the first five is said.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct When {
    /// By chance, drawn from the seed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// Late these matches, counted from 1.
    #[serde(deserialize_with = "numbers", skip_serializing_if = "Vec::is_empty")]
    pub nth: Vec<u64>,
    /// Late the first so many matches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<u64>,
    /// Late every so manieth match.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every: Option<u64>,
    /// Late all matches behind the first so many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    /// Late most so often.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
}

impl When {
    fn is_always(&self) -> bool {
        *self == When::default()
    }

    /// Whether it says so for the `k`th match, apart from chance.
    pub(super) fn is_at(&self, k: u64) -> bool {
        (self.nth.is_empty() || self.nth.contains(&k))
            && self.first.is_none_or(|first| k <= first)
            && self.every.is_none_or(|every| k.is_multiple_of(every))
            && self.after.is_none_or(|after| k > after)
    }
}

/// How an answer is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum How {
    /// The connection is reset.
    Reset,
    /// The connection is closed.
    Close,
    /// The connection is closed behind half of the answer's body.
    Truncate,
    /// Nothing is said until the client goes.
    Never,
}

impl From<How> for Ending {
    fn from(how: How) -> Ending {
        match how {
            How::Reset => Ending::Reset,
            How::Close => Ending::Close,
            How::Truncate => Ending::Truncate,
            How::Never => Ending::Never,
        }
    }
}

/// When an answer is made late.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Late {
    /// Before the action.
    Before,
    /// After it.
    After,
}

/// How long a duplicate is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum While {
    /// As long as the message is in flight.
    InFlight,
}

/// Which receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Polls {
    /// Those that do not wait.
    Short,
}

impl Fault {
    /// A rule about a fault, without arguments, that hits all that it can hit, always.
    pub fn new(kind: FaultKind) -> Fault {
        Fault {
            id: None,
            kind,
            on: On::default(),
            when: When::default(),
            ttl: None,
            code: None,
            status: None,
            text: None,
            how: None,
            ms: None,
            jitter: None,
            at: None,
            copies: None,
            while_: None,
            after: None,
            polls: None,
            entries: None,
            window: None,
            lag: None,
        }
    }

    /// Where in the life of a request it acts.
    pub(super) fn stage(&self) -> Stage {
        match self.kind {
            FaultKind::Latency if self.at == Some(Late::After) => Stage::After,
            FaultKind::Throttle
            | FaultKind::Error
            | FaultKind::Unavailable
            | FaultKind::LostRequest
            | FaultKind::Latency
            | FaultKind::AwsLike => Stage::Before,
            FaultKind::LostAnswer => Stage::After,
            FaultKind::Duplicate | FaultKind::Corrupt => Stage::Received,
            FaultKind::Resurrect | FaultKind::HandleExpired => Stage::Handle,
            FaultKind::EmptyReceive | FaultKind::Reorder => Stage::Receiving,
            FaultKind::PartialBatch if self.entries.is_some() => Stage::Batch,
            FaultKind::PartialBatch => Stage::Entry,
            FaultKind::StaleCounts => Stage::Counts,
        }
    }
}
