//! Turns the clock step by step, from one moment that somebody waits for to the next, and tells what that brought about.
//!
//! Everything here goes by small portions and lets others have their turn in between: however much falls due at once, requests
//! to other queues are answered meanwhile.

use super::queue::Queue;
use super::shared::Broker;
use crate::api::Arn;
use crate::clock::NetworkTime;
use crate::engine::{MessageState, Time};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// Steps of one turn; it ends there, and tells that it did not come further.
pub const STEPS_MAX: usize = 10_000;
/// Real time that one turn waits between its steps altogether; it ends there, and tells that it did not come further.
pub const SETTLE_TOTAL_MAX: Duration = Duration::from_secs(60);
/// Running message move tasks that are looked at.
pub const NEXT_MOVES_MAX: usize = 1_000;
/// Queues that are brought up to now before others get a turn.
const QUEUES_PER_TURN: usize = 64;

/// Where the clock is turned to, and how.
#[derive(Clone, Debug)]
pub struct Turn {
    /// The time that it shows in the end.
    pub to: Time,
    /// At once, as if nothing had run until then. Otherwise step by step.
    pub jump: bool,
    /// So much real time passes after each step that brought something about, for consumers to act.
    pub settle: Option<(NetworkTime, Duration)>,
}

/// What turning the clock brought about.
pub struct Turned {
    /// The time before.
    pub from: Time,
    /// The time that the clock was turned to.
    pub to: Time,
    /// Whether that is as far as was asked for.
    pub reached: bool,
    /// The moments on the way at which something happened that somebody waited for.
    pub steps: Vec<Step>,
    /// Messages that parked receives were handed meanwhile.
    pub handed_out: u64,
}

/// A moment at which something happened that somebody waited for.
#[derive(Clone)]
pub struct Step {
    /// The moment.
    pub at: Time,
    /// The queue.
    pub queue: Arc<Queue>,
    /// What happened.
    pub due: Due,
    /// To how many messages.
    pub messages: u64,
}

/// What is due at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Due {
    /// The delay of a message ends.
    DelayEnds,
    /// A visibility timeout ends.
    VisibilityEnds,
    /// A message move task goes on.
    MoveTask,
}

impl Due {
    /// What ends for a message in this state.
    pub fn of(state: MessageState) -> Due {
        if state == MessageState::Delayed { Due::DelayEnds } else { Due::VisibilityEnds }
    }

    /// The word in answers.
    pub fn name(self) -> &'static str {
        match self {
            Due::DelayEnds => "delayEnds",
            Due::VisibilityEnds => "visibilityEnds",
            Due::MoveTask => "moveTask",
        }
    }
}

/// When a message move task goes on.
#[derive(Clone)]
pub struct NextMove {
    /// The moment.
    pub at: Time,
    /// The queue that it empties.
    pub source: Arc<Queue>,
    /// The queue that its next message goes to, if it is there.
    pub target: Option<Arc<Queue>>,
}

/// A step before it is known what came of it.
struct Begun {
    queue: Arc<Queue>,
    due: Due,
    /// What was counted until then.
    before: u64,
}

impl Broker {
    /// Turns a manual or a controlled clock. What is answered comes after every hand-off that it caused is on its way. `None`,
    /// and nothing is done, on the system clock.
    pub async fn turn(&self, turn: &Turn) -> Option<Turned> {
        if !self.clock.advance_to(Time(0)) {
            return None;
        }
        let (from, handed_out) = (self.clock.now(), self.handed_out());
        self.serve_due().await;
        let (mut steps, mut reached, mut settled) = (Vec::new(), true, Duration::ZERO);
        while let Some(at) = self.first_wakeup().filter(|at| !turn.jump && *at <= turn.to) {
            if steps.len() >= STEPS_MAX || settled >= SETTLE_TOTAL_MAX {
                reached = false;
                break;
            }
            let begun = self.begin_step(at);
            self.serve_due().await;
            let before = steps.len();
            steps.extend(begun.into_iter().filter_map(|begun| self.end_step(at, begun)));
            if let Some((time, settle)) = turn.settle.as_ref().filter(|_| steps.len() > before) {
                time.pause(*settle).await;
                settled += *settle;
            }
        }
        if reached {
            self.clock.advance_to(turn.to);
            self.serve_due().await;
            self.catch_up_all().await;
        }
        let handed_out = self.handed_out().saturating_sub(handed_out);
        Some(Turned { from, to: self.clock.now(), reached, steps, handed_out })
    }

    fn first_wakeup(&self) -> Option<Time> {
        self.wakeups.first().into_iter().chain(self.move_task_wakeups.first()).min()
    }

