//! The rules of a space, and which of them fires.

use super::draw::{Draws, Entity};
use super::fault::{CallerMatch, Fault};
use super::kind::{FaultKind, Stage};
use super::subject::Subject;
use crate::actions::Caller;
use crate::api::Operation;
use crate::broker::Queue;
use crate::control::refusal::{Refusal, nearest, shortened};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};

/// Rules of one space.
pub const RULES_MAX: usize = 1_000;

/// A rule, and how often it matched and fired.
pub(super) struct Rule {
    pub(super) id: String,
    /// The id of the profile that it is a part of.
    profile: Option<String>,
    pub(super) fault: Fault,
    seen: AtomicU64,
    fired: AtomicU64,
    /// When it ends, in real time.
    ends_ms: Option<u64>,
}

impl Rule {
    pub(super) fn new(id: String, profile: Option<String>, fault: Fault, now_ms: u64) -> Rule {
        let ends_ms = fault.ttl.map(|ttl| now_ms.saturating_add(ttl.as_ms()));
        Rule { id, profile, fault, seen: AtomicU64::new(0), fired: AtomicU64::new(0), ends_ms }
    }

    fn has_ended(&self, now_ms: u64) -> bool {
        self.ends_ms.is_some_and(|end| now_ms >= end)
    }

    /// How often it has fired.
    pub(super) fn fired(&self) -> u64 {
        self.fired.load(Relaxed)
    }

    /// Whether it is one that hits such requests, and their messages if they are known.
    pub(super) fn matches(&self, at: &Place<'_>, subjects: &[&Subject]) -> bool {
        let (fault, on) = (&self.fault, &self.fault.on);
        let queue_is = |name: &str| at.queue.is_some_and(|queue| *queue.name == *name);
        (on.actions.is_empty() || on.actions.contains(&at.operation))
            && fault.kind.actions().is_none_or(|actions| actions.contains(&at.operation))
            && on.queue.as_deref().is_none_or(queue_is)
            && !(fault.kind.is_for_standard_queues() && at.queue.is_some_and(|queue| queue.fifo))
            && !(fault.kind.needs_connection() && at.caller.fate.is_none())
            && on.caller.as_ref().is_none_or(|caller| caller.is(at.caller))
            && on.message.as_ref().is_none_or(|matcher| subjects.iter().any(|subject| subject.is(matcher)))
    }

    /// Counts a match, and tells whether it fires.
    pub(super) fn fires(&self, draws: &Draws, entity: impl FnOnce() -> Entity) -> bool {
        let k = self.seen.fetch_add(1, Relaxed) + 1;
        let when = &self.fault.when;
        let hit = when.probability.is_none_or(|probability| draws.hits(&self.id, &entity(), probability));
        let times = when.times.unwrap_or(u64::MAX);
        hit && when.is_at(k)
            && self.fired.fetch_update(Relaxed, Relaxed, |fired| (fired < times).then_some(fired + 1)).is_ok()
    }

    /// As it is listed.
    fn to_json(&self, now_ms: u64) -> Value {
        let mut json = self.fault.to_json();
        json["id"] = json!(self.id);
        json["seen"] = json!(self.seen.load(Relaxed));
        json["fired"] = json!(self.fired.load(Relaxed));
        if let Some(profile) = &self.profile {
            json["profile"] = json!(profile);
        }
        if let Some(end) = self.ends_ms {
            json["endsInMs"] = json!(end.saturating_sub(now_ms));
        }
        json
    }
}

impl CallerMatch {
    fn is(&self, caller: &Caller<'_>) -> bool {
        let agent = caller.fate.and_then(|fate| fate.user_agent).unwrap_or_default();
        let contains = |part: &String| agent.to_ascii_lowercase().contains(&part.to_ascii_lowercase());
        self.user_agent.as_ref().is_none_or(contains)
            && self.account.as_deref().is_none_or(|account| account == caller.account)
    }
}

