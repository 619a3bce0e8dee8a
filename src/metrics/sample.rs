//! What is read of a queue and of the server for one answer.

use super::exposition::push_label;
use super::process::Process;
use crate::api::Arn;
use crate::broker::{Broker, Flows, Queue, Tally, Totals};
use crate::cluster::Cluster;
use crate::control::Space;
use crate::engine::{Counts, Time};
use crate::histogram::Histogram;
use crate::store::COMMIT_BOUNDS;
use std::sync::Arc;

/// A queue at one moment.
pub(super) struct QueueSample {
    /// The labels of its metrics under CloudWatch's names: those of both exporters.
    pub(super) aws_labels: String,
    /// The labels of its metrics under kew's names.
    pub(super) labels: String,
    pub(super) fifo: bool,
    pub(super) counts: Counts,
    pub(super) parked: usize,
    /// How long the oldest message has been in it, in milliseconds; with those of noisy groups, and without.
    pub(super) oldest_ms: u64,
    pub(super) oldest_quiet_ms: u64,
    /// The last complete period, and the largest message sent in it.
    pub(super) period: Flows,
    pub(super) largest: u64,
    pub(super) tally: Tally,
    pub(super) retention_seconds: u32,
    pub(super) visibility_timeout_seconds: u32,
}

impl QueueSample {
    /// Looks at a queue as it is now, without handing anything out; none if it is gone.
    pub(super) fn of(space: &Space, queue: &Arc<Queue>) -> Option<QueueSample> {
        let broker = space.broker();
        let settings = queue.settings();
        let target = settings.redrive.as_ref().and_then(|policy| broker.redrive_target(policy, queue));
        let look = broker.look(queue).ok()?;
        let age = |since: Option<Time>| since.map_or(0, |since| look.now().ms_since(since));
        let (oldest, oldest_quiet) = look.oldest();
        let mut tally = look.tally().clone();
        // From the start, so that the first dead letter is seen to be one more.
        if let Some(target) = target.filter(|target| tally.dead_lettered.iter().all(|(name, _)| *name != target.name)) {
            tally.dead_lettered.push((target.name.clone(), 0));
        }
        let (period, largest) = tally.last_period();
        let (aws_labels, labels) = labels(space, queue);
        Some(QueueSample {
            aws_labels,
            labels,
            fifo: queue.fifo,
            counts: look.counts(),
            parked: look.parked_receives(),
            oldest_ms: age(oldest),
            oldest_quiet_ms: age(oldest_quiet),
            period,
            largest,
            tally,
            retention_seconds: settings.message_retention_seconds,
            visibility_timeout_seconds: settings.visibility_timeout_seconds,
        })
    }
}

fn labels(space: &Space, queue: &Queue) -> (String, String) {
    let Queue { account, region, name, .. } = queue;
    let arn = Arn { region, account, name }.to_string();
    let (mut aws, mut own) = (String::new(), String::new());
    for labels in [&mut aws, &mut own] {
        push_label(labels, "queue_name", name);
    }
    push_label(&mut aws, "dimension_QueueName", name);
    push_label(&mut aws, "name", &arn);
    for labels in [&mut aws, &mut own] {
        push_label(labels, "account_id", account);
        push_label(labels, "region", region);
        if !space.name.is_empty() {
            push_label(labels, "namespace", &space.name);
        }
    }
    (aws, own)
}

/// A space at one moment.
pub(super) struct SpaceSample {
    /// The labels of its metrics: none for the default space.
    pub(super) labels: String,
    clock_offset_ms: i64,
    /// The rules about faults, and how often each has fired.
    pub(super) faults: Vec<(String, u64)>,
}

impl SpaceSample {
    pub(super) fn of(space: &Space) -> SpaceSample {
        let mut labels = String::new();
        if !space.name.is_empty() {
            push_label(&mut labels, "namespace", &space.name);
        }
        let clock_offset_ms = space.broker().clock().offset_ms();
        SpaceSample { labels, clock_offset_ms, faults: space.faults().fired() }
    }

