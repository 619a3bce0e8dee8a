//! This node as its requests see it: where each is to be carried out.
//!
//! Every node knows all queues by name ([`Namespace`](crate::broker::Namespace)), and whose they are, as the database had it a moment
//! ago. A request goes to the owner as it is known here. The owner itself decides whether it is right: a node that has been told
//! something old asks the wrong one, hears so, reads the database and asks again, which takes longer and does no harm.

use super::link::{Link, Peer};
use super::roll::NodeId;
use super::work::{Ask, Name, Sending};
use crate::actions::meant;
use crate::api::{Address, Operation, Request};
use crate::broker::{Broker, Queue};
use crate::clock::NetworkTime;
use crate::error::Error;
use crate::store::Change;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// A queue that is on its way here is waited for so long.
const ARRIVAL_TIME_LIMIT: Duration = Duration::from_secs(10);

/// So many requests wait for queues at one time; others are refused at once.
const WAITING_MAX: usize = 10_000;

/// The database is waited for so long.
const DATABASE_TIME_LIMIT: Duration = Duration::from_secs(3);

/// What was sent to queues of other nodes is waited for so long.
const SENT_TIME_LIMIT: Duration = Duration::from_secs(1);

/// As often it is asked again for a name that another node is about to use.
const CLAIM_ATTEMPTS: u32 = 250;

/// The pause between these.
const CLAIM_PAUSE: Duration = Duration::from_millis(20);

/// Where a request is to be carried out.
#[derive(Debug)]
pub enum Place {
    /// By this node; what is held has to be kept until that is done.
    Here(Held),
    /// By that one.
    There(Peer),
}

/// What a request that is carried out here needs until that is done.
#[derive(Debug, Default)]
pub struct Held {
    /// The queue.
    uid: Option<u64>,
    /// A name that nobody else may create a queue under meanwhile.
    name: Option<(Name, mpsc::UnboundedSender<Ask>)>,
}

impl Held {
    /// Whether there is a name, so that the queue is created.
    pub fn is_new(&self) -> bool {
        self.name.is_some()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some((name, asks)) = self.name.take() {
            // Nobody is left to be asked when the server has stopped.
            let _ = asks.send(Ask::Disclaim(name));
        }
    }
}

/// How another node did not carry out what was its to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misled {
    /// It has not got the queue.
    NotThere,
    /// Nobody listens where it should.
    Refused,
    /// It did not answer.
    Silent,
}

/// Who asks, as far as it decides which queue is meant.
#[derive(Clone, Copy, Debug)]
pub struct Asker<'a> {
    /// The account.
    pub account: &'a str,
    /// The region.
    pub region: &'a str,
}

/// What has happened since this node was started.
#[derive(Debug, Default)]
pub struct Counts {
    /// Other nodes that this one has declared gone.
    pub fences: AtomicU64,
    /// Queues that were loaded.
    pub loads: AtomicU64,
    /// Queues that were given to another node.
    pub handovers: AtomicU64,
    /// Messages that came from queues of other nodes.
    pub taken: AtomicU64,
}

/// A node, for those who look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeLook {
    /// Which one.
    pub id: NodeId,
    /// What it is called.
    pub name: String,
    /// Where the others reach it.
    pub url: String,
    /// `serving` or `draining`.
    pub state: &'static str,
    /// The version of its kew.
    pub version: String,
    /// How many queues it has.
    pub queues: u64,
}

/// What a node is made of.
pub struct Parts {
    /// Which one.
    pub id: NodeId,
    /// The way to the others.
    pub link: Link,
    /// Its queues; it has none yet.
    pub broker: Arc<Broker>,
    /// The time for pauses and time limits.
    pub time: NetworkTime,
}

