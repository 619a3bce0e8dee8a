//! Threads and sockets: accepting connections, sharing them out, and stopping.
//!
//! Each worker thread has a runtime of its own, and connections are dealt out to the workers in turn. A request is served on
//! the thread that read it, so nothing is passed between threads except where one client's send wakes another's long poll.

use super::connection::{self, LOOKS, Peer, Watched};
use super::{SHUTDOWN_TIME_LIMIT, Service};
use crate::clock::Clock;
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
use tokio::sync::{mpsc, watch};
use tokio::task::{Id, JoinSet};

/// Connections that wait to be accepted, as asked of the operating system.
const BACKLOG: i32 = 1024;
/// Connections that are being told at one time that there is no room for them; others are closed without a word.
const TURNED_AWAY_MAX: usize = 256;
/// How long to wait when no file descriptor is left for a new connection.
const NO_DESCRIPTOR_PAUSE: Duration = Duration::from_millis(20);
/// How often a stopping server looks for connections that have become idle.
const LAST_LOOKS_PAUSE: Duration = Duration::from_millis(20);

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
    port: u16,
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
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..count).map(|_| mpsc::unbounded_channel()).unzip();
        let mut front = Some((listeners, senders));
        for (index, receiver) in receivers.into_iter().enumerate() {
            // The first worker also accepts connections and keeps the time.
            let front = front.take();
            let (service, phase) = (running.service.clone(), running.phase.subscribe());
            let runtime = Builder::new_current_thread().enable_all().build().map_err(StartError::Thread)?;
            let thread = std::thread::Builder::new().name(format!("kew-{index}")).spawn(move || {
                runtime.block_on(work(service, front, receiver, phase));
            });
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
        self.begin_shutdown();
        let threads = std::mem::take(&mut self.threads);
        let (done, ended) = tokio::sync::oneshot::channel();
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
        self.begin_shutdown();
        join(std::mem::take(&mut self.threads));
    }

    fn begin_shutdown(&self) {
        self.phase.send_replace(Phase::Finishing);
        self.service.broker().close();
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

/// The life of a worker thread.
async fn work(
    service: Arc<Service>,
    front: Option<Front>,
    mut accepted: mpsc::UnboundedReceiver<Accepted>,
    mut phase: watch::Receiver<Phase>,
) {
    let mut background = JoinSet::new();
    if let Some((listeners, workers)) = front {
        let broker = service.broker().clone();
        background.spawn(async move { broker.run_timers().await });
        let count = Arc::new(AtomicUsize::new(0));
        for listener in listeners {
            background.spawn(accept(listener, workers.clone(), service.clone(), count.clone(), phase.clone()));
        }
    }
    let mut connections = JoinSet::new();
    let mut watched: HashMap<Id, Watched> = HashMap::new();
    let between_looks = service.head_time_limit / LOOKS;
    let mut next_look = pin!(Clock::network_pause(between_looks));
    loop {
        tokio::select! {
            next = accepted.recv() => {
                let Some(Accepted { stream, port, counted }) = next else { break };
                match TcpStream::from_std(stream) {
                    Ok(stream) => {
                        let peer = Arc::new(Peer::default());
                        let served = connection::serve(stream, service.clone(), port, peer.clone());
                        let task = connections.spawn(async move {
                            served.await;
                            drop(counted);
                        });
                        watched.insert(task.id(), Watched { peer, task });
                    }
                    Err(error) => tracing::warn!(%error, "a connection was lost"),
                }
            }
            Some(ended) = connections.join_next_with_id(), if !connections.is_empty() => {
                watched.remove(&ended.map_or_else(|error| error.id(), |(id, ())| id));
            }
            () = next_look.as_mut() => {
                watched.values().for_each(Watched::look);
                next_look.set(Clock::network_pause(between_looks));
            }
            changed = phase.changed() => {
                if changed.is_err() || *phase.borrow_and_update() != Phase::Serving {
                    break;
                }
            }
        }
    }
    let finish = async { while connections.join_next().await.is_some() {} };
    let end_idle = async {
        loop {
            watched.values().for_each(Watched::end_if_idle);
            Clock::network_pause(LAST_LOOKS_PAUSE).await;
        }
    };
    let stopped = async { while *phase.borrow_and_update() != Phase::Stopped && phase.changed().await.is_ok() {} };
    tokio::select! {
        () = finish => {}
        () = end_idle => {}
        () = stopped => {}
        () = Clock::network_pause(SHUTDOWN_TIME_LIMIT) => tracing::warn!("some requests were cut off"),
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
        let stream = match next {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::debug!(%error, "a connection could not be accepted");
                Clock::network_pause(NO_DESCRIPTOR_PAUSE).await;
                continue;
            }
        };
        if count.load(Ordering::Relaxed) >= service.options().connections_max {
            if turned_away.len() < TURNED_AWAY_MAX {
                turned_away.spawn(connection::turn_away(stream));
            }
            while turned_away.try_join_next().is_some() {}
            continue;
        }
        count.fetch_add(1, Ordering::Relaxed);
        let counted = Counted(count.clone());
        turn = (turn + 1) % workers.len();
        match stream.into_std() {
            Ok(stream) => {
                let _ = workers[turn].send(Accepted { stream, port, counted });
            }
            Err(error) => tracing::warn!(%error, "a connection was lost"),
        }
    }
}
