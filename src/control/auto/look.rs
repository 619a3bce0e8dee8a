//! Looks whether all is quiet, and if so turns the clock to the next moment that somebody waits for.
//!
//! That a message is in flight is checked once more while the clock is held: no operation goes on then between reading the time and
//! letting go of its queue. So a receive either is seen, or takes place after the jump and by the new time.

use super::held::{HeldBy, Stopped, Why};
use super::options::AutoOptions;
use super::state::{Auto, State};
use crate::broker::{Due, Glance, Queue};
use crate::clock::NetworkTime;
use crate::control::activity::Sample;
use crate::control::duration::Span;
use crate::engine::{MessageId, Time};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};
use std::time::Duration;

/// Looks within the real time that has to be quiet.
const LOOKS_PER_SETTLE: u32 = 10;
/// The shortest real time between two looks.
const LOOK_MIN: Duration = Duration::from_millis(1);
/// One message is handed out so often by jumps; after that it is taken for poison.
const HAND_OUTS_MAX: u64 = 100;
/// Messages for which it is counted how often jumps hand them out.
const COUNTED_MESSAGES_MAX: usize = 10_000;
/// Queues that are named as reasons.
const QUEUES_NAMED_MAX: usize = 20;

/// Looks again and again, for as long as somebody wants auto-advance.
pub(super) async fn look_on(auto: Weak<Auto>, time: NetworkTime) {
    loop {
        let pause = match auto.upgrade() {
            Some(auto) => auto.look().await,
            None => return,
        };
        match pause {
            Some(pause) => time.pause(pause).await,
            None => return,
        }
    }
}

/// A reason why the clock does not jump, before it is known since when.
struct Reason {
    why: Why,
    queue: Option<String>,
    count: Option<u64>,
    hint: String,
}

impl Reason {
    fn new(why: Why, count: Option<u64>, hint: impl Into<String>) -> Reason {
        Reason { why, queue: None, count, hint: hint.into() }
    }
}

/// Where the clock might jump.
#[derive(Clone)]
struct Target {
    at: Time,
    due: Due,
    queue: Arc<Queue>,
    /// The message that becomes available, if it is handed out then.
    message: Option<MessageId>,
}

/// What a look at all queues found.
#[derive(Default)]
struct Survey {
    reasons: Vec<Reason>,
    target: Option<Target>,
    /// The next change of a queue where nobody waits.
    unwaited: Option<(Time, String)>,
}

impl Auto {
    /// Looks once, and jumps if all is quiet. Answers how long to wait for the next look; `None` if nobody wants it any more.
    pub async fn look(&self) -> Option<Duration> {
        let (options, now_ms, mut reasons) = {
            let mut state = self.lock();
            let Some(options) = state.options() else {
                state.looking = false;
                return None;
            };
            let now_ms = self.shared.time.now_ms();
            let reasons = self.first_reasons(&mut state, &options, now_ms);
            (options, now_ms, reasons)
        };
        if reasons.is_empty() {
            self.broker.catch_up_all().await;
            reasons = self.jump(&options, now_ms).await;
        }
        let mut state = self.lock();
        state.tell_reasons(reasons, now_ms);
        state.seen.looks += 1;
        let left_ms = state.seen.changed_ms.saturating_add(as_ms(options.settle)).saturating_sub(now_ms);
        let pause = (options.settle / LOOKS_PER_SETTLE).max(LOOK_MIN);
        Some(if left_ms > 0 { pause.min(Duration::from_millis(left_ms)) } else { pause })
    }

    /// What keeps the clock from jumping whatever the queues hold.
    fn first_reasons(&self, state: &mut State, options: &AutoOptions, now_ms: u64) -> Vec<Reason> {
        let mut reasons = Vec::new();
        let Sample { served, half_requests, fingerprint } = self.sample();
        if state.seen.fingerprint.replace(fingerprint) != Some(fingerprint) {
            state.seen.changed_ms = now_ms;
        }
        if served > 0 {
            reasons.push(Reason::new(Why::Served, Some(served as u64), "requests are being answered"));
        }
        if half_requests > 0 {
            let hint = "a part of a request has come; its client has yet to send the rest";
            reasons.push(Reason::new(Why::HalfRequest, Some(half_requests as u64), hint));
        }
        if served + half_requests > 0 {
            state.seen.changed_ms = now_ms;
        }
        state.forget_holds(now_ms);
        for (id, hold) in &state.holds {
            let ends = Span(Duration::from_millis(hold.until_ms.saturating_sub(now_ms)));
            let hint = format!("{}; ends in {ends}, or by DELETE /_kew/clock/hold/{id}", hold.reason);
            reasons.push(Reason::new(Why::Hold, None, hint));
        }
        let quiet_ms = now_ms.saturating_sub(state.seen.changed_ms);
        if reasons.is_empty() && quiet_ms < as_ms(options.settle) {
            let hint = format!("quiet for {}ms of {}", quiet_ms, Span(options.settle));
            reasons.push(Reason::new(Why::Settling, None, hint));
        }
        reasons
    }

