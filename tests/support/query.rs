//! The form of the Query protocol, for the JSON members of a request. Its names of list elements are checked against the last
//! service model that had them (`tests/wire/model.rs`).

use serde_json::{Map, Value};

type Pairs = Vec<(String, String)>;

/// The body of a request.
pub fn form(action: &str, members: &Value) -> String {
    let first =
        [("Action", action), ("Version", "2012-11-05")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    let all = first.into_iter().chain(pairs(action, members));
    form_urlencoded::Serializer::new(String::new()).extend_pairs(all).finish()
}

/// The parameters of a request, without action and version.
pub fn pairs(action: &str, members: &Value) -> Pairs {
    let mut pairs = Pairs::new();
    structure(action, "", members.as_object().expect("a JSON object"), &mut pairs);
    pairs
}

/// What the elements of a list or map are called; a scalar keeps its name.
pub fn element_name(action: &str, member: &str) -> String {
    let name = match member {
        "Entries" => return format!("{action}RequestEntry"),
        "Attributes" => "Attribute",
        "AttributeNames" => "AttributeName",
        "MessageAttributeNames" => "MessageAttributeName",
        "MessageSystemAttributeNames" => "MessageSystemAttributeName",
        "MessageAttributes" => "MessageAttribute",
        "MessageSystemAttributes" => "MessageSystemAttribute",
        "StringListValues" => "StringListValue",
        "BinaryListValues" => "BinaryListValue",
        "tags" | "Tags" => "Tag",
        "TagKeys" => "TagKey",
        "AWSAccountIds" => "AWSAccountId",
        "Actions" => "ActionName",
        other => panic!("no list or map: {other}"),
    };
    name.to_owned()
}

fn structure(action: &str, prefix: &str, members: &Map<String, Value>, pairs: &mut Pairs) {
    for (name, value) in members {
        match value {
            Value::Object(map) => {
                let element = element_name(action, name);
                let key_name = if element == "Tag" { "Key" } else { "Name" };
                for (place, (key, value)) in map.iter().enumerate() {
                    let item = format!("{prefix}{element}.{}", place + 1);
                    pairs.push((format!("{item}.{key_name}"), key.clone()));
                    item_value(action, format!("{item}.Value"), value, pairs);
                }
            }
            Value::Array(list) => {
                let element = element_name(action, name);
                for (place, value) in list.iter().enumerate() {
                    item_value(action, format!("{prefix}{element}.{}", place + 1), value, pairs);
                }
            }
            scalar => pairs.push((format!("{prefix}{name}"), text(scalar))),
        }
    }
}

fn item_value(action: &str, item: String, value: &Value, pairs: &mut Pairs) {
    match value {
        Value::Object(members) => structure(action, &format!("{item}."), members, pairs),
        scalar => pairs.push((item, text(scalar))),
    }
}

fn text(scalar: &Value) -> String {
    scalar.as_str().map_or_else(|| scalar.to_string(), str::to_owned)
}
