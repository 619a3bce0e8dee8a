//! What comes near to a condition that was not met: messages, the queues in the end, and their last events.

use super::condition::{Clause, Condition, Counter, Gauge, MessageClause, State};
use super::hints;
use super::judge::Judge;
use super::missed::{Missed, Near, Why};
use super::watched::{MessageSeen, Pass, Watched, content_of_gone};
use crate::broker::Queue;
use crate::control::auto::AutoLease;
use crate::control::history::{EventFilter, Kinds};
use crate::control::matcher::MatchedContent;
use crate::engine::StoredMessage;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::Duration;

/// Messages that are shown.
const NEAREST_MAX: usize = 3;
/// Messages of a queue that are looked at for them.
const LOOKED_AT_MAX: usize = 10_000;
/// Messages that are looked at under the lock of a queue in one go.
const PAGE_MESSAGES: usize = 256;
/// Events that are shown.
const EVENTS_MAX: usize = 20;

/// Everything that is told of a condition that was not met.
pub async fn describe(
    watched: &Watched<'_>,
    condition: &Condition,
    why: Why,
    after: Duration,
    pass: Option<&Pass<'_>>,
    lease: Option<&AutoLease>,
) -> Missed {
    let space = watched.space();
    let uids = watched.queues.iter().map(|watched| watched.queue.uid).collect();
    let filter = EventFilter { queues: Some(uids), kinds: Kinds::ALL };
    let mut missed = Missed {
        why,
        after,
        wanted: condition.to_json(),
        rows: Vec::new(),
        never_rows: Vec::new(),
        seen: json!({}),
        nearest: Vec::new(),
        timeline: space.history().map(|history| history.last_events(&filter, EVENTS_MAX)).unwrap_or_default(),
        now: space.broker().clock().now(),
        hints: Vec::new(),
        seed: space.seed,
        position: space.history().map_or(0, |history| history.position()),
    };
    if let Some(pass) = pass {
        missed.rows = Judge::rows(pass, &condition.clause);
        missed.never_rows = condition.never.iter().flat_map(|never| Judge::rows(pass, never)).collect();
        missed.seen = seen(pass, condition);
        missed.nearest = nearest(watched, condition, pass, &missed.why).await;
    }
    missed.hints = hints::hints(watched, condition, pass, &missed, lease);
    missed
}

/// The queues as they were, with the counters that the condition names.
fn seen(pass: &Pass<'_>, condition: &Condition) -> Value {
    let mut queues = Map::new();
    for (name, seen) in &pass.queues {
        let gauges = Gauge::ALL.iter().map(|gauge| (gauge.name().to_owned(), seen.gauge(*gauge).into()));
        let mut members: Map<String, Value> = gauges.collect();
        for clause in std::iter::once(&condition.clause).chain(&condition.never) {
            clause.each(&mut |clause| {
                for (counter, _, since) in clause.counters.iter().filter(|_| clause.queue.as_ref() == Some(name)) {
                    members.insert(counter.name().to_owned(), seen.count(*counter, *since).into());
                }
            });
        }
        queues.insert(name.clone(), members.into());
    }
    Value::Object(queues)
}

/// What messages should show about a clause that does not hold.
enum Looked<'a> {
    /// Messages that are nearly this one.
    Like(&'a MessageClause),
    /// Messages in a state, or in any, because of these words.
    In(Option<State>, String),
}

/// The messages that come nearest to what was wanted, or are in its way.
async fn nearest(watched: &Watched<'_>, condition: &Condition, pass: &Pass<'_>, why: &Why) -> Vec<Near> {
    let mut wanted = Vec::new();
    let failing = match (why, &condition.never) {
        (Why::BecameSo, Some(never)) => never,
        _ => &condition.clause,
    };
    failing.each(&mut |clause| wanted.extend(of_clause(clause, pass, *why == Why::BecameSo)));
    let mut near: Vec<Near> = Vec::new();
    for (queue, looked) in wanted {
        for watched_queue in watched.queues.iter().filter(|other| queue.is_none_or(|name| name == other.name)) {
            let own = Place { watched, name: &watched_queue.name, queue: &watched_queue.queue, elsewhere: false };
            own.collect(&looked, &mut near).await;
            let dead = hints::dead_letter_queue(watched.space(), &watched_queue.queue);
            if let (Some(dead), Looked::Like(_)) =
                (dead.filter(|dead| watched.queues.iter().all(|q| q.name != *dead.name)), &looked)
            {
                let place = Place { watched, name: &dead.name, queue: &dead, elsewhere: true };
                place.collect(&looked, &mut near).await;
            }
        }
    }
    near
}

