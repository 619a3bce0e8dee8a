//! `/_kew/ns`: a space of its own for each test.

use super::{Answering, Endpoint, clock, report};
use crate::api::fill_in;
use crate::broker::By;
use crate::config::QueueConfig;
use crate::control::call::{Call, Method, Refusal, Reply};
use crate::control::duration::Span;
use crate::control::faults::{Fault, Faults};
use crate::control::namespaces::{Namespace, NamespaceOptions};
use crate::control::report::ReportOptions;
use crate::control::space::Space;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;

pub(super) const ENDPOINTS: &[Endpoint] = &[
    Endpoint { method: Method::Get, path: "/ns", summary: "The namespaces of tests", handler: list },
    Endpoint {
        method: Method::Post,
        path: "/ns",
        summary: "A new namespace: a broker of its own, for clients with its access key or at its port",
        handler: create,
    },
    Endpoint { method: Method::Get, path: "/ns/{name}", summary: "How to reach a namespace", handler: one },
    Endpoint {
        method: Method::Delete,
        path: "/ns/{name}",
        summary: "Ends a namespace, and tells what was left in it",
        handler: delete,
    },
];

/// An endpoint without members takes none.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// What a new namespace is to be.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Create {
    name: Option<String>,
    #[serde(default)]
    queues: Vec<QueueConfig>,
    seed: Option<u64>,
    clock: Option<clock::Set>,
    #[serde(default)]
    faults: Vec<Value>,
    ttl: Option<Span>,
    #[serde(default)]
    port: bool,
}

fn create(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let Create { name, queues, seed, clock, faults, ttl, port } = call.input()?;
        let faults = Faults::read_all(&faults)?;
        let options = NamespaceOptions { name, queues, seed, ttl: ttl.map(|ttl| ttl.0), port };
        let namespaces = call.control.namespaces();
        let namespace = namespaces.create(options, By::default())?;
        if let Err(refusal) = set_up(&namespace.space, clock, faults).await {
            namespaces.end(&namespace.space.name, "could not be made as it was wanted")?;
            return Err(refusal);
        }
        let text = exports(&call, &namespace);
        Ok(Reply::json(described(&call, &namespace)).with_text(text).with_status(201))
    })
}

/// What is there from the start beside the queues.
async fn set_up(space: &Space, wanted: Option<clock::Set>, faults: Vec<Fault>) -> Result<(), Refusal> {
    if let Some(wanted) = wanted {
        clock::apply(space, wanted).await?;
    }
    space.faults().add_all(faults, true).map(|_| ())
}

fn one(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let Nothing {} = call.input()?;
        let namespace = call.control.namespaces().get(call.part(0))?;
        let text = exports(&call, &namespace);
        Ok(Reply::json(described(&call, &namespace)).with_text(text))
    })
}

fn delete(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let Nothing {} = call.input()?;
        let namespace = call.control.namespaces().get(call.part(0))?;
        let left = left_in(&namespace);
        call.control.namespaces().end(call.part(0), "was deleted")?;
        let space = &namespace.space;
        let mut text = format!("namespace {} ended; messages left in it: {left}\n", space.name);
        let mut ended = json!({"name": space.name, "account": space.account, "messages": left, "report": null});
        // Without a history there is none.
        if let Ok(report) = report::of(space, &ReportOptions::default()) {
            let reply = report::reply(&report);
            text += &reply.text.unwrap_or_default();
            ended["report"] = reply.json;
        }
        Ok(Reply::json(ended).with_text(text))
    })
}

fn list(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let Nothing {} = call.input()?;
        let all = call.control.namespaces().all();
        let rows: Vec<Value> = all.iter().map(|namespace| described(&call, namespace)).collect();
        let text = table(&rows);
        Ok(Reply::json(json!({ "namespaces": rows })).with_text(text))
    })
}

/// Messages in whatever state.
fn left_in(namespace: &Namespace) -> u64 {
    let broker = namespace.space.broker();
    let counts = broker.namespace().all().into_iter().filter_map(|queue| Some(broker.look(&queue).ok()?.counts()));
    counts.map(|counts| (counts.visible + counts.in_flight + counts.delayed) as u64).sum()
}

/// Where a client reaches a namespace.
fn endpoint(call: &Call<'_>, namespace: &Namespace) -> String {
    match namespace.port {
        Some(port) => format!("http://127.0.0.1:{port}"),
        None => fill_in(call.incoming.base_url, &namespace.space.region, &namespace.space.account),
    }
}

fn environment(call: &Call<'_>, namespace: &Namespace) -> [(&'static str, String); 5] {
    let space = &namespace.space;
    variables(&endpoint(call, namespace), &space.account, &space.region)
}

/// The environment variables that point a client at a space.
pub(super) fn variables(endpoint: &str, access_key: &str, region: &str) -> [(&'static str, String); 5] {
    [
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_ACCESS_KEY_ID", access_key),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_REGION", region),
        ("AWS_DEFAULT_REGION", region),
    ]
    .map(|(name, value)| (name, value.to_owned()))
}

/// A namespace as it is answered: all that a client needs to use it.
fn described(call: &Call<'_>, namespace: &Namespace) -> Value {
    let space = &namespace.space;
    let endpoint = endpoint(call, namespace);
    let mut queues = space.broker().namespace().all();
    queues.sort_by(|a, b| a.name.cmp(&b.name));
    let urls = queues
        .iter()
        .map(|queue| (queue.name.to_string(), format!("{endpoint}/{}/{}", queue.account, queue.name).into()));
    json!({
        "name": space.name,
        "account": space.account,
        "endpoint": endpoint,
        "port": namespace.port,
        "seed": space.seed,
        "ttl": Span(namespace.ttl).to_string(),
        "ttlMs": Span(namespace.ttl).as_ms(),
        "idleMs": Span(namespace.idle()).as_ms(),
        "env": BTreeMap::from(environment(call, namespace)),
        "queueUrls": urls.collect::<Map<_, _>>(),
    })
}

/// For a shell.
fn exports(call: &Call<'_>, namespace: &Namespace) -> String {
    environment(call, namespace)
        .iter()
        .fold(String::new(), |text, (name, value)| text + &format!("export {name}={value}\n"))
}

/// The namespaces as a table for people.
fn table(rows: &[Value]) -> String {
    if rows.is_empty() {
        return "no namespaces\n".to_owned();
    }
    let text_of = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
    let width = rows.iter().map(|row| text_of(row, "name").len()).max().unwrap_or(0).max(9);
    let mut text =
        format!("{:<width$}  {:<12}  {:>6}  {:>8}  {:>8}\n", "namespace", "account", "queues", "idle", "ttl");
    for row in rows {
        let queues = row["queueUrls"].as_object().map_or(0, Map::len);
        let idle = Span(std::time::Duration::from_millis(row["idleMs"].as_u64().unwrap_or(0))).to_string();
        // Writing to a String cannot fail.
        let (name, account, ttl) = (text_of(row, "name"), text_of(row, "account"), text_of(row, "ttl"));
        let _ = writeln!(text, "{name:<width$}  {account:<12}  {queues:>6}  {idle:>8}  {ttl:>8}");
    }
    text
}
