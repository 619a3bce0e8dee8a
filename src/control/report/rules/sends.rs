//! K8 and K11: what was sent.

use super::{Found, count, counted, examples};
use crate::control::report::observed::{Observed, ObservedMessage, ObservedQueue};
use std::collections::HashMap;

/// Fewer messages than this say nothing about groups.
const GROUPED_MIN: usize = 10;

/// Percent of a queue's messages that one group should not have.
const GROUP_PERCENT_MAX: usize = 80;

/// As long as AWS looks for duplicates.
const TWICE_MS: u64 = 5 * 60_000;

/// K8. Messages of one group are worked on one after the other, however many consumers there are.
pub(super) fn one_group(_: &Observed, queue: &ObservedQueue) -> Option<Found> {
    let sent: Vec<_> = queue.messages.iter().filter(|message| message.sent && queue.fifo).collect();
    let mut groups: HashMap<&str, usize> = HashMap::new();
    for group in sent.iter().filter_map(|message| message.group.as_deref()) {
        *groups.entry(group).or_default() += 1;
    }
    let (group, number) = groups.into_iter().max_by_key(|(_, number)| *number)?;
    if sent.len() < GROUPED_MIN || number * 100 <= sent.len() * GROUP_PERCENT_MAX {
        return None;
    }
    let in_group = sent.iter().copied().filter(|message| message.group.as_deref() == Some(group));
    Some(Found {
        summary: format!(
            "{number} of {} ({}%) are in message group {group}: they are worked on one after the other",
            counted(count(sent.len()), "message", "messages"),
            number * 100 / sent.len()
        ),
        count: count(number),
        examples: examples(in_group),
        advice: "give each thing whose order matters a MessageGroupId of its own, such as a customer or an order"
            .to_owned(),
        explained: false,
    })
}

/// K11. What a producer sends again because an answer was lost, or a consumer because it worked twice, looks like this. Equal
/// messages of one batch are meant.
pub(super) fn sent_twice(_: &Observed, queue: &ObservedQueue) -> Option<Found> {
    let mut last: HashMap<u64, &ObservedMessage> = HashMap::new();
    let mut again = Vec::new();
    for message in queue.messages.iter().filter(|message| message.sent && !message.has_deduplication_id) {
        let before = message.content.and_then(|content| last.insert(content, message));
        let is_again = |before: &ObservedMessage| {
            before.request != message.request && message.came.at.ms_since(before.came.at) <= TWICE_MS
        };
        if before.is_some_and(is_again) {
            again.push(message);
        }
    }
    if again.is_empty() {
        return None;
    }
    let number = counted(count(again.len()), "message has", "messages have");
    let what = match queue.fifo {
        true => "send the same MessageDeduplicationId with what is the same, or use ContentBasedDeduplication",
        false => {
            "if it is the same work: make the consumer idempotent, or use a FIFO queue and a MessageDeduplicationId"
        }
    };
    Some(Found {
        summary: format!(
            "{number} the same body as one that was sent within the 5 minutes before, and no deduplication id"
        ),
        count: count(again.len()),
        examples: examples(again),
        advice: what.to_owned(),
        explained: false,
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn k8_most_messages_in_one_group() {
        let mut queue = queue();
        queue.fifo = true;
        let grouped = |id: u64, group: &str| ObservedMessage { group: Some(group.into()), ..message(id, 0) };
        queue.messages = (1..=41).map(|id| grouped(id, "a")).chain((42..=50).map(|id| grouped(id, "b"))).collect();
        let found = check("K8", &queue).unwrap();
        assert_eq!(
            found.summary,
            "41 of 50 messages (82%) are in message group a: they are worked on one after the other"
        );
        assert_eq!(found.examples, ["id-1", "id-2", "id-3"]);
        queue.messages = (1..=8).map(|id| grouped(id, "a")).chain((9..=10).map(|id| grouped(id, "b"))).collect();
        assert!(check("K8", &queue).is_none(), "80 %");
        queue.messages = (1..=9).map(|id| grouped(id, "a")).collect();
        assert!(check("K8", &queue).is_none(), "few");
        queue.messages = (1..=50).map(|id| grouped(id, "a")).collect();
        queue.fifo = false;
        assert!(check("K8", &queue).is_none(), "a fair queue");
    }

    #[test]
    fn k11_sent_twice_without_a_deduplication_id() {
        let mut queue = queue();
        let sent = |id: u64, ms: u64| ObservedMessage { content: Some(7), ..message(id, ms) };
        queue.messages = vec![sent(1, 0), message(2, 5), sent(3, 300_000), sent(4, 300_001)];
        let found = check("K11", &queue).unwrap();
        assert_eq!(
            found.summary,
            "2 messages have the same body as one that was sent within the 5 minutes before, and no deduplication id"
        );
        assert_eq!(found.examples, ["id-3", "id-4"]);
        queue.messages = vec![sent(1, 0), sent(2, 300_001)];
        assert!(check("K11", &queue).is_none(), "later");
        queue.messages = vec![sent(1, 0), ObservedMessage { request: 1, ..sent(2, 0) }];
        assert!(check("K11", &queue).is_none(), "in one batch");
        queue.messages = vec![sent(1, 0), ObservedMessage { has_deduplication_id: true, ..sent(2, 0) }];
        assert!(check("K11", &queue).is_none(), "with a deduplication id");
        queue.messages = vec![sent(1, 0), ObservedMessage { sent: false, ..sent(2, 0) }];
        assert!(check("K11", &queue).is_none(), "a dead letter");
    }
}
