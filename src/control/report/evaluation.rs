//! All rules on all queues: the report itself.

use super::finding::{Finding, Severity};
use super::observed::{Observed, ObservedTotals, When};
use super::rules::RULES;

/// What the consumers and producers of some queues did wrong.
#[derive(Clone, Debug)]
pub struct Report {
    findings: Vec<Finding>,
    pub(super) queues: Vec<String>,
    pub(super) totals: ObservedTotals,
    pub(super) dropped_before: Option<u64>,
    pub(super) seed: u64,
    pub(super) now: When,
    pub(super) knows_lambda_timeout: bool,
}

impl Report {
    /// Applies all rules to what was observed, but those with codes that are left out.
    pub fn new(observed: &Observed, left_out: &[&str]) -> Report {
        let mut findings = Vec::new();
        for queue in &observed.queues {
            let own = findings.len();
            for rule in RULES.iter().filter(|rule| !left_out.contains(&rule.code)) {
                let Some(found) = (rule.check)(observed, queue) else { continue };
                let is_processing = |finding: &Finding| finding.code == "K1";
                let processing = findings[own..].iter().find(|finding| is_processing(finding)).map(|f| f.code);
                findings.push(Finding {
                    code: rule.code,
                    title: rule.title,
                    severity: rule.severity,
                    queue: queue.name.clone(),
                    summary: found.summary,
                    count: found.count,
                    examples: found.examples,
                    advice: found.advice,
                    caused_by: processing.filter(|_| found.explained),
                });
            }
        }
        // The worst first; those of a queue stay in the order of the codes.
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        let mut totals = ObservedTotals::default();
        for queue in &observed.queues {
            totals.sent += queue.totals.sent;
            totals.deleted += queue.totals.deleted;
            totals.expired += queue.totals.expired;
            totals.left += queue.totals.left;
        }
        Report {
            findings,
            queues: observed.queues.iter().map(|queue| queue.name.clone()).collect(),
            totals,
            dropped_before: observed.dropped_before,
            seed: observed.seed,
            now: observed.now,
            knows_lambda_timeout: observed.lambda_timeout_ms.is_some(),
        }
    }

    /// Whether there is nothing worse than a hint ([`Severity::Info`]).
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.worst().is_none_or(|worst| worst < Severity::Warning)
    }

    /// What was found, the worst first.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The severity of the worst finding.
    #[must_use]
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.severity).max()
    }

    /// Whether it is about everything that happened: a history drops its oldest messages when there are too many.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.dropped_before.is_none()
    }

    /// Whether it is about any queue.
    pub(in crate::control) fn knows_queues(&self) -> bool {
        !self.queues.is_empty()
    }

    /// How many findings are of a severity.
    pub(super) fn number_of(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }
}
