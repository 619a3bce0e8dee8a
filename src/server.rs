//! A server to embed: started from a builder in async code and in plain tests, stopped when dropped.

use crate::actions::{self, Actions, Caller};
use crate::api::fill_in;
use crate::broker::{Broker, BrokerOptions, NamespaceMode};
use crate::clock::Clock;
#[cfg(feature = "store")]
use crate::config::Durability;
use crate::config::{Config, LISTEN_DEFAULT, MAX_RECEIVE_COUNT_DEFAULT, Mode, QueueConfig, redrive_policy};
use crate::error::Error;
use crate::http::{self, Hosts, HttpOptions, Origins, Running, Service};
use crate::store::StoreError;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
#[cfg(feature = "store")]
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Why a server did not start.
///
/// The text is whole, without that of [`source`](std::error::Error::source), which is the error below it, down to the
/// [`std::io::Error`] of a port that is in use.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// A setting cannot be what it is.
    Setting {
        /// The method of [`Builder`] or the field of [`Config`].
        name: &'static str,
        /// What would be right.
        reason: String,
    },
    /// An address cannot be listened on, or a thread cannot be had.
    Http(http::StartError),
    /// The data directory cannot be used.
    Store(StoreError),
    /// Queues of the data directory cannot be told apart by accounts and regions as they are used; what to do.
    Namespace(String),
    /// A configured queue is not one that SQS would create.
    Queue {
        /// Its name.
        name: String,
        /// What SQS would answer.
        error: Error,
    },
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Setting { name, reason } => write!(f, "{name}: {reason}"),
            StartError::Http(error) => error.fmt(f),
            StartError::Store(error) => error.fmt(f),
            StartError::Namespace(text) => f.write_str(text),
            StartError::Queue { name, error } => write!(f, "queue {name}: {}", error.message),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            StartError::Setting { .. } | StartError::Namespace(_) => None,
            StartError::Http(error) => Some(error),
            StartError::Store(error) => Some(error),
            StartError::Queue { error, .. } => Some(error),
        }
    }
}

/// A running server.
///
/// It has threads of its own and needs no runtime around it. Dropping it stops it at once: requests that are under way are cut
/// off, and the thread that drops it waits until the server's own have ended. [`Server::shutdown`] and
/// [`Server::shutdown_blocking`] let requests finish.
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
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("url", &self.url).field("addresses", &self.addresses()).finish_non_exhaustive()
    }
}

/// What a server will be told. What the command line would refuse, [`Builder::start`] refuses.
///
/// ```
/// use std::time::Duration;
///
/// // A clock that only the test turns: no test has to sleep.
/// let server = kew::Server::builder()
///     .queue(kew::QueueConfig::new("orders").attribute("VisibilityTimeout", 45).dead_letter("orders-dead", 3))
///     .manual_clock()
///     .start()?;
/// server.advance(Duration::from_secs(45));
/// # Ok::<(), kew::StartError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it is started"]
pub struct Builder {
    config: Config,
    clock: Clock,
}

impl From<&str> for QueueConfig {
    fn from(name: &str) -> QueueConfig {
        QueueConfig::new(name)
    }
}

impl From<String> for QueueConfig {
    fn from(name: String) -> QueueConfig {
        QueueConfig::new(name)
    }
}

impl Builder {
    /// Adds a queue, by its name or with attributes.
    pub fn queue(mut self, queue: impl Into<QueueConfig>) -> Builder {
        self.config.add_queues([queue.into()]);
        self
    }

    /// Listens on an address; on a free port of 127.0.0.1 if none is given. May be called again.
    pub fn listen(mut self, address: SocketAddr) -> Builder {
        self.config.listen.push(address);
        self
    }

    /// Goes by a clock, which may be shared with others.
    ///
    /// A server that is started again on the same [data directory](Builder::data) must be given the clock of the one before it: a
    /// new manual clock begins again in the past, where everything that the store knows has yet to happen.
    pub fn clock(mut self, clock: Clock) -> Builder {
        self.clock = clock;
        self
    }

    /// Goes by a manual clock of its own, for [`Server::advance`].
    ///
    /// Nothing happens by itself then. A long poll at an empty queue lasts until somebody turns the clock or sends a message; a
    /// consumer that runs on a thread of the test waits for as long.
    pub fn manual_clock(self) -> Builder {
        self.clock(Clock::manual())
    }

    /// Keeps as closely to AWS as the mode says.
    pub fn mode(mut self, mode: Mode) -> Builder {
        self.config.mode = mode;
        self
    }

    /// Separates accounts and regions, or does not, whatever the mode.
    pub fn namespace(mut self, namespace: NamespaceMode) -> Builder {
        self.config.namespace = Some(namespace);
        self
    }