    /// Jumps, unless something holds the clock.
    async fn jump(&self, options: &AutoOptions, now_ms: u64) -> Vec<Reason> {
        let queues = self.broker.namespace().all();
        let survey = self.survey(&queues, options);
        if !survey.reasons.is_empty() {
            return survey.reasons;
        }
        let now = self.broker.clock().now();
        let Some(target) = survey.target.clone() else { return vec![survey.no_target(now)] };
        if options.until.is_some_and(|until| now >= until) {
            let hint = format!("the clock has come to {now}, as far as `until` lets it");
            return vec![Reason::new(Why::Until, None, hint)];
        }
        let busy = || vec![Reason::new(Why::Turning, None, "a request came in, or somebody turns the clock")];
        let Ok(_turning) = self.turning.try_lock() else { return busy() };
        let to = options.until.map_or(target.at, |until| until.min(target.at));
        let turned = self.clock().advance_if(|_| self.is_still(&queues, options, &target).then_some(to));
        let Some((from, to)) = turned else { return busy() };
        self.broker.serve_due().await;
        self.note_turn(from, to, if to < target.at { "until" } else { target.due.name() });
        let mut state = self.lock();
        state.seen.jumps += 1;
        state.seen.changed_ms = now_ms;
        if let Some(why) = state.seen.has_had_enough(&target, to, options) {
            self.stop(&mut state, why);
        }
        Vec::new()
    }

    /// Looks at all queues: what holds the clock, and where it might jump.
    fn survey(&self, queues: &[Arc<Queue>], options: &AutoOptions) -> Survey {
        let mut survey = Survey::default();
        let moves = self.broker.next_moves();
        let mut waited_for = BTreeSet::new();
        for queue in queues {
            let Ok(look) = self.broker.look(queue) else { continue };
            let glance = look.glance();
            drop(look);
            if let Some(reason) = open_deliveries(queue, &glance, options) {
                survey.reasons.push(reason);
            }
            if glance.has_waiters() {
                waited_for.insert(queue.uid);
            }
            let Some(next) = glance.next else { continue };
            if glance.has_waiters() {
                let message = (glance.parked > 0).then_some(next.id);
                survey.offer(Target { at: next.at, due: Due::of(next.state), queue: queue.clone(), message });
            } else if survey.unwaited.as_ref().is_none_or(|(at, _)| next.at < *at) {
                survey.unwaited = Some((next.at, queue.name.to_string()));
            }
        }
        survey.reasons.truncate(QUEUES_NAMED_MAX);
        for next in moves {
            let touches = [Some(&next.source), next.target.as_ref()];
            if touches.into_iter().flatten().any(|queue| waited_for.contains(&queue.uid)) {
                survey.offer(Target { at: next.at, due: Due::MoveTask, queue: next.source, message: None });
            }
        }
        survey
    }

    /// Whether all is as it was when the target was found; to be called while the clock is held.
    fn is_still(&self, queues: &[Arc<Queue>], options: &AutoOptions, target: &Target) -> bool {
        let mut waiters = target.due == Due::MoveTask;
        for queue in queues {
            let Some(glance) = self.broker.try_glance(queue) else { return false };
            if open_deliveries(queue, &glance, options).is_some() {
                return false;
            }
            waiters |= queue.uid == target.queue.uid && glance.has_waiters();
        }
        let sample = self.sample();
        waiters && sample.served == 0 && sample.half_requests == 0
    }
}

/// Why messages in flight hold the clock, if there are some.
fn open_deliveries(queue: &Queue, glance: &Glance, options: &AutoOptions) -> Option<Reason> {
    let (name, in_flight) = (&*queue.name, glance.counts.in_flight as u64);
    if in_flight == 0 {
        return None;
    }
    let hint = match options.consumers.get(name) {
        Some(declared) if glance.parked as u64 >= *declared => return None,
        Some(declared) => {
            format!("{} of {declared} declared receives are parked: a consumer works on a message", glance.parked)
        }
        None => format!("declare consumers: {{\"{name}\": 1}} to let retries come at once"),
    };
    Some(Reason { why: Why::InFlight, queue: Some(name.to_owned()), count: Some(in_flight), hint })
}

impl Survey {
    fn offer(&mut self, target: Target) {
        if self.target.as_ref().is_none_or(|best| target.at < best.at) {
            self.target = Some(target);
        }
    }

    fn no_target(&self, now: Time) -> Reason {
        let hint = match &self.unwaited {
            Some((at, queue)) => {
                let left = Span(Duration::from_millis(at.ms_since(now)));
                format!("nobody polls or awaits `{queue}`, where something happens in {left}")
            }
            None => "no queue has a delayed message or one in flight".to_owned(),
        };
        Reason::new(Why::NoTarget, None, hint)
    }
}

impl super::state::Seen {
    /// Counts a jump, and tells whether it was the last one.
    fn has_had_enough(&mut self, target: &Target, to: Time, options: &AutoOptions) -> Option<Stopped> {
        if let Some(message) = target.message.filter(|_| to == target.at) {
            let known = self.handed_out.contains_key(&message);
            if known || self.handed_out.len() < COUNTED_MESSAGES_MAX {
                let handed_out = self.handed_out.entry(message).or_default();
                *handed_out += 1;
                if *handed_out >= HAND_OUTS_MAX {
                    let (queue, handed_out) = (target.queue.name.to_string(), *handed_out);
                    return Some(Stopped::PoisonLoop { queue, message, handed_out });
                }
            }
        }
        (self.jumps >= options.max_jumps).then_some(Stopped::MaxJumps { jumps: self.jumps })
    }
}

impl State {
    /// Keeps the reasons, each with the time since when it holds the clock.
    fn tell_reasons(&mut self, reasons: Vec<Reason>, now_ms: u64) {
        let mut since = BTreeMap::new();
        let tell = |Reason { why, queue, count, hint }: Reason| {
            let key = (why, queue.clone());
            let began = *since.entry(key.clone()).or_insert(self.seen.held_since.get(&key).copied().unwrap_or(now_ms));
            HeldBy { why, queue, count, since: Duration::from_millis(now_ms.saturating_sub(began)), hint }
        };
        let held_by = reasons.into_iter().map(tell).collect();
        (self.seen.held_since, self.seen.held_by) = (since, held_by);
    }
}

fn as_ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
