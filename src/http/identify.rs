//! Who signed a request: asked for only where credentials are configured.

use super::context::RequestContext;
use super::service::Service;
use crate::api::region_of_host;
use crate::auth::{self, Credentials, HttpRequest, Identity, Scope};
use crate::config::NamespaceMode;
use crate::error::Error;

/// The service that a signature has to be for.
const SERVICE: &str = "sqs";

/// Finds out who signed a request, which is a right one of SQS or not.
///
/// # Errors
/// What the client is told.
#[inline(never)]
pub(super) fn identify(
    service: &Service,
    credentials: &Credentials,
    context: &RequestContext<'_>,
    is_right: bool,
    body: &[u8],
) -> Result<Identity, Error> {
    let parts = context.parts;
    let headers: Vec<(&str, &[u8])> =
        parts.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    let request = HttpRequest {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query: parts.uri.query(),
        headers: &headers,
        body,
    };
    let broker = service.broker();
    // Where regions are merged every name of the server is for all of them.
    let separate = broker.options().namespace == NamespaceMode::Aws;
    let region = context.headers.host().filter(|_| separate).and_then(region_of_host);
    let scope = Scope { region, service: SERVICE };
    match auth::identify(credentials, &request, scope, broker.clock().real_now().as_seconds())? {
        // Recorded for the newer protocol; the older one's documentation has MissingAuthenticationToken, which was never seen.
        // Only the policy of a queue may let in who signed nothing.
        Identity::Anonymous if !is_right || service.control().home().shared().enforcement.is_none() => {
            let host = context.headers.host().unwrap_or_default();
            Err(auth::not_signed(host).with_detail("the request is not signed"))
        }
        identity => Ok(identity),
    }
}
