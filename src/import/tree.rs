//! What all readers of foreign files give: values that know the line they stand on.

use std::fmt;

/// Bytes of a foreign file at most: a template of CloudFormation may have 1 MiB, a state of Terraform has more.
pub const FILE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// How deeply values may stand in one another.
pub const DEPTH_MAX: usize = 64;
/// Characters of foreign text that a message shows.
const SHOWN_CHARS_MAX: usize = 80;

/// Something to say about a line of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong there or is not taken over, and what would be right.
    pub what: String,
}

impl Remark {
    /// A remark about a line. What of the file stands in it stays on one line.
    pub fn new(line: usize, what: impl Into<String>) -> Remark {
        let mut what = what.into();
        if what.contains(char::is_control) {
            what = what
                .chars()
                .map(|c| if c.is_control() { c.escape_default().collect() } else { c.to_string() })
                .collect();
        }
        Remark { line, what }
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.line, self.what)
    }
}

/// A value, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// The line, counted from 1.
    pub line: usize,
    /// The value.
    pub value: Value,
}

/// A value. Texts, numbers and truth values are all kept as they were written: who asks for one says what it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Nothing, on purpose.
    Null,
    /// A text, a number, true or false.
    Scalar(String),
    /// Values in order.
    List(Vec<Node>),
    /// Values by keys, in the order of the file; each key is there once.
    Map(Vec<Entry>),
}

/// A value by its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// The line of the key.
    pub line: usize,
    /// The value.
    pub node: Node,
}

impl Node {
    /// A text that stands on a line.
    pub fn text(line: usize, text: impl Into<String>) -> Node {
        Node { line, value: Value::Scalar(text.into()) }
    }

    /// The entries, if it is a map.
    pub fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The value of a key, if it is a map that has it and not as null.
    pub fn get(&self, key: &str) -> Option<&Node> {
        let entry = self.entries().iter().find(|entry| entry.key == key)?;
        (entry.node.value != Value::Null).then_some(&entry.node)
    }

    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(text) => Some(text),
            _ => None,
        }
    }

    /// The values, if it is a list.
    pub fn items(&self) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// The text of a key that must have one.
    ///
    /// # Errors
    /// When it is something else.
    pub fn text_of(&self, key: &str) -> Result<&str, Remark> {
        self.as_text().ok_or_else(|| Remark::new(self.line, format!("{key} must be a text, not {}", self.kind())))
    }

    /// Whether a key that must be true or false is true.
    ///
    /// # Errors
    /// When it is neither.
    pub fn truth_of(&self, key: &str) -> Result<bool, Remark> {
        match self.as_text().map(str::to_ascii_lowercase).as_deref() {
            Some("true" | "yes" | "on") => Ok(true),
            Some("false" | "no" | "off") => Ok(false),
            _ => Err(Remark::new(self.line, format!("{key} must be true or false, not {}", self.shown()))),
        }
    }

    /// The entries of a key that must be a map.
    ///
    /// # Errors
    /// When it is something else.
    pub fn map_of(&self, key: &str) -> Result<&[Entry], Remark> {
        match &self.value {
            Value::Map(entries) => Ok(entries),
            _ => Err(Remark::new(self.line, format!("{key} must be an object in braces, not {}", self.shown()))),
        }
    }

    /// What it is, for messages.
    fn kind(&self) -> &'static str {
        match &self.value {
            Value::Null => "null",
            Value::Scalar(_) => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "an object",
        }
    }

    /// The beginning of it, for messages.
    pub fn shown(&self) -> String {
        self.as_text().map_or_else(|| self.kind().to_owned(), |text| format!("`{}`", shortened(text)))
    }

    /// How many values it has, itself among them.
    pub fn size(&self) -> usize {
        match &self.value {
            Value::List(items) => 1 + items.iter().map(Node::size).sum::<usize>(),
            Value::Map(entries) => 1 + entries.iter().map(|entry| entry.node.size()).sum::<usize>(),
            Value::Null | Value::Scalar(_) => 1,
        }
    }

    /// The value as JSON.
    pub fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Scalar(text) => text.clone().into(),
            Value::List(items) => items.iter().map(Node::to_json).collect(),
            Value::Map(entries) => entries
                .iter()
                .map(|entry| (entry.key.clone(), entry.node.to_json()))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        }
    }
}

/// A foreign text as messages show it.
pub fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}
