//! By which names browsers may reach the server.
//!
//! A page under a name of its own can have that name point at this machine (DNS rebinding); to the browser the server
//! is then the page's own. It needs a name in the public DNS for that, so all that cannot be one is safe: addresses,
//! names without a dot, and the endings that are set aside for private networks and for clusters. Likewise names of AWS
//! and of LocalStack, which a network's own DNS points at a server like this one, and which nobody else can point
//! anywhere.

use crate::config::Hosts;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Names that no web page can have for its own. `*` at the beginning is one label or more, elsewhere exactly one.
const SAFE: &[&str] = &[
    "*.localhost",
    "*.internal",
    "*.local",
    "*.svc",
    "sqs.*.amazonaws.com",
    "queue.amazonaws.com",
    "*.queue.amazonaws.com",
    "localhost.localstack.cloud",
    "*.localhost.localstack.cloud",
];

/// Stands for what is filled into the external URL while that is taken apart.
const FILLED_IN: &str = "_filled_in_";

impl Hosts {
    /// With the host of a URL that clients use.
    #[must_use]
    pub(super) fn with_url(mut self, url: &str) -> Hosts {
        let authority = url.split_once("://").map_or(url, |(_, rest)| rest).split('/').next().unwrap_or_default();
        // What is filled in may be any one label.
        let authority = authority.replace("{region}", FILLED_IN).replace("{account}", FILLED_IN);
        if let Some((host, _)) = split_host(authority.rsplit('@').next().unwrap_or_default()) {
            self.patterns.push(without_dot(host).to_ascii_lowercase().replace(FILLED_IN, "*"));
        }
        self
    }

    /// Whether browsers may use a name or an address, as [`split_host`] gives it.
    pub(super) fn allow(&self, host: &str) -> bool {
        let host = without_dot(host).to_ascii_lowercase();
        if let Some(address) = host.strip_prefix('[') {
            let address = address.split(['%', ']']).next().unwrap_or_default();
            return address.parse::<Ipv6Addr>().is_ok();
        }
        !host.is_empty() && !host.contains('.')
            || host.parse::<Ipv4Addr>().is_ok()
            || SAFE.iter().any(|pattern| matches(pattern, &host))
            || self.patterns.iter().any(|pattern| matches(pattern, &host))
    }
}

/// A dot at the end says that a name is complete; it means the same without.
pub(super) fn without_dot(host: &str) -> &str {
    host.strip_suffix('.').unwrap_or(host)
}

fn matches(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix('*') {
        Some(end) => host.len() > end.len() && host.ends_with(end),
        None => {
            let mut labels = host.split('.');
            pattern.split('.').all(|p| labels.next().is_some_and(|label| p == label || p == "*" && !label.is_empty()))
                && labels.next().is_none()
        }
    }
}

/// Host and port of a `Host` header; `None` if it is not one that a URL could be built from.
pub(super) fn split_host(text: &str) -> Option<(&str, Option<&str>)> {
    let end = if text.starts_with('[') { text.find(']')? + 1 } else { text.find(':').unwrap_or(text.len()) };
    let (host, port) = text.split_at(end);
    let inside = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let allowed: &[u8] = if inside.is_some() { b":.%" } else { b"-._" };
    let name = inside.unwrap_or(host);
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || allowed.contains(&b)) {
        return None;
    }
    match port.strip_prefix(':') {
        None if port.is_empty() => Some((host, None)),
        Some("") => Some((host, None)),
        Some(digits) if digits.len() <= 5 && digits.bytes().all(|b| b.is_ascii_digit()) => Some((host, Some(digits))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_added_one_by_one_or_all_below_one() {
        let hosts = Hosts::parse(["", " Kew.Example.com ", "*.queues.example"]).unwrap();
        for host in ["kew.example.com", "KEW.example.COM.", "a.queues.example", "a.b.queues.example"] {
            assert!(hosts.allow(host) && !Hosts::none().allow(host), "{host}");
        }
        for host in
            ["example.com", "a.kew.example.com", "kew.example.com.evil.example", "queues.example", "xkew.example.com"]
        {
            assert!(!hosts.allow(host), "{host}");
        }
    }

    #[test]
    fn the_host_of_the_external_url_is_one() {
        for url in ["https://queues.example/base", "http://Queues.Example:9324", "http://me@queues.example"] {
            assert!(Hosts::none().with_url(url).allow("queues.example"), "{url}");
        }
        assert!(!Hosts::none().with_url("http://queues.example").allow("evil.example"));
        let filled_in = Hosts::none().with_url("https://sqs.{region}.example/{account}");
        assert!(filled_in.allow("sqs.eu-west-1.example") && !filled_in.allow("sqs.a.b.example"));
    }
}
