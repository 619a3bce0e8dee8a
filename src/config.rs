//! What a server is told: one definition for the configuration file, environment variables, flags and Rust code.

use crate::api::attributes::{self, Settable, Syntax, name};
use crate::api::limits::QUEUE_NAME_LENGTH_MAX;
use crate::broker::NamespaceMode;
use crate::http::{BODY_BYTES_MAX_DEFAULT, CONNECTIONS_MAX_DEFAULT, Hosts, Origins};
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

/// Where a server listens when nothing else is said.
pub const LISTEN_DEFAULT: &str = "127.0.0.1:9324";
/// Receives before a message goes to the dead-letter queue when nothing else is said.
pub const MAX_RECEIVE_COUNT_DEFAULT: u32 = 10;
/// Worker threads at most.
pub const THREADS_MAX: usize = 1024;
/// The account of callers whose access key does not name one.
pub const ACCOUNT_DEFAULT: &str = "000000000000";
/// The region of callers that do not sign for one.
pub const REGION_DEFAULT: &str = "us-east-1";

/// How closely the server keeps to AWS where AWS is in a developer's way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "bin", derive(clap::ValueEnum))]
pub enum Mode {
    /// One namespace for all regions, and no 60-second rules.
    #[default]
    Dev,
    /// Everything as on AWS.
    Aws,
}

/// When a change counts as done, with a data directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "bin", derive(clap::ValueEnum))]
pub enum Durability {
    /// When it is synced to disk: it survives a power loss.
    #[default]
    Full,
    /// When the operating system has it: it survives a crash of kew, `kill -9` included, but not a power loss.
    Process,
}

/// A queue that is there when the server starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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

impl QueueConfig {
    /// A queue with default attributes.
    pub fn new(name: impl Into<String>) -> QueueConfig {
        QueueConfig { name: name.into(), ..Default::default() }
    }

