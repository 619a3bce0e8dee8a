//! The `[[key]]` tables of a credentials file in TOML.

use super::key_entry::{Entry, ReadFile, Wrong, expiry};
use super::policy::{Kind, Policy};
use std::collections::BTreeMap;
use std::ops::Range;
use toml::{Spanned, Value};

/// A table whose keys and values know where they stand. Values of any type are read, so that the text about a wrong one can say
/// what would be right.
type Table = BTreeMap<Spanned<String>, Spanned<Value>>;

/// What a `[[key]]` table may say.
const NAMES: &str = "access-key, secret, session-token, account, principal, policy, policy-file, expires and disabled";

/// The text of a file, and where it is.
struct Source<'a> {
    name: &'a str,
    text: &'a str,
    read_file: ReadFile<'a>,
}

/// The keys of a file.
pub(super) fn entries(name: &str, text: &str, read_file: ReadFile<'_>) -> Result<Vec<Entry>, Wrong> {
    #[derive(serde::Deserialize)]
    struct Keys {
        key: Vec<Spanned<Table>>,
    }
    let file = Source { name, text, read_file };
    let table: Table = toml::from_str(text).map_err(|e| (e.span().map(|at| file.line(&at)), e.message().to_owned()))?;
    if let Some((other, _)) = table.iter().find(|(name, _)| name.get_ref() != "key") {
        let what = format!("`{}` is not known here; keys are [[key]] tables", other.get_ref());
        return Err((Some(file.line(&other.span())), what));
    }
    let not_tables =
        |e: toml::de::Error| (e.span().map(|at| file.line(&at)), "keys are written as [[key]] tables".to_owned());
    let keys: Keys = toml::from_str(text).map_err(not_tables)?;
    keys.key.into_iter().map(|table| file.entry(table)).collect()
}

impl Source<'_> {
    fn line(&self, span: &Range<usize>) -> usize {
        self.text[..span.start.min(self.text.len())].matches('\n').count() + 1
    }

    fn entry(&self, table: Spanned<Table>) -> Result<Entry, Wrong> {
        let mut entry = Entry { line: self.line(&table.span()), ..Entry::default() };
        for (name, value) in table.into_inner() {
            let line = self.line(&name.span());
            self.set(&mut entry, name.get_ref(), value.get_ref(), line).map_err(|what| (Some(line), what))?;
        }
        for (name, value) in [("access-key", &entry.access_key), ("secret", &entry.secret)] {
            if value.is_empty() {
                return Err((Some(entry.line), format!("a key needs `{name}`, as in {name} = \"...\"")));
            }
        }
        Ok(entry)
    }

    fn set(&self, entry: &mut Entry, name: &str, value: &Value, line: usize) -> Result<(), String> {
        let policy = |text: &str| {
            let read = Policy::parse(text, Kind::Identity).map_err(|error| error.to_string())?;
            Ok::<_, String>(read.at(format!("{}:{line}", self.name)))
        };
        match (name, value) {
            ("access-key", Value::String(text)) => entry.access_key = text.clone(),
            ("secret", Value::String(text)) => entry.secret = text.clone(),
            ("session-token", Value::String(text)) => entry.session_token = Some(text.clone()),
            ("account", Value::String(text)) => entry.account = Some(text.clone()),
            ("principal", Value::String(text)) => entry.principal = Some(text.clone()),
            ("disabled", Value::Boolean(is_disabled)) => entry.is_disabled = *is_disabled,
            ("expires", Value::String(text)) => entry.expires_s = Some(expiry(text)?),
            ("expires", Value::Datetime(date)) => entry.expires_s = Some(expiry(&date.to_string())?),
            ("policy", Value::String(text)) => entry.policies.push(policy(text)?),
            ("policy", Value::Table(table)) => {
                let text = serde_json::to_string(table).map_err(|error| format!("policy: {error}"))?;
                entry.policies.push(policy(&text)?);
            }
            ("policy-file", Value::String(path)) => {
                let text = (self.read_file)(path).map_err(|why| format!("the policy {path} cannot be read: {why}"))?;
                let read = Policy::parse(&text, Kind::Identity).map_err(|error| format!("{path}: {error}"))?;
                entry.policies.push(read.at(path));
            }
            _ => return Err(wrong_value(name)),
        }
        Ok(())
    }
}

/// What would be right; the value itself may be a secret.
fn wrong_value(name: &str) -> String {
    match name {
        "access-key" | "secret" | "session-token" | "principal" | "policy-file" => {
            format!("{name} must be a text in quotes")
        }
        "account" => "account must be a text in quotes: 12 digits, as in \"123456789012\"".to_owned(),
        "policy" => "policy must be a policy in JSON, as a text in quotes, or as a table".to_owned(),
        "expires" => "expires must be a moment like 2026-12-31T23:59:59Z".to_owned(),
        "disabled" => "disabled must be true or false".to_owned(),
        other => format!("`{other}` is not known here; a [[key]] has {NAMES}"),
    }
}
