//! The XML's content as JSON, for Query requests that ask for `application/json`.
//!
//! It is rarely asked for, so it goes through [`Value`], which is slow but simple. What is recorded of AWS: the
//! envelope, the list `messages` in lower case, and queue attributes as a list of names and values.

use crate::api::Response;
use crate::error::Error;
use serde_json::{Map, Value, json};

/// Writes an answer.
pub(super) fn result(out: &mut Vec<u8>, response: &Response, request_id: &str) {
    let action = response.operation().name();
    let mut envelope = Map::new();
    if response.has_output() {
        let members = response.serialize(serde_json::value::Serializer).unwrap_or_default();
        envelope.insert(format!("{action}Result"), reshape(members));
    }
    envelope.insert("ResponseMetadata".to_owned(), json!({ "RequestId": request_id }));
    write(out, &json!({ format!("{action}Response"): envelope }));
}

/// Writes an error.
pub(super) fn error(out: &mut Vec<u8>, error: &Error, request_id: &str) {
    let error = json!({ "Type": error.fault().as_str(), "Code": error.kind.code(), "Message": error.query_message() });
    write(out, &json!({ "Error": error, "RequestId": request_id }));
}

fn write(out: &mut Vec<u8>, value: &Value) {
    let written = serde_json::to_writer(out, value);
    debug_assert!(written.is_ok());
}

/// From the JSON protocol's shape to this one's.
fn reshape(value: Value) -> Value {
    match value {
        Value::Array(list) => list.into_iter().map(reshape).collect(),
        Value::Object(members) => members.into_iter().map(member).collect::<Map<_, _>>().into(),
        scalar => scalar,
    }
}

fn member((name, value): (String, Value)) -> (String, Value) {
    let (name, key) = match name.as_str() {
        "Messages" => return ("messages".to_owned(), reshape(value)),
        // Inferred: the list's name in the service's own model, as of `messages`.
        "QueueUrls" => return ("queueUrls".to_owned(), value),
        "Attributes" | "MessageAttributes" => (name, "Name"),
        "Tags" => (name, "Key"),
        _ => return (name, reshape(value)),
    };
    let Value::Object(map) = value else { return (name, value) };
    let list = map.into_iter().map(|(entry, value)| json!({ key: entry, "Value": value })).collect();
    (name, list)
}
