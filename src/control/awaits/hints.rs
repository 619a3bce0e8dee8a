//! What may help whoever reads that a condition was not met.

use super::condition::{Clause, Condition, Gauge};
use super::judge::Verdict;
use super::missed::{Missed, Why};
use super::watched::{Pass, Seen, Watched, WatchedQueue};
use crate::broker::Queue;
use crate::clock::ClockMode;
use crate::control::auto::AutoLease;
use crate::control::duration::Span;
use crate::control::history::{EventFilter, Kind, Kinds};
use crate::control::space::Space;
use crate::engine::{MessageState, StoredMessage, Time};
use std::sync::Arc;
use std::time::Duration;

/// Messages of a queue that are looked at for hints.
const LOOKED_AT_MAX: usize = 256;
/// Other queues that are looked at for hints.
const QUEUES_LOOKED_AT_MAX: usize = 100;

/// The dead-letter queue of a queue, if there is one.
pub(super) fn dead_letter_queue(space: &Space, queue: &Arc<Queue>) -> Option<Arc<Queue>> {
    let settings = queue.settings();
    space.broker().redrive_target(settings.redrive.as_ref()?, queue)
}

/// All hints, the most likely first.
pub(super) fn hints(
    watched: &Watched<'_>,
    condition: &Condition,
    pass: Option<&Pass<'_>>,
    missed: &Missed,
    lease: Option<&AutoLease>,
) -> Vec<String> {
    let space = watched.space();
    let mut hints = Vec::new();
    if missed.rows.iter().any(|row| row.verdict == Verdict::Never) {
        let position = missed.position;
        hints.push(format!(
            "counters never go down: say {{\"min\": N}} if more are fine; `since` counts only what comes later \
             (now {position})"
        ));
    }
    if let Some(lease) = lease {
        hints.extend(lease.stopped().map(|stopped| format!("auto-advance stopped: {}", stopped.hint())));
        hints.extend(space.auto().held_by().iter().map(|held| format!("auto-advance is held: {}", held.text())));
    }
    let mut waits_for_time = false;
    for queue in &watched.queues {
        let Some(seen) = pass.and_then(|pass| pass.queues.get(&queue.name)) else { continue };
        if watched.queues.len() > 1 && seen.gauge(Gauge::Messages) == 0 {
            continue;
        }
        waits_for_time |= seen.gauge(Gauge::InFlight) + seen.gauge(Gauge::Delayed) > 0;
        hints.extend(of_hidden(space, queue, lease.is_some()));
        hints.extend(of_consumers(queue, seen));
    }
    if waits_for_time && space.broker().clock().mode() == Some(ClockMode::Frozen) {
        hints.push("the clock is frozen: nothing becomes visible until it is advanced".to_owned());
    }
    if let Some(pass) = pass {
        hints.extend(of_other_queues(watched, &condition.clause, pass));
    }
    let factor = space.awaits().factor();
    if missed.why == Why::TimedOut && (factor - 1.0).abs() > f64::EPSILON {
        hints.push(format!("time limits are multiplied by {factor} here (KEW_TIMEOUT_FACTOR)"));
    }
    hints
}

fn span(ms: u64) -> Span {
    Span(Duration::from_millis(ms))
}

/// Since when messages are in flight or delayed, until when, and who received them.
fn of_hidden(space: &Space, queue: &WatchedQueue, is_auto: bool) -> Vec<String> {
    let Ok(look) = space.broker().look(&queue.queue) else { return Vec::new() };
    let (now, counts, page) = (look.now(), look.counts(), look.messages(0, LOOKED_AT_MAX));
    drop(look);
    let mut hints = Vec::new();
    let first = |state: MessageState| {
        let messages = page.messages.iter().filter(move |stored| stored.status.state == state);
        messages.min_by_key(|stored| (stored.status.deadline, stored.number))
    };
    if let Some(stored) = first(MessageState::InFlight) {
        hints.push(in_flight(space, queue, stored, counts.in_flight, now));
    }
    if let Some(deadline) = first(MessageState::Delayed).and_then(|stored| stored.status.deadline) {
        let left = span(deadline.ms_since(now));
        let what = if counts.delayed == 1 {
            "1 delayed; its delay".to_owned()
        } else {
            format!("{} delayed; the first delay", counts.delayed)
        };
        let help = if is_auto { "" } else { ": advance the clock, or await with auto" };
        hints.push(format!("{what} ends in {left}{help}"));
    }
    hints
}

