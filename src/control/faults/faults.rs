//! The faults of a space: the rules, the seed that chance comes from, and what has to be remembered of what they did.

use super::bounded::Bounded;
use super::draw::{Draws, Entity};
use super::fault::Fault;
use super::kind::Stage;
use super::rules::{Place, Rule, Rules, refusal_of};
use super::stale::Stale;
use super::subject::Subject;
use crate::actions::Caller;
use crate::broker::Broker;
use crate::clock::NetworkTime;
use crate::control::history::History;
use crate::control::refusal::Refusal;
use crate::engine::MessageId;
use serde_json::{Map, Value, json};
use std::cell::OnceCell;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Messages of which it is remembered that a fault made them, or let them come back.
const REMEMBERED_MAX: usize = 100_000;

/// The id of the rule that stands in a request's own header.
const ASKED_FOR: &str = "Kew-Fault";

/// The faults of a space.
pub struct Faults {
    pub(super) rules: Rules,
    pub(super) draws: Draws,
    pub(super) stale: Stale,
    /// By queue and number: how many more receives get a message while it is in flight; 0 for a copy.
    pub(super) copies: Mutex<Bounded<(u64, u64), u32>>,
    /// Deleted messages that came back once, by queue.
    pub(super) back: Mutex<Bounded<(u64, MessageId), ()>>,
    pub(super) time: NetworkTime,
    history: Option<Arc<History>>,
}

impl Faults {
    /// No faults so far; those with a probability are drawn from the seed.
    pub fn new(seed: u64) -> Faults {
        Faults {
            rules: Rules::default(),
            draws: Draws::new(seed),
            stale: Stale::new(),
            copies: Mutex::new(Bounded::new(REMEMBERED_MAX)),
            back: Mutex::new(Bounded::new(REMEMBERED_MAX)),
            time: NetworkTime::real(),
            history: None,
        }
    }

    /// Goes by this real time.
    #[must_use]
    pub fn with_time(mut self, time: NetworkTime) -> Faults {
        self.time = time;
        self
    }

    /// Has it taken down here when a rule fires.
    #[must_use]
    pub fn with_history(mut self, history: Option<Arc<History>>) -> Faults {
        self.history = history;
        self
    }

    /// What they are drawn from.
    pub fn seed(&self) -> u64 {
        self.draws.seed()
    }

    /// Whether there are any rules.
    pub fn is_wanted(&self) -> bool {
        !self.rules.is_empty()
    }

    /// The ids of the rules, and how often each has fired.
    pub fn fired(&self) -> Vec<(String, u64)> {
        self.rules.all().iter().map(|rule| (rule.id.clone(), rule.fired())).collect()
    }

    /// Adds a rule behind the others; its id.
    ///
    /// # Errors
    /// 400 if it cannot be, 409 if its id is taken or there is no room for more.
    pub fn add(&self, fault: Fault) -> Result<String, Refusal> {
        let added = self.add_all(vec![fault], false)?;
        let id = |rule: &Value| rule["profile"].as_str().or(rule["id"].as_str()).map(str::to_owned);
        Ok(added.first().and_then(id).unwrap_or_default())
    }

    /// Adds rules, in place of all others if they replace them: all, or none. Answers them as they are listed.
    ///
    /// # Errors
    /// As [`Faults::add`].
    pub fn add_all(&self, faults: Vec<Fault>, replace: bool) -> Result<Vec<Value>, Refusal> {
        let added = self.rules.add(faults, replace, self.time.now_ms())?;
        if replace {
            self.forget();
        }
        Ok(added)
    }

    /// Reads rules and adds them.
    ///
    /// # Errors
    /// As [`Faults::add`]; of several it says which one is wrong.
    pub fn read_all(rules: &[Value]) -> Result<Vec<Fault>, Refusal> {
        let several = rules.len() > 1;
        let read = |(index, rule): (usize, &Value)| {
            Fault::read(rule).map_err(|refusal| if several { refusal_of(index, refusal) } else { refusal })
        };
        rules.iter().enumerate().map(read).collect()
    }

    /// Removes a rule, or all rules of a profile.
    ///
    /// # Errors
    /// 404.
    pub fn remove(&self, id: &str) -> Result<(), Refusal> {
        self.rules.remove(id, self.time.now_ms())
    }

