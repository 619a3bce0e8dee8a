//! One space of queues under test control: a broker of its own, with its clock, its history and its faults.

use super::faults::Faults;
use super::history::History;
use crate::actions::Actions;
use crate::broker::{Broker, BrokerOptions, Ids};
use crate::clock::{Clock, NetworkTime};
use std::sync::Arc;

/// A broker, and what a test controls of it. The default space is what every client uses; a namespace of a test is another.
pub struct Space {
    /// Its name; empty for the default space.
    pub name: String,
    /// The account of its clients: 12 digits.
    pub account: String,
    /// What ids and faults are drawn from.
    pub seed: u64,
    actions: Actions,
    history: Option<Arc<History>>,
    faults: Arc<Faults>,
    time: NetworkTime,
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
}

impl Space {
    /// The space around a broker that [`Space::broker`] has made, maybe with a store since then.
    pub fn new(options: &SpaceOptions, broker: Broker, history: Option<Arc<History>>, time: NetworkTime) -> Space {
        let faults = Arc::new(Faults::new(options.seed.unwrap_or_else(|| fastrand::u64(..))));
        let actions = Actions::new(Arc::new(broker)).with_hook(faults.clone());
        let (name, account) = (options.name.clone(), options.account.clone());
        Space { name, account, seed: faults.seed(), actions, history, faults, time }
    }

    /// A broker for a space, and the history that observes it.
    pub fn broker_of(options: &SpaceOptions, clock: Clock) -> (Broker, Option<Arc<History>>) {
        let mut broker = Broker::new(options.broker.clone(), clock.clone());
        if let Some(seed) = options.seed {
            broker = broker.with_ids(Ids::seeded(seed));
        }
        let history = (options.history_events > 0).then(|| Arc::new(History::new(options.history_events, clock)));
        match &history {
            Some(history) => (broker.with_observer(history.clone()), Some(history.clone())),
            None => (broker, None),
        }
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

    /// The faults that were asked for.
    pub fn faults(&self) -> &Arc<Faults> {
        &self.faults
    }

    /// Real time, for what is never virtual: time limits of awaits, quiet.
    pub fn time(&self) -> &NetworkTime {
        &self.time
    }
}
