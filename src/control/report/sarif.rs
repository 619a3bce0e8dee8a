//! A report as SARIF 2.1.0, the format of static analysis. The place of a finding is a queue, which is a logical location.

use super::evaluation::Report;
use super::finding::{Finding, Severity};
use super::rules::RULES;
use serde_json::{Value, json};

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "note",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

fn result(finding: &Finding) -> Value {
    json!({
        "ruleId": finding.code,
        "ruleIndex": RULES.iter().position(|rule| rule.code == finding.code),
        "level": level(finding.severity),
        "message": {"text": format!("{}: {}. To change: {}", finding.queue, finding.summary, finding.advice)},
        "locations": [{"logicalLocations": [{"name": finding.queue, "kind": "resource"}]}],
        "properties": {"count": finding.count, "examples": finding.examples},
    })
}

impl Report {
    /// The document.
    pub fn to_sarif(&self) -> Value {
        let rules: Vec<Value> = RULES
            .iter()
            .map(|rule| {
                json!({
                    "id": rule.code,
                    "shortDescription": {"text": rule.title},
                    "defaultConfiguration": {"level": level(rule.severity)},
                })
            })
            .collect();
        json!({
            "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
            "version": "2.1.0",
            "runs": [{
                "tool": {"driver": {"name": "kew", "version": env!("CARGO_PKG_VERSION"), "rules": rules}},
                "results": self.findings().iter().map(result).collect::<Vec<_>>(),
            }],
        })
    }
}
