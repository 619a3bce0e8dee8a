//! What health checks ask for: whether the server runs.

use super::answer::{AnswerBody, Answering, fixed};
use super::context::RequestContext;
use super::service::Service;
use bytes::Bytes;
use hyper::StatusCode;
use std::future::ready;

/// What health checks of LocalStack's users look for.
const LOCALSTACK: &str =
    concat!(r#"{"services":{"sqs":"running"},"edition":"kew","version":""#, env!("CARGO_PKG_VERSION"), r#""}"#);

/// The path at which LocalStack tells of scripts, behind which there may be `/<stage>`.
pub(super) const INIT_PATH: &str = "/_localstack/init";

/// `/`: for a person who looks whether it is there.
pub(super) fn greeting<'a>(_: &'a Service, _: &'a RequestContext<'a>, _: Bytes) -> Answering<'a> {
    Box::pin(ready(fixed("text/plain", "kew is running.\n")))
}

/// `/health`.
pub(super) fn health<'a>(service: &'a Service, _: &'a RequestContext<'a>, _: Bytes) -> Answering<'a> {
    let why = match service.node() {
        _ if !service.broker().is_well() => "the store does not answer\n",
        #[cfg(feature = "postgres")]
        Some(node) if !node.has_lease() => "the database has acknowledged no beat of this node for a while\n",
        #[cfg(feature = "postgres")]
        Some(node) if node.is_draining() => "this node is about to stop\n",
        _ => return Box::pin(ready(fixed("text/plain", "ok\n"))),
    };
    let mut answer = fixed("text/plain", why);
    *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    Box::pin(ready(answer))
}

/// `/_localstack/health`.
pub(super) fn localstack<'a>(_: &'a Service, _: &'a RequestContext<'a>, _: Bytes) -> Answering<'a> {
    Box::pin(ready(fixed("application/json", LOCALSTACK)))
}

/// `/_localstack/init`, and `/_localstack/init/<stage>`.
pub(super) fn init<'a>(service: &'a Service, context: &'a RequestContext<'a>, _: Bytes) -> Answering<'a> {
    let stage = context.parts.uri.path().trim_start_matches(INIT_PATH).trim_matches('/');
    let found = service.init_scripts().answer(Some(stage).filter(|stage| !stage.is_empty()));
    let mut answer =
        fixed("application/json", r#"{"error":"no such stage; there are boot, start, ready and shutdown"}"#);
    match found {
        Some(found) => *answer.body_mut() = AnswerBody::whole(found.to_string()),
        None => *answer.status_mut() = StatusCode::NOT_FOUND,
    }
    Box::pin(ready(answer))
}
