//! A queue that is there from the start: from code, from the command line as one text, from a table of the file.

use super::SettingError;
use crate::api::attributes::{self, Settable, Syntax, name};
use crate::api::limits::{QUEUE_NAME_LENGTH_MAX, TAG_KEY_LENGTH_MAX};
use serde::de::IgnoredAny;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A queue that is there when the server starts.
///
/// What SQS would refuse, [`ServerBuilder::start`](crate::ServerBuilder::start) refuses. SQS counts in whole seconds: a
/// [`Duration`] with a fraction of one is refused too.
///
/// ```
/// use kew::QueueConfig;
/// use std::time::Duration;
///
/// let orders = QueueConfig::new("orders")
///     .visibility_timeout(Duration::from_secs(45))
///     .dead_letter("orders-dead", 3)
///     .attribute("SqsManagedSseEnabled", true)
///     .tag("team", "shop");
/// assert_eq!(Ok(orders), "orders,VisibilityTimeout=45,DeadLetterQueue=orders-dead,MaxReceiveCount=3,\
///                         SqsManagedSseEnabled=true,Tag.team=shop".parse());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueConfig {
    /// Its name; one that ends in `.fifo` makes it a FIFO queue.
    pub name: String,
    /// SQS attributes by their SQS names.
    pub attributes: BTreeMap<String, String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// The name of its dead-letter queue, which is created too if it is not listed.
    pub dead_letter_queue: Option<String>,
    /// Receives before a message goes there, 1 to 1000; 10 if absent.
    pub max_receive_count: Option<u32>,
}

const FIFO_SUFFIX: &str = ".fifo";
const DEAD_LETTER_QUEUE: &str = "DeadLetterQueue";
const MAX_RECEIVE_COUNT: &str = "MaxReceiveCount";
const TAG: &str = "Tag.";
/// What follows a comma in the text of a queue.
const ATTRIBUTE: &str = "Attribute=value, as in orders,VisibilityTimeout=45";

impl QueueConfig {
    /// A queue with default attributes.
    pub fn new(name: impl Into<String>) -> QueueConfig {
        QueueConfig { name: name.into(), ..Default::default() }
    }

    /// How long a received message is hidden from other consumers: 0 s to 12 h; 30 s if not said.
    #[must_use]
    pub fn visibility_timeout(self, timeout: Duration) -> QueueConfig {
        self.attribute(name::VISIBILITY_TIMEOUT, seconds(timeout))
    }

    /// How long a sent message is hidden at first: 0 s to 15 min; 0 s if not said.
    #[must_use]
    pub fn delay(self, delay: Duration) -> QueueConfig {
        self.attribute(name::DELAY_SECONDS, seconds(delay))
    }

    /// How long a message is kept if nobody deletes it: 60 s to 14 days; 4 days if not said.
    #[must_use]
    pub fn message_retention_period(self, period: Duration) -> QueueConfig {
        self.attribute(name::MESSAGE_RETENTION_PERIOD, seconds(period))
    }

    /// How long a ReceiveMessage that does not say so itself waits for a message: 0 s to 20 s; 0 s if not said.
    #[must_use]
    pub fn receive_message_wait_time(self, wait: Duration) -> QueueConfig {
        self.attribute(name::RECEIVE_MESSAGE_WAIT_TIME_SECONDS, seconds(wait))
    }

    /// Bytes of a message, body and attributes together, at most: 1,024 to 1,048,576, which it is if not said.
    #[must_use]
    pub fn maximum_message_size(self, bytes: u32) -> QueueConfig {
        self.attribute(name::MAXIMUM_MESSAGE_SIZE, bytes)
    }

    /// On a FIFO queue, whether the body's digest stands in where a sender gives no deduplication id.
    #[must_use]
    pub fn content_based_deduplication(self, on: bool) -> QueueConfig {
        self.attribute(name::CONTENT_BASED_DEDUPLICATION, on)
    }

