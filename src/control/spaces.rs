//! All spaces of a server: the default one, and the namespaces of tests.

use super::access::Access;
use super::namespaces::Namespaces;
use super::shared::Shared;
use super::space::{Space, SpaceOptions};
use crate::broker::Broker;
use crate::clock::NetworkTime;
use crate::cluster::Cluster;
use crate::config::{ACCOUNT_DEFAULT, METRICS_PERIOD_DEFAULT, REGION_DEFAULT};
use std::sync::{Arc, OnceLock};

/// Test control of a server.
pub struct Control {
    home: Arc<Space>,
    access: Access,
    namespaces: Arc<Namespaces>,
    cluster: OnceLock<Arc<Cluster>>,
}

impl Control {
    /// Control of a server with only its default space so far.
    pub fn new(home: Space, access: Access) -> Control {
        let home = Arc::new(home);
        Control { namespaces: Namespaces::beside(&home), home, access, cluster: OnceLock::new() }
    }

    /// A server with a broker of somebody's own making, without history and for SQS alone.
    pub fn of_broker(broker: Broker) -> Control {
        let options = SpaceOptions {
            name: String::new(),
            account: ACCOUNT_DEFAULT.to_owned(),
            seed: None,
            broker: broker.options().clone(),
            history_events: 0,
            region: REGION_DEFAULT.to_owned(),
            metrics_period: METRICS_PERIOD_DEFAULT,
            queues: Vec::new(),
        };
        Control::new(Space::new(&options, broker, None, &Shared::new(NetworkTime::real())), Access::Off)
    }

    /// The default space.
    pub fn home(&self) -> &Arc<Space> {
        &self.home
    }

    /// Who may use the control API.
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// From now on the server is a node among several.
    pub fn join(&self, cluster: Arc<Cluster>) {
        // A server joins once.
        let _ = self.cluster.set(cluster);
    }

    /// This node, if the server is one of several.
    pub fn cluster(&self) -> Option<&Arc<Cluster>> {
        self.cluster.get()
    }

    /// The namespaces of tests.
    pub fn namespaces(&self) -> &Arc<Namespaces> {
        &self.namespaces
    }
}
