//! What a rule has to be beside well formed, and how it is shown to people.

use super::fault::{Fault, On, When};
use super::kind::FaultKind;
use crate::control::duration::Span;
use crate::control::refusal::{Refusal, nearest, shortened};
use serde_json::{Value, json};
use std::time::Duration;

/// Characters of a rule's id.
const ID_CHARACTERS_MAX: usize = 80;
/// Milliseconds by which an answer may be late.
const LATENCY_MS_MAX: u64 = 600_000;
/// Receives that get one message more.
const COPIES_MAX: u32 = 10;
/// How long after its deletion a message may come back.
const AFTER_MAX: Span = Span(Duration::from_secs(14 * 86_400));
/// Messages that are put into another order at a time.
const WINDOW_MAX: usize = 100;
/// Entries of a batch.
const ENTRIES_MAX: usize = 10;
/// How old counts may be.
const LAG_MAX: Span = Span(Duration::from_secs(3_600));

impl Fault {
    /// Reads a rule.
    ///
    /// # Errors
    /// 400 with what is wrong, and with the nearest right name for a wrong one.
    pub fn read(json: &Value) -> Result<Fault, Refusal> {
        let fault: Fault = serde::Deserialize::deserialize(json).map_err(|error| said(&error))?;
        let given = json.as_object().into_iter().flatten().map(|(name, _)| name.as_str());
        let of_all = ["id", "fault", "on", "when", "ttl"];
        let args = fault.kind.args();
        if let Some(wrong) = given.into_iter().find(|name| !of_all.contains(name) && !args.contains(name)) {
            let hint = match args {
                [] => format!("`{}` takes no arguments", fault.kind.name()),
                args => format!("it takes {}", args.join(", ")),
            };
            return Err(Refusal::new(400, format!("`{wrong}` is no argument of `{}`", fault.kind.name()), hint));
        }
        fault.check()?;
        Ok(fault)
    }

    /// Checks what the types do not say.
    ///
    /// # Errors
    /// 400 with what would be right.
    pub fn check(&self) -> Result<(), Refusal> {
        let wrong = |error: String| Err(Refusal::new(400, error, ""));
        let name = self.kind.name();
        if let Some(id) = &self.id
            && (id.is_empty() || id.chars().count() > ID_CHARACTERS_MAX || id.contains(['/', '?', '#']))
        {
            return wrong(format!("an id has 1 to {ID_CHARACTERS_MAX} characters and no / ? or #"));
        }
        self.check_on()?;
        self.when.check()?;
        let range = |what: &str, value: Option<u64>, least: u64, most: u64| match value {
            Some(value) if !(least..=most).contains(&value) => {
                Err(Refusal::new(400, format!("`{what}` of `{name}` is {least} to {most}, not {value}"), ""))
            }
            _ => Ok(()),
        };
        range("status", self.status.map(u64::from), 400, 599)?;
        range("ms", self.ms, 0, LATENCY_MS_MAX)?;
        range("jitter", self.jitter, 0, LATENCY_MS_MAX)?;
        range("copies", self.copies.map(u64::from), 1, COPIES_MAX.into())?;
        range("window", self.window.map(|window| window as u64), 2, WINDOW_MAX as u64)?;
        range("entries", self.entries.map(|entries| entries as u64), 1, ENTRIES_MAX as u64)?;
        for (what, span, most) in [("after", self.after, AFTER_MAX), ("lag", self.lag, LAG_MAX)] {
            if span.is_some_and(|span| span > most) {
                return wrong(format!("`{what}` of `{name}` is at most {most}"));
            }
        }
        if self.ttl.is_some_and(|ttl| ttl.as_ms() == 0) {
            return wrong("`ttl` is more than nothing".to_owned());
        }
        match self.kind {
            FaultKind::AwsLike if self.when != When::default() => {
                wrong("`awsLike` has its own `when` for each of its faults".to_owned())
            }
            FaultKind::Error if self.code.is_none() => Err(Refusal::new(
                400,
                "`error` needs a `code`",
                "as in {\"fault\": \"error\", \"code\": \"KmsDisabled\"}",
            )),
            FaultKind::Latency if self.ms.is_none() => {
                Err(Refusal::new(400, "`latency` needs `ms`", "as in {\"fault\": \"latency\", \"ms\": 200}"))
            }
            _ => Ok(()),
        }
    }

