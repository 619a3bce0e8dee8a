//! A queue from JSON, with the same members as a table of the file; or from one text, as `--queue` takes it.

use super::QueueConfig;
use super::queue::attribute_names;
use super::values::Scalar;
use crate::api::attributes::name;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

impl<'de> Deserialize<'de> for QueueConfig {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<QueueConfig, D::Error> {
        let queue = match Value::deserialize(from)? {
            Value::String(text) => text.parse().map_err(|error| format!("{error}")),
            Value::Object(members) => of_members(members),
            _ => {
                Err("a queue is written as \"orders\" or {\"name\": \"orders\", \"VisibilityTimeout\": 45}".to_owned())
            }
        };
        queue.map_err(D::Error::custom)
    }
}

fn of_members(members: Map<String, Value>) -> Result<QueueConfig, String> {
    let mut queue = QueueConfig::default();
    for (key, value) in members {
        match (key.as_str(), value) {
            ("name", Value::String(name)) => queue.name = name,
            ("name", _) => return Err("the name of a queue is a text".to_owned()),
            ("tags", Value::Object(tags)) => {
                for (tag, value) in tags {
                    queue.set_tag(&tag, &scalar(&tag, value)?)?;
                }
            }
            ("tags", _) => return Err("tags are an object, as in {\"team\": \"shop\"}".to_owned()),
            (name::POLICY | name::REDRIVE_POLICY | name::REDRIVE_ALLOW_POLICY, policy @ Value::Object(_)) => {
                queue.set(&key, &policy.to_string())?;
            }
            (_, value) => {
                let names = attribute_names();
                if !names.contains(&key.as_str()) && !key.starts_with("Tag.") {
                    let shown: String = key.chars().take(80).collect();
                    return Err(format!("unknown attribute `{shown}`, expected one of `{}`", names.join("`, `")));
                }
                queue.set(&key, &scalar(&key, value)?)?;
            }
        }
    }
    if queue.name.is_empty() {
        return Err("a queue needs a name, as in {\"name\": \"orders\"}".to_owned());
    }
    queue.check().map(|()| queue)
}

fn scalar(key: &str, value: Value) -> Result<String, String> {
    Scalar::deserialize(value).map(Scalar::into_text).map_err(|error| format!("{key}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_queue_is_read_from_json_as_from_a_table() {
        let read = |json: Value| serde_json::from_value::<QueueConfig>(json).map_err(|error| error.to_string());
        let expected =
            QueueConfig::new("orders").attribute("VisibilityTimeout", 45).dead_letter("dead", 3).tag("team", "a");
        let members = json!({"name": "orders", "VisibilityTimeout": 45, "DeadLetterQueue": "dead", "MaxReceiveCount": 3,
            "tags": {"team": "a"}});
        assert_eq!(read(members).unwrap(), expected);
        let text = "orders,VisibilityTimeout=45,DeadLetterQueue=dead,MaxReceiveCount=3,Tag.team=a";
        assert_eq!(read(json!(text)).unwrap(), expected);
        let allow = read(json!({"name": "q", "RedriveAllowPolicy": {"redrivePermission": "denyAll"}})).unwrap();
        assert_eq!(allow.attributes["RedriveAllowPolicy"], "{\"redrivePermission\":\"denyAll\"}");
    }

    #[test]
    fn a_wrong_queue_in_json_is_told_what_would_be_right() {
        let wrong = |json: Value| serde_json::from_value::<QueueConfig>(json).unwrap_err().to_string();
        assert!(wrong(json!(7)).contains("is written as"));
        assert!(wrong(json!({})).contains("needs a name") && wrong(json!({"name": 7})).contains("is a text"));
        assert!(
            wrong(json!({"name": "q", "VisibilityTimout": 1})).starts_with("unknown attribute `VisibilityTimout`, ")
        );
        assert!(wrong(json!({"name": "q", "VisibilityTimeout": [1]})).starts_with("VisibilityTimeout: "));
        assert!(wrong(json!({"name": "q", "VisibilityTimeout": 99999})).contains("from 0 to 43200"));
    }
}
