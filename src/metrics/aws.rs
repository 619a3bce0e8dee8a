//! The table of CloudWatch's metrics, one row for each of the statistics that people use.

use super::exposition::as_float;
use super::families::{Family, Values, gauge, seconds};
use super::sample::QueueSample;

/// One of CloudWatch's metrics with one statistic: they are all gauges, as those of the exporters.
macro_rules! aws {
    ($name:literal, $help:literal, $value:expr) => {
        gauge(concat!("aws_sqs_", $name), $help, Values::Aws($value))
    };
}

#[allow(clippy::unnecessary_wraps, reason = "other values may be absent")]
fn some(count: usize) -> Option<f64> {
    Some(as_float(count as u64))
}

fn visible(queue: &QueueSample) -> Option<f64> {
    some(queue.counts.visible)
}

fn in_flight(queue: &QueueSample) -> Option<f64> {
    some(queue.counts.in_flight)
}

fn delayed(queue: &QueueSample) -> Option<f64> {
    some(queue.counts.delayed)
}

fn age(queue: &QueueSample) -> Option<f64> {
    Some(seconds(queue.oldest_ms))
}

fn groups_in_flight(queue: &QueueSample) -> Option<f64> {
    some(queue.counts.groups_with_in_flight).filter(|_| queue.fifo)
}

fn noisy_groups(queue: &QueueSample) -> Option<f64> {
    of_standard(queue, queue.counts.noisy_groups)
}

fn quiet_visible(queue: &QueueSample) -> Option<f64> {
    of_standard(queue, queue.counts.quiet_visible)
}

fn quiet_in_flight(queue: &QueueSample) -> Option<f64> {
    of_standard(queue, queue.counts.quiet_in_flight)
}

fn quiet_delayed(queue: &QueueSample) -> Option<f64> {
    of_standard(queue, queue.counts.quiet_delayed)
}

fn quiet_age(queue: &QueueSample) -> Option<f64> {
    Some(seconds(queue.oldest_quiet_ms)).filter(|_| !queue.fifo)
}

/// Groups can be noisy in standard queues only.
fn of_standard(queue: &QueueSample, count: usize) -> Option<f64> {
    some(count).filter(|_| !queue.fifo)
}

