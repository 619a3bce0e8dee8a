//! The table of the control API's endpoints, and the way of a call to its row.

mod about;
mod awaits;
mod clock;
#[cfg(feature = "postgres")]
mod cluster;
mod events;
mod faults;
mod groups;
mod history;
mod messages;
mod namespaces;
mod openapi;
mod policies;
mod queues;
mod redrive;
mod report;
mod reset;

use super::call::{Call, Incoming, Method, Refusal, Reply, members_of_query, nearest};
use super::space::Space;
use super::spaces::Control;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};
use std::pin::Pin;
use std::sync::Arc;

/// What answers a call.
pub(super) type Handler = for<'a> fn(Call<'a>) -> Answering<'a>;

/// An answer on its way.
pub(super) type Answering<'a> = Pin<Box<dyn Future<Output = Result<Reply, Refusal>> + Send + 'a>>;

/// A row of the table.
pub(super) struct Endpoint {
    pub(super) method: Method,
    /// The path behind `/_kew`; `{name}` stands for one part.
    pub(super) path: &'static str,
    /// What it does, in a line.
    pub(super) summary: &'static str,
    pub(super) handler: Handler,
}

/// The tables of the files beside this one.
const TABLES: &[&[Endpoint]] = &[
    about::ENDPOINTS,
    awaits::ENDPOINTS,
    clock::ENDPOINTS,
    #[cfg(feature = "postgres")]
    cluster::ENDPOINTS,
    events::ENDPOINTS,
    faults::ENDPOINTS,
    groups::ENDPOINTS,
    history::ENDPOINTS,
    messages::ENDPOINTS,
    namespaces::ENDPOINTS,
    openapi::ENDPOINTS,
    policies::ENDPOINTS,
    queues::ENDPOINTS,
    redrive::ENDPOINTS,
    report::ENDPOINTS,
    reset::ENDPOINTS,
];

/// All endpoints.
pub(super) fn endpoints() -> impl Iterator<Item = &'static Endpoint> {
    TABLES.iter().copied().flatten()
}

/// Answers a request to the control API.
pub async fn answer(control: &Arc<Control>, incoming: &Incoming<'_>) -> Reply {
    let Some((name, path)) = in_namespace(incoming.path) else {
        return answer_for(control, control.home(), incoming).await;
    };
    match control.namespaces().get(name) {
        Ok(namespace) => {
            let _in_use = namespace.serve();
            let (body, credentials) = (incoming.body.clone(), incoming.credentials.clone());
            let incoming = Incoming { path, body, credentials, ..*incoming };
            answer_for(control, &namespace.space, &incoming).await
        }
        Err(refusal) => refusal.reply(),
    }
}

/// The namespace that a path is about, and the path of the endpoint in it.
fn in_namespace(path: &str) -> Option<(&str, &str)> {
    let rest = path.strip_prefix("/ns/")?;
    let (name, path) = rest.split_at(rest.find('/')?);
    // What stands at the namespace's own path is about the namespace as such.
    (path != "/").then_some((name, path))
}

async fn answer_for(control: &Arc<Control>, space: &Arc<Space>, incoming: &Incoming<'_>) -> Reply {
    let answer = match find(incoming) {
        Ok((endpoint, _)) if !space.name.is_empty() && endpoint.path.starts_with("/ns") => {
            Err(Refusal::new(404, "there are no namespaces inside of namespaces", "leave out the first /ns/NAME"))
        }
        Ok((endpoint, path)) => match input(incoming) {
            Ok(input) => (endpoint.handler)(Call { control, space, incoming, path, input }).await,
            Err(refusal) => Err(refusal),
        },
        Err(refusal) => Err(refusal),
    };
    let mut reply = answer.unwrap_or_else(|refusal| refusal.reply());
    add_position(&mut reply, space);
    reply
}

/// Every answer says up to which event it has seen the history.
fn add_position(reply: &mut Reply, space: &Space) {
    if let (Value::Object(members), Some(history)) = (&mut reply.json, space.history()) {
        members.entry("position").or_insert_with(|| history.position().into());
    }
}

/// The endpoint of a request, and the parts of its path that stand for something.
fn find(incoming: &Incoming<'_>) -> Result<(&'static Endpoint, Vec<String>), Refusal> {
    let path = incoming.path.strip_suffix('/').unwrap_or(incoming.path);
    let matching: Vec<_> = endpoints().filter_map(|endpoint| Some((endpoint, parts(endpoint.path, path)?))).collect();
    if matching.is_empty() {
        let first = |path: &'static str| path.split('/').nth(1).unwrap_or_default();
        let wrong = path.split('/').nth(1).unwrap_or_default();
        let hint = match nearest(wrong, endpoints().map(|endpoint| first(endpoint.path))) {
            Some(name) if name != wrong && !name.is_empty() => format!("did you mean /_kew/{name}?"),
            _ => "GET /_kew lists what there is".to_owned(),
        };
        return Err(Refusal::new(404, format!("there is no /_kew{}", super::call::shortened(path)), hint));
    }
    let methods: Vec<_> = matching.iter().map(|(endpoint, _)| endpoint.method.name()).collect();
    let found = matching.into_iter().find(|(endpoint, _)| endpoint.method == incoming.method);
    found.ok_or_else(|| {
        let error = format!("/_kew{path} does not take {}", incoming.method.name());
        Refusal::new(400, error, format!("it takes {}", methods.join(", ")))
    })
}

/// The parts of a path that stand for something, if it is of this pattern.
fn parts(pattern: &str, path: &str) -> Option<Vec<String>> {
    let (mut wanted, mut given) = (pattern.split('/'), path.split('/'));
    let mut found = Vec::new();
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(found),
            (Some(name), Some(part)) if name.starts_with('{') && !part.is_empty() => {
                found.push(percent_decode_str(part).decode_utf8_lossy().into_owned());
            }
            (Some(wanted), Some(given)) if wanted == given => {}
            _ => return None,
        }
    }
}

/// The members of the query string and of the body, which may be left out.
fn input(incoming: &Incoming<'_>) -> Result<Value, Refusal> {
    let mut members = members_of_query(incoming.query);
    if incoming.body.iter().any(|byte| !byte.is_ascii_whitespace()) {
        let body: Value = serde_json::from_slice(&incoming.body)
            .map_err(|error| Refusal::new(400, format!("the body is no JSON: {error}"), ""))?;
        match body {
            Value::Object(body) => members.extend(body),
            // A list stands for itself.
            other if members.is_empty() => return Ok(other),
            _ => return Err(Refusal::new(400, "the body is no JSON object", "leave out the query string")),
        }
    }
    Ok(Value::Object(Map::from_iter(members)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_path_are_found_and_decoded() {
        let pattern = "/queues/{queue}/messages";
        assert_eq!(parts(pattern, "/queues/a%20b.fifo/messages"), Some(vec!["a b.fifo".to_owned()]));
        for path in ["/queues//messages", "/queues/a", "/queues/a/messages/1", "queues/a/messages", ""] {
            assert_eq!(parts(pattern, path), None, "{path}");
        }
        assert_eq!(parts("", ""), Some(Vec::new()));
    }
}
