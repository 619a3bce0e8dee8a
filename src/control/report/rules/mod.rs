//! The table of the codes, and what they have in common.
//!
//! | file | codes |
//! | --- | --- |
//! | `receives.rs` | K1 K2 K3 K12: what became of receives |
//! | `settings.rs` | K4 K5 K9 K10: what queues are set to |
//! | `requests.rs` | K6 K7: requests that did nothing |
//! | `sends.rs` | K8 K11: what was sent |

mod receives;
mod requests;
mod sends;
mod settings;

use super::finding::Severity;
use super::observed::{Observed, ObservedMessage, ObservedQueue};
use crate::control::duration::Span;
use std::time::Duration;

/// A row of the table.
pub struct Rule {
    /// Its code, for good.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What it looks for.
    pub title: &'static str,
    /// What it finds in a queue.
    pub(super) check: fn(&Observed, &ObservedQueue) -> Option<Found>,
}

/// All codes.
pub const RULES: &[Rule] = &[
    Rule {
        code: "K1",
        severity: Severity::Error,
        title: "visibility timeout below processing time",
        check: receives::visibility_below_processing,
    },
    Rule {
        code: "K2",
        severity: Severity::Warning,
        title: "deleted after the visibility timeout",
        check: receives::deleted_late,
    },
    Rule {
        code: "K3",
        severity: Severity::Warning,
        title: "received again although it had not failed",
        check: receives::received_again,
    },
    Rule {
        code: "K4",
        severity: Severity::Warning,
        title: "received again and again without a dead-letter queue",
        check: settings::no_dead_letter_queue,
    },
    Rule {
        code: "K5",
        severity: Severity::Info,
        title: "dead letters kept no longer than messages",
        check: settings::short_dead_letter_retention,
    },
    Rule { code: "K6", severity: Severity::Warning, title: "short polling", check: requests::short_polling },
    Rule {
        code: "K7",
        severity: Severity::Error,
        title: "failed entries of batches never retried",
        check: requests::failed_entries_ignored,
    },
    Rule { code: "K8", severity: Severity::Info, title: "most messages in one message group", check: sends::one_group },
    Rule {
        code: "K9",
        severity: Severity::Warning,
        title: "close to the end of the retention period",
        check: settings::close_to_expiry,
    },
    Rule {
        code: "K10",
        severity: Severity::Warning,
        title: "visibility timeout below six times the Lambda timeout",
        check: settings::below_lambda_timeout,
    },
    Rule {
        code: "K11",
        severity: Severity::Warning,
        title: "sent twice without a deduplication id",
        check: sends::sent_twice,
    },
    Rule {
        code: "K12",
        severity: Severity::Warning,
        title: "received and neither deleted nor failed",
        check: receives::leaked,
    },
];

/// Ids that a finding names.
const EXAMPLES_MAX: usize = 3;

/// What a rule found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) summary: String,
    pub(super) count: u64,
    pub(super) examples: Vec<String>,
    pub(super) advice: String,
    /// K1 has the same cases, if it found something.
    pub(super) explained: bool,
}

/// The ids of the first few messages.
fn examples<'a>(messages: impl IntoIterator<Item = &'a ObservedMessage>) -> Vec<String> {
    messages.into_iter().take(EXAMPLES_MAX).map(|message| message.id.clone()).collect()
}

/// A count as `usize` gives it.
fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// Milliseconds for people.
fn shown(ms: u64) -> Span {
    Span(Duration::from_millis(ms))
}

/// A number with commas: `12,400`.
pub(super) fn commas(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 message was`, `2 messages were`: the words behind the number by how many there are.
pub(super) fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", commas(number), if number == 1 { one } else { many })
}

/// What the tests of the rules share.
#[cfg(test)]
pub(in crate::control::report) mod testing {
    use super::super::observed::*;
    use super::{Found, RULES};
    use crate::engine::Time;

    /// A moment so many milliseconds after the beginning, by both clocks.
    pub(in super::super) fn when(ms: u64) -> When {
        When { at: Time(1_000_000 + ms), real: Time(1_000_000 + ms) }
    }

    /// A queue with a visibility timeout of 30 s and a retention period of 4 days.
    pub(in super::super) fn queue() -> ObservedQueue {
        let settings = ObservedSettings {
            visibility_timeout_ms: 30_000,
            retention_ms: 4 * 86_400_000,
            ..ObservedSettings::default()
        };
        ObservedQueue { name: "orders".to_owned(), settings: Some(settings), ..ObservedQueue::default() }
    }

    /// A message that was sent at some moment.
    pub(in super::super) fn message(id: u64, ms: u64) -> ObservedMessage {
        ObservedMessage {
            id: format!("id-{id}"),
            came: when(ms),
            sent: true,
            sent_at: when(ms).at,
            request: id.into(),
            content: Some(id),
            ..ObservedMessage::default()
        }
    }

    /// A receive with the visibility timeout of the queue.
    pub(in super::super) fn receive(number: u32, ms: u64) -> ObservedReceive {
        ObservedReceive {
            number,
            when: when(ms),
            timeout_ms: 30_000,
            visible_at: when(ms + 30_000).at,
            ..ObservedReceive::default()
        }
    }

    /// The same, timed out.
    pub(in super::super) fn timed_out(number: u32, ms: u64) -> ObservedReceive {
        ObservedReceive { ended: Some((when(ms + 30_000), Ended::TimedOut)), ..receive(number, ms) }
    }

    /// What one rule finds.
    pub(in super::super) fn check(code: &str, queue: &ObservedQueue) -> Option<Found> {
        check_with(code, queue, &Observed { now: when(60_000), ..Observed::default() })
    }

    pub(in super::super) fn check_with(code: &str, queue: &ObservedQueue, observed: &Observed) -> Option<Found> {
        let rule = RULES.iter().find(|rule| rule.code == code).unwrap();
        (rule.check)(observed, queue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_in_order_and_numbers_have_commas() {
        let codes: Vec<_> = RULES.iter().map(|rule| rule.code.to_owned()).collect();
        assert_eq!(codes, (1..=12).map(|number| format!("K{number}")).collect::<Vec<_>>());
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (12_400, "12,400"), (1_234_567, "1,234,567")] {
            assert_eq!(commas(number), text);
        }
    }
}
