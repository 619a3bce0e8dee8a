//! What all spaces of a server share.

use super::activity::Activity;
use super::awaits::Awaits;
use super::background::Background;
use crate::auth::policy::Enforcement;
use crate::broker::Totals;
use crate::clock::NetworkTime;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What all spaces of a server share.
pub struct Shared {
    /// Real time, for what is never virtual: time limits of awaits, quiet.
    pub time: NetworkTime,
    /// A thread for what goes on beside requests.
    pub background: Background,
    /// What the clients do.
    pub activity: Arc<Activity>,
    /// The open awaits.
    pub awaits: Arc<Awaits>,
    /// What is done with the decisions of policies; none if they are not asked.
    pub enforcement: Option<Arc<Enforcement>>,
    next_space: AtomicU32,
    /// Counts of the queues of spaces that have ended.
    ended: Mutex<Totals>,
}

impl Shared {
    /// For the spaces of one server; real time passes as it says.
    pub fn new(time: NetworkTime) -> Arc<Shared> {
        Shared::with(time, 1.0, None)
    }

    /// The same with the time limits of awaits multiplied, and with policies that are asked.
    pub fn with(time: NetworkTime, timeout_factor: f64, enforcement: Option<Enforcement>) -> Arc<Shared> {
        let (background, activity) = (Background::default(), Arc::default());
        let awaits = Awaits::new(timeout_factor);
        let enforcement = enforcement.map(Arc::new);
        let next_space = AtomicU32::new(0);
        Arc::new(Shared { time, background, activity, awaits, enforcement, next_space, ended: Mutex::default() })
    }

    /// Adds the counts of a space that ends.
    pub(super) fn count_ended(&self, totals: &Totals) {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).add(totals);
    }

    /// Counts of the queues of spaces that have ended.
    pub fn ended_totals(&self) -> Totals {
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of a new space.
    pub fn next_space(&self) -> u32 {
        self.next_space.fetch_add(1, Ordering::Relaxed)
    }
}