    /// Sets an attribute, for example `VisibilityTimeout` to `45`.
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
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        if let Some(tag) = key.strip_prefix(TAG) {
            self.tags.insert(tag.to_owned(), value.to_owned());
            return Ok(());
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

    /// Checks what can be told without the other queues: the name, and what goes with it.
    ///
    /// # Errors
    /// A sentence that says what would be right.
    pub fn check(&self) -> Result<(), String> {
        let name = &self.name;
        let stem = name.strip_suffix(FIFO_SUFFIX).unwrap_or(name);
        let fits = !stem.is_empty() && stem.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        if !fits || name.len() > QUEUE_NAME_LENGTH_MAX {
            return Err(format!(
                "a queue's name is 1 to {QUEUE_NAME_LENGTH_MAX} letters, digits, hyphens and underscores, with {FIFO_SUFFIX} at the \
                 end for a FIFO queue; `{name}` is not"
            ));
        }
        let is_fifo = name.ends_with(FIFO_SUFFIX);
        let mut of_fifo = self
            .attributes
            .keys()
            .filter(|key| attributes::find(key).is_some_and(|line| line.settable == Settable::FifoOnly));
        if let Some(key) = of_fifo.next().filter(|_| !is_fifo) {
            return Err(format!("{key} is for FIFO queues, whose names end in {FIFO_SUFFIX}; `{name}` does not"));
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

/// `NAME` or `NAME,Attribute=value,...`, as `--queue` takes it.
impl FromStr for QueueConfig {
    type Err = String;
    fn from_str(text: &str) -> Result<QueueConfig, String> {
        let mut parts = text.split(',');
        let mut queue = QueueConfig::new(parts.next().unwrap_or_default().trim());
        if queue.name.is_empty() {
            return Err("a queue needs a name: NAME or NAME,Attribute=value,...".to_owned());
        }
        for part in parts {
            let (key, value) = part
                .split_once('=')
                .ok_or_else(|| format!("`{part}` is not Attribute=value, as in orders,VisibilityTimeout=45"))?;
            queue.set(key.trim(), value.trim())?;
        }
        queue.check()?;
        Ok(queue)
    }
}

/// Checks an attribute of a configured queue.
///
/// # Errors
/// A sentence that says what would be right.
pub fn check_attribute(key: &str, value: &str) -> Result<(), String> {
    let line = attributes::find(key).filter(|line| line.settable != Settable::Never);
    let Some(line) = line else {
        let settable = attributes::QUEUE_ATTRIBUTES.iter().filter(|line| line.settable != Settable::Never);
        let names: Vec<&str> = settable.map(|line| line.name).chain([DEAD_LETTER_QUEUE, MAX_RECEIVE_COUNT]).collect();
        return Err(format!("`{key}` is not an attribute of a queue; there are {}, and {TAG}<key>", names.join(", ")));
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

/// Everything a server is told. [`Config::default`] is what `kew` without arguments does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where to listen; port 0 picks a free one.
    pub listen: Vec<SocketAddr>,
    /// Queues that are there from the start.
    pub queues: Vec<QueueConfig>,
    /// Whether a queue that is asked for and not there is created.
    pub auto_create: bool,
    /// How closely to keep to AWS; the next two settings refine it.
    pub mode: Mode,
    /// Whether accounts and regions separate queues; from the mode if absent.
    pub namespace: Option<NamespaceMode>,
    /// Whether the 60-second rules of PurgeQueue and of DeleteQueue then CreateQueue hold; from the mode if absent.
    pub cooldowns: Option<bool>,
    /// 12 digits; the account of callers whose access key is not 12 digits itself.
    pub account: String,
    /// The region of callers that do not sign for one.
    pub region: String,
    /// What queue URLs begin with, if not with the `Host` of the request.
    pub external_url: Option<String>,
    /// Web pages that may use the server.
    pub cors: Origins,
    /// Names by which browsers may reach the server, beside those that no page of the Internet can have.
    pub allow_host: Hosts,
    /// Bytes of a request body; at least 8 MiB, which a batch of 1 MiB may need in JSON.
    pub body_bytes_max: usize,
    /// Connections at one time.
    pub connections_max: usize,
    /// Worker threads; one for each core if absent.
    pub threads: Option<usize>,
    /// The directory to keep everything in; in memory only if absent.
    pub data: Option<PathBuf>,
    /// When a change counts as done, with a data directory.
    pub durability: Durability,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            listen: Vec::new(),
            queues: Vec::new(),
            auto_create: false,
            mode: Mode::Dev,
            namespace: None,
            cooldowns: None,
            account: ACCOUNT_DEFAULT.to_owned(),
            region: REGION_DEFAULT.to_owned(),
            external_url: None,
            cors: Origins::none(),
            allow_host: Hosts::none(),
            body_bytes_max: BODY_BYTES_MAX_DEFAULT,
            connections_max: CONNECTIONS_MAX_DEFAULT,
            threads: None,
            data: None,
            durability: Durability::Full,
        }
    }
}

impl Config {
    /// Whether accounts and regions separate queues.
    pub fn namespace(&self) -> NamespaceMode {
        self.namespace.unwrap_or(match self.mode {
            Mode::Dev => NamespaceMode::Merged,
            Mode::Aws => NamespaceMode::Aws,
        })
    }

    /// Whether the 60-second rules hold.
    pub fn cooldowns(&self) -> bool {
        self.cooldowns.unwrap_or(self.mode == Mode::Aws)
    }

    /// Adds queues; one that is there already by name is replaced.
    pub fn add_queues(&mut self, queues: impl IntoIterator<Item = QueueConfig>) {
        for queue in queues {
            self.queues.retain(|other| other.name != queue.name);
            self.queues.push(queue);
        }
    }

    /// The configured queues and, before them, the dead-letter queues that are named but not listed.
    pub(crate) fn all_queues(&self) -> Vec<QueueConfig> {
        let mut all: Vec<QueueConfig> = Vec::new();
        for target in self.queues.iter().filter_map(|queue| queue.dead_letter_queue.as_deref()) {
            let listed = |queues: &[QueueConfig]| queues.iter().any(|queue| queue.name == target);
            if !listed(&self.queues) && !listed(&all) {
                all.push(QueueConfig::new(target));
            }
        }
        all.extend(self.queues.iter().cloned());
        all
    }
}

/// Checks an account number.
///
/// # Errors
/// A sentence that says what would be right.
pub fn check_account(text: &str) -> Result<String, String> {
    let fits = text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit());
    if fits { Ok(text.to_owned()) } else { Err("an account is 12 digits, as in 000000000000".to_owned()) }
}

/// Checks the name of a region.
///
/// # Errors
/// A sentence that says what would be right.
pub fn check_region(text: &str) -> Result<String, String> {
    let fits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if fits { Ok(text.to_owned()) } else { Err("a region is letters, digits and hyphens, as in us-east-1".to_owned()) }
}

/// Checks the URL that queue URLs begin with.
///
/// # Errors
/// A sentence that says what would be right.
pub fn check_external_url(text: &str) -> Result<String, String> {
    let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    match host {
        Some(host) if !host.trim_end_matches('/').is_empty() && !host.contains([' ', '?', '#', '"', '\\', '<']) => {
            Ok(text.trim_end_matches('/').to_owned())
        }
        _ => Err("a URL of scheme and host is wanted, as in http://sqs.local:9324".to_owned()),
    }
}

/// Reads a limit: a whole number, at least 1.
///
/// # Errors
/// A sentence that says what would be right.
pub fn parse_limit(text: &str) -> Result<usize, String> {
    let limit = text.parse().ok().filter(|&limit| limit > 0);
    limit.ok_or_else(|| format!("`{text}` is not a whole number of at least 1"))
}

/// Reads a number of worker threads.
///
/// # Errors
/// A sentence that says what would be right.
pub fn parse_threads(text: &str) -> Result<usize, String> {
    let threads = text.parse().ok().filter(|threads| (1..=THREADS_MAX).contains(threads));
    threads.ok_or_else(|| format!("`{text}` is not a whole number from 1 to {THREADS_MAX}"))
}

/// Checks what to log: a level, or `target=level` pairs with commas between.
///
/// # Errors
/// A sentence that says what would be right.
pub fn check_log(text: &str) -> Result<String, String> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let fits = text.split(',').all(|part| {
        let level = part.split_once('=').map_or(part, |(_, level)| level);
        LEVELS.iter().any(|known| known.eq_ignore_ascii_case(level.trim()))
    });
    if fits { Ok(text.to_owned()) } else { Err(format!("`{text}` is not error, warn, info, debug or trace")) }
}

/// Reads an address to listen on: `HOST:PORT`, a port alone, or a host name with a port.
///
/// # Errors
/// A sentence that says what would be right.
pub fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    use std::net::ToSocketAddrs;
    let text = text.trim();
    let with_host = if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        format!("127.0.0.1:{text}")
    } else {
        text.to_owned()
    };
    let wanted = || format!("`{text}` is not HOST:PORT, as in {LISTEN_DEFAULT} or 0.0.0.0:9324");
    let mut found = with_host.to_socket_addrs().map_err(|_| wanted())?.collect::<Vec<_>>();
    found.sort_by_key(|address| !address.is_ipv4());
    found.into_iter().next().ok_or_else(wanted)
}

