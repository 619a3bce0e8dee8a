//! CBOR for the JSON members of a request, and JSON for the CBOR of an answer, by another maker's reader and writer.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ciborium::Value as Cbor;
use serde_json::{Map, Value};

/// The body of a request: the same members, those that are blobs as bytes.
pub fn body(members: &Value) -> Vec<u8> {
    written(&item(members, false))
}

/// An item as bytes.
pub fn written(item: &Cbor) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(item, &mut bytes).unwrap();
    bytes
}

/// All of an answer's body as JSON, bytes as base64.
pub fn json(mut body: &[u8]) -> Value {
    let item: Cbor = ciborium::from_reader(&mut body).unwrap_or_else(|e| panic!("{e}: {}", hex::encode(body)));
    assert!(body.is_empty(), "{} bytes behind the answer", body.len());
    value(item)
}

/// JSON as an item; a text that is base64 for a blob becomes bytes.
pub fn item(value: &Value, is_blob: bool) -> Cbor {
    match value {
        Value::Null => Cbor::Null,
        Value::Bool(value) => Cbor::Bool(*value),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => Cbor::Integer(whole.into()),
            None => Cbor::Float(number.as_f64().unwrap()),
        },
        Value::String(text) => match STANDARD.decode(text.trim_end()) {
            Ok(bytes) if is_blob => Cbor::Bytes(bytes),
            _ => Cbor::Text(text.clone()),
        },
        Value::Array(list) => Cbor::Array(list.iter().map(|value| item(value, is_blob)).collect()),
        Value::Object(members) => {
            let is_blob = |name: &str| matches!(name, "BinaryValue" | "BinaryListValues");
            Cbor::Map(members.iter().map(|(name, v)| (Cbor::Text(name.clone()), item(v, is_blob(name)))).collect())
        }
    }
}

fn value(item: Cbor) -> Value {
    match item {
        Cbor::Bytes(bytes) => STANDARD.encode(bytes).into(),
        Cbor::Text(text) => text.into(),
        Cbor::Bool(value) => value.into(),
        Cbor::Integer(number) => i64::try_from(number).unwrap().into(),
        Cbor::Array(list) => list.into_iter().map(value).collect(),
        Cbor::Map(members) => {
            let member = |(name, item): (Cbor, Cbor)| (name.into_text().expect("a name that is a text"), value(item));
            let count = members.len();
            let members: Map<_, _> = members.into_iter().map(member).collect();
            assert_eq!(members.len(), count, "a name twice in {members:?}");
            members.into()
        }
        other => panic!("{other:?} in an answer"),
    }
}
