//! A server to embed: started from a builder in async code and in plain tests, stopped when dropped.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `builder.rs` | [`ServerBuilder`]: each setting by a method of its own |
//! | `certificate.rs` | the certificate of a server that speaks TLS: from files, or made by itself (feature `tls`) |
//! | `error.rs` | [`StartError`]: why a server did not start |
//! | `auto.rs` `control.rs` `expect.rs` | test control from Rust: clock, faults, history, namespaces, report; what is expected of a queue |
//! | `sdk.rs` `in_process.rs` | an AWS SDK that is set up for the server; one that needs no socket (feature `aws-sdk`) |
//! | `credentials.rs` | the keys that requests have to be signed with, read from their file |
//! | `node.rs` | a server that is one of several nodes over one database (feature `postgres`) |
//! | `start.rs` | what is done before it serves: who may control it, and the store is loaded |

mod auto;
mod builder;
#[cfg(feature = "tls")]
mod certificate;
mod control;
mod credentials;
mod error;
mod expect;
#[cfg(feature = "aws-sdk")]
mod in_process;
#[cfg(feature = "store")]
mod kept;
#[cfg(feature = "postgres")]
mod node;
#[cfg(feature = "aws-sdk")]
mod sdk;
mod start;

pub use auto::Auto;
pub use builder::ServerBuilder;
pub use control::{ClockControl, FaultGuard, MessageHistory, Namespace, NamespaceError, Peek, PeekedMessage};
pub use credentials::read as read_credentials;
pub use error::StartError;
pub use expect::{Count, Expect, NotMet};
#[cfg(feature = "store")]
pub use kept::{StoreOptions, open_store};

use crate::api::fill_in;
use crate::broker::{Broker, By};
use crate::clock::{Clock, NetworkTime};
use crate::config::{Config, LISTEN_DEFAULT, SettingError};
use crate::control::{Access, Control, NotDeclared, Space};
use crate::http::{self, HttpOptions, Listening, Running, Service};
use crate::store::StoreError;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// A running server.
///
/// It has threads of its own and needs no runtime around it.
///
/// Dropping it stops it at once: requests that are under way are cut off, and the thread that drops it is blocked until the
/// server's own have ended and a data directory is closed, which takes milliseconds; in async code too, where
/// [`Server::shutdown`] does not block. That and [`Server::shutdown_blocking`] let requests finish.
///
/// ```
/// let server = kew::Server::builder().queue("orders").start()?;
/// assert!(server.queue_url("orders").starts_with("http://127.0.0.1:"));
/// # Ok::<(), kew::StartError>(())
/// ```
pub struct Server {
    running: Running,
    broker: Arc<Broker>,
    url: String,
    account: String,
    region: String,
    /// The file with the keys that requests have to be signed with.
    credentials: Option<PathBuf>,
    #[cfg(feature = "tls")]
    certificate: Option<certificate::Certificate>,
    /// Ends after what uses it.
    #[cfg(feature = "postgres")]
    node: Option<node::Node>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("url", &self.url).field("addresses", &self.addresses()).finish_non_exhaustive()
    }
}

impl Server {
    /// A server with no queues, on a free port, going by the system clock, unless told otherwise.
    pub fn builder() -> ServerBuilder {
        ServerBuilder::new()
    }

    /// The clock of a server that is given none: one that tests can turn, unless what it showed would be stored.
    #[doc(hidden)]
    pub fn clock_for(config: &Config) -> Clock {
        if config.peer.is_some() {
            return Clock::cluster();
        }
        if config.is_kept() { Clock::system() } else { Clock::controlled() }
    }

    /// Starts a server from a whole configuration. Loading a data directory takes time (a million messages: seconds); until it
    /// is loaded connections are refused.
    ///
    /// # Errors
    /// When a setting cannot be what it is, an address cannot be listened on, the data directory cannot be used, or a queue is
    /// not one that SQS would create.
    pub fn start(config: &Config, clock: Clock) -> Result<Server, StartError> {
        Server::start_at(config, clock, NetworkTime::real())
    }