    fn check_on(&self) -> Result<(), Refusal> {
        let On { actions, queue, message, .. } = &self.on;
        let name = self.kind.name();
        let names = |of: &[crate::api::Operation]| of.iter().map(|action| action.name()).collect::<Vec<_>>().join(", ");
        if let Some(can) = self.kind.actions()
            && let Some(wrong) = actions.iter().find(|action| !can.contains(action))
        {
            let hint = format!("it acts on {}", names(can));
            return Err(Refusal::new(400, format!("`{name}` does not act on {}", wrong.name()), hint));
        }
        let with_messages = self.kind.actions_with_messages();
        let apart = |action| with_messages.contains(action);
        if message.is_some() && (with_messages.is_empty() || !(actions.is_empty() || actions.iter().all(apart))) {
            let hint = match with_messages {
                [] => "leave out `message`".to_owned(),
                some => format!("it can on {}", names(some)),
            };
            let error = format!("`{name}` cannot tell messages apart there: they are not known when it acts");
            return Err(Refusal::new(400, error, hint));
        }
        if queue.as_ref().is_some_and(|queue| queue.ends_with(".fifo")) && self.kind.is_for_standard_queues() {
            let error = format!("`{name}` is for standard queues: AWS promises that it never happens on a FIFO queue");
            return Err(Refusal::new(400, error, ""));
        }
        Ok(())
    }

    /// Whether it says nothing but the fault and its arguments.
    pub(super) fn is_for_one_request(&self) -> bool {
        let all = Fault { on: On::default(), when: When::default(), id: None, ttl: None, ..self.clone() };
        self.kind != FaultKind::AwsLike && all == *self
    }

    /// As JSON.
    pub fn to_json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// The arguments for people: `how close`.
    pub(super) fn show_args(&self) -> String {
        let json = self.to_json();
        let shown = self.kind.args().iter().filter_map(|name| Some(format!("{name} {}", plain(json.get(*name)?))));
        shown.collect::<Vec<_>>().join(", ")
    }
}

impl On {
    /// For people: `SendMessage at orders`.
    pub(super) fn show(&self) -> String {
        let mut parts = Vec::new();
        if !self.actions.is_empty() {
            parts.push(self.actions.iter().map(|action| action.name()).collect::<Vec<_>>().join("|"));
        }
        parts.extend(self.queue.as_ref().map(|queue| format!("at {queue}")));
        parts.extend(self.message.as_ref().map(|message| format!("with {message}")));
        if let Some(caller) = &self.caller {
            let shown = [&caller.user_agent, &caller.account].into_iter().flatten().map(String::as_str);
            parts.push(format!("by {}", shown.collect::<Vec<_>>().join(" ")));
        }
        if parts.is_empty() { "all".to_owned() } else { parts.join(" ") }
    }
}

impl When {
    fn check(&self) -> Result<(), Refusal> {
        let When { probability, nth, first, every, after, times } = self;
        let said = [
            ("probability", probability.is_some()),
            ("nth", !nth.is_empty()),
            ("first", first.is_some()),
            ("every", every.is_some()),
            ("after", after.is_some()),
        ];
        let said: Vec<&str> = said.into_iter().filter(|(_, is)| *is).map(|(name, _)| name).collect();
        if let [one, other, ..] = said[..] {
            let hint = "say one of probability, nth, first, every and after; times goes with any";
            return Err(Refusal::new(400, format!("`when` has both `{one}` and `{other}`"), hint));
        }
        if probability.is_some_and(|probability| !(0.0..=1.0).contains(&probability)) {
            return Err(Refusal::new(400, "`probability` is 0 to 1", "as in 0.1 for one of ten"));
        }
        let numbers = nth.iter().copied().map(Some).chain([*first, *every, *times]);
        if numbers.flatten().any(|number| number == 0) {
            return Err(Refusal::new(400, "`when` counts from 1", "as in {\"nth\": [1]} for the first"));
        }
        Ok(())
    }

    /// For people: `nth 2, 5`.
    pub(super) fn show(&self) -> String {
        let json = json!(self);
        let parts = json.as_object().into_iter().flatten().map(|(name, value)| format!("{name} {}", plain(value)));
        let parts: Vec<_> = parts.collect();
        if parts.is_empty() { "always".to_owned() } else { parts.join(", ") }
    }
}

/// A value without the marks of JSON.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => shortened(text),
        Value::Array(list) => list.iter().map(plain).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

/// What serde says of a rule, in fewer words where it lists all arguments of all faults.
fn said(error: &serde_json::Error) -> Refusal {
    let refusal = Refusal::wrong_input(&error.to_string());
    let quoted: Vec<&str> = refusal.error.split('`').skip(1).step_by(2).collect();
    match quoted.split_first() {
        Some((wrong, right)) if refusal.error.starts_with("unknown variant ") && right.contains(&"throttle") => {
            let hint = match nearest(wrong, right.iter().copied()) {
                Some(name) => format!("did you mean `{name}`?"),
                None => format!("there are {}", right.join(", ")),
            };
            Refusal::new(400, format!("there is no fault `{}`", shortened(wrong)), hint)
        }
        _ => refusal,
    }
}
