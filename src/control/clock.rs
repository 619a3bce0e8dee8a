//! The clock of a space under a test's hand: how it stands, how it goes, and turning it.

use super::auto::{AutoOptions, AutoStatus, Hold, not_turnable};
use super::duration::{Span, shown};
use super::refusal::Refusal;
use super::space::Space;
use crate::broker::{Due, Queue, Turn, Turned};
use crate::clock::ClockMode;
use crate::engine::{MessageId, Time};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Real time between two steps of one turn.
pub const STEP_SETTLE_MAX: Duration = Duration::from_secs(5);
/// The clock is not turned further than this at once: a hundred years.
const TURN_MS_MAX: u64 = 100 * 366 * 86_400_000;

/// How the clock of a space stands.
pub struct ClockState {
    /// How it goes; `None` for a manual clock.
    pub mode: Option<ClockMode>,
    /// What it shows.
    pub now: Time,
    /// The machine's time.
    pub real_now: Time,
    /// By how many milliseconds it is ahead of that, or behind.
    pub offset_ms: i64,
    /// Whether long polls go by it.
    pub virtual_long_polls: bool,
    /// The next moment at which something happens by itself.
    pub next: Option<Next>,
    /// Auto-advance.
    pub auto: AutoStatus,
    /// What holds auto-advance, by name.
    pub holds: BTreeMap<u64, Hold>,
}

/// A moment at which something happens by itself.
pub struct Next {
    /// The moment.
    pub at: Time,
    /// What happens.
    pub due: Due,
    /// In which queue.
    pub queue: Arc<Queue>,
    /// To which message.
    pub message: Option<MessageId>,
    /// Receives that are parked there, and one more if something is awaited there.
    pub waiting: usize,
}

/// Where the clock is to be turned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Goal {
    /// So much later.
    By(Duration),
    /// To this moment.
    To(Time),
    /// To the next moment at which something happens, in this queue or in any.
    Next(Option<Arc<str>>),
}

/// How a clock is to go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Setting {
    /// Its mode; as it goes if absent.
    pub mode: Option<ClockMode>,
    /// What it shows first.
    pub at: Option<Time>,
    /// How it goes in mode `auto`.
    pub auto: Option<AutoOptions>,
    /// Whether long polls go by it.
    pub virtual_long_polls: Option<bool>,
}

/// The word for a mode.
pub fn mode_name(mode: Option<ClockMode>) -> &'static str {
    match mode {
        Some(ClockMode::Real) => "real",
        Some(ClockMode::Running) => "running",
        Some(ClockMode::Frozen) => "frozen",
        Some(ClockMode::Auto) => "auto",
        None => "manual",
    }
}

impl Space {
    /// How the clock stands.
    pub async fn clock_state(&self) -> ClockState {
        let (broker, clock) = (self.broker(), self.broker().clock());
        let next = self.next_change(None).await;
        // A system clock is as a controlled one that nobody has touched.
        let manual = !clock.is_controlled() && clock.has_virtual_long_polls();
        ClockState {
            mode: clock.mode().or((!manual).then_some(ClockMode::Real)),
            now: broker.clock().now(),
            real_now: clock.real_now(),
            offset_ms: clock.offset_ms(),
            virtual_long_polls: clock.has_virtual_long_polls(),
            next,
            auto: self.auto().status(),
            holds: self.auto().holds(),
        }
    }

    /// The next moment at which something happens by itself, in the queues of this name or in any.
    async fn next_change(&self, name: Option<&str>) -> Option<Next> {
        let broker = self.broker();
        broker.catch_up_all().await;
        let mut first: Option<Next> = None;
        let mut offer = |next: Next| {
            if first.as_ref().is_none_or(|first| next.at < first.at) {
                first = Some(next);
            }
        };
        let waiting = |queue: &Arc<Queue>| match broker.look(queue).map(|look| look.glance()) {
            Ok(glance) => (glance.parked + usize::from(glance.awaited), glance.next),
            Err(_) => (0, None),
        };
        for queue in broker.namespace().all().into_iter().filter(|queue| name.is_none_or(|name| *queue.name == *name)) {
            if let (waiting, Some(next)) = waiting(&queue) {
                offer(Next { at: next.at, due: Due::of(next.state), queue, message: Some(next.id), waiting });
            }
        }
        for next in broker.next_moves() {
            let queues = [Some(next.source.clone()), next.target];
            if queues.iter().flatten().any(|queue| name.is_none_or(|name| *queue.name == *name)) {
                let waiting = queues.iter().flatten().map(|queue| waiting(queue).0).sum();
                offer(Next { at: next.at, due: Due::MoveTask, queue: next.source, message: None, waiting });
            }
        }
        first
    }

