//! Listening, accepting connections, dealing them out to the workers in turn, and stopping.

use super::connection;
#[cfg(feature = "aws-sdk")]
use super::in_process::InProcess;
use super::limits::TURNED_AWAY_MAX;
use super::service::Service;
use super::socket::Client;
use super::tls::Tls;
use super::worker::{Accepted, Counted, Phase, Worker};
use crate::control::OwnPort;
use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

/// Connections that may wait to be accepted, as asked of the operating system.
const BACKLOG: i32 = 1024;
/// How long to wait when no file descriptor is left for a new connection.
const NO_DESCRIPTOR_PAUSE: Duration = Duration::from_millis(20);

/// Why nothing can be served.
#[derive(Debug)]
#[non_exhaustive]
pub enum ServeError {
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

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServeError::Listen { address, source } if source.kind() == io::ErrorKind::AddrInUse => {
                write!(f, "cannot listen on {address}: the port is in use")
            }
            ServeError::Listen { address, source } => write!(f, "cannot listen on {address}: {source}"),
            ServeError::Thread(source) => write!(f, "cannot start a thread: {source}"),
        }
    }
}

impl std::error::Error for ServeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ServeError::Listen { source, .. } | ServeError::Thread(source) => Some(source),
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
    /// [`ServeError::Listen`].
    pub(crate) fn new(address: SocketAddr) -> Result<Bound, ServeError> {
        let attempt = || -> io::Result<socket2::Socket> {
            let socket = socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::STREAM, None)?;
            // So that a server can be started again at once on the port of one that has just ended.
            #[cfg(unix)]
            socket.set_reuse_address(true)?;
            socket.bind(&address.into())?;
            Ok(socket)
        };
        let socket = attempt().map_err(|source| ServeError::Listen { address, source })?;
        Ok(Bound { address, socket })
    }

    /// Listens on it, without serving it yet.
    ///
    /// # Errors
    /// [`ServeError::Listen`].
    pub(crate) fn listen(self) -> Result<StdListener, ServeError> {
        let listening = self.socket.listen(BACKLOG).and_then(|()| self.socket.set_nonblocking(true));
        listening.map_err(|source| ServeError::Listen { address: self.address, source })?;
        Ok(self.socket.into())
    }
}

/// A listener, which must not block, and what it shows if it speaks TLS.
pub struct Listening {
    socket: StdListener,
    tls: Option<Arc<Tls>>,
    /// Whether it is for other nodes.
    is_for_peers: bool,
}

impl Listening {
    /// A listener that speaks TLS, or plain HTTP without anything to show.
    pub fn new(socket: StdListener, tls: Option<Arc<Tls>>) -> Listening {
        Listening { socket, tls, is_for_peers: false }
    }

    /// A listener for other nodes. It comes behind all others, is told to nobody, and its connections are counted by themselves: clients
    /// must not keep nodes from each other.
    pub fn peer(socket: StdListener) -> Listening {
        Listening { socket, tls: None, is_for_peers: true }
    }
}

impl From<StdListener> for Listening {
    fn from(socket: StdListener) -> Listening {
        Listening::new(socket, None)
    }
}

/// A server that runs. Dropping it stops it at once and waits for its threads; [`Running::shutdown`] lets it finish.
pub struct Running {
    service: Arc<Service>,
    addresses: Vec<SocketAddr>,
    /// How many of them, the first ones, speak plain HTTP.
    plain: usize,
    phase: watch::Sender<Phase>,
    threads: Vec<JoinHandle<()>>,
}

