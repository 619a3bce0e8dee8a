//! Who signed a request: asked for only where credentials are configured.

use super::context::RequestContext;
use super::service::Service;
use crate::api::region_of_host;
use crate::auth::{self, Credentials, HttpRequest, Identity, Scope};
use crate::config::NamespaceMode;
use crate::error::{Error, ErrorKind};
use crate::wire::{Call, Protocol, Rejection};

/// The service that a signature has to be for.
const SERVICE: &str = "sqs";

/// Finds out who signed a request. None if the request is not one of SQS at all, for which there is one answer.
///
/// # Errors
/// What the client is told, in its protocol.
pub(super) fn identify(
    service: &Service,
    credentials: &Credentials,
    context: &RequestContext<'_>,
    decoded: &Result<Call<'_>, Rejection>,
    body: &[u8],
) -> Result<Option<Identity>, (Protocol, Error)> {
    let protocol = match decoded {
        Ok(call) => call.protocol,
        Err(Rejection::Error { protocol, .. }) => *protocol,
        Err(Rejection::NotFound) => return Ok(None),
    };
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
    let identity = auth::identify(credentials, &request, scope, broker.clock().real_now().as_seconds());
    match identity.map_err(|error| (protocol, error))? {
        // Recorded for the newer protocol; the older one's documentation has MissingAuthenticationToken, which was never seen.
        // Only the policy of a queue may let in who signed nothing.
        Identity::Anonymous if decoded.is_err() || service.control().home().shared().enforcement.is_none() => {
            Err((protocol, not_signed(context)))
        }
        identity => Ok(Some(identity)),
    }
}

/// Nobody signed the request, and no policy lets anybody in.
pub(super) fn not_signed(context: &RequestContext<'_>) -> Error {
    let host = context.headers.host().unwrap_or_default();
    let text = format!("Access to the resource https://{host}/ is denied.");
    Error::new(ErrorKind::AccessDenied, text).with_detail("the request is not signed")
}
