//! Group commit: one thread writes everything that came together while it was writing what came before.
//!
//! [`Committer::submit`] puts changes at the end of the newest batch and gives back a [`CommitTicket`] for it; it takes
//! two short locks and never waits for the disk, so it may be called while a queue is locked, and must be, for the
//! changes of one queue to be in order. The thread takes the oldest batch, commits it, and wakes the requests that wait
//! for that batch, and no others.
//!
//! **Invariant:** batches are finished in the order in which they were made. So a ticket that is durable also vouches
//! for everything submitted before it.
//!
//! **Invariant:** once a commit has failed, or the thread has died, every ticket that was not finished and every later
//! one fails with [`Poisoned`], and the store is not touched again. What the failed commit left on the disk is
//! uncertain (a failed sync may have dropped pages that a second one would report as written), so only a restart,
//! which reads what is really there, can go on.
//!
//! A store that does not answer, such as a database that is being replaced, is another matter. Its thread is caught in it,
//! so somebody else has to look (`stall.rs`). When nothing was finished for too long, all who wait are told so, and requests
//! are refused instead of joining them. Nothing is acknowledged and nothing is lost: what was submitted stays in line, and
//! is committed when the store answers again.

use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::Notify;

use super::silence::Silence;
use super::ticket::{CommitOutcome, CommitTicket, NotDurable, Poisoned};
use super::{Change, Store, StoreError};
use crate::engine::Time;
use crate::histogram::{Histogram, SharedHistogram};

/// With more bytes than this waiting to be committed, [`Committer::room`] holds new requests back.
pub const PENDING_BYTES_MAX: usize = 64 << 20;

/// Stands above all bytes that can be pending: a store that is stalled has no room for anything. So a request that looks
/// for room finds that out by the same comparison.
pub(super) const STALLED: usize = 1 << (usize::BITS - 1);

/// For how long a store may not answer until it counts as stalled, if nothing else is said, in milliseconds: a disk that
/// others keep busy may take ten seconds and more for one sync.
const PATIENCE_MS: u64 = 30_000;

/// A batch that has grown to this many bytes is closed, so that a transaction stays bounded and the first to wait for
/// it does not wait for all that come later.
const BATCH_BYTES_MAX: usize = 8 << 20;

/// Upper bounds of the times that commits take, in microseconds: 0.1 ms to 10 s.
pub const COMMIT_BOUNDS: [u64; 12] =
    [100, 250, 500, 1_000, 2_500, 5_000, 10_000, 50_000, 100_000, 500_000, 1_000_000, 10_000_000];

/// Tells microseconds since some moment.
type Stopwatch = Box<dyn Fn() -> u64 + Send + Sync>;

/// Another program's write lock is waited for in attempts of about half a second; every so many of them the log says
/// so.
const ATTEMPTS_PER_WARNING: u32 = 20;

/// Changes that will be committed together.
#[derive(Default)]
struct Batch {
    changes: Vec<Change>,
    bytes: usize,
    outcome: Arc<CommitOutcome>,
}

/// The batch that is being committed, and its bytes.
type UnderWay = (Arc<CommitOutcome>, usize);

/// The batches to be committed, and how the committer stands.
pub(super) struct Batches {
    /// Oldest first; the last one is still open. None is empty.
    waiting: VecDeque<Batch>,
    /// The outcome of the newest batch ever made, waiting or not.
    newest: Arc<CommitOutcome>,
    /// The outcome of the batch that was taken last.
    taken: Arc<CommitOutcome>,
    /// Set once; nothing is taken in after that.
    pub(super) failed: Option<Poisoned>,
    closing: bool,
    /// The thread has come to its end.
    ended: bool,
    /// Another program that holds the store's write lock is not waited for any more.
    hurried: bool,
    /// The store wants its upkeep to be called.
    woken: bool,
    /// The thread waits for work.
    pub(super) idle: bool,
    /// Somebody looks at intervals whether the store answers.
    pub(super) watched: bool,
    /// For how long no batch has been finished while some were pending.
    pub(super) silence: Silence,
    /// That has lasted too long.
    pub(super) stalled: bool,
}

impl Batches {
    /// Tells all that wait for a batch, and all that will wait for one of these, whether to go on waiting.
    pub(super) fn give_up(&mut self, stalled: bool) {
        self.stalled = stalled;
        for outcome in self.waiting.iter().map(|batch| &batch.outcome).chain([&self.taken]) {
            outcome.give_up(stalled);
        }
    }
}

