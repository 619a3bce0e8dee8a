//! `/_kew/clock`: how the clock stands and goes, turning it, and holds on auto-advance.

use super::queues::queue;
use super::{Answering, Endpoint};
use crate::broker::{Due, Turned};
use crate::clock::ClockMode;
use crate::control::auto::{AutoOptions, AutoWanted, Consumers, HeldBy, Hold, Stopped, TurnedBy, Until};
use crate::control::call::{Call, Method, Refusal, Reply, shortened};
use crate::control::clock::{ClockState, Goal, Next, Setting, mode_name};
use crate::control::duration::{Moment, Span, shown};
use crate::control::space::Space;
use crate::engine::Time;
use serde::Deserialize;
use serde_json::{Value, json};
use std::fmt::Write;
use std::time::Duration;

pub(super) const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        method: Method::Get,
        path: "/clock",
        summary: "How the clock stands, what is next, and what holds auto-advance",
        handler: state,
    },
    Endpoint {
        method: Method::Put,
        path: "/clock",
        summary: "Have the clock go real, running, frozen or auto: {mode, at, settle, until, maxJumps, consumers, longPolls}",
        handler: set,
    },
    Endpoint {
        method: Method::Post,
        path: "/clock/advance",
        summary: "Turn the clock forward step by step: {by} or {to: moment or next, queue}, settle, jump",
        handler: advance,
    },
    Endpoint {
        method: Method::Post,
        path: "/clock/hold",
        summary: "Keep auto-advance from jumping for a while: {reason, ttl}",
        handler: hold,
    },
    Endpoint { method: Method::Delete, path: "/clock/hold/{id}", summary: "End such a hold", handler: release },
];

/// An endpoint without members takes none.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

fn state(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let Nothing {} = call.input()?;
        Ok(shown_state(&call.space.clock_state().await))
    })
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Mode {
    Real,
    Running,
    Frozen,
    Auto,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
enum LongPolls {
    Real,
    Virtual,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Set {
    mode: Option<Mode>,
    at: Option<Moment>,
    settle: Option<Span>,
    until: Option<Until>,
    max_jumps: Option<u64>,
    consumers: Option<Consumers>,
    long_polls: Option<LongPolls>,
}

fn set(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        apply(call.space, call.input()?).await?;
        Ok(shown_state(&call.space.clock_state().await))
    })
}

/// Has the clock of a space go as it is wanted.
///
/// # Errors
/// 400 for what is out of bounds, 404 for a queue that is not there, 409 if the clock cannot be turned.
pub(super) async fn apply(space: &Space, wanted: Set) -> Result<(), Refusal> {
    let Set { mode, at, settle, until, max_jumps, consumers, long_polls } = wanted;
    let wanted = AutoWanted { on: true, settle, until, max_jumps, consumers };
    let auto = match wanted == (AutoWanted { on: true, ..AutoWanted::default() }) {
        true => None,
        false => Some(wanted.options(space.broker())?),
    };
    let mode = mode.map(|mode| match mode {
        Mode::Real => ClockMode::Real,
        Mode::Running => ClockMode::Running,
        Mode::Frozen => ClockMode::Frozen,
        Mode::Auto => ClockMode::Auto,
    });
    let virtual_long_polls = long_polls.map(|by| matches!(by, LongPolls::Virtual));
    let at = at.map(|Moment(at)| at);
    space.set_clock(Setting { mode, at, auto, virtual_long_polls }).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    by: Option<Span>,
    to: Option<To>,
    queue: Option<String>,
    #[serde(default)]
    settle: Span,
    #[serde(default)]
    jump: bool,
}

/// `next`, or a moment.
enum To {
    Next,
    At(Moment),
}

impl<'de> Deserialize<'de> for To {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<To, D::Error> {
        match Value::deserialize(from)? {
            Value::String(text) if text == "next" => Ok(To::Next),
            other => Moment::deserialize(other)
                .map(To::At)
                .map_err(|error| serde::de::Error::custom(format!("to is neither next nor a moment: {error}"))),
        }
    }
}

fn advance(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let Advance { by, to, queue: name, settle, jump } = call.input()?;
        let name = match &name {
            Some(name) => Some(queue(call.space, name)?.name.clone()),
            None => None,
        };
        let goal = match (by, to, name) {
            (Some(Span(by)), None, None) => Goal::By(by),
            (None, Some(To::At(Moment(to))), None) => Goal::To(to),
            (None, Some(To::Next), name) => Goal::Next(name),
            (_, _, Some(_)) => return Err(Refusal::new(400, "queue is for {\"to\": \"next\"}", "")),
            (Some(_), Some(_), _) => return Err(Refusal::new(400, "by and to are both there", "leave one out")),
            (None, None, None) => {
                return Err(Refusal::new(400, "how far?", "by=15m, to=next, or to=2026-12-24T18:00:00Z"));
            }
        };
        let turned = call.space.advance_clock(goal, jump, settle.0).await?;
        Ok(shown_turn(&turned))
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HoldInput {
    reason: String,
    ttl: Span,
}

fn hold(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let HoldInput { reason, ttl } = call.input()?;
        let id = call.space.auto().hold(&reason, ttl.0)?;
        let json = json!({"id": id.to_string(), "reason": reason, "ttl": ttl.to_string()});
        Ok(Reply::json(json).with_text(format!("{id}\n")).with_status(201))
    })
}

