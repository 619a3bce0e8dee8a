//! Which web pages may use the server: none, unless their origin was allowed.
//!
//! A form on any page can POST to a server on the same machine or network without asking, an image can GET, and so
//! could delete its queues. SDKs and command lines are told from browsers by what browsers cannot leave out:
//!
//! - `Origin`, `Sec-Fetch-Site` and `Referer` say for whom a browser acts. They must name an allowed origin or the
//!   server itself.
//! - The server itself is only what has one of its own names (`host.rs`): a page whose name points at this machine
//!   looks like it. A GET of such a page has no sign of a browser at all, so each GET must come by a name of the
//!   server's own.
//! - A GET for a foreign page may have no such header either, where the page asks for none and the server is neither on
//!   this machine nor behind TLS. What calls itself Mozilla must therefore show that it acts for the server's own page
//!   or for a person.

use super::answer::{Answer, AnswerBody};
use super::context::{RequestContext, text};
use super::host::{split_host, without_dot};
use super::routes::Access;
use crate::config::{Hosts, Origins};
use bytes::Bytes;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Response, StatusCode};

/// Whether a request acts for a web page, and whether that page may use the server.
pub(super) enum Verdict {
    /// A program, a person who typed the address, or a page of the server's own.
    NoPage,
    /// A page that may use the server; its origin.
    Allowed(HeaderValue),
    /// A browser's preflight request for a page that may use the server, and its answer.
    Preflight(Answer),
    /// The request is refused, and why; a person finds this in the browser's developer tools.
    Refused(String),
}

const REQUEST_PRIVATE_NETWORK: HeaderName = HeaderName::from_static("access-control-request-private-network");
const ALLOW_PRIVATE_NETWORK: HeaderName = HeaderName::from_static("access-control-allow-private-network");

/// Bytes of a foreign name or origin that a refusal repeats. A name has 253 at most.
const SHOWN_BYTES_MAX: usize = 300;

/// Headers of answers that a page may read beside the usual ones.
const EXPOSED: &str = "x-amzn-requestid, x-amzn-query-error, smithy-protocol, date, content-length";

impl Origins {
    /// Judges a request by its head, and by what the route shows that it asks for.
    pub(super) fn judge(&self, hosts: &Hosts, context: &RequestContext<'_>, access: Access) -> Verdict {
        let (parts, headers) = (context.parts, &context.headers);
        let origin = headers.origin.cloned().or_else(|| text(headers.referer).and_then(origin_of));
        if let Some(origin) = origin.clone().filter(|origin| origin.to_str().is_ok_and(|origin| self.allows(origin))) {
            let asks =
                parts.method == Method::OPTIONS && parts.headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
            return if asks { Verdict::Preflight(preflight(&parts.headers, origin)) } else { Verdict::Allowed(origin) };
        }
        let host = headers.host().and_then(split_host).map(|(host, _)| host);
        // A browser always says a host.
        if headers.has_host() && !host.is_some_and(|host| hosts.allow(host)) {
            return Verdict::Refused(foreign_host(host));
        }
        if self.allows_all() {
            return Verdict::NoPage;
        }
        let site = headers.sec_fetch_site.map(HeaderValue::as_bytes);
        let has_source = headers.origin.is_some() || headers.referer.is_some();
        let own = match (&origin, site) {
            (_, Some(site)) if site != b"none" && site != b"same-origin" => false,
            (Some(origin), _) => is_own(origin, headers.host()),
            (None, _) if has_source => false,
            (None, Some(_)) => true,
            (None, None) if headers.is_blind_browser() && access != Access::Open => {
                return Verdict::Refused(BLIND.to_owned());
            }
            (None, None) => true,
        };
        if own { Verdict::NoPage } else { Verdict::Refused(foreign_origin(origin.as_ref(), access)) }
    }
}

/// The refusal of a browser that does not say for whom it asks.
const BLIND: &str =
    "A browser asked, and nothing shows that no web page made it do so. Ask with a program, or by the name localhost.";

fn foreign_host(host: Option<&str>) -> String {
    let name = host.map(without_dot).filter(|name| name.len() <= SHOWN_BYTES_MAX).map(str::to_ascii_lowercase);
    let name = name.as_deref().unwrap_or("NAME");
    format!("A web page may have led a browser here by this Host. Start kew with --allow-host {name} to allow it.")
}

fn foreign_origin(origin: Option<&HeaderValue>, access: Access) -> String {
    let origin = origin.and_then(|origin| origin.to_str().ok()).filter(|origin| {
        origin.contains("://") && origin.len() <= SHOWN_BYTES_MAX && Origins::parse([*origin]).is_ok()
    });
    let origin = origin.unwrap_or("ORIGIN");
    let flag = if access == Access::Control { "--cors-control" } else { "--cors" };
    format!("A web page asked, and its origin is not allowed. Start kew with {flag} {origin} to allow it.")
}

/// Whether an origin is the server itself, as the client calls it. A proxy before it may have ended TLS.
fn is_own(origin: &HeaderValue, host: Option<&str>) -> bool {
    let authority = origin.to_str().ok().and_then(|o| o.strip_prefix("http://").or_else(|| o.strip_prefix("https://")));
    authority.zip(host).is_some_and(|(authority, host)| !host.is_empty() && authority.eq_ignore_ascii_case(host))
}

