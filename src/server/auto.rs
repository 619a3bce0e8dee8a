//! How a clock goes by itself, and work of test control that is waited for whatever the caller's runtime.

use crate::control::{AutoOptions, Space};
use std::sync::mpsc;
use std::time::Duration;

/// How a clock goes by itself: it jumps to the next end of a delay or a visibility timeout whenever all is quiet.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Auto(pub(super) AutoOptions);

impl Auto {
    /// As it goes if nothing else is said: only delays are jumped over, for kew cannot know whether a consumer still works on a
    /// message.
    pub fn new() -> Auto {
        Auto::default()
    }

    /// Declares that a queue's consumers park so many receives whenever none of them works on a message. Its visibility timeouts may
    /// then be jumped over, so that retries come at once.
    pub fn consumers(mut self, queue: impl Into<String>, parked_receives: u64) -> Auto {
        self.0.consumers.insert(queue.into(), parked_receives);
        self
    }

    /// For so long, in real time, no request may have begun or ended before a jump; 100 ms if not said, at most 5 s.
    pub fn settle(mut self, settle: Duration) -> Auto {
        self.0.settle = settle;
        self
    }

    /// After so many jumps it stops; 1,000 if not said.
    pub fn max_jumps(mut self, jumps: u64) -> Auto {
        self.0.max_jumps = jumps;
        self
    }
}

/// Runs something to its end on the thread of test control, whatever the caller's runtime.
#[track_caller]
pub(super) fn blocking<T: Send + 'static>(space: &Space, work: impl Future<Output = T> + Send + 'static) -> T {
    let (done, answer) = mpsc::channel();
    let spawned = space.shared().background.spawn(async move {
        // The caller waits for it.
        let _ = done.send(work.await);
    });
    match spawned.map(|_| answer.recv()) {
        Ok(Ok(answer)) => answer,
        _ => panic!("the thread of test control cannot be had"),
    }
}
