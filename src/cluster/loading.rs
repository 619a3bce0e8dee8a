//! Queues that come here are loaded, on threads of their own: what a queue holds may take seconds to read.

use super::node::Cluster;
use super::work::Ask;
use crate::broker::Adopting;
use crate::store::postgres::Shared;
use crate::store::{StoreError, StoredItem};
use std::collections::{HashSet, VecDeque};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::runtime::Runtime;

/// Queues that are loaded at the same time, each over a connection of its own.
pub(super) const LOADERS: usize = 2;

/// The pause after a database that did not answer.
const PAUSE: Duration = Duration::from_millis(250);

/// The queues that are to be loaded.
#[derive(Default)]
pub(super) struct Arrivals {
    state: Mutex<State>,
    more: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<u64>,
    /// Those that wait, and those that are being loaded.
    known: HashSet<u64>,
    ended: bool,
}

impl Arrivals {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// These are to be loaded.
    pub(super) fn add(&self, uids: Vec<u64>) {
        let mut state = self.lock();
        for uid in uids {
            if state.known.insert(uid) {
                state.waiting.push_back(uid);
            }
        }
        self.more.notify_all();
    }

    /// Somebody asks for this one.
    pub(super) fn sooner(&self, uid: u64) {
        let mut state = self.lock();
        if let Some(at) = state.waiting.iter().position(|waiting| *waiting == uid) {
            state.waiting.remove(at);
            state.waiting.push_front(uid);
        }
    }

    /// Nothing more is loaded.
    pub(super) fn end(&self) {
        self.lock().ended = true;
        self.more.notify_all();
    }

    /// The next one; none when nothing more is loaded.
    fn next(&self) -> Option<u64> {
        let mut state = self.lock();
        loop {
            if state.ended {
                return None;
            }
            if let Some(uid) = state.waiting.pop_front() {
                return Some(uid);
            }
            state = self.more.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn has_come(&self, uid: u64) {
        self.lock().known.remove(&uid);
    }

    fn again(&self, uid: u64) {
        self.lock().waiting.push_back(uid);
        self.more.notify_one();
    }
}

/// A thread that loads queues until there is nothing more to be loaded.
///
/// # Errors
/// If there is no thread or runtime.
pub(super) fn start(
    cluster: Arc<Cluster>,
    arrivals: Arc<Arrivals>,
    mut shared: Shared,
) -> std::io::Result<JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name("cluster-load".to_owned()).spawn(move || {
        while let Some(uid) = arrivals.next() {
            let mut load = || load(&cluster, &runtime, &mut shared, uid);
            // A connection that was kept may have ended since; then the next attempt makes a new one.
            match load().or_else(|_| load()) {
                Ok(()) => arrivals.has_come(uid),
                Err(error) => {
                    tracing::warn!("a queue could not be loaded, it is tried again: {error}");
                    runtime.block_on(cluster.time.pause(PAUSE));
                    arrivals.again(uid);
                }
            }
        }
        runtime.shutdown_background();
    })
}

/// Loads a queue, if it is still this node's.
fn load(cluster: &Cluster, runtime: &Runtime, shared: &mut Shared, uid: u64) -> Result<(), StoreError> {
    let broker = &*cluster.broker;
    let mut adopting: Option<Adopting<'_>> = None;
    let mut visit = |item: StoredItem| match (item, &mut adopting) {
        // It may be read more than once, until it is certain that what was read is as durable as it should be.
        (StoredItem::Queue(record), adopting) => *adopting = Some(broker.adopt(record)),
        (StoredItem::Effect { effect, .. }, Some(adopting)) => adopting.apply(effect),
        (StoredItem::MoveTask(record), Some(adopting)) => adopting.move_task(record),
        _ => {}
    };
    let loaded = match runtime.block_on(shared.load_queue(uid, broker.clock().now(), &mut visit)) {
        Err(StoreError::Fenced { .. }) => {
            cluster.find_out();
            return Ok(());
        }
        loaded => loaded?,
    };
    if let (Some(adopted), Some(adopting)) = (loaded, adopting) {
        match adopting.finish(adopted) {
            Ok(queue) => tracing::debug!(queue = &*queue.name, "a queue has come here"),
            Err(other) => tracing::warn!(queue = &*other.name, "a queue has come that another one has the name of"),
        }
        cluster.counts.loads.fetch_add(1, Ordering::Relaxed);
    }
    // Whose it is now, and what came for it.
    let _ = cluster.asks.send(Ask::Look);
    cluster.learned();
    Ok(())
}