/// Reads the name of a mode.
///
/// # Errors
/// A sentence that says what would be right.
pub fn parse_mode(text: &str) -> Result<Mode, String> {
    match text {
        "dev" => Ok(Mode::Dev),
        "aws" => Ok(Mode::Aws),
        _ => Err(format!("`{text}` is neither dev nor aws")),
    }
}

/// Reads a level of durability.
///
/// # Errors
/// A sentence that says what would be right.
pub fn parse_durability(text: &str) -> Result<Durability, String> {
    match text {
        "full" => Ok(Durability::Full),
        "process" => Ok(Durability::Process),
        _ => Err(format!("`{text}` is neither full nor process")),
    }
}

/// Reads the name of a namespace mode.
///
/// # Errors
/// A sentence that says what would be right.
pub fn parse_namespace(text: &str) -> Result<NamespaceMode, String> {
    match text {
        "merged" => Ok(NamespaceMode::Merged),
        "aws" => Ok(NamespaceMode::Aws),
        _ => Err(format!("`{text}` is neither merged nor aws")),
    }
}

/// Reads `on` or `off`.
///
/// # Errors
/// A sentence that says what would be right.
pub fn parse_switch(text: &str) -> Result<bool, String> {
    match text {
        "on" | "true" => Ok(true),
        "off" | "false" => Ok(false),
        _ => Err(format!("`{text}` is neither on nor off")),
    }
}

/// The canonical text of a redrive policy to a queue of the same account and region.
pub(crate) fn redrive_policy(arn: &str, max_receive_count: u32) -> (String, String) {
    let policy = format!("{{\"deadLetterTargetArn\":\"{arn}\",\"maxReceiveCount\":{max_receive_count}}}");
    (name::REDRIVE_POLICY.to_owned(), policy)
}

#[cfg(feature = "bin")]
pub use file::{FileError, read_file};

#[cfg(feature = "bin")]
mod file;

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
        let wrong = |text: &str| text.parse::<QueueConfig>().unwrap_err();
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
    fn a_dead_letter_queue_that_is_not_listed_is_added() {
        let mut config = Config::default();
        config.add_queues([QueueConfig::new("a").dead_letter("dead", 3), QueueConfig::new("b").dead_letter("a", 3)]);
        let names: Vec<String> = config.all_queues().into_iter().map(|queue| queue.name).collect();
        assert_eq!(names, ["dead", "a", "b"]);
    }

    #[test]
    fn addresses_and_urls_are_checked() {
        assert_eq!(parse_listen("9400").unwrap().to_string(), "127.0.0.1:9400");
        assert_eq!(parse_listen("0.0.0.0:0").unwrap().to_string(), "0.0.0.0:0");
        assert!(parse_listen("nonsense").unwrap_err().contains("is not HOST:PORT"));
        assert_eq!(check_external_url("http://q.local:9324/").unwrap(), "http://q.local:9324");
        assert!(check_external_url("q.local").is_err() && check_external_url("http://").is_err());
        assert!(check_account("12").is_err() && check_region("").is_err());
    }
}
