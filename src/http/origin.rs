//! Which web pages may use the server.
//!
//! A form on any page can POST to a server on the same machine without asking, and so could delete its queues. A browser says
//! that it acts for a page, in `Origin`, `Sec-Fetch-Site` or `Referer`; SDKs and command lines send none of these. Such
//! requests are refused unless the page's origin was allowed. There is no exception for the server's own origin: it serves no
//! pages, and a foreign name that resolves to this machine would look like it.

use super::Answer;
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Response, StatusCode};

/// The origins that may.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins {
    any: bool,
    list: Vec<String>,
}

/// Whether a request acts for a page, and whether it may.
pub(super) enum Verdict {
    /// No browser, or a person who typed the address.
    NoPage,
    /// A page that may; its origin.
    Allowed(HeaderValue),
    /// The question before a request, with its answer.
    Preflight(Answer),
    /// A page that may not.
    Refused,
}

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const REQUEST_PRIVATE_NETWORK: HeaderName = HeaderName::from_static("access-control-request-private-network");
const ALLOW_PRIVATE_NETWORK: HeaderName = HeaderName::from_static("access-control-allow-private-network");

/// What a page that may not is told; a person finds it in the browser's developer tools.
pub(super) const REFUSAL: &str =
    "A web page asked, and its origin is not allowed. Start kew with --cors ORIGIN to allow it.";

/// Headers of answers that a page may read beside the usual ones.
const EXPOSED: &str = "x-amzn-requestid, x-amzn-query-error, date, content-length";

impl Origins {
    /// No page may.
    pub fn none() -> Origins {
        Origins::default()
    }

    /// Reads a list: origins such as `http://localhost:3000`, or `*` for every page.
    ///
    /// # Errors
    /// The entry that is neither.
    pub fn parse<'a>(entries: impl IntoIterator<Item = &'a str>) -> Result<Origins, String> {
        let mut origins = Origins::none();
        for entry in entries.into_iter().map(str::trim).filter(|entry| !entry.is_empty()) {
            let host = entry.split_once("://").map(|(_, host)| host.trim_end_matches('/'));
            match (entry, host) {
                ("*", _) => origins.any = true,
                (_, Some(host)) if !host.is_empty() && !host.contains('/') => {
                    origins.list.push(entry.trim_end_matches('/').to_ascii_lowercase());
                }
                _ => return Err(entry.to_owned()),
            }
        }
        Ok(origins)
    }

    fn allow(&self, origin: &str) -> bool {
        self.any || self.list.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin))
    }

    pub(super) fn check(&self, method: &Method, headers: &HeaderMap) -> Verdict {
        let origin = match headers.get(header::ORIGIN) {
            Some(origin) => Some(origin.clone()),
            None => {
                let site = headers.get(SEC_FETCH_SITE).map(HeaderValue::as_bytes);
                match (site, headers.get(header::REFERER)) {
                    (None | Some(b"none"), None) => return Verdict::NoPage,
                    (_, referer) => referer.and_then(|r| r.to_str().ok()).and_then(origin_of),
                }
            }
        };
        let may = match origin.as_ref().and_then(|origin| origin.to_str().ok()) {
            Some(origin) => self.allow(origin),
            None => self.any,
        };
        let asks = *method == Method::OPTIONS && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        match origin {
            _ if !may => Verdict::Refused,
            Some(origin) if asks => Verdict::Preflight(preflight(headers, origin)),
            Some(origin) => Verdict::Allowed(origin),
            None => Verdict::NoPage,
        }
    }
}

/// The origin of a page's address.
fn origin_of(address: &str) -> Option<HeaderValue> {
    let (scheme, rest) = address.split_once("://")?;
    let host = rest.split(['/', '?', '#']).next()?;
    HeaderValue::try_from(format!("{scheme}://{host}")).ok()
}

fn preflight(asked: &HeaderMap, origin: HeaderValue) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::new()));
    *answer.status_mut() = StatusCode::NO_CONTENT;
    let headers = answer.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, OPTIONS"));
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
    use super::*;

    fn verdict(allowed: &[&str], method: Method, pairs: &[(&'static str, &str)]) -> &'static str {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, HeaderValue::from_str(value).unwrap());
        }
        match Origins::parse(allowed.iter().copied()).unwrap().check(&method, &headers) {
            Verdict::NoPage => "no page",
            Verdict::Allowed(_) => "allowed",
            Verdict::Preflight(_) => "preflight",
            Verdict::Refused => "refused",
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
        assert_eq!(verdict(&[], Method::GET, &[("sec-fetch-site", "same-origin")]), "refused");
        assert_eq!(verdict(&[], Method::GET, &[("referer", "http://evil.example/x")]), "refused");
        assert_eq!(verdict(&["http://a.example"], Method::GET, &[("referer", "http://a.example/x")]), "allowed");
        assert_eq!(verdict(&[], Method::GET, &[("sec-fetch-site", "none")]), "no page");
    }

    #[test]
    fn a_preflight_is_answered_for_allowed_pages_only() {
        let asks = [("origin", "http://a.example"), ("access-control-request-method", "POST")];
        assert_eq!(verdict(&["http://a.example"], Method::OPTIONS, &asks), "preflight");
        assert_eq!(verdict(&[], Method::OPTIONS, &asks), "refused");
    }

    #[test]
    fn a_list_of_origins_is_checked() {
        assert!(Origins::parse(["localhost:3000"]).is_err());
        assert!(Origins::parse(["http://a/b"]).is_err());
        assert!(Origins::parse(["", " http://a "]).is_ok());
    }
}
