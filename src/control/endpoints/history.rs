//! What happened: `GET /_kew/history`, and `GET /_kew/messages/{id}`, the life of one message.

use super::messages::{Living, find_anywhere, list};
use super::{Answering, Endpoint};
use crate::broker::QueueNames;
use crate::control::call::{Call, Content, Method, Refusal, Reply, nearest, shortened};
use crate::control::duration::shown;
use crate::control::history::{Event, EventFilter, History, Kind, Kinds, Timeline, listing};
use crate::control::space::Space;
use crate::engine::MessageId;
use serde::Deserialize;
use serde_json::{Value, json};
use std::fmt::Write;
use std::sync::Arc;

pub(super) const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        method: Method::Get,
        path: "/history",
        summary: "The last events, or those since a position: ?queue=orders&type=sent,deleted&since=812&limit=100&format=jsonl",
        handler: history,
    },
    Endpoint {
        method: Method::Get,
        path: "/messages/{id}",
        summary: "The whole life of a message, across dead letters and moves: ?bodyLimit=0 without its body",
        handler: life,
    },
];

/// Events in an answer, if nothing is said.
const EVENTS_DEFAULT: usize = 100;
/// Events in an answer at most.
const EVENTS_MAX: usize = 10_000;

#[derive(Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
#[derive(Default)]
struct Wanted {
    queue: Option<Value>,
    #[serde(rename = "type")]
    types: Option<Value>,
    since: Option<u64>,
    limit: Option<usize>,
    format: Format,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Format {
    #[default]
    Json,
    Jsonl,
}

/// The history of a space.
///
/// # Errors
/// 409 if it has none.
pub(super) fn of(space: &Space) -> Result<&Arc<History>, Refusal> {
    let hint = "start kew with --history EVENTS; it is off with --data and in --mode aws unless asked for";
    space.history().ok_or_else(|| Refusal::new(409, "the history is off", hint))
}

/// Which events are meant by queues and types.
///
/// # Errors
/// 404 for a queue, 400 for a type.
pub(super) fn filter(space: &Space, queue: Option<&Value>, types: Option<&Value>) -> Result<EventFilter, Refusal> {
    let history = of(space)?;
    let mut queues = None;
    for name in list("queue", queue)?.into_iter().flatten() {
        let found = history.queues_named(|names| is_named(names, &name));
        if found.is_empty() {
            return Err(Refusal::no_queue(&name, space));
        }
        queues.get_or_insert_with(Vec::new).extend(found);
    }
    let kinds = match list("type", types)? {
        None => Kinds::ALL,
        Some(names) => Kinds::of(names.iter().map(|name| kind(name)).collect::<Result<Vec<_>, _>>()?),
    };
    Ok(EventFilter { queues, kinds })
}

/// Whether a queue, maybe a deleted one, is meant by a name: `NAME`, `ACCOUNT/NAME` or `ACCOUNT/REGION/NAME`.
fn is_named(names: &QueueNames, wanted: &str) -> bool {
    match *wanted.split('/').collect::<Vec<_>>() {
        [account, region, name] => *names.account == *account && *names.region == *region && *names.name == *name,
        [account, name] => *names.account == *account && *names.name == *name,
        _ => *names.name == *wanted,
    }
}

fn kind(name: &str) -> Result<Kind, Refusal> {
    Kind::of_name(name).filter(|kind| *kind != Kind::EmptyReceive).ok_or_else(|| {
        let names: Vec<&str> =
            Kind::ALL.iter().map(|kind| kind.name()).filter(|name| *name != "emptyReceive").collect();
        let hint = match nearest(name, names.iter().copied()) {
            Some(right) => format!("did you mean `{right}`?"),
            None => format!("there are: {}", names.join(", ")),
        };
        Refusal::new(400, format!("there is no type of event `{}`", shortened(name)), hint)
    })
}

fn history(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let wanted: Wanted = call.input()?;
        let filter = filter(call.space, wanted.queue.as_ref(), wanted.types.as_ref())?;
        let limit = wanted.limit.unwrap_or(EVENTS_DEFAULT);
        if limit > EVENTS_MAX {
            let hint = "ask for the rest with since=NEXT, which each answer tells";
            return Err(Refusal::new(400, format!("limit is at most {EVENTS_MAX}"), hint));
        }
        let history = of(call.space)?;
        let (events, next, dropped_before) = match wanted.since {
            Some(since) => {
                let page = history.events(since, &filter, limit);
                (page.events, page.until, page.dropped_before)
            }
            // The last ones; what was dropped matters if it would be among them.
            None => {
                let next = history.position();
                let events = history.last_events(&filter, limit);
                let first = events.first().filter(|_| events.len() == limit).map_or(0, |event| event.position);
                let dropped = history.dropped_before().filter(|before| *before > first);
                (events, next, dropped)
            }
        };
        if matches!(wanted.format, Format::Jsonl) {
            let lines: String = events.iter().map(|event| event.json().to_string() + "\n").collect();
            return Ok(Reply::content(Content::Bytes("application/x-ndjson", lines.into())));
        }
        let mut text = listing(&events, true);
        if let Some(before) = dropped_before {
            text = format!("{text}not complete: events before {before} were dropped\n");
        }
        let mut json = json!({
            "events": events.iter().map(Event::json).collect::<Vec<_>>(),
            "next": next,
            "complete": dropped_before.is_none(),
        });
        if let Some(before) = dropped_before {
            json["droppedBefore"] = before.into();
        }
        Ok(Reply::json(json).with_text(text))
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Life {
    /// Bytes of the body that are shown; all if not said.
    body_limit: Option<usize>,
}

fn life(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let Life { body_limit } = call.input()?;
        let id = call.part(0);
        let id: MessageId =
            id.parse().map_err(|error| Refusal::new(400, format!("`{}`: {error}", shortened(id)), ""))?;
        let timeline = call.space.history().and_then(|history| history.timeline(id));
        let living =
            find_anywhere(call.space, timeline.as_ref().and_then(|known| known.ids.last()).copied().unwrap_or(id));
        if timeline.is_none() && living.is_none() {
            let hint = match call.space.history().and_then(|history| history.dropped_before()) {
                Some(before) => format!("its events may be among those before position {before}, which were dropped"),
                None => String::new(),
            };
            return Err(Refusal::new(404, format!("there is no message {id}, and there was none"), hint));
        }
        let (json, text) = (
            life_json(id, timeline.as_ref(), living.as_ref(), body_limit),
            life_text(id, timeline.as_ref(), living.as_ref()),
        );
        Ok(Reply::json(json).with_text(text))
    })
}