/// This node.
pub struct Cluster {
    pub(super) me: NodeId,
    pub(super) link: Link,
    pub(super) broker: Arc<Broker>,
    pub(super) time: NetworkTime,
    pub(super) asks: mpsc::UnboundedSender<Ask>,
    /// When the lease ends, by `time`; 0 without one.
    pub(super) lease_ms: AtomicU64,
    /// When the last round began that was heard of, by `time`.
    pub(super) round_ms: AtomicU64,
    pub(super) draining: AtomicBool,
    /// Whether the next request has to read the database first: what is known was wrong.
    pub(super) stale: AtomicBool,
    pub(super) peers: RwLock<BTreeMap<NodeId, Peer>>,
    /// All nodes, as the last round has read them.
    pub(super) nodes: RwLock<Vec<NodeLook>>,
    /// Counts up whenever a queue has come, or something else was learned of queues and nodes.
    pub(super) learned: watch::Sender<u64>,
    pub(super) waiting: AtomicUsize,
    pub(super) sending: Arc<Sending>,
    /// What has happened.
    pub counts: Counts,
}

impl Cluster {
    pub(super) fn new(parts: Parts, asks: mpsc::UnboundedSender<Ask>, sending: Arc<Sending>) -> Cluster {
        let Parts { id, link, broker, time } = parts;
        Cluster {
            me: id,
            link,
            broker,
            time,
            asks,
            lease_ms: AtomicU64::new(0),
            round_ms: AtomicU64::new(0),
            draining: AtomicBool::new(false),
            stale: AtomicBool::new(false),
            peers: RwLock::default(),
            nodes: RwLock::default(),
            learned: watch::Sender::new(0),
            waiting: AtomicUsize::new(0),
            sending,
            counts: Counts::default(),
        }
    }

    /// Which node this is.
    pub fn id(&self) -> NodeId {
        self.me
    }

    /// The way to the others.
    pub fn link(&self) -> &Link {
        &self.link
    }

    /// Whether this node may answer now from what is in its memory.
    pub fn has_lease(&self) -> bool {
        self.time.now_ms() < self.lease_ms.load(Ordering::Acquire)
    }

