//! An answer with metrics: what is read for it, and its text in pieces.

use super::aws::AWS;
use super::exposition::{Format, Kind, Samples, write_head};
use super::families::{Family, Values};
use super::own::OWN;
use super::process::Process;
use super::requests::Requests;
use super::sample::{ClusterSample, QueueSample, ServerSample, SpaceSample, StoreSample};
use super::selection::Selection;
use crate::api::Operation;
use crate::broker::{Queue, Totals};
use crate::clock::NetworkTime;
use crate::control::{Control, Space};
use crate::error::ErrorKind;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;

/// Queues that one answer shows.
pub const QUEUES_SHOWN_MAX: usize = 10_000;
/// Queues that are looked at before other requests get their turn.
const QUEUES_PER_TURN: usize = 100;
/// Answers in pieces at one time.
const LARGE_ANSWERS_MAX: usize = 4;
/// Bytes of a piece of an answer, at which it is ended.
const PIECE_BYTES: usize = 256 * 1024;

/// The metrics by number, in the order in which they are shown.
pub fn family(number: usize) -> Option<&'static Family> {
    AWS.iter().chain(OWN).nth(number)
}

/// How metrics are set.
#[derive(Clone, Debug, Default)]
pub struct MetricsOptions {
    /// The directory of the store, if there is one.
    pub data: Option<PathBuf>,
}

/// What is counted of a server beside its queues, and the way to read all of it.
pub struct Metrics {
    options: MetricsOptions,
    requests: Requests,
    /// Connections of clients.
    pub connections: Arc<AtomicUsize>,
    /// To be had by an answer that goes out in pieces, for it keeps what was read of thousands of queues.
    pub large_answers: Arc<Semaphore>,
    /// Whether somebody has read metrics: from then on it is measured how long requests take.
    is_read: AtomicBool,
    time: NetworkTime,
    /// The totals as they were told last: they never fall, also when a queue goes while they are read.
    told: Mutex<Totals>,
}

impl Metrics {
    /// Nothing so far.
    pub fn new(options: MetricsOptions) -> Metrics {
        Metrics {
            options,
            requests: Requests::default(),
            connections: Arc::default(),
            large_answers: Arc::new(Semaphore::new(LARGE_ANSWERS_MAX)),
            is_read: AtomicBool::new(false),
            time: NetworkTime::real(),
            told: Mutex::default(),
        }
    }

    /// The time at which a request begins, if it is to be measured, in microseconds since some moment.
    pub fn request_begins(&self) -> Option<u64> {
        self.is_read.load(Relaxed).then(|| self.time.now_us())
    }

    /// Counts a request; none is the action of what was not understood.
    pub fn request_ends(&self, action: Option<Operation>, error: Option<ErrorKind>) {
        self.requests.count(action, error);
    }

    /// Measures a request that did not wait in line.
    pub fn request_took(&self, action: Operation, began_us: u64) {
        self.requests.took(action, self.time.now_us().saturating_sub(began_us));
    }

    /// Reads what is wanted. Nothing is handed out by it, no request is counted, and no queue is kept from others for long.
    pub async fn read(&self, control: &Control, selection: Selection, format: Format) -> Pieces {
        self.is_read.store(true, Relaxed);
        let mut spaces = vec![control.home().clone()];
        spaces.extend(control.namespaces().all().iter().map(|namespace| namespace.space.clone()));
        let totals = self.totals(&spaces);
        let all: Vec<(&Arc<Space>, Arc<Queue>)> = spaces
            .iter()
            .flat_map(|space| space.broker().namespace().all().into_iter().map(move |queue| (space, queue)))
            .collect();
        let count = all.len() as u64;
        let (mut queues, mut left_out) = (Vec::new(), 0);
        for (index, (space, queue)) in all.iter().filter(|(_, queue)| selection.takes_queue(&queue.name)).enumerate() {
            if index >= QUEUES_SHOWN_MAX {
                left_out += 1;
                continue;
            }
            if index % QUEUES_PER_TURN == QUEUES_PER_TURN - 1 {
                tokio::task::yield_now().await;
            }
            queues.extend(QueueSample::of(space, queue));
        }
        let server = ServerSample {
            store: StoreSample::of(control.home().broker(), self.store_bytes()),
            cluster: control.cluster().map(|cluster| ClusterSample::of(cluster, control.home().broker())),
            spaces: spaces.iter().map(|space| SpaceSample::of(space)).collect(),
            totals,
            requests: self.requests.counts(),
            request_times: self.requests.times(),
            denied: denied(control),
            connections: self.connections.load(Relaxed) as u64,
            queues: count,
            left_out,
            process: Process::read(),
        };
        Pieces { selection, format, queues, server, family: 0, queue: 0, ended: false }
    }