pub(super) struct Shared {
    batches: Mutex<Batches>,
    work: Condvar,
    /// Bytes submitted and not finished, and above them [`STALLED`].
    pub(super) pending_bytes: AtomicUsize,
    /// Batches finished.
    pub(super) finished: AtomicU64,
    /// For how long the store may not answer until it counts as stalled, in milliseconds.
    pub(super) patience_ms: AtomicU64,
    /// The thread has got something to do while nobody looked.
    pub(super) begun: Notify,
    /// A batch was finished, so there may be room.
    pub(super) room: Notify,
    /// Finished, with an error, when the store is poisoned.
    poison: CommitOutcome,
    /// What commits are timed by, if they are.
    stopwatch: OnceLock<Stopwatch>,
    /// How long they took, in microseconds.
    commit_times: SharedHistogram<{ COMMIT_BOUNDS.len() }>,
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, Batches> {
        // Nothing that can panic happens under this lock.
        self.batches.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next batch to commit, or, if there is none, `None`: at once if `hurried`, otherwise when closing or woken.
    fn next(&self, hurried: bool) -> Option<Batch> {
        let mut batches = self.lock();
        loop {
            if let Some(batch) = batches.waiting.pop_front() {
                batches.taken = Arc::clone(&batch.outcome);
                return Some(batch);
            }
            if hurried || batches.closing || std::mem::take(&mut batches.woken) {
                return None;
            }
            batches.idle = true;
            batches = self.work.wait(batches).unwrap_or_else(PoisonError::into_inner);
            batches.idle = false;
            if !std::mem::replace(&mut batches.watched, true) {
                self.begun.notify_one();
            }
        }
    }

    /// Has the upkeep of the store called, if there is nothing else to do.
    fn wake(&self) {
        self.lock().woken = true;
        self.work.notify_all();
    }

    /// Whether nothing is to come any more.
    fn is_over(&self) -> bool {
        let batches = self.lock();
        batches.closing && batches.waiting.is_empty()
    }

    fn finish(&self, batch: &CommitOutcome, bytes: usize, result: Result<(), Poisoned>) {
        batch.finish(result);
        self.finished.fetch_add(1, Ordering::AcqRel);
        let pending = self.pending_bytes.fetch_sub(bytes, Ordering::AcqRel);
        if pending & STALLED != 0 {
            self.go_on();
        }
        self.room.notify_waiters();
    }

    /// The store answers again.
    #[cold]
    pub(super) fn go_on(&self) {
        let mut batches = self.lock();
        if !batches.stalled {
            return;
        }
        // Under the lock, as it was set.
        self.pending_bytes.fetch_and(!STALLED, Ordering::AcqRel);
        batches.give_up(false);
        let failed = batches.failed.is_some();
        drop(batches);
        self.room.notify_waiters();
        if !failed {
            tracing::warn!("the store answers again; requests are taken again");
        }
    }

    /// Settles what was under way and everything behind it with an error, for good.
    fn fail(&self, reason: StoreError, under_way: Option<UnderWay>) -> Poisoned {
        let poisoned = Poisoned { reason: Arc::new(reason) };
        let batches = {
            let mut batches = self.lock();
            batches.failed = Some(poisoned.clone());
            std::mem::take(&mut batches.waiting)
        };
        let behind = batches.into_iter().map(|batch| (batch.outcome, batch.bytes));
        for (outcome, bytes) in under_way.into_iter().chain(behind) {
            self.finish(&outcome, bytes, Err(poisoned.clone()));
        }
        self.poison.finish(Err(poisoned.clone()));
        self.room.notify_waiters();
        poisoned
    }
}

/// The thread that commits, and the way to it.
pub struct Committer {
    pub(super) shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Committer {
    /// Starts the thread. The store must have been loaded.
    ///
    /// # Errors
    ///
    /// If the system gives no thread.
    pub fn start(mut store: Box<dyn Store>, clock: Box<dyn Fn() -> Time + Send>) -> Result<Committer, StoreError> {
        let newest = Arc::<CommitOutcome>::default();
        // There is nothing to wait for yet.
        newest.finish(Ok(()));
        let shared = Arc::new(Shared {
            batches: Mutex::new(Batches {
                waiting: VecDeque::new(),
                taken: Arc::clone(&newest),
                newest,
                failed: None,
                closing: false,
                ended: false,
                hurried: false,
                woken: false,
                idle: false,
                watched: true,
                silence: Silence::default(),
                stalled: false,
            }),
            work: Condvar::new(),
            pending_bytes: AtomicUsize::new(0),
            finished: AtomicU64::new(0),
            patience_ms: AtomicU64::new(PATIENCE_MS),
            begun: Notify::new(),
            room: Notify::new(),
            poison: CommitOutcome::default(),
            stopwatch: OnceLock::new(),
            commit_times: SharedHistogram::default(),
        });
        let for_store = Arc::downgrade(&shared);
        store.wakes(Box::new(move || {
            if let Some(shared) = for_store.upgrade() {
                shared.wake();
            }
        }));
        let for_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("committer".into())
            .spawn(move || run(&for_thread, store, &*clock))
            .map_err(|error| StoreError::Internal { detail: format!("no thread for the store: {error}") })?;
        Ok(Committer { shared, thread: Some(thread) })
    }

    /// Hands over changes, to be committed after everything submitted before.
    ///
    /// Call it while the queue that the changes are of is still locked. Without changes, the ticket stands for
    /// everything submitted so far.
    pub fn submit(&self, changes: Vec<Change>) -> CommitTicket {
        let bytes: usize = changes.iter().map(Change::weight).sum();
        let mut batches = self.shared.lock();
        if let Some(poisoned) = &batches.failed {
            let outcome = Arc::<CommitOutcome>::default();
            outcome.finish(Err(poisoned.clone()));
            return CommitTicket { outcome };
        }
        if changes.is_empty() {
            return CommitTicket { outcome: Arc::clone(&batches.newest) };
        }
        if batches.waiting.back().is_none_or(|batch| batch.bytes >= BATCH_BYTES_MAX) {
            let batch = Batch::default();
            if batches.stalled {
                batch.outcome.give_up(true);
            }
            batches.newest = Arc::clone(&batch.outcome);
            batches.waiting.push_back(batch);
        }
        self.shared.pending_bytes.fetch_add(bytes, Ordering::AcqRel);
        if let Some(batch) = batches.waiting.back_mut() {
            batch.bytes += bytes;
            if batch.changes.is_empty() {
                batch.changes = changes;
            } else {
                batch.changes.extend(changes);
            }
        }
        let ticket = CommitTicket { outcome: Arc::clone(&batches.newest) };
        let wake = batches.idle;
        // Cleared here too, so that the next submitter does not wake the thread a second time.
        batches.idle = false;
        drop(batches);
        if wake {
            self.shared.work.notify_one();
        }
        ticket
    }

    /// Stands for everything submitted so far.
    #[must_use]
    pub fn newest(&self) -> CommitTicket {
        self.submit(Vec::new())
    }

    /// Waits while this many bytes or more wait to be committed, and no longer than until the store fails.
    pub async fn pending_below(&self, bytes: usize) {
        loop {
            let room = self.shared.room.notified();
            if self.pending_bytes() < bytes || self.failure().is_some() {
                return;
            }
            room.await;
        }
    }

    /// Whether less waits to be committed than [`PENDING_BYTES_MAX`], and the store answers: a request that may change
    /// something can go on.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.shared.pending_bytes.load(Ordering::Acquire) < PENDING_BYTES_MAX
    }

