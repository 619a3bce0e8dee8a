//! Requests to other nodes.

use super::roll::NodeId;
use crate::clock::NetworkTime;

/// The way to other nodes.
pub struct Link {
    me: NodeId,
    secret: String,
    time: NetworkTime,
}

impl Link {
    /// That of this node.
    pub fn new(me: NodeId, secret: &str, time: NetworkTime) -> Link {
        Link { me, secret: secret.to_owned(), time }
    }
}
