//! What happened in a space, as events with a position, a time and a reason.

use crate::broker::{By, Observer, QueueEvent, QueueNames};
use crate::clock::Clock;
use crate::engine::{Cause, Fact, Time};
use std::sync::atomic::{AtomicU64, Ordering};

/// The history of a space.
pub struct History {
    #[allow(dead_code, reason = "events are not kept yet")]
    clock: Clock,
    position: AtomicU64,
}

impl History {
    /// A history that keeps so many events at most.
    pub fn new(_events_max: usize, clock: Clock) -> History {
        History { clock, position: AtomicU64::new(0) }
    }

    /// The number of the last event.
    pub fn position(&self) -> u64 {
        self.position.load(Ordering::Acquire)
    }
}

impl Observer for History {
    fn happened(&self, _: u64, _: Time, _: Cause, _: &Fact<'_>, _: By) {
        self.position.fetch_add(1, Ordering::AcqRel);
    }

    fn queue_event(&self, _: &QueueNames, _: Time, _: QueueEvent, _: By) {
        self.position.fetch_add(1, Ordering::AcqRel);
    }
}
