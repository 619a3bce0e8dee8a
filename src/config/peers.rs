//! What makes a server one of several over one database: where the others reach it, and the secret that they all know.

use super::values::{Listen, Scalar};
use super::{Config, SettingError};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

/// Characters of a secret at least: it is not to be guessed by whoever reaches the port.
const SECRET_LENGTH_MIN: usize = 16;
/// Characters of a secret at most.
const SECRET_LENGTH_MAX: usize = 256;
/// What is between nodes, and all that is.
const SCHEME: &str = "http://";

/// Where the other nodes reach a server: `http://HOST:PORT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerUrl(pub String);

impl PeerUrl {
    /// The address to listen on: what the host is resolved to here.
    ///
    /// # Errors
    /// If it cannot be resolved.
    pub fn address(&self) -> Result<SocketAddr, SettingError> {
        let Listen(address) = self.0.trim_start_matches(SCHEME).parse()?;
        Ok(address)
    }
}

impl FromStr for PeerUrl {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<PeerUrl, SettingError> {
        let wrong = |what: &str| {
            Err(SettingError::new(format!("{what}; nodes reach each other by a URL such as http://10.0.0.7:9325")))
        };
        if text.get(..8).is_some_and(|begin| begin.eq_ignore_ascii_case("https://")) {
            return wrong("TLS is not spoken between nodes, only plain HTTP, which is for a private network");
        }
        let Some(place) = text.strip_prefix(SCHEME) else { return wrong("it does not begin with http://") };
        let place = place.strip_suffix('/').unwrap_or(place);
        if place.contains(['/', '?', '#']) {
            return wrong("it has a path, and there is none");
        }
        if place.contains('@') {
            return wrong("it names a user, and there is none");
        }
        let (host, port) = match place.rsplit_once(':').filter(|(_, port)| !port.contains(']')) {
            Some(parts) => parts,
            None => return wrong("it names no port"),
        };
        let is_host = |c: char| c.is_ascii_alphanumeric() || "-._:[]%".contains(c);
        let is_bare_ipv6 = host.contains(':') && !(host.starts_with('[') && host.ends_with(']'));
        if host.is_empty() || is_bare_ipv6 || !host.chars().all(is_host) {
            return wrong("it names no host");
        }
        match port.parse::<u16>() {
            Ok(port) if port > 0 => Ok(PeerUrl(format!("{SCHEME}{place}"))),
            _ => wrong("its port is not a number from 1 to 65535"),
        }
    }
}

/// What all nodes of a cluster know, and nobody else. It is not shown with the rest of a configuration.
#[derive(Clone, PartialEq, Eq)]
pub struct ClusterSecret(String);

impl ClusterSecret {
    /// A secret that is not looked at until the server starts.
    #[must_use]
    pub fn new(text: impl Into<String>) -> ClusterSecret {
        ClusterSecret(text.into())
    }

    /// The secret itself: for nobody but the other nodes.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl FromStr for ClusterSecret {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<ClusterSecret, SettingError> {
        let fits = (SECRET_LENGTH_MIN..=SECRET_LENGTH_MAX).contains(&text.len());
        match fits && text.bytes().all(|b| b.is_ascii_graphic()) {
            true => Ok(ClusterSecret::new(text)),
            // The text itself is in no answer.
            false => Err(SettingError::new(format!(
                "a secret is {SECRET_LENGTH_MIN} to {SECRET_LENGTH_MAX} letters, digits and signs without blanks, such as \
                 openssl rand -hex 32 makes"
            ))),
        }
    }
}

impl fmt::Debug for ClusterSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClusterSecret(..)")
    }
}

