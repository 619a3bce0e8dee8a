//! Who wants auto-advance: the mode of a space, and leases of open awaits.

use super::held::Stopped;
use super::look::look_on;
use super::options::AutoOptions;
use super::state::{Auto, Seen, State};
use crate::broker::Broker;
use crate::clock::ClockMode;
use crate::control::refusal::Refusal;
use std::sync::Arc;

/// Auto-advance for as long as this lives; then the clock goes as it did before.
#[must_use = "it ends when it is dropped"]
pub struct AutoLease {
    auto: Arc<Auto>,
    id: u64,
}

impl Auto {
    /// Lets the clock jump when all is quiet for as long as what is answered lives. Of several that live at one time the longest
    /// `settle` and the earliest `until` count, and the consumers of all.
    ///
    /// # Errors
    /// 409 if the clock cannot be turned.
    pub fn lease(self: &Arc<Self>, options: AutoOptions) -> Result<AutoLease, Refusal> {
        let mut state = self.lock();
        self.begin(&mut state)?;
        state.last_lease += 1;
        let id = state.last_lease;
        state.leases.insert(id, options);
        Ok(AutoLease { auto: self.clone(), id })
    }

    /// Has the clock go in this mode; in mode `auto` with these options, in others they do not count.
    ///
    /// # Errors
    /// 409 if the clock cannot be turned, or an await with auto is open.
    pub fn set_mode(self: &Arc<Self>, mode: ClockMode, options: AutoOptions) -> Result<(), Refusal> {
        let mut state = self.lock();
        if mode == ClockMode::Auto {
            self.begin(&mut state)?;
            state.mode = Some(options);
            return Ok(());
        }
        if !state.leases.is_empty() {
            let error = format!("the clock goes by itself for {} open awaits with auto", state.leases.len());
            return Err(Refusal::new(409, error, "wait for their answers, or end their connections"));
        }
        if !self.clock().set_mode(mode) {
            return Err(not_turnable(&self.broker));
        }
        state.mode = None;
        state.seen.held_by.clear();
        Ok(())
    }

    /// Has the clock jump from now on, if it does not yet.
    fn begin(self: &Arc<Self>, state: &mut State) -> Result<(), Refusal> {
        if !self.clock().is_controlled() {
            return Err(not_turnable(&self.broker));
        }
        if !state.is_on() {
            state.before = self.clock().mode().unwrap_or_default();
            state.seen = Seen { changed_ms: self.shared.time.now_ms(), ..Seen::default() };
            self.clock().set_mode(ClockMode::Auto);
        }
        if !state.looking {
            let (auto, time) = (Arc::downgrade(self), self.shared.time.clone());
            let started = self.shared.background.spawn(look_on(auto, time));
            started.map_err(|error| Refusal::new(409, format!("no thread for auto-advance: {error}"), ""))?;
            state.looking = true;
        }
        Ok(())
    }
}

/// Why a clock that is not a controlled one cannot be turned.
pub fn not_turnable(broker: &Broker) -> Refusal {
    let (error, hint) = if broker.store().is_some() {
        let hint = "what is stored would bear times that never were; leave out --data to turn the clock";
        ("the clock cannot be turned with --data", hint)
    } else if broker.clock().has_virtual_long_polls() {
        ("this server goes by a manual clock", "it is turned by Server::advance of the test that started the server")
    } else {
        ("this server goes by the system clock", "Clock::controlled() is one that can be turned")
    };
    Refusal::new(409, error, hint)
}

impl AutoLease {
    /// Why it came to its end before it was dropped.
    pub fn stopped(&self) -> Option<Stopped> {
        let state = self.auto.lock();
        state.seen.stopped.clone().filter(|_| !state.leases.contains_key(&self.id))
    }
}

impl Drop for AutoLease {
    fn drop(&mut self) {
        let mut state = self.auto.lock();
        if state.leases.remove(&self.id).is_some() && !state.is_on() {
            let before = state.before;
            self.auto.clock().set_mode(before);
            state.seen.held_by.clear();
        }
    }
}
