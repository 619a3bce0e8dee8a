//! `GET /_kew/openapi.json`: all endpoints as a document for programs, made from their table.

use super::{Answering, Call, Endpoint, endpoints};
use crate::control::call::{Content, Method, Reply};
use bytes::Bytes;
use serde_json::{Map, Value, json};

pub(super) const ENDPOINTS: &[Endpoint] = &[Endpoint {
    method: Method::Get,
    path: "/openapi.json",
    summary: "This API as an OpenAPI document",
    handler: openapi,
}];

/// An endpoint without members takes none.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// A member that no endpoint takes. What it answers to it names those that it does take.
const NO_MEMBER: &str = "-";

fn openapi(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let Nothing {} = call.input()?;
        let mut paths = Map::new();
        // Its own members, none, need no asking.
        for endpoint in endpoints() {
            let members = if endpoint.path == "/openapi.json" { Vec::new() } else { members(&call, endpoint).await };
            let path = paths.entry(format!("/_kew{}", endpoint.path)).or_insert_with(|| Value::Object(Map::new()));
            path[endpoint.method.name().to_lowercase()] = operation(endpoint, &members);
        }
        let document = json!({
            "openapi": "3.1.0",
            "info": {
                "title": "kew test control",
                "version": env!("CARGO_PKG_VERSION"),
                "description": "Time, failure, waiting and history of a kew server under the hand of a test. Each path is there \
                    for a namespace too, behind /_kew/ns/{name}. Members may stand in the query string or in a JSON body.",
            },
            "servers": [{"url": call.incoming.base_url}],
            "paths": paths,
            "components": {
                "schemas": {"Error": {
                    "type": "object",
                    "properties": {"error": {"type": "string"}, "hint": {"type": "string"}},
                    "required": ["error", "hint"],
                }},
                "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            },
            "security": [{}, {"token": []}],
        });
        let text = format!("{document:#}\n");
        Ok(Reply::content(Content::Bytes("application/json", Bytes::from(text))))
    })
}

/// The members that an endpoint takes, as it says itself: it refuses another before it does anything.
async fn members(call: &Call<'_>, endpoint: &Endpoint) -> Vec<String> {
    let input = json!({ NO_MEMBER: true });
    let path = endpoint.path.split('/').filter(|part| part.starts_with('{')).map(|_| NO_MEMBER.to_owned()).collect();
    let asked = Call { control: call.control, space: call.space, incoming: call.incoming, path, input };
    let Err(refusal) = (endpoint.handler)(asked).await else { return Vec::new() };
    let Some((_, expected)) = refusal.error.split_once(", expected ") else { return Vec::new() };
    expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn operation(endpoint: &Endpoint, members: &[String]) -> Value {
    let parts = endpoint.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let mut parameters: Vec<Value> =
        parts.map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}})).collect();
    parameters.extend(members.iter().map(|name| json!({"name": name, "in": "query", "schema": {}})));
    let answer =
        |text: &str, schema: Value| json!({"description": text, "content": {"application/json": {"schema": schema}}});
    let error = || answer("What is wrong, and what to do about it", json!({"$ref": "#/components/schemas/Error"}));
    let mut operation = json!({
        "summary": endpoint.summary,
        "operationId": operation_id(endpoint),
        "parameters": parameters,
        "responses": {
            "2XX": answer("What was asked for, or what was done", json!({})),
            "400": error(), "403": error(), "404": error(), "409": error(),
        },
    });
    if endpoint.method != Method::Get && !members.is_empty() {
        let properties: Map<String, Value> = members.iter().map(|name| (name.clone(), json!({}))).collect();
        let schema = json!({"type": "object", "properties": properties, "additionalProperties": false});
        operation["requestBody"] = json!({"content": {"application/json": {"schema": schema}}});
    }
    operation
}

/// `postClockAdvance` for `POST /clock/advance`.
fn operation_id(endpoint: &Endpoint) -> String {
    let words = endpoint.path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let capital = |word: &str| word[..1].to_ascii_uppercase() + &word[1..];
    endpoint.method.name().to_lowercase() + &words.map(capital).collect::<String>()
}