/// CloudWatch's metrics, in the order in which they are shown.
pub(super) const AWS: &[Family] = &[
    aws!(
        "approximate_age_of_oldest_message_maximum",
        "Seconds since the oldest message was sent, or came as a dead letter; those received more than 3 times left out.",
        age
    ),
    aws!("approximate_age_of_oldest_message_average", "The same as the maximum: there is one value.", age),
    aws!("approximate_age_of_oldest_message_sum", "The same as the maximum: there is one value.", age),
    aws!("approximate_number_of_messages_visible_average", "Messages that can be received.", visible),
    aws!("approximate_number_of_messages_visible_maximum", "Messages that can be received.", visible),
    aws!("approximate_number_of_messages_visible_sum", "Messages that can be received.", visible),
    aws!("approximate_number_of_messages_not_visible_average", "Messages in flight.", in_flight),
    aws!("approximate_number_of_messages_not_visible_maximum", "Messages in flight.", in_flight),
    aws!("approximate_number_of_messages_not_visible_sum", "Messages in flight.", in_flight),
    aws!("approximate_number_of_messages_delayed_average", "Messages that wait for the end of their delay.", delayed),
    aws!("approximate_number_of_messages_delayed_maximum", "Messages that wait for the end of their delay.", delayed),
    aws!("approximate_number_of_messages_delayed_sum", "Messages that wait for the end of their delay.", delayed),
    aws!(
        "number_of_messages_sent_sum",
        "Messages sent in the last complete period; moves to a dead-letter queue left out.",
        |queue| Some(as_float(queue.period.sent))
    ),
    aws!(
        "number_of_messages_received_sum",
        "Messages received in the last complete period, each time that they were.",
        |queue| Some(as_float(queue.period.received))
    ),
    aws!(
        "number_of_messages_deleted_sum",
        "Successful deletions in the last complete period, also of what was gone already.",
        |queue| Some(as_float(queue.period.deleted))
    ),
    aws!(
        "number_of_empty_receives_sum",
        "Receives that ended with nothing in the last complete period.",
        |queue| Some(as_float(queue.period.empty_receives))
    ),
    aws!("sent_message_size_sum", "Bytes sent in the last complete period: bodies and attributes.", |queue| Some(
        as_float(queue.period.sent_bytes)
    )),
    aws!("sent_message_size_sample_count", "Messages sent in the last complete period.", |queue| Some(as_float(
        queue.period.sent
    ))),
    aws!(
        "sent_message_size_average",
        "Bytes of a message sent in the last complete period; absent if there was none.",
        |queue| (queue.period.sent > 0).then(|| as_float(queue.period.sent_bytes) / as_float(queue.period.sent))
    ),
    aws!(
        "sent_message_size_maximum",
        "Bytes of the largest message sent in the last complete period; absent if there was none.",
        |queue| (queue.period.sent > 0).then(|| as_float(queue.largest))
    ),
    aws!(
        "number_of_deduplicated_sent_messages_sum",
        "Sends in the last complete period that were duplicates; FIFO queues only.",
        |queue| queue.fifo.then(|| as_float(queue.period.deduplicated))
    ),
    aws!(
        "approximate_number_of_groups_with_inflight_messages_average",
        "Message groups with messages in flight; FIFO queues only.",
        groups_in_flight
    ),
    aws!(
        "approximate_number_of_groups_with_inflight_messages_maximum",
        "Message groups with messages in flight; FIFO queues only.",
        groups_in_flight
    ),
    aws!(
        "approximate_number_of_groups_with_inflight_messages_sum",
        "Message groups with messages in flight; FIFO queues only.",
        groups_in_flight
    ),
    aws!(
        "approximate_number_of_noisy_groups_average",
        "Message groups that count as noisy neighbours; standard queues only.",
        noisy_groups
    ),
    aws!(
        "approximate_number_of_noisy_groups_maximum",
        "Message groups that count as noisy neighbours; standard queues only.",
        noisy_groups
    ),
    aws!(
        "approximate_number_of_noisy_groups_sum",
        "Message groups that count as noisy neighbours; standard queues only.",
        noisy_groups
    ),
    aws!(
        "approximate_number_of_messages_visible_in_quiet_groups_average",
        "Messages that can be received and are of no noisy group; standard queues only.",
        quiet_visible
    ),
    aws!(
        "approximate_number_of_messages_visible_in_quiet_groups_maximum",
        "Messages that can be received and are of no noisy group; standard queues only.",
        quiet_visible
    ),
    aws!(
        "approximate_number_of_messages_visible_in_quiet_groups_sum",
        "Messages that can be received and are of no noisy group; standard queues only.",
        quiet_visible
    ),
    aws!(
        "approximate_number_of_messages_not_visible_in_quiet_groups_average",
        "Messages in flight that are of no noisy group; standard queues only.",
        quiet_in_flight
    ),
    aws!(
        "approximate_number_of_messages_not_visible_in_quiet_groups_maximum",
        "Messages in flight that are of no noisy group; standard queues only.",
        quiet_in_flight
    ),
    aws!(
        "approximate_number_of_messages_not_visible_in_quiet_groups_sum",
        "Messages in flight that are of no noisy group; standard queues only.",
        quiet_in_flight
    ),
    aws!(
        "approximate_number_of_messages_delayed_in_quiet_groups_average",
        "Delayed messages that are of no noisy group; standard queues only.",
        quiet_delayed
    ),
    aws!(
        "approximate_number_of_messages_delayed_in_quiet_groups_maximum",
        "Delayed messages that are of no noisy group; standard queues only.",
        quiet_delayed
    ),
    aws!(
        "approximate_number_of_messages_delayed_in_quiet_groups_sum",
        "Delayed messages that are of no noisy group; standard queues only.",
        quiet_delayed
    ),
    aws!(
        "approximate_age_of_oldest_message_in_quiet_groups_maximum",
        "The age of the oldest message that is of no noisy group; standard queues only.",
        quiet_age
    ),
    aws!(
        "approximate_age_of_oldest_message_in_quiet_groups_average",
        "The same as the maximum: there is one value.",
        quiet_age
    ),
    aws!(
        "approximate_age_of_oldest_message_in_quiet_groups_sum",
        "The same as the maximum: there is one value.",
        quiet_age
    ),
];
