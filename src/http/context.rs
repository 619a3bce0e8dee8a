//! A request as every route sees it: its head, its id, and the connection that it came by.

use super::identity::Identity;
use crate::actions::Presence;
use crate::control::Served;
use crate::wire::{Head, Method, rpc_path_parts};
use hyper::header::HeaderValue;
use hyper::http::request::Parts;
use std::net::SocketAddr;
use uuid::Uuid;
use uuid::fmt::Hyphenated;

/// All of a request but its body, which goes beside it: a parked ReceiveMessage must not hold what it was read from.
pub struct RequestContext<'a> {
    /// Method, URI, and every header.
    pub parts: &'a Parts,
    /// The headers that matter to most requests.
    pub headers: KnownHeaders<'a>,
    /// What the answer's `x-amzn-RequestId` says.
    pub request_id: RequestId,
    /// The connection that the request came by.
    pub connection: ConnectionInfo<'a>,
}

/// The connection that a request came by.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionInfo<'a> {
    /// The client's address; none if the request came by no socket.
    pub peer: Option<SocketAddr>,
    /// The port that the client connected to.
    pub port: u16,
    /// Whether the client is still there; taken for granted if absent.
    pub presence: Option<&'a Presence>,
    /// Who is at its other end.
    pub identity: &'a Identity,
    /// Whether the client speaks TLS with this server, for `aws:SecureTransport`.
    pub secure: bool,
    /// What the connection says of whom the request is for; none if it came by no socket.
    pub served: Option<&'a Served>,
    /// For how long the client has waited at the node that it came to, which has sent the request here; none if it came here itself.
    pub waited_ms: Option<u64>,
}

impl<'a> RequestContext<'a> {
    /// Reads a head, and gives the request an id.
    pub fn new(parts: &'a Parts, connection: ConnectionInfo<'a>) -> RequestContext<'a> {
        RequestContext { parts, headers: KnownHeaders::read(parts), request_id: RequestId::random(), connection }
    }

    /// Bytes of the URL and of all header names and values.
    pub(super) fn head_bytes(&self) -> usize {
        self.headers.bytes + self.parts.uri.path_and_query().map_or(0, |url| url.as_str().len())
    }

    /// What of the head matters to the protocols.
    pub(super) fn head(&self) -> Head<'a> {
        let path = self.parts.uri.path();
        let mut target = text(self.headers.target);
        let mut smithy_protocol = None;
        if rpc_path_parts(path).is_some() {
            smithy_protocol = text(self.parts.headers.get("smithy-protocol"));
            target = target.or_else(|| text(self.parts.headers.get("x-amzn-target")));
        }
        Head {
            method: match self.parts.method {
                hyper::Method::GET => Method::Get,
                hyper::Method::POST => Method::Post,
                _ => Method::Other,
            },
            path,
            query: self.parts.uri.query(),
            content_type: text(self.headers.content_type),
            target,
            smithy_protocol,
            accept: text(self.headers.accept),
            authorization: text(self.headers.authorization),
        }
    }
}

/// The id of a request: a random UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestId(Uuid);

impl RequestId {
    /// Room for its 36 characters.
    pub const ROOM: [u8; Hyphenated::LENGTH] = [0; Hyphenated::LENGTH];

    /// A new one.
    pub fn random() -> RequestId {
        RequestId(uuid::Builder::from_random_bytes(fastrand::u128(..).to_ne_bytes()).into_uuid())
    }

    /// The id as a number.
    pub fn number(self) -> u128 {
        self.0.as_u128()
    }

    /// Its characters, written into that room.
    pub fn text(self, room: &mut [u8; Hyphenated::LENGTH]) -> &str {
        self.0.hyphenated().encode_lower(room)
    }
}

