//! A request to SQS: decoded, carried out by the 23 actions, and its answer encoded.

use super::answer::{self, AfterAnswer, Answer};
use super::context::{ConnectionInfo, KnownHeaders, RequestContext, RequestId, text};
#[cfg(feature = "postgres")]
use super::elsewhere::{self, Carried, Work};
use super::host::split_host;
use super::identify::identify;
use super::service::Service;
use crate::actions::{Caller, Fate, Origin, Presence};
#[cfg(feature = "postgres")]
use crate::api::Response;
use crate::api::{Operation, is_account_id, region_of_host};
use crate::auth::Identity;
use crate::broker::By;
#[cfg(feature = "postgres")]
use crate::cluster::link::RECEIVED;
use crate::control::{Access, Serves, Space};
use crate::engine::Time;
use crate::error::{Error, ErrorKind};
use crate::metrics::Metrics;
use crate::wire::{self, Call, Protocol, Rejection};
use bytes::Bytes;
use std::pin::pin;

/// Answers a request with its body.
pub(super) async fn answer(service: &Service, context: &RequestContext<'_>, body: Bytes) -> Answer {
    let mut room = RequestId::ROOM;
    let request_id = context.request_id.text(&mut room);
    let metrics = service.metrics();
    let began_us = metrics.request_begins();
    let head = context.head();
    let mut decoded = wire::decode(&head, &body);
    let asked_for = decoded.as_ref().ok().map(|call| call.operation);
    let mut signer = None;
    if let Some(credentials) = service.known_credentials()
        && let Some(protocol) = protocol_of(&decoded)
    {
        match identify(service, &credentials, context, decoded.is_ok(), &body) {
            Ok(identity) => signer = Some(identity),
            Err(error) => decoded = Err(Rejection::Error { protocol, error }),
        }
    }
    // One of several nodes may have to send it on, or to read it again; else a parked ReceiveMessage must not hold what it was
    // read from.
    let node = service.node().map(|node| (node, body.clone()));
    drop(body);
    let Call { protocol, operation, mut request, credential } = match decoded {
        Ok(call) => call,
        Err(rejection) => return refused(metrics, asked_for, rejection, request_id),
    };
    let (options, headers) = (service.options(), &context.headers);
    // The account that the caller's key stands for, or else one that it names.
    let principal = signer.as_ref().and_then(Identity::principal);
    let named = match principal {
        Some(principal) => Some(&*principal.account),
        None => credential.access_key.as_deref().filter(|key| is_account_id(key)),
    };
    let namespaces = service.control().namespaces();
    let mut chosen = None;
    let by_peer = context.connection.waited_ms;
    if !namespaces.are_unused() && by_peer.is_none() {
        match Box::pin(namespaces.choose(named, context.connection.port)).await {
            Ok(space) => chosen = Some(space),
            Err(error) => {
                metrics.request_ends(Some(operation), Some(error.kind));
                return no_space(context, request_id, protocol, operation, &error);
            }
        }
    }
    let (space, own_port) = match &chosen {
        None => (service.control().home(), false),
        Some(chosen) => (&chosen.space, chosen.by_port),
    };
    let base_url = if operation.answers_urls() {
        // The external URL leads to the default space.
        let external_url = options.external_url.as_deref().filter(|_| !own_port);
        base_url(external_url, headers, &context.connection)
    } else {
        String::new()
    };
    // The region that was signed for, or else the one that the host names.
    let region = credential.region.as_deref().or_else(|| region_of_host(headers.host()?));
    let fate = fate(service, space, headers);
    let account = if own_port { &space.account } else { named.unwrap_or(&options.account) };
    let ConnectionInfo { identity, peer, .. } = context.connection;
    let client = space.history().map_or(0, |history| identity.number(history, headers.user_agent, account, peer));
    let origin = signer.as_ref().map(|_| origin(context));
    let caller = Caller {
        account,
        identity: signer.as_ref(),
        origin: origin.as_ref(),
        region: region.unwrap_or(&options.region),
        base_url: &base_url,
        trace_header: text(headers.trace_id),
        presence: context.connection.presence,
        fate: fate.as_ref(),
        by: By { client, request: context.request_id.number() },
        waited_ms: by_peer.unwrap_or(0),
    };
    // Until it is answered; a connection says itself when that is.
    let _serving = match context.connection.served {
        Some(served) => {
            served.is_for(Serves::Space(space.id));
            None
        }
        None => Some(space.serve()),
    };
    // The log line is made ready only if someone reads it.
    let log = tracing::enabled!(tracing::Level::DEBUG).then(|| {
        let queue = request.queue_url_mut().and_then(|url| url.clone()).unwrap_or_default();
        (queue, space.broker().clock().real_now())
    });
    let outcome = match node.filter(|_| chosen.is_none()) {
        None => pin!(space.actions().execute(&caller, request)).await,
        #[cfg(feature = "postgres")]
        Some((node, body)) => {
            let work = Work { context, body: &body, time: service.time(), actions: space.actions(), caller: &caller };
            match Box::pin(elsewhere::carry_out(node, work, request)).await {
                Carried::Here(outcome) => outcome,
                Carried::ByAnother(answer, error) => {
                    metrics.request_ends(Some(operation), error);
                    return answer;
                }
                Carried::NotForMe(answer) => return answer,
            }
        }
        #[cfg(not(feature = "postgres"))]
        Some((node, _)) => match **node {},
    };
    let error = outcome.as_ref().err().map(|error| error.kind);
    if by_peer.is_none() {
        metrics.request_ends(Some(operation), error);
    }
    // Without a connection it is not known, and a receive may have.
    let may_wait = operation == Operation::ReceiveMessage;
    let has_waited = context.connection.presence.map_or(may_wait, Presence::has_waited);
    if let Some(began_us) = began_us.filter(|_| !has_waited && by_peer.is_none()) {
        metrics.request_took(operation, began_us);
    }
    if let (Err(error), Some(history)) = (&outcome, space.history()) {
        history.record_failure(operation.name(), error, caller.by);
    }
    if let Some((queue, began)) = log {
        log_outcome(space, operation.name(), &queue, began, outcome.as_ref().err());
    }
    #[cfg(feature = "postgres")]
    let received = match &outcome {
        Ok(Response::ReceiveMessage(received)) if by_peer.is_some() && has_waited => elsewhere::named(received),
        _ => None,
    };
    let reply = match outcome {
        Ok(response) => wire::encode(protocol, &response, request_id),
        Err(error) => {
            if error.kind == ErrorKind::InternalFailure && fate.is_none() {
                tracing::error!(action = operation.name(), %error, "internal failure");
            }
            wire::encode_error(protocol, &error, request_id)
        }
    };
    let mut answer = answer::of_reply(reply, request_id, AfterAnswer::KeepAlive);
    #[cfg(feature = "postgres")]
    if let (Some(_), Some(kind)) = (by_peer, error) {
        elsewhere::tell_outcome(&mut answer, kind);
    }
    #[cfg(feature = "postgres")]
    if let Some(received) = received {
        answer.headers_mut().insert(RECEIVED, received);
    }
    if let Some(ending) = fate.and_then(|fate| fate.ending()) {
        answer.extensions_mut().insert(ending);
    }
    answer
}

