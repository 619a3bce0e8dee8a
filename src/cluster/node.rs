//! This node as its requests see it: where each is to be carried out.

use super::link::Link;
use super::roll::NodeId;
use crate::api::{Operation, Request};
use crate::error::Error;
use std::sync::Arc;

/// Another node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Which one.
    pub id: NodeId,
    /// Where the others reach it: `http://HOST:PORT`.
    pub url: Arc<str>,
}

/// Where a request is to be carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// By this node.
    Here,
    /// By that one.
    There(Peer),
}

/// How another node did not carry out what was its to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misled {
    /// It has not got the queue.
    NotThere,
    /// Nobody listens where it should.
    Refused,
    /// It did not answer.
    Silent,
}

/// Who asks, as far as it decides which queue is meant.
#[derive(Clone, Copy, Debug)]
pub struct Asker<'a> {
    /// The account.
    pub account: &'a str,
    /// The region.
    pub region: &'a str,
}

/// This node.
pub struct Cluster {
    me: NodeId,
    link: Link,
}

impl Cluster {
    /// Which node this is.
    pub fn id(&self) -> NodeId {
        self.me
    }

    /// The way to the others.
    pub fn link(&self) -> &Link {
        &self.link
    }

    /// Whether this node may answer now.
    pub fn has_lease(&self) -> bool {
        true
    }

    /// Whether it is about to stop.
    pub fn is_draining(&self) -> bool {
        false
    }

    /// Where a request is to be carried out. Waits for a queue that is on its way here.
    ///
    /// # Errors
    /// `ServiceUnavailable` if that takes too long.
    pub async fn place(&self, _asker: Asker<'_>, _request: &Request) -> Result<Place, Error> {
        Ok(Place::Here)
    }

    /// A request was carried out here.
    pub async fn done(&self, _asker: Asker<'_>, _operation: Operation) {}

    /// A node did not carry out what was its to do.
    pub fn misled(&self, _by: &Peer, _how: Misled) {}

    /// Another node says that something has changed.
    pub fn look(&self) {}
}