    /// Waits while this many bytes or more wait to be committed: to be awaited before a request takes any lock. The
    /// bound is then exceeded by at most the requests under way.
    ///
    /// # Errors
    ///
    /// If the store is stalled. When it has failed, this returns at once.
    pub async fn room(&self, bytes: usize) -> Result<(), NotDurable> {
        loop {
            let room = self.shared.room.notified();
            let pending = self.shared.pending_bytes.load(Ordering::Acquire);
            if pending < bytes || self.failure().is_some() {
                return Ok(());
            }
            if pending & STALLED != 0 {
                return Err(NotDurable::Stalled);
            }
            room.await;
        }
    }

    /// Bytes that wait to be committed, or are being committed.
    #[must_use]
    pub fn pending_bytes(&self) -> usize {
        self.shared.pending_bytes.load(Ordering::Acquire) & !STALLED
    }

    /// Why the store is poisoned, if it is.
    #[must_use]
    pub fn failure(&self) -> Option<Poisoned> {
        self.shared.poison.result.get()?.clone().err()
    }

    /// Times commits from now on by what tells microseconds since some moment.
    pub fn time_commits(&self, now_us: impl Fn() -> u64 + Send + Sync + 'static) {
        // The first stays.
        let _ = self.shared.stopwatch.set(Box::new(now_us));
    }

    /// How long commits took, in microseconds.
    #[must_use]
    pub fn commit_times(&self) -> Histogram<{ COMMIT_BOUNDS.len() }> {
        self.shared.commit_times.read()
    }

    /// Resolves when the store is poisoned, and never if that does not happen. Does not borrow the committer.
    pub fn poisoned(&self) -> impl Future<Output = Poisoned> + Send + 'static {
        let shared = Arc::clone(&self.shared);
        async move {
            loop {
                let notified = shared.poison.finished.notified();
                if let Some(Err(poisoned)) = shared.poison.result.get() {
                    return poisoned.clone();
                }
                notified.await;
            }
        }
    }