/// The answer to a request that no space was found for.
#[cold]
fn no_space(
    context: &RequestContext<'_>,
    request_id: &str,
    protocol: Protocol,
    operation: Operation,
    error: &Error,
) -> Answer {
    if let Some(served) = context.connection.served {
        served.is_for(Serves::NoSpace);
    }
    tracing::debug!(action = operation.name(), %error, "request refused");
    answer::of_reply(wire::encode_error(protocol, error, request_id), request_id, AfterAnswer::KeepAlive)
}

/// How to answer; none to what is no request to SQS.
fn protocol_of(decoded: &Result<Call<'_>, Rejection>) -> Option<Protocol> {
    match decoded {
        Ok(call) => Some(call.protocol),
        Err(Rejection::Error { protocol, .. }) => Some(*protocol),
        Err(Rejection::NotFound) => None,
    }
}

/// How a request came in, as policies see it.
fn origin<'a>(context: &RequestContext<'a>) -> Origin<'a> {
    Origin {
        source_ip: context.connection.peer.map(|peer| peer.ip()),
        secure: context.connection.secure,
        host: context.headers.host().unwrap_or_default(),
        user_agent: text(context.headers.user_agent),
        referer: text(context.headers.referer),
    }
}

/// What may become of the answer on purpose, if faults are wanted at all. A request may ask for one only where all that reach
/// the server may use the control API.
fn fate<'a>(service: &Service, space: &Space, headers: &KnownHeaders<'a>) -> Option<Fate<'a>> {
    let asked = headers.fault.filter(|_| matches!(service.control().access(), Access::On));
    let wanted = asked.is_some() || space.faults().is_wanted();
    wanted.then(|| Fate::new(text(headers.user_agent), text(asked)))
}

