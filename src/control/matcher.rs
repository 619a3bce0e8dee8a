//! Which messages are meant: by id, body, a part of the body, a value in its JSON, an attribute, group or deduplication id.

use super::json_path::JsonPath;
use super::refusal::{quoted, shortened};
use crate::api::digest::decode_attributes;
use crate::engine::{MessageId, StoredMessage};
use base64::Engine as _;
use serde::{Deserialize, Deserializer, de};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Paths and attributes that one matcher names.
const NAMES_MAX: usize = 32;

/// What a message has to be. All that is said has to hold; nothing said is every message.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Matcher {
    /// Its id.
    #[serde(deserialize_with = "id")]
    pub id: Option<MessageId>,
    /// The whole body.
    #[serde(deserialize_with = "text")]
    pub body: Option<String>,
    /// A part of the body.
    #[serde(deserialize_with = "text")]
    pub contains: Option<String>,
    /// Values in a body that is JSON, by their paths.
    #[serde(deserialize_with = "few")]
    pub json: BTreeMap<JsonPath, Value>,
    /// Message attributes by their names: the text of a value, or a binary one in base64.
    #[serde(deserialize_with = "few_texts")]
    pub attribute: BTreeMap<String, String>,
    /// `MessageGroupId`.
    #[serde(deserialize_with = "text")]
    pub group: Option<String>,
    /// `MessageDeduplicationId`.
    #[serde(deserialize_with = "text")]
    pub dedup_id: Option<String>,
}

/// What a matcher looks at.
#[derive(Clone, Copy, Debug)]
pub struct MatchedContent<'a> {
    /// The id.
    pub id: MessageId,
    /// The body.
    pub body: &'a str,
    /// Whether that is only the beginning of it: of messages that are gone no more is kept.
    pub body_is_cut: bool,
    /// The message attributes in their canonical form.
    pub attributes: &'a [u8],
    /// `MessageGroupId`.
    pub group: Option<&'a str>,
    /// `MessageDeduplicationId`.
    pub dedup_id: Option<&'a str>,
}

impl<'a> From<&'a StoredMessage> for MatchedContent<'a> {
    fn from(stored: &'a StoredMessage) -> MatchedContent<'a> {
        let message = &stored.message;
        let extra = message.extra.as_deref();
        MatchedContent {
            id: message.id,
            body: message.body.as_str(),
            body_is_cut: false,
            attributes: extra.and_then(|extra| extra.attributes.as_ref()).map_or(&[], |attributes| &attributes.encoded),
            group: message.group.as_deref(),
            dedup_id: extra.and_then(|extra| extra.deduplication_id.as_deref()),
        }
    }
}

impl Matcher {
    /// The message with this id.
    pub fn of_id(id: MessageId) -> Matcher {
        Matcher { id: Some(id), ..Matcher::default() }
    }

    /// Whether it means every message.
    pub fn is_empty(&self) -> bool {
        *self == Matcher::default()
    }

    /// How many things it says.
    pub fn parts(&self) -> usize {
        let Matcher { id, body, contains, json, attribute, group, dedup_id } = self;
        let texts = [body, contains, group, dedup_id].into_iter().flatten().count();
        usize::from(id.is_some()) + texts + json.len() + attribute.len()
    }

    /// Whether a message is meant.
    pub fn matches(&self, content: &MatchedContent<'_>) -> bool {
        let mut same = true;
        // The first difference is enough, and words for it are not wanted.
        self.compare(content, &mut |_| {
            same = false;
            false
        });
        same
    }

    /// In what a message is not what is meant.
    pub fn differences(&self, content: &MatchedContent<'_>) -> Vec<String> {
        let mut found = Vec::new();
        self.compare(content, &mut |words| {
            found.push(words());
            true
        });
        found
    }

