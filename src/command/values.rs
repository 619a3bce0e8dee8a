//! Words of the command line that become JSON: numbers, ranges, `NAME=VALUE`.

use super::request::shown;
use serde::Serialize;
use serde_json::{Map, Value, json};

/// A number, `true`, `false` or a text, as a word of the command line says it.
fn value_of(word: &str) -> Value {
    let number = || serde_json::from_str(word).ok().filter(|value: &Value| value.is_number());
    match word {
        "true" | "false" => Value::Bool(word == "true"),
        _ => number().unwrap_or_else(|| Value::from(word)),
    }
}

/// `NAME=VALUE` on the command line.
#[derive(Clone, Debug)]
pub struct Pair(pub String, pub Value);

impl std::str::FromStr for Pair {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Pair, Self::Err> {
        let (name, value) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or("NAME=VALUE is wanted")?;
        Ok(Pair(name.to_owned(), value_of(value)))
    }
}

/// Pairs are sent as an object.
pub fn object<S: serde::Serializer>(pairs: &[Pair], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(pairs.iter().map(|Pair(name, value)| (name, value)))
}

/// The same, all values being texts.
pub fn object_of_texts<S: serde::Serializer>(pairs: &[Pair], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(pairs.iter().map(|Pair(name, value)| (name, shown(value))))
}

/// How many: `3`, `3..` (at least), `..3` (at most) or `3..5`.
#[derive(Clone, Debug)]
pub struct Count(pub Value);

impl std::str::FromStr for Count {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Count, Self::Err> {
        let wrong = "a number is wanted, or a range: 3, 3.. (at least), ..3 (at most), 3..5";
        let number = |text: &str| text.parse::<u64>().map_err(|_| wrong);
        let Some((min, max)) = text.split_once("..") else { return number(text).map(|number| Count(json!(number))) };
        let mut range = Map::new();
        for (name, bound) in [("min", min), ("max", max)] {
            if !bound.is_empty() {
                range.insert(name.to_owned(), number(bound)?.into());
            }
        }
        if range.is_empty() { Err(wrong) } else { Ok(Count(Value::Object(range))) }
    }
}

impl Serialize for Count {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// Members that are an object on the wire, as a JSON text on the command line.
#[derive(Clone, Debug)]
pub struct Json(pub Value);

impl std::str::FromStr for Json {
    type Err = String;

    fn from_str(text: &str) -> Result<Json, Self::Err> {
        let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if value.is_object() { Ok(Json(value)) } else { Err("an object is wanted: {...}".to_owned()) }
    }
}
