//! A request to the control API: who may use it, and its answer in HTTP.

use super::answer::{Answer, AnswerBody, Answering, REQUEST_ID};
use super::context::{RequestContext, RequestId, text};
use super::service::Service;
use super::sqs::base_url;
use crate::control::{self, Access, Content, Incoming, Method, Reply};
use bytes::Bytes;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};

const KEW_API: HeaderName = HeaderName::from_static("kew-api");

/// Answers what is under `/_kew`.
pub(super) fn answer<'a>(service: &'a Service, context: &'a RequestContext<'a>, body: Bytes) -> Answering<'a> {
    let uri = &context.parts.uri;
    let path = uri.path().strip_prefix("/_kew").unwrap_or_default();
    Box::pin(answer_at(service, context, path, uri.query().unwrap_or_default(), body))
}

/// Answers LocalStack's reset, which takes nothing, as that of the default space.
pub(super) fn localstack_reset<'a>(service: &'a Service, context: &'a RequestContext<'a>, _: Bytes) -> Answering<'a> {
    Box::pin(answer_at(service, context, "/reset", "", Bytes::new()))
}

async fn answer_at(service: &Service, context: &RequestContext<'_>, path: &str, query: &str, body: Bytes) -> Answer {
    let wants_text = text(context.headers.accept).is_some_and(|accept| accept.trim_start().starts_with("text/plain"));
    let reply = match admit(service, context) {
        Ok(method) => {
            let external_url = service.options().external_url.as_deref();
            let base_url = base_url(external_url, &context.headers, &context.connection);
            let incoming = Incoming {
                method,
                path,
                query,
                text: wants_text,
                last_event_id: text(context.parts.headers.get("last-event-id")),
                peer: context.connection.peer,
                presence: context.connection.presence,
                base_url: &base_url,
                credentials: service.known_credentials(),
                body,
            };
            control::answer(service.control(), &incoming).await
        }
        Err(reply) => reply,
    };
    in_http(reply, wants_text, context)
}

/// Whether the request may use test control at all.
///
/// # Errors
/// What is wrong, and what to do about it.
pub(super) fn check_access(
    service: &Service,
    context: &RequestContext<'_>,
) -> Result<(), (&'static str, &'static str)> {
    match service.control().access() {
        Access::On => Ok(()),
        Access::Off => Err(("the control API is off", "start kew with --control on")),
        Access::Token(token) => {
            let given = text(context.headers.authorization).and_then(|given| given.strip_prefix("Bearer "));
            let hint = "send the header `Authorization: Bearer TOKEN` with the token that kew printed at its start";
            let is_right = given.is_some_and(|given| token.is(given.trim()));
            if is_right { Ok(()) } else { Err(("the control API wants a token", hint)) }
        }
    }
}

/// Whether the request may go on.
fn admit(service: &Service, context: &RequestContext<'_>) -> Result<Method, Reply> {
    let refused = |status, error: &str, hint: &str| Err(control::Refusal::new(status, error, hint).reply());
    if let Err((error, hint)) = check_access(service, context) {
        return refused(403, error, hint);
    }
    let method = match context.parts.method {
        hyper::Method::GET | hyper::Method::HEAD => Method::Get,
        hyper::Method::PUT => Method::Put,
        hyper::Method::POST => Method::Post,
        hyper::Method::DELETE => Method::Delete,
        _ => return refused(400, "the control API knows GET, PUT, POST and DELETE", ""),
    };
    if method != Method::Get && comes_of_browser(context) && !is_json(context) {
        let hint =
            "send the header `Content-Type: application/json`, for which a browser asks before it sends it for a page";
        return refused(400, "a browser has to say that it sends JSON", hint);
    }
    Ok(method)
}

/// Whether a browser may have sent the request. Programs and curl need not say what they send: `curl -d` calls all a form.
fn comes_of_browser(context: &RequestContext<'_>) -> bool {
    let fetch = |name: &HeaderName| name.as_str().starts_with("sec-fetch-");
    context.headers.is_of_browser() || context.parts.headers.keys().any(fetch)
}

fn is_json(context: &RequestContext<'_>) -> bool {
    let essence = text(context.headers.content_type).and_then(|value| value.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

fn in_http(reply: Reply, wants_text: bool, context: &RequestContext<'_>) -> Answer {
    let Reply { status, json, text, content } = reply;
    let (content_type, body) = match (content, text) {
        (Some(Content::Bytes(content_type, bytes)), _) => (content_type, AnswerBody::whole(bytes)),
        (Some(Content::Stream(content_type, pieces)), _) => (content_type, AnswerBody::Stream(pieces)),
        (None, Some(text)) if wants_text => ("text/plain; charset=utf-8", AnswerBody::whole(text)),
        (None, _) => ("application/json", AnswerBody::whole(format!("{json}\n"))),
    };
    let mut answer = Response::new(body);
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(KEW_API, HeaderValue::from_static("1"));
    if let Ok(id) = HeaderValue::from_str(context.request_id.text(&mut { RequestId::ROOM })) {
        headers.insert(REQUEST_ID, id);
    }
    answer
}