    /// Tells each difference, cheap ones first, for as long as the answer is that more are wanted.
    fn compare(&self, content: &MatchedContent<'_>, tell: &mut dyn FnMut(&dyn Fn() -> String) -> bool) {
        let Matcher { id, body, contains, json, attribute, group, dedup_id } = self;
        if let Some(id) = id.filter(|id| *id != content.id)
            && !tell(&|| format!("id {}, wanted {id}", content.id))
        {
            return;
        }
        for (name, wanted, is) in [("group", group, content.group), ("dedupId", dedup_id, content.dedup_id)] {
            if let Some(wanted) = wanted.as_deref().filter(|wanted| Some(*wanted) != is)
                && !tell(&|| format!("{name} {}, wanted {}", is.map_or("none".to_owned(), quoted), quoted(wanted)))
            {
                return;
            }
        }
        if let Some(wanted) = body.as_deref().filter(|wanted| !is_body(content, wanted))
            && !tell(&|| difference_of_texts(content.body, wanted))
        {
            return;
        }
        if let Some(wanted) = contains.as_deref().filter(|wanted| !content.body.contains(*wanted))
            && !tell(&|| match content.body_is_cut {
                true => format!("the beginning of the body, all that is kept, does not contain {}", quoted(wanted)),
                false => format!("body does not contain {}", quoted(wanted)),
            })
        {
            return;
        }
        if !attribute.is_empty() && !compare_attributes(attribute, content.attributes, tell) {
            return;
        }
        if !json.is_empty() {
            compare_json(json, content, tell);
        }
    }

    /// The same as JSON.
    pub fn to_json(&self) -> Value {
        let Matcher { id, body, contains, json, attribute, group, dedup_id } = self;
        let json: BTreeMap<&str, &Value> = json.iter().map(|(path, value)| (path.as_str(), value)).collect();
        let mut all = json!({"id": id.map(|id| id.to_string()), "body": body, "contains": contains, "group": group,
            "dedupId": dedup_id, "json": json, "attribute": attribute});
        if let Value::Object(all) = &mut all {
            all.retain(|_, value| !value.is_null() && value.as_object().is_none_or(|inner| !inner.is_empty()));
        }
        all
    }
}

/// For people: `body containing "1001", $.orderId = 7`.
impl std::fmt::Display for Matcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Matcher { id, body, contains, json, attribute, group, dedup_id } = self;
        let mut parts = Vec::new();
        parts.extend(id.map(|id| format!("id {id}")));
        parts.extend(body.as_deref().map(|text| format!("body {}", quoted(text))));
        parts.extend(contains.as_deref().map(|text| format!("body containing {}", quoted(text))));
        parts.extend(json.iter().map(|(path, value)| format!("{path} = {}", shortened(&value.to_string()))));
        parts.extend(attribute.iter().map(|(name, value)| format!("attribute {name} = {}", quoted(value))));
        parts.extend(group.as_deref().map(|text| format!("group {}", quoted(text))));
        parts.extend(dedup_id.as_deref().map(|text| format!("dedupId {}", quoted(text))));
        match parts.is_empty() {
            true => f.write_str("any message"),
            false => f.write_str(&parts.join(", ")),
        }
    }
}

fn is_body(content: &MatchedContent<'_>, wanted: &str) -> bool {
    match content.body_is_cut {
        true => wanted.len() > content.body.len() && wanted.starts_with(content.body),
        false => wanted == content.body,
    }
}

/// Two bodies that are not equal, from shortly before the place where they part.
fn difference_of_texts(is: &str, wanted: &str) -> String {
    const SHOWN_BEFORE: usize = 20;
    let same = is.chars().zip(wanted.chars()).take_while(|(a, b)| a == b).count();
    if same <= SHOWN_BEFORE {
        return format!("body {}, wanted {}", quoted(is), quoted(wanted));
    }
    let from = |text: &str| quoted(&text.chars().skip(same - SHOWN_BEFORE).collect::<String>());
    format!("body parts at character {}: {}, wanted {}", same + 1, from(is), from(wanted))
}