/// The answer to what is no request to SQS, not a right one, or not signed as it has to be.
#[cold]
fn refused(metrics: &Metrics, operation: Option<Operation>, rejection: Rejection, request_id: &str) -> Answer {
    let reply = match rejection {
        Rejection::Error { protocol, error } => {
            metrics.request_ends(operation, Some(error.kind));
            tracing::debug!(status = error.status(), %error, "request refused");
            wire::encode_error(protocol, &error, request_id)
        }
        Rejection::NotFound => wire::not_found(),
    };
    answer::of_reply(reply, request_id, AfterAnswer::KeepAlive)
}

fn log_outcome(space: &Space, action: &str, queue: &str, began: Time, error: Option<&Error>) {
    // Real time, however the clock of the queues is turned.
    let ms = space.broker().clock().real_now().ms_since(began);
    match error {
        None => tracing::debug!(action, queue, status = 200, ms),
        Some(error) => tracing::debug!(action, queue, status = error.status(), ms, %error),
    }
}

/// What queue URLs begin with: the configured URL, or what the client calls this server.
pub(super) fn base_url(
    external_url: Option<&str>,
    headers: &KnownHeaders<'_>,
    &ConnectionInfo { port, secure, .. }: &ConnectionInfo<'_>,
) -> String {
    if let Some(url) = external_url {
        return url.to_owned();
    }
    // Each proxy on the way adds to the list; the first entry is how the client came in.
    let first = |list: Option<_>| text(list).and_then(|list| list.split(',').next()).unwrap_or_default().trim();
    let proto = first(headers.forwarded_proto);
    let by_tls = if proto.is_empty() { secure } else { proto.eq_ignore_ascii_case("https") };
    let scheme = if by_tls { "https" } else { "http" };
    let port_of_proxy = first(headers.forwarded_port).parse().ok();
    let port = port_of_proxy.unwrap_or(port);
    let needs_port = match (by_tls, secure) {
        // A proxy that ends TLS listens at a port that is not known here unless it says so.
        (true, false) => port_of_proxy.is_some_and(|port| port != 443),
        (true, true) => port != 443,
        (false, _) => port != 80,
    };
    match headers.host().and_then(split_host) {
        Some((host, Some(port))) => format!("{scheme}://{host}:{port}"),
        // Some clients leave the port out of `Host`; without it in the URL they would go to port 80 next.
        Some((host, None)) if needs_port => format!("{scheme}://{host}:{port}"),
        Some((host, None)) => format!("{scheme}://{host}"),
        None => format!("{scheme}://localhost:{port}"),
    }
}
