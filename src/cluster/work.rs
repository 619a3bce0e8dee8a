//! What a node is asked for by its requests, and does on a thread of its own.

use super::roll::NodeId;
use crate::store::CommitTicket;
use tokio::sync::oneshot;

/// The name of a queue, as no two queues have it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Name {
    pub(super) account: String,
    /// What stands for it in names.
    pub(super) region: String,
    pub(super) name: String,
}

/// One thing that is asked for.
#[derive(Debug)]
pub(super) enum Ask {
    /// What the database says of all queues.
    Refresh(oneshot::Sender<()>),
    /// That nobody else creates a queue of this name; told whether that is so.
    Claim(Name, oneshot::Sender<bool>),
    /// That others may, once everything up to now is durable.
    Disclaim(Name),
    /// A queue that is on its way here, before others.
    Sooner(u64),
    /// A round at once: something has changed, or a node does not answer.
    Look,
    /// Messages are on their way to this queue, of that node or of this one, once that is durable.
    Sent(u64, Option<NodeId>, Option<CommitTicket>),
    /// A queue is to be given to another node.
    Give(u64, NodeId, oneshot::Sender<Result<(), String>>),
    /// All queues are to be given to other nodes.
    Drain(oneshot::Sender<()>),
}