fn compare_attributes(
    wanted: &BTreeMap<String, String>,
    encoded: &[u8],
    tell: &mut dyn FnMut(&dyn Fn() -> String) -> bool,
) -> bool {
    let values: BTreeMap<String, String> = decode_attributes(encoded)
        .map(|attribute| {
            let value = attribute.to_value();
            let binary = value.binary_value.map(|bytes| base64::engine::general_purpose::STANDARD.encode(bytes));
            (attribute.name.to_owned(), value.string_value.or(binary).unwrap_or_default())
        })
        .collect();
    wanted.iter().all(|(name, wanted)| match values.get(name) {
        Some(is) if is == wanted => true,
        Some(is) => tell(&|| format!("attribute {name} {}, wanted {}", quoted(is), quoted(wanted))),
        None => tell(&|| format!("attribute {name} is not there, wanted {}", quoted(wanted))),
    })
}

fn compare_json(
    wanted: &BTreeMap<JsonPath, Value>,
    content: &MatchedContent<'_>,
    tell: &mut dyn FnMut(&dyn Fn() -> String) -> bool,
) {
    let Ok(json) = serde_json::from_str::<Value>(content.body) else {
        tell(&|| match content.body_is_cut {
            true => "only the beginning of the body is kept, which is no JSON".to_owned(),
            false => format!("body is no JSON: {}", quoted(content.body)),
        });
        return;
    };
    for (path, wanted) in wanted {
        let found = path.find(&json);
        if found.iter().any(|value| is_equal(value, wanted)) {
            continue;
        }
        let words = || match &*found {
            [] => format!("{path} is not there, wanted {}", shortened(&wanted.to_string())),
            [value] => format!("{path} {}, wanted {}", shortened(&value.to_string()), shortened(&wanted.to_string())),
            values => format!("{path} none of {} values, wanted {}", values.len(), shortened(&wanted.to_string())),
        };
        if !tell(&words) {
            return;
        }
    }
}

/// Whether two values are equal; of numbers the value counts and not how it is written.
fn is_equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one == other || one.as_f64() == other.as_f64(),
        _ => one == other,
    }
}

/// A text; in a query string also one that looks like a number.
///
/// # Errors
/// When it is something else.
pub fn text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    match Value::deserialize(from)? {
        Value::Null => Ok(None),
        value => text_of(value).map(Some).map_err(de::Error::custom),
    }
}

fn text_of(value: Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(word) => Ok(word.to_string()),
        other => Err(format!("`{}` is no text", shortened(&other.to_string()))),
    }
}

fn id<'de, D: Deserializer<'de>>(from: D) -> Result<Option<MessageId>, D::Error> {
    let Some(text) = text(from)? else { return Ok(None) };
    let error = |error| de::Error::custom(format!("`{}`: {error}", shortened(&text)));
    text.parse().map(Some).map_err(error)
}

fn few<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<JsonPath, Value>, D::Error> {
    let map = BTreeMap::<JsonPath, Value>::deserialize(from)?;
    match map.len() {
        0..=NAMES_MAX => Ok(map),
        _ => Err(de::Error::custom(format!("more than {NAMES_MAX} paths"))),
    }
}

