//! The types of settings: each reads itself from a text, or says what would be right.
//!
//! Flags, variables and the file all come through here, and [`Config::checked`](super::Config::checked) for settings of Rust
//! code, so that each mistake has one text.

use super::{
    ControlMode, DatabaseUrl, Durability, Hosts, LISTEN_DEFAULT, Mode, NamespaceMode, Origins, PolicyMode,
    SettingError, THREADS_MAX,
};
use crate::api::is_account_id;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use std::fmt::{self, Display};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// An address to listen on: `HOST:PORT`, a port alone, or a host name with a port, which is resolved (`localhost` is 127.0.0.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen(pub SocketAddr);

impl FromStr for Listen {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Listen, SettingError> {
        let text = text.trim();
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let (host, port) = match is_number(text) {
            true => ("127.0.0.1", text),
            false => text.rsplit_once(':').unwrap_or_default(),
        };
        if host.is_empty() || !is_number(port) || host.contains(['/', ' ']) {
            return wrong(format!("`{text}` is not HOST:PORT, as in {LISTEN_DEFAULT} or 0.0.0.0:9324"));
        }
        if port.parse::<u16>().is_err() {
            return wrong(format!("the port of `{text}` is not a number from 0 to 65535"));
        }
        // Known without asking (RFC 6761): a container that holds nothing but kew has no hosts file and no name server.
        let host = if host.eq_ignore_ascii_case("localhost") { "127.0.0.1" } else { host };
        let unknown = |why: &dyn Display| wrong(format!("the host name `{host}` cannot be resolved: {why}"));
        match format!("{host}:{port}").to_socket_addrs() {
            Ok(found) => match found.min_by_key(|address| !address.is_ipv4()) {
                Some(first) => Ok(Listen(first)),
                None => unknown(&"it has no address"),
            },
            Err(error) => unknown(&error),
        }
    }
}

/// A port to listen on; 0 picks a free one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port(pub u16);

impl FromStr for Port {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Port, SettingError> {
        let port = text.trim().parse().map(Port);
        port.map_err(|_| SettingError::new(format!("`{text}` is not a port: a number from 0 to 65535")))
    }
}

/// An account number: 12 digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account(pub String);

impl FromStr for Account {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Account, SettingError> {
        if is_account_id(text) {
            Ok(Account(text.to_owned()))
        } else {
            wrong("an account is 12 digits, as in 000000000000")
        }
    }
}

/// The name of a region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region(pub String);

impl FromStr for Region {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Region, SettingError> {
        let fits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if fits {
            Ok(Region(text.to_owned()))
        } else {
            wrong("a region is letters, digits and hyphens, as in us-east-1")
        }
    }
}

/// The URL that queue URLs begin with, without a slash at its end; `{region}` and `{account}` in it are filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalUrl(pub String);

impl FromStr for ExternalUrl {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<ExternalUrl, SettingError> {
        let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
        // Taken out they leave no brace behind.
        let rest = ["{region}", "{account}"].iter().fold(text.to_owned(), |rest, name| rest.replace(name, ""));
        if rest.contains(['{', '}']) {
            return wrong("the only parts of a URL that are filled in are {region} and {account}");
        }
        match host {
            Some(host) if has_host(host) && !host.contains([' ', '?', '#', '"', '\\', '<']) => {
                Ok(ExternalUrl(text.trim_end_matches('/').to_owned()))
            }
            _ => wrong("a URL of scheme and host is wanted, as in http://sqs.local:9324"),
        }
    }
}

/// Whether an URL after its scheme names a host, and a port only if there can be one.
fn has_host(after_scheme: &str) -> bool {
    let authority = after_scheme.split('/').next().unwrap_or_default();
    // The colons in brackets are those of an IPv6 address.
    match authority.rsplit_once(':').filter(|(_, port)| !port.contains(']')) {
        Some((host, port)) => !host.is_empty() && port.parse::<u16>().is_ok(),
        None => !authority.is_empty(),
    }
}

/// A limit: a whole number, at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit(pub usize);

impl FromStr for Limit {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Limit, SettingError> {
        match text.parse() {
            Ok(limit) if limit > 0 => Ok(Limit(limit)),
            _ => wrong(format!("`{text}` is not a whole number of at least 1")),
        }
    }
}

/// A number of worker threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threads(pub usize);

impl FromStr for Threads {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Threads, SettingError> {
        match text.parse() {
            Ok(threads) if (1..=THREADS_MAX).contains(&threads) => Ok(Threads(threads)),
            _ => wrong(format!("`{text}` is not a whole number from 1 to {THREADS_MAX}")),
        }
    }
}

