//! What a request's head says, as far as it matters to the front door.

use crate::wire::{Head, Method};
use hyper::header::HeaderValue;
use hyper::http::request::Parts;

/// A request's head. Its headers are gone through once: to look up each would take a hash of its name.
#[derive(Default)]
pub(super) struct Headers<'a> {
    pub(super) accept: Option<&'a HeaderValue>,
    pub(super) authorization: Option<&'a HeaderValue>,
    pub(super) content_type: Option<&'a HeaderValue>,
    pub(super) forwarded_proto: Option<&'a HeaderValue>,
    pub(super) origin: Option<&'a HeaderValue>,
    pub(super) referer: Option<&'a HeaderValue>,
    pub(super) sec_fetch_site: Option<&'a HeaderValue>,
    pub(super) target: Option<&'a HeaderValue>,
    pub(super) trace_id: Option<&'a HeaderValue>,
    user_agent: Option<&'a HeaderValue>,
    host: Option<&'a HeaderValue>,
    /// The host of a request target in absolute form.
    authority: Option<&'a str>,
    /// Whether `Host` is there more than once.
    pub(super) hosts_differ: bool,
    /// Whether a body follows.
    pub(super) body: bool,
    /// Bytes of all names and values.
    pub(super) bytes: usize,
}

impl<'a> Headers<'a> {
    pub(super) fn read(parts: &'a Parts) -> Headers<'a> {
        let authority = parts.uri.authority().map(|authority| authority.as_str());
        let mut found = Headers { authority, ..Headers::default() };
        for (name, value) in &parts.headers {
            found.bytes += name.as_str().len() + value.len();
            let place = match name.as_str() {
                "accept" => &mut found.accept,
                "authorization" => &mut found.authorization,
                "content-type" => &mut found.content_type,
                "host" => {
                    found.hosts_differ |= found.host.is_some();
                    &mut found.host
                }
                "origin" => &mut found.origin,
                "referer" => &mut found.referer,
                "sec-fetch-site" => &mut found.sec_fetch_site,
                "user-agent" => &mut found.user_agent,
                "x-amz-target" => &mut found.target,
                "x-amzn-trace-id" => &mut found.trace_id,
                "x-forwarded-proto" => &mut found.forwarded_proto,
                "content-length" => {
                    found.body |= value.as_bytes() != b"0";
                    continue;
                }
                "transfer-encoding" => {
                    found.body = true;
                    continue;
                }
                _ => continue,
            };
            // Of several the first counts.
            place.get_or_insert(value);
        }
        found
    }

    /// What the client calls this server, with the port if it says one. RFC 9112 3.2.2: the host of a request target in
    /// absolute form counts, and `Host` is then ignored.
    pub(super) fn host(&self) -> Option<&'a str> {
        self.authority.or_else(|| text(self.host))
    }

    /// Whether it says by what name the server was called, understandable or not.
    pub(super) fn has_host(&self) -> bool {
        self.authority.is_some() || self.host.is_some()
    }

    /// Whether this comes from a browser, all of which call themselves Mozilla, and could have been caused by any page.
    /// Programs do so too (Celery's HTTP client); but a signature in `Authorization` is more than a page can make a
    /// browser send elsewhere without being asked first, in a request with an `Origin`.
    pub(super) fn is_blind_browser(&self) -> bool {
        let begins = |value: Option<&HeaderValue>, with: &[u8]| value.is_some_and(|v| v.as_bytes().starts_with(with));
        begins(self.user_agent, b"Mozilla/") && !begins(self.authorization, b"AWS")
    }

    /// Whether a browser may have sent this for a page.
    pub(super) fn is_of_browser(&self) -> bool {
        self.origin.is_some() || self.referer.is_some() || self.sec_fetch_site.is_some() || self.is_blind_browser()
    }

    /// What of it matters to the protocols.
    pub(super) fn head(&self, parts: &'a Parts) -> Head<'a> {
        Head {
            method: match parts.method {
                hyper::Method::GET => Method::Get,
                hyper::Method::POST => Method::Post,
                _ => Method::Other,
            },
            path: parts.uri.path(),
            query: parts.uri.query(),
            content_type: text(self.content_type),
            target: text(self.target),
            accept: text(self.accept),
            authorization: text(self.authorization),
        }
    }
}

/// The text of a header; none if it is not UTF-8.
pub(super) fn text(value: Option<&HeaderValue>) -> Option<&str> {
    value.and_then(|value| std::str::from_utf8(value.as_bytes()).ok())
}
