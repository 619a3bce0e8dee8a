//! K6 and K7: requests that did nothing.

use super::{EXAMPLES_MAX, Found, commas, count, counted, shown};
use crate::control::report::observed::{FailedEntry, Observed, ObservedQueue};
use std::collections::BTreeMap;

/// Fewer short polls than this are a test that looks whether a queue is empty, not a consumer.
const SHORT_POLLS_MIN: u64 = 100;

/// What a million requests cost in US East (N. Virginia), in cents of a US dollar, by the type of queue: the first tier of
/// <https://aws.amazon.com/sqs/pricing/>, as quoted in March and in June 2026. The first million of a month is free; it is counted
/// here too, for it is one for all queues of an account.
const CENTS_STANDARD: f64 = 40.0;
const CENTS_FIFO: f64 = 50.0;

/// A pace is told from this time on.
const PACE_MS_MIN: u64 = 1_000;

const MONTH_MS: f64 = 30.0 * 86_400_000.0;

/// K6. Receives that do not wait and find nothing, and what they cost.
pub(super) fn short_polling(_: &Observed, queue: &ObservedQueue) -> Option<Found> {
    let (polls, ms) = (queue.totals.empty_short_polls, queue.totals.empty_short_polls_ms);
    if polls < SHORT_POLLS_MIN {
        return None;
    }
    let cents = if queue.fifo { CENTS_FIFO } else { CENTS_STANDARD };
    let dollars = |polls: f64| polls * cents / 100.0 / 1_000_000.0;
    let pace = match ms >= PACE_MS_MIN {
        true => {
            format!(" in {}, at that pace {} a month", shown(ms), price(dollars(polls as f64 / ms as f64 * MONTH_MS)))
        }
        false => String::new(),
    };
    Some(Found {
        summary: format!(
            "{} receives did not wait and found nothing: {}{pace} (${:.2} a million)",
            commas(polls),
            price(dollars(polls as f64)),
            cents / 100.0
        ),
        count: polls,
        advice: "receive with WaitTimeSeconds 20, or set ReceiveMessageWaitTimeSeconds of the queue to 20".to_owned(),
        ..Found::default()
    })
}

/// Dollars with as many digits as say something.
fn price(dollars: f64) -> String {
    match dollars {
        0.0..0.01 => format!("${dollars:.5}"),
        0.01..100.0 => format!("${dollars:.2}"),
        _ => format!("${dollars:.0}"),
    }
}

/// K7. A batch answers 200 also when some of its entries failed.
pub(super) fn failed_entries_ignored(_: &Observed, queue: &ObservedQueue) -> Option<Found> {
    let ignored: Vec<&FailedEntry> = queue.failed_entries.iter().filter(|entry| !entry.made_up_for).collect();
    let first = ignored.first()?;
    let mut kinds: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for entry in &ignored {
        *kinds.entry((entry.action, &entry.code)).or_default() += 1;
    }
    let kinds: Vec<String> =
        kinds.iter().map(|((action, code), number)| format!("{number} of {action} with {code}")).collect();
    let number = counted(count(ignored.len()), "entry of a batch", "entries of batches");
    let ids = ignored.iter().filter_map(|entry| entry.id.map(|id| id.to_string()));
    Some(Found {
        summary: format!("{number} failed and never succeeded later: {}", kinds.join(", ")),
        count: count(ignored.len()),
        examples: ids.take(EXAMPLES_MAX).collect(),
        advice: format!("look at `Failed` in the answer of {}, and send those entries again", first.action),
        explained: false,
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use crate::engine::MessageId;

    #[test]
    fn k6_short_polling() {
        let mut queue = queue();
        (queue.totals.empty_short_polls, queue.totals.empty_short_polls_ms) = (12_400, 62_000);
        let found = check("K6", &queue).unwrap();
        assert_eq!(
            found.summary,
            "12,400 receives did not wait and found nothing: $0.00496 in 1m 2s, at that pace $207 a month ($0.40 a million)"
        );
        queue.fifo = true;
        (queue.totals.empty_short_polls, queue.totals.empty_short_polls_ms) = (100, 999);
        assert_eq!(
            check("K6", &queue).unwrap().summary,
            "100 receives did not wait and found nothing: $0.00005 ($0.50 a million)"
        );
        queue.totals.empty_short_polls = 99;
        assert!(check("K6", &queue).is_none());
    }

    #[test]
    fn k7_failed_entries_of_batches_never_retried() {
        let mut queue = queue();
        let id = MessageId([0x11; 16]);
        let entry = |made_up_for| FailedEntry {
            action: "DeleteMessageBatch",
            code: "InternalError".to_owned(),
            id: Some(id),
            made_up_for,
        };
        let send = FailedEntry { action: "SendMessageBatch", id: None, ..entry(false) };
        queue.failed_entries = vec![entry(true), entry(false), entry(false), send];
        let found = check("K7", &queue).unwrap();
        assert_eq!(
            found.summary,
            "3 entries of batches failed and never succeeded later: 2 of DeleteMessageBatch with InternalError, 1 of \
             SendMessageBatch with InternalError"
        );
        assert_eq!(found.examples, [id.to_string(), id.to_string()]);
        queue.failed_entries.truncate(1);
        assert!(check("K7", &queue).is_none(), "retried");
    }
}