/// A length of time in whole seconds, up to a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seconds(pub Duration);

/// A day.
const SECONDS_MAX: u64 = 86_400;

impl FromStr for Seconds {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Seconds, SettingError> {
        match text.parse() {
            Ok(seconds) if (1..=SECONDS_MAX).contains(&seconds) => Ok(Seconds(Duration::from_secs(seconds))),
            _ => wrong(format!("`{text}` is not a whole number of seconds from 1 to {SECONDS_MAX}")),
        }
    }
}

/// A whole number, 0 too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count(pub usize);

impl FromStr for Count {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Count, SettingError> {
        text.parse().map(Count).map_err(|_| SettingError::new(format!("`{text}` is not a whole number")))
    }
}

/// What ids and faults are drawn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed(pub u64);

impl FromStr for Seed {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Seed, SettingError> {
        text.parse().map(Seed).map_err(|_| SettingError::new(format!("`{text}` is not a whole number below 2^64")))
    }
}

/// What a client of the control API has to send. It is not shown with the rest of a configuration.
#[derive(Clone, PartialEq, Eq)]
pub struct ControlToken(pub String);

/// Characters of a token at most.
const TOKEN_LENGTH_MAX: usize = 256;

impl FromStr for ControlToken {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<ControlToken, SettingError> {
        let fits = (1..=TOKEN_LENGTH_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        match fits {
            true => Ok(ControlToken(text.to_owned())),
            false => wrong(format!("a token is 1 to {TOKEN_LENGTH_MAX} letters, digits and signs without blanks")),
        }
    }
}

impl fmt::Debug for ControlToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ControlToken(..)")
    }
}

/// The name of a data directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataDir(pub PathBuf);

impl FromStr for DataDir {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<DataDir, SettingError> {
        match text {
            "" => wrong("a directory is wanted, as in /var/lib/kew"),
            _ => Ok(DataDir(PathBuf::from(text))),
        }
    }
}

/// Where everything is kept: in a directory, or in a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataPlace {
    /// In a directory.
    Directory(PathBuf),
    /// In a PostgreSQL.
    Database(DatabaseUrl),
}

impl FromStr for DataPlace {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<DataPlace, SettingError> {
        if DatabaseUrl::is_meant(text) {
            return text.parse().map(DataPlace::Database);
        }
        match text.split_once("://") {
            Some(_) => {
                wrong("a directory is wanted, or a URL of PostgreSQL: postgres://USER:PASSWORD@HOST:PORT/DATABASE")
            }
            None => text.parse().map(|DataDir(dir)| DataPlace::Directory(dir)),
        }
    }
}

impl Display for DataPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DataPlace::Directory(dir) => dir.display().fmt(f),
            DataPlace::Database(url) => url.fmt(f),
        }
    }
}

/// The name of a credentials file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialsPath(pub PathBuf);

impl FromStr for CredentialsPath {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<CredentialsPath, SettingError> {
        match text {
            "" => wrong("a file is wanted, as in /etc/kew/credentials.toml"),
            _ => Ok(CredentialsPath(PathBuf::from(text))),
        }
    }
}

/// What to log: a level, or `target=level` pairs with commas between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFilter(pub String);

impl FromStr for LogFilter {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<LogFilter, SettingError> {
        const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
        let fits = text.split(',').all(|part| {
            let level = part.split_once('=').map_or(part, |(_, level)| level);
            LEVELS.iter().any(|known| known.eq_ignore_ascii_case(level.trim()))
        });
        if fits {
            Ok(LogFilter(text.to_owned()))
        } else {
            wrong(format!("`{text}` is not error, warn, info, debug or trace"))
        }
    }
}

/// Whether something is on: `on` or `off`, and in files also `true` or `false`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Switch(pub bool);

impl FromStr for Switch {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Switch, SettingError> {
        match text {
            "on" | "true" => Ok(Switch(true)),
            "off" | "false" => Ok(Switch(false)),
            _ => wrong(format!("`{text}` is neither on nor off")),
        }
    }
}

impl Display for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0 { "on" } else { "off" })
    }
}

/// Settings that are one of two words.
macro_rules! one_of_two {
    ($($type:ident: $one:ident $first:literal, $other:ident $second:literal;)*) => { $(
        impl FromStr for $type {
            type Err = SettingError;

            fn from_str(text: &str) -> Result<$type, SettingError> {
                match text {
                    $first => Ok($type::$one),
                    $second => Ok($type::$other),
                    _ => wrong(format!(concat!("`{text}` is neither ", $first, " nor ", $second), text = text)),
                }
            }
        }

        impl Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $type::$one => $first,
                    $type::$other => $second,
                })
            }
        }
    )* };
}

