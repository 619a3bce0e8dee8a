//! Who asks for an action, and how the request came in.

use super::fate::Fate;
use super::presence::Presence;
use crate::auth::Identity;
use crate::broker::By;

/// The caller of an action: its account and region, and how it came in.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'a> {
    /// The caller's account.
    pub account: &'a str,
    /// Who signed the request; none where no credentials are configured, and everything is allowed.
    pub identity: Option<&'a Identity>,
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
}