    /// Sets any attribute by its SQS name, for example `KmsMasterKeyId`.
    #[must_use]
    pub fn attribute(mut self, name: impl Into<String>, value: impl fmt::Display) -> QueueConfig {
        self.attributes.insert(name.into(), value.to_string());
        self
    }

    /// Adds a tag.
    #[must_use]
    pub fn tag(mut self, key: impl Into<String>, value: impl Into<String>) -> QueueConfig {
        self.tags.insert(key.into(), value.into());
        self
    }

    /// Names the dead-letter queue, and how many receives come before it (1 to 1000).
    #[must_use]
    pub fn dead_letter(mut self, queue: impl Into<String>, max_receive_count: u32) -> QueueConfig {
        self.dead_letter_queue = Some(queue.into());
        self.max_receive_count = Some(max_receive_count);
        self
    }

    /// Sets something by the name that the command line and the file use: an SQS attribute, `DeadLetterQueue`,
    /// `MaxReceiveCount` or `Tag.<key>`.
    ///
    /// # Errors
    /// A sentence that says what would be right.
    pub(crate) fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        if let Some(tag) = key.strip_prefix(TAG) {
            return self.set_tag(tag, value);
        }
        match key {
            DEAD_LETTER_QUEUE => self.dead_letter_queue = Some(value.to_owned()),
            MAX_RECEIVE_COUNT => {
                let count = value.parse().ok().filter(|count| (1..=1000).contains(count));
                self.max_receive_count = Some(count.ok_or("MaxReceiveCount must be a number from 1 to 1000")?);
            }
            _ => {
                check_attribute(key, value)?;
                self.attributes.insert(key.to_owned(), value.to_owned());
            }
        }
        Ok(())
    }

    /// Sets a tag.
    ///
    /// # Errors
    /// A sentence that says what would be right.
    pub(crate) fn set_tag(&mut self, key: &str, value: &str) -> Result<(), String> {
        if !(1..=TAG_KEY_LENGTH_MAX).contains(&key.chars().count()) {
            return Err(format!("a tag needs a key of 1 to {TAG_KEY_LENGTH_MAX} characters, as in {TAG}team=shop"));
        }
        self.tags.insert(key.to_owned(), value.to_owned());
        Ok(())
    }

    /// Checks what can be told without the other queues: the name, and what goes with it.
    ///
    /// # Errors
    /// A sentence that says what would be right.
    pub(crate) fn check(&self) -> Result<(), String> {
        let name = &self.name;
        check_name(name)?;
        let is_fifo = name.ends_with(FIFO_SUFFIX);
        let mut of_fifo = self
            .attributes
            .keys()
            .filter(|key| attributes::find(key).is_some_and(|line| line.settable == Settable::FifoOnly));
        if let Some(key) = of_fifo.next().filter(|_| !is_fifo) {
            return Err(format!("{key} is for FIFO queues, whose names end in {FIFO_SUFFIX}; `{name}` does not"));
        }
        if is_fifo && self.attributes.get(name::FIFO_QUEUE).is_some_and(|value| !value.eq_ignore_ascii_case("true")) {
            return Err(format!("{} of `{name}` is true, for its name ends in {FIFO_SUFFIX}", name::FIFO_QUEUE));
        }
        if let Some(target) = &self.dead_letter_queue {
            check_name(target).map_err(|what| format!("{DEAD_LETTER_QUEUE}: {what}"))?;
        }
        match &self.dead_letter_queue {
            Some(target) if target.ends_with(FIFO_SUFFIX) != is_fifo => Err(format!(
                "{DEAD_LETTER_QUEUE} of a FIFO queue must be a FIFO queue, and of a standard queue a standard one; \
                 `{target}` is not"
            )),
            Some(_) if self.attributes.contains_key(name::REDRIVE_POLICY) => {
                Err(format!("{DEAD_LETTER_QUEUE} and {} say the same; give one of them", name::REDRIVE_POLICY))
            }
            None if self.max_receive_count.is_some() => {
                Err(format!("{MAX_RECEIVE_COUNT} needs a {DEAD_LETTER_QUEUE} to go to"))
            }
            _ => Ok(()),
        }
    }
}

