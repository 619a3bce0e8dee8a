//! The control subcommands, their arguments, and the request to the control API that each makes of them.
//!
//! The arguments of a subcommand have the shape of the members that its endpoint takes, so that each name is at one place: what
//! stands in a field is sent under the name of that field, and what was not given is not sent.

use super::conditions::{Await, Matcher};
use super::faults::Rule;
use super::request::Request;
use super::time::{Advance, Clock};
use clap::{Args, Subcommand};
use kew::internals::control::Method::{Delete, Get, Post};
use serde::Serialize;
use serde_json::json;

/// The subcommands that are one request each.
#[derive(Debug, Subcommand)]
pub enum Control {
    /// The queues: messages, oldest age, parked receives, dead-letter queues
    Queues(Queues),
    /// Look at the messages of a queue, in every state, without receiving them
    Peek(Peek),
    /// Delete, move or release one message
    #[command(subcommand_required = true)]
    Message {
        #[command(subcommand)]
        what: Message,
    },
    /// Wait until queues are as they should be: exit code 1, with what was nearest, if they are not in time
    Await(Box<Await>),
    /// Show the clock, or set how it runs
    Clock(Clock),
    /// Turn the clock forward, one deadline after the other, and wait for all that this hands out
    Advance(Advance),
    /// The whole life of a message, or what happened in all queues
    History(History),
    /// Follow what happens, without end
    Events(Events),
    /// Let requests fail on purpose
    #[command(subcommand_required = true)]
    Fault {
        #[command(subcommand)]
        what: Fault,
    },
    /// Empty everything, or a part: configured queues come back, receipt handles of before are dead
    Reset(Reset),
    /// Namespaces: a broker of its own for each test
    #[command(subcommand_required = true)]
    Ns {
        #[command(subcommand)]
        what: Ns,
    },
}

#[derive(Args, Debug)]
pub struct Queues {
    /// Only this one
    queue: Option<String>,
}

#[derive(Args, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Peek {
    #[serde(skip)]
    queue: String,
    /// visible, inFlight, delayed, or several with commas
    #[arg(long)]
    state: Option<String>,
    #[command(flatten)]
    #[serde(flatten)]
    matcher: Matcher,
    /// Messages at most
    #[arg(long, value_name = "COUNT")]
    limit: Option<u64>,
    /// Go on behind this cursor, which the answer before gave
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
    /// Bytes of each body at most
    #[arg(long, value_name = "BYTES")]
    body_limit: Option<u64>,
}

#[derive(Debug, Subcommand)]
pub enum Message {
    /// Delete it
    Rm { queue: String, id: String },
    /// Move it to another queue
    Mv {
        queue: String,
        id: String,
        /// The queue to move it to
        #[arg(long, value_name = "QUEUE")]
        to: String,
    },
    /// Make it visible now, whether it is delayed or in flight
    Release { queue: String, id: String },
}

#[derive(Args, Debug, Serialize)]
pub struct History {
    /// The message whose life is wanted
    #[arg(value_name = "MESSAGE-ID", conflicts_with_all = ["queue", "type", "since", "limit"])]
    #[serde(skip)]
    id: Option<String>,
    /// Only what happened to this queue
    #[arg(long)]
    queue: Option<String>,
    /// Only events of these types: sent, received, deleted, deadLettered, faultFired and so on, with commas between
    #[arg(long = "type", value_name = "TYPES", id = "type")]
    #[serde(rename = "type")]
    kind: Option<String>,
    /// Only what happened after this position
    #[arg(long, value_name = "POSITION")]
    since: Option<u64>,
    /// Events at most
    #[arg(long, value_name = "COUNT")]
    limit: Option<u64>,
}

#[derive(Args, Debug, Serialize)]
pub struct Events {
    /// Only what happens to this queue
    #[arg(long)]
    queue: Option<String>,
    /// Only events of these types, with commas between
    #[arg(long = "type", value_name = "TYPES")]
    #[serde(rename = "type")]
    kind: Option<String>,
    /// From this position on
    #[arg(long, value_name = "POSITION")]
    since: Option<u64>,
}

