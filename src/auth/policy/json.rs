//! JSON as a policy has it: every member once, and numbers as they were written.

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// A JSON value. Nesting is bounded by the parser of JSON.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as a text.
    Number(String),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Json>),
    /// An object, its members in their order.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Reads a text.
    ///
    /// # Errors
    /// What is no JSON, with line and column; and a member that is there twice, which IAM refuses.
    pub fn parse(text: &str) -> Result<Json, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// What it is, for a message about something else that was wanted.
    pub fn what(&self) -> &'static str {
        match self {
            Json::Null => "null",
            Json::Bool(_) => "a boolean",
            Json::Number(_) => "a number",
            Json::Text(_) => "a text",
            Json::List(_) => "a list",
            Json::Object(_) => "an object",
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Json, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Json;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }

            fn visit_unit<E: de::Error>(self) -> Result<Json, E> {
                Ok(Json::Null)
            }

            fn visit_bool<E: de::Error>(self, value: bool) -> Result<Json, E> {
                Ok(Json::Bool(value))
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Json, E> {
                Ok(Json::Number(value.to_string()))
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Json, E> {
                Ok(Json::Number(value.to_string()))
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Json, E> {
                Ok(Json::Number(value.to_string()))
            }

            fn visit_str<E: de::Error>(self, value: &str) -> Result<Json, E> {
                Ok(Json::Text(value.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = items.next_element()? {
                    list.push(item);
                }
                Ok(Json::List(list))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
                let mut members: Vec<(String, Json)> = Vec::new();
                while let Some(name) = entries.next_key::<String>()? {
                    if members.iter().any(|(other, _)| *other == name) {
                        return Err(de::Error::custom(format_args!("`{name}` is there twice")));
                    }
                    members.push((name, entries.next_value()?));
                }
                Ok(Json::Object(members))
            }
        }

        from.deserialize_any(Any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_read_and_nothing_may_be_there_twice() {
        let json = Json::parse(r#"{"a": [null, true, -3, 1.5, "b"], "c": {}}"#).unwrap();
        let number = |text: &str| Json::Number(text.to_owned());
        let list = vec![Json::Null, Json::Bool(true), number("-3"), number("1.5"), Json::Text("b".to_owned())];
        let members = vec![("a".to_owned(), Json::List(list)), ("c".to_owned(), Json::Object(Vec::new()))];
        assert_eq!(json, Json::Object(members));
        let error = Json::parse("{\"a\": {\"b\": 1,\n \"b\": 2}}").unwrap_err().to_string();
        assert_eq!(error, "`b` is there twice at line 2 column 4");
        assert!(Json::parse(&"[".repeat(100_000)).is_err());
    }
}
