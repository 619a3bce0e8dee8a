//! Auto-advance of a space: who wants it, what holds it, and what has been seen.

use super::held::{HeldBy, Stopped, Why};
use super::options::AutoOptions;
use crate::broker::{Broker, By};
use crate::clock::{Clock, ClockMode};
use crate::control::activity::{Sample, Unconnected};
use crate::control::duration::Span;
use crate::control::history::History;
use crate::control::refusal::{Refusal, shortened};
use crate::control::shared::Shared;
use crate::engine::{MessageId, Time};
use std::collections::{BTreeMap, HashMap};
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
    pub(super) history: Option<Arc<History>>,
    /// Held while the clock is turned, by a jump or by a call.
    pub(super) turning: tokio::sync::Mutex<()>,
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
    pub(super) mode: Option<AutoOptions>,
    /// Those of open awaits.
    pub(super) leases: BTreeMap<u64, AutoOptions>,
    pub(super) last_lease: u64,
    /// How the clock went before the first lease.
    pub(super) before: ClockMode,
    pub(super) holds: BTreeMap<u64, Hold>,
    last_hold: u64,
    /// Whether the task runs that looks whether all is quiet.
    pub(super) looking: bool,
    pub(super) seen: Seen,
    last_turn: Option<TurnedBy>,
}

/// What has been seen since it was last asked for by nobody.
#[derive(Default)]
pub(super) struct Seen {
    /// How often it was looked whether all is quiet.
    pub(super) looks: u64,
    pub(super) jumps: u64,
    /// Of the clients when something last changed, and when that was.
    pub(super) fingerprint: Option<u64>,
    pub(super) changed_ms: u64,
    /// Since when each reason has held the clock.
    pub(super) held_since: BTreeMap<(Why, Option<String>), u64>,
    pub(super) held_by: Vec<HeldBy>,
    /// How often jumps handed out each message.
    pub(super) handed_out: HashMap<MessageId, u64>,
    pub(super) stopped: Option<Stopped>,
}

/// From when to when the clock was last turned, and by what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnedBy {
    /// The time before.
    pub from: Time,
    /// The time after.
    pub to: Time,
    /// What it was turned for: `delayEnds`, `visibilityEnds`, `moveTask`, `until`, or a call: `advance`.
    pub why: &'static str,
    /// Real time.
    pub real: Time,
}

/// Auto-advance as it is now.
#[derive(Clone, Debug)]
pub struct AutoStatus {
    /// The options of the mode, or of the open awaits together; none if it is off.
    pub options: Option<AutoOptions>,
    /// Open awaits that want it.
    pub awaits: usize,
    /// For how long no request has begun or ended, in real time.
    pub quiet_for: Duration,
    /// How often it was looked whether all is quiet.
    pub looks: u64,
    /// Jumps so far.
    pub jumps: u64,
    /// Why the clock does not jump.
    pub held_by: Vec<HeldBy>,
    /// Why it came to its end by itself.
    pub stopped: Option<Stopped>,
    /// How the clock was last turned.
    pub last_turn: Option<TurnedBy>,
}

impl State {
    /// Whether anybody wants it.
    pub(super) fn is_on(&self) -> bool {
        self.mode.is_some() || !self.leases.is_empty()
    }

    /// How it goes: of several wishes the longest `settle`, the earliest `until`, the most jumps, and all consumers.
    pub(super) fn options(&self) -> Option<AutoOptions> {
        let mut wishes = self.mode.iter().chain(self.leases.values());
        let mut options = wishes.next()?.clone();
        for wish in wishes {
            options.settle = options.settle.max(wish.settle);
            options.until = options.until.into_iter().chain(wish.until).min();
            options.max_jumps = options.max_jumps.max(wish.max_jumps);
            for (queue, count) in &wish.consumers {
                let most = options.consumers.entry(queue.clone()).or_default();
                *most = (*most).max(*count);
            }
        }
        Some(options)
    }

    /// Holds end by themselves.
    pub(super) fn forget_holds(&mut self, now_ms: u64) {
        self.holds.retain(|_, hold| hold.until_ms > now_ms);
    }
}

impl Auto {
    /// Auto-advance of the space with this number, off.
    pub fn new(
        space: u32,
        broker: Arc<Broker>,
        unconnected: Arc<Unconnected>,
        history: Option<Arc<History>>,
        shared: Arc<Shared>,
    ) -> Arc<Auto> {
        let turning = tokio::sync::Mutex::default();
        Arc::new(Auto { space, broker, unconnected, shared, history, turning, state: Mutex::default() })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn clock(&self) -> &Clock {
        self.broker.clock()
    }

    /// Ends it by itself: time goes on at its own pace.
    pub(super) fn stop(&self, state: &mut State, why: Stopped) {
        (state.mode, state.leases) = (None, BTreeMap::new());
        state.seen.stopped = Some(why);
        state.seen.held_by.clear();
        self.clock().set_mode(ClockMode::Running);
    }

    /// Ends it and forgets all that it knows, holds too. The clock stays as it is, for it is about to be set to real time.
    pub fn reset(&self) {
        let mut state = self.lock();
        *state = State {
            last_lease: state.last_lease,
            last_hold: state.last_hold,
            looking: state.looking,
            ..State::default()
        };
    }

    /// Writes down that the clock was turned.
    pub fn note_turn(&self, from: Time, to: Time, why: &'static str) {
        let turned = TurnedBy { from, to, why, real: self.clock().real_now() };
        record(self.history.as_deref(), &turned);
        self.lock().last_turn = Some(turned);
    }

    /// Held while the clock is turned by a call: jumps wait meanwhile, and other calls too.
    pub async fn turning(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.turning.lock().await
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
        self.lock().seen.held_by.clone()
    }

    /// Why it came to its end by itself, until it is asked for anew.
    pub fn stopped(&self) -> Option<Stopped> {
        self.lock().seen.stopped.clone()
    }

    /// How it is now.
    pub fn status(&self) -> AutoStatus {
        let state = self.lock();
        let quiet_ms = match state.is_on() {
            true => self.shared.time.now_ms().saturating_sub(state.seen.changed_ms),
            false => 0,
        };
        AutoStatus {
            options: state.options(),
            awaits: state.leases.len(),
            quiet_for: Duration::from_millis(quiet_ms),
            looks: state.seen.looks,
            jumps: state.seen.jumps,
            held_by: state.seen.held_by.clone(),
            stopped: state.seen.stopped.clone(),
            last_turn: state.last_turn.clone(),
        }
    }
}

/// Writes into the history that the clock was turned.
fn record(history: Option<&History>, turned: &TurnedBy) {
    if let Some(history) = history {
        history.record_clock(turned.from, turned.to, turned.why, By::default());
    }
}