/// How a message stands, for people.
fn standing(timeline: Option<&Timeline>, living: Option<&Living>) -> String {
    match (living, timeline) {
        (Some(living), _) => format!("{} in {}", living.state_text(), living.queue.name),
        (None, Some(timeline)) => match (timeline.ended, timeline.events.last()) {
            (Some(ended), Some(last)) => {
                let queue = last.queue.as_ref().map_or("", |queue| &*queue.name);
                format!("{} in {queue}", ended.name())
            }
            _ => "on its way to another queue, or lost with one".to_owned(),
        },
        (None, None) => "gone".to_owned(),
    }
}

fn life_json(id: MessageId, timeline: Option<&Timeline>, living: Option<&Living>, body_limit: Option<usize>) -> Value {
    let mut json = json!({"id": id.to_string(), "complete": timeline.is_some_and(|timeline| timeline.complete)});
    let mut put = |name: &str, value: Value| {
        json[name] = value;
    };
    if let Some(living) = living {
        put("queue", (*living.queue.name).into());
        put("state", living.state().into());
        put("message", living.json(body_limit.unwrap_or(usize::MAX)));
    }
    if let Some(timeline) = timeline {
        if timeline.ids.len() > 1 {
            put("ids", timeline.ids.iter().map(ToString::to_string).collect::<Vec<_>>().into());
        }
        if let (None, Some(ended)) = (living, timeline.ended) {
            put("state", ended.name().into());
            let queue = timeline.events.iter().rev().find_map(|event| event.queue.as_ref());
            put("queue", queue.map(|queue| queue.name.to_string()).into());
        }
        if let (None, Some(gone)) = (living, &timeline.gone) {
            put("body", gone.body.as_str().into());
            put("bodyBytes", gone.body_bytes.into());
        }
        put("events", timeline.events.iter().map(Event::json).collect::<Vec<_>>().into());
    }
    json
}

fn life_text(id: MessageId, timeline: Option<&Timeline>, living: Option<&Living>) -> String {
    let mut text = format!("message {id}: {}\n", standing(timeline, living));
    let gone = timeline.and_then(|timeline| timeline.gone.as_ref());
    let body = living.map(|living| living.stored.message.body.as_str()).or(gone.map(|gone| gone.body.as_str()));
    // Writing to a String cannot fail.
    if let Some(body) = body {
        let line: String = body.chars().take(200).map(|c| if c.is_control() { ' ' } else { c }).collect();
        let _ = writeln!(text, "body    {line}{}", if line.len() < body.len() { "..." } else { "" });
    }
    let Some(timeline) = timeline else {
        return text + "the history is off, or its events were dropped\n";
    };
    if timeline.ids.len() > 1 {
        let ids: Vec<String> = timeline.ids.iter().map(ToString::to_string).collect();
        let _ = writeln!(text, "ids     {}", ids.join(", then "));
    }
    if !timeline.complete {
        let first = timeline.events.first().map(|event| shown(event.at)).unwrap_or_default();
        let _ = writeln!(text, "what happened before {first} is not known");
    }
    text + "\n" + &listing(&timeline.events, false)
}
