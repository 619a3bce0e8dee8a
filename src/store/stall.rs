//! A look from outside at the committer: whether its store still answers.

use super::committer::{Committer, STALLED};
use super::silence::Silence;
use std::sync::atomic::Ordering;

/// For how long health checks are answered as if nothing were wrong when a store has stalled, in milliseconds.
const RED_AFTER_MS: u64 = 1_000;

impl Committer {
    /// For how long the store may not answer until it counts as stalled, in milliseconds.
    #[must_use]
    pub fn with_patience(self, ms: u64) -> Committer {
        self.shared.patience_ms.store(ms, Ordering::Release);
        self
    }

    /// Looks whether the store answers. Returns whether to look again soon; if not, [`Committer::begins`] tells when.
    pub fn look(&self, now_ms: u64) -> bool {
        let mut batches = self.shared.lock();
        let is_pending = self.pending_bytes() > 0;
        if batches.failed.is_some() || (!is_pending && batches.idle) {
            batches.watched = false;
            batches.silence = Silence::default();
            drop(batches);
            self.shared.go_on();
            return false;
        }
        let silent_ms = batches.silence.lasts(self.shared.finished.load(Ordering::Acquire), is_pending, now_ms);
        let patience_ms = self.shared.patience_ms.load(Ordering::Acquire);
        match (silent_ms >= patience_ms, batches.stalled) {
            (true, false) => {
                self.shared.pending_bytes.fetch_or(STALLED, Ordering::AcqRel);
                batches.give_up(true);
                drop(batches);
                self.shared.room.notify_waiters();
                let seconds = patience_ms / 1000;
                tracing::warn!(
                    "the store has not answered for {seconds} s; requests get ServiceUnavailable until it does"
                );
            }
            // It was just about to answer when it was taken for stalled.
            (false, true) => {
                drop(batches);
                self.shared.go_on();
            }
            _ => {}
        }
        true
    }

    /// Waits until there is something to look at.
    pub async fn begins(&self) {
        self.shared.begun.notified().await;
    }

    /// For how many milliseconds no commit has been finished while some are pending, as far as [`Committer::look`] has seen.
    #[must_use]
    pub fn pending_ms(&self) -> u64 {
        if self.pending_bytes() == 0 { 0 } else { self.shared.lock().silence.lasted_ms() }
    }

    /// Whether the store has not failed and answers, as far as [`Committer::look`] has seen.
    #[must_use]
    pub fn is_well(&self) -> bool {
        let batches = self.shared.lock();
        let red_ms = self.shared.patience_ms.load(Ordering::Acquire) + RED_AFTER_MS;
        batches.failed.is_none() && !(batches.stalled && batches.silence.lasted_ms() >= red_ms)
    }
}
