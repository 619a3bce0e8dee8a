//! A report as JSON.

use super::evaluation::Report;
use super::finding::{Finding, Severity};
use crate::control::duration::shown;
use serde_json::{Value, json};

impl Finding {
    fn to_json(&self) -> Value {
        json!({
            "code": self.code,
            "title": self.title,
            "severity": self.severity.name(),
            "queue": self.queue,
            "summary": self.summary,
            "count": self.count,
            "examples": self.examples,
            "advice": self.advice,
            "causedBy": self.caused_by,
        })
    }
}

impl Report {
    /// The verdict first: `clean` and `worst` are all that a script has to look at.
    pub fn to_json(&self) -> Value {
        json!({
            "clean": self.is_clean(),
            "worst": self.worst().map(Severity::name),
            "findings": self.findings().iter().map(Finding::to_json).collect::<Vec<_>>(),
            "counts": {
                "errors": self.number_of(Severity::Error),
                "warnings": self.number_of(Severity::Warning),
                "infos": self.number_of(Severity::Info),
                "sent": self.totals.sent,
                "deleted": self.totals.deleted,
                "expired": self.totals.expired,
                "left": self.totals.left,
            },
            "queues": self.queues,
            "complete": self.is_complete(),
            "droppedBefore": self.dropped_before,
            "now": shown(self.now.at),
            "seed": self.seed,
        })
    }
}