    fn start_at(config: &Config, clock: Clock, time: NetworkTime) -> Result<Server, StartError> {
        let config = &config.checked().map_err(|(name, source)| StartError::Setting { name, source })?;
        let addresses = if config.listen.is_empty() { &[LISTEN_DEFAULT][..] } else { &config.listen };
        let keys = credentials::load(config).map_err(|source| StartError::Setting { name: "credentials", source })?;
        // Before a store is loaded, so that a port in use is found at once.
        let bound = addresses.iter().chain(&config.tls_listen).copied();
        let bound = bound.map(http::Bound::new).collect::<Result<Vec<_>, _>>();
        let bound = bound.map_err(StartError::of_http)?;
        let peers = start::bind_for_peers(config)?;
        let options = start::space_options(config);
        let (broker, history) = Space::broker_of(&options, clock);
        #[cfg(feature = "postgres")]
        let mut broker = broker;
        #[cfg(feature = "postgres")]
        let joined = node::join(&mut broker, config, &time)?;
        #[cfg(feature = "store")]
        let broker = match config.place().filter(|_| config.peer.is_none()) {
            Some(place) => kept::with_store(broker, &place, config, &time)?,
            None => broker,
        };
        let home = Space::new(&options, broker, history, &start::shared(time.clone(), config));
        home.know_queues();
        let broker = home.broker().clone();
        #[cfg(feature = "postgres")]
        let node = joined.map(|joined| joined.begin(&broker, &time)).transpose()?;
        #[cfg(feature = "postgres")]
        let declared = match &node {
            Some(node) => node.declare(&home, config),
            None => home.declare(By::default()),
        };
        #[cfg(not(feature = "postgres"))]
        let declared = home.declare(By::default());
        declared.map_err(|NotDeclared { queue: name, reason }| StartError::Queue { name, reason })?;
        start::add_faults(&home, config)?;
        let all_addresses = [addresses, &config.tls_listen].concat();
        let control = Control::new(home, start::control_access(config, &all_addresses));
        let service = Service::new(control, HttpOptions::of(config)).network_time(time).credentials(keys);
        #[cfg(feature = "postgres")]
        let service = service.cluster(node.as_ref().map(|node| node.cluster.clone()));
        let service = Arc::new(service);
        #[cfg(feature = "tls")]
        let certificate = certificate::Certificate::of(config).map_err(StartError::Tls)?;
        #[cfg(feature = "tls")]
        let tls = certificate.as_ref().map(|certificate| certificate.tls.clone());
        #[cfg(not(feature = "tls"))]
        let tls = None;
        let plain = if config.speaks_only_tls() { 0 } else { addresses.len() };
        let mut listeners = start::listen(bound, plain, tls.as_ref())?;
        if let Some(peers) = peers {
            listeners.push(Listening::peer(peers.listen().map_err(StartError::of_http)?));
        }
        let running = Running::start(service, listeners).map_err(StartError::of_http)?;
        let url = match &config.external_url {
            Some(url) => fill_in(url, &config.region, &config.account),
            None => reachable_url(if plain == 0 { "https" } else { "http" }, running.addresses()),
        };
        let (account, region) = (config.account.clone(), config.region.clone());
        Ok(Server {
            running,
            broker,
            url,
            account,
            region,
            credentials: config.credentials.clone(),
            #[cfg(feature = "tls")]
            certificate,
            #[cfg(feature = "postgres")]
            node,
        })
    }

    /// What SDKs take as the endpoint: `http://127.0.0.1:<port>`, or `https://` if the first address speaks TLS.
    pub fn endpoint_url(&self) -> &str {
        &self.url
    }

    /// The URL of a queue in the server's own account, whether the queue is there or not.
    pub fn queue_url(&self, name: &str) -> String {
        format!("{}/{}/{name}", self.url, self.account)
    }

    /// Where it listens.
    pub fn addresses(&self) -> &[SocketAddr] {
        self.running.addresses()
    }

    /// What SDKs take as the endpoint by TLS, where it is spoken.
    #[cfg(feature = "tls")]
    pub fn tls_endpoint_url(&self) -> Option<String> {
        let tls = self.running.tls_addresses();
        (!tls.is_empty()).then(|| reachable_url("https", tls))
    }

    /// The file, in PEM, of the certificate that clients have to trust, if the server has made its own.
    #[cfg(feature = "tls")]
    pub fn ca_certificate(&self) -> Option<&std::path::Path> {
        self.certificate.as_ref()?.ca.as_deref()
    }

