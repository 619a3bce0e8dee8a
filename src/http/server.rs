//! Threads and sockets: accepting connections, sharing them out, and stopping.
//!
//! Each worker thread has a runtime of its own, and connections are dealt out to the workers in turn. A request is served on
//! the thread that read it, so nothing is passed between threads except where one client's send wakes another's long poll.

use super::Service;
use super::connection::{self, Connection};
use super::idle_watch::{IDLE_CHECKS, IdleWatch, TimedOut};
use super::limits::{HEADER_TIME_LIMIT, SHUTDOWN_TIME_LIMIT, TURNED_AWAY_MAX};
use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener, TcpStream as StdStream};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{Id, JoinSet};

/// Connections that may wait to be accepted, as asked of the operating system.
const BACKLOG: i32 = 1024;
/// How long to wait when no file descriptor is left for a new connection.
const NO_DESCRIPTOR_PAUSE: Duration = Duration::from_millis(20);

/// Why a server did not start.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// An address could not be listened on.
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// A thread or runtime could not be had.
    Thread(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Listen { address, source } if source.kind() == io::ErrorKind::AddrInUse => {
                write!(f, "cannot listen on {address}: the port is in use")
            }
            StartError::Listen { address, source } => write!(f, "cannot listen on {address}: {source}"),
            StartError::Thread(source) => write!(f, "cannot start a thread: {source}"),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            StartError::Listen { source, .. } | StartError::Thread(source) => Some(source),
        }
    }
}

/// A port that is taken, and refuses connections until it is listened on.
pub(crate) struct Bound {
    address: SocketAddr,
    socket: socket2::Socket,
}

impl Bound {
    /// Takes a port.
    ///
    /// # Errors
    /// [`StartError::Listen`].
    pub(crate) fn new(address: SocketAddr) -> Result<Bound, StartError> {
        let attempt = || -> io::Result<socket2::Socket> {
            let socket = socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::STREAM, None)?;
            // So that a server can be started again at once on the port of one that has just ended.
            #[cfg(unix)]
            socket.set_reuse_address(true)?;
            socket.bind(&address.into())?;
            Ok(socket)
        };
        let socket = attempt().map_err(|source| StartError::Listen { address, source })?;
        Ok(Bound { address, socket })
    }

    /// Listens on it, without serving it yet.
    ///
    /// # Errors
    /// [`StartError::Listen`].
    pub(crate) fn listen(self) -> Result<StdListener, StartError> {
        let listening = self.socket.listen(BACKLOG).and_then(|()| self.socket.set_nonblocking(true));
        listening.map_err(|source| StartError::Listen { address: self.address, source })?;
        Ok(self.socket.into())
    }
}

/// How far the server is with stopping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Not at all.
    Serving,
    /// No new connections; requests that are under way are finished.
    Finishing,
    /// At once.
    Stopped,
}

/// A connection on its way to a worker.
struct Accepted {
    stream: StdStream,
    connection: Connection,
    counted: Counted,
}

/// Counts a connection for as long as it is there.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A server that runs. Dropping it stops it at once and waits for its threads; [`Running::shutdown`] lets it finish.
pub struct Running {
    service: Arc<Service>,
    addresses: Vec<SocketAddr>,
    phase: watch::Sender<Phase>,
    threads: Vec<JoinHandle<()>>,
}

impl Running {
    /// Starts threads that serve these listeners, which must not block.
    ///
    /// # Errors
    /// When a thread or a runtime cannot be had.
    pub fn start(service: Arc<Service>, listeners: Vec<StdListener>) -> Result<Running, StartError> {
        let addresses: io::Result<Vec<_>> = listeners.iter().map(StdListener::local_addr).collect();
        let addresses = addresses.map_err(StartError::Thread)?;
        let (phase, _) = watch::channel(Phase::Serving);
        let mut running = Running { service, addresses, phase, threads: Vec::new() };
        let count = running.service.options().threads.max(1);
        let serving = Arc::new(AtomicUsize::new(count));
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..count).map(|_| mpsc::unbounded_channel()).unzip();
        let mut front = Some((listeners, senders));
        for (index, accepted) in receivers.into_iter().enumerate() {
            let worker = Worker {
                service: running.service.clone(),
                accepted,
                phase: running.phase.subscribe(),
                serving: serving.clone(),
                connections: JoinSet::new(),
                watched: HashMap::new(),
            };
            // The first worker also accepts connections and keeps the time.
            let front = front.take();
            let runtime = Builder::new_current_thread().enable_all().build().map_err(StartError::Thread)?;
            let thread = std::thread::Builder::new().name(format!("kew-{index}"));
            let thread = thread.spawn(move || runtime.block_on(worker.work(front)));
            running.threads.push(thread.map_err(StartError::Thread)?);
        }
        Ok(running)
    }

    /// Where it listens, in the order of the listeners.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// What it serves.
    pub fn service(&self) -> &Arc<Service> {
        &self.service
    }

    /// Stops accepting, answers long polls with nothing, and lets requests that are under way finish within
    /// [`SHUTDOWN_TIME_LIMIT`].
    pub async fn shutdown(mut self) {
        self.phase.send_replace(Phase::Finishing);
        let threads = std::mem::take(&mut self.threads);
        let (done, ended) = oneshot::channel();
        // Threads are waited for on a thread of their own: the caller's runtime stays free.
        let waiter = std::thread::Builder::new().name("kew-end".to_owned()).spawn(move || {
            join(threads);
            let _ = done.send(());
        });
        if waiter.is_ok() {
            let _ = ended.await;
        }
    }

    /// The same for code that is not async.
    pub fn shutdown_blocking(mut self) {
        self.phase.send_replace(Phase::Finishing);
        join(std::mem::take(&mut self.threads));
    }
}

