//! A worker thread and its connections. Each has a runtime of its own, and a request is served on the thread that read it: nothing
//! is passed between threads except where one client's send wakes another's long poll.

use super::connection;
use super::idle_watch::{IDLE_CHECKS, IdleWatch, TimedOut};
use super::limits::{HEADER_TIME_LIMIT, SHUTDOWN_TIME_LIMIT};
use super::service::Service;
use super::socket::Client;
use super::tls::Tls;
use std::collections::HashMap;
use std::net::TcpStream as StdStream;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{Id, JoinSet};

/// How far the server is with stopping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Not at all.
    Serving,
    /// No new connections; requests that are under way are finished.
    Finishing,
    /// At once.
    Stopped,
}

/// A connection on its way to a worker.
pub(super) struct Accepted {
    pub(super) stream: StdStream,
    pub(super) client: Client,
    pub(super) counted: Counted,
    /// What is shown to it, if it is to speak TLS.
    pub(super) tls: Option<Arc<Tls>>,
}

/// Counts a connection for as long as it is there.
pub(super) struct Counted(Arc<AtomicUsize>);

impl Counted {
    /// One connection more.
    pub(super) fn new(count: &Arc<AtomicUsize>) -> Counted {
        count.fetch_add(1, Ordering::Relaxed);
        Counted(count.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A worker thread and its connections.
pub(super) struct Worker {
    service: Arc<Service>,
    accepted: mpsc::UnboundedReceiver<Accepted>,
    phase: watch::Receiver<Phase>,
    /// Workers that have not yet told their connections that the server stops.
    serving: Arc<AtomicUsize>,
    connections: JoinSet<()>,
    watched: HashMap<Id, Watched>,
}

/// A connection that a worker may end.
struct Watched {
    client: Arc<Client>,
    watch: IdleWatch,
    /// Says that the connection has timed out; dropped, that it is to end after the request that is under way.
    end: Option<oneshot::Sender<TimedOut>>,
}

impl Watched {
    /// Ends the connection if it has been silent for too long.
    fn check(&mut self) {
        if let Some(reason) = self.watch.check(&self.client.state)
            && let Some(end) = self.end.take()
        {
            // If it has just ended, nobody is left to be told.
            let _ = end.send(reason);
        }
    }
}

impl Worker {
    /// A worker among others, which all share `phase` and `serving`, the number of them.
    pub(super) fn new(
        service: Arc<Service>,
        accepted: mpsc::UnboundedReceiver<Accepted>,
        phase: watch::Receiver<Phase>,
        serving: Arc<AtomicUsize>,
    ) -> Worker {
        Worker { service, accepted, phase, serving, connections: JoinSet::new(), watched: HashMap::new() }
    }

    /// Serves connections until the server stops, and then those that are left.
    pub(super) async fn run(mut self) {
        self.serve().await;
        self.finish().await;
    }

    async fn serve(&mut self) {
        let time = self.service.time().clone();
        let between_checks = HEADER_TIME_LIMIT / IDLE_CHECKS;
        let mut next_check = pin!(time.pause(between_checks));
        loop {
            tokio::select! {
                accepted = self.accepted.recv() => match accepted {
                    Some(accepted) => self.take(accepted),
                    None => return,
                },
                Some(ended) = self.connections.join_next_with_id(), if !self.connections.is_empty() => {
                    self.watched.remove(&ended.map_or_else(|error| error.id(), |(id, ())| id));
                }
                () = next_check.as_mut() => {
                    self.watched.values_mut().for_each(Watched::check);
                    next_check.set(time.pause(between_checks));
                }
                changed = self.phase.changed() => {
                    if changed.is_err() || *self.phase.borrow_and_update() != Phase::Serving {
                        return;
                    }
                }
            }
        }
    }

    /// Serves a connection of its own.
    fn take(&mut self, Accepted { stream, client, counted, tls }: Accepted) {
        let stream = match TcpStream::from_std(stream) {
            Ok(stream) => stream,
            Err(error) => return tracing::warn!(%error, "a connection was lost"),
        };
        let client = Arc::new(client);
        let joined = self.service.control().home().shared().activity.join(client.clone());
        let (end, ended) = oneshot::channel();
        let served = connection::serve(stream, tls, client.clone(), self.service.clone(), ended);
        let task = self.connections.spawn(async move {
            served.await;
            drop((counted, joined));
        });
        self.watched.insert(task.id(), Watched { client, watch: IdleWatch::default(), end: Some(end) });
    }

    /// Lets requests that are under way finish, unless the server is to stop at once.
    async fn finish(&mut self) {
        if *self.phase.borrow() == Phase::Finishing {
            self.watched.clear();
            // The last worker: every connection knows that its next answer is its last, also those of parked ReceiveMessages.
            if self.serving.fetch_sub(1, Ordering::AcqRel) == 1 {
                self.service.broker().close();
            }
        }
        let (connections, phase) = (&mut self.connections, &mut self.phase);
        tokio::select! {
            () = async { while connections.join_next().await.is_some() {} } => {}
            () = async { while *phase.borrow_and_update() != Phase::Stopped && phase.changed().await.is_ok() {} } => {}
            () = self.service.time().pause(SHUTDOWN_TIME_LIMIT) => tracing::warn!("some requests were cut off"),
        }
    }
}
