//! Who sent a request: nobody known, or the principal whose key signed it.

use super::policy::Policy;
use crate::error::{Error, ErrorKind};
use std::sync::Arc;

/// Who sent a request. It is asked for only where credentials are configured.
#[derive(Clone, Debug)]
pub enum Identity {
    /// Nobody signed the request. Only the policy of a queue can let it in.
    Anonymous,
    /// A key signed the request.
    Signed(Arc<Principal>),
}

impl Identity {
    /// The principal, unless nobody signed the request.
    pub fn principal(&self) -> Option<&Principal> {
        match self {
            Identity::Anonymous => None,
            Identity::Signed(principal) => Some(principal),
        }
    }
}

/// The answer to a request to this host that nobody signed, and that no policy lets in.
pub fn not_signed(host: &str) -> Error {
    Error::new(ErrorKind::AccessDenied, format!("Access to the resource https://{host}/ is denied."))
}

/// Who a key stands for. Several keys may stand for one principal: an old one and a new one while they are exchanged.
#[derive(Clone, Debug, PartialEq)]
pub struct Principal {
    /// The access key id that signed.
    pub access_key: String,
    /// 12 digits: the account in which requests act that name no queue.
    pub account: String,
    /// The ARN, as in `arn:aws:iam::123456789012:user/anna` or `arn:aws:iam::123456789012:root`.
    pub arn: String,
    /// Whether the key belongs to a session: it goes with a session token.
    pub is_session: bool,
    /// The identity policies of the principal, in the order of the file. None at all for a root user, who needs none.
    pub policies: Vec<Policy>,
}

impl Principal {
    /// Whether it is an account itself, which may do everything in that account.
    pub fn is_root(&self) -> bool {
        self.arn.ends_with(":root")
    }
}