impl From<&str> for QueueConfig {
    fn from(name: &str) -> QueueConfig {
        QueueConfig::new(name)
    }
}

impl From<String> for QueueConfig {
    fn from(name: String) -> QueueConfig {
        QueueConfig::new(name)
    }
}

/// `NAME` or `NAME,Attribute=value,...`, as `--queue` takes it.
///
/// A value that begins with `{` or `[` is JSON and ends where that ends; one in double quotes is a text of JSON. So a policy may be
/// given, and a value that has a comma in it.
impl FromStr for QueueConfig {
    type Err = SettingError;
    fn from_str(text: &str) -> Result<QueueConfig, SettingError> {
        read_one(text, |c| c == ',').map(|(queue, _)| queue).map_err(SettingError::new)
    }
}

/// Reads what the variable `KEW_QUEUE` takes: queues as in [`QueueConfig::from_str`], with blanks between them.
///
/// # Errors
/// A sentence that says what would be right.
pub fn parse_queues(text: &str) -> Result<Vec<QueueConfig>, SettingError> {
    let mut queues = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (queue, after) = read_one(rest, |c| c == ',' || c.is_whitespace()).map_err(SettingError::new)?;
        queues.push(queue);
        rest = after.trim_start();
    }
    Ok(queues)
}

/// A time as the text of an attribute. A fraction of a second is kept, to be refused with the attribute's name.
fn seconds(time: Duration) -> String {
    match time.subsec_nanos() {
        0 => time.as_secs().to_string(),
        _ => time.as_secs_f64().to_string(),
    }
}

/// Reads a queue from the beginning of a text. Gives what is left where something else than a comma has ended it.
fn read_one(text: &str, is_end: impl Fn(char) -> bool) -> Result<(QueueConfig, &str), String> {
    let split = |text| match str::find(text, &is_end) {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let (name, mut rest) = split(text);
    let mut queue = QueueConfig::new(name.trim());
    if queue.name.is_empty() {
        return Err("a queue needs a name: NAME or NAME,Attribute=value,...".to_owned());
    }
    let mut keys = Vec::new();
    while let Some(part) = rest.strip_prefix(',') {
        let (word, after_word) = split(part);
        let (key, plain) = word.split_once('=').ok_or_else(|| match word {
            "" => format!("after a comma comes {ATTRIBUTE}"),
            _ => format!("`{word}` is not {ATTRIBUTE}"),
        })?;
        let is_json = plain.trim_start().starts_with(['{', '[', '"']);
        let (value, after) = match is_json {
            true => read_json(key.trim(), &part[key.len() + 1..])?,
            false => (plain.trim().to_owned(), after_word),
        };
        if !after.is_empty() && !after.starts_with(&is_end) {
            return Err(format!("after the value of {} a comma is wanted, not `{after}`", key.trim()));
        }
        if keys.contains(&key.trim()) {
            return Err(format!("{} is there twice", key.trim()));
        }
        queue.set(key.trim(), &value)?;
        keys.push(key.trim());
        rest = after;
    }
    queue.check()?;
    Ok((queue, rest))
}

/// Reads JSON from the beginning of a text, which may go on after it. A JSON text is given without its quotes.
fn read_json<'a>(key: &str, text: &'a str) -> Result<(String, &'a str), String> {
    let wrong = |error: serde_json::Error| {
        format!("{key} begins like JSON, but is not: {error}; a text that only begins so goes in double quotes")
    };
    let text = text.trim_start();
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>();
    values.next().transpose().map_err(wrong)?;
    let (value, after) = text.split_at(values.byte_offset());
    let value = if value.starts_with('"') { serde_json::from_str(value).map_err(wrong)? } else { value.to_owned() };
    Ok((value, after))
}