/// The origin of a page's address.
fn origin_of(address: &str) -> Option<HeaderValue> {
    let (scheme, rest) = address.split_once("://")?;
    let host = rest.split(['/', '?', '#']).next()?;
    HeaderValue::try_from(format!("{scheme}://{host}")).ok()
}

fn preflight(asked: &HeaderMap, origin: HeaderValue) -> Answer {
    let mut answer = Response::new(AnswerBody::whole(Bytes::new()));
    *answer.status_mut() = StatusCode::NO_CONTENT;
    let headers = answer.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, PUT, DELETE, OPTIONS"));
    if let Some(wanted) = asked.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
    }
    if asked.contains_key(REQUEST_PRIVATE_NETWORK) {
        headers.insert(ALLOW_PRIVATE_NETWORK, HeaderValue::from_static("true"));
    }
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    expose(&mut answer, origin);
    answer
}

/// Lets a page read an answer.
pub(super) fn expose(answer: &mut Answer, origin: HeaderValue) {
    let headers = answer.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    headers.insert(header::VARY, HeaderValue::from_static("Origin"));
}

#[cfg(test)]
mod tests {
    use super::super::context::ConnectionInfo;
    use super::super::identity::Identity;
    use super::*;
    use hyper::Request;

    const OWN: (&str, &str) = ("host", "kew:9324");

    fn verdict(allowed: &[&str], method: Method, pairs: &[(&'static str, &str)]) -> &'static str {
        let mut request = Request::builder().method(method).uri("/?Action=ListQueues");
        for (name, value) in pairs {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let origins = Origins::parse(allowed.iter().copied()).unwrap();
        let identity = Identity::default();
        let connection = ConnectionInfo {
            peer: None,
            port: 9324,
            presence: None,
            served: None,
            identity: &identity,
            secure: false,
            waited_ms: None,
        };
        let context = RequestContext::new(&parts, connection);
        match origins.judge(&Hosts::none(), &context, Access::Guarded) {
            Verdict::NoPage => "no page",
            Verdict::Allowed(_) => "allowed",
            Verdict::Preflight(_) => "preflight",
            Verdict::Refused(text) if text.contains("--allow-host") => "refused by host",
            Verdict::Refused(_) => "refused",
        }
    }

    #[test]
    fn a_page_may_only_if_its_origin_is_allowed() {
        let page = [("origin", "http://evil.example")];
        assert_eq!(verdict(&[], Method::POST, &[]), "no page");
        assert_eq!(verdict(&[], Method::POST, &page), "refused");
        assert_eq!(verdict(&["http://good.example"], Method::POST, &page), "refused");
        assert_eq!(verdict(&["http://EVIL.example/"], Method::POST, &page), "allowed");
        assert_eq!(verdict(&["*"], Method::POST, &page), "allowed");
        assert_eq!(verdict(&[], Method::POST, &[("origin", "null")]), "refused");
    }

    #[test]
    fn a_page_that_hides_its_origin_is_a_page() {
        assert_eq!(verdict(&[], Method::GET, &[("sec-fetch-site", "cross-site")]), "refused");
        assert_eq!(verdict(&[], Method::GET, &[("referer", "http://evil.example/x")]), "refused");
        assert_eq!(verdict(&["http://a.example"], Method::GET, &[("referer", "http://a.example/x")]), "allowed");
        assert_eq!(verdict(&[], Method::GET, &[("sec-fetch-site", "none")]), "no page");
        assert_eq!(verdict(&[], Method::GET, &[("user-agent", "Mozilla/5.0")]), "refused");
        assert_eq!(verdict(&["*"], Method::GET, &[("user-agent", "Mozilla/5.0")]), "no page");
    }

    #[test]
    fn the_servers_own_page_is_told_by_host_and_origin_together() {
        for origin in ["http://kew:9324", "https://KEW:9324"] {
            assert_eq!(verdict(&[], Method::POST, &[OWN, ("origin", origin)]), "no page", "{origin}");
        }
        for origin in ["http://kew", "http://kew:9325", "ftp://kew:9324", "kew:9324", "http://kew:9324/"] {
            assert_eq!(verdict(&[], Method::POST, &[OWN, ("origin", origin)]), "refused", "{origin}");
        }
        let rebound = [("host", "evil.example"), ("origin", "http://evil.example")];
        assert_eq!(verdict(&[], Method::POST, &rebound), "refused by host");
        assert_eq!(verdict(&["*"], Method::POST, &rebound), "allowed");
        assert_eq!(verdict(&["*"], Method::GET, &rebound[..1]), "refused by host");
    }

    #[test]
    fn a_preflight_is_answered_for_allowed_pages_only() {
        let asks = [("origin", "http://a.example"), ("access-control-request-method", "POST")];
        assert_eq!(verdict(&["http://a.example"], Method::OPTIONS, &asks), "preflight");
        assert_eq!(verdict(&[], Method::OPTIONS, &asks), "refused");
    }
}