    /// Turns the clock to a moment at which wake-ups are due, and tells what they are for, as far as somebody waits for it.
    fn begin_step(&self, at: Time) -> Vec<Begun> {
        // Nobody serves them before it is known how things stood.
        let _firing = self.firing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut begun = Vec::new();
        for queue in self.wakeups.at(at, STEPS_MAX) {
            let state = queue.lock_as_is();
            let next = state.engine.next_change().filter(|next| next.at == at);
            let waited_for = !state.long_polls.is_empty() || state.is_watched();
            let before = state.counters.ended;
            drop(state);
            if let Some(next) = next.filter(|_| waited_for) {
                begun.push(Begun { queue, due: Due::of(next.state), before });
            }
        }
        for source in self.move_task_wakeups.at(at, NEXT_MOVES_MAX) {
            let next = self.next_move(at, source.clone());
            if [Some(&next.source), next.target.as_ref()].into_iter().flatten().any(|queue| has_waiters(queue)) {
                let before = self.moved(&source);
                begun.push(Begun { queue: source, due: Due::MoveTask, before });
            }
        }
        self.clock.advance_to(at);
        begun
    }

    /// The step, if something came of it.
    fn end_step(&self, at: Time, Begun { queue, due, before }: Begun) -> Option<Step> {
        let now = match due {
            Due::MoveTask => self.moved(&queue),
            Due::DelayEnds | Due::VisibilityEnds => queue.lock_as_is().counters.ended,
        };
        let messages = now.saturating_sub(before);
        (messages > 0).then_some(Step { at, queue, due, messages })
    }

    /// How many messages the newest task of a source has moved.
    fn moved(&self, source: &Queue) -> u64 {
        self.move_tasks.lock().of(source).next().map_or(0, |task| task.moved)
    }

    /// Messages that parked receives have been handed since the beginning.
    fn handed_out(&self) -> u64 {
        self.namespace.all().iter().map(|queue| queue.lock_as_is().counters.handed_out).sum()
    }

    /// Serves all that is due now, and returns when every hand-off is on its way, whichever thread has seen to it.
    pub async fn serve_due(&self) {
        let mut served = BTreeMap::new();
        loop {
            let fired = self.fire_due_queues();
            let (moving, ticket) = self.fire_due_move_tasks();
            if let Some(ticket) = ticket {
                // If the store fails, the server is about to end.
                ticket.finished().await;
            }
            let more = moving || !fired.is_empty();
            served.extend(fired.into_iter().map(|queue| (queue.uid, queue)));
            // Another thread may be about to bring what has left a queue to its target.
            if !more && !served.values().any(|queue: &Arc<Queue>| queue.lock_as_is().departures.are_under_way()) {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Brings every queue up to now, those too for which nobody waits.
    pub async fn catch_up_all(&self) {
        for (index, queue) in self.namespace.all().iter().enumerate() {
            while self.catch_up_some(queue) {
                tokio::task::yield_now().await;
            }
            if (index + 1) % QUEUES_PER_TURN == 0 {
                tokio::task::yield_now().await;
            }
        }
        self.serve_due().await;
    }

    /// Brings a queue nearer to now by one portion; whether there is more.
    fn catch_up_some(&self, queue: &Arc<Queue>) -> bool {
        let mut state = queue.lock(&self.readers);
        let now = self.clock.now();
        if state.engine.next_deadline().is_none_or(|at| at > now) {
            return false;
        }
        let more = {
            let state = &mut *state;
            state.engine.tick(now, &mut state.journal)
        };
        state.journal.flush(&self.readers);
        // What has become visible is for the parked receives, and those who await something want to know.
        if !state.long_polls.is_empty() || state.is_watched() {
            self.set_wakeup(queue, &mut state, Some(now));
        }
        more
    }

    /// When the running message move tasks go on.
    pub fn next_moves(&self) -> Vec<NextMove> {
        let due = self.move_task_wakeups.all().into_iter().take(NEXT_MOVES_MAX);
        due.map(|(at, source)| self.next_move(at, source)).collect()
    }

    fn next_move(&self, at: Time, source: Arc<Queue>) -> NextMove {
        let movable = source.lock_as_is().engine.peek_oldest_visible();
        let tasks = self.move_tasks.lock();
        let task = tasks.of(&source).next();
        let arn = task.and_then(|task| task.destination_arn.as_deref());
        let arn = arn.or_else(|| movable.as_ref()?.dead_letter_source.as_deref());
        let target = arn.and_then(|arn| self.namespace.resolve_arn(&Arn::parse(arn).ok()?, &source.account));
        drop(tasks);
        NextMove { at, source, target }
    }
}

fn has_waiters(queue: &Queue) -> bool {
    let state = queue.lock_as_is();
    !state.long_polls.is_empty() || state.is_watched()
}
