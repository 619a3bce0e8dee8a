//! One queue: its names, its settings, and the state behind its lock.

use super::journal::{Entry, Journal, Readers};
use super::long_polls::LongPolls;
use super::observer::{By, QueueEvent, QueueNames};
use super::settings::QueueSettings;
use crate::engine::{self, Message, Time};
use crate::error::Error;
use crate::store::{Change, QueueRecord};
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, TryLockError, Weak};
use tokio::sync::watch;

/// A queue with its names, its settings and its state.
pub struct Queue {
    /// Told to the engine and found in receipt handles; never given twice.
    pub uid: u64,
    /// The account that owns it.
    pub account: Arc<str>,
    /// The region in which it was created.
    pub region: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// Whether it is a FIFO queue.
    pub fifo: bool,
    /// The node whose it is, if it is another's: it is known here by its names and settings, and nothing is in it.
    elsewhere: Option<i64>,
    taken_away: AtomicBool,
    settings: RwLock<Arc<QueueSettings>>,
    state: Mutex<QueueState>,
}

/// What the queue's lock guards.
///
/// A `std` lock, held for microseconds and never across an `.await`; a thread holds at most one queue's.
pub struct QueueState {
    pub(super) engine: engine::Queue,
    pub(super) long_polls: LongPolls,
    pub(super) tags: BTreeMap<String, String>,
    /// Set once, when it is deleted or given to another node; a request that still holds the queue finds it gone.
    pub(super) gone: Option<Gone>,
    /// When it was last purged.
    pub(super) purged: Option<Time>,
    /// The wake-up that is set for it.
    pub(super) wakeup: Option<Time>,
    pub(super) departures: Departures,
    pub(super) dead_letter_target: TargetCache,
    pub(super) journal: Journal,
    /// Counts up with each change, for those who await something; none if nobody does.
    pub(super) changes: Option<watch::Sender<u64>>,
    pub(super) counters: Counters,
}

/// Why a queue is not here any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// DeleteQueue took it away.
    Deleted,
    /// Another node has it now.
    Moved,
}

impl Gone {
    /// What whoever still holds the queue is answered. Of a queue that moved a client learns only if it was not found at its new
    /// node either; SDKs try again.
    pub fn error(self) -> Error {
        match self {
            Gone::Deleted => Error::no_queue(),
            Gone::Moved => Error::moved(),
        }
    }
}

/// What time has brought about in a queue since it was made, for those who turn the clock.
#[derive(Clone, Copy, Default)]
pub(super) struct Counters {
    /// Messages whose delay or visibility timeout ended when a wake-up was served.
    pub(super) ended: u64,
    /// Messages that parked receives were handed.
    pub(super) handed_out: u64,
}

/// The dead-letter queue of a source as it was looked up last. Every receive asks for it, so it is looked up again only
/// after queues have come or gone.
#[derive(Default)]
pub(super) struct TargetCache {
    /// [`Namespace::generation`](super::namespace::Namespace::generation) before the look-up; 0 before the first one.
    pub(super) generation: u64,
    pub(super) target: Option<Weak<Queue>>,
}

/// Messages on their way to one target, in the order in which they left.
pub(super) struct Transfer {
    pub(super) target: Arc<Queue>,
    pub(super) cause: TransferCause,
    pub(super) messages: Vec<Message>,
    /// That they left the source, for the readers of what happens.
    pub(super) removals: Vec<Entry>,
}

/// Why messages go to another queue, which decides what becomes of them there.
#[derive(Clone)]
pub(super) enum TransferCause {
    /// They were received as often as the redrive policy allows.
    DeadLetter,
    /// The message move task with this id moves them.
    MoveTask(Arc<str>),
    /// They are moved by hand, on behalf of somebody.
    ByHand(By),
}

/// What has left a queue and not yet arrived elsewhere.
#[derive(Default)]
pub(super) struct Departures {
    waiting: VecDeque<Transfer>,
    /// A thread works on them.
    moving: bool,
}

impl Departures {
    /// To be called under the same lock under which the messages were taken out.
    pub(super) fn push(&mut self, transfer: Transfer) {
        self.waiting.push_back(transfer);
    }

    /// Whether there is something to move and no thread that does.
    pub(super) fn need_a_mover(&self) -> bool {
        !self.moving && !self.waiting.is_empty()
    }

    /// Whether something that left has not arrived yet.
    pub(super) fn are_under_way(&self) -> bool {
        self.moving || !self.waiting.is_empty()
    }

    /// Makes the caller the mover, unless there is one or nothing to move.
    pub(super) fn first(&mut self) -> Option<Transfer> {
        if self.moving { None } else { self.next() }
    }

    /// What the mover has to move next; if there is nothing, it is the mover no more.
    pub(super) fn next(&mut self) -> Option<Transfer> {
        let next = self.waiting.pop_front();
        self.moving = next.is_some();
        next
    }

    /// Ends the caller's time as mover; whether another one is needed.
    pub(super) fn end_moving(&mut self) -> bool {
        self.moving = false;
        self.need_a_mover()
    }
}

