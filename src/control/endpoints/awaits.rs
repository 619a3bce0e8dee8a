//! `GET` and `POST /_kew/await`: waits until a condition holds.

use super::{Answering, Endpoint};
use crate::control::auto::{AutoOptions, AutoWanted};
use crate::control::awaits::{AwaitInput, Gauge, MessageSeen, Met, MissedWhy, Seen, wait};
use crate::control::call::{Call, Method, Refusal, Reply};
use crate::control::duration::Span;
use serde::Deserialize;
use serde_json::{Map, Value, json};

pub(super) const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        method: Method::Get,
        path: "/await",
        summary: "Wait until a condition holds: ?queue=orders&empty, &deleted.min=3, ?message=ID&state=deleted",
        handler: answer,
    },
    Endpoint {
        method: Method::Post,
        path: "/await",
        summary: "The same by a body: {queue, visible, deleted: {min, since}, message: {json, state}, not, stable, auto}",
        handler: answer,
    },
];

fn answer(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let input: AwaitInput = call.input()?;
        let auto = auto(&call, input.auto())?;
        let condition = input.condition().map_err(|(error, hint)| Refusal::new(400, error, hint))?;
        tokio::select! {
            biased;
            // Nobody is there to read the answer.
            () = call.incoming.gone() => Err(Refusal::new(409, "the client has gone", "")),
            outcome = wait(call.space, &condition, auto) => match outcome {
                Ok(met) => {
                    let text = met.text();
                    Ok(Reply::json(json_of(&met)).with_text(text))
                }
                Err(missed) => match missed.why {
                    MissedWhy::Refused(refusal) => Err(refusal),
                    _ => Ok(Reply::json(missed.to_json()).with_text(missed.to_string()).with_status(409)),
                },
            },
        }
    })
}

/// The auto-advance that is asked for, if any.
fn auto(call: &Call<'_>, wanted: Option<&Value>) -> Result<Option<AutoOptions>, Refusal> {
    let Some(wanted) = wanted else { return Ok(None) };
    let wanted = AutoWanted::deserialize(wanted).map_err(|error| Refusal::wrong_input(&error.to_string()))?;
    if !wanted.on {
        return Ok(None);
    }
    wanted.options(call.space.broker()).map(Some)
}

fn json_of(met: &Met) -> Value {
    let counts: Map<String, Value> = met.queues.iter().map(|(name, seen)| (name.clone(), counts(seen))).collect();
    let mut json = json!({
        "met": true,
        "waited": Span(met.waited).to_string(),
        "waitedMs": u64::try_from(met.waited.as_millis()).unwrap_or(u64::MAX),
        "counts": counts,
        "position": met.position,
    });
    if let Some(MessageSeen { id, queue, body, state, receives }) = &met.message {
        json["message"] =
            json!({"id": id.to_string(), "queue": queue, "body": body, "state": state.name(), "receives": receives});
    }
    json
}

fn counts(seen: &Seen) -> Value {
    Gauge::ALL.iter().map(|gauge| (gauge.name().to_owned(), seen.gauge(*gauge).into())).collect::<Map<_, _>>().into()
}