    /// Whether it is about to stop, and gives its queues away.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// All nodes, as they were a moment ago.
    pub fn nodes(&self) -> Vec<NodeLook> {
        self.nodes.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many requests wait for a queue that is on its way here.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Whether messages of queues of this node are on their way to others.
    pub fn is_sending(&self) -> bool {
        self.sending.is_under_way()
    }

    /// Where a request is to be carried out. Waits for a queue that is on its way here.
    ///
    /// # Errors
    /// `ServiceUnavailable` if that takes too long, or the database does not answer.
    pub async fn place(&self, asker: Asker<'_>, request: &Request) -> Result<Place, Error> {
        if self.stale.swap(false, Ordering::AcqRel) {
            self.refresh().await?;
        }
        match request {
            Request::CreateQueue(create) => self.place_of_new(asker, create.queue_name.as_deref()).await,
            Request::ListQueues(_) => {
                self.refresh().await?;
                Ok(Place::Here(Held::default()))
            }
            _ => {
                let place = self.place_of(asker, request.address()).await?;
                // What they say or change depends on other queues as they are now.
                let looks_around = match request.operation() {
                    Operation::ListDeadLetterSourceQueues
                    | Operation::SetQueueAttributes
                    | Operation::StartMessageMoveTask => true,
                    // It may have just been created.
                    Operation::ReceiveMessage => self.misses_dead_letter_queue(asker, request.address()),
                    _ => false,
                };
                if looks_around && matches!(place, Place::Here(_)) {
                    self.refresh().await?;
                }
                Ok(place)
            }
        }
    }

    /// Whether the redrive policy of a queue points at one that is not known here.
    fn misses_dead_letter_queue(&self, asker: Asker<'_>, address: Address<'_>) -> bool {
        let Some(queue) = meant(&self.broker, asker.account, asker.region, address) else { return false };
        let settings = queue.settings();
        settings.redrive.as_ref().is_some_and(|policy| self.broker.redrive_target(policy, &queue).is_none())
    }

    /// Where the queue of an address is; here too if there is none, for somebody has to say so.
    async fn place_of(&self, asker: Asker<'_>, address: Address<'_>) -> Result<Place, Error> {
        if address == Address::Nothing {
            return Ok(Place::Here(Held::default()));
        }
        let find = || meant(&self.broker, asker.account, asker.region, address);
        match find() {
            // The usual way.
            Some(queue) if queue.elsewhere().is_none() => return Ok(here(&queue)),
            Some(_) => {}
            None => self.refresh().await?,
        }
        match find() {
            Some(queue) => self.whereabouts(queue, find).await,
            None => Ok(Place::Here(Held::default())),
        }
    }

    /// Where a queue is; waits while it is on its way here, or nobody's.
    async fn whereabouts(&self, queue: Arc<Queue>, find: impl Fn() -> Option<Arc<Queue>>) -> Result<Place, Error> {
        if let Some(place) = self.known_place(&queue) {
            return Ok(place);
        }
        let _waits = Waits::among(&self.waiting)?;
        let mut learned = self.learned.subscribe();
        // Those that are asked for come first.
        let _ = self.asks.send(Ask::Sooner(queue.uid));
        let arrived = async {
            loop {
                match find() {
                    None => return Place::Here(Held::default()),
                    Some(queue) => {
                        if let Some(place) = self.known_place(&queue) {
                            return place;
                        }
                    }
                }
                // The sender lives in `self`.
                let _ = learned.changed().await;
            }
        };
        tokio::select! {
            biased;
            place = arrived => Ok(place),
            () = self.time.pause(ARRIVAL_TIME_LIMIT) => Err(Error::moved()),
        }
    }

    /// None while it is on its way here, or its owner is not known (any more).
    fn known_place(&self, queue: &Queue) -> Option<Place> {
        match queue.elsewhere() {
            None => Some(here(queue)),
            Some(owner) if owner == self.me.0 => None,
            Some(owner) => self.peer(NodeId(owner)).map(Place::There),
        }
    }

    /// Where a queue of this name is created: here, if there is none.
    async fn place_of_new(&self, asker: Asker<'_>, name: Option<&str>) -> Result<Place, Error> {
        let Some(name) = name else { return Ok(Place::Here(Held::default())) };
        let address = Address::QueueName(Some(name), None);
        self.refresh().await?;
        if meant(&self.broker, asker.account, asker.region, address).is_some() {
            return self.place_of(asker, address).await;
        }
        if let Some(peer) = self.is_draining().then(|| self.any_peer()).flatten() {
            return Ok(Place::There(peer));
        }
        let region = self.broker.namespace().region_key(asker.region);
        let claimed = Name { account: asker.account.to_owned(), region: region.to_owned(), name: name.to_owned() };
        let mut attempts = 0;
        while !self.ask(|told| Ask::Claim(claimed.clone(), told)).await? {
            attempts += 1;
            if attempts == CLAIM_ATTEMPTS {
                return Err(Error::unavailable("another node has been about to create a queue of this name for long"));
            }
            self.time.pause(CLAIM_PAUSE).await;
        }
        let held = Held { uid: None, name: Some((claimed, self.asks.clone())) };
        // It may have been created before the name was claimed.
        self.refresh().await?;
        match meant(&self.broker, asker.account, asker.region, address) {
            None => Ok(Place::Here(held)),
            Some(_) => self.place_of(asker, address).await,
        }
    }

    /// Learns what the database says of all queues now.
    ///
    /// # Errors
    /// `ServiceUnavailable` if it does not answer.
    pub async fn refresh(&self) -> Result<(), Error> {
        self.ask(Ask::Refresh).await
    }

    /// Waits, for a moment at most, until what a request's queue has sent to others is there: who finds a dead letter gone from its
    /// source finds it in the dead-letter queue, and who hears that a move task has ended finds what it moved.
    pub async fn sent(&self, held: &Held) {
        let Some(uid) = held.uid else { return };
        tokio::select! {
            biased;
            () = self.sending.arrived(uid) => {}
            () = self.time.pause(SENT_TIME_LIMIT) => {}
        }
    }

    /// Takes the messages that have come for a queue.
    ///
    /// # Errors
    /// `ServiceUnavailable` if the database does not answer.
    pub async fn take(&self, uid: u64) -> Result<(), Error> {
        self.ask(|told| Ask::Take(uid, told)).await
    }

    /// Gives a queue to another node, or some node its share: what `kew cluster move` asks for.
    ///
    /// # Errors
    /// Why not, in words.
    pub async fn give(&self, uid: u64, to: NodeId) -> Result<(), String> {
        let (told, answer) = oneshot::channel();
        let _ = self.asks.send(Ask::Give(uid, to, told));
        answer.await.unwrap_or_else(|_| Err("this node is about to stop".to_owned()))
    }

    /// Gives all queues away, as far as there are others who take them, and takes no new ones. Ends when that is done.
    pub async fn drain(&self) {
        self.draining.store(true, Ordering::Release);
        let (told, done) = oneshot::channel();
        let _ = self.asks.send(Ask::Drain(told));
        // An error means that everything has ended already.
        let _ = done.await;
    }

    async fn ask<T>(&self, ask: impl FnOnce(oneshot::Sender<T>) -> Ask) -> Result<T, Error> {
        let (told, answer) = oneshot::channel();
        let _ = self.asks.send(ask(told));
        let answered = tokio::select! {
            biased;
            answer = answer => answer.ok(),
            () = self.time.pause(DATABASE_TIME_LIMIT) => None,
        };
        answered.ok_or_else(|| Error::unavailable("the database does not answer"))
    }

    /// A node did not carry out what was its to do.
    pub fn misled(&self, _by: &Peer, how: Misled) {
        self.stale.store(true, Ordering::Release);
        match how {
            Misled::NotThere => {}
            Misled::Refused | Misled::Silent => drop(self.asks.send(Ask::Look)),
        }
    }

    /// Another node says that something has changed.
    pub fn look(&self) {
        let _ = self.asks.send(Ask::Look);
    }

    /// Has the committer find out by whom this node was declared gone; then everything ends.
    pub(super) fn find_out(&self) {
        if let Some(store) = self.broker.store() {
            let _ = store.submit(vec![Change::Proof]);
        }
    }

    pub(super) fn peer(&self, id: NodeId) -> Option<Peer> {
        self.peers.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    /// The same of a node that may have joined since the last round.
    pub(super) async fn peer_soon(&self, id: NodeId) -> Option<Peer> {
        let mut learned = self.learned.subscribe();
        if self.peer(id).is_none() {
            let _ = self.asks.send(Ask::Look);
        }
        let known = async {
            loop {
                if let Some(peer) = self.peer(id) {
                    return peer;
                }
                // The sender lives in `self`.
                let _ = learned.changed().await;
            }
        };
        tokio::select! {
            biased;
            peer = known => Some(peer),
            () = self.time.pause(SENT_TIME_LIMIT) => None,
        }
    }

    fn any_peer(&self) -> Option<Peer> {
        self.peers.read().unwrap_or_else(PoisonError::into_inner).values().next().cloned()
    }

    pub(super) fn learned(&self) {
        self.learned.send_modify(|count| *count = count.wrapping_add(1));
    }
}

/// A request to a queue of this node.
fn here(queue: &Queue) -> Place {
    Place::Here(Held { uid: Some(queue.uid), name: None })
}

/// One of the requests that wait.
struct Waits<'a>(&'a AtomicUsize);

impl<'a> Waits<'a> {
    fn among(waiting: &'a AtomicUsize) -> Result<Waits<'a>, Error> {
        let waits = Waits(waiting);
        if waiting.fetch_add(1, Ordering::Relaxed) >= WAITING_MAX {
            Err(Error::unavailable("too many wait for queues"))
        } else {
            Ok(waits)
        }
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