impl QueueState {
    /// Whether somebody awaits something here.
    pub(super) fn is_watched(&self) -> bool {
        self.changes.as_ref().is_some_and(|changes| !changes.is_closed())
    }

    /// Tells those who await something that it may be so now.
    pub(super) fn tell_watchers(&mut self) {
        if let Some(changes) = &self.changes {
            match changes.is_closed() {
                true => self.changes = None,
                false => changes.send_modify(|count| *count = count.wrapping_add(1)),
            }
        }
    }
}

impl Queue {
    /// A queue with nothing in it.
    pub fn new(
        uid: u64,
        (account, region, name): (&str, &str, &str),
        settings: QueueSettings,
        tags: BTreeMap<String, String>,
    ) -> Queue {
        let queue_type = if settings.fifo { engine::QueueType::Fifo } else { engine::QueueType::Standard };
        let engine = engine::Queue::new(uid, queue_type, settings.for_engine());
        Queue {
            uid,
            account: account.into(),
            region: region.into(),
            name: name.into(),
            fifo: settings.fifo,
            elsewhere: None,
            taken_away: AtomicBool::new(false),
            settings: RwLock::new(Arc::new(settings)),
            state: Mutex::new(QueueState {
                engine,
                long_polls: LongPolls::default(),
                tags,
                gone: None,
                purged: None,
                wakeup: None,
                departures: Departures::default(),
                dead_letter_target: TargetCache::default(),
                journal: Journal::new(uid),
                changes: None,
                counters: Counters::default(),
            }),
        }
    }

    /// A queue of another node, as its record says.
    pub(super) fn of_another(record: &QueueRecord, owner: i64) -> Queue {
        let place = (record.account.as_str(), record.region.as_str(), record.name.as_str());
        Queue::new(record.uid, place, QueueSettings::restored(record), record.tags.clone()).at(owner)
    }

    /// The same queue, which is another node's from now on.
    pub(super) fn moved(&self, tags: &BTreeMap<String, String>, owner: i64) -> Queue {
        let settings = (*self.settings()).clone();
        Queue::new(self.uid, (&self.account, &self.region, &self.name), settings, tags.clone()).at(owner)
    }

    /// What is known of it where another node has it.
    fn at(mut self, owner: i64) -> Queue {
        self.elsewhere = Some(owner);
        self.state.get_mut().unwrap_or_else(PoisonError::into_inner).gone = Some(Gone::Moved);
        self
    }

    /// The node whose it is, if it is another's.
    pub fn elsewhere(&self) -> Option<i64> {
        self.elsewhere
    }

    /// Whether a test took it away: who receives from it then finds nothing, rather than that it is gone.
    pub fn is_taken_away(&self) -> bool {
        self.taken_away.load(Ordering::Acquire)
    }

    /// To be called before it is deleted.
    pub(super) fn set_taken_away(&self) {
        self.taken_away.store(true, Ordering::Release);
    }

    /// Why it is not here any more, if it is not.
    pub fn gone(&self) -> Option<Gone> {
        self.lock_as_is().gone
    }

    /// What it is set to now.
    pub fn settings(&self) -> Arc<QueueSettings> {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes the settings; `state` shows that the caller holds the queue.
    pub(super) fn set_settings(&self, state: &mut QueueState, settings: QueueSettings, now: Time) {
        state.engine.configure(settings.for_engine());
        state.dead_letter_target = TargetCache::default();
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
        self.save(state);
        state.journal.tell(now, QueueEvent::AttributesSet, || self.names());
    }

    /// Has the queue's record written anew.
    pub(super) fn save(&self, state: &mut QueueState) {
        let QueueState { journal, purged, tags, .. } = state;
        journal.note(|| [self.record(*purged, tags)]);
    }

    /// Its names.
    pub fn names(&self) -> QueueNames {
        let Queue { uid, account, region, name, fifo, .. } = self;
        QueueNames { uid: *uid, account: account.clone(), region: region.clone(), name: name.clone(), fifo: *fifo }
    }

    /// What the store keeps of a queue beside its messages.
    fn record(&self, purged: Option<Time>, tags: &BTreeMap<String, String>) -> Change {
        let settings = self.settings();
        Change::Queue(Box::new(QueueRecord {
            uid: self.uid,
            account: self.account.to_string(),
            region: self.region.to_string(),
            name: self.name.to_string(),
            created: settings.created,
            modified: settings.modified,
            purged,
            fifo: self.fifo,
            deduplication_scope: settings.deduplication_scope,
            attributes: settings.explicit().iter().map(|(name, value)| (name.to_string(), value.clone())).collect(),
            tags: tags.clone(),
        }))
    }

    /// Locks the queue as it is, to write down what happens for these readers.
    pub(super) fn lock(&self, readers: &Readers) -> MutexGuard<'_, QueueState> {
        let mut state = self.lock_as_is();
        state.journal.begin(readers);
        state
    }

    /// Locks the queue as it is. For what does not depend on the time and changes nothing that a reader would want to know.
    pub(super) fn lock_as_is(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same if nobody holds it now.
    pub(super) fn try_lock_as_is(&self) -> Option<MutexGuard<'_, QueueState>> {
        match self.state.try_lock() {
            Ok(state) => Some(state),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}