    /// Removes all rules, and begins to count anew.
    pub fn clear(&self) {
        // Without rules there is nothing that could be refused.
        let _ = self.add_all(Vec::new(), true);
    }

    /// The rules, with how often each matched and fired.
    pub fn list(&self) -> Vec<Value> {
        self.rules.list(self.time.now_ms())
    }

    /// The same as a table for people.
    pub fn table(&self) -> String {
        self.rules.table(self.time.now_ms())
    }

    fn forget(&self) {
        self.draws.clear();
        self.stale.clear();
        locked(&self.copies).clear();
        locked(&self.back).clear();
    }

    /// The first rule of a stage that fires for a request: one that the request itself asks for, or else one of the list.
    pub(super) fn pick(
        &self,
        stage: Stage,
        at: &Place<'_>,
        subjects: &[&Subject],
        can: impl Fn(&Fault) -> bool,
        entity: impl Fn(&Rule) -> Entity,
    ) -> Option<Arc<Rule>> {
        if let Some(Ok(fault)) = asked_for(at.caller).filter(|asked| asked.as_ref().is_ok_and(|f| f.stage() == stage)) {
            let rule = Rule::new(ASKED_FOR.to_owned(), None, fault, 0);
            if can(&rule.fault) && rule.matches(at, subjects) {
                return Some(Arc::new(rule));
            }
        }
        let fires = |rule: &Rule| rule.fires(&self.draws, || entity(rule));
        self.rules.pick((stage, self.time.now_ms()), at, subjects, can, fires)
    }

    /// The same where the request as a whole is meant: by its message if it has one, else by how many-th it is.
    pub(super) fn pick_request(
        &self,
        stage: Stage,
        at: &Place<'_>,
        subjects: &[Subject],
        can: impl Fn(&Fault) -> bool,
    ) -> Option<Arc<Rule>> {
        let drawn = OnceCell::new();
        let entity = |rule: &Rule| match (subjects, at.queue) {
            ([one], Some(queue)) => drawn.get_or_init(|| self.draws.message(at.operation, queue, one)).clone(),
            _ => self.draws.request(&rule.id, at.operation, at.queue.map(|queue| &**queue)),
        };
        self.pick(stage, at, &subjects.iter().collect::<Vec<_>>(), can, entity)
    }

    /// Whether some rule wants to know messages before and after the action.
    pub(super) fn wants_messages(&self) -> bool {
        self.rules.any(|fault| fault.on.message.is_some() || fault.when.probability.is_some())
    }

    /// Takes down that a rule fired.
    pub(super) fn record(&self, rule: &Rule, at: &Place<'_>, message: Option<MessageId>) {
        let (name, queue) = (rule.fault.kind.name(), at.queue.map(|queue| queue.uid));
        tracing::debug!(rule = %rule.id, fault = name, action = at.operation.name(), "fault");
        if let Some(history) = &self.history {
            history.record_fault(&rule.id, name, queue, message, at.caller.by);
        }
    }

    /// Takes down the counts of a queue, if somebody wants to show old ones.
    pub(super) fn note_counts(&self, at: &Place<'_>, broker: &Broker) {
        let Some(queue) = at.queue else { return };
        if self.rules.any(|fault| fault.stage() == Stage::Counts)
            && let Ok(look) = broker.look(queue)
        {
            let counts = look.counts();
            drop(look);
            self.stale.note(queue.uid, self.time.now_ms(), [counts.visible, counts.in_flight, counts.delayed]);
        }
    }
}

/// A lock's content, also after a panic elsewhere.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The fault that a request itself asks for: `lostAnswer; how=truncate`.
pub(super) fn asked_for(caller: &Caller<'_>) -> Option<Result<Fault, Refusal>> {
    let text = caller.fate?.asked?;
    let mut parts = text.split(';').map(str::trim);
    let mut rule = Map::from_iter([("fault".to_owned(), json!(parts.next().unwrap_or_default()))]);
    for part in parts.filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').unwrap_or((part, "true"));
        let value = value.trim();
        let value = value.parse::<u64>().map_or_else(|_| json!(value), |number| json!(number));
        rule.insert(name.trim().to_owned(), value);
    }
    let fault = Fault::read(&Value::Object(rule));
    Some(fault.and_then(|fault| match fault.is_for_one_request() {
        true => Ok(fault),
        false => Err(Refusal::new(400, "a request asks for one fault, with its arguments and nothing else", "")),
    }))
}
