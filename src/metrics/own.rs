//! The table of kew's own metrics: of its queues, of the server and of the process.

use super::exposition::Samples;
use super::families::{Family, Values, counter, gauge, histogram, seconds};
use super::requests::REQUEST_BOUNDS_US;
use crate::broker::{SIZE_BOUNDS, TIME_BOUNDS_MS};
use crate::engine::Cause;
use crate::store::COMMIT_BOUNDS;

/// A count of one queue: events of one cause.
macro_rules! events {
    ($name:literal, $help:literal, $cause:ident) => {
        counter($name, $help, Values::Queue(|queue, samples| samples.number(&[], queue.tally.of(Cause::$cause))))
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

/// A number that only one of several nodes has.
macro_rules! node {
    ($kind:ident $name:literal, $help:literal, $field:ident) => {
        node!($kind $name, $help, |cluster, samples| samples.number(&[], cluster.$field.into()))
    };
    ($kind:ident $name:literal, $help:literal, |$cluster:ident, $samples:ident| $write:expr) => {
        $kind(
            $name,
            $help,
            Values::Server(|server, $samples| {
                if let Some($cluster) = &server.cluster {
                    $write;
                }
            }),
        )
    };
}

/// The states of messages in a queue.
fn states(samples: &mut Samples<'_>, visible: usize, in_flight: usize, delayed: usize) {
    for (state, count) in [("visible", visible), ("in_flight", in_flight), ("delayed", delayed)] {
        samples.number(&[("state", state)], count as u64);
    }
}

/// kew's metrics, in the order in which they are shown.
pub(super) const OWN: &[Family] = &[
    gauge(
        "kew_oldest_message_age_seconds",
        "How long the oldest message has been in the queue; those received more than 3 times left out.",
        Values::Queue(|queue, samples| samples.fraction(&[], seconds(queue.oldest_ms))),
    ),
    gauge(
        "kew_messages",
        "Messages in the queue by state: visible, in_flight or delayed.",
        Values::Queue(|queue, samples| {
            states(samples, queue.counts.visible, queue.counts.in_flight, queue.counts.delayed);
        }),
    ),
    gauge(
        "kew_quiet_messages",
        "Messages in the queue by state, without those of noisy groups; standard queues only.",
        Values::Queue(|queue, samples| {
            if !queue.fifo {
                states(samples, queue.counts.quiet_visible, queue.counts.quiet_in_flight, queue.counts.quiet_delayed);
            }
        }),
    ),
    gauge(
        "kew_noisy_groups",
        "Message groups that count as noisy neighbours; standard queues only.",
        Values::Queue(|queue, samples| {
            if !queue.fifo {
                samples.number(&[], queue.counts.noisy_groups as u64);
            }
        }),
    ),
    gauge(
        "kew_groups_in_flight",
        "Message groups with messages in flight; FIFO queues only.",
        Values::Queue(|queue, samples| {
            if queue.fifo {
                samples.number(&[], queue.counts.groups_with_in_flight as u64);
            }
        }),
    ),
    gauge(
        "kew_receivers_parked",
        "Long polls that wait for a message.",
        Values::Queue(|queue, samples| samples.number(&[], queue.parked as u64)),
    ),
    gauge(
        "kew_retention_seconds",
        "MessageRetentionPeriod of the queue.",
        Values::Queue(|queue, samples| samples.number(&[], queue.retention_seconds.into())),
    ),
    gauge(
        "kew_visibility_timeout_seconds",
        "VisibilityTimeout of the queue.",
        Values::Queue(|queue, samples| samples.number(&[], queue.visibility_timeout_seconds.into())),
    ),
    events!("kew_messages_sent_total", "Messages sent to the queue; dead letters and moved ones left out.", Sent),
    events!("kew_messages_received_total", "Messages received, each time that they were.", Received),
    counter(
        "kew_messages_deleted_total",
        "Successful deletions, also of what was gone already.",
        Values::Queue(|queue, samples| samples.number(&[], queue.tally.deleted)),
    ),
    events!("kew_empty_receives_total", "Receives that ended with nothing.", ReceivedNothing),
    counter(
        "kew_messages_deduplicated_total",
        "Sends that were duplicates; FIFO queues only.",
        Values::Queue(|queue, samples| {
            if queue.fifo {
                samples.number(&[], queue.tally.of(Cause::Deduplicated));
            }
        }),
    ),
    counter(
        "kew_messages_redelivered_total",
        "Messages received that had been received from this queue before.",
        Values::Queue(|queue, samples| samples.number(&[], queue.tally.redelivered)),
    ),
    counter(
        "kew_messages_dead_lettered_total",
        "Messages that left for a dead-letter queue, by its name.",
        Values::Queue(|queue, samples| {
            queue.tally.dead_lettered.iter().for_each(|(to, count)| samples.number(&[("to", to)], *count));
        }),
    ),
    events!("kew_messages_expired_total", "Messages whose retention period ended.", Expired),
    events!("kew_messages_moved_total", "Messages that a message move task took out.", Moved),
    histogram(
        "kew_sent_message_bytes",
        "Bytes of the messages sent: bodies and attributes.",
        Values::Queue(|queue, samples| samples.histogram(&[], &SIZE_BOUNDS, &queue.tally.sizes, 1.0)),
    ),
    histogram(
        "kew_wait_seconds",
        "From sending, or arriving as a dead letter, to the first receive, without the delay of the queue.",
        Values::Queue(|queue, samples| samples.histogram(&[], &TIME_BOUNDS_MS, &queue.tally.waits, 1e3)),
    ),
    histogram(
        "kew_processing_seconds",
        "From a receive to the deletion with its receipt handle, in time or not.",
        Values::Queue(|queue, samples| samples.histogram(&[], &TIME_BOUNDS_MS, &queue.tally.processing, 1e3)),
    ),
    total!("kew_global_messages_sent_total", "Messages sent to all queues, also to those that are gone.", 0),
    total!("kew_global_messages_received_total", "Messages received of all queues, also of those that are gone.", 1),
    total!("kew_global_messages_deleted_total", "Successful deletions in all queues, also in those that are gone.", 2),
    total!(
        "kew_global_empty_receives_total",
        "Receives that ended with nothing at all queues, also at those that are gone.",
        3
    ),
    total!(
        "kew_global_messages_deduplicated_total",
        "Sends to all queues that were duplicates, also to those that are gone.",
        4
    ),
    total!(
        "kew_global_messages_redelivered_total",
        "Messages received again of all queues, also of those that are gone.",
        5
    ),
    total!(
        "kew_global_messages_dead_lettered_total",
        "Messages that left all queues for a dead-letter queue, also those that are gone.",
        6
    ),
    total!(
        "kew_global_messages_expired_total",
        "Messages of all queues whose retention period ended, also of those that are gone.",
        7
    ),
    total!(
        "kew_global_messages_moved_total",
        "Messages that message move tasks took out of all queues, also of those that are gone.",
        8
    ),
    counter(
        "kew_requests_total",
        "Requests to SQS by action and by the code of the error, or OK.",
        Values::Server(|server, samples| {
            for (action, code, count) in &server.requests {
                samples.number(&[("action", action), ("code", code)], *count);
            }
        }),
    ),
    histogram(
        "kew_request_seconds",
        "How long requests took since metrics were read first; receives that waited in line left out.",
        Values::Server(|server, samples| {
            for (action, times) in &server.request_times {
                samples.histogram(&[("action", action)], &REQUEST_BOUNDS_US, times, 1e6);
            }
        }),
    ),
    gauge(
        "kew_connections",
        "Connections of clients.",
        Values::Server(|server, samples| samples.number(&[], server.connections)),
    ),
    gauge(
        "kew_queues",
        "Queues of all namespaces.",
        Values::Server(|server, samples| samples.number(&[], server.queues)),
    ),
    gauge(
        "kew_queues_left_out",
        "Queues that were asked for and are not shown, because there are too many.",
        Values::Server(|server, samples| samples.number(&[], server.left_out)),
    ),
    counter(
        "kew_faults_fired_total",
        "How often a rule about faults has fired, by its id.",
        Values::Server(|server, samples| {
            for space in &server.spaces {
                let mut samples = samples.within(&space.labels);
                space.faults.iter().for_each(|(rule, fired)| samples.number(&[("rule", rule)], *fired));
            }
        }),
    ),
    counter(
        "kew_policy_denied_total",
        "Requests that policies denied, or with --policies warn would have, by the action that was not allowed.",
        Values::Server(|server, samples| {
            server.denied.iter().for_each(|(action, count)| samples.number(&[("action", action)], *count));
        }),
    ),
    gauge(
        "kew_clock_offset_seconds",
        "By how much the clock of the queues is ahead of the machine's.",
        Values::Server(|server, samples| {
            for space in &server.spaces {
                samples.within(&space.labels).fraction(&[], space.clock_offset());
            }
        }),
    ),
    histogram(
        "kew_store_commit_seconds",
        "How long commits of the store took.",
        Values::Server(|server, samples| {
            if let Some(store) = &server.store {
                samples.histogram(&[], &COMMIT_BOUNDS, &store.commits, 1e6);
            }
        }),
    ),
    gauge(
        "kew_store_bytes",
        "Bytes of the files in the data directory.",
        Values::Server(|server, samples| {
            if let Some(store) = &server.store {
                samples.number(&[], store.bytes);
            }
        }),
    ),
    gauge(
        "kew_store_poisoned",
        "1 if the store has failed and nothing more is acknowledged.",
        Values::Server(|server, samples| {
            samples.number(&[], server.store.as_ref().is_some_and(|store| store.poisoned).into());
        }),
    ),
    gauge(
        "kew_store_pending_seconds",
        "For how long no commit has been finished while some are pending.",
        Values::Server(|server, samples| {
            if let Some(store) = &server.store {
                samples.fraction(&[], seconds(store.pending_ms));
            }
        }),
    ),
    node!(gauge "kew_cluster_nodes", "Nodes by state, serving or draining; told by one of several nodes, as all of these.",
        |cluster, samples| cluster.nodes.iter().for_each(|(state, count)| samples.number(&[("state", state)], *count))),
    node!(gauge "kew_cluster_queues", "Queues that this node has.", queues),
    node!(gauge "kew_cluster_lease", "1 if this node may answer, 0 if the database has acknowledged no beat of it for too long.", lease),
    node!(gauge "kew_cluster_clock_ahead_seconds", "By how much the clock of this node is ahead of the database's.",
        |cluster, samples| samples.fraction(&[], cluster.clock_ahead())),
    node!(gauge "kew_cluster_waiting", "Requests that wait for a queue that is on its way to this node.", waiting),
    node!(counter "kew_cluster_forwarded_total",
    "Requests to other nodes by outcome: answered, not_there, unreachable or unknown.",
    |cluster, samples| {
        cluster.forwarded.iter().for_each(|(outcome, count)| samples.number(&[("outcome", outcome)], *count));
    }),
    node!(counter "kew_cluster_fences_total", "Other nodes that this one has declared gone.", fences),
    node!(counter "kew_cluster_loads_total", "Queues that this node has loaded.", loads),
    node!(counter "kew_cluster_handovers_total", "Queues that this node has given to another.", handovers),
    node!(counter "kew_cluster_taken_total", "Messages that came from queues of other nodes.", taken),
    gauge(
        "kew_build_info",
        "1, with the version of kew.",
        Values::Server(|_, samples| samples.number(&[("version", env!("CARGO_PKG_VERSION"))], 1)),
    ),
    process!(counter "process_cpu_seconds_total",
        "Processor time of the process, user and system.", cpu_seconds, fraction),
    process!(gauge "process_open_fds", "Open file descriptors.", open_fds, number),
    process!(gauge "process_max_fds", "Open file descriptors at most.", max_fds, number),
    process!(gauge "process_virtual_memory_bytes", "Virtual memory of the process.", virtual_bytes, number),
    process!(gauge "process_resident_memory_bytes", "Resident memory of the process.", resident_bytes, number),
    process!(gauge "process_start_time_seconds",
        "When the process started, since the Unix epoch.", start_seconds, fraction),
    process!(gauge "process_threads", "Threads of the process.", threads, number),
];
