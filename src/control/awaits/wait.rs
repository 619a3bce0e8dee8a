//! Waits until a condition holds: it is judged on each change of its queues, and never polled.

use super::condition::Condition;
use super::judge::{Judge, Verdict};
use super::missed::{Missed, Why};
use super::near;
use super::watched::{MessageSeen, Pass, Seen, Watched};
use crate::clock::ClockMode;
use crate::control::auto::AutoOptions;
use crate::control::duration::Span;
use crate::control::refusal::Refusal;
use crate::control::space::Space;
use std::collections::BTreeMap;
use std::time::Duration;

/// A condition that held.
#[derive(Clone, Debug)]
pub struct Met {
    /// How long it took, in real time.
    pub waited: Duration,
    /// The number of the last event of the history by then; 0 without a history.
    pub position: u64,
    /// The queues as they were then, by the names that the condition gives them.
    pub queues: BTreeMap<String, Seen>,
    /// The message that was awaited, or the first of them.
    pub message: Option<MessageSeen>,
}

/// Waits until a condition holds, with the clock jumping meanwhile if that is asked for. Dropping the future ends the
/// await.
///
/// Gauges are judged after each operation on their queues, but not between two that follow each other closely: what was
/// so for only a moment may be missed. Counters miss nothing.
///
/// # Errors
/// Why it did not come to hold.
pub async fn wait(space: &Space, condition: &Condition, auto: Option<AutoOptions>) -> Result<Met, Missed> {
    let began_ms = space.time().now_ms();
    let refused = |refusal: Refusal| Missed::refused(refusal, condition);
    let place = space.awaits().enter().ok_or_else(|| refused(super::place::refusal()))?;
    let mut watched = Watched::new(space, condition).map_err(refused)?;
    let lease = auto.map(|options| space.auto().lease(options)).transpose().map_err(refused)?;
    let mut progress = Progress::new(began_ms, space, condition);
    let ended = loop {
        let pass = match watched.look(condition).await {
            Ok(pass) => pass,
            Err(queue) => break Err((Why::QueueDeleted(queue), None)),
        };
        match progress.judge(&pass, condition, space) {
            Step::Met => break Ok(pass),
            Step::Ended(why) => break Err((why, Some(pass))),
            Step::Again => tokio::task::yield_now().await,
            Step::WaitFor(None) => watched.changed().await,
            Step::WaitFor(Some(time)) => tokio::select! {
                () = watched.changed() => {}
                () = space.time().pause(time) => {}
            },
        }
    };
    let waited = Duration::from_millis(space.time().now_ms().saturating_sub(began_ms));
    let missed = match ended {
        Ok(pass) => {
            let message = pass.first_message().cloned();
            let position = space.history().map_or(0, |history| history.position());
            return Ok(Met { waited, position, queues: pass.queues, message });
        }
        Err((why, pass)) => near::describe(&watched, condition, why, waited, pass.as_ref(), lease.as_ref()).await,
    };
    drop(place);
    Err(missed)
}

/// What comes next.
enum Step {
    Met,
    Ended(Why),
    /// Something changed while it was looked at.
    Again,
    /// Wait for a change, at most so long.
    WaitFor(Option<Duration>),
}

/// How far an await has come; times are real ones in milliseconds.
struct Progress {
    began: u64,
    timeout: u64,
    /// When something last happened in a queue, as far as it was noticed.
    active: u64,
    /// [`Pass::activity`] then.
    activity: u64,
    /// Since when the condition holds.
    held: Option<u64>,
    /// [`Pass::changes`] at the last look.
    changes: u64,
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl Progress {
    fn new(began: u64, space: &Space, condition: &Condition) -> Progress {
        let timeout = ms(space.awaits().stretched(condition.timeout));
        Progress { began, timeout, active: began, activity: u64::MAX, held: None, changes: 0 }
    }

    fn judge(&mut self, pass: &Pass<'_>, condition: &Condition, space: &Space) -> Step {
        let now = space.time().now_ms();
        let stopped = self.note(pass, now);
        if !pass.at_one_moment && now < self.began.saturating_add(self.timeout) {
            return Step::Again;
        }
        let violated = condition.never.as_ref().is_some_and(|never| Judge::verdict(pass, never) == Verdict::Met);
        let verdict = Judge::verdict(pass, &condition.clause);
        if violated && pass.at_one_moment {
            return Step::Ended(Why::BecameSo);
        }
        if verdict == Verdict::Never {
            return Step::Ended(Why::Impossible);
        }
        let mut wait_until = self.began.saturating_add(self.timeout);
        if verdict == Verdict::Met && pass.at_one_moment {
            // What was not seen may have been otherwise.
            let held = self.held.filter(|_| !stopped).unwrap_or(now);
            self.held = Some(held);
            let holds_until = held.saturating_add(ms(condition.stable));
            let quiet_at = self.active.saturating_add(ms(condition.quiet));
            if now >= holds_until.max(quiet_at) {
                return Step::Met;
            }
            wait_until = wait_until.min(holds_until.max(quiet_at));
        } else {
            self.held = None;
        }
        if now >= self.began.saturating_add(self.timeout) {
            return Step::Ended(Why::TimedOut);
        }
        if space.broker().is_closing() {
            return Step::Ended(Why::Closing);
        }
        if let Some(fail_fast) = condition.fail_fast.filter(|_| self.held.is_none() && !is_awaiting_time(pass, space)) {
            let ends = self.active.saturating_add(ms(fail_fast));
            if now >= ends {
                return Step::Ended(Why::NothingHappens(fail_fast));
            }
            wait_until = wait_until.min(ends);
        }
        Step::WaitFor(Some(Duration::from_millis(wait_until - now)))
    }

    /// Notes what happened since the last look; whether there were moments in between that were not seen.
    fn note(&mut self, pass: &Pass<'_>, now: u64) -> bool {
        let (activity, changes) = (pass.activity(), pass.changes());
        let happened = self.activity != u64::MAX && activity != self.activity;
        let unseen = changes.wrapping_sub(self.changes) > 1 && happened;
        if happened {
            self.active = now;
        }
        (self.activity, self.changes) = (activity, changes);
        unseen
    }
}

/// Whether a message will become available by itself: not while the clock stands.
fn is_awaiting_time(pass: &Pass<'_>, space: &Space) -> bool {
    pass.has_deadline() && space.broker().clock().mode() != Some(ClockMode::Frozen)
}

impl Met {
    /// For people, in a line.
    pub fn text(&self) -> String {
        let message = self.message.as_ref().map(|message| format!(": {}", message.id)).unwrap_or_default();
        format!("met after {}{message}\n", Span(self.waited))
    }
}
