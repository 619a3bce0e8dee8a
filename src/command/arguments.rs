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
    /// The queues at a glance: messages, oldest age, receives that wait, dead-letter queues
    Queues(Queues),
    /// Look at the messages of a queue, in every state, without receiving them
    Peek(Peek),
    /// Delete, move or release one message
    #[command(subcommand_required = true)]
    Message {
        #[command(subcommand)]
        what: Message,
    },
    /// Wait until queues are as they should be: kew await orders --empty
    ///
    /// If they are not in time, the exit code is 1, and what was nearest is told. All conditions must hold at one moment.
    Await(Box<Await>),
    /// Show the clock, or set how it runs
    Clock(Clock),
    /// Turn the clock forward: kew advance 15m
    ///
    /// One deadline after the other, and when it returns all messages that became available have been handed to the receives that
    /// waited for them.
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
    /// Empty everything, or a part of it
    ///
    /// Configured queues come back empty, and receipt handles from before are dead.
    Reset(Reset),
    /// The nodes of a cluster, which queues each has, and who is to have them
    #[command(subcommand_required = true)]
    Cluster {
        #[command(subcommand)]
        what: Cluster,
    },
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
    #[arg(value_name = "MESSAGE-ID", conflicts_with_all = ["queue", "type", "since", "limit", "jsonl"])]
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
    /// One line of JSON for each event
    #[arg(long)]
    #[serde(rename = "format", serialize_with = "jsonl")]
    jsonl: bool,
}

