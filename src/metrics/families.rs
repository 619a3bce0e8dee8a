//! The table of all metrics: name, type, help, and where the value is found.

use super::exposition::{Kind, Samples, as_float};
use super::requests::REQUEST_BOUNDS_US;
use super::sample::{QueueSample, ServerSample};
use crate::broker::{SIZE_BOUNDS, TIME_BOUNDS_MS};
use crate::engine::Cause;
use crate::store::COMMIT_BOUNDS;

/// A row of the table.
pub struct Family {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// What it means, in one line.
    pub help: &'static str,
    pub(super) values: Values,
}

/// Where the values of a family are found.
pub(super) enum Values {
    /// In each queue, under CloudWatch's names.
    Aws(fn(&QueueSample) -> Option<f64>),
    /// In each queue, under kew's names.
    Queue(fn(&QueueSample, &mut Samples<'_>)),
    /// In the server.
    Server(fn(&ServerSample, &mut Samples<'_>)),
}

impl Family {
    /// Whether it is one of CloudWatch's.
    pub fn is_aws(&self) -> bool {
        matches!(self.values, Values::Aws(_))
    }
}

const fn gauge(name: &'static str, help: &'static str, values: Values) -> Family {
    Family { name, kind: Kind::Gauge, help, values }
}

const fn counter(name: &'static str, help: &'static str, values: Values) -> Family {
    Family { name, kind: Kind::Counter, help, values }
}

const fn histogram(name: &'static str, help: &'static str, values: Values) -> Family {
    Family { name, kind: Kind::Histogram, help, values }
}

/// One of CloudWatch's metrics with one statistic: they are all gauges, as those of the exporters.
macro_rules! aws {
    ($name:literal, $help:literal, $value:expr) => {
        gauge(concat!("aws_sqs_", $name), $help, Values::Aws($value))
    };
}

/// A count of one queue under a name that all such counts of it share.
macro_rules! count {
    ($name:literal, $help:literal, $value:expr) => {
        counter(
            $name,
            $help,
            Values::Queue(|queue, samples| {
                let value: fn(&QueueSample) -> u64 = $value;
                samples.number(&[], value(queue));
            }),
        )
    };
}

/// A count of all queues, also of those that are gone.
macro_rules! total {
    ($name:literal, $help:literal, $index:literal) => {
        counter($name, $help, Values::Server(|server, samples| samples.number(&[], server.totals.0[$index])))
    };
}

/// A number that the system may tell of the process.
macro_rules! process {
    ($kind:ident $name:literal, $help:literal, $field:ident, $write:ident) => {
        $kind(
            $name,
            $help,
            Values::Server(|server, samples| {
                if let Some(value) = server.process.$field {
                    samples.$write(&[], value);
                }
            }),
        )
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

fn seconds(ms: u64) -> f64 {
    as_float(ms) / 1000.0
}

/// The states of messages in a queue.
fn states(samples: &mut Samples<'_>, visible: usize, in_flight: usize, delayed: usize) {
    for (state, count) in [("visible", visible), ("in_flight", in_flight), ("delayed", delayed)] {
        samples.number(&[("state", state)], count as u64);
    }
}

/// All metrics, in the order in which they are shown.
#[rustfmt::skip]
pub const FAMILIES: &[Family] = &[
    aws!("approximate_age_of_oldest_message_maximum", "Seconds since the oldest message was sent, or arrived as a dead letter; those received more than 3 times left out.", age),
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
    aws!("number_of_messages_sent_sum", "Messages sent in the last complete period; moves to a dead-letter queue left out.", |queue| Some(as_float(queue.period.sent))),
    aws!("number_of_messages_received_sum", "Messages received in the last complete period, each time that they were.", |queue| Some(as_float(queue.period.received))),
    aws!("number_of_messages_deleted_sum", "Successful deletions in the last complete period, also of what was gone already.", |queue| Some(as_float(queue.period.deleted))),
    aws!("number_of_empty_receives_sum", "Receives that ended with nothing in the last complete period.", |queue| Some(as_float(queue.period.empty_receives))),
    aws!("sent_message_size_sum", "Bytes sent in the last complete period: bodies and attributes.", |queue| Some(as_float(queue.period.sent_bytes))),
    aws!("sent_message_size_sample_count", "Messages sent in the last complete period.", |queue| Some(as_float(queue.period.sent))),
    aws!("sent_message_size_average", "Bytes of a message sent in the last complete period; absent if there was none.", |queue| (queue.period.sent > 0).then(|| as_float(queue.period.sent_bytes) / as_float(queue.period.sent))),
    aws!("sent_message_size_maximum", "Bytes of the largest message sent in the last complete period; absent if there was none.", |queue| (queue.period.sent > 0).then(|| as_float(queue.largest))),
    aws!("number_of_deduplicated_sent_messages_sum", "Sends in the last complete period that were duplicates; FIFO queues only.", |queue| queue.fifo.then(|| as_float(queue.period.deduplicated))),
    aws!("approximate_number_of_groups_with_inflight_messages_average", "Message groups with messages in flight; FIFO queues only.", groups_in_flight),
    aws!("approximate_number_of_groups_with_inflight_messages_maximum", "Message groups with messages in flight; FIFO queues only.", groups_in_flight),
    aws!("approximate_number_of_groups_with_inflight_messages_sum", "Message groups with messages in flight; FIFO queues only.", groups_in_flight),
    aws!("approximate_number_of_noisy_groups_average", "Message groups that count as noisy neighbours; standard queues only.", noisy_groups),
    aws!("approximate_number_of_noisy_groups_maximum", "Message groups that count as noisy neighbours; standard queues only.", noisy_groups),
    aws!("approximate_number_of_noisy_groups_sum", "Message groups that count as noisy neighbours; standard queues only.", noisy_groups),
    aws!("approximate_number_of_messages_visible_in_quiet_groups_average", "Messages that can be received and are of no noisy group; standard queues only.", quiet_visible),
    aws!("approximate_number_of_messages_visible_in_quiet_groups_maximum", "Messages that can be received and are of no noisy group; standard queues only.", quiet_visible),
    aws!("approximate_number_of_messages_visible_in_quiet_groups_sum", "Messages that can be received and are of no noisy group; standard queues only.", quiet_visible),
    aws!("approximate_number_of_messages_not_visible_in_quiet_groups_average", "Messages in flight that are of no noisy group; standard queues only.", quiet_in_flight),
    aws!("approximate_number_of_messages_not_visible_in_quiet_groups_maximum", "Messages in flight that are of no noisy group; standard queues only.", quiet_in_flight),
    aws!("approximate_number_of_messages_not_visible_in_quiet_groups_sum", "Messages in flight that are of no noisy group; standard queues only.", quiet_in_flight),
    aws!("approximate_number_of_messages_delayed_in_quiet_groups_average", "Delayed messages that are of no noisy group; standard queues only.", quiet_delayed),
    aws!("approximate_number_of_messages_delayed_in_quiet_groups_maximum", "Delayed messages that are of no noisy group; standard queues only.", quiet_delayed),
    aws!("approximate_number_of_messages_delayed_in_quiet_groups_sum", "Delayed messages that are of no noisy group; standard queues only.", quiet_delayed),
    aws!("approximate_age_of_oldest_message_in_quiet_groups_maximum", "The age of the oldest message that is of no noisy group; standard queues only.", quiet_age),
    aws!("approximate_age_of_oldest_message_in_quiet_groups_average", "The same as the maximum: there is one value.", quiet_age),
    aws!("approximate_age_of_oldest_message_in_quiet_groups_sum", "The same as the maximum: there is one value.", quiet_age),

    gauge("kew_oldest_message_age_seconds", "How long the oldest message has been in the queue; those received more than 3 times left out.", Values::Queue(|queue, samples| samples.fraction(&[], seconds(queue.oldest_ms)))),
    gauge("kew_messages", "Messages in the queue by state: visible, in_flight or delayed.", Values::Queue(|queue, samples| states(samples, queue.counts.visible, queue.counts.in_flight, queue.counts.delayed))),
    gauge("kew_quiet_messages", "The same without those of noisy groups; standard queues only.", Values::Queue(|queue, samples| if !queue.fifo {
        states(samples, queue.counts.quiet_visible, queue.counts.quiet_in_flight, queue.counts.quiet_delayed);
    })),
    gauge("kew_noisy_groups", "Message groups that count as noisy neighbours; standard queues only.", Values::Queue(|queue, samples| if !queue.fifo {
        samples.number(&[], queue.counts.noisy_groups as u64);
    })),
    gauge("kew_groups_in_flight", "Message groups with messages in flight; FIFO queues only.", Values::Queue(|queue, samples| if queue.fifo {
        samples.number(&[], queue.counts.groups_with_in_flight as u64);
    })),
    gauge("kew_receivers_parked", "Long polls that wait for a message.", Values::Queue(|queue, samples| samples.number(&[], queue.parked as u64))),
    gauge("kew_retention_seconds", "MessageRetentionPeriod of the queue.", Values::Queue(|queue, samples| samples.number(&[], queue.retention_seconds.into()))),
    gauge("kew_visibility_timeout_seconds", "VisibilityTimeout of the queue.", Values::Queue(|queue, samples| samples.number(&[], queue.visibility_timeout_seconds.into()))),
    count!("kew_messages_sent_total", "Messages sent to the queue; dead letters and moved ones left out.", |queue| queue.tally.of(Cause::Sent)),
    count!("kew_messages_received_total", "Messages received, each time that they were.", |queue| queue.tally.of(Cause::Received)),
    count!("kew_messages_deleted_total", "Successful deletions, also of what was gone already.", |queue| queue.tally.deleted),
    count!("kew_empty_receives_total", "Receives that ended with nothing.", |queue| queue.tally.of(Cause::ReceivedNothing)),
    counter("kew_messages_deduplicated_total", "Sends that were duplicates; FIFO queues only.", Values::Queue(|queue, samples| if queue.fifo {
        samples.number(&[], queue.tally.of(Cause::Deduplicated));
    })),
    count!("kew_messages_redelivered_total", "Messages received that had been received before.", |queue| queue.tally.redelivered),
    counter("kew_messages_dead_lettered_total", "Messages that left for a dead-letter queue, by its name.", Values::Queue(|queue, samples| {
        queue.tally.dead_lettered.iter().for_each(|(to, count)| samples.number(&[("to", to)], *count));
    })),
    count!("kew_messages_expired_total", "Messages whose retention period ended.", |queue| queue.tally.of(Cause::Expired)),
    count!("kew_messages_moved_total", "Messages that a message move task took out.", |queue| queue.tally.of(Cause::Moved)),
    histogram("kew_sent_message_bytes", "Bytes of the messages sent: bodies and attributes.", Values::Queue(|queue, samples| samples.histogram(&[], &SIZE_BOUNDS, &queue.tally.sizes, 1.0))),
    histogram("kew_wait_seconds", "From sending to the first receive, without the delay of the queue.", Values::Queue(|queue, samples| samples.histogram(&[], &TIME_BOUNDS_MS, &queue.tally.waits, 1e3))),
    histogram("kew_processing_seconds", "From a receive to the deletion with its receipt handle.", Values::Queue(|queue, samples| samples.histogram(&[], &TIME_BOUNDS_MS, &queue.tally.processing, 1e3))),

    total!("kew_global_messages_sent_total", "Messages sent to all queues, also to those that are gone.", 0),
    total!("kew_global_messages_received_total", "Messages received of all queues, also of those that are gone.", 1),
    total!("kew_global_messages_deleted_total", "Successful deletions in all queues, also in those that are gone.", 2),
    total!("kew_global_empty_receives_total", "Receives that ended with nothing at all queues, also at those that are gone.", 3),
    total!("kew_global_messages_deduplicated_total", "Sends to all queues that were duplicates, also to those that are gone.", 4),
    total!("kew_global_messages_redelivered_total", "Messages received again of all queues, also of those that are gone.", 5),
    total!("kew_global_messages_dead_lettered_total", "Messages that left all queues for a dead-letter queue, also those that are gone.", 6),
    total!("kew_global_messages_expired_total", "Messages of all queues whose retention period ended, also of those that are gone.", 7),
    total!("kew_global_messages_moved_total", "Messages that message move tasks took out of all queues, also of those that are gone.", 8),
    counter("kew_requests_total", "Requests to SQS by action and by the code of the error, or OK.", Values::Server(|server, samples| {
        server.requests.iter().for_each(|(action, code, count)| samples.number(&[("action", action), ("code", code)], *count));
    })),
    histogram("kew_request_seconds", "How long requests took since metrics were read first; receives that waited in line left out.", Values::Server(|server, samples| {
        server.request_times.iter().for_each(|(action, times)| samples.histogram(&[("action", action)], &REQUEST_BOUNDS_US, times, 1e6));
    })),
    gauge("kew_connections", "Connections of clients.", Values::Server(|server, samples| samples.number(&[], server.connections))),
    gauge("kew_queues", "Queues of all namespaces.", Values::Server(|server, samples| samples.number(&[], server.queues))),
    gauge("kew_queues_left_out", "Queues that were asked for and are not shown, because there are too many.", Values::Server(|server, samples| samples.number(&[], server.left_out))),
    counter("kew_faults_fired_total", "How often a rule about faults has fired, by its id.", Values::Server(|server, samples| {
        for space in &server.spaces {
            let mut samples = samples.within(&space.labels);
            space.faults.iter().for_each(|(rule, fired)| samples.number(&[("rule", rule)], *fired));
        }
    })),
    gauge("kew_clock_offset_seconds", "By how much the clock of the queues is ahead of the machine's.", Values::Server(|server, samples| {
        for space in &server.spaces {
            samples.within(&space.labels).fraction(&[], space.clock_offset());
        }
    })),
    histogram("kew_store_commit_seconds", "How long commits of the store took.", Values::Server(|server, samples| {
        if let Some(store) = &server.store {
            samples.histogram(&[], &COMMIT_BOUNDS, &store.commits, 1e6);
        }
    })),
    gauge("kew_store_bytes", "Bytes of the files in the data directory.", Values::Server(|server, samples| {
        if let Some(store) = &server.store {
            samples.number(&[], store.bytes);
        }
    })),
    gauge("kew_store_poisoned", "1 if the store has failed and nothing more is acknowledged.", Values::Server(|server, samples| {
        samples.number(&[], server.store.as_ref().is_some_and(|store| store.poisoned).into());
    })),
    gauge("kew_build_info", "1, with the version of kew.", Values::Server(|_, samples| samples.number(&[("version", env!("CARGO_PKG_VERSION"))], 1))),

    process!(counter "process_cpu_seconds_total", "Processor time of the process, user and system.", cpu_seconds, fraction),
    process!(gauge "process_open_fds", "Open file descriptors.", open_fds, number),
    process!(gauge "process_max_fds", "Open file descriptors at most.", max_fds, number),
    process!(gauge "process_virtual_memory_bytes", "Virtual memory of the process.", virtual_bytes, number),
    process!(gauge "process_resident_memory_bytes", "Resident memory of the process.", resident_bytes, number),
    process!(gauge "process_start_time_seconds", "When the process started, since the Unix epoch.", start_seconds, fraction),
    process!(gauge "process_threads", "Threads of the process.", threads, number),
];
