//! Who wants auto-advance, and what holds it: the mode of a space, leases of open awaits, and holds of tests.

use super::held::{HeldBy, Stopped};
use super::options::AutoOptions;
use crate::broker::Broker;
use crate::clock::{Clock, ClockMode};
use crate::control::activity::{Sample, Unconnected};
use crate::control::duration::Span;
use crate::control::refusal::{Refusal, shortened};
use crate::control::shared::Shared;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Holds at one time.
pub const HOLDS_MAX: usize = 1_000;
/// A hold lasts no longer than this.
pub const HOLD_MAX: Duration = Duration::from_secs(60);

/// Auto-advance of a space.
pub struct Auto {
    pub(super) space: u32,
    pub(super) broker: Arc<Broker>,
    pub(super) unconnected: Arc<Unconnected>,
    pub(super) shared: Arc<Shared>,
    state: Mutex<State>,
}

/// A hold: while there is one the clock does not jump.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Why, in the words of who holds.
    pub reason: String,
    /// When it began, by [`NetworkTime::now_ms`](crate::clock::NetworkTime::now_ms).
    pub since_ms: u64,
    /// When it ends by itself, by the same time.
    pub until_ms: u64,
}

/// What the lock guards.
#[derive(Default)]
pub(super) struct State {
    /// The options of the mode `auto`.
    mode: Option<AutoOptions>,
    /// Those of open awaits.
    leases: BTreeMap<u64, AutoOptions>,
    last_lease: u64,
    /// How the clock went before the first lease.
    before: ClockMode,
    holds: BTreeMap<u64, Hold>,
    last_hold: u64,
    stopped: Option<Stopped>,
    held_by: Vec<HeldBy>,
}

/// Auto-advance for as long as this lives; then the clock goes as it did before.
#[must_use = "it ends when it is dropped"]
pub struct AutoLease {
    auto: Arc<Auto>,
    id: u64,
}

impl State {
    /// Whether anybody wants it.
    pub(super) fn is_on(&self) -> bool {
        self.mode.is_some() || !self.leases.is_empty()
    }

    /// Holds end by themselves.
    fn forget_holds(&mut self, now_ms: u64) {
        self.holds.retain(|_, hold| hold.until_ms > now_ms);
    }
}

impl Auto {
    /// Auto-advance of the space with this number, off.
    pub fn new(space: u32, broker: Arc<Broker>, unconnected: Arc<Unconnected>, shared: Arc<Shared>) -> Arc<Auto> {
        Arc::new(Auto { space, broker, unconnected, shared, state: Mutex::default() })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn clock(&self) -> &Clock {
        self.broker.clock()
    }

    /// Lets the clock jump when all is quiet for as long as what is answered lives. Of several that live at one time the longest
    /// `settle` and the earliest `until` count, and the consumers of all.
    ///
    /// # Errors
    /// 409 if the clock cannot be turned.
    pub fn lease(self: &Arc<Self>, options: AutoOptions) -> Result<AutoLease, Refusal> {
        if !self.clock().is_controlled() {
            return Err(Refusal::new(409, "the clock of this server cannot be turned", ""));
        }
        let mut state = self.lock();
        if !state.is_on() {
            self.begin(&mut state);
        }
        state.last_lease += 1;
        let id = state.last_lease;
        state.leases.insert(id, options);
        Ok(AutoLease { auto: self.clone(), id })
    }

    fn begin(&self, state: &mut State) {
        state.before = self.clock().mode().unwrap_or_default();
        state.stopped = None;
        self.clock().set_mode(ClockMode::Auto);
    }

    /// Keeps the clock from jumping for a while; what is answered names the hold.
    ///
    /// # Errors
    /// 400 for one that lasts too long, 409 if there are too many.
    pub fn hold(&self, reason: &str, ttl: Duration) -> Result<u64, Refusal> {
        if ttl > HOLD_MAX {
            let hint = format!("at most {}; hold again before it is over", Span(HOLD_MAX));
            return Err(Refusal::new(400, format!("ttl is {}", Span(ttl)), hint));
        }
        let now_ms = self.shared.time.now_ms();
        let mut state = self.lock();
        state.forget_holds(now_ms);
        if state.holds.len() >= HOLDS_MAX {
            let hint = "DELETE /_kew/clock/hold/{id} ends one";
            return Err(Refusal::new(409, format!("there are {HOLDS_MAX} holds already"), hint));
        }
        state.last_hold += 1;
        let id = state.last_hold;
        let until_ms = now_ms + u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
        state.holds.insert(id, Hold { reason: shortened(reason), since_ms: now_ms, until_ms });
        Ok(id)
    }

    /// Ends a hold; `None` if there is none of this name.
    pub fn release(&self, id: u64) -> Option<Hold> {
        let mut state = self.lock();
        state.forget_holds(self.shared.time.now_ms());
        state.holds.remove(&id)
    }

    /// The holds by name.
    pub fn holds(&self) -> BTreeMap<u64, Hold> {
        let mut state = self.lock();
        state.forget_holds(self.shared.time.now_ms());
        state.holds.clone()
    }

    /// What the clients of the space do.
    pub fn sample(&self) -> Sample {
        self.shared.activity.sample(self.space, &self.unconnected)
    }

    /// Why the clock does not jump now; empty if it is not to jump at all.
    pub fn held_by(&self) -> Vec<HeldBy> {
        self.lock().held_by.clone()
    }

    /// Why it came to its end by itself, until it is asked for anew.
    pub fn stopped(&self) -> Option<Stopped> {
        self.lock().stopped.clone()
    }
}

impl AutoLease {
    /// Why it came to its end before it was dropped.
    pub fn stopped(&self) -> Option<Stopped> {
        let state = self.auto.lock();
        state.stopped.clone().filter(|_| !state.leases.contains_key(&self.id))
    }
}

impl Drop for AutoLease {
    fn drop(&mut self) {
        let mut state = self.auto.lock();
        if state.leases.remove(&self.id).is_some() && !state.is_on() {
            let before = state.before;
            self.auto.clock().set_mode(before);
            state.held_by.clear();
        }
    }
}
