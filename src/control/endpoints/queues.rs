//! `GET /_kew/queues`: the queues of a space at a glance.

use super::{Answering, Endpoint};
use crate::broker::Queue;
use crate::control::call::{Call, Method, Refusal, Reply};
use crate::control::duration::{Span, shown};
use crate::control::history::{Kind, Totals};
use crate::control::space::Space;
use serde_json::{Map, Value, json};
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

/// A queue at a glance; none if it was deleted just now.
fn row(space: &Space, queue: &Arc<Queue>) -> Option<Value> {
    let look = space.broker().look(queue).ok()?;
    let counts = look.counts();
    let (now, parked) = (look.now(), look.parked_receives());
    drop(look);
    let settings = queue.settings();
    let target = settings.redrive.as_ref().and_then(|policy| space.broker().redrive_target(policy, queue));
    Some(json!({
        "name": &*queue.name,
        "account": &*queue.account,
        "region": &*queue.region,
        "type": if queue.fifo { "fifo" } else { "standard" },
        "visible": counts.visible,
        "inFlight": counts.in_flight,
        "delayed": counts.delayed,
        "messages": counts.visible + counts.in_flight + counts.delayed,
        "oldestAgeMs": counts.oldest_sent.map(|sent| now.ms_since(sent)),
        "parked": parked,
        "now": shown(now),
        "nowMs": now.as_ms(),
        "deadLetterQueue": target.map(|queue| queue.name.to_string()),
        "maxReceiveCount": settings.redrive.as_ref().map(|policy| policy.max_receive_count),
        "totals": space.history().map(|history| totals(&history.totals(queue.uid))),
    }))
}

/// How often messages came, were handed out and left, since the start or the last reset.
fn totals(totals: &Totals) -> Value {
    const SHOWN: [Kind; 7] = [
        Kind::Sent,
        Kind::Received,
        Kind::Deleted,
        Kind::EmptyReceive,
        Kind::Arrived,
        Kind::DeadLettered,
        Kind::Expired,
    ];
    SHOWN.into_iter().map(|kind| (kind.name().to_owned(), totals.of(kind).into())).collect::<Map<_, _>>().into()
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
        space.broker().namespace().all().iter().filter(leads_here).map(|queue| queue.name.to_string()).collect();
    names.sort_unstable();
    names
}

fn one(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let Nothing {} = call.input()?;
        let queue = queue(call.space, call.part(0))?;
        let mut row = row(call.space, &queue).ok_or_else(|| Refusal::no_queue(call.part(0), call.space))?;
        row["deadLetterSources"] = sources(call.space, &queue).into();
        let text = table(std::slice::from_ref(&row));
        Ok(Reply::json(row).with_text(text))
    })
}

fn list(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let Nothing {} = call.input()?;
        let mut queues = call.space.broker().namespace().all();
        queues.sort_by(|a, b| (&a.name, &a.account, &a.region).cmp(&(&b.name, &b.account, &b.region)));
        let rows: Vec<Value> = queues.iter().filter_map(|queue| row(call.space, queue)).collect();
        let text = table(&rows);
        Ok(Reply::json(json!({ "queues": rows })).with_text(text))
    })
}

/// The queues as a table for people.
fn table(rows: &[Value]) -> String {
    if rows.is_empty() {
        return "no queues\n".to_owned();
    }
    let width = rows.iter().filter_map(|row| row["name"].as_str()).map(|name| name.chars().count()).max();
    let width = width.unwrap_or(0).max(5);
    let mut text = format!(
        "{:<width$}  {:>8}  {:>9}  {:>8}  {:>10}  {:>6}  dead letters\n",
        "queue", "visible", "in flight", "delayed", "oldest", "parked"
    );
    for row in rows {
        let number = |name: &str| row[name].as_u64().unwrap_or(0);
        let oldest = row["oldestAgeMs"].as_u64().map(|ms| Span(Duration::from_millis(ms)).to_string());
        let dead = row["deadLetterQueue"].as_str().map(|name| format!("{name} after {}", number("maxReceiveCount")));
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{:<width$}  {:>8}  {:>9}  {:>8}  {:>10}  {:>6}  {}",
            row["name"].as_str().unwrap_or_default(),
            number("visible"),
            number("inFlight"),
            number("delayed"),
            oldest.as_deref().unwrap_or("-"),
            number("parked"),
            dead.as_deref().unwrap_or("-")
        );
    }
    text
}
