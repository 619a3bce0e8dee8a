//! `GET /_kew/queues/{queue}/groups`: the message groups of a queue, what locks each, and which are noisy.

use super::messages::{bounded, look_through};
use super::queues::queue;
use super::{Answering, Endpoint};
use crate::control::call::{Call, Method, Refusal, Reply};
use crate::control::duration::shown;
use crate::engine::{MessageId, MessageState, StoredMessage, Time};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use std::fmt::Write;
use std::sync::Arc;

pub(super) const ENDPOINTS: &[Endpoint] = &[Endpoint {
    method: Method::Get,
    path: "/queues/{queue}/groups",
    summary: "The message groups of a queue: counts, what locks each in a FIFO queue, which are noisy in a standard one",
    handler: groups,
}];

/// Groups in an answer, if nothing is said.
const GROUPS_DEFAULT: usize = 100;
/// Groups in an answer at most.
const GROUPS_MAX: usize = 1_000;

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Wanted {
    limit: Option<usize>,
}

/// What is known of a group from its messages.
#[derive(Default)]
struct Group {
    visible: usize,
    in_flight: usize,
    delayed: usize,
    /// Its first message: number, id, state, and when that ends.
    first: Option<(u64, MessageId, MessageState, Option<Time>)>,
}

impl Group {
    fn add(&mut self, stored: &StoredMessage) {
        let StoredMessage { number, status, message, .. } = stored;
        *match status.state {
            MessageState::Visible => &mut self.visible,
            MessageState::InFlight => &mut self.in_flight,
            MessageState::Delayed => &mut self.delayed,
        } += 1;
        if self.first.is_none_or(|(first, ..)| *number < first) {
            self.first = Some((*number, message.id, status.state, status.deadline));
        }
    }

    /// As JSON: what does not apply is left out.
    fn json(&self, name: &str, fifo: bool, noisy: bool, now: Time) -> Value {
        let mut json = json!({
            "group": name, "visible": self.visible, "inFlight": self.in_flight, "delayed": self.delayed, "noisy": noisy,
            "now": shown(now),
        });
        // The later messages of a group wait for its first one.
        if let Some((_, id, _, until)) = self.first.filter(|(_, _, state, _)| fifo && *state != MessageState::Visible) {
            json["lockedBy"] = id.to_string().into();
            if let (Some(until), Value::Object(members)) = (until, &mut json) {
                members.insert("lockedUntil".to_owned(), shown(until).into());
            }
        }
        json
    }
}

fn groups(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let Wanted { limit } = call.input()?;
        let queue = queue(call.space, call.part(0))?;
        let limit = bounded("limit", limit, GROUPS_DEFAULT, GROUPS_MAX)?;
        let gone = |_| Refusal::no_queue(call.part(0), call.space);
        let look = call.space.broker().look(&queue).map_err(gone)?;
        let (noisy, mut now) = (look.noisy_groups(GROUPS_MAX), look.now());
        drop(look);
        let noisy: HashSet<Arc<str>> = noisy.into_iter().collect();
        let mut found: HashMap<Arc<str>, Group> = HashMap::new();
        let next = look_through(call.space, &queue, 0, |stored, at| {
            now = at;
            if let Some(name) = &stored.message.group {
                found.entry(name.clone()).or_default().add(&stored);
            }
            true
        });
        let next = next.map_err(gone)?;
        let mut found: Vec<_> = found.into_iter().collect();
        found.sort_by(|(a_name, a), (b_name, b)| {
            (b.in_flight, b.visible + b.delayed, a_name).cmp(&(a.in_flight, a.visible + a.delayed, b_name))
        });
        let all = found.len();
        let rows =
            found.iter().take(limit).map(|(name, group)| group.json(name, queue.fifo, noisy.contains(name), now));
        let rows: Vec<Value> = rows.collect();
        let text = table(&rows);
        let json = json!({"queue": &*queue.name, "groups": rows, "all": all, "complete": next.is_none()});
        Ok(Reply::json(json).with_text(text))
    })
}

/// The groups as a table for people.
fn table(rows: &[Value]) -> String {
    if rows.is_empty() {
        return "no message groups\n".to_owned();
    }
    let mut text = format!("{:<32}  {:>8}  {:>9}  {:>8}  locked by\n", "group", "visible", "in flight", "delayed");
    for row in rows {
        let number = |name: &str| row[name].as_u64().unwrap_or(0);
        let held = row["lockedBy"].as_str().unwrap_or(if row["noisy"] == true { "noisy" } else { "-" });
        let (name, visible) = (row["group"].as_str().unwrap_or_default(), number("visible"));
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name:<32}  {visible:>8}  {:>9}  {:>8}  {held}", number("inFlight"), number("delayed"));
    }
    text
}