    /// Keeps the 60-second rules, or does not, whatever the mode.
    pub fn cooldowns(mut self, on: bool) -> Builder {
        self.config.cooldowns = Some(on);
        self
    }

    /// Creates queues that are asked for and not there.
    pub fn auto_create(mut self, on: bool) -> Builder {
        self.config.auto_create = on;
        self
    }

    /// The account, 12 digits, of callers whose access key does not name one.
    pub fn account(mut self, account: impl Into<String>) -> Builder {
        self.config.account = account.into();
        self
    }

    /// The region of callers that do not sign for one: letters, digits and hyphens.
    pub fn region(mut self, region: impl Into<String>) -> Builder {
        self.config.region = region.into();
        self
    }

    /// What queue URLs begin with, if not with the `Host` of the request: a scheme, `http://` or `https://`, and a host. `{region}`
    /// and `{account}` in it stand for those of the queue.
    pub fn external_url(mut self, url: impl Into<String>) -> Builder {
        self.config.external_url = Some(url.into());
        self
    }

    /// Web pages that may use the server; none unless said.
    pub fn cors(mut self, origins: Origins) -> Builder {
        self.config.cors = origins;
        self
    }

    /// Names by which browsers may reach the server, beside those that no page of the Internet can have.
    pub fn allow_host(mut self, hosts: Hosts) -> Builder {
        self.config.allow_host = hosts;
        self
    }

    /// Bytes of a request body at most; 16 MiB if not said. A batch of 1 MiB may need 8 MiB in JSON.
    pub fn body_bytes_max(mut self, bytes: usize) -> Builder {
        self.config.body_bytes_max = bytes;
        self
    }

    /// Connections at one time at most; 65,536 if not said.
    pub fn connections_max(mut self, connections: usize) -> Builder {
        self.config.connections_max = connections;
        self
    }

    /// Worker threads, 1 to 1024; one if not said, which is plenty for tests.
    pub fn threads(mut self, threads: usize) -> Builder {
        self.config.threads = Some(threads);
        self
    }

    /// Keeps everything in a directory, which is made if need be, and comes back with what is in it. One server at a time can use it.
    #[cfg(feature = "store")]
    pub fn data(mut self, dir: impl Into<PathBuf>, durability: Durability) -> Builder {
        self.config.data = Some(dir.into());
        self.config.durability = durability;
        self
    }

    /// Starts the server. When this returns it answers.
    ///
    /// # Errors
    /// When a setting cannot be what it is, an address cannot be listened on, the data directory cannot be used, or a queue is
    /// not one that SQS would create.
    pub fn start(mut self) -> Result<Server, StartError> {
        if self.config.listen.is_empty() {
            self.config.listen.push(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        }
        self.config.threads.get_or_insert(1);
        Server::start(&self.config, self.clock)
    }
}

impl Server {
    /// A server with no queues, on a free port, going by the system clock, unless told otherwise.
    pub fn builder() -> Builder {
        Builder { config: Config::default(), clock: Clock::system() }
    }

    /// Starts a server from a whole configuration. Loading a data directory takes time (a million messages: seconds); until it
    /// is loaded connections are refused.
    ///
    /// # Errors
    /// When a setting cannot be what it is, an address cannot be listened on, the data directory cannot be used, or a queue is
    /// not one that SQS would create.
    pub fn start(config: &Config, clock: Clock) -> Result<Server, StartError> {
        let checked = config.checked().map_err(|(name, reason)| StartError::Setting { name, reason })?;
        let config = &checked;
        let default = || LISTEN_DEFAULT.parse().ok().into_iter().collect::<Vec<SocketAddr>>();
        let addresses = if config.listen.is_empty() { default() } else { config.listen.clone() };
        // Before a store is loaded, so that a port in use is found at once.
        let bound =
            addresses.into_iter().map(http::Bound::new).collect::<Result<Vec<_>, _>>().map_err(StartError::Http)?;
        let options = BrokerOptions {
            namespace: config.namespace(),
            cooldowns: config.cooldowns(),
            auto_create: config.auto_create,
        };
        let broker = Broker::new(options, clock);
        #[cfg(feature = "store")]
        let broker = match &config.data {
            Some(dir) => with_store(broker, dir, config)?,
            None => broker,
        };
        let broker = Arc::new(broker);
        declare(&broker, config)?;
        let defaults = HttpOptions::default();
        let options = HttpOptions {
            account: config.account.clone(),
            region: config.region.clone(),
            external_url: config.external_url.clone(),
            origins: config.cors.clone(),
            hosts: config.allow_host.clone(),
            body_bytes_max: config.body_bytes_max,
            connections_max: config.connections_max,
            threads: config.threads.unwrap_or(defaults.threads),
        };
        let service = Arc::new(Service::new(Actions::new(broker.clone()), options));
        let listeners = bound.into_iter().map(http::Bound::listen).collect::<Result<Vec<_>, _>>();
        let listeners = listeners.map_err(StartError::Http)?;
        let running = Running::start(service, listeners).map_err(StartError::Http)?;
        let url = match &config.external_url {
            Some(url) => fill_in(url, &config.region, &config.account),
            None => reachable_url(running.addresses()),
        };
        Ok(Server { running, broker, url, account: config.account.clone(), region: config.region.clone() })
    }