/// The headers that matter to most requests. All are found in one pass: to look up each would take a hash of its name.
#[derive(Default)]
pub struct KnownHeaders<'a> {
    pub(super) accept: Option<&'a HeaderValue>,
    pub(super) authorization: Option<&'a HeaderValue>,
    pub(super) content_type: Option<&'a HeaderValue>,
    pub(super) forwarded_port: Option<&'a HeaderValue>,
    pub(super) forwarded_proto: Option<&'a HeaderValue>,
    pub(super) origin: Option<&'a HeaderValue>,
    pub(super) referer: Option<&'a HeaderValue>,
    pub(super) sec_fetch_site: Option<&'a HeaderValue>,
    pub(super) target: Option<&'a HeaderValue>,
    pub(super) trace_id: Option<&'a HeaderValue>,
    pub(super) user_agent: Option<&'a HeaderValue>,
    /// The fault that the request itself asks for.
    pub(super) fault: Option<&'a HeaderValue>,
    host: Option<&'a HeaderValue>,
    /// The host of a request target in absolute form.
    authority: Option<&'a str>,
    /// Whether `Host` is there more than once.
    pub(super) several_hosts: bool,
    /// Whether a body follows.
    pub(super) announces_body: bool,
    /// Bytes of all names and values.
    bytes: usize,
}

impl<'a> KnownHeaders<'a> {
    fn read(parts: &'a Parts) -> KnownHeaders<'a> {
        let authority = parts.uri.authority().map(|authority| authority.as_str());
        let mut found = KnownHeaders { authority, ..KnownHeaders::default() };
        for (name, value) in &parts.headers {
            found.bytes += name.as_str().len() + value.len();
            let place = match name.as_str() {
                "accept" => &mut found.accept,
                "authorization" => &mut found.authorization,
                "content-type" => &mut found.content_type,
                "host" => {
                    found.several_hosts |= found.host.is_some();
                    &mut found.host
                }
                "kew-fault" => &mut found.fault,
                "origin" => &mut found.origin,
                "referer" => &mut found.referer,
                "sec-fetch-site" => &mut found.sec_fetch_site,
                "user-agent" => &mut found.user_agent,
                "x-amz-target" => &mut found.target,
                "x-amzn-trace-id" => &mut found.trace_id,
                "x-forwarded-port" => &mut found.forwarded_port,
                "x-forwarded-proto" => &mut found.forwarded_proto,
                "content-length" => {
                    found.announces_body |= value.as_bytes() != b"0";
                    continue;
                }
                "transfer-encoding" => {
                    found.announces_body = true;
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

    /// Whether the request says by what name the server was called, understandable or not.
    pub(super) fn has_host(&self) -> bool {
        self.authority.is_some() || self.host.is_some()
    }

    /// Whether the request comes from a browser, all of which call themselves Mozilla, and could have been caused by any page.
    /// Programs do so too (Celery's HTTP client); but a signature in `Authorization` is more than a page can make a
    /// browser send elsewhere without being asked first, in a request with an `Origin`.
    pub(super) fn is_blind_browser(&self) -> bool {
        let begins = |value: Option<&HeaderValue>, with: &[u8]| value.is_some_and(|v| v.as_bytes().starts_with(with));
        begins(self.user_agent, b"Mozilla/") && !begins(self.authorization, b"AWS")
    }

    /// Whether a browser may have sent the request for a page.
    pub(super) fn is_of_browser(&self) -> bool {
        self.origin.is_some() || self.referer.is_some() || self.sec_fetch_site.is_some() || self.is_blind_browser()
    }
}

/// The text of a header; none if it is not UTF-8.
pub(super) fn text(value: Option<&HeaderValue>) -> Option<&str> {
    value.and_then(|value| std::str::from_utf8(value.as_bytes()).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::Request;

    #[test]
    fn an_id_is_a_uuid_and_each_request_has_its_own() {
        let (one, other) = (RequestId::random(), RequestId::random());
        assert_ne!(one, other);
        assert!(uuid::Uuid::try_parse(one.text(&mut { RequestId::ROOM })).is_ok(), "{one:?}");
    }

    #[test]
    fn a_context_has_every_header_and_counts_the_bytes_of_the_head() {
        let request = Request::get("/?a=b").header("host", "h:1").header("x-mine", "1").header("x-mine", "2");
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let identity = Identity::default();
        let connection = ConnectionInfo {
            peer: None,
            port: 1,
            presence: None,
            served: None,
            identity: &identity,
            secure: false,
            waited_ms: None,
        };
        let context = RequestContext::new(&parts, connection);
        assert_eq!(context.headers.host(), Some("h:1"));
        assert_eq!(context.parts.headers.get_all("x-mine").iter().count(), 2);
        assert_eq!(context.head_bytes(), "/?a=b".len() + "hosth:1".len() + 2 * "x-mine1".len());
        assert!(!context.headers.announces_body && !context.headers.several_hosts);
    }
}