fn check_name(name: &str) -> Result<(), String> {
    let stem = name.strip_suffix(FIFO_SUFFIX).unwrap_or(name);
    let fits = !stem.is_empty() && stem.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    if fits && name.len() <= QUEUE_NAME_LENGTH_MAX {
        return Ok(());
    }
    Err(format!(
        "a queue's name is 1 to {QUEUE_NAME_LENGTH_MAX} letters, digits, hyphens and underscores, with {FIFO_SUFFIX} at the end \
         for a FIFO queue; `{name}` is not"
    ))
}

/// What can be said of a queue beside its name and its tags.
pub(super) fn attribute_names() -> Vec<&'static str> {
    let settable = attributes::QUEUE_ATTRIBUTES.iter().filter(|line| line.settable != Settable::Never);
    settable.map(|line| line.name).chain([DEAD_LETTER_QUEUE, MAX_RECEIVE_COUNT]).collect()
}

/// Checks an attribute of a configured queue. The error is a sentence that says what would be right.
fn check_attribute(key: &str, value: &str) -> Result<(), String> {
    let line = attributes::find(key).filter(|line| line.settable != Settable::Never);
    let Some(line) = line else {
        let names = attribute_names().join(", ");
        return Err(format!(
            "`{key}` is not an attribute of a queue; there are {names}, and {TAG}<key>; in a file also name and tags"
        ));
    };
    if line.normalise(value).is_some() {
        return Ok(());
    }
    Err(match line.syntax {
        Syntax::Integer(least, most) => format!("{key} must be a whole number from {least} to {most}, not `{value}`"),
        Syntax::Boolean => format!("{key} must be true or false, not `{value}`"),
        Syntax::OneOf(values) => format!("{key} must be {}, not `{value}`", values.join(" or ")),
        Syntax::Text => format!("{key} cannot be `{value}`"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_read_from_one_word() {
        let queue: QueueConfig =
            "orders,VisibilityTimeout=45,DeadLetterQueue=dead,MaxReceiveCount=3,Tag.team=a".parse().unwrap();
        let expected =
            QueueConfig::new("orders").attribute("VisibilityTimeout", 45).dead_letter("dead", 3).tag("team", "a");
        assert_eq!(queue, expected);
        assert_eq!("Jobs.fifo".parse::<QueueConfig>().unwrap(), QueueConfig::new("Jobs.fifo"));
    }

    #[test]
    fn a_wrong_queue_is_told_what_would_be_right() {
        let wrong = |text: &str| text.parse::<QueueConfig>().unwrap_err().to_string();
        assert_eq!(
            wrong("q,VisibilityTimeout=99999"),
            "VisibilityTimeout must be a whole number from 0 to 43200, not `99999`"
        );
        assert!(
            wrong("q,Visibility=1").starts_with("`Visibility` is not an attribute of a queue; there are DelaySeconds,")
        );
        assert!(wrong("q,QueueArn=x").starts_with("`QueueArn` is not an attribute"));
        assert!(wrong("q,x").contains("is not Attribute=value"));
        assert!(wrong(",x=1").contains("needs a name"));
        assert_eq!(wrong("q,MaxReceiveCount=0"), "MaxReceiveCount must be a number from 1 to 1000");
    }

    #[test]
    fn queues_with_blanks_between_are_read_from_a_variable() {
        let queues = parse_queues(" a,Tag.x=1 b,Policy={\"a\": [1, 2]},DelaySeconds=5\n\tc,Tag.y=\" z \" ").unwrap();
        let policy = QueueConfig::new("b").attribute("Policy", "{\"a\": [1, 2]}").attribute("DelaySeconds", 5);
        assert_eq!(queues, [QueueConfig::new("a").tag("x", "1"), policy, QueueConfig::new("c").tag("y", " z ")]);
        assert_eq!(parse_queues(" \n").unwrap(), []);
        assert!(
            parse_queues("a, DelaySeconds=5")
                .unwrap_err()
                .to_string()
                .starts_with("after a comma comes Attribute=value")
        );
        assert_eq!("a, DelaySeconds = 5".parse(), Ok(QueueConfig::new("a").attribute("DelaySeconds", 5)));
    }
}
