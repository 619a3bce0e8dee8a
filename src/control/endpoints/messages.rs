//! Single messages: looking at them without receiving them, and deleting, moving or releasing one.

use super::queues::queue;
use super::{Answering, Endpoint};
use crate::api::digest::{decode_attributes, hexadecimal};
use crate::broker::Queue;
use crate::control::call::{Call, Method, Refusal, Reply, nearest, shortened};
use crate::control::duration::{Span, shown};
use crate::control::matcher::{MatchedContent, Matcher};
use crate::control::space::Space;
use crate::engine::{MessageId, MessageState, StoredMessage, Time, sequence_number};
use crate::error::Error;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

pub(super) const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        method: Method::Get,
        path: "/queues/{queue}/messages",
        summary: "Looks without receiving: ?state=visible,inFlight,delayed&contains=1001&json.$.orderId=7&group=g&limit=100",
        handler: peek,
    },
    Endpoint {
        method: Method::Delete,
        path: "/queues/{queue}/messages/{id}",
        summary: "Deletes one message, in whatever state it is",
        handler: delete,
    },
    Endpoint {
        method: Method::Post,
        path: "/queues/{queue}/messages/{id}/move",
        summary: "Moves one message to another queue of the same type: ?to=orders",
        handler: move_to,
    },
    Endpoint {
        method: Method::Post,
        path: "/queues/{queue}/messages/{id}/release",
        summary: "Makes one message visible that is in flight or delayed",
        handler: release,
    },
];

/// Messages in an answer, if nothing is said.
const MESSAGES_DEFAULT: usize = 100;
/// Messages in an answer at most.
pub(super) const MESSAGES_MAX: usize = 1_000;
/// Bytes of a body in an answer at most.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// Bytes of all bodies in an answer, after which no more messages come.
const BODIES_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Messages that are copied under a queue's lock in one go.
const MESSAGES_PER_TURN: usize = 64;
/// Messages that one call looks at; the next one goes on behind them.
const LOOKED_AT_MAX: usize = 100_000;

/// Which messages are looked for.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Wanted {
    pub(super) state: Option<Value>,
    pub(super) limit: Option<usize>,
    pub(super) after: Option<u32>,
    pub(super) body_limit: Option<usize>,
    pub(super) id: Option<Value>,
    pub(super) body: Option<Value>,
    pub(super) contains: Option<Value>,
    pub(super) json: Option<Value>,
    pub(super) attribute: Option<Value>,
    pub(super) group: Option<Value>,
    pub(super) dedup_id: Option<Value>,
}

/// The names of the states.
const STATES: [(&str, MessageState); 3] =
    [("visible", MessageState::Visible), ("inFlight", MessageState::InFlight), ("delayed", MessageState::Delayed)];

pub(super) fn state_name(state: MessageState) -> &'static str {
    STATES.iter().find(|(_, other)| *other == state).map_or("", |(name, _)| name)
}

/// The names in a list, or in a text with commas between them.
///
/// # Errors
/// 400 for anything else.
pub(super) fn list(name: &str, value: Option<&Value>) -> Result<Option<Vec<String>>, Refusal> {
    let wrong = || Refusal::new(400, format!("`{name}` is no text and no list of texts"), "");
    let split = |text: &str| text.split(',').map(|part| part.trim().to_owned()).collect::<Vec<_>>();
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(split(text))),
        Some(Value::Number(number)) => Ok(Some(vec![number.to_string()])),
        Some(Value::Array(texts)) => {
            let texts = texts.iter().map(|text| text.as_str().map(str::to_owned).ok_or_else(wrong));
            texts.collect::<Result<Vec<_>, _>>().map(Some)
        }
        Some(_) => Err(wrong()),
    }
}

impl Wanted {
    pub(super) fn matcher(&mut self) -> Result<Matcher, Refusal> {
        let Wanted { id, body, contains, json, attribute, group, dedup_id, .. } = self;
        let members = [
            ("id", id),
            ("body", body),
            ("contains", contains),
            ("json", json),
            ("attribute", attribute),
            ("group", group),
            ("dedupId", dedup_id),
        ];
        let given = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.take()?)));
        let matcher = Matcher::deserialize(Value::Object(given.collect()));
        matcher.map_err(|error| Refusal::wrong_input(&error.to_string()))
    }

    pub(super) fn states(&self) -> Result<Vec<MessageState>, Refusal> {
        let Some(names) = list("state", self.state.as_ref())? else {
            return Ok(STATES.map(|(_, state)| state).to_vec());
        };
        let state = |name: &String| {
            STATES.iter().find(|(known, _)| known == name).map(|(_, state)| *state).ok_or_else(|| {
                let names = STATES.map(|(name, _)| name);
                let hint = match nearest(name, names) {
                    Some(right) => format!("did you mean `{right}`?"),
                    None => format!("there are: {}", names.join(", ")),
                };
                Refusal::new(400, format!("there is no state `{}`", shortened(name)), hint)
            })
        };
        names.iter().map(state).collect()
    }
}

