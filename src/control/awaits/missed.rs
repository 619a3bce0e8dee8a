//! An await that was not met: why, what was wanted and seen, and what happened instead; as JSON, and for a test's log.

use super::condition::Condition;
use super::judge::{Row, Verdict};
use super::watched::MessageSeen;
use crate::control::duration::{Span, shown};
use crate::control::history::Event;
use crate::control::refusal::{Refusal, quoted};
use crate::engine::Time;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

/// Why a condition did not come to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// It could not be awaited at all.
    Refused(Refusal),
    /// Its time was over.
    TimedOut,
    /// A counter is beyond what was wanted.
    Impossible,
    /// What must not be became so.
    BecameSo,
    /// Nothing happened for so long, and nothing will happen by itself.
    NothingHappens(Duration),
    /// This queue was deleted.
    QueueDeleted(String),
    /// The server is about to stop.
    Closing,
}

impl Why {
    /// The word for it in answers.
    pub fn name(&self) -> &'static str {
        match self {
            Why::Refused(_) => "refused",
            Why::TimedOut => "timeout",
            Why::Impossible => "impossible",
            Why::BecameSo => "not",
            Why::NothingHappens(_) => "failFast",
            Why::QueueDeleted(_) => "queueDeleted",
            Why::Closing => "closing",
        }
    }
}

/// A message that is nearly what was wanted, or in its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Near {
    /// The message.
    pub message: MessageSeen,
    /// In what it differs.
    pub differs: Vec<String>,
    /// 0 for the very message that was wanted; else it is another, the farther the more.
    pub others: usize,
}

impl Near {
    /// As JSON.
    pub fn to_json(&self) -> Value {
        let MessageSeen { id, queue, body, state, receives } = &self.message;
        json!({"id": id.to_string(), "queue": queue, "body": body, "state": state.name(), "receives": receives,
            "differs": self.differs})
    }
}

/// An await that was not met. [`fmt::Display`] gives the text for a test's log.
#[derive(Clone, Debug)]
pub struct Missed {
    /// Why.
    pub why: Why,
    /// How long it took, in real time.
    pub after: Duration,
    /// What was wanted, as it may be asked for.
    pub wanted: Value,
    /// What was seen of it in the end, row by row.
    pub rows: Vec<Row>,
    /// The rows of what must not be.
    pub never_rows: Vec<Row>,
    /// The queues as they were in the end.
    pub seen: Value,
    /// Messages that are nearly what was wanted, or in its way.
    pub nearest: Vec<Near>,
    /// The last events of the queues.
    pub timeline: Vec<Event>,
    /// The time of the clock in the end.
    pub now: Time,
    /// What may help.
    pub hints: Vec<String>,
    /// What ids and faults were drawn from.
    pub seed: u64,
    /// The number of the last event of the history.
    pub position: u64,
}

impl Missed {
    /// Could not be awaited at all.
    pub fn refused(refusal: Refusal, condition: &Condition) -> Missed {
        Missed {
            why: Why::Refused(refusal),
            after: Duration::ZERO,
            wanted: condition.to_json(),
            rows: Vec::new(),
            never_rows: Vec::new(),
            seen: json!({}),
            nearest: Vec::new(),
            timeline: Vec::new(),
            now: Time(0),
            hints: Vec::new(),
            seed: 0,
            position: 0,
        }
    }

    /// What happened, in one line.
    pub fn headline(&self) -> String {
        let after = Span(self.after);
        match &self.why {
            Why::Refused(refusal) => refusal.error.clone(),
            Why::TimedOut => format!("await not met after {after}"),
            Why::Impossible => format!("await cannot be met any more, seen after {after}"),
            Why::BecameSo => format!("await failed after {after}: what must not be became so"),
            Why::NothingHappens(time) => {
                format!(
                    "await given up after {after}: nothing happened for {}, and nothing will by itself",
                    Span(*time)
                )
            }
            Why::QueueDeleted(queue) => format!("await ended after {after}: queue `{queue}` was deleted"),
            Why::Closing => format!("await ended after {after}: the server is about to stop"),
        }
    }

