//! How the parts of a rule are written where that is not what serde makes of them.

use crate::api::Operation;
use crate::control::duration::Span;
use crate::control::matcher::{Matcher, text};
use crate::control::refusal::{nearest, shortened};
use crate::engine::MessageId;
use crate::error::ErrorKind;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serializer};
use serde_json::Value;

/// Numbers or actions that one rule may list.
const LISTED_MAX: usize = 1_000;

/// A duration without loss.
pub(super) fn show_span<S: Serializer>(span: &Option<Span>, to: S) -> Result<S::Ok, S::Error> {
    match span.map(Span::as_ms) {
        None => to.serialize_none(),
        Some(ms) if ms % 1_000 == 0 => to.serialize_str(&format!("{}s", ms / 1_000)),
        Some(ms) => to.serialize_str(&format!("{ms}ms")),
    }
}

/// A value, a list of values, or a text with commas.
fn several<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Value>, D::Error> {
    let values = match Value::deserialize(from)? {
        Value::Null => Vec::new(),
        Value::Array(values) => values,
        Value::String(text) => text.split(',').map(|part| Value::from(part.trim())).collect(),
        one => vec![one],
    };
    match values.len() {
        0..=LISTED_MAX => Ok(values),
        more => Err(D::Error::custom(format!("a list has at most {LISTED_MAX} values, not {more}"))),
    }
}

/// `2`, `[2, 5]` or `2,5`.
pub(super) fn numbers<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u64>, D::Error> {
    let number = |value: Value| {
        let number = value.as_u64().or_else(|| value.as_str()?.parse().ok());
        number.ok_or_else(|| D::Error::custom(format!("a number is wanted, not {}", shortened(&value.to_string()))))
    };
    several(from)?.into_iter().map(number).collect()
}

/// Names of actions.
pub(super) mod actions {
    use super::*;

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Operation>, D::Error> {
        let action = |value: Value| {
            let name = value.as_str().unwrap_or_default();
            Operation::from_name(name).ok_or_else(|| {
                let names = Operation::ALL.iter().map(|operation| operation.name());
                D::Error::custom(unknown("action", name, names, "SendMessage"))
            })
        };
        several(from)?.into_iter().map(action).collect()
    }

    pub(in super::super) fn serialize<S: Serializer>(actions: &[Operation], to: S) -> Result<S::Ok, S::Error> {
        match actions {
            [one] => to.serialize_str(one.name()),
            several => to.collect_seq(several.iter().map(|action| action.name())),
        }
    }
}

/// The code of an error, by either of its names.
pub(super) mod code {
    use super::*;

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<ErrorKind>, D::Error> {
        let Some(code) = text(from)? else { return Ok(None) };
        let names = |kind: &ErrorKind| [kind.code(), kind.json_type().1];
        let found = ErrorKind::ALL.iter().find(|kind| names(kind).contains(&code.as_str()));
        found.copied().map(Some).ok_or_else(|| {
            let all = ErrorKind::ALL.iter().flat_map(names);
            D::Error::custom(unknown("error code", &code, all, "RequestThrottled"))
        })
    }

    pub(in super::super) fn serialize<S: Serializer>(code: &Option<ErrorKind>, to: S) -> Result<S::Ok, S::Error> {
        match code {
            Some(kind) => to.serialize_str(kind.json_type().1),
            None => to.serialize_none(),
        }
    }
}

/// A matcher, or just the id of a message.
pub(super) mod message {
    use super::*;

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Matcher>, D::Error> {
        match Value::deserialize(from)? {
            Value::Null => Ok(None),
            Value::String(id) => {
                let id: Result<MessageId, _> = id.parse();
                id.map(|id| Some(Matcher::of_id(id))).map_err(D::Error::custom)
            }
            other => Matcher::deserialize(other).map(Some).map_err(D::Error::custom),
        }
    }

    pub(in super::super) fn serialize<S: Serializer>(matcher: &Option<Matcher>, to: S) -> Result<S::Ok, S::Error> {
        match matcher {
            Some(matcher) => to.collect_map(matcher.to_json().as_object().into_iter().flatten()),
            None => to.serialize_none(),
        }
    }
}

/// What is said of a name that is none, in serde's own words: with the nearest right one, or else an example.
fn unknown<'a>(what: &str, wrong: &str, names: impl Iterator<Item = &'a str>, example: &'a str) -> String {
    let near = nearest(wrong, names).unwrap_or(example);
    format!("unknown {what} `{}`, expected for example `{near}`", shortened(wrong))
}
