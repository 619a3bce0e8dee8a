//! A server that is one of several nodes over one database.

use super::StartError;
use super::kept::{StoreOptions, attach, open_postgres};
use crate::api::{CreateQueueRequest, Request};
use crate::broker::{Broker, By};
use crate::clock::NetworkTime;
use crate::cluster::{Asker, Cluster, Link, NodeId, Parts, Place, Threads};
use crate::config::{ClusterSecret, Config, DataPlace};
use crate::control::{NotDeclared, Space};
use crate::store::StoreError;
use crate::store::postgres::{ClusterOptions, Shared};
use std::sync::Arc;

/// A node that has joined and does nothing yet.
pub(super) struct Joined {
    id: NodeId,
    secret: ClusterSecret,
    ways: [Shared; Cluster::WAYS],
}

/// A node at work, until it is dropped.
pub(super) struct Node {
    pub(super) cluster: Arc<Cluster>,
    _threads: Threads,
}

/// Joins the nodes of a database, if the configuration says so; all that happens from now on is written there.
///
/// # Errors
/// When the database cannot be used, or does not want this node.
pub(super) fn join(broker: &mut Broker, config: &Config, time: &NetworkTime) -> Result<Option<Joined>, StartError> {
    let (Some(peer_url), Some(secret), Some(DataPlace::Database(url))) =
        (config.peer.clone(), config.cluster_secret.clone(), config.place())
    else {
        return Ok(None);
    };
    let options = ClusterOptions { peer_url, secret: secret.text().to_owned() };
    let store = open_postgres(&url, &StoreOptions::of(config, time), Some(options))?;
    let id = NodeId(store.node());
    let mut ways = Vec::new();
    for _ in 0..Cluster::WAYS {
        ways.push(store.shared()?);
    }
    let ways =
        ways.try_into().map_err(|_| StoreError::Internal { detail: "too few ways to the database".to_owned() })?;
    attach(broker, Box::new(store), true)?;
    Ok(Some(Joined { id, secret, ways }))
}

impl Joined {
    /// Begins: the node knows the time, the others and all queues, and takes those that are nobody's.
    ///
    /// # Errors
    /// What the database says.
    pub(super) fn begin(self, broker: &Arc<Broker>, time: &NetworkTime) -> Result<Node, StartError> {
        let link = Link::new(self.id, self.secret.text(), time.clone());
        let parts = Parts { id: self.id, link, broker: broker.clone(), time: time.clone() };
        let (cluster, threads) = Cluster::start(parts, self.ways)?;
        tracing::info!("this is node {}, one of {}", self.id.0, cluster.nodes().len());
        Ok(Node { cluster, _threads: threads })
    }
}

impl Node {
    /// Creates the configured queues that no node has; those that are there stay as they are.
    ///
    /// # Errors
    /// The first queue that could not be had as it is described.
    pub(super) fn declare(&self, home: &Space, config: &Config) -> Result<(), NotDeclared> {
        let mut queues = config.all_queues();
        // In one order, so that no two nodes wait for each other's names.
        queues.sort_by(|a, b| a.name.cmp(&b.name));
        let declare = async {
            let (mut missing, mut held) = (Vec::new(), Vec::new());
            for queue in queues {
                let asker = Asker { account: &config.account, region: &config.region };
                let create =
                    CreateQueueRequest { queue_name: Some(queue.name.clone()), ..CreateQueueRequest::default() };
                match self.cluster.place(asker, &Request::CreateQueue(create)).await {
                    Ok(Place::Here(claimed)) if claimed.is_new() => {
                        missing.push(queue);
                        held.push(claimed);
                    }
                    Ok(_) => tracing::info!(queue = queue.name, "the queue is there and stays as it is"),
                    Err(error) => return Err(NotDeclared { queue: queue.name, reason: error.message.into_owned() }),
                }
            }
            home.declare_these(&missing, By::default())
        };
        // On a thread of its own: the caller's may be one that must not block.
        std::thread::scope(|scope| {
            let blocking = scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                let none = |error: std::io::Error| NotDeclared { queue: "any".to_owned(), reason: error.to_string() };
                runtime.map_err(none)?.block_on(declare)
            });
            blocking.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}
