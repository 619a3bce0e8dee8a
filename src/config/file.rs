//! The configuration file: TOML, with errors that name file and line.

use super::{
    Config, QueueConfig, check_account, check_external_url, check_log, check_region, parse_data, parse_durability,
    parse_hosts, parse_limit, parse_listen, parse_mode, parse_namespace, parse_origins, parse_switch, parse_threads,
};
use crate::api::attributes::name;
use serde::Deserialize;
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

/// Any type is read, so that the text about a wrong one can say what would be right.
type Setting = Option<Spanned<Value>>;

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct File {
    listen: Setting,
    mode: Setting,
    namespace: Setting,
    cooldowns: Setting,
    auto_create: Setting,
    account: Setting,
    region: Setting,
    external_url: Setting,
    cors: Setting,
    allow_host: Setting,
    body_limit: Setting,
    connection_limit: Setting,
    threads: Setting,
    data: Setting,
    durability: Setting,
    log: Setting,
    #[serde(default)]
    queue: Vec<Spanned<BTreeMap<Spanned<String>, Spanned<Value>>>>,
}

/// Reads a file. Gives the configuration and the log filter, if it names one.
///
/// # Errors
/// When the file cannot be read, is not TOML, or has a wrong key or value; the text says where and what would be right.
pub fn read_file(path: &Path) -> Result<(Config, Option<String>), FileError> {
    let error = |line, what| FileError { path: path.to_owned(), line, what };
    let text = std::fs::read_to_string(path).map_err(|e| error(None, format!("cannot be read: {e}")))?;
    let line_of = |span: Range<usize>| text[..span.start.min(text.len())].matches('\n').count() + 1;
    let file: File = toml::from_str(&text).map_err(|e| {
        // The only setting with a type of its own is the list of queues.
        let what = match e.message() {
            message if message.starts_with("invalid type: ") => "queues are written as [[queue]] tables",
            message => message,
        };
        error(e.span().map(line_of), what.to_owned())
    })?;
    convert(file).map_err(|(span, what)| error(span.map(line_of), what))
}

type Wrong = (Option<Range<usize>>, String);

/// Reads a setting that is a text on the command line: here it may also be a number, or true or false.
fn one<R>(key: &str, setting: Setting, read: impl FnOnce(&str) -> Result<R, String>) -> Result<Option<R>, Wrong> {
    let read = |value: &Value| read(&scalar(value)?);
    setting.map(|v| read(v.get_ref()).map_err(|what| (Some(v.span()), format!("{key}: {what}")))).transpose()
}

/// Where a list is, and what is in it.
type Texts = (Range<usize>, Vec<String>);

/// Reads a setting that may be given several times on the command line: here it is a list of texts, or one.
fn several(key: &str, setting: Setting) -> Result<Option<Texts>, Wrong> {
    let Some(setting) = setting else { return Ok(None) };
    let wrong =
        || (Some(setting.span()), format!("{key}: a text or a list of texts is wanted, as in [\"...\", \"...\"]"));
    let texts = match setting.get_ref() {
        Value::Array(list) => list.iter().map(|v| v.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>(),
        value => value.as_str().map(|text| vec![text.to_owned()]),
    };
    texts.map(|texts| Some((setting.span(), texts))).ok_or_else(wrong)
}

fn convert(file: File) -> Result<(Config, Option<String>), Wrong> {
    let mut config = Config::default();
    if let Some((span, texts)) = several("listen", file.listen)? {
        let listen: Result<Vec<_>, _> = texts.iter().map(|text| parse_listen(text)).collect();
        config.listen = listen.map_err(|what| (Some(span), format!("listen: {what}")))?;
    }
    if let Some((span, texts)) = several("cors", file.cors)? {
        let origins = parse_origins(texts.iter().map(String::as_str));
        config.cors = origins.map_err(|what| (Some(span), format!("cors: {what}")))?;
    }
    if let Some((span, texts)) = several("allow-host", file.allow_host)? {
        let hosts = parse_hosts(texts.iter().map(String::as_str));
        config.allow_host = hosts.map_err(|what| (Some(span), format!("allow-host: {what}")))?;
    }
    config.mode = one("mode", file.mode, parse_mode)?.unwrap_or_default();
    config.namespace = one("namespace", file.namespace, parse_namespace)?;
    config.cooldowns = one("cooldowns", file.cooldowns, parse_switch)?;
    config.auto_create = one("auto-create", file.auto_create, parse_switch)?.unwrap_or_default();
    config.account = one("account", file.account, check_account)?.unwrap_or(config.account);
    config.region = one("region", file.region, check_region)?.unwrap_or(config.region);
    config.external_url = one("external-url", file.external_url, check_external_url)?;
    config.body_bytes_max = one("body-limit", file.body_limit, parse_limit)?.unwrap_or(config.body_bytes_max);
    let connections = one("connection-limit", file.connection_limit, parse_limit)?;
    config.connections_max = connections.unwrap_or(config.connections_max);
    config.threads = one("threads", file.threads, parse_threads)?;
    config.data = one("data", file.data, parse_data)?;
    config.durability = one("durability", file.durability, parse_durability)?.unwrap_or_default();
    let log = one("log", file.log, check_log)?;
    for table in file.queue {
        let span = table.span();
        let queue = queue(table)?;
        if config.queues.iter().any(|other| other.name == queue.name) {
            return Err((Some(span), format!("the queue {} is there twice", queue.name)));
        }
        config.queues.push(queue);
    }
    Ok((config, log))
}

fn queue(table: Spanned<BTreeMap<Spanned<String>, Spanned<Value>>>) -> Result<QueueConfig, Wrong> {
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
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Integer(number) => Ok(number.to_string()),
        Value::Boolean(boolean) => Ok(boolean.to_string()),
        _ => Err("the value must be a text, a whole number, true or false".to_owned()),
    }
}

/// Whether a key is one of the server's settings, of which a value of any type can be read.
fn is_setting(key: &str) -> bool {
    toml::from_str::<File>(&format!("{key} = 0")).is_ok()
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