    /// Has the clock go otherwise. Nothing is changed if not all of it can be.
    ///
    /// # Errors
    /// 400 for what does not go together, 409 for what cannot be now.
    pub async fn set_clock(&self, setting: Setting) -> Result<(), Refusal> {
        let (auto, clock) = (self.auto(), self.broker().clock());
        let Some(before) = clock.mode() else { return Err(not_turnable(self.broker())) };
        let _turning = auto.turning().await;
        let mode = setting.mode.unwrap_or(before);
        if setting.auto.is_some() && mode != ClockMode::Auto {
            let hint = "settle, until, maxJumps and consumers are for the mode auto";
            return Err(Refusal::new(400, format!("the mode is {}", mode_name(Some(mode))), hint));
        }
        if let Some(at) = setting.at {
            if mode == ClockMode::Real && setting.mode.is_some() {
                let hint = "leave out `at`, or take the mode running or frozen";
                return Err(Refusal::new(400, "a real clock shows the machine's time", hint));
            }
            self.check_goal(at)?;
        }
        if setting.mode == Some(ClockMode::Real) && clock.offset_ms() > 0 {
            let ahead = Span(Duration::from_millis(clock.offset_ms().unsigned_abs()));
            let error = format!("the clock is {ahead} ahead of real time, and time goes forward only");
            let hint = "POST /_kew/reset brings it back to real time, with everything that went by it";
            return Err(Refusal::new(409, error, hint));
        }
        match setting.mode {
            Some(mode) => auto.set_mode(mode, setting.auto.unwrap_or_default())?,
            None if setting.auto.is_some() => auto.set_mode(mode, setting.auto.unwrap_or_default())?,
            None => {}
        }
        if let Some(on) = setting.virtual_long_polls {
            clock.set_virtual_long_polls(on);
        }
        if let Some(to) = setting.at {
            let turned = self.broker().turn(&Turn { to, jump: true, settle: None }).await;
            self.note(turned, "at")?;
        }
        Ok(())
    }

    /// Turns the clock, step by step unless it is to jump. Consumers have `settle` of real time between the steps.
    ///
    /// # Errors
    /// 404 for a queue that is not there; 409 for a time that is over, if nothing is ahead, or if the clock cannot be turned.
    pub async fn advance_clock(&self, goal: Goal, jump: bool, settle: Duration) -> Result<Turned, Refusal> {
        let clock = self.broker().clock();
        if !clock.is_controlled() {
            return Err(not_turnable(self.broker()));
        }
        if settle > STEP_SETTLE_MAX {
            let hint = format!("at most {}", Span(STEP_SETTLE_MAX));
            return Err(Refusal::new(400, format!("settle is {}", Span(settle)), hint));
        }
        let _turning = self.auto().turning().await;
        let to = match goal {
            Goal::By(by) => clock.now().plus_ms(u64::try_from(by.as_millis()).unwrap_or(u64::MAX)),
            Goal::To(to) => to,
            Goal::Next(queue) => self.next_moment(queue.as_deref()).await?,
        };
        self.check_goal(to)?;
        let settle = (!settle.is_zero()).then(|| (self.time().clone(), settle));
        let turned = self.broker().turn(&Turn { to, jump, settle }).await;
        self.note(turned, "advance")
    }

    async fn next_moment(&self, queue: Option<&str>) -> Result<Time, Refusal> {
        match self.next_change(queue).await {
            Some(next) => Ok(next.at),
            None => {
                let place = queue.map(|queue| format!(" in `{queue}`")).unwrap_or_default();
                let hint = "there is no delayed message, no message in flight and no move task";
                Err(Refusal::new(409, format!("nothing is ahead{place}"), hint))
            }
        }
    }

    /// Time goes forward only, and not without end.
    fn check_goal(&self, to: Time) -> Result<(), Refusal> {
        let now = self.broker().clock().now();
        if to < now {
            let error = format!("{} is over: it is {}, and time goes forward only", shown(to), shown(now));
            return Err(Refusal::new(409, error, "POST /_kew/reset brings the clock back to real time"));
        }
        if to.ms_since(now) > TURN_MS_MAX {
            return Err(Refusal::new(400, format!("{} is too far", shown(to)), "at most a hundred years at once"));
        }
        Ok(())
    }

    fn note(&self, turned: Option<Turned>, why: &'static str) -> Result<Turned, Refusal> {
        let turned = turned.ok_or_else(|| not_turnable(self.broker()))?;
        self.auto().note_turn(turned.from, turned.to, why);
        Ok(turned)
    }
}