/// A message in a queue, as it was at a moment.
pub(super) struct Living {
    pub(super) queue: Arc<Queue>,
    pub(super) stored: StoredMessage,
    pub(super) now: Time,
}

impl Living {
    pub(super) fn state(&self) -> &'static str {
        state_name(self.stored.status.state)
    }

    /// Its state for people.
    pub(super) fn state_text(&self) -> String {
        let left = self.stored.status.deadline.map(|at| Span(Duration::from_millis(at.ms_since(self.now))));
        match (self.stored.status.state, left) {
            (MessageState::InFlight, Some(left)) => format!("in flight for another {left}"),
            (MessageState::Delayed, Some(left)) => format!("delayed for another {left}"),
            (state, _) => state_name(state).to_owned(),
        }
    }

    /// As JSON: what does not apply is left out.
    pub(super) fn json(&self, body_bytes_max: usize) -> Value {
        let StoredMessage { number, status, message, .. } = &self.stored;
        let body = message.body.as_str();
        let shown_body = &body[..body.floor_char_boundary(body_bytes_max)];
        let mut members = Map::new();
        let mut put = |name: &str, value: Option<Value>| {
            members.extend(value.map(|value| (name.to_owned(), value)));
        };
        let time = |time: Time| Value::from(shown(time));
        put("id", Some(message.id.to_string().into()));
        put("state", Some(self.state().into()));
        put("body", Some(shown_body.into()));
        put("bodyBytes", Some(body.len().into()));
        put("md5OfBody", Some(hexadecimal(&message.body_md5).into()));
        put("sent", Some(time(message.sent)));
        put("receiveCount", Some(status.receive_count.into()));
        put("firstReceived", status.first_received.map(time));
        let ends = match status.state {
            MessageState::InFlight => "visibilityEnds",
            _ => "delayEnds",
        };
        put(ends, status.deadline.map(time));
        put("group", message.group.as_deref().map(Value::from));
        put("sequenceNumber", self.queue.fifo.then(|| sequence_number(*number).into()));
        if let Some(extra) = message.extra.as_deref() {
            put("dedupId", extra.deduplication_id.as_deref().map(Value::from));
            put("deadLetterSource", extra.dead_letter_source.as_deref().map(Value::from));
            put("traceHeader", extra.trace_header.as_deref().map(Value::from));
            put("attributes", extra.attributes.as_ref().map(|attributes| attributes_json(&attributes.encoded)));
        }
        Value::Object(members)
    }

    /// A line for people.
    fn line(&self) -> String {
        let message = &self.stored.message;
        let age = Span(Duration::from_millis(self.now.ms_since(message.sent)));
        let body: String =
            message.body.as_str().chars().take(100).map(|c| if c.is_control() { ' ' } else { c }).collect();
        let cut = if body.len() < message.body.len() { "..." } else { "" };
        let group = message.group.as_deref().map(|group| format!("[{group}] ")).unwrap_or_default();
        let receives = self.stored.status.receive_count;
        format!(
            "{:<36}  {:<29}  {receives:>4}  {:>8}  {group}{body}{cut}",
            message.id,
            self.state_text(),
            age.to_string()
        )
    }
}

/// Message attributes: the text of a value, or a binary one in base64, with its data type.
fn attributes_json(encoded: &[u8]) -> Value {
    let attributes = decode_attributes(encoded).map(|attribute| {
        let value = attribute.to_value();
        let text = value.string_value.or_else(|| value.binary_value.map(|bytes| STANDARD.encode(bytes)));
        (attribute.name.to_owned(), json!({"type": value.data_type, "value": text}))
    });
    Value::Object(attributes.collect())
}

