//! One space of queues under test control: a broker of its own, with its clock, its history and its faults.

use super::activity::{Serving, Unconnected};
use super::auto::Auto;
use super::awaits::Awaits;
use super::declare::{NotDeclared, declare};
use super::faults::Faults;
use super::history::History;
use super::shared::Shared;
use crate::actions::Actions;
use crate::broker::{Broker, BrokerOptions, By, Ids, Queue};
use crate::clock::{Clock, NetworkTime};
use crate::config::QueueConfig;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::RwLock;

/// A broker, and what a test controls of it. The default space is what every client uses; a namespace of a test is another.
pub struct Space {
    /// Its number; never given twice in a server.
    pub id: u32,
    /// Its name; empty for the default space.
    pub name: String,
    /// The account of its clients: 12 digits.
    pub account: String,
    /// The region of its clients that do not sign for one.
    pub region: String,
    /// What ids and faults are drawn from.
    pub seed: u64,
    actions: Actions,
    history: Option<Arc<History>>,
    faults: Arc<Faults>,
    unconnected: Arc<Unconnected>,
    auto: Arc<Auto>,
    shared: Arc<Shared>,
    options: SpaceOptions,
    resetting: RwLock<()>,
}

/// What a space is made of.
#[derive(Clone, Debug)]
pub struct SpaceOptions {
    /// Its name; empty for the default space.
    pub name: String,
    /// The account of its clients: 12 digits.
    pub account: String,
    /// What ids and faults are drawn from; ids are random without it.
    pub seed: Option<u64>,
    /// How its broker differs from AWS.
    pub broker: BrokerOptions,
    /// Events that its history keeps; without any there is no history.
    pub history_events: usize,
    /// The region of its clients that do not sign for one.
    pub region: String,
    /// The length of the periods over which flows are summed up.
    pub metrics_period: Duration,
    /// The queues that are there from the start, and again after a reset.
    pub queues: Vec<QueueConfig>,
}

impl Space {
    /// The space around a broker that [`Space::broker_of`] has made, maybe with a store since then.
    pub fn new(options: &SpaceOptions, broker: Broker, history: Option<Arc<History>>, shared: &Arc<Shared>) -> Space {
        let faults = Faults::new(options.seed.unwrap_or_else(|| fastrand::u64(..)));
        let faults = Arc::new(faults.with_time(shared.time.clone()).with_history(history.clone()));
        let broker = Arc::new(broker);
        let actions =
            Actions::new(broker.clone()).with_hook(faults.clone()).with_enforcement(shared.enforcement.clone());
        let (name, account, region) = (options.name.clone(), options.account.clone(), options.region.clone());
        let (id, unconnected) = (shared.next_space(), Arc::<Unconnected>::default());
        let auto = Auto::new(id, broker, unconnected.clone(), history.clone(), shared.clone());
        let (seed, shared) = (faults.seed(), shared.clone());
        Space {
            id,
            name,
            account,
            region,
            seed,
            actions,
            history,
            faults,
            unconnected,
            auto,
            shared,
            options: options.clone(),
            resetting: RwLock::new(()),
        }
    }

    /// A broker for a space, and the history that observes it.
    pub fn broker_of(options: &SpaceOptions, clock: Clock) -> (Broker, Option<Arc<History>>) {
        let mut broker = Broker::new(options.broker.clone(), clock.clone()).with_period(options.metrics_period);
        if let Some(seed) = options.seed {
            broker = broker.with_ids(Ids::seeded(seed));
        }
        let history = (options.history_events > 0).then(|| Arc::new(History::new(options.history_events, clock)));
        match &history {
            Some(history) => (broker.with_observer(history.clone()), Some(history.clone())),
            None => (broker, None),
        }
    }

    /// The queue of this name. Names that are in several accounts or regions are told apart by `ACCOUNT/NAME` or
    /// `ACCOUNT/REGION/NAME`.
    pub fn queue(&self, name: &str) -> Option<Arc<Queue>> {
        self.named(name, self.broker().namespace().all())
    }

    /// The same, be it this node's or another's.
    pub fn queue_of_any_node(&self, name: &str) -> Option<Arc<Queue>> {
        self.named(name, self.broker().namespace().everywhere())
    }

    fn named(&self, name: &str, queues: Vec<Arc<Queue>>) -> Option<Arc<Queue>> {
        let parts: Vec<&str> = name.split('/').collect();
        let is = |queue: &Queue| match *parts {
            [account, region, name] => *queue.account == *account && *queue.region == *region && *queue.name == *name,
            [account, name] => *queue.account == *account && *queue.name == *name,
            _ => *queue.name == *name,
        };
        let found = queues.into_iter().filter(|queue| is(queue));
        // The space's own account comes first.
        found.min_by_key(|queue| *queue.account != *self.account)
    }

    /// What it was made of.
    pub fn options(&self) -> &SpaceOptions {
        &self.options
    }

    /// Creates the queues that are there from the start.
    ///
    /// # Errors
    /// The first queue that could not be had as it is described.
    pub fn declare(&self, by: By) -> Result<(), NotDeclared> {
        self.declare_these(&self.options.queues, by)
    }

    /// Creates these queues.
    ///
    /// # Errors
    /// As [`Space::declare`].
    pub fn declare_these(&self, queues: &[QueueConfig], by: By) -> Result<(), NotDeclared> {
        declare(self.broker(), (&self.account, &self.region), queues, by)
    }

    /// Held by requests while they are let in, and by a reset as long as it takes.
    pub fn resetting(&self) -> &RwLock<()> {
        &self.resetting
    }

    /// What carries out requests to SQS.
    pub fn actions(&self) -> &Actions {
        &self.actions
    }

    /// Its queues.
    pub fn broker(&self) -> &Arc<Broker> {
        self.actions.broker()
    }

    /// What happened in it, if that is kept.
    pub fn history(&self) -> Option<&Arc<History>> {
        self.history.as_ref()
    }

    /// Tells the history of the queues that came back from a store: it is told of others when they are created.
    pub fn know_queues(&self) {
        if let Some(history) = &self.history {
            self.broker().namespace().all().iter().for_each(|queue| history.know_queue(&queue.names()));
        }
    }

    /// The faults that were asked for.
    pub fn faults(&self) -> &Arc<Faults> {
        &self.faults
    }

    /// Real time, for what is never virtual: time limits of awaits, quiet.
    pub fn time(&self) -> &NetworkTime {
        &self.shared.time
    }

    /// The open awaits.
    pub fn awaits(&self) -> &Arc<Awaits> {
        &self.shared.awaits
    }

    /// What it shares with the other spaces of its server.
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Auto-advance: the jumps of its clock when all is quiet.
    pub fn auto(&self) -> &Arc<Auto> {
        &self.auto
    }

    /// Counts in a request that came by no connection, until what is answered is dropped.
    pub fn serve(&self) -> Serving<'_> {
        self.unconnected.serve()
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        self.shared.activity.forget(self.id);
        self.shared.count_ended(&self.broker().totals());
    }
}