    fn totals(&self, spaces: &[Arc<Space>]) -> Totals {
        let mut totals = spaces.first().map_or_else(Totals::default, |home| home.shared().ended_totals());
        spaces.iter().for_each(|space| totals.add(&space.broker().totals()));
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.rise_to(&totals);
        *told
    }

    /// Bytes of the files of the store.
    fn store_bytes(&self) -> u64 {
        let files = self.options.data.as_ref().and_then(|dir| std::fs::read_dir(dir).ok());
        let sizes = files.into_iter().flatten().filter_map(|file| file.ok()?.metadata().ok());
        sizes.filter(|file| file.is_file()).map(|file| file.len()).sum()
    }
}

/// How often policies denied each action, if they are asked.
fn denied(control: &Control) -> Vec<(&'static str, u64)> {
    let enforcement = control.home().shared().enforcement.iter();
    enforcement.flat_map(|enforcement| enforcement.denied()).map(|(action, count)| (action.name(), count)).collect()
}

/// An answer with metrics, piece by piece: the text of ten thousand queues is never in memory as a whole.
pub struct Pieces {
    selection: Selection,
    format: Format,
    queues: Vec<QueueSample>,
    server: ServerSample,
    /// The next family, and its next queue.
    family: usize,
    queue: usize,
    ended: bool,
}

impl Iterator for Pieces {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        if self.ended {
            return None;
        }
        let mut out = String::new();
        if self.family == 0 && self.queue == 0 {
            self.note_what_is_left_out(&mut out);
        }
        while out.len() < PIECE_BYTES && !self.ended {
            self.step(&mut out);
        }
        Some(out)
    }
}

impl Pieces {
    /// The format that it is in.
    pub fn format(&self) -> Format {
        self.format
    }

    /// OpenMetrics has no comments; there the gauge alone tells it.
    fn note_what_is_left_out(&self, out: &mut String) {
        let left_out = self.server.left_out;
        if left_out > 0 && self.format == Format::Text {
            let text = format!(
                "# {left_out} queues are left out: an answer shows {QUEUES_SHOWN_MAX} at most; ask for some by ?queue=GLOB\n"
            );
            out.push_str(&text);
        }
    }

    /// Writes the samples of the next queue, or of the server, in the next family.
    fn step(&mut self, out: &mut String) {
        let Some(family) = family(self.family) else {
            out.push_str(self.format.end());
            self.ended = true;
            return;
        };
        let of_server = matches!(family.values, Values::Server(_));
        let things = if of_server { 1 } else { self.queues.len() };
        if self.queue >= things || !self.selection.takes_family(family) {
            (self.family, self.queue) = (self.family + 1, 0);
            return;
        }
        let name = family.name;
        if self.queue == 0 {
            write_head(out, self.format, name, family.kind, family.help);
        }
        let queue = self.queues.get(self.queue);
        match (&family.values, queue) {
            (Values::Server(values), _) => values(&self.server, &mut Samples { out, name, labels: "" }),
            (Values::Aws(value), Some(queue)) => {
                if let Some(value) = value(queue) {
                    Samples { out, name, labels: &queue.aws_labels }.fraction(&[], value);
                }
            }
            (Values::Queue(values), Some(queue)) => values(queue, &mut Samples { out, name, labels: &queue.labels }),
            _ => {}
        }
        self.queue += 1;
        debug_assert!(family.kind != Kind::Counter || name.ends_with("_total"), "{name}");
    }
}