    /// Commits what is there, closes the store and ends the thread. Blocks until that is done, or the store has not answered
    /// for as long as it may; dropping the committer does the same.
    ///
    /// # Errors
    ///
    /// If the store is poisoned, now or since long.
    pub fn close(mut self) -> Result<(), Poisoned> {
        self.end();
        self.failure().map_or(Ok(()), Err)
    }

    /// From now on another program's write lock is not waited for: the server is about to stop, and what is not
    /// committed yet fails rather than hold it up.
    pub fn hurry(&self) {
        self.shared.lock().hurried = true;
    }

    fn end(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        let mut batches = self.shared.lock();
        batches.closing = true;
        batches.hurried = true;
        self.shared.work.notify_all();
        let patience = Duration::from_millis(self.shared.patience_ms.load(Ordering::Acquire));
        let ended = self.shared.work.wait_timeout_while(batches, patience, |batches| !batches.ended);
        let (batches, _) = ended.unwrap_or_else(PoisonError::into_inner);
        let has_ended = batches.ended;
        drop(batches);
        if has_ended {
            // It cannot panic but in its last log line, when everything is settled.
            let _ = thread.join();
        } else {
            let bytes = self.pending_bytes();
            tracing::warn!("the store does not answer; {bytes} bytes that nobody was told of are left uncommitted");
        }
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        self.end();
    }
}

impl fmt::Debug for Committer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Committer").field("pending_bytes", &self.pending_bytes()).finish_non_exhaustive()
    }
}

/// However the thread ends, it says so.
struct Ending<'a>(&'a Shared);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.lock().ended = true;
        self.0.work.notify_all();
    }
}

fn run(shared: &Shared, store: Box<dyn Store>, clock: &dyn Fn() -> Time) {
    let _ending = Ending(shared);
    // Closed before that.
    let mut store = store;
    let mut under_way = None;
    // However the work ends, also by a panic in the store, the clock or the log: waiting requests must be told.
    let ended = catch_unwind(AssertUnwindSafe(|| work(shared, &mut *store, clock, &mut under_way)));
    let reason = match ended {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error,
        Err(panic) => StoreError::Internal { detail: format!("the store panicked: {}", text_of(&*panic)) },
    };
    let poisoned = shared.fail(reason, under_way);
    // Last of all, when no request waits any more.
    tracing::error!(error = %poisoned.reason, "the store has failed; nothing more is acknowledged");
}

fn text_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a text")
}

/// Commits batch after batch until the committer is closed.
fn work(
    shared: &Shared,
    store: &mut dyn Store,
    clock: &dyn Fn() -> Time,
    under_way: &mut Option<UnderWay>,
) -> Result<(), StoreError> {
    // What an earlier run left to tidy up.
    let mut more_upkeep = true;
    while let Some(batch) = wait(shared, &mut more_upkeep, store, clock)? {
        *under_way = Some((batch.outcome, batch.bytes));
        begin(shared, store)?;
        let stopwatch = shared.stopwatch.get();
        let began_us = stopwatch.map(|now_us| now_us());
        store.commit(clock(), batch.changes)?;
        if let (Some(now_us), Some(began_us)) = (stopwatch, began_us) {
            shared.commit_times.add(&COMMIT_BOUNDS, now_us().saturating_sub(began_us));
        }
        if let Some((outcome, bytes)) = under_way.take() {
            shared.finish(&outcome, bytes, Ok(()));
        }
        more_upkeep = store.upkeep(clock())?;
    }
    Ok(())
}

/// Waits for as long as another program holds the store's write lock: nothing was written, and nothing is uncertain.
fn begin(shared: &Shared, store: &mut dyn Store) -> Result<(), StoreError> {
    for attempt in 0_u32.. {
        match store.begin() {
            Err(error @ StoreError::Busy { .. }) if !shared.lock().hurried => {
                if attempt.is_multiple_of(ATTEMPTS_PER_WARNING) {
                    tracing::warn!("{error}; requests that change something wait for it");
                }
            }
            Ok(()) if attempt > 0 => {
                tracing::warn!("the write lock of the store is free again");
                break;
            }
            begun => return begun,
        }
    }
    Ok(())
}

/// The next batch; while there is none, upkeep goes on as long as it is due.
fn wait(
    shared: &Shared,
    more_upkeep: &mut bool,
    store: &mut dyn Store,
    clock: &dyn Fn() -> Time,
) -> Result<Option<Batch>, StoreError> {
    loop {
        while *more_upkeep && !shared.lock().closing {
            if let Some(batch) = shared.next(true) {
                return Ok(Some(batch));
            }
            *more_upkeep = store.upkeep(clock())?;
        }
        if let Some(batch) = shared.next(false) {
            return Ok(Some(batch));
        }
        if shared.is_over() {
            return Ok(None);
        }
        *more_upkeep = true;
    }
}

#[cfg(test)]
mod tests;