#[derive(Debug, Subcommand)]
pub enum Fault {
    /// Add a rule
    Add(Box<Rule>),
    /// The rules, how often each was met and how often it failed a request
    Ls,
    /// Remove a rule
    Rm { id: String },
    /// Remove all rules
    Clear,
}

#[derive(Args, Debug, Serialize)]
pub struct Reset {
    /// Only these: messages, queues, clock, faults, history, dedup, with commas between
    #[arg(long, value_name = "PARTS", value_delimiter = ',')]
    what: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub enum Ns {
    /// Make one; the answer says how clients choose it
    Create(Box<Create>),
    /// The namespaces
    Ls,
    /// Remove one; the answer is its report
    Rm { name: String },
}

#[derive(Args, Debug, Serialize)]
pub struct Create {
    name: String,
    /// A queue to have from the start, as with `kew serve`; may be given several times
    #[arg(long = "queue", value_name = "NAME[,ATTRIBUTE=VALUE...]")]
    queues: Vec<String>,
    /// How its clock runs: real, running, frozen or auto
    #[arg(long, value_name = "MODE")]
    #[serde(serialize_with = "mode")]
    clock: Option<String>,
    /// What ids and faults are drawn from
    #[arg(long)]
    seed: Option<u64>,
    /// Remove it when nobody has used it for so long
    #[arg(long, value_name = "DURATION")]
    ttl: Option<String>,
    /// Have it at a port of its own too, for clients with a fixed access key
    #[arg(long)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    port: bool,
}

fn mode<S: serde::Serializer>(mode: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    mode.as_ref().map(|mode| json!({ "mode": mode })).serialize(serializer)
}

impl Control {
    /// Whether the text for people is a table, with a line of headings.
    pub fn has_heading(&self) -> bool {
        matches!(self, Control::Queues(_))
    }

    /// The request that the arguments make.
    pub fn request(self) -> Request {
        match self {
            Control::Queues(Queues { queue: Some(queue) }) => Request::get(&["queues", &queue], &()),
            Control::Queues(Queues { queue: None }) => Request::get(&["queues"], &()),
            Control::Peek(peek) => Request::get(&["queues", &peek.queue, "messages"], &peek),
            Control::Message { what: Message::Rm { queue, id } } => {
                Request::new(Delete, &["queues", &queue, "messages", &id], &())
            }
            Control::Message { what: Message::Mv { queue, id, to } } => {
                Request::new(Post, &["queues", &queue, "messages", &id, "move"], &json!({ "to": to }))
            }
            Control::Message { what: Message::Release { queue, id } } => {
                Request::new(Post, &["queues", &queue, "messages", &id, "release"], &())
            }
            Control::Await(conditions) => conditions.request(),
            Control::Clock(clock) => clock.request(),
            Control::Advance(advance) => advance.request(),
            Control::History(History { id: Some(id), .. }) => Request::get(&["messages", &id], &()),
            Control::History(history) => Request::get(&["history"], &history),
            Control::Events(events) => Request::get(&["events"], &events),
            Control::Fault { what: Fault::Add(rule) } => Request::new(Post, &["faults"], &rule),
            Control::Fault { what: Fault::Ls } => Request::get(&["faults"], &()),
            Control::Fault { what: Fault::Rm { id } } => Request::new(Delete, &["faults", &id], &()),
            Control::Fault { what: Fault::Clear } => Request::new(Delete, &["faults"], &()),
            Control::Reset(reset) => Request::new(Post, &["reset"], &reset),
            Control::Ns { what: Ns::Create(create) } => Request::new(Post, &["ns"], &create),
            Control::Ns { what: Ns::Ls } => Request::new(Get, &["ns"], &()),
            Control::Ns { what: Ns::Rm { name } } => Request::new(Delete, &["ns", &name], &()),
        }
    }
}
