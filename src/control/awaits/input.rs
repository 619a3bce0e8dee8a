//! What is awaited, as a query string or a body says it.

use super::bounds::{Bounds, BoundsSince};
use super::condition::{Clause, Condition, Counter, Gauge, MessageClause, State, TIMEOUT_DEFAULT, TIMEOUT_MAX};
use crate::control::duration::Span;
use crate::control::json_path::JsonPath;
use crate::control::matcher::{Matcher, text};
use crate::control::refusal::{Refusal, shortened};
use serde::{Deserialize, Deserializer, de};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// How deep clauses may be in each other.
const DEPTH_MAX: usize = 8;
/// Clauses of one condition.
const CLAUSES_MAX: usize = 100;

/// The members of a condition, and of the clauses in it. Those of a message may stand beside the others.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Input {
    #[serde(deserialize_with = "text")]
    queue: Option<String>,
    visible: Option<Bounds>,
    in_flight: Option<Bounds>,
    delayed: Option<Bounds>,
    messages: Option<Bounds>,
    parked: Option<Bounds>,
    empty: Option<bool>,
    sent: Option<BoundsSince>,
    received: Option<BoundsSince>,
    deleted: Option<BoundsSince>,
    dead_lettered: Option<BoundsSince>,
    expired: Option<BoundsSince>,
    empty_receives: Option<BoundsSince>,
    deduplicated: Option<BoundsSince>,
    since: Option<u64>,
    message: Option<MessageInput>,
    #[serde(deserialize_with = "text")]
    body: Option<String>,
    #[serde(deserialize_with = "text")]
    contains: Option<String>,
    json: BTreeMap<JsonPath, Value>,
    attribute: BTreeMap<String, Value>,
    #[serde(deserialize_with = "text")]
    group: Option<String>,
    #[serde(deserialize_with = "text")]
    dedup_id: Option<String>,
    #[serde(deserialize_with = "state")]
    state: Option<State>,
    receives: Option<Bounds>,
    not: Option<Box<Input>>,
    any: Vec<Input>,
    all: Vec<Input>,
    stable: Option<Span>,
    quiet: Option<Span>,
    fail_fast: Option<Span>,
    timeout: Option<Span>,
    auto: Option<Value>,
}

/// The member `message`: an id, or what the message has to be.
#[derive(Debug)]
struct MessageInput(Map<String, Value>);

impl<'de> Deserialize<'de> for MessageInput {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<MessageInput, D::Error> {
        match Value::deserialize(from)? {
            Value::Object(members) => Ok(MessageInput(members)),
            Value::String(id) => Ok(MessageInput(Map::from_iter([("id".to_owned(), id.into())]))),
            other => Err(de::Error::custom(format!(
                "`{}` is no message: say its id, or {{\"contains\": ...}}",
                shortened(&other.to_string())
            ))),
        }
    }
}

/// The same beside the other members, as it is read at last.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MessageMembers {
    #[serde(default, deserialize_with = "state")]
    state: Option<State>,
    receives: Option<Bounds>,
}

fn state<'de, D: Deserializer<'de>>(from: D) -> Result<Option<State>, D::Error> {
    let Some(name) = Option::<String>::deserialize(from)? else { return Ok(None) };
    match State::ALL.iter().find(|state| state.name() == name) {
        Some(state) => Ok(Some(*state)),
        None => {
            let names: Vec<_> = State::ALL.iter().map(|state| format!("`{}`", state.name())).collect();
            let name = shortened(&name);
            Err(de::Error::custom(format!("unknown state `{name}`, expected one of {}", names.join(", "))))
        }
    }
}

impl Input {
    /// What is asked for of auto-advance, as it stands.
    pub fn auto(&self) -> Option<&Value> {
        self.auto.as_ref()
    }

    /// The condition.
    ///
    /// # Errors
    /// What is wrong with it, and what to do about it.
    pub fn condition(mut self) -> Result<Condition, (String, String)> {
        let timeout = self.timeout.map_or(TIMEOUT_DEFAULT, |span| span.0);
        if timeout > TIMEOUT_MAX {
            let error = format!("timeout is {}", Span(timeout));
            return Err((error, format!("at most {}", Span(TIMEOUT_MAX))));
        }
        let zero = Span::default();
        let (stable, quiet) = (self.stable.take().unwrap_or(zero).0, self.quiet.take().unwrap_or(zero).0);
        let fail_fast = self.fail_fast.take().map(|span| span.0);
        let mut room = CLAUSES_MAX;
        self.timeout = None;
        self.auto = None;
        let (queue, since) = (self.queue.clone(), self.since);
        let never = self.not.take().map(|not| not.clause((queue.as_deref(), since), 1, &mut room)).transpose()?;
        let clause = self.clause((None, None), 0, &mut room)?;
        let lasts = !stable.is_zero() || !quiet.is_zero();
        if clause.is_empty() && !lasts {
            return Err(match never {
                None => (
                    "nothing is awaited".to_owned(),
                    "say what, as in queue=orders&empty or queue=orders&visible=1".to_owned(),
                ),
                Some(_) => {
                    let hint = "say for how long it must not be so, as in stable=2s, or until when, as in quiet=500ms";
                    ("`not` alone would be met at once".to_owned(), hint.to_owned())
                }
            });
        }
        if clause.is_empty() && clause.queue.is_none() && never.is_none() {
            return Err(("which queue?".to_owned(), "say queue=NAME".to_owned()));
        }
        Ok(Condition { clause, never, stable, quiet, fail_fast, timeout })
    }

