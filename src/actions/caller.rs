//! Who asks for an action, and how the request came in.

use super::fate::Fate;
use super::presence::Presence;
use crate::auth::Identity;
use crate::broker::By;
use std::net::IpAddr;

/// The caller of an action: its account and region, and how it came in.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'a> {
    /// The caller's account.
    pub account: &'a str,
    /// Who signed the request; none where no credentials are configured, and everything is allowed.
    pub identity: Option<&'a Identity>,
    /// How the request came in, as policies see it; there only with an identity.
    pub origin: Option<&'a Origin<'a>>,
    /// The region the caller signed for.
    pub region: &'a str,
    /// What queue URLs begin with, without a slash at the end; `{region}` and `{account}` in it stand for those of the queue.
    pub base_url: &'a str,
    /// The `X-Amzn-Trace-Id` header of the request.
    pub trace_header: Option<&'a str>,
    /// Whether the client is still there; taken for granted if absent.
    pub presence: Option<&'a Presence>,
    /// What may become of the answer at the connection; absent if nothing may.
    pub fate: Option<&'a Fate<'a>>,
    /// Who it is, for the history.
    pub by: By,
    /// For how long it has waited already, in milliseconds, at another node or for one.
    pub waited_ms: u64,
}

/// How a request came in, as policies see it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Origin<'a> {
    /// The client's address; none if the request came by no socket.
    pub source_ip: Option<IpAddr>,
    /// Whether it came over TLS.
    pub secure: bool,
    /// What the client calls this server.
    pub host: &'a str,
    /// The `User-Agent` header.
    pub user_agent: Option<&'a str>,
    /// The `Referer` header.
    pub referer: Option<&'a str>,
}
