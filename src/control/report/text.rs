//! A report for people: what stands at the end of a test run.

use super::evaluation::Report;
use super::finding::{Finding, Severity};
use super::rules::{commas, counted};
use std::fmt;

/// A verdict and the numbers in one line, then each finding: what, what to change, some ids. A finding that has the same cause as
/// another takes one line.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.verdict(), self.numbers())?;
        if let Some(position) = self.dropped_before {
            writeln!(f, "The history was cut: of what happened before event {position} only a part is known.")?;
        }
        for finding in self.findings() {
            write!(f, "\n{finding}")?;
        }
        if !self.findings().is_empty() {
            writeln!(f, "\nseed {}", self.seed)?;
        }
        Ok(())
    }
}

/// A line that says what was found, one on what to change, one with examples.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Finding { severity, code, queue, summary, .. } = self;
        writeln!(f, "{severity} {code} {queue}: {summary}")?;
        if let Some(cause) = self.caused_by {
            return writeln!(f, "  cause: {cause}");
        }
        writeln!(f, "  change: {}", self.advice)?;
        if !self.examples.is_empty() {
            writeln!(f, "  e.g. {}", self.examples.join(", "))?;
        }
        Ok(())
    }
}

impl Report {
    /// `clean`, or how many findings of which severity.
    fn verdict(&self) -> String {
        let parts = [(Severity::Error, "error", "errors"), (Severity::Warning, "warning", "warnings")];
        let numbers = parts.map(|(severity, one, many)| (self.number_of(severity) as u64, one, many));
        let mut parts: Vec<String> = numbers
            .iter()
            .filter(|(number, ..)| *number > 0)
            .map(|(number, one, many)| counted(*number, one, many))
            .collect();
        if parts.is_empty() {
            parts.push("clean".to_owned());
        }
        let hints = self.number_of(Severity::Info) as u64;
        if hints > 0 {
            parts.push(counted(hints, "hint", "hints"));
        }
        parts.join(", ")
    }

    /// `3 queues, 12 messages sent, all deleted`.
    pub(super) fn numbers(&self) -> String {
        let queues = counted(self.queues.len() as u64, "queue", "queues");
        let totals = &self.totals;
        if totals.sent == 0 && totals.left == 0 {
            return format!("{queues}, nothing was sent");
        }
        let mut text = format!("{queues}, {}", counted(totals.sent, "message sent", "messages sent"));
        match totals.deleted {
            deleted if deleted == totals.sent && totals.left == 0 => text += ", all deleted",
            deleted => text += &format!(", {} deleted", commas(deleted)),
        }
        for (number, what) in [(totals.expired, "expired"), (totals.left, "still there")] {
            if number > 0 {
                text += &format!(", {} {what}", commas(number));
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::super::observed::*;
    use super::super::rules::testing::{message, queue, receive, timed_out, when};
    use super::*;

    fn observed(queues: Vec<ObservedQueue>) -> Observed {
        Observed { now: when(60_000), seed: 42, queues, ..Observed::default() }
    }

    fn report(queues: Vec<ObservedQueue>) -> Report {
        Report::new(&observed(queues), &[])
    }

    #[test]
    fn a_clean_report_is_one_line() {
        let named = |name: &str, sent, deleted, expired, left| {
            let totals = ObservedTotals { sent, deleted, expired, left, ..ObservedTotals::default() };
            ObservedQueue { name: name.to_owned(), totals, ..queue() }
        };
        let all = report(vec![named("a", 12, 12, 0, 0), named("b", 0, 0, 0, 0), named("c", 0, 0, 0, 0)]);
        assert_eq!(all.to_string(), "clean: 3 queues, 12 messages sent, all deleted\n");
        assert!(all.is_clean() && all.is_complete() && all.worst().is_none());
        let some = report(vec![named("a", 1_200, 1_000, 50, 150)]);
        assert_eq!(
            some.to_string(),
            "clean: 1 queue, 1,200 messages sent, 1,000 deleted, 50 expired, 150 still there\n"
        );
        assert_eq!(report(vec![queue()]).to_string(), "clean: 1 queue, nothing was sent\n");
        assert_eq!(report(Vec::new()).to_string(), "clean: 0 queues, nothing was sent\n");
    }

    #[test]
    fn findings_are_told_with_what_to_change_and_each_cause_once() {
        let mut orders = queue();
        let first = ObservedReceive { settled: Some(when(41_000)), ..timed_out(1, 0) };
        let second = ObservedReceive { settled: Some(when(41_500)), ..receive(2, 31_000) };
        let left = Some((when(41_500), Left::Deleted));
        orders.messages = vec![ObservedMessage { receives: vec![first, second], left, ..message(1, 0) }];
        (orders.totals.sent, orders.totals.deleted) = (1, 1);
        let settings = orders.settings.as_mut().unwrap();
        (settings.redrive, settings.dead_letter_queue) = (true, Some(("orders-dead".to_owned(), 345_600_000)));
        let cut = Observed { dropped_before: Some(812), ..observed(vec![orders]) };
        let expected = "\
1 error, 1 warning, 1 hint: 1 queue, 1 message sent, all deleted
The history was cut: of what happened before event 812 only a part is known.

error K1 orders: visibility timeout 30s < p99 processing 41s: 1 message was processed twice
  change: set VisibilityTimeout well above 41s, or extend it by ChangeMessageVisibility while the work goes on
  e.g. id-1

warning K3 orders: 1 message was received again while the receive before was still at work and deleted later
  cause: K1

info K5 orders: dead letters are kept 4d in orders-dead, messages 4d here: the time here counts, so that less than 4d \
is left for a dead letter
  change: set MessageRetentionPeriod of orders-dead to 1209600 (14 days)

seed 42
";
        assert_eq!(Report::new(&cut, &[]).to_string(), expected);
        let without = Report::new(&cut, &["K1", "K3"]);
        assert!(without.is_clean() && without.worst() == Some(Severity::Info) && !without.is_complete());
        assert!(without.to_string().starts_with("clean, 1 hint: 1 queue, "), "{without}");
    }
}
