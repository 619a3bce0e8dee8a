//! The configuration file: TOML, with errors that name file and line.

use super::settings::{Queues, Settings};
use super::values::Scalar;
use super::{FaultConfig, QueueConfig};
use crate::api::attributes::name;
use serde::Deserialize;
use serde::de::value::MapDeserializer;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::{Spanned, Value};

/// What is wrong with a configuration file, and where.
#[derive(Debug)]
pub struct FileError {
    path: PathBuf,
    line: Option<usize>,
    what: String,
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", self.what)
    }
}

impl std::error::Error for FileError {}

/// The key of rules about faults, which are no setting: no flag and no variable says them.
const FAULT: &str = "fault";

/// A table whose keys and values know where they stand. Values of any type are read, so that the text about a wrong one can say
/// what would be right.
type Table = BTreeMap<Spanned<String>, Spanned<Value>>;

/// Where something is wrong, and what.
type Wrong = (Option<Range<usize>>, String);

/// Reads a file: a layer of settings.
///
/// # Errors
/// When the file cannot be read, is not TOML, or has a wrong key or value; the text says where and what would be right.
pub fn read_file(path: &Path) -> Result<Settings, FileError> {
    let text = std::fs::read_to_string(path);
    let text =
        text.map_err(|e| FileError { path: path.to_owned(), line: None, what: format!("cannot be read: {e}") })?;
    read_text(path, &text)
}

/// Reads the text of a file, which is named in what is wrong with it.
///
/// # Errors
/// As [`read_file`].
pub fn read_text(path: &Path, text: &str) -> Result<Settings, FileError> {
    let error = |line, what| FileError { path: path.to_owned(), line, what };
    let mut settings = read(text).map_err(|(span, what)| error(span.map(|span| line_of(text, &span)), what))?;
    for fault in &mut settings.faults {
        fault.place = format!("{}:{}", path.display(), fault.place);
    }
    Ok(settings)
}

fn line_of(text: &str, span: &Range<usize>) -> usize {
    text[..span.start.min(text.len())].matches('\n').count() + 1
}

fn read(text: &str) -> Result<Settings, Wrong> {
    let table: Table = toml::from_str(text).map_err(|e| (e.span(), e.message().to_owned()))?;
    let mut entries: Vec<_> = table.into_iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    let mut settings = Settings::default();
    for (key, value) in entries.into_iter().filter(|(key, _)| key.get_ref() != FAULT) {
        settings = setting(key.get_ref(), value.get_ref().clone())
            .map_err(|wrong| match wrong {
                WrongSetting::Key(what) => (Some(key.span()), what),
                WrongSetting::Value(what) => (Some(value.span()), format!("{}: {what}", key.get_ref())),
            })?
            .over(settings);
    }
    settings.queue = vec![Queues(queues(text)?)];
    settings.faults = faults(text)?;
    Ok(settings)
}

/// What is wrong with one setting of the file.
enum WrongSetting {
    Key(String),
    Value(String),
}

/// A layer of one setting.
fn setting(key: &str, value: Value) -> Result<Settings, WrongSetting> {
    let entry = MapDeserializer::new(std::iter::once((key, without_dates(value))));
    Settings::deserialize(entry).map_err(|error: toml::de::Error| match error.message() {
        unknown if unknown.starts_with("unknown field ") => WrongSetting::Key(unknown.to_owned()),
        wrong => WrongSetting::Value(wrong.to_owned()),
    })
}

/// TOML's dates could be read as texts. No setting is one: in their place stands what no setting can be.
fn without_dates(value: Value) -> Value {
    match value {
        Value::Datetime(_) => Value::Table(toml::Table::new()),
        Value::Array(list) => Value::Array(list.into_iter().map(without_dates).collect()),
        value => value,
    }
}

/// Whether a key is one of the server's settings.
fn is_setting(key: &str) -> bool {
    !matches!(setting(key, Value::Boolean(false)), Err(WrongSetting::Key(_)))
}

