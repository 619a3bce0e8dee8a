//! The report on the consumer: mistakes that show in what became of messages, each with a stable code.
//!
//! | file | what it holds, from the bottom up |
//! | --- | --- |
//! | `observed.rs` | what a report is made from: queues, messages and their receives, as plain values |
//! | `finding.rs` | [`Finding`] and [`Severity`]: what a report says |
//! | `rules/` | the table of the codes K1 to K12, and what each looks for |
//! | `from_history.rs` `contents.rs` | how a space and its history become that |
//! | `evaluation.rs` | [`Report`]: all rules on all queues |
//! | `text.rs` | a report for people |
//! | `json.rs` `junit.rs` `github.rs` `sarif.rs` | a report for programs |
//!
//! Evaluation is pure: it knows no clock and no queue. Codes keep their meaning for good.

mod contents;
mod evaluation;
mod finding;
mod from_history;
mod github;
mod json;
mod junit;
mod observed;
mod rules;
mod sarif;
mod text;

pub use evaluation::Report;
pub use finding::{Finding, Severity};
pub use from_history::ReportOptions;
pub use rules::RULES;
