//! `/_kew/faults`: the rules about failures on purpose.

use super::{Answering, Endpoint};
use crate::control::call::{Call, Method, Refusal, Reply};
use crate::control::faults::Faults;
use serde_json::{Value, json};

pub(super) const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        method: Method::Get,
        path: "/faults",
        summary: "The rules about faults, and how often each matched and fired",
        handler: list,
    },
    Endpoint { method: Method::Put, path: "/faults", summary: "Sets all rules: a list of them", handler: replace },
    Endpoint {
        method: Method::Post,
        path: "/faults",
        summary: "Adds a rule: fault, on {action, queue, message, caller}, when {nth, first, every, after, probability, times}",
        handler: add,
    },
    Endpoint { method: Method::Delete, path: "/faults", summary: "Removes all rules", handler: clear },
    Endpoint { method: Method::Delete, path: "/faults/{id}", summary: "Removes a rule", handler: remove },
];

/// An endpoint without members takes none.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// The rules, as text a table.
fn listed(call: &Call<'_>) -> Reply {
    let faults = call.space.faults();
    Reply::json(json!({"faults": faults.list(), "seed": faults.seed()})).with_text(faults.table())
}

fn list(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let Nothing {} = call.input()?;
        Ok(listed(&call))
    })
}

fn replace(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let rules = match &call.input {
            Value::Array(rules) => rules.as_slice(),
            Value::Object(members) => match (members.get("faults"), members.len()) {
                (Some(Value::Array(rules)), 1) => rules.as_slice(),
                _ => {
                    return Err(Refusal::new(
                        400,
                        "all rules are wanted",
                        "a list of rules, as in [{\"fault\": \"throttle\"}]",
                    ));
                }
            },
            one => std::slice::from_ref(one),
        };
        call.space.faults().add_all(Faults::read_all(rules)?, true)?;
        Ok(listed(&call))
    })
}

fn add(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let rules = match &call.input {
            Value::Array(rules) => rules.as_slice(),
            one => std::slice::from_ref(one),
        };
        let faults = call.space.faults();
        let mut added = faults.add_all(Faults::read_all(rules)?, false)?;
        let ids: Vec<&str> = added.iter().filter_map(|rule| rule["id"].as_str()).collect();
        let text = format!("{}\n", ids.join("\n"));
        // A profile is several rules, which are removed together by its own id.
        let profile = added.first().map(|rule| rule["profile"].clone()).filter(|_| !call.input.is_array());
        let json = match (added.len(), profile) {
            (1, Some(Value::Null)) => added.remove(0),
            (_, Some(id)) => json!({"id": id, "faults": added}),
            (_, None) => json!({ "faults": added }),
        };
        Ok(Reply::json(json).with_text(text).with_status(201))
    })
}

fn clear(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let Nothing {} = call.input()?;
        call.space.faults().clear();
        Ok(listed(&call))
    })
}

fn remove(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let Nothing {} = call.input()?;
        call.space.faults().remove(call.part(0))?;
        Ok(listed(&call))
    })
}