    /// What SDKs take as the endpoint: `http://127.0.0.1:<port>`.
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

    /// The clock it goes by.
    pub fn clock(&self) -> &Clock {
        self.broker.clock()
    }

    /// The front door itself, to be driven without a socket.
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

    /// How many long polls wait at a queue of the server's own account and region: for a test that wants to act once a
    /// receiver is in line.
    pub fn waiting_receivers(&self, queue_name: &str) -> usize {
        self.broker.waiting_receivers(&self.account, &self.region, queue_name)
    }

    /// Waits until the store has failed, if there is one and that happens. From then on nothing is acknowledged any more; the
    /// server should be stopped.
    pub async fn failed(&self) -> String {
        match self.broker.store() {
            Some(store) => store.poisoned().await.to_string(),
            None => std::future::pending().await,
        }
    }

    /// Stops accepting, answers long polls with an empty result, lets requests that are under way finish, and returns when
    /// all is done or [`http::SHUTDOWN_TIME_LIMIT`] is over.
    pub async fn shutdown(self) {
        self.running.shutdown().await;
    }

    /// The same for code that is not async.
    pub fn shutdown_blocking(self) {
        self.running.shutdown_blocking();
    }
}

/// Loads what is in a data directory, and has everything from now on written there.
#[cfg(feature = "store")]
fn with_store(mut broker: Broker, dir: &Path, config: &Config) -> Result<Broker, StartError> {
    use crate::store::{Committer, SqliteStore, Store};
    const MESSAGES_PER_REPORT: u64 = 100_000;
    tracing::debug!("loading what is in {}", dir.display());
    let clock = broker.clock().clone();
    let mut store = SqliteStore::open(dir, config.durability).map_err(StartError::Store)?;
    let mut restoring = broker.restore();
    let mut messages = 0_u64;
    let loaded = store.load(clock.now(), &mut |loaded| {
        if loaded.is_message() {
            messages += 1;
            if messages.is_multiple_of(MESSAGES_PER_REPORT) {
                tracing::info!("loading: {messages} messages so far");
            }
        }
        restoring.take(loaded);
    });
    loaded.map_err(StartError::Store)?;
    let queues = restoring.finish(&config.region).map_err(StartError::Namespace)?;
    tracing::info!("{queues} queues with {messages} messages are back from {}", dir.display());
    let committer = Committer::start(Box::new(store), Box::new(move || clock.now())).map_err(StartError::Store)?;
    broker.attach(committer);
    Ok(broker)
}

/// Creates the configured queues, then links those with dead-letter queues, in whatever order they are listed.
fn declare(broker: &Arc<Broker>, config: &Config) -> Result<(), StartError> {
    let caller =
        Caller { account: &config.account, region: &config.region, base_url: "", trace_header: None, presence: None };
    let queues = config.all_queues();
    let failed = |queue: &QueueConfig| {
        let name = queue.name.clone();
        move |error| StartError::Queue { name, error }
    };
    for queue in &queues {
        let first: std::collections::BTreeMap<String, String> = queue
            .attributes
            .iter()
            .filter(|(key, _)| *key != "RedrivePolicy")
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        actions::declare(broker, &caller, &queue.name, &first, &queue.tags).map_err(failed(queue))?;
    }
    for queue in &queues {
        let policy = match &queue.dead_letter_queue {
            Some(target) => {
                let count = queue.max_receive_count.unwrap_or(MAX_RECEIVE_COUNT_DEFAULT);
                Some(redrive_policy(&actions::arn_of(&caller, target), count))
            }
            None => queue.attributes.get_key_value("RedrivePolicy").map(|(k, v)| (k.clone(), v.clone())),
        };
        if let Some((key, value)) = policy {
            actions::set_attribute(broker, &caller, &queue.name, &key, &value).map_err(failed(queue))?;
        }
    }
    Ok(())
}

/// A URL at which this machine reaches the first address.
fn reachable_url(addresses: &[SocketAddr]) -> String {
    let address = addresses.first().copied().unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    let host = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::from(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::from(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(host, address.port()))
}