/// Looks through a queue from a slot on until it is told that it is enough; answers where to go on, if there is more.
pub(super) fn look_through(
    space: &Space,
    queue: &Arc<Queue>,
    from: u32,
    mut take: impl FnMut(StoredMessage, Time) -> bool,
) -> Result<Option<u32>, Error> {
    let (mut next, mut looked_at) = (Some(from), 0);
    while let Some(from) = next.filter(|_| looked_at < LOOKED_AT_MAX) {
        let look = space.broker().look(queue)?;
        let (page, now) = (look.messages(from, MESSAGES_PER_TURN), look.now());
        drop(look);
        looked_at += page.messages.len().max(1);
        next = page.next;
        for stored in page.messages {
            let behind = stored.slot.saturating_add(1);
            if !take(stored, now) {
                return Ok(Some(behind));
            }
        }
    }
    Ok(next)
}

/// A message in a queue: where the history says that it is, or else looked for.
fn find(space: &Space, queue: &Arc<Queue>, id: MessageId) -> Option<Living> {
    let place =
        space.history().and_then(|history| history.whereabouts(id)).filter(|place| place.queue == Some(queue.uid));
    if let Some((slot, number)) = place.map(|place| place.message) {
        let look = space.broker().look(queue).ok()?;
        let found = look.messages(slot, 1).messages.pop();
        let now = look.now();
        if let Some(stored) = found.filter(|stored| stored.number == number && stored.message.id == id) {
            return Some(Living { queue: queue.clone(), stored, now });
        }
    }
    let mut found = None;
    let mut from = Some(0);
    while let (None, Some(slot)) = (&found, from) {
        let looked = look_through(space, queue, slot, |stored, now| {
            if stored.message.id == id {
                found = Some(Living { queue: queue.clone(), stored, now });
            }
            found.is_none()
        });
        from = looked.ok().flatten();
    }
    found
}

/// A message wherever it is: in the queue that the history says, or else, without a history, in any.
pub(super) fn find_anywhere(space: &Space, id: MessageId) -> Option<Living> {
    let queues = space.broker().namespace().all();
    match space.history().and_then(|history| history.whereabouts(id)) {
        Some(place) => {
            queues.iter().find(|queue| Some(queue.uid) == place.queue).and_then(|queue| find(space, queue, id))
        }
        None => queues.iter().find_map(|queue| find(space, queue, id)),
    }
}

fn peek(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let mut wanted: Wanted = call.input()?;
        let queue = queue(call.space, call.part(0))?;
        let (states, matcher) = (wanted.states()?, wanted.matcher()?);
        let limit = bounded("limit", wanted.limit, MESSAGES_DEFAULT, MESSAGES_MAX)?;
        let body_limit = bounded("bodyLimit", wanted.body_limit, BODY_BYTES_MAX, BODY_BYTES_MAX)?;
        let (mut found, mut bytes) = (Vec::new(), 0);
        let looked = look_through(call.space, &queue, wanted.after.unwrap_or(0), |stored, now| {
            let is = states.contains(&stored.status.state) && matcher.matches(&MatchedContent::from(&stored));
            if is && found.len() < limit {
                bytes += stored.message.body.len().min(body_limit);
                found.push(Living { queue: queue.clone(), stored, now });
            }
            found.len() < limit && bytes < BODIES_BYTES_MAX
        });
        let next = looked.map_err(|_| Refusal::no_queue(call.part(0), call.space))?;
        // In the order of sending: memory is used again.
        found.sort_by_key(|living| living.stored.number);
        let messages: Vec<Value> = found.iter().map(|living| living.json(body_limit)).collect();
        let json = json!({"queue": &*queue.name, "messages": messages, "next": next});
        Ok(Reply::json(json).with_text(table(&found, next)))
    })
}

pub(super) fn bounded(name: &str, given: Option<usize>, default: usize, most: usize) -> Result<usize, Refusal> {
    match given.unwrap_or(default) {
        value if value <= most => Ok(value),
        _ => Err(Refusal::new(400, format!("{name} is at most {most}"), "")),
    }
}

fn table(found: &[Living], next: Option<u32>) -> String {
    let mut text = match found {
        [] => "no messages\n".to_owned(),
        _ => format!("{:<36}  {:<29}  {:>4}  {:>8}  body\n", "id", "state", "rcvd", "age"),
    };
    // Writing to a String cannot fail.
    for living in found {
        let _ = writeln!(text, "{}", living.line());
    }
    if let Some(next) = next {
        let _ = writeln!(text, "more with after={next}");
    }
    text
}