fn join(threads: Vec<JoinHandle<()>>) {
    for thread in threads {
        // A panic has been reported by the thread itself.
        let _ = thread.join();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.phase.send_replace(Phase::Stopped);
        join(std::mem::take(&mut self.threads));
    }
}

type Front = (Vec<StdListener>, Vec<mpsc::UnboundedSender<Accepted>>);

/// A worker thread and its connections.
struct Worker {
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
    connection: Arc<Connection>,
    watch: IdleWatch,
    /// Says that the connection has timed out; dropped, that it is to end after the request that is under way.
    end: Option<oneshot::Sender<TimedOut>>,
}

impl Watched {
    /// Ends the connection if it has been silent for too long.
    fn check(&mut self) {
        if let Some(reason) = self.watch.check(&self.connection.state)
            && let Some(end) = self.end.take()
        {
            // If it has just ended, nobody is left to be told.
            let _ = end.send(reason);
        }
    }
}

impl Worker {
    /// The life of the thread.
    async fn work(mut self, front: Option<Front>) {
        let mut background = JoinSet::new();
        if let Some((listeners, workers)) = front {
            let broker = self.service.broker().clone();
            background.spawn(async move { broker.run_timers().await });
            let count = Arc::new(AtomicUsize::new(0));
            for listener in listeners {
                let (workers, service) = (workers.clone(), self.service.clone());
                background.spawn(accept(listener, workers, service, count.clone(), self.phase.clone()));
            }
        }
        self.serve().await;
        self.finish().await;
    }

    /// Serves connections until the server stops.
    async fn serve(&mut self) {
        let time = self.service.network_time.clone();
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
    fn take(&mut self, Accepted { stream, connection, counted }: Accepted) {
        let stream = match TcpStream::from_std(stream) {
            Ok(stream) => stream,
            Err(error) => return tracing::warn!(%error, "a connection was lost"),
        };
        let connection = Arc::new(connection);
        let (end, ended) = oneshot::channel();
        let served = connection::serve(stream, connection.clone(), ended);
        let task = self.connections.spawn(async move {
            served.await;
            drop(counted);
        });
        self.watched.insert(task.id(), Watched { connection, watch: IdleWatch::default(), end: Some(end) });
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
            () = self.service.network_time.pause(SHUTDOWN_TIME_LIMIT) => tracing::warn!("some requests were cut off"),
        }
    }
}

/// Accepts connections and deals them out to the workers in turn.
async fn accept(
    listener: StdListener,
    workers: Vec<mpsc::UnboundedSender<Accepted>>,
    service: Arc<Service>,
    count: Arc<AtomicUsize>,
    mut phase: watch::Receiver<Phase>,
) {
    let port = listener.local_addr().map_or(0, |address| address.port());
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "cannot accept connections"),
    };
    let mut turn = 0;
    let mut turned_away = JoinSet::new();
    loop {
        let next = tokio::select! {
            next = listener.accept() => next,
            _ = phase.changed() => return,
        };
        let (stream, peer) = match next {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::debug!(%error, "a connection could not be accepted");
                service.network_time.pause(NO_DESCRIPTOR_PAUSE).await;
                continue;
            }
        };
        let connection = Connection::new(service.clone(), peer, port);
        if count.load(Ordering::Relaxed) >= service.options().connections_max {
            if turned_away.len() < TURNED_AWAY_MAX {
                turned_away.spawn(connection::turn_away(stream, connection));
            }
            while turned_away.try_join_next().is_some() {}
            continue;
        }
        count.fetch_add(1, Ordering::Relaxed);
        let counted = Counted(count.clone());
        turn = (turn + 1) % workers.len();
        match stream.into_std() {
            Ok(stream) => {
                let _ = workers[turn].send(Accepted { stream, connection, counted });
            }
            Err(error) => tracing::warn!(%error, "a connection was lost"),
        }
    }
}