fn in_flight(space: &Space, queue: &WatchedQueue, stored: &StoredMessage, count: usize, now: Time) -> String {
    let status = &stored.status;
    let since = status.received_at.map(|at| format!(" since {}", span(now.ms_since(at)))).unwrap_or_default();
    let ends = status.deadline.map(|at| format!("; visibility ends in {}", span(at.ms_since(now)))).unwrap_or_default();
    let filter = EventFilter { queues: Some(vec![queue.queue.uid]), kinds: Kinds::of([Kind::Received]) };
    let received = space.history().map(|history| history.last_events(&filter, LOOKED_AT_MAX)).unwrap_or_default();
    let received = received.iter().rev().find(|event| event.message == Some(stored.message.id));
    let by = received.and_then(|event| event.client.as_ref()).map(|client| format!("; received by {}", client.shown()));
    let what = if count == 1 { "1 in flight".to_owned() } else { format!("{count} in flight, {} ", stored.message.id) };
    format!("{}{since}{ends}{}", what.trim_end(), by.unwrap_or_default())
}

/// Whether anybody consumes.
fn of_consumers(queue: &WatchedQueue, seen: &Seen) -> Option<String> {
    let (visible, parked) = (seen.gauge(Gauge::Visible), seen.gauge(Gauge::Parked));
    if visible == 0 || parked > 0 {
        return None;
    }
    let name = &queue.name;
    match seen.polls() {
        Some(0) => Some(format!("{visible} visible, and nobody has polled {name} so far")),
        _ => Some(format!(
            "{visible} visible, and no receive is parked at {name}: its consumer works, sleeps or is gone"
        )),
    }
}

/// Queues that may have been meant, and dead letters.
fn of_other_queues(watched: &Watched<'_>, clause: &Clause, pass: &Pass<'_>) -> Vec<String> {
    let mut hints = Vec::new();
    clause.each(&mut |clause| {
        let Some(name) = &clause.queue else { return };
        let (Some(own), Some(seen)) = (watched.queues.iter().find(|q| q.name == *name), pass.queues.get(name)) else {
            return;
        };
        let space = watched.space();
        let missing = clause.gauges.iter().find(|(gauge, bounds)| seen.gauge(*gauge) < bounds.min);
        let dead = dead_letter_queue(space, &own.queue);
        if let Some((gauge, bounds)) = missing {
            let others = dead.iter().cloned().chain(space.broker().namespace().all()).take(QUEUES_LOOKED_AT_MAX);
            let other = others.filter(|other| other.uid != own.queue.uid).find_map(|other| {
                let count = gauge_of(space, &other, *gauge)?;
                (count > 0 && bounds.holds(count))
                    .then(|| format!("did you mean queue {}? it has {count} {}", other.name, words(*gauge)))
            });
            hints.extend(other.filter(|hint| !hints.contains(hint)));
        } else if let Some((dead, count)) =
            dead.and_then(|dead| Some((dead.name.clone(), gauge_of(space, &dead, Gauge::Messages)?)))
            && count > 0
        {
            let hint = format!("its dead-letter queue {dead} has {count} message{}", if count == 1 { "" } else { "s" });
            hints.extend(Some(hint).filter(|hint| !hints.contains(hint)));
        }
        if seen.ever_held() == Some(0) && hints.is_empty() {
            hints.push(format!("no message ever came to {name}"));
        }
    });
    hints
}

fn gauge_of(space: &Space, queue: &Arc<Queue>, gauge: Gauge) -> Option<u64> {
    let look = space.broker().look(queue).ok()?;
    let counts = look.counts();
    let count = match gauge {
        Gauge::Visible => counts.visible,
        Gauge::InFlight => counts.in_flight,
        Gauge::Delayed => counts.delayed,
        Gauge::Messages => counts.visible + counts.in_flight + counts.delayed,
        Gauge::Parked => look.parked_receives(),
    };
    Some(count as u64)
}

fn words(gauge: Gauge) -> &'static str {
    match gauge {
        Gauge::InFlight => "in flight",
        other => other.name(),
    }
}
