//! What is kept only where other nodes have queues too.

use super::queue::Queue;
use crate::store::CommitTicket;
use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Hears that messages are on their way from one queue to another, once that is durable.
pub type TellSent = Box<dyn Fn(&Queue, &Queue, Option<CommitTicket>) + Send + Sync>;

/// What is kept only where other nodes have queues too.
pub(super) struct Neighbours {
    /// Queues that were deleted here, and that the database may still have.
    deleting: Mutex<HashSet<u64>>,
    pub(super) tell_sent: TellSent,
}

impl Neighbours {
    pub(super) fn new(tell_sent: TellSent) -> Neighbours {
        Neighbours { deleting: Mutex::default(), tell_sent }
    }

    pub(super) fn deleting(&self) -> MutexGuard<'_, HashSet<u64>> {
        self.deleting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
