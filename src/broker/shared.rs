//! The broker: all queues, and what they share.

use super::ids::Ids;
use super::journal::{Readers, not_durable};
use super::move_tasks::MoveTasks;
use super::namespace::Namespace;
use super::neighbours::Neighbours;
use super::observer::Observer;
use super::queue::Queue;
use super::tally::{Tally, Totals};
use super::wakeups::Wakeups;
use crate::api::{Arn, RedrivePolicy};
use crate::clock::{Clock, NetworkTime};
use crate::config::NamespaceMode;
use crate::error::Error;
use crate::store::{Committer, PENDING_BYTES_MAX, QUEUES_MAX};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// The length of a period of CloudWatch's, over which flows are summed up.
const PERIOD_MS_DEFAULT: u64 = 60_000;

/// How often it is looked whether the store answers, while it has something to do.
const STORE_LOOK_PAUSE: Duration = Duration::from_millis(250);

/// How the broker differs from AWS, or does not.
#[derive(Clone, Debug)]
pub struct BrokerOptions {
    /// Whether accounts and regions separate queues.
    pub namespace: NamespaceMode,
    /// Whether a minute must pass between two purges, and between deleting a queue and creating it again.
    pub cooldowns: bool,
    /// Whether a queue that is asked for and not there is created.
    pub auto_create: bool,
}

/// All queues of a server.
pub struct Broker {
    pub(super) options: BrokerOptions,
    pub(super) clock: Clock,
    pub(super) ids: Ids,
    pub(super) namespace: Namespace,
    pub(super) wakeups: Wakeups,
    pub(super) move_tasks: MoveTasks,
    pub(super) move_task_wakeups: Wakeups,
    /// Held while due wake-ups are served, so that a manual clock is turned on only when none is half served.
    pub(super) firing: Mutex<()>,
    pub(super) readers: Readers,
    pub(super) closing: watch::Sender<bool>,
    /// The length of the periods over which flows are summed up.
    pub(super) period_ms: u64,
    /// Counts of the queues that are gone.
    gone: Mutex<Totals>,
    /// What matters only where other nodes have queues too.
    pub(super) neighbours: OnceLock<Neighbours>,
}

impl Broker {
    /// A broker without queues that keeps everything in memory.
    pub fn new(options: BrokerOptions, clock: Clock) -> Broker {
        Broker {
            namespace: Namespace::new(options.namespace, options.cooldowns, QUEUES_MAX),
            options,
            clock,
            ids: Ids::default(),
            wakeups: Wakeups::default(),
            move_tasks: MoveTasks::default(),
            move_task_wakeups: Wakeups::default(),
            firing: Mutex::default(),
            readers: Readers::default(),
            closing: watch::Sender::new(false),
            period_ms: PERIOD_MS_DEFAULT,
            gone: Mutex::default(),
            neighbours: OnceLock::new(),
        }
    }

    /// Has at most so many queues, in place of [`QUEUES_MAX`]; of a broker that has none yet.
    #[must_use]
    pub fn queues_max(mut self, queues: usize) -> Broker {
        self.namespace = Namespace::new(self.options.namespace, self.options.cooldowns, queues);
        self
    }

    /// Sums flows up over periods of this length; a minute if not said.
    #[must_use]
    pub fn with_period(mut self, period: Duration) -> Broker {
        self.period_ms = u64::try_from(period.as_millis()).unwrap_or(u64::MAX).max(1);
        self
    }

    /// The counts of a queue that goes.
    pub(super) fn count_gone(&self, tally: &Tally) {
        self.gone.lock().unwrap_or_else(PoisonError::into_inner).add(&tally.totals());
    }

    /// The counts of the queues that are gone.
    pub fn gone(&self) -> Totals {
        *self.gone.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The counts of all queues, also of those that are gone. A queue that goes meanwhile may be missing, and is there the next
    /// time.
    pub fn totals(&self) -> Totals {
        let mut totals = self.gone();
        for queue in self.namespace.all() {
            let state = queue.lock_as_is();
            if state.gone.is_none() {
                totals.add(&state.journal.tally.totals());
            }
        }
        totals
    }

    /// Draws its ids from here.
    #[must_use]
    pub fn with_ids(mut self, ids: Ids) -> Broker {
        self.ids = ids;
        self
    }

    /// From now on everything that happens goes to this store.
    pub fn attach(&mut self, store: Committer) {
        self.readers.store = Some(store);
    }

    /// Has everything that happens observed. To be called before there are queues.
    #[must_use]
    pub fn with_observer(mut self, observer: Arc<dyn Observer>) -> Broker {
        self.readers.observer = Some(observer);
        self
    }

    /// The store, if there is one.
    pub fn store(&self) -> Option<&Committer> {
        self.readers.store.as_ref()
    }

    /// How it differs from AWS.
    pub fn options(&self) -> &BrokerOptions {
        &self.options
    }

    /// The clock it goes by.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Where its ids come from.
    pub fn ids(&self) -> &Ids {
        &self.ids
    }

    /// Its queues by name.
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// Its message move tasks.
    pub fn move_tasks(&self) -> &MoveTasks {
        &self.move_tasks
    }

    /// Whether the store has room for more; if not, [`Broker::room`] waits for it.
    pub fn has_room(&self) -> bool {
        self.store().is_none_or(Committer::has_room)
    }

    /// Waits until the store has room for more.
    ///
    /// # Errors
    /// `ServiceUnavailable` if the store does not answer.
    pub async fn room(&self) -> Result<(), Error> {
        match self.store() {
            Some(store) => store.room(PENDING_BYTES_MAX).await.map_err(|error| not_durable(&error)),
            None => Ok(()),
        }
    }

    /// Looks whether the store answers, for as long as the server runs.
    pub async fn watch_store(&self, time: &NetworkTime) {
        let Some(store) = self.store() else { return };
        loop {
            while store.look(time.now_ms()) {
                time.pause(STORE_LOOK_PAUSE).await;
            }
            store.begins().await;
        }
    }

    /// Whether the store, if there is one, has not failed and answers.
    pub fn is_well(&self) -> bool {
        self.store().is_none_or(Committer::is_well)
    }

    /// Whether the server is about to stop.
    pub fn is_closing(&self) -> bool {
        *self.closing.borrow()
    }

    /// Waits until the server is about to stop.
    pub async fn closed(&self) {
        // An error would mean that the sender is gone, and it lives in `self`.
        let _ = self.closing.subscribe().wait_for(|closing| *closing).await;
    }

    /// The queue that the redrive policy of another points at, if it is there.
    pub fn redrive_target(&self, policy: &RedrivePolicy, source: &Queue) -> Option<Arc<Queue>> {
        let arn = Arn::parse(&policy.target_arn).ok()?;
        // Target and source live in one region.
        let arn = Arn { region: &source.region, ..arn };
        self.namespace.resolve_arn(&arn, &source.account)
    }
}
