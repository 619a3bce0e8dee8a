//! Kew's own file of settings, written: the text that `--config` reads.

use super::format::Format;
use crate::api::attributes::{self, Syntax};
use crate::config::QueueConfig;
use std::fmt::Write;
use toml::Value;

/// Writes settings and queues.
pub fn toml(name: &str, format: Format, settings: &[(&'static str, Value)], queues: &[QueueConfig]) -> String {
    let name: String = name.chars().filter(|c| !c.is_control()).collect();
    let mut text = format!("# From {name} ({format}), by kew import.\n");
    for (key, value) in settings {
        line(&mut text, key, value);
    }
    for queue in queues {
        text.push_str("\n[[queue]]\n");
        line(&mut text, "name", &queue.name.clone().into());
        for (attribute, value) in &queue.attributes {
            line(&mut text, attribute, &typed(attribute, value));
        }
        if let Some(target) = &queue.dead_letter_queue {
            line(&mut text, "DeadLetterQueue", &target.clone().into());
        }
        if let Some(count) = queue.max_receive_count {
            line(&mut text, "MaxReceiveCount", &i64::from(count).into());
        }
        if !queue.tags.is_empty() {
            let tags: toml::Table = queue.tags.iter().map(|(key, value)| (key.clone(), value.clone().into())).collect();
            line(&mut text, "tags", &tags.into());
        }
    }
    text
}

fn line(text: &mut String, key: &str, value: &Value) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{key} = {value}");
}

/// Numbers and truth values as such, and what is one in no form as the text that it is.
fn typed(attribute: &str, value: &str) -> Value {
    match attributes::find(attribute).map(|row| row.syntax) {
        Some(Syntax::Integer(..)) => value.parse::<i64>().map_or_else(|_| value.into(), Value::from),
        Some(Syntax::Boolean) => value.to_ascii_lowercase().parse::<bool>().map_or_else(|_| value.into(), Value::from),
        _ => value.into(),
    }
}