/// The message that a call is about.
///
/// # Errors
/// 400 if it is no id, 404 if the message is not there.
fn addressed(call: &Call<'_>) -> Result<Living, Refusal> {
    let queue = queue(call.space, call.part(0))?;
    let text = call.part(1);
    let id: MessageId =
        text.parse().map_err(|error| Refusal::new(400, format!("`{}`: {error}", shortened(text)), ""))?;
    find(call.space, &queue, id).ok_or_else(|| no_message(call, &queue, id))
}

pub(super) fn no_message(call: &Call<'_>, queue: &Queue, id: MessageId) -> Refusal {
    let elsewhere = find_anywhere(call.space, id).filter(|living| living.queue.uid != queue.uid);
    let known = call.space.history().is_some_and(|history| history.whereabouts(id).is_some());
    let hint = match elsewhere {
        Some(living) => format!("it is in `{}`", living.queue.name),
        None if known => format!("GET /_kew/messages/{id} tells what became of it"),
        None => String::new(),
    };
    Refusal::new(404, format!("there is no message {id} in `{}`", queue.name), hint)
}

pub(super) fn internal(error: &Error) -> Refusal {
    Refusal::new(409, error.message.to_string(), "")
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

fn delete(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let Nothing {} = call.input()?;
        let living = addressed(&call)?;
        let pending = {
            let mut open = call.space.broker().open_for(&living.queue, call.by()).map_err(|error| internal(&error))?;
            let taken = open.take((living.stored.slot, living.stored.number));
            open.close().map(|()| taken)
        };
        let taken = pending.durable().await.map_err(|error| internal(&error))?;
        let id = living.stored.message.id;
        taken.ok_or_else(|| no_message(&call, &living.queue, id))?;
        let text = format!("deleted {id} from {}\n", living.queue.name);
        Ok(Reply::json(json!({"deleted": true, "id": id.to_string(), "queue": &*living.queue.name})).with_text(text))
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Destination {
    to: String,
}

fn move_to(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let Destination { to } = call.input()?;
        let target = queue(call.space, &to)?;
        let living = addressed(&call)?;
        let (source, id) = (&living.queue, living.stored.message.id);
        if target.uid == source.uid {
            return Err(Refusal::new(409, format!("it is in `{}` already", target.name), ""));
        }
        if target.fifo != source.fifo {
            let hint =
                "a message goes from a standard queue to a standard queue, and from a FIFO queue to a FIFO queue";
            return Err(Refusal::new(
                409,
                format!("`{}` and `{}` are not of one type", source.name, target.name),
                hint,
            ));
        }
        if !transfer(&call, &living, &target).await? {
            return Err(no_message(&call, source, id));
        }
        let text = format!("moved {id} from {} to {}\n", source.name, target.name);
        let json = json!({"moved": true, "id": id.to_string(), "from": &*source.name, "to": &*target.name});
        Ok(Reply::json(json).with_text(text))
    })
}

/// Moves a message to another queue of the same type; false if it has gone.
///
/// # Errors
/// 409 if it could not be made durable.
pub(super) async fn transfer(call: &Call<'_>, living: &Living, target: &Arc<Queue>) -> Result<bool, Refusal> {
    let by = call.by();
    let (moved, left) = {
        let mut open = call.space.broker().open_for(&living.queue, by).map_err(|error| internal(&error))?;
        let moved = open.move_to(target, (living.stored.slot, living.stored.number), by);
        (moved, open.close())
    };
    left.durable().await.map_err(|error| internal(&error))?;
    if !moved {
        return Ok(false);
    }
    // Leaving and arriving are one commit, and it is that of the target.
    let arrived = call.space.broker().open(target).map(|open| open.close());
    if let Ok(arrived) = arrived {
        arrived.durable().await.map_err(|error| internal(&error))?;
    }
    Ok(true)
}

fn release(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let Nothing {} = call.input()?;
        let living = addressed(&call)?;
        let (queue, id) = (&living.queue, living.stored.message.id);
        let pending = {
            let mut open = call.space.broker().open_for(queue, call.by()).map_err(|error| internal(&error))?;
            let released = open.release((living.stored.slot, living.stored.number));
            open.close().map(|()| released)
        };
        if !pending.durable().await.map_err(|error| internal(&error))? {
            let hint = "only a message that is in flight or delayed can be released";
            return Err(Refusal::new(409, format!("{id} is visible already, or has gone"), hint));
        }
        let text = format!("{id} in {} is visible now\n", queue.name);
        Ok(Reply::json(json!({"released": true, "id": id.to_string(), "queue": &*queue.name})).with_text(text))
    })
}