impl<'de> Deserialize<'de> for PeerUrl {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<PeerUrl, D::Error> {
        Scalar::deserialize(from)?.into_text().parse().map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for ClusterSecret {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<ClusterSecret, D::Error> {
        Scalar::deserialize(from)?.into_text().parse().map_err(D::Error::custom)
    }
}

/// Checks what a configuration says of peers, and that nothing it says cannot be where there are several nodes. Gives the URL as it
/// is used.
///
/// # Errors
/// The name of the setting, and what would be right.
pub(super) fn checked(config: &Config) -> Result<Option<String>, (&'static str, SettingError)> {
    let wrong = |name, text: &str| Err((name, SettingError::new(text)));
    let (url, secret) = match (&config.peer, &config.cluster_secret) {
        (None, None) => return Ok(None),
        (None, Some(_)) => {
            return wrong(
                "cluster_secret",
                "a secret is of no use without other nodes: --peer URL says where they reach this one",
            );
        }
        (Some(_), None) => {
            return wrong(
                "peer",
                "nodes know each other by a secret that all of them are given: --cluster-secret TEXT",
            );
        }
        (Some(url), Some(secret)) => (url, secret),
    };
    let PeerUrl(url) = url.parse().map_err(|error| ("peer", error))?;
    let _: ClusterSecret = secret.text().parse().map_err(|error| ("cluster_secret", error))?;
    if config.database.is_none() {
        return wrong("peer", "several nodes share a database: --data postgres://... names it");
    }
    if config.auto_create {
        return wrong(
            "auto_create",
            "with several nodes a queue is made by CreateQueue alone; leave out one of --auto-create and --peer",
        );
    }
    if config.seed.is_some() {
        return wrong(
            "seed",
            "several nodes would draw the same ids from one seed; leave out one of --seed and --peer",
        );
    }
    Ok(Some(url))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_of_a_node_is_a_host_and_a_port() {
        let read = |text: &str| text.parse::<PeerUrl>().map(|url| url.0).map_err(|error| error.to_string());
        for url in ["http://10.0.0.7:9325", "http://kew-0.kew.default.svc:9325", "http://[fd00::7]:9325"] {
            assert_eq!(read(url).unwrap(), url);
            assert_eq!(read(&format!("{url}/")).unwrap(), url);
        }
        for (text, what) in [
            ("https://10.0.0.7:9325", "TLS is not spoken"),
            ("HTTPS://10.0.0.7:9325", "TLS is not spoken"),
            ("10.0.0.7:9325", "does not begin with http://"),
            ("", "does not begin with http://"),
            ("http://", "names no port"),
            ("http://kew-0", "names no port"),
            ("http://[::1]", "names no port"),
            ("http://:9325", "names no host"),
            ("http://::1:9325", "names no host"),
            ("http://a b:9325", "names no host"),
            ("http://kew-0:9325/kew", "has a path"),
            ("http://kew-0:9325?a", "has a path"),
            ("http://me:pass@kew-0:9325", "names a user"),
            ("http://kew-0:0", "port is not a number"),
            ("http://kew-0:65536", "port is not a number"),
            ("http://kew-0:x", "port is not a number"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(what), "{text}: {error}");
        }
        let address = |text: &str| text.parse::<PeerUrl>().unwrap().address().unwrap().to_string();
        assert_eq!(address("http://127.0.0.1:9325"), "127.0.0.1:9325");
        assert_eq!(address("http://localhost:9325"), "127.0.0.1:9325");
        assert_eq!(address("http://[::1]:9325"), "[::1]:9325");
    }

    #[test]
    fn a_secret_has_some_length_and_is_not_shown() {
        let read = |text: &str| text.parse::<ClusterSecret>().map_err(|error| error.to_string());
        let secret = read("0123456789abcdef").unwrap();
        assert_eq!(secret.text(), "0123456789abcdef");
        assert!(!format!("{secret:?}{secret:#?}").contains("0123"));
        for wrong in ["", "0123456789abcde", "0123456789 abcdef", "0123456789abcdef\n", &"x".repeat(257)] {
            let error = read(wrong).unwrap_err();
            assert!(error.starts_with("a secret is 16 to 256 ") && !error.contains("0123"), "{error}");
        }
    }
}
