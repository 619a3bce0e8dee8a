//! `kew await`: the conditions that are waited for, and which messages are meant.

use super::request::Request;
use super::values::{Count, Json, Pair, object, object_of_texts};
use clap::Args;
use kew::internals::control::Method;
use serde::Serialize;
use serde_json::{Map, Value, json};

/// Which messages are meant.
#[derive(Args, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Matcher {
    /// Only messages whose body is this text
    #[arg(long, value_name = "TEXT")]
    body: Option<String>,
    /// Only messages whose body contains this text
    #[arg(long, value_name = "TEXT")]
    contains: Option<String>,
    /// Only messages whose body is JSON with this value at this path, as in order.id=7; may be given several times
    #[arg(long = "where", value_name = "PATH=VALUE")]
    #[serde(rename = "json", serialize_with = "object")]
    at: Vec<Pair>,
    /// Only messages with this message attribute; may be given several times
    #[arg(long, value_name = "NAME=VALUE")]
    #[serde(serialize_with = "object_of_texts")]
    attribute: Vec<Pair>,
    /// Only messages of this message group
    #[arg(long, value_name = "MessageGroupId")]
    group: Option<String>,
    /// Only messages with this deduplication id
    #[arg(long, value_name = "MessageDeduplicationId")]
    dedup_id: Option<String>,
}

/// Conditions: all of them must hold at one moment.
#[derive(Args, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Await {
    /// The queue that the conditions are about
    queue: Option<String>,
    /// No message, in whatever state
    #[arg(long)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    empty: bool,
    /// Messages that can be received: a number or a range, 3, 3.., ..3, 3..5
    #[arg(long, value_name = "COUNT")]
    visible: Option<Count>,
    /// Messages in flight
    #[arg(long, value_name = "COUNT")]
    in_flight: Option<Count>,
    /// Messages that are delayed
    #[arg(long, value_name = "COUNT")]
    delayed: Option<Count>,
    /// Messages in whatever state
    #[arg(long, value_name = "COUNT")]
    messages: Option<Count>,
    /// Receives that wait for a message
    #[arg(long, value_name = "COUNT")]
    parked: Option<Count>,
    /// It must hold for so long
    #[arg(long, value_name = "DURATION")]
    stable: Option<String>,
    /// No request but receives that wait for so long
    #[arg(long, value_name = "DURATION")]
    quiet: Option<String>,
    /// Give up when nothing has happened for so long and nothing is ahead
    #[arg(long, value_name = "DURATION")]
    fail_fast: Option<String>,
    /// How long to wait, in real time [default: 10s]
    #[arg(long, value_name = "DURATION")]
    timeout: Option<String>,
    /// Jump over delays and visibility timeouts while it waits, whenever nothing else goes on
    #[arg(long)]
    #[serde(skip)]
    auto: bool,
    /// With --auto: so many consumers of a queue do nothing but wait for messages, so that retries may come at once; may be given
    /// several times
    #[arg(long, value_name = "QUEUE=COUNT", requires = "auto")]
    #[serde(skip)]
    consumers: Vec<Pair>,
    /// The rest of the request, or all of it, as JSON: {"any": [...]}, {"all": [...]}, {"not": {...}}
    #[arg(long, value_name = "JSON")]
    #[serde(skip)]
    request: Option<Json>,
    #[command(flatten)]
    #[serde(flatten)]
    counters: Counters,
    #[command(flatten)]
    message: AwaitedMessage,
}

/// How often something happened.
#[derive(Args, Debug, Serialize)]
#[command(next_help_heading = "How often something happened")]
#[serde(rename_all = "camelCase")]
struct Counters {
    /// Messages sent
    #[arg(long, value_name = "COUNT")]
    sent: Option<Count>,
    /// Messages received
    #[arg(long, value_name = "COUNT")]
    received: Option<Count>,
    /// Messages deleted
    #[arg(long, value_name = "COUNT")]
    deleted: Option<Count>,
    /// Messages that went to the dead-letter queue
    #[arg(long, value_name = "COUNT")]
    dead_lettered: Option<Count>,
    /// Messages whose retention period ended
    #[arg(long, value_name = "COUNT")]
    expired: Option<Count>,
    /// Receives that got nothing
    #[arg(long, value_name = "COUNT")]
    empty_receives: Option<Count>,
    /// Sends that were recognised as duplicates
    #[arg(long, value_name = "COUNT")]
    deduplicated: Option<Count>,
    /// Count what happened after this position
    #[arg(long, value_name = "POSITION")]
    since: Option<u64>,
}

/// One message that is waited for.
#[derive(Args, Debug, Serialize)]
#[command(next_help_heading = "One message")]
struct AwaitedMessage {
    /// A message with this id
    #[arg(long = "message", value_name = "ID")]
    id: Option<String>,
    #[command(flatten)]
    #[serde(flatten)]
    matcher: Matcher,
    /// The state of the message: visible, inFlight, delayed, deleted, dead, expired, any
    #[arg(long)]
    state: Option<String>,
    /// How often the message was received
    #[arg(long, value_name = "COUNT")]
    receives: Option<Count>,
}

impl Await {
    /// The request that the arguments make.
    pub fn request(self) -> Request {
        let Await { auto, consumers, request, .. } = &self;
        let mut members = match request {
            Some(Json(Value::Object(members))) => members.clone(),
            _ => Map::new(),
        };
        let given = Request::new(Method::Post, &["await"], &self);
        if let Value::Object(given) = given.input {
            members.extend(given);
        }
        if *auto {
            let consumers: Map<_, _> =
                consumers.iter().map(|Pair(queue, count)| (queue.clone(), count.clone())).collect();
            members.insert("auto".to_owned(), json!({ "consumers": consumers }));
        }
        Request { input: Value::Object(members), ..given }
    }
}