fn few_texts<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, String>, D::Error> {
    let map = BTreeMap::<String, Value>::deserialize(from)?;
    if map.len() > NAMES_MAX {
        return Err(de::Error::custom(format!("more than {NAMES_MAX} attributes")));
    }
    let texts = map.into_iter().map(|(name, value)| Ok((name, text_of(value)?)));
    texts.collect::<Result<_, String>>().map_err(de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::digest::encode_attributes;
    use crate::api::{Map, MessageAttributeValue};

    const BODY: &str = r#"{"orderId": 1001, "items": [{"sku": "A"}, {"sku": "B"}], "total": 1.0, "note": null}"#;

    fn matcher(json: Value) -> Matcher {
        serde_json::from_value(json).expect("a matcher")
    }

    fn content<'a>(body: &'a str, attributes: &'a [u8]) -> MatchedContent<'a> {
        let id = MessageId([7; 16]);
        MatchedContent { id, body, body_is_cut: false, attributes, group: Some("g"), dedup_id: None }
    }

    #[test]
    fn all_that_is_said_has_to_hold() {
        let attribute = |text: &str| MessageAttributeValue {
            data_type: Some("String".to_owned()),
            string_value: Some(text.to_owned()),
            ..MessageAttributeValue::default()
        };
        let mut attributes = Map::new();
        attributes.insert("tenant.id".to_owned(), attribute("a"));
        let encoded = encode_attributes(&attributes);
        for (wanted, differences) in [
            (json!({}), vec![]),
            (json!({"contains": 1001}), vec![]),
            (json!({"contains": "1001", "json": {"$.orderId": 1001, "items[*].sku": "B", "total": 1}}), vec![]),
            (json!({"json": {"$.note": null}}), vec![]),
            (json!({"attribute": {"tenant.id": "a"}, "group": "g"}), vec![]),
            (json!({"id": "07070707-0707-0707-0707-070707070707"}), vec![]),
            (json!({"group": "h", "dedupId": 5}), vec!["group \"g\", wanted \"h\"", "dedupId none, wanted \"5\""]),
            (json!({"json": {"$.orderId": "1001"}}), vec!["$.orderId 1001, wanted \"1001\""]),
            (json!({"json": {"$.none": 1}}), vec!["$.none is not there, wanted 1"]),
            (json!({"json": {"items[*].sku": "C"}}), vec!["items[*].sku none of 2 values, wanted \"C\""]),
            (json!({"attribute": {"a": "b"}}), vec!["attribute a is not there, wanted \"b\""]),
            (
                json!({"body": r#"{"orderId": 1001, "items": [{"sku": "X"}]}"#}),
                vec![
                    "body parts at character 38: ' \"items\": [{\"sku\": \"A\"}, {\"sku\": \"B\"}], \"total\": 1.0, \
                     \"note\": null}', wanted ' \"items\": [{\"sku\": \"X\"}]}'",
                ],
            ),
        ] {
            let matcher = matcher(wanted.clone());
            let content = content(BODY, &encoded);
            assert_eq!(matcher.matches(&content), differences.is_empty(), "{wanted}");
            assert_eq!(matcher.differences(&content), differences);
        }
    }

    #[test]
    fn bodies_that_are_no_json_or_cut_are_told_apart() {
        let by_json = matcher(json!({"json": {"a": 1}}));
        assert_eq!(by_json.differences(&content("hello", &[])), ["body is no JSON: \"hello\""]);
        let cut = MatchedContent { body_is_cut: true, ..content("hello", &[]) };
        assert!(
            matcher(json!({"body": "hello world"})).matches(&cut) && !matcher(json!({"body": "hello"})).matches(&cut)
        );
        assert_eq!(by_json.differences(&cut), ["only the beginning of the body is kept, which is no JSON"]);
    }

    #[test]
    fn what_is_no_matcher_is_refused() {
        for wrong in [
            json!({"id": "x"}),
            json!({"contains": {}}),
            json!({"jsn": {}}),
            json!({"json": {"$..a": 1}}),
            json!({"json": 5}),
            json!({"json": (0..33).map(|n| (format!("a{n}"), json!(1))).collect::<serde_json::Map<_, _>>()}),
            json!({"attribute": {"a": []}}),
        ] {
            assert!(serde_json::from_value::<Matcher>(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn it_is_shown_in_words() {
        let matcher = matcher(json!({"contains": "a", "json": {"$.b": [1]}, "attribute": {"c": "d"}, "group": "e"}));
        let words = r#"body containing "a", $.b = [1], attribute c = "d", group "e""#;
        assert_eq!((matcher.to_string().as_str(), matcher.parts()), (words, 4));
        assert_eq!(Matcher::default().to_string(), "any message");
    }
}