    /// The clause that these members make inside another with a queue and a position.
    fn clause(
        mut self,
        (queue, since): (Option<&str>, Option<u64>),
        depth: usize,
        room: &mut usize,
    ) -> Result<Clause, (String, String)> {
        if depth > DEPTH_MAX || *room == 0 {
            let error = format!("a condition has at most {CLAUSES_MAX} clauses, {DEPTH_MAX} deep");
            return Err((error, String::new()));
        }
        *room -= 1;
        let at_top = ["stable", "quiet", "failFast", "timeout"];
        let given = [self.stable, self.quiet, self.fail_fast, self.timeout];
        let misplaced = at_top.into_iter().zip(given).find(|(_, given)| given.is_some()).map(|(name, _)| name);
        if let Some(name) = misplaced.or(self.auto.as_ref().map(|_| "auto")) {
            return Err((format!("`{name}` is about the whole await"), "put it at the top".to_owned()));
        }
        let queue = self.queue.take().or_else(|| queue.map(str::to_owned));
        let since = self.since.or(since);
        let message = self.message(since.unwrap_or(0))?;
        let (gauges, counters) = (self.gauges(), self.counters(since.unwrap_or(0)));
        if queue.is_none() && !(gauges.is_empty() && counters.is_empty()) {
            let name = gauges.first().map(|gauge| gauge.0.name()).or(counters.first().map(|counter| counter.0.name()));
            let error = format!("`{}` of which queue?", name.unwrap_or_default());
            return Err((error, "say queue=NAME".to_owned()));
        }
        let mut inner = |input: Input| input.clause((queue.as_deref(), since), depth + 1, room);
        let not = self.not.map(|not| inner(*not).map(Box::new)).transpose()?;
        let any = self.any.into_iter().map(&mut inner).collect::<Result<Vec<_>, _>>()?;
        let all = self.all.into_iter().map(&mut inner).collect::<Result<Vec<_>, _>>()?;
        let clause = Clause { queue, gauges, counters, message, not, any, all };
        if depth > 0 && clause.is_empty() {
            let hint = "each of `not`, `any` and `all` says what is awaited";
            return Err(("an empty clause".to_owned(), hint.to_owned()));
        }
        Ok(clause)
    }

    fn gauges(&self) -> Vec<(Gauge, Bounds)> {
        let mut gauges = Vec::new();
        let given = [self.visible, self.in_flight, self.delayed, self.messages, self.parked];
        for (gauge, bounds) in Gauge::ALL.iter().zip(given) {
            gauges.extend(bounds.map(|bounds| (*gauge, bounds)));
        }
        let empty = self.empty.map(|empty| if empty { Bounds::exactly(0) } else { Bounds::at_least(1) });
        gauges.extend(empty.map(|bounds| (Gauge::Messages, bounds)));
        gauges
    }

    fn counters(&self, since: u64) -> Vec<(Counter, Bounds, u64)> {
        let given = [
            self.sent,
            self.received,
            self.deleted,
            self.dead_lettered,
            self.expired,
            self.empty_receives,
            self.deduplicated,
        ];
        let counters = Counter::ALL.iter().zip(given);
        let counters = counters.filter_map(|(counter, given)| Some((*counter, given?)));
        counters.map(|(counter, given)| (counter, given.bounds, given.since.unwrap_or(since))).collect()
    }

    /// The message, from the member of this name and from what stands beside it.
    fn message(&mut self, since: u64) -> Result<Option<MessageClause>, (String, String)> {
        let beside = Matcher {
            id: None,
            body: self.body.take(),
            contains: self.contains.take(),
            json: std::mem::take(&mut self.json),
            attribute: BTreeMap::new(),
            group: self.group.take(),
            dedup_id: self.dedup_id.take(),
        };
        let mut members = self.message.take().map(|message| message.0);
        let state = self.state.take();
        let is_beside = !beside.is_empty() || !self.attribute.is_empty() || state.is_some() || self.receives.is_some();
        if is_beside {
            let members = members.get_or_insert_default();
            if let Value::Object(beside) = beside.to_json() {
                members.extend(beside);
            }
            if !self.attribute.is_empty() {
                members.insert("attribute".to_owned(), std::mem::take(&mut self.attribute).into_iter().collect());
            }
            members.extend(state.map(|state| ("state".to_owned(), state.name().into())));
            members.extend(self.receives.map(|receives| ("receives".to_owned(), receives.to_json())));
        }
        let Some(mut members) = members else { return Ok(None) };
        let wrong = |error: serde_json::Error| {
            let refusal = Refusal::wrong_input(&error.to_string());
            (format!("message: {}", refusal.error), refusal.hint)
        };
        let own = ["state", "receives"].into_iter().filter_map(|name| members.remove_entry(name));
        let own = MessageMembers::deserialize(Value::Object(own.collect())).map_err(wrong)?;
        let matcher = Matcher::deserialize(Value::Object(members)).map_err(wrong)?;
        let MessageMembers { state, receives } = own;
        Ok(Some(MessageClause { matcher, state: state.unwrap_or(State::Any), receives, since }))
    }
}