    /// Reads certificate and key from their files again, if there are some; connections that are there go on.
    ///
    /// # Errors
    /// What is wrong with the files; the old certificate stays.
    #[cfg(feature = "tls")]
    pub fn reload_certificate(&self) -> Result<(), String> {
        self.certificate.as_ref().map_or(Ok(()), certificate::Certificate::reload)
    }

    /// Those that speak TLS, which come last.
    #[cfg(feature = "tls")]
    #[doc(hidden)]
    pub fn tls_addresses(&self) -> &[SocketAddr] {
        self.running.tls_addresses()
    }

    /// Whether anybody may use the control API.
    #[doc(hidden)]
    pub fn is_controlled(&self) -> bool {
        !matches!(self.service().control().access(), Access::Off)
    }

    /// Reads the credentials file again, if there is one. If it is wrong everything stays as it is.
    ///
    /// # Errors
    /// What is wrong, with the file and the line.
    #[doc(hidden)]
    pub fn reload_credentials(&self) -> Result<(), SettingError> {
        if let Some(path) = &self.credentials {
            self.service().replace_credentials(credentials::read(path, &self.account)?);
        }
        Ok(())
    }

    /// What ids and faults are drawn from: as it was said, or made up at the start.
    pub fn seed(&self) -> u64 {
        self.service().control().home().seed
    }

    /// What a client of the control API has to send, if it has to: `Authorization: Bearer` and this.
    pub fn control_token(&self) -> Option<&str> {
        match self.service().control().access() {
            Access::Token(token) => Some(token.text()),
            Access::On | Access::Off => None,
        }
    }

    /// The HTTP service itself, to be driven without a socket by the tests of this package.
    #[doc(hidden)]
    pub fn service(&self) -> &Arc<Service> {
        self.running.service()
    }

    /// Turns the manual clock. When this returns, everyone who waited for a message that has become available by then has
    /// been handed it.
    ///
    /// # Panics
    /// If the server goes by the system clock.
    pub fn advance(&self, by: Duration) {
        assert!(self.broker.advance(by), "only a manual clock can be turned: Server::builder().manual_clock()");
    }

    /// In how much time of its clock something is due next, if anything is: for tests with a clock that several servers share.
    #[doc(hidden)]
    pub fn due_in(&self) -> Option<Duration> {
        self.broker.due_in_ms().map(Duration::from_millis)
    }

    /// Whether messages of its queues are on their way to queues of other nodes.
    #[doc(hidden)]
    pub fn is_sending(&self) -> bool {
        #[cfg(feature = "postgres")]
        if let Some(node) = &self.node {
            return node.cluster.is_sending();
        }
        false
    }

    /// How many long polls wait at a queue of the server's own account and region: for a test that wants to act once a
    /// receiver is in line.
    pub fn waiting_receivers(&self, queue_name: &str) -> usize {
        self.broker.waiting_receivers(&self.account, &self.region, queue_name)
    }

    /// Waits until the store has failed, if there is one and that happens. From then on nothing is acknowledged any more; the
    /// server should be stopped.
    pub async fn failed(&self) -> StoreError {
        match self.broker.store() {
            Some(store) => StoreError::clone(&*store.poisoned().await.reason),
            None => std::future::pending().await,
        }
    }

    /// Gives all queues to the other nodes, if it is one of several; requests are answered meanwhile, by them. To be called before
    /// [`Server::shutdown`].
    #[doc(hidden)]
    pub async fn drain(&self) {
        #[cfg(feature = "postgres")]
        if let Some(node) = &self.node {
            node.cluster.drain().await;
        }
    }

    /// Stops accepting, answers long polls with an empty result, lets requests that are under way finish, and returns when
    /// all is done or five seconds are over.
    pub async fn shutdown(self) {
        self.running.shutdown().await;
    }

    /// The same for code that is not async.
    pub fn shutdown_blocking(self) {
        self.running.shutdown_blocking();
    }
}

/// A URL at which this machine reaches the first address.
fn reachable_url(scheme: &str, addresses: &[SocketAddr]) -> String {
    let address = addresses.first().copied().unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    let host = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::from(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::from(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    format!("{scheme}://{}", SocketAddr::new(host, address.port()))
}
