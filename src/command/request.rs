//! A request to the control API, made of arguments.

use kew::internals::control::Method;
use serde::Serialize;
use serde_json::{Map, Value};

/// A request to the control API.
#[derive(Debug)]
pub struct Request {
    /// Its method.
    pub method: Method,
    /// The parts of the path behind `/_kew`, or behind that of a namespace.
    pub path: Vec<String>,
    /// The members: a query string with GET, else a body.
    pub input: Value,
}

impl Request {
    /// A request with members.
    pub fn new(method: Method, path: &[&str], input: &impl Serialize) -> Request {
        let path = path.iter().map(|part| (*part).to_owned()).collect();
        // Arguments are texts, numbers and lists of them.
        let input = serde_json::to_value(input).unwrap_or_default();
        Request { method, path, input: without_nothing(input).unwrap_or_default() }
    }

    /// A GET with members.
    pub fn get(path: &[&str], input: &impl Serialize) -> Request {
        Request::new(Method::Get, path, input)
    }

    /// The query string; empty if the members are sent as a body.
    pub fn query(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        if let (Method::Get, Value::Object(members)) = (self.method, &self.input) {
            for (name, value) in members {
                match value {
                    Value::String(text) => query.append_pair(name, text),
                    Value::Array(list) => {
                        query.append_pair(name, &list.iter().map(shown).collect::<Vec<_>>().join(","))
                    }
                    Value::Object(inner) => inner.iter().fold(&mut query, |query, (inner, value)| {
                        query.append_pair(&format!("{name}.{inner}"), &shown(value))
                    }),
                    other => query.append_pair(name, &other.to_string()),
                };
            }
        }
        query.finish()
    }
}

/// A value as it stands in a query string.
pub fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A value without the members that say nothing.
fn without_nothing(value: Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::Array(list) if list.is_empty() => None,
        Value::Object(members) => {
            let left = members.into_iter().filter_map(|(name, value)| Some((name, without_nothing(value)?)));
            let left: Map<_, _> = left.collect();
            (!left.is_empty()).then_some(Value::Object(left))
        }
        other => Some(other),
    }
}
