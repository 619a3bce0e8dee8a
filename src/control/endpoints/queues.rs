//! `GET /_kew/queues`: the queues of a space at a glance.

use super::{Answering, Endpoint};
use crate::broker::Queue;
use crate::control::call::{Call, Content, Method, Refusal, Reply};
use crate::control::duration::{Span, shown};
use crate::control::history::{Kind, Totals};
use crate::control::space::Space;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

pub(super) const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        method: Method::Get,
        path: "/queues",
        summary: "Name, type, counts, oldest age, parked receives and dead-letter queue of each queue",
        handler: list,
    },
    Endpoint { method: Method::Get, path: "/queues/{queue}", summary: "The same of one queue", handler: one },
];

/// The queue of this name in a space; see [`Space::queue`].
///
/// # Errors
/// 404.
pub(super) fn queue(space: &Space, name: &str) -> Result<Arc<Queue>, Refusal> {
    space.queue(name).ok_or_else(|| Refusal::no_queue(name, space))
}

/// A queue at a glance. Thousands are answered each second to who watches them, so they are written as they are read.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    account: &'a str,
    dead_letter_queue: Option<String>,
    delayed: usize,
    in_flight: usize,
    max_receive_count: Option<u32>,
    messages: usize,
    name: &'a str,
    now: String,
    now_ms: u64,
    oldest_age_ms: Option<u64>,
    parked: usize,
    region: &'a str,
    totals: Option<Shown>,
    #[serde(rename = "type")]
    kind: &'static str,
    visible: usize,
}

/// A queue at a glance; none if it was deleted just now.
fn row<'a>(space: &Space, queue: &'a Arc<Queue>) -> Option<Row<'a>> {
    let look = space.broker().look(queue).ok()?;
    let counts = look.counts();
    let (now, parked) = (look.now(), look.parked_receives());
    drop(look);
    let settings = queue.settings();
    let target = settings.redrive.as_ref().and_then(|policy| space.broker().redrive_target(policy, queue));
    Some(Row {
        account: &queue.account,
        dead_letter_queue: target.map(|queue| queue.name.to_string()),
        delayed: counts.delayed,
        in_flight: counts.in_flight,
        max_receive_count: settings.redrive.as_ref().map(|policy| policy.max_receive_count),
        messages: counts.visible + counts.in_flight + counts.delayed,
        name: &queue.name,
        now: shown(now),
        now_ms: now.as_ms(),
        oldest_age_ms: counts.oldest_sent.map(|sent| now.ms_since(sent)),
        parked,
        region: &queue.region,
        totals: space.history().map(|history| Shown(history.totals(queue.uid))),
        kind: if queue.fifo { "fifo" } else { "standard" },
        visible: counts.visible,
    })
}

/// How often messages came, were handed out and left, since the start or the last reset.
struct Shown(Totals);

impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        const SHOWN: [Kind; 7] = [
            Kind::Sent,
            Kind::Received,
            Kind::Deleted,
            Kind::EmptyReceive,
            Kind::Arrived,
            Kind::DeadLettered,
            Kind::Expired,
        ];
        serializer.collect_map(SHOWN.map(|kind| (kind.name(), self.0.of(kind))))
    }
}

/// An endpoint without members takes none.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// The queues whose dead letters come here.
fn sources(space: &Space, target: &Queue) -> Vec<String> {
    let leads_here = |queue: &&Arc<Queue>| {
        let settings = queue.settings();
        let leads_to = settings.redrive.as_ref().and_then(|policy| space.broker().redrive_target(policy, queue));
        leads_to.is_some_and(|queue| queue.uid == target.uid)
    };
    let mut names: Vec<String> =
        space.broker().namespace().everywhere().iter().filter(leads_here).map(|queue| queue.name.to_string()).collect();
    names.sort_unstable();
    names
}

fn one(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let Nothing {} = call.input()?;
        let queue = queue(call.space, call.part(0))?;
        let row = row(call.space, &queue).ok_or_else(|| Refusal::no_queue(call.part(0), call.space))?;
        let text = table(std::slice::from_ref(&row));
        let mut row = json!(row);
        row["deadLetterSources"] = sources(call.space, &queue).into();
        Ok(Reply::json(row).with_text(text))
    })
}

fn list(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let Nothing {} = call.input()?;
        let mut queues = call.space.broker().namespace().all();
        queues.sort_by(|a, b| (&a.name, &a.account, &a.region).cmp(&(&b.name, &b.account, &b.region)));
        let rows: Vec<Row<'_>> = queues.iter().filter_map(|queue| row(call.space, queue)).collect();
        if call.incoming.text {
            return Ok(Reply::json(Value::Null).with_text(table(&rows)));
        }
        let list = List { position: call.space.history().map(|history| history.position()), queues: rows };
        let mut written = serde_json::to_vec(&list).map_err(|error| Refusal::new(500, error.to_string(), ""))?;
        written.push(b'\n');
        Ok(Reply::content(Content::Bytes("application/json", written.into())))
    })
}

/// The answer with all queues.
#[derive(Serialize)]
struct List<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<u64>,
    queues: Vec<Row<'a>>,
}

/// The queues as a table for people.
fn table(rows: &[Row<'_>]) -> String {
    if rows.is_empty() {
        return "no queues\n".to_owned();
    }
    let width = rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0).max(5);
    let mut text = format!(
        "{:<width$}  {:>8}  {:>9}  {:>8}  {:>10}  {:>6}  dead letters\n",
        "queue", "visible", "in flight", "delayed", "oldest", "parked"
    );
    for row in rows {
        let oldest = row.oldest_age_ms.map(|ms| Span(Duration::from_millis(ms)).to_string());
        let most = row.max_receive_count.unwrap_or(0);
        let dead = row.dead_letter_queue.as_ref().map(|name| format!("{name} after {most}"));
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{:<width$}  {:>8}  {:>9}  {:>8}  {:>10}  {:>6}  {}",
            row.name,
            row.visible,
            row.in_flight,
            row.delayed,
            oldest.as_deref().unwrap_or("-"),
            row.parked,
            dead.as_deref().unwrap_or("-")
        );
    }
    text
}