    /// As the answer to a request.
    pub fn to_json(&self) -> Value {
        let hint = match &self.why {
            Why::Refused(refusal) => return json!({"met": false, "error": refusal.error, "hint": refusal.hint}),
            _ => self.hints.first().map_or("", String::as_str),
        };
        let rows = self.rows.iter().filter(|row| row.verdict != Verdict::Met && !row.seen.is_empty());
        let became = self.never_rows.iter().filter(|row| row.verdict == Verdict::Met && !row.seen.is_empty());
        let differs = rows.map(|row| row.words("wanted")).chain(became.map(|row| row.words("must not be")));
        json!({
            "met": false,
            "error": self.headline(),
            "hint": hint,
            "reason": self.why.name(),
            "after": Span(self.after).to_string(),
            "afterMs": u64::try_from(self.after.as_millis()).unwrap_or(u64::MAX),
            "wanted": self.wanted,
            "seen": self.seen,
            "differs": differs.collect::<Vec<_>>(),
            "nearest": self.nearest.iter().map(Near::to_json).collect::<Vec<_>>(),
            "timeline": self.timeline.iter().map(Event::json).collect::<Vec<_>>(),
            "hints": self.hints,
            "now": shown(self.now),
            "nowMs": self.now.as_ms(),
            "seed": self.seed,
            "position": self.position,
        })
    }
}

impl Row {
    /// In words: `orders: visible 2, wanted 0`.
    fn words(&self, verb: &str) -> String {
        let queue = self.queue.as_deref().map(|queue| format!("{queue}: ")).unwrap_or_default();
        format!("{queue}{} {}, {verb} {}", self.what, self.seen, self.wanted)
    }
}

impl fmt::Display for Missed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.headline())?;
        if let Why::Refused(refusal) = &self.why {
            return if refusal.hint.is_empty() { Ok(()) } else { writeln!(f, "  {}", refusal.hint) };
        }
        write_rows(f, &self.rows, false)?;
        if !self.never_rows.is_empty() {
            write_rows(f, &self.never_rows, true)?;
        }
        if !self.nearest.is_empty() {
            writeln!(f, "\nnearest messages")?;
            self.nearest.iter().try_for_each(|near| write_near(f, near))?;
        }
        if !self.timeline.is_empty() {
            write_timeline(f, &self.timeline, self.now)?;
        }
        writeln!(f, "\nhints")?;
        self.hints.iter().try_for_each(|hint| writeln!(f, "  - {hint}"))?;
        writeln!(f, "  - seed {}, position {}", self.seed, self.position)
    }
}

/// What was wanted and seen; `!` marks what is not as wanted. The name of the queue stands above if there is only one.
fn write_rows(f: &mut fmt::Formatter<'_>, rows: &[Row], never: bool) -> fmt::Result {
    let queues: BTreeSet<&str> = rows.iter().filter_map(|row| row.queue.as_deref()).collect();
    let several = queues.len() > 1;
    let verb = if never { "must not be" } else { "wanted" };
    match queues.first() {
        Some(queue) if !several => writeln!(f, "\nqueue {queue}")?,
        _ => writeln!(f)?,
    }
    let queue_width = if several { queues.iter().map(|name| name.chars().count()).max().unwrap_or(0) + 2 } else { 0 };
    let what = |row: &Row| match &row.queue {
        Some(queue) if several => format!("{}{queue:<queue_width$}{}", "  ".repeat(row.depth), row.what),
        _ => format!("{}{}", "  ".repeat(row.depth), row.what),
    };
    let with_counts = || rows.iter().filter(|row| !row.seen.is_empty());
    let width = with_counts().map(|row| what(row).chars().count()).max().unwrap_or(0);
    let wanted_width = with_counts().map(|row| row.wanted.chars().count()).max().unwrap_or(0);
    for row in rows {
        let mark = if (row.verdict == Verdict::Met) == never { '!' } else { ' ' };
        let line = match row.seen.is_empty() {
            true => format!("  {mark} {}", what(row)),
            false => format!("  {mark} {:<width$}  {verb} {:<wanted_width$}  seen {}", what(row), row.wanted, row.seen),
        };
        writeln!(f, "{line}")?;
    }
    Ok(())
}

fn write_near(f: &mut fmt::Formatter<'_>, near: &Near) -> fmt::Result {
    let message = &near.message;
    writeln!(f, "    {}  {}", message.id, quoted(&message.body))?;
    near.differs.iter().try_for_each(|differs| writeln!(f, "      ! {differs}"))
}

/// The events, with how long before the end they took place.
fn write_timeline(f: &mut fmt::Formatter<'_>, events: &[Event], now: Time) -> fmt::Result {
    let count = events.len();
    writeln!(f, "\nlast {count} event{}, the end at {}", if count == 1 { "" } else { "s" }, shown(now))?;
    let width = events.iter().filter_map(|event| event.queue.as_ref()).map(|queue| queue.name.chars().count()).max();
    events.iter().try_for_each(|event| writeln!(f, "  {}", event.line(&event.time_from(now), width.unwrap_or(0), true)))
}
