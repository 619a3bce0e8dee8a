//! What stands for a commit: the ticket by which requests wait until their changes are durable, and why they may not be.

use super::StoreError;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use tokio::sync::Notify;

/// The store has failed, and acknowledges nothing any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Poisoned {
    /// What failed first.
    pub reason: Arc<StoreError>,
}

impl fmt::Display for Poisoned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the store has failed and nothing more is acknowledged: {}", self.reason)
    }
}

impl std::error::Error for Poisoned {}

/// Why it cannot be said that changes are durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotDurable {
    /// The store has failed, for good.
    Failed(Poisoned),
    /// The store does not answer. The changes may become durable yet; nothing is lost.
    Stalled,
}

impl fmt::Display for NotDurable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotDurable::Failed(poisoned) => poisoned.fmt(f),
            NotDurable::Stalled => f.write_str("the store does not answer"),
        }
    }
}

impl std::error::Error for NotDurable {}

/// The outcome of one commit, and the requests that wait for it.
#[derive(Debug, Default)]
pub(super) struct CommitOutcome {
    pub(super) result: OnceLock<Result<(), Poisoned>>,
    /// The store is stalled, and nobody waits for it.
    given_up: AtomicBool,
    pub(super) finished: Notify,
}

impl CommitOutcome {
    pub(super) fn finish(&self, result: Result<(), Poisoned>) {
        // A batch is finished once: by the thread that took it out of the list.
        let _ = self.result.set(result);
        self.finished.notify_waiters();
    }

    /// Whether those who wait for it are to go on waiting.
    pub(super) fn give_up(&self, stalled: bool) {
        self.given_up.store(stalled, Ordering::Release);
        if stalled {
            self.finished.notify_waiters();
        }
    }
}

/// Stands for everything submitted up to one moment. Cheap to clone and to keep.
#[derive(Clone, Debug)]
pub struct CommitTicket {
    pub(super) outcome: Arc<CommitOutcome>,
}

impl CommitTicket {
    /// Whether it is known how the commit went; [`CommitTicket::durable`] then answers at once.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.outcome.result.get().is_some()
    }

    /// Whether both stand for the same commit.
    #[must_use]
    pub fn is_same(&self, other: &CommitTicket) -> bool {
        Arc::ptr_eq(&self.outcome, &other.outcome)
    }

    /// Whether the changes are as durable as the store promises; [`CommitTicket::durable`] then succeeds at once.
    #[must_use]
    pub fn is_durable(&self) -> bool {
        matches!(self.outcome.result.get(), Some(Ok(())))
    }

    /// Waits until the changes are as durable as the store promises, but not for a store that is stalled.
    ///
    /// # Errors
    ///
    /// If they may not be: the store failed at this batch or before, or does not answer.
    pub async fn durable(&self) -> Result<(), NotDurable> {
        loop {
            // Enlisted before the check, so that a commit that is finished in between is not missed.
            let notified = self.outcome.finished.notified();
            if let Some(result) = self.outcome.result.get() {
                return result.clone().map_err(NotDurable::Failed);
            }
            if self.outcome.given_up.load(Ordering::Acquire) {
                return Err(NotDurable::Stalled);
            }
            notified.await;
        }
    }

    /// Waits until it is known how the commit went, however long that takes: for work that nobody waits for.
    pub async fn finished(&self) {
        loop {
            let notified = self.outcome.finished.notified();
            if self.is_finished() {
                return;
            }
            notified.await;
        }
    }
}