one_of_two! {
    Mode: Dev "dev", Aws "aws";
    NamespaceMode: Merged "merged", Aws "aws";
    Durability: Full "full", Process "process";
}

impl FromStr for PolicyMode {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<PolicyMode, SettingError> {
        match text {
            "enforce" => Ok(PolicyMode::Enforce),
            "warn" => Ok(PolicyMode::Warn),
            "off" | "false" => Ok(PolicyMode::Off),
            _ => wrong(format!("`{text}` is none of enforce, warn and off")),
        }
    }
}

impl Display for PolicyMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PolicyMode::Enforce => "enforce",
            PolicyMode::Warn => "warn",
            PolicyMode::Off => "off",
        })
    }
}

impl FromStr for ControlMode {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<ControlMode, SettingError> {
        match text {
            "on" | "true" => Ok(ControlMode::On),
            "off" | "false" => Ok(ControlMode::Off),
            "token" => Ok(ControlMode::Token),
            _ => wrong(format!("`{text}` is none of on, off and token")),
        }
    }
}

/// One entry of the list.
impl FromStr for Origins {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Origins, SettingError> {
        Origins::parse([text])
    }
}

/// One entry of the list.
impl FromStr for Hosts {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Hosts, SettingError> {
        Hosts::parse([text])
    }
}

fn wrong<T>(text: impl Into<String>) -> Result<T, SettingError> {
    Err(SettingError::new(text))
}

/// A value of the file that is a text on the command line: in the file it may also be a number, or true or false.
#[derive(Deserialize)]
#[serde(untagged, expecting = "the value must be a text, a whole number, true or false")]
pub(super) enum Scalar {
    Text(String),
    Number(i64),
    Boolean(bool),
}

impl Scalar {
    pub(super) fn into_text(self) -> String {
        match self {
            Scalar::Text(text) => text,
            Scalar::Number(number) => number.to_string(),
            Scalar::Boolean(boolean) => boolean.to_string(),
        }
    }
}

macro_rules! read_as_text {
    ($($type:ident)*) => { $(
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<$type, D::Error> {
                Scalar::deserialize(from)?.into_text().parse().map_err(D::Error::custom)
            }
        }
    )* };
}

read_as_text! {
    Account ControlMode ControlToken Count CredentialsPath DataDir DataPlace Durability ExternalUrl Limit LogFilter Mode NamespaceMode PolicyMode
    Region Seconds Seed Switch Threads
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_urls_are_checked() {
        let listen = |text: &str| text.parse::<Listen>().map(|listen| listen.0.to_string());
        assert_eq!(listen("9400").unwrap(), "127.0.0.1:9400");
        assert_eq!(listen("LocalHost:9400").unwrap(), "127.0.0.1:9400");
        assert_eq!(listen("0.0.0.0:0").unwrap(), "0.0.0.0:0");
        assert!(listen("nonsense").unwrap_err().to_string().contains("is not HOST:PORT"));
        let url = |text: &str| text.parse::<ExternalUrl>().map(|url| url.0);
        assert_eq!(url("http://q.local:9324/").unwrap(), "http://q.local:9324");
        assert!(url("q.local").is_err() && url("http://").is_err());
        let filled = "https://sqs.{region}.q.local/{account}";
        assert_eq!(url(filled).unwrap(), filled);
        for wrong in ["http://{host}", "http://{region", "http://region}", "http://{}", "http://{{region}}"] {
            assert!(url(wrong).unwrap_err().to_string().contains("{region} and {account}"), "{wrong}");
        }
        assert!("12".parse::<Account>().is_err() && "".parse::<Region>().is_err());
    }

    #[test]
    fn what_a_setting_shows_it_reads() {
        for text in ["dev", "aws"] {
            assert_eq!(text.parse::<Mode>().unwrap().to_string(), text);
        }
        for text in ["merged", "aws"] {
            assert_eq!(text.parse::<NamespaceMode>().unwrap().to_string(), text);
        }
        for text in ["full", "process"] {
            assert_eq!(text.parse::<Durability>().unwrap().to_string(), text);
        }
        for text in ["on", "off"] {
            assert_eq!(text.parse::<Switch>().unwrap().to_string(), text);
        }
    }
}
