//! The files of the web console, and what a browser is told with them: that they use nothing but this server.

use super::answer::{Answer, AnswerBody, Answering, fixed};
use super::context::{RequestContext, text};
use super::health;
use super::service::Service;
use crate::control::Access;
use crate::ui::{self, Asset};
use bytes::Bytes;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use std::future::ready;

/// The page of the console; its other files stand behind it.
pub(super) const PATH: &str = "/_kew/ui/";

/// No script and no style but the console's own files, no other server, no frame around it, and no markup made from text.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// Headers of every answer. A page of the server's own must be known by its `Referer` where browsers send no `Sec-Fetch-Site`,
/// which they do for `localhost` and TLS only; other servers are never sent one.
const HEADERS: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

/// `/`: a browser is led to the console; all others are told that kew runs.
pub(super) fn greeting<'a>(service: &'a Service, context: &'a RequestContext<'a>, body: Bytes) -> Answering<'a> {
    let wants_page = text(context.headers.accept).is_some_and(|accept| accept.contains("text/html"));
    if wants_page && is_on(service) { moved(service, context, body) } else { health::greeting(service, context, body) }
}

/// `/_kew/ui`, and what else leads to the page.
pub(super) fn moved<'a>(_: &'a Service, _: &'a RequestContext<'a>, _: Bytes) -> Answering<'a> {
    let mut answer = Response::new(AnswerBody::whole(Bytes::new()));
    *answer.status_mut() = StatusCode::FOUND;
    answer.headers_mut().insert(header::LOCATION, HeaderValue::from_static(PATH));
    answer.headers_mut().insert(header::VARY, HeaderValue::from_static("Accept"));
    Box::pin(ready(answer))
}

/// A file of the console. Whoever wants to know something by it needs the control API, and its token if there is one.
pub(super) fn answer<'a>(service: &'a Service, context: &'a RequestContext<'a>, _: Bytes) -> Answering<'a> {
    let path = context.parts.uri.path().strip_prefix(PATH).unwrap_or_default();
    let answer = match ui::find(path) {
        _ if !is_on(service) => {
            refused(StatusCode::FORBIDDEN, "The control API is off; start kew with --control on.\n")
        }
        None => refused(StatusCode::NOT_FOUND, "The console has no such file.\n"),
        Some(asset) => of_asset(asset, context),
    };
    Box::pin(ready(answer))
}

fn is_on(service: &Service) -> bool {
    !matches!(service.control().access(), Access::Off)
}

fn refused(status: StatusCode, text: &'static str) -> Answer {
    let mut answer = fixed("text/plain; charset=utf-8", text);
    *answer.status_mut() = status;
    answer
}

/// A file, or only that it has not changed.
fn of_asset(asset: &'static Asset, context: &RequestContext<'_>) -> Answer {
    let known = text(context.parts.headers.get(header::IF_NONE_MATCH));
    let is_known = known.is_some_and(|known| known.split(',').any(|etag| etag.trim() == asset.etag));
    let mut answer = fixed(asset.content_type, if is_known { "" } else { asset.text });
    if is_known {
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = answer.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(etag) = HeaderValue::from_str(&asset.etag) {
        headers.insert(header::ETAG, etag);
    }
    headers.extend(HEADERS.map(|(name, value)| (name, HeaderValue::from_static(value))));
    answer
}