/// The rules about faults, each with its line as its place.
fn faults(text: &str) -> Result<Vec<FaultConfig>, Wrong> {
    #[derive(Deserialize)]
    struct Tables {
        #[serde(default)]
        fault: Vec<Spanned<toml::Table>>,
    }
    let wrong =
        |error: toml::de::Error| (error.span(), "rules about faults are written as [[fault]] tables".to_owned());
    let tables: Tables = toml::from_str(text).map_err(wrong)?;
    let rule = |table: Spanned<toml::Table>| {
        let span = table.span();
        let rule = json(table.get_ref()).and_then(|rule| serde_json::from_str(&rule).map_err(|e| e.to_string()));
        let place = line_of(text, &span).to_string();
        rule.map(|rule| FaultConfig { place, rule }).map_err(|what| (Some(span), what))
    };
    tables.fault.into_iter().map(rule).collect()
}

fn queues(text: &str) -> Result<Vec<QueueConfig>, Wrong> {
    #[derive(Deserialize)]
    struct Tables {
        #[serde(default)]
        queue: Vec<Spanned<Table>>,
    }
    let wrong = |error: toml::de::Error| (error.span(), "queues are written as [[queue]] tables".to_owned());
    let tables: Tables = toml::from_str(text).map_err(wrong)?;
    let mut queues: Vec<QueueConfig> = Vec::new();
    for table in tables.queue {
        let span = table.span();
        let queue = queue(table)?;
        if queues.iter().any(|other| other.name == queue.name) {
            return Err((Some(span), format!("the queue {} is there twice", queue.name)));
        }
        queues.push(queue);
    }
    Ok(queues)
}

fn queue(table: Spanned<Table>) -> Result<QueueConfig, Wrong> {
    let span = table.span();
    let mut queue = QueueConfig::default();
    for (key, value) in table.into_inner() {
        let wrong = |what: String| (Some(key.span()), what);
        match (key.get_ref().as_str(), value.get_ref()) {
            ("name", Value::String(name)) => queue.name = name.clone(),
            ("tags", Value::Table(tags)) => {
                for (tag, value) in tags {
                    scalar(value).and_then(|value| queue.set_tag(tag, &value)).map_err(wrong)?;
                }
            }
            ("name", _) => return Err(wrong("name must be a text".to_owned())),
            ("DeadLetterQueue", value) if !value.is_str() => {
                return Err(wrong("DeadLetterQueue must be a text: the name of a queue".to_owned()));
            }
            ("tags", _) => return Err(wrong("tags must be a table, as in { team = \"orders\" }".to_owned())),
            (name::POLICY | name::REDRIVE_POLICY | name::REDRIVE_ALLOW_POLICY, Value::Table(policy)) => {
                let policy = json(policy).map_err(|what| wrong(format!("{}: {what}", key.get_ref())))?;
                queue.set(key.get_ref(), &policy).map_err(wrong)?;
            }
            (other, _) if is_setting(other) => {
                let text = "is a setting of the server, not of a queue; it goes before the first [[queue]]";
                return Err(wrong(format!("`{other}` {text}")));
            }
            (other, value) => {
                let value = scalar(value).map_err(|what| wrong(format!("{other}: {what}")))?;
                queue.set(other, &value).map_err(wrong)?;
            }
        }
    }
    if queue.name.is_empty() {
        return Err((Some(span), "a queue needs a name, as in name = \"orders\"".to_owned()));
    }
    queue.check().map_err(|what| (Some(span), what))?;
    Ok(queue)
}

fn scalar(value: &Value) -> Result<String, String> {
    Scalar::deserialize(without_dates(value.clone())).map(Scalar::into_text).map_err(|error| error.message().to_owned())
}

/// A policy that was written as a table, as the JSON that SQS takes.
fn json(table: &toml::Table) -> Result<String, String> {
    fn date(value: &Value) -> Option<String> {
        match value {
            Value::Datetime(date) => Some(date.to_string()),
            Value::Array(list) => list.iter().find_map(date),
            Value::Table(table) => table.values().find_map(date),
            _ => None,
        }
    }
    match table.values().find_map(date) {
        Some(date) => Err(format!("JSON knows no dates; put {date} in quotes")),
        None => serde_json::to_string(table).map_err(|error| error.to_string()),
    }
}