fn release(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let Nothing {} = call.input()?;
        let hold = call.part(0).parse().ok().and_then(|id| call.space.auto().release(id));
        let Some(hold) = hold else {
            let hint = "it may have ended by itself; GET /_kew/clock lists those that there are";
            return Err(Refusal::new(404, format!("there is no hold `{}`", shortened(call.part(0))), hint));
        };
        Ok(Reply::json(json!({"reason": hold.reason})).with_text("released\n"))
    })
}

/// What is ahead or behind, with a sign if it is behind.
fn signed(ms: i64) -> String {
    let span = Span(Duration::from_millis(ms.unsigned_abs()));
    if ms < 0 { format!("-{span}") } else { span.to_string() }
}

fn in_time(at: Time, now: Time) -> Span {
    Span(Duration::from_millis(at.ms_since(now)))
}

fn shown_state(state: &ClockState) -> Reply {
    let ClockState { mode, now, real_now, offset_ms, virtual_long_polls, next, auto, holds } = state;
    let next_json = next.as_ref().map(|next| {
        json!({
            "at": shown(next.at), "in": in_time(next.at, *now).to_string(), "why": next.due.name(),
            "queue": &*next.queue.name, "messageId": next.message.map(|id| id.to_string()), "waiting": next.waiting,
        })
    });
    let holds: Vec<Value> = holds
        .iter()
        .map(|(id, Hold { reason, since_ms, until_ms })| {
            let ttl = Span(Duration::from_millis(until_ms.saturating_sub(*since_ms)));
            json!({"id": id.to_string(), "reason": reason, "ttl": ttl.to_string()})
        })
        .collect();
    let json = json!({
        "mode": mode_name(*mode),
        "now": shown(*now),
        "nowMs": now.as_ms(),
        "realNow": shown(*real_now),
        "offset": signed(*offset_ms),
        "offsetMs": offset_ms,
        "longPolls": if *virtual_long_polls { "virtual" } else { "real" },
        "next": next_json,
        "auto": {
            "options": auto.options.as_ref().map(shown_options),
            "awaits": auto.awaits,
            "quietFor": Span(auto.quiet_for).to_string(),
            "jumps": auto.jumps,
            "heldBy": auto.held_by.iter().map(HeldBy::json).collect::<Vec<_>>(),
            "stopped": auto.stopped.as_ref().map(Stopped::json),
        },
        "holds": holds,
        "lastJump": auto.last_turn.as_ref().map(|TurnedBy { from, to, why, real }| {
            json!({"from": shown(*from), "to": shown(*to), "why": why, "real": shown(*real)})
        }),
    });
    Reply::json(json).with_text(state_text(state))
}

fn shown_options(options: &AutoOptions) -> Value {
    let AutoOptions { settle, until, max_jumps, consumers } = options;
    json!({
        "settle": Span(*settle).to_string(), "until": until.map(shown), "maxJumps": max_jumps, "consumers": consumers,
    })
}

/// The state for people.
fn state_text(state: &ClockState) -> String {
    let ClockState { mode, now, offset_ms, next, auto, .. } = state;
    let offset = match *offset_ms {
        0 => String::new(),
        ms if ms > 0 => format!(", {} ahead of real time", signed(ms)),
        ms => format!(", {} behind real time", signed(-ms)),
    };
    let mut text = format!("{} {}{offset}\n", shown(*now), mode_name(*mode));
    // Writing to a String cannot fail.
    let _ = match next {
        Some(Next { at, due, queue, message, waiting }) => {
            let message = message.map(|id| format!(" of {id}")).unwrap_or_default();
            writeln!(
                text,
                "next in {}: {}{message} in {}, {waiting} waiting",
                in_time(*at, *now),
                what(*due),
                queue.name
            )
        }
        None => writeln!(text, "nothing is ahead"),
    };
    if auto.options.is_some() {
        let _ = writeln!(
            text,
            "auto: {} jump{}, quiet for {}",
            auto.jumps,
            if auto.jumps == 1 { "" } else { "s" },
            Span(auto.quiet_for)
        );
        for held in &auto.held_by {
            let _ = writeln!(text, "  held by {}", held.text());
        }
    }
    if let Some(stopped) = &auto.stopped {
        let _ = writeln!(text, "auto stopped, {}: {}", stopped.name(), stopped.hint());
    }
    text
}

fn what(due: Due) -> &'static str {
    match due {
        Due::DelayEnds => "the delay",
        Due::VisibilityEnds => "the visibility timeout",
        Due::MoveTask => "a portion of a move task",
    }
}

fn shown_turn(turned: &Turned) -> Reply {
    let Turned { from, to, reached, steps, handed_out } = turned;
    let rows: Vec<Value> = steps
        .iter()
        .map(|step| {
            json!({"at": shown(step.at), "queue": &*step.queue.name, "why": step.due.name(), "messages": step.messages})
        })
        .collect();
    let json = json!({
        "now": shown(*to), "nowMs": to.as_ms(), "from": shown(*from), "reached": reached, "steps": rows,
        "handedOut": handed_out,
    });
    let mut text = format!("{}, {} later\n", shown(*to), in_time(*to, *from));
    let width = steps.iter().map(|step| step.queue.name.len()).max().unwrap_or(0);
    for step in steps {
        let (after, name) = (in_time(step.at, *from).to_string(), &step.queue.name);
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  +{after:<9} {name:<width$}  {}: {}", what(step.due), messages(step.messages));
    }
    let _ = writeln!(text, "{} handed out", messages(*handed_out));
    if !reached {
        let _ =
            writeln!(text, "that is not as far as was asked for: too many steps, or too long between them; turn it on");
    }
    Reply::json(json).with_text(text)
}

fn messages(count: u64) -> String {
    if count == 1 { "1 message".to_owned() } else { format!("{count} messages") }
}