    /// By how many seconds its clock is ahead of the machine's.
    #[allow(clippy::cast_precision_loss, reason = "Prometheus has no other numbers")]
    pub(super) fn clock_offset(&self) -> f64 {
        self.clock_offset_ms as f64 / 1000.0
    }
}

/// The store at one moment.
pub(super) struct StoreSample {
    pub(super) commits: Histogram<{ COMMIT_BOUNDS.len() }>,
    pub(super) bytes: u64,
    pub(super) poisoned: bool,
    /// For how long it has not answered, in milliseconds.
    pub(super) pending_ms: u64,
}

impl StoreSample {
    pub(super) fn of(broker: &Broker, bytes: u64) -> Option<StoreSample> {
        let store = broker.store()?;
        Some(StoreSample {
            commits: store.commit_times(),
            bytes,
            poisoned: store.failure().is_some(),
            pending_ms: store.pending_ms(),
        })
    }
}

/// The nodes, as one of them sees them at one moment.
pub(super) struct ClusterSample {
    /// How many there are by state.
    pub(super) nodes: [(&'static str, u64); 2],
    /// How many queues this one has.
    pub(super) queues: u64,
    pub(super) lease: bool,
    pub(super) clock_ahead_us: i64,
    pub(super) waiting: u64,
    /// Requests to other nodes, by what became of them.
    pub(super) forwarded: Vec<(&'static str, u64)>,
    pub(super) fences: u64,
    pub(super) loads: u64,
    pub(super) handovers: u64,
    pub(super) taken: u64,
}

impl ClusterSample {
    #[cfg(not(feature = "postgres"))]
    pub(super) fn of(cluster: &Cluster, _: &Broker) -> ClusterSample {
        match *cluster {}
    }

    #[cfg(feature = "postgres")]
    pub(super) fn of(cluster: &Cluster, broker: &Broker) -> ClusterSample {
        use crate::cluster::{Counts, link::OUTCOMES};
        use std::sync::atomic::{AtomicU64, Ordering};
        let nodes = cluster.nodes();
        let count = |state: &'static str| (state, nodes.iter().filter(|node| node.state == state).count() as u64);
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let Counts { fences, loads, handovers, taken } = &cluster.counts;
        ClusterSample {
            nodes: ["serving", "draining"].map(count),
            queues: broker.namespace().all().len() as u64,
            lease: cluster.has_lease(),
            clock_ahead_us: broker.clock().ahead_us(),
            waiting: cluster.waiting() as u64,
            forwarded: OUTCOMES.into_iter().zip(cluster.link().forwarded()).collect(),
            fences: of(fences),
            loads: of(loads),
            handovers: of(handovers),
            taken: of(taken),
        }
    }

    /// By how many seconds its clock is ahead of the database's.
    #[allow(clippy::cast_precision_loss, reason = "Prometheus has no other numbers")]
    pub(super) fn clock_ahead(&self) -> f64 {
        self.clock_ahead_us as f64 / 1e6
    }
}

/// All that is not said of one queue.
pub(super) struct ServerSample {
    pub(super) spaces: Vec<SpaceSample>,
    pub(super) store: Option<StoreSample>,
    /// Of a server that is one of several nodes.
    pub(super) cluster: Option<ClusterSample>,
    pub(super) totals: Totals,
    pub(super) requests: Vec<(&'static str, &'static str, u64)>,
    pub(super) request_times: Vec<(&'static str, Histogram<12>)>,
    /// How often policies denied each action.
    pub(super) denied: Vec<(&'static str, u64)>,
    pub(super) connections: u64,
    /// Queues that there are, and of those that were asked for those that are not shown.
    pub(super) queues: u64,
    pub(super) left_out: u64,
    pub(super) process: Process,
}
