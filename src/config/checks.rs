//! What each setting may be: a text of the command line, of a variable or of the file to a value, or what would be right.

use super::{Durability, Hosts, LISTEN_DEFAULT, Mode, NamespaceMode, Origins, THREADS_MAX};
use std::fmt::Display;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

/// What is said to a data directory without a name.
pub(super) const DATA_WANTED: &str = "a directory is wanted, as in /var/lib/kew";

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

/// Checks the URL that queue URLs begin with; `{region}` and `{account}` in it are filled in.
///
/// # Errors
/// A sentence that says what would be right.
pub fn check_external_url(text: &str) -> Result<String, String> {
    let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    // Taken out they leave no brace behind.
    if ["{region}", "{account}"].iter().fold(text.to_owned(), |rest, name| rest.replace(name, "")).contains(['{', '}'])
    {
        return Err("the only parts of a URL that are filled in are {region} and {account}".to_owned());
    }
    match host {
        Some(host) if has_host(host) && !host.contains([' ', '?', '#', '"', '\\', '<']) => {
            Ok(text.trim_end_matches('/').to_owned())
        }
        _ => Err("a URL of scheme and host is wanted, as in http://sqs.local:9324".to_owned()),
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

/// Reads a limit: a whole number, at least 1.
///
/// # Errors
/// A sentence that says what would be right.
pub fn parse_limit(text: &str) -> Result<usize, String> {
    text.parse().ok().and_then(|limit| check_limit(limit).ok()).ok_or_else(|| limit_wanted(text))
}

/// Checks a limit: at least 1.
///
/// # Errors
/// A sentence that says what would be right.
pub fn check_limit(limit: usize) -> Result<usize, String> {
    if limit > 0 { Ok(limit) } else { Err(limit_wanted(limit)) }
}

fn limit_wanted(given: impl Display) -> String {
    format!("`{given}` is not a whole number of at least 1")
}

/// Reads a number of worker threads.
///
/// # Errors
/// A sentence that says what would be right.
pub fn parse_threads(text: &str) -> Result<usize, String> {
    text.parse().ok().and_then(|threads| check_threads(threads).ok()).ok_or_else(|| threads_wanted(text))
}

/// Checks a number of worker threads.
///
/// # Errors
/// A sentence that says what would be right.
pub fn check_threads(threads: usize) -> Result<usize, String> {
    if (1..=THREADS_MAX).contains(&threads) { Ok(threads) } else { Err(threads_wanted(threads)) }
}

fn threads_wanted(given: impl Display) -> String {
    format!("`{given}` is not a whole number from 1 to {THREADS_MAX}")
}

/// Reads the name of a data directory.
///
/// # Errors
/// A sentence that says what would be right.
pub fn parse_data(text: &str) -> Result<PathBuf, String> {
    if text.is_empty() { Err(DATA_WANTED.to_owned()) } else { Ok(PathBuf::from(text)) }
}

/// Reads one entry of the web pages that may use the server; an empty one is passed over.
///
/// # Errors
/// A sentence that says what would be right.
pub fn parse_origin(text: &str) -> Result<String, String> {
    parse_origins([text]).map(|_| text.to_owned())
}

/// Reads the web pages that may use the server.
///
/// # Errors
/// A sentence that says what would be right.
pub fn parse_origins<'a>(entries: impl IntoIterator<Item = &'a str>) -> Result<Origins, String> {
    Origins::parse(entries).map_err(|error| error.to_string())
}

/// Reads one name by which browsers may reach the server; an empty one is passed over.
///
/// # Errors
/// A sentence that says what would be right.
pub fn parse_host(text: &str) -> Result<String, String> {
    parse_hosts([text]).map(|_| text.to_owned())
}

/// Reads the names by which browsers may reach the server.
///
/// # Errors
/// A sentence that says what would be right.
pub fn parse_hosts<'a>(entries: impl IntoIterator<Item = &'a str>) -> Result<Hosts, String> {
    Hosts::parse(entries).map_err(|error| error.to_string())
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
    let text = text.trim();
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let (host, port) = if is_number(text) { ("127.0.0.1", text) } else { text.rsplit_once(':').unwrap_or_default() };
    if host.is_empty() || !is_number(port) || host.contains(['/', ' ']) {
        return Err(format!("`{text}` is not HOST:PORT, as in {LISTEN_DEFAULT} or 0.0.0.0:9324"));
    }
    if port.parse::<u16>().is_err() {
        return Err(format!("the port of `{text}` is not a number from 0 to 65535"));
    }
    let unknown = |why: &dyn Display| format!("the host name `{host}` cannot be resolved: {why}");
    let found = format!("{host}:{port}").to_socket_addrs().map_err(|error| unknown(&error))?;
    let first = found.min_by_key(|address| !address.is_ipv4());
    first.ok_or_else(|| unknown(&"it has no address"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_urls_are_checked() {
        assert_eq!(parse_listen("9400").unwrap().to_string(), "127.0.0.1:9400");
        assert_eq!(parse_listen("0.0.0.0:0").unwrap().to_string(), "0.0.0.0:0");
        assert!(parse_listen("nonsense").unwrap_err().contains("is not HOST:PORT"));
        assert_eq!(check_external_url("http://q.local:9324/").unwrap(), "http://q.local:9324");
        assert!(check_external_url("q.local").is_err() && check_external_url("http://").is_err());
        let filled = "https://sqs.{region}.q.local/{account}";
        assert_eq!(check_external_url(filled).unwrap(), filled);
        for wrong in ["http://{host}", "http://{region", "http://region}", "http://{}", "http://{{region}}"] {
            assert!(check_external_url(wrong).unwrap_err().contains("{region} and {account}"), "{wrong}");
        }
        assert!(check_account("12").is_err() && check_region("").is_err());
    }
}