/// A request at some point of its life.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) operation: Operation,
    pub(super) caller: &'a Caller<'a>,
    pub(super) queue: Option<&'a Arc<Queue>>,
}

/// The rules of a space, in the order in which they were added.
#[derive(Default)]
pub(super) struct Rules {
    wanted: AtomicBool,
    numbered: AtomicU64,
    list: RwLock<Arc<Vec<Arc<Rule>>>>,
}

impl Rules {
    /// Whether there are any.
    pub(super) fn is_empty(&self) -> bool {
        !self.wanted.load(Relaxed)
    }

    /// All of them.
    pub(super) fn all(&self) -> Arc<Vec<Arc<Rule>>> {
        self.list.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes the list, without those that have ended.
    fn change<T>(
        &self,
        now_ms: u64,
        change: impl FnOnce(&mut Vec<Arc<Rule>>) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let mut list = self.list.write().unwrap_or_else(PoisonError::into_inner);
        let mut rules: Vec<Arc<Rule>> = list.iter().filter(|rule| !rule.has_ended(now_ms)).cloned().collect();
        let outcome = change(&mut rules)?;
        self.wanted.store(!rules.is_empty(), Relaxed);
        *list = Arc::new(rules);
        Ok(outcome)
    }

    /// The first rule of a stage that matches a request and fires.
    pub(super) fn pick(
        &self,
        (stage, now_ms): (Stage, u64),
        at: &Place<'_>,
        subjects: &[&Subject],
        can: impl Fn(&Fault) -> bool,
        fires: impl Fn(&Rule) -> bool,
    ) -> Option<Arc<Rule>> {
        let all = self.all();
        let mut live = all.iter().filter(|rule| rule.fault.stage() == stage && !rule.has_ended(now_ms));
        live.find(|rule| can(&rule.fault) && rule.matches(at, subjects) && fires(rule)).cloned()
    }

    /// Whether there is a rule of such a kind.
    pub(super) fn any(&self, kinds: impl Fn(&Fault) -> bool) -> bool {
        self.all().iter().any(|rule| kinds(&rule.fault))
    }

    /// Adds rules, in place of all others if they replace them; all or none. Answers them as they are listed.
    ///
    /// # Errors
    /// 400 for a rule that cannot be, 409 for an id that is taken or when there are too many.
    pub(super) fn add(&self, faults: Vec<Fault>, replace: bool, now_ms: u64) -> Result<Vec<Value>, Refusal> {
        let several = faults.len() > 1;
        for (index, fault) in faults.iter().enumerate() {
            fault.check().map_err(|refusal| if several { refusal_of(index, refusal) } else { refusal })?;
        }
        self.change(now_ms, |rules| {
            if replace {
                rules.clear();
            }
            let before = rules.len();
            for fault in faults {
                self.add_one(rules, fault, now_ms)?;
            }
            Ok(rules[before..].iter().map(|rule| rule.to_json(now_ms)).collect())
        })
    }

    fn add_one(&self, rules: &mut Vec<Arc<Rule>>, fault: Fault, now_ms: u64) -> Result<(), Refusal> {
        let taken = |id: &str| rules.iter().any(|rule| rule.id == id || rule.profile.as_deref() == Some(id));
        let id = match &fault.id {
            Some(id) if taken(id) => {
                return Err(Refusal::new(
                    409,
                    format!("there is a rule `{id}` already"),
                    "remove it, or give another id",
                ));
            }
            Some(id) => id.clone(),
            None => loop {
                let id = format!("fault-{}", self.numbered.fetch_add(1, Relaxed) + 1);
                if !taken(&id) {
                    break id;
                }
            },
        };
        match fault.kind {
            FaultKind::AwsLike => {
                for part in aws_like(&fault) {
                    let part_id = format!("{id}.{}", part.kind.name());
                    rules.push(Arc::new(Rule::new(part_id, Some(id.clone()), part, now_ms)));
                }
            }
            _ => rules.push(Arc::new(Rule::new(id, None, fault, now_ms))),
        }
        if rules.len() > RULES_MAX {
            return Err(Refusal::new(409, format!("there are {RULES_MAX} rules, and no room for more"), "remove some"));
        }
        Ok(())
    }

    /// Removes a rule, or all of a profile.
    ///
    /// # Errors
    /// 404.
    pub(super) fn remove(&self, id: &str, now_ms: u64) -> Result<(), Refusal> {
        self.change(now_ms, |rules| {
            let before = rules.len();
            rules.retain(|rule| rule.id != id && rule.profile.as_deref() != Some(id));
            if rules.len() < before {
                return Ok(());
            }
            let hint = match nearest(id, rules.iter().map(|rule| rule.id.as_str())) {
                Some(near) => format!("did you mean `{near}`?"),
                None if rules.is_empty() => "there are no rules".to_owned(),
                None => "GET /_kew/faults lists them".to_owned(),
            };
            Err(Refusal::new(404, format!("there is no rule `{}`", shortened(id)), hint))
        })
    }

    /// All of them as they are listed.
    pub(super) fn list(&self, now_ms: u64) -> Vec<Value> {
        self.all().iter().filter(|rule| !rule.has_ended(now_ms)).map(|rule| rule.to_json(now_ms)).collect()
    }

    /// All of them as a table for people.
    pub(super) fn table(&self, now_ms: u64) -> String {
        let all = self.all();
        let live: Vec<_> = all.iter().filter(|rule| !rule.has_ended(now_ms)).collect();
        if live.is_empty() {
            return "no faults\n".to_owned();
        }
        let mut rows = vec![["id", "fault", "on", "when", "seen", "fired"].map(str::to_owned)];
        rows.extend(live.into_iter().map(|rule| {
            let args = rule.fault.show_args();
            let (name, gap) = (rule.fault.kind.name(), if args.is_empty() { "" } else { " " });
            let counts = [&rule.seen, &rule.fired].map(|count| count.load(Relaxed).to_string());
            let [seen, fired] = counts;
            [rule.id.clone(), format!("{name}{gap}{args}"), rule.fault.on.show(), rule.fault.when.show(), seen, fired]
        }));
        columns(&rows)
    }
}

/// Rows as columns, the last two to the right.
fn columns<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N).map(width).collect();
    let line = |row: &[String; N]| {
        let cell = |(column, text): (usize, &String)| match column + 2 >= N {
            true => format!("{text:>width$}", width = widths[column]),
            false => format!("{text:<width$}", width = widths[column]),
        };
        row.iter().enumerate().map(cell).collect::<Vec<_>>().join("  ") + "\n"
    };
    rows.iter().map(line).collect()
}

/// The same refusal, with the number of the rule that it is about.
pub(super) fn refusal_of(index: usize, refusal: Refusal) -> Refusal {
    Refusal { error: format!("rule {}: {}", index + 1, refusal.error), ..refusal }
}

/// What happens on AWS, as rarely as there, to what the profile hits.
fn aws_like(profile: &Fault) -> Vec<Fault> {
    use std::time::Duration;
    let faults = [
        Fault::throttle().probability(0.001),
        Fault::empty_receive().short_polls().probability(0.2),
        Fault::reorder(10),
        Fault::duplicate().probability(0.001),
        Fault::stale_counts(Duration::from_secs(2)),
    ];
    let fits = |fault: &Fault| {
        let (can, wanted) = (fault.kind.actions(), &profile.on.actions);
        wanted.is_empty() || can.is_none_or(|can| wanted.iter().any(|action| can.contains(action)))
    };
    let with = |fault: Fault| Fault { on: profile.on.clone(), ttl: profile.ttl, ..fault };
    faults.into_iter().filter(fits).map(with).collect()
}