/// What of a clause does not hold as far as messages can show it; for what became so, what does.
fn of_clause<'a>(clause: &'a Clause, pass: &Pass<'_>, became_so: bool) -> Vec<(Option<&'a str>, Looked<'a>)> {
    let mut wanted = Vec::new();
    let queue = clause.queue.as_deref();
    if let Some(message) = &clause.message
        && pass.message(message).is_some() == became_so
    {
        wanted.push((queue, Looked::Like(message)));
    }
    let Some(seen) = queue.and_then(|queue| pass.queues.get(queue)) else { return wanted };
    for (gauge, bounds) in &clause.gauges {
        let count = seen.gauge(*gauge);
        let state = match gauge {
            Gauge::Visible => Some(State::Visible),
            Gauge::InFlight => Some(State::InFlight),
            Gauge::Delayed => Some(State::Delayed),
            Gauge::Messages => None,
            Gauge::Parked => continue,
        };
        let wrong = if became_so { bounds.holds(count) && count > 0 } else { count > bounds.max };
        if wrong {
            let not = if became_so { "not " } else { "" };
            wanted.push((queue, Looked::In(state, format!("{} {count}, wanted {not}{bounds}", gauge.name()))));
        }
    }
    for (counter, bounds, since) in clause.counters.iter().filter(|_| !became_so) {
        let undone = match counter {
            Counter::Deleted => "not deleted",
            Counter::DeadLettered => "no dead letter",
            Counter::Expired => "not expired",
            Counter::Received => "",
            _ => continue,
        };
        if seen.count(*counter, *since) < bounds.min {
            wanted.push((queue, Looked::In(None, undone.to_owned())));
        }
    }
    wanted
}

/// A queue in which messages are looked for.
struct Place<'a> {
    watched: &'a Watched<'a>,
    name: &'a str,
    queue: &'a Arc<Queue>,
    /// Whether it is another queue than the one that was awaited.
    elsewhere: bool,
}

impl Place<'_> {
    async fn collect(&self, looked: &Looked<'_>, near: &mut Vec<Near>) {
        let mut next = Some(0);
        let mut left = LOOKED_AT_MAX;
        while let (Some(from), true) = (next, left > 0) {
            // A queue that was deleted has no messages.
            let page = self.watched.space().broker().look(self.queue).map(|look| look.messages(from, PAGE_MESSAGES));
            let Ok(page) = page else { return };
            left -= page.messages.len().max(1).min(left);
            page.messages
                .iter()
                .for_each(|stored| self.add(MessageSeen::present(self.name, stored), stored, looked, near));
            next = page.next;
            tokio::task::yield_now().await;
        }
        if let (Looked::Like(wanted), Some(history), false) = (looked, self.watched.space().history(), self.elsewhere) {
            for gone in history.gone_messages(self.queue.uid, wanted.since).take(LOOKED_AT_MAX) {
                let message = MessageSeen::gone(self.name, &gone);
                insert(near, self.near(wanted, message, &content_of_gone(&gone)));
            }
        }
    }

    fn add(&self, message: MessageSeen, stored: &StoredMessage, looked: &Looked<'_>, near: &mut Vec<Near>) {
        match looked {
            Looked::Like(wanted) => insert(near, self.near(wanted, message, &MatchedContent::from(stored))),
            Looked::In(state, words) => {
                if state.is_none_or(|state| state == message.state) {
                    let receives = match message.receives {
                        0 => "never received".to_owned(),
                        1 => "received once".to_owned(),
                        times => format!("received {times} times"),
                    };
                    let state = State::of(stored.status.state).name();
                    let words = if words.is_empty() { String::new() } else { format!(": {words}") };
                    let differs = vec![format!("{state}, {receives}{words}")];
                    insert(near, Near { message, differs, others: 1 });
                }
            }
        }
    }

    /// A message with its differences from what was wanted.
    fn near(&self, wanted: &MessageClause, message: MessageSeen, content: &MatchedContent<'_>) -> Near {
        let mut differs = wanted.matcher.differences(content);
        let others = differs.len();
        if self.elsewhere {
            differs.push(format!("in queue {}", self.name));
        }
        if wanted.state != State::Any && wanted.state != message.state {
            differs.push(format!("state {}, wanted {}", message.state.name(), wanted.state.name()));
        }
        if let Some(bounds) = wanted.receives.filter(|bounds| !bounds.holds(message.receives)) {
            differs.push(format!("receives {}, wanted {bounds}", message.receives));
        }
        Near { message, differs, others }
    }
}

/// Keeps the few that are nearest; of equal ones the later. If one is the very message, others are of no interest.
fn insert(near: &mut Vec<Near>, new: Near) {
    let rank = |near: &Near| (near.others, near.differs.len());
    let is_better = |old: &Near| old.message.id == new.message.id && rank(old) <= rank(&new);
    if near.iter().any(is_better) || (new.others > 0 && near.iter().any(|old| old.others == 0)) {
        return;
    }
    near.retain(|old| old.message.id != new.message.id && old.others.min(1) <= new.others.min(1));
    let at = near.partition_point(|old| rank(old) < rank(&new));
    near.insert(at, new);
    near.truncate(NEAREST_MAX);
}
