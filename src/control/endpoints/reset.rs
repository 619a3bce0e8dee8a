//! `POST /_kew/reset`: a space as it was at its start.

use super::{Answering, Endpoint};
use crate::control::call::{Call, Method, Reply};
use crate::control::reset::What;
use serde::Deserialize;
use serde_json::json;

pub(super) const ENDPOINTS: &[Endpoint] = &[Endpoint {
    method: Method::Post,
    path: "/reset",
    summary: "All as at the start, or only some of messages, queues, clock, faults, history, dedup",
    handler: reset,
}];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Reset {
    what: Option<Parts>,
}

/// In a query string there is one, or several with commas between.
#[derive(Deserialize)]
#[serde(untagged, expecting = "`what` is a list of messages, queues, clock, faults, history, dedup")]
enum Parts {
    Listed(Vec<String>),
    Text(String),
}

fn reset(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let Reset { what } = call.input()?;
        let what = match what {
            None => What::ALL.to_vec(),
            Some(Parts::Listed(names)) => names.iter().map(|name| What::named(name)).collect::<Result<_, _>>()?,
            Some(Parts::Text(names)) => {
                names.split(',').map(|name| What::named(name.trim())).collect::<Result<_, _>>()?
            }
        };
        // From here on requests wait until it is done.
        let _apart = call.control.namespaces().tell_apart();
        call.space.reset(&what, call.by()).await?;
        let names: Vec<&str> = what.iter().map(|part| part.name()).collect();
        let queues = call.space.broker().namespace().all().len();
        let text = format!("reset: {}; queues now: {queues}\n", names.join(", "));
        Ok(Reply::json(json!({"reset": names, "queues": queues})).with_text(text))
    })
}