fn jsonl<S: serde::Serializer>(jsonl: &bool, serializer: S) -> Result<S::Ok, S::Error> {
    jsonl.then_some("jsonl").serialize(serializer)
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
pub enum Cluster {
    /// The nodes: where each is, its state, its version, and how many queues it has
    Status,
    /// Give a queue to a node: kew cluster move orders 10.0.0.12
    Move {
        queue: String,
        /// Its id, its URL or the host of its URL
        node: String,
    },
    /// Have the node that is asked give all its queues to the others
    ///
    /// It takes no new ones until it is started again. Stopping a node does the same.
    Drain,
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
    /// Its name; numbered if not said
    name: Option<String>,
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
        let is_list = matches!(self, Control::Queues(_) | Control::Peek(_));
        let is_status = matches!(self, Control::Cluster { what: Cluster::Status });
        is_list || is_status || matches!(self, Control::Fault { what: Fault::Ls } | Control::Ns { what: Ns::Ls })
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
            Control::Cluster { what: Cluster::Status } => Request::get(&["cluster"], &()),
            Control::Cluster { what: Cluster::Move { queue, node } } => {
                Request::new(Post, &["cluster", "move"], &json!({ "queue": queue, "node": node }))
            }
            Control::Cluster { what: Cluster::Drain } => Request::new(Post, &["cluster", "drain"], &()),
            Control::Ns { what: Ns::Create(create) } => Request::new(Post, &["ns"], &create),
            Control::Ns { what: Ns::Ls } => Request::new(Get, &["ns"], &()),
            Control::Ns { what: Ns::Rm { name } } => Request::new(Delete, &["ns", &name], &()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::FromArgMatches;

    /// The request that a command line makes: method, path and query, body.
    fn request(line: &str) -> String {
        let words = std::iter::once("kew").chain(line.split(' '));
        let command = Control::augment_subcommands(clap::Command::new("kew"));
        let matches = command.try_get_matches_from(words).unwrap_or_else(|error| panic!("{line}: {error}"));
        let request = Control::from_arg_matches(&matches).unwrap().request();
        let (path, query) = (request.path.join("/"), request.query());
        let body = if request.method == Get { String::new() } else { format!(" {}", request.input) };
        format!("{} {path}{}{query}{body}", request.method.name(), if query.is_empty() { "" } else { "?" })
    }

    #[test]
    fn each_command_line_is_the_request_that_it_says() {
        for (line, expected) in [
            ("queues", "GET queues"),
            ("queues orders", "GET queues/orders"),
            (
                "peek orders --state visible,delayed --contains 1001 --limit 10 --where order.id=7 --attribute n=7",
                "GET queues/orders/messages?attribute.n=7&contains=1001&json.order.id=7&limit=10&state=visible%2Cdelayed",
            ),
            ("message rm orders ID", "DELETE queues/orders/messages/ID null"),
            ("message mv orders ID --to dead", r#"POST queues/orders/messages/ID/move {"to":"dead"}"#),
            ("message release orders ID", "POST queues/orders/messages/ID/release null"),
            (
                "await orders --empty --timeout 10s --auto --consumers orders=1",
                r#"POST await {"auto":{"consumers":{"orders":1}},"empty":true,"queue":"orders","timeout":"10s"}"#,
            ),
            (
                "await orders --deleted 3.. --since 812 --in-flight 0 --fail-fast 1s",
                r#"POST await {"deleted":{"min":3},"failFast":"1s","inFlight":0,"queue":"orders","since":812}"#,
            ),
            (
                "await --message ID --state deleted --receives ..2 --where paid=false",
                r#"POST await {"message":{"id":"ID","json":{"paid":false},"receives":{"max":2},"state":"deleted"}}"#,
            ),
            (
                r#"await --request {"any":[{"queue":"a","visible":1}]} --timeout 1s"#,
                r#"POST await {"any":[{"queue":"a","visible":1}],"timeout":"1s"}"#,
            ),
            ("clock", "GET clock"),
            ("clock --freeze", r#"PUT clock {"mode":"frozen"}"#),
            ("clock --run --at 2027-01-01T00:00:00Z", r#"PUT clock {"at":"2027-01-01T00:00:00Z","mode":"running"}"#),
            (
                "clock --auto --consumers jobs.fifo=2 --settle 50ms",
                r#"PUT clock {"consumers":{"jobs.fifo":2},"mode":"auto","settle":"50ms"}"#,
            ),
            ("advance 15m", r#"POST clock/advance {"by":"15m"}"#),
            ("advance --next --queue q", r#"POST clock/advance {"queue":"q","to":"next"}"#),
            ("advance --to 1795299743500 --jump", r#"POST clock/advance {"jump":true,"to":"1795299743500"}"#),
            ("history ID", "GET messages/ID"),
            (
                "history --queue q --type sent,deleted --since 5 --jsonl",
                "GET history?format=jsonl&queue=q&since=5&type=sent%2Cdeleted",
            ),
            ("events --since 5", "GET events?since=5"),
            (
                "fault add lostAnswer how=close --action SendMessage --nth 2,5 --ttl 5m",
                r#"POST faults {"fault":"lostAnswer","how":"close","on":{"action":"SendMessage"},"ttl":"5m","when":{"nth":[2,5]}}"#,
            ),
            (
                "fault add latency ms=5 --user-agent Go --probability 0.5 --times 3",
                r#"POST faults {"fault":"latency","ms":5,"on":{"caller":{"userAgent":"Go"}},"when":{"probability":0.5,"times":3}}"#,
            ),
            ("fault ls", "GET faults"),
            ("fault rm x", "DELETE faults/x null"),
            ("fault clear", "DELETE faults null"),
            ("reset", "POST reset null"),
            ("reset --what messages,clock", r#"POST reset {"what":["messages","clock"]}"#),
            (
                "ns create t1 --queue q,DelaySeconds=5 --clock frozen --seed 42 --ttl 10m",
                r#"POST ns {"clock":{"mode":"frozen"},"name":"t1","queues":["q,DelaySeconds=5"],"seed":42,"ttl":"10m"}"#,
            ),
            ("cluster status", "GET cluster"),
            ("cluster move orders 7", r#"POST cluster/move {"node":"7","queue":"orders"}"#),
            ("cluster drain", "POST cluster/drain null"),
            ("ns create --port", r#"POST ns {"port":true}"#),
            ("ns ls", "GET ns"),
            ("ns rm t1", "DELETE ns/t1 null"),
        ] {
            assert_eq!(request(line), expected, "{line}");
        }
    }
}
