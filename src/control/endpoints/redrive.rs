//! `POST /_kew/queues/{queue}/redrive`: moves the messages that a search finds, dead letters to where they came from.

use super::messages::{Living, MESSAGES_MAX, Wanted, bounded, look_through, transfer};
use super::queues::queue;
use super::{Answering, Endpoint};
use crate::api::Arn;
use crate::broker::Queue;
use crate::control::call::{Call, Method, Refusal, Reply};
use crate::control::matcher::MatchedContent;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

pub(super) const ENDPOINTS: &[Endpoint] = &[Endpoint {
    method: Method::Post,
    path: "/queues/{queue}/redrive",
    summary: "Moves the messages that a search finds, to a queue or to where each came from: ?contains=1001&to=orders&limit=100",
    handler: redrive,
}];

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
struct Redrive {
    /// The queue; the source of each dead letter if not said.
    to: Option<String>,
    limit: Option<usize>,
    state: Option<Value>,
    id: Option<Value>,
    body: Option<Value>,
    contains: Option<Value>,
    json: Option<Value>,
    attribute: Option<Value>,
    group: Option<Value>,
    dedup_id: Option<Value>,
}

fn redrive(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let Redrive { to, limit, state, id, body, contains, json, attribute, group, dedup_id } = call.input()?;
        let mut wanted = Wanted { state, id, body, contains, json, attribute, group, dedup_id, ..Wanted::default() };
        let source = queue(call.space, call.part(0))?;
        let to = to.map(|name| queue(call.space, &name)).transpose()?;
        let (states, matcher) = (wanted.states()?, wanted.matcher()?);
        let limit = bounded("limit", limit, MESSAGES_MAX, MESSAGES_MAX)?;
        let (mut found, mut from) = (Vec::new(), Some(0));
        while let Some(slot) = from.filter(|_| found.len() < limit) {
            let looked = look_through(call.space, &source, slot, |stored, now| {
                if states.contains(&stored.status.state) && matcher.matches(&MatchedContent::from(&stored)) {
                    found.push(Living { queue: source.clone(), stored, now });
                }
                found.len() < limit
            });
            from = looked.map_err(|_| Refusal::no_queue(call.part(0), call.space))?;
            tokio::task::yield_now().await;
        }
        // In the order of sending, and nothing is moved before it is known where all go.
        found.sort_by_key(|living| living.stored.number);
        let targets: Vec<Arc<Queue>> =
            found.iter().map(|living| target(&call, living, to.as_ref())).collect::<Result<_, _>>()?;
        let mut moved = 0_u64;
        for (living, target) in found.iter().zip(&targets) {
            moved += u64::from(transfer(&call, living, target).await?);
        }
        let text = format!("moved from {}: {moved}\n", source.name);
        Ok(Reply::json(json!({"queue": &*source.name, "moved": moved, "more": from.is_some()})).with_text(text))
    })
}

/// Where a message goes.
///
/// # Errors
/// 409 if nothing tells, or if that is no place for it.
fn target(call: &Call<'_>, living: &Living, to: Option<&Arc<Queue>>) -> Result<Arc<Queue>, Refusal> {
    let (source, message) = (&living.queue, &living.stored.message);
    let arn = message.extra.as_ref().and_then(|extra| extra.dead_letter_source.as_deref());
    let target = to.cloned().or_else(|| arn.and_then(|arn| named_by(call, arn))).ok_or_else(|| {
        let error = format!("nothing tells where {} of `{}` came from", message.id, source.name);
        Refusal::new(409, error, "say where to: to=QUEUE")
    })?;
    if target.uid == source.uid || target.fifo != source.fifo {
        let error = format!("messages of `{}` cannot go to `{}`", source.name, target.name);
        return Err(Refusal::new(409, error, "they go to another queue of the same type"));
    }
    Ok(target)
}

/// The queue of an ARN. With merged regions that of the ARN says nothing.
fn named_by(call: &Call<'_>, arn: &str) -> Option<Arc<Queue>> {
    let Arn { region, account, name } = Arn::parse(arn).ok()?;
    let exact = call.space.queue(&format!("{account}/{region}/{name}"));
    exact.or_else(|| call.space.queue(&format!("{account}/{name}"))).or_else(|| call.space.queue(name))
}
