//! What health checks ask for: whether the server runs.

use super::answer::{Answering, fixed};
use super::context::RequestContext;
use super::service::Service;
use bytes::Bytes;
use std::future::ready;

/// What health checks of LocalStack's users look for.
const LOCALSTACK: &str =
    concat!(r#"{"services":{"sqs":"running"},"edition":"kew","version":""#, env!("CARGO_PKG_VERSION"), r#""}"#);

/// `/`: for a person who looks whether it is there.
pub(super) fn greeting<'a>(_: &'a Service, _: &'a RequestContext<'a>, _: Bytes) -> Answering<'a> {
    Box::pin(ready(fixed("text/plain", "kew is running.\n")))
}

/// `/health`.
pub(super) fn health<'a>(_: &'a Service, _: &'a RequestContext<'a>, _: Bytes) -> Answering<'a> {
    Box::pin(ready(fixed("text/plain", "ok\n")))
}

/// `/_localstack/health`.
pub(super) fn localstack<'a>(_: &'a Service, _: &'a RequestContext<'a>, _: Bytes) -> Answering<'a> {
    Box::pin(ready(fixed("application/json", LOCALSTACK)))
}
