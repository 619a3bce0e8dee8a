//! Whether a condition holds in what was seen, and where it does not.

use super::bounds::Bounds;
use super::condition::{Clause, Counter};
use super::watched::Pass;

/// What comes of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It holds.
    Met,
    /// It does not hold.
    NotYet,
    /// It does not hold, and never will: a counter is beyond it.
    Never,
}

impl Verdict {
    fn of(holds: bool) -> Verdict {
        if holds { Verdict::Met } else { Verdict::NotYet }
    }

    fn of_count(bounds: Bounds, count: u64) -> Verdict {
        if count > bounds.max { Verdict::Never } else { Verdict::of(bounds.holds(count)) }
    }
}

/// One thing that was wanted, and what was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// How deep it stands in other clauses.
    pub depth: usize,
    /// Whether it is as wanted.
    pub verdict: Verdict,
    /// The queue, if it is about one.
    pub queue: Option<String>,
    /// What it is: `visible`, `message`.
    pub what: String,
    /// What was wanted of it.
    pub wanted: String,
    /// What was seen.
    pub seen: String,
}

/// Judges a clause, and takes down row by row what was wanted and seen.
pub struct Judge<'a> {
    pass: &'a Pass<'a>,
    /// The rows; none if they are not wanted.
    pub rows: Option<Vec<Row>>,
}

impl<'a> Judge<'a> {
    /// Whether a clause holds.
    pub fn verdict(pass: &'a Pass<'a>, clause: &Clause) -> Verdict {
        Judge { pass, rows: None }.clause(clause, 0)
    }

    /// Row by row.
    pub fn rows(pass: &'a Pass<'a>, clause: &Clause) -> Vec<Row> {
        let mut judge = Judge { pass, rows: Some(Vec::new()) };
        judge.clause(clause, 0);
        judge.rows.unwrap_or_default()
    }

    fn clause(&mut self, clause: &Clause, depth: usize) -> Verdict {
        let mut verdicts = self.of_queue(clause, depth);
        if let Some(message) = &clause.message {
            let found = self.pass.message(message);
            let seen = match found {
                Some(found) => format!("found {}", found.id),
                None => "none".to_owned(),
            };
            let verdict = Verdict::of(found.is_some());
            self.row(depth, verdict, clause.queue.as_deref(), "message", message.to_string(), seen);
            verdicts.push(verdict);
        }
        if let Some(not) = &clause.not {
            let at = self.open(depth, "none of");
            let holds = self.clause(not, depth + 1) == Verdict::Met;
            verdicts.push(self.close(at, Verdict::of(!holds)));
        }
        if !clause.any.is_empty() {
            let at = self.open(depth, "one of");
            let inner: Vec<Verdict> = clause.any.iter().map(|clause| self.clause(clause, depth + 1)).collect();
            let verdict = match &*inner {
                inner if inner.contains(&Verdict::Met) => Verdict::Met,
                inner if inner.iter().all(|verdict| *verdict == Verdict::Never) => Verdict::Never,
                _ => Verdict::NotYet,
            };
            verdicts.push(self.close(at, verdict));
        }
        verdicts.extend(clause.all.iter().map(|clause| self.clause(clause, depth)).collect::<Vec<_>>());
        [Verdict::Never, Verdict::NotYet].into_iter().find(|verdict| verdicts.contains(verdict)).unwrap_or(Verdict::Met)
    }

    /// What a clause says of its queue.
    fn of_queue(&mut self, clause: &Clause, depth: usize) -> Vec<Verdict> {
        let mut verdicts = Vec::new();
        let queue = clause.queue.as_deref();
        let Some(seen) = queue.and_then(|queue| self.pass.queues.get(queue)) else { return verdicts };
        for (gauge, bounds) in &clause.gauges {
            let count = seen.gauge(*gauge);
            let verdict = Verdict::of(bounds.holds(count));
            self.row(depth, verdict, queue, gauge.name(), bounds.to_string(), count.to_string());
            verdicts.push(verdict);
        }
        for (counter, bounds, since) in &clause.counters {
            let count = seen.count(*counter, *since);
            let verdict = Verdict::of_count(*bounds, count);
            self.row(depth, verdict, queue, &words_of(*counter, *since), bounds.to_string(), count.to_string());
            verdicts.push(verdict);
        }
        verdicts
    }

    fn row(&mut self, depth: usize, verdict: Verdict, queue: Option<&str>, what: &str, wanted: String, seen: String) {
        if let Some(rows) = &mut self.rows {
            rows.push(Row { depth, verdict, queue: queue.map(str::to_owned), what: what.to_owned(), wanted, seen });
        }
    }

    /// A row for clauses inside; its verdict comes by [`Judge::close`].
    fn open(&mut self, depth: usize, what: &str) -> usize {
        self.row(depth, Verdict::Met, None, what, String::new(), String::new());
        self.rows.as_ref().map_or(0, |rows| rows.len().saturating_sub(1))
    }

    fn close(&mut self, at: usize, verdict: Verdict) -> Verdict {
        if let Some(row) = self.rows.as_mut().and_then(|rows| rows.get_mut(at)) {
            row.verdict = verdict;
        }
        verdict
    }
}

fn words_of(counter: Counter, since: u64) -> String {
    match since {
        0 => counter.name().to_owned(),
        since => format!("{} since {since}", counter.name()),
    }
}
