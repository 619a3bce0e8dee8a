//! A node begins: its threads, and the way of what is asked to whoever does it.

use super::desk::{Desk, Task};
use super::directory::Directory;
use super::giving::Giving;
use super::loading::{self, Arrivals, LOADERS};
use super::node::{Cluster, Parts};
use super::roll::{NodeId, Roll};
use super::rounds::Rounds;
use super::work::{Ask, Sending};
use crate::store::StoreError;
use crate::store::postgres::Shared;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::LocalSet;

/// The threads of a node. They end when this is dropped.
pub struct Threads {
    end: Option<oneshot::Sender<()>>,
    arrivals: Arc<Arrivals>,
    threads: Vec<JoinHandle<()>>,
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.arrivals.end();
        // Dropped, it says the same.
        self.end.take();
        for thread in self.threads.drain(..) {
            // A panic has been reported by the thread itself.
            let _ = thread.join();
        }
    }
}

impl Cluster {
    /// So many ways to the database a node has beside that of its commits.
    pub const WAYS: usize = 2 + LOADERS;

    /// Begins: when this returns the node knows the time, the other nodes and all queues.
    ///
    /// # Errors
    /// What the database says; or there is no thread.
    pub fn start(parts: Parts, ways: [Shared; Cluster::WAYS]) -> Result<(Arc<Cluster>, Threads), StoreError> {
        let no_thread = |error: std::io::Error| StoreError::Internal { detail: format!("no thread: {error}") };
        let (asks, asked) = mpsc::unbounded_channel();
        let (tell_asks, sending) = (asks.clone(), Arc::<Sending>::default());
        let begins = sending.clone();
        parts.broker.has_neighbours(Box::new(move |source, target, ticket| {
            let number = begins.begins(source.uid);
            let owner = target.elsewhere().map(NodeId);
            // Nobody listens any more when the node stops; the target's node learns it in its next round.
            let _ = tell_asks.send(Ask::Sent { source: source.uid, number, target: target.uid, owner, ticket });
        }));
        let cluster = Arc::new(Cluster::new(parts, asks, sending));
        let arrivals = Arc::<Arrivals>::default();
        let (begun, has_begun) = std::sync::mpsc::sync_channel(1);
        let (end, ended) = oneshot::channel();
        let mut threads = Threads { end: Some(end), arrivals: arrivals.clone(), threads: Vec::new() };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(no_thread)?;
        let [beats, statements, loaders @ ..] = ways;
        let main = {
            let (cluster, arrivals) = (cluster.clone(), arrivals.clone());
            std::thread::Builder::new().name("cluster".to_owned()).spawn(move || {
                // What a node does in its life is one large future; the stack is for the calls.
                let work = Box::pin(run(cluster, arrivals, (beats, statements), asked, begun));
                LocalSet::new().block_on(&runtime, async move {
                    tokio::select! {
                        () = work => {}
                        // Nothing is sent: the sender is dropped.
                        _ = ended => {}
                    }
                });
                runtime.shutdown_background();
            })
        };
        threads.threads.push(main.map_err(no_thread)?);
        match has_begun.recv() {
            Ok(begun) => begun?,
            Err(_) => return Err(StoreError::Internal { detail: "the thread of the cluster has ended".to_owned() }),
        }
        for way in loaders {
            let loader = loading::start(cluster.clone(), arrivals.clone(), way);
            threads.threads.push(loader.map_err(no_thread)?);
        }
        Ok((cluster, threads))
    }
}

/// The life of a node.
async fn run(
    cluster: Arc<Cluster>,
    arrivals: Arc<Arrivals>,
    (mut beats, statements): (Shared, Shared),
    asked: mpsc::UnboundedReceiver<Ask>,
    begun: std::sync::mpsc::SyncSender<Result<(), StoreError>>,
) {
    let directory = Rc::<RefCell<Directory>>::default();
    let roll = Rc::new(RefCell::new(Roll::new(cluster.id())));
    let (desk, tasks) = mpsc::unbounded_channel();
    let giving = Giving { cluster: cluster.clone(), directory: directory.clone(), roll: roll.clone() };
    let sooner = Rc::new(Notify::new());
    let rounds = Rounds {
        cluster: cluster.clone(),
        roll,
        giving: giving.clone(),
        desk: desk.clone(),
        sooner: sooner.clone(),
        orphaned: Cell::new(0),
        gives: Rc::new(Cell::new(true)),
    };
    let mut at_desk = Desk { cluster: cluster.clone(), directory, arrivals: arrivals.clone(), shared: statements };
    let begins = async {
        rounds.begin(&mut beats).await?;
        at_desk.refresh().await
    };
    let result = begins.await;
    let failed = result.is_err();
    // Whoever starts the node waits for it.
    let _ = begun.send(result);
    if failed {
        return;
    }
    rounds.gives.set(false);
    tokio::join!(
        Box::pin(rounds.run(beats)),
        Box::pin(at_desk.run(tasks)),
        Box::pin(dispatch(cluster.clone(), &arrivals, giving, desk, sooner, asked))
    );
}

/// Passes on what is asked.
async fn dispatch(
    cluster: Arc<Cluster>,
    arrivals: &Arrivals,
    giving: Giving,
    desk: mpsc::UnboundedSender<Task>,
    sooner: Rc<Notify>,
    mut asked: mpsc::UnboundedReceiver<Ask>,
) {
    while let Some(ask) = asked.recv().await {
        // The desk is there for as long as this is.
        match ask {
            Ask::Refresh(told) => drop(desk.send(Task::Refresh(Some(told)))),
            Ask::Claim(name, told) => drop(desk.send(Task::Claim(name, told))),
            Ask::Disclaim(name) => {
                let (desk, ticket) = (desk.clone(), cluster.broker.store().map(|store| store.newest()));
                tokio::task::spawn_local(async move {
                    // Not before it is certain what became of the queue: another one of its name could come between.
                    if let Some(ticket) = ticket {
                        ticket.finished().await;
                    }
                    let _ = desk.send(Task::Disclaim(name));
                });
            }
            Ask::Sooner(uid) => arrivals.sooner(uid),
            Ask::Look => sooner.notify_one(),
            Ask::Sent { source, number, target, owner, ticket } => {
                let (cluster, desk) = (cluster.clone(), desk.clone());
                tokio::task::spawn_local(async move {
                    if let Some(ticket) = ticket {
                        ticket.finished().await;
                    }
                    match owner {
                        // One that does not hear it learns it in its next round.
                        Some(owner) => {
                            if let Some(peer) = cluster.peer_soon(owner).await {
                                let _ = cluster.link.take(&peer, target).await;
                            }
                        }
                        None => {
                            let (told, taken) = oneshot::channel();
                            let _ = desk.send(Task::Take(vec![target], Some(told)));
                            let _ = taken.await;
                        }
                    }
                    cluster.sending.ends(source, number);
                });
            }
            Ask::Take(target, told) => drop(desk.send(Task::Take(vec![target], Some(told)))),
            Ask::Give(uid, to, told) => {
                let giving = giving.clone();
                tokio::task::spawn_local(async move {
                    let _ = told.send(giving.move_to(uid, to).await);
                });
            }
            Ask::Drain(told) => {
                let (giving, desk, sooner) = (giving.clone(), desk.clone(), sooner.clone());
                tokio::task::spawn_local(async move {
                    let (set, is_set) = oneshot::channel();
                    let _ = desk.send(Task::Drain(set));
                    // An error means that all has ended.
                    let _ = is_set.await;
                    sooner.notify_one();
                    giving.drain().await;
                    let _ = told.send(());
                });
            }
        }
    }
}