impl Running {
    /// Starts threads that serve these listeners.
    ///
    /// # Errors
    /// When a thread or a runtime cannot be had.
    pub fn start<L: Into<Listening>>(service: Arc<Service>, listeners: Vec<L>) -> Result<Running, ServeError> {
        let listeners: Vec<Listening> = listeners.into_iter().map(Into::into).collect();
        let for_clients = || listeners.iter().filter(|listener| !listener.is_for_peers);
        let addresses: io::Result<Vec<_>> = for_clients().map(|listener| listener.socket.local_addr()).collect();
        let addresses = addresses.map_err(ServeError::Thread)?;
        let (phase, _) = watch::channel(Phase::Serving);
        let plain = for_clients().take_while(|listener| listener.tls.is_none()).count();
        let mut running = Running { service, addresses, plain, phase, threads: Vec::new() };
        let count = running.service.options().threads.max(1);
        let serving = Arc::new(AtomicUsize::new(count));
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..count).map(|_| mpsc::unbounded_channel()).unzip();
        let mut first = Some((listeners, senders));
        for (index, accepted) in receivers.into_iter().enumerate() {
            let service = running.service.clone();
            let worker = Worker::new(service.clone(), accepted, running.phase.subscribe(), serving.clone());
            let (first, phase) = (first.take(), running.phase.subscribe());
            let runtime = Builder::new_current_thread().enable_all().build().map_err(ServeError::Thread)?;
            let thread = std::thread::Builder::new().name(format!("kew-{index}"));
            let thread = thread.spawn(move || {
                runtime.block_on(async move {
                    // Ends with the worker.
                    let _background =
                        first.map(|(listeners, workers)| in_background(&service, listeners, &workers, &phase));
                    worker.run().await;
                });
            });
            running.threads.push(thread.map_err(ServeError::Thread)?);
        }
        Ok(running)
    }

    /// Where it listens, in the order of the listeners.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Those that speak TLS, which come last.
    pub fn tls_addresses(&self) -> &[SocketAddr] {
        &self.addresses[self.plain..]
    }

    /// What it serves.
    pub fn service(&self) -> &Arc<Service> {
        &self.service
    }

    /// A client in this process.
    #[cfg(feature = "aws-sdk")]
    pub(crate) fn in_process(&self) -> InProcess {
        let port = self.addresses.first().map_or(0, SocketAddr::port);
        InProcess::new(&self.service, self.phase.subscribe(), port)
    }

    /// Stops accepting, answers long polls with nothing, and lets requests that are under way finish within
    /// [`SHUTDOWN_TIME_LIMIT`](super::SHUTDOWN_TIME_LIMIT).
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

/// What runs beside the first worker: the broker's timers, the look at its store, and accepting connections for all workers.
fn in_background(
    service: &Arc<Service>,
    listeners: Vec<Listening>,
    workers: &[mpsc::UnboundedSender<Accepted>],
    phase: &watch::Receiver<Phase>,
) -> JoinSet<()> {
    let mut background = JoinSet::new();
    let broker = service.broker().clone();
    background.spawn(async move { broker.run_timers().await });
    let (broker, time) = (service.broker().clone(), service.time().clone());
    background.spawn(async move { broker.watch_store(&time).await });
    let count = service.metrics().connections.clone();
    let serve = {
        let (workers, service, phase) = (workers.to_vec(), service.clone(), phase.clone());
        move |listener: Listening| {
            let count = if listener.is_for_peers { Arc::default() } else { count.clone() };
            accept(listener, workers.clone(), service.clone(), count, phase.clone())
        }
    };
    for listener in listeners {
        background.spawn(serve(listener));
    }
    if let Some(ports) = service.control().namespaces().ports() {
        background.spawn(serve_own_ports(ports, serve));
    }
    background
}

/// Serves the ports of namespaces that come while the server runs, each as long as its namespace is there.
async fn serve_own_ports<A>(mut ports: mpsc::UnboundedReceiver<OwnPort>, serve: impl Fn(Listening) -> A)
where
    A: Future<Output = ()> + Send + 'static,
{
    let mut serving = JoinSet::new();
    while let Some(OwnPort { listener, ended }) = ports.recv().await {
        let accepting = serve(listener.into());
        serving.spawn(async move {
            tokio::select! {
                () = accepting => {}
                // Nothing is ever sent: the namespace has dropped the sender.
                _ = ended => {}
            }
        });
        while serving.try_join_next().is_some() {}
    }
}

/// Accepts connections and deals them out to the workers in turn.
async fn accept(
    Listening { socket: listener, tls, is_for_peers }: Listening,
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
        let (stream, address) = match next {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::debug!(%error, "a connection could not be accepted");
                service.time().pause(NO_DESCRIPTOR_PAUSE).await;
                continue;
            }
        };
        let client = Client { is_peer: is_for_peers, ..Client::new(address, port, tls.is_some()) };
        if count.load(Ordering::Relaxed) >= service.options().connections_max {
            // Behind a handshake nobody would hear it for less than what it would take to serve.
            if tls.is_none() && turned_away.len() < TURNED_AWAY_MAX {
                turned_away.spawn(connection::turn_away(stream, client, service.time().clone()));
            }
            while turned_away.try_join_next().is_some() {}
            continue;
        }
        let counted = Counted::new(&count);
        turn = (turn + 1) % workers.len();
        match stream.into_std() {
            Ok(stream) => {
                let _ = workers[turn].send(Accepted { stream, client, counted, tls: tls.clone() });
            }
            Err(error) => tracing::warn!(%error, "a connection was lost"),
        }
    }
}
