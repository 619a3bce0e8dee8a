//! The builder of a server: each setting by a method of its own.

use super::{Server, StartError};
use crate::clock::{Clock, NetworkTime};
#[cfg(feature = "store")]
use crate::config::Durability;
#[cfg(feature = "postgres")]
use crate::config::{ClusterSecret, DatabaseUrl};
use crate::config::{Config, ControlMode, Hosts, Mode, NamespaceMode, Origins, PolicyMode, QueueConfig};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// What a server will be told. What the command line would refuse, [`ServerBuilder::start`] refuses.
///
/// ```
/// use std::time::Duration;
///
/// // A clock that only the test turns: no test has to sleep.
/// let server = kew::Server::builder()
///     .queue(kew::QueueConfig::new("orders").visibility_timeout(Duration::from_secs(45)).dead_letter("orders-dead", 3))
///     .manual_clock()
///     .start()?;
/// server.advance(Duration::from_secs(45));
/// # Ok::<(), kew::StartError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it is started"]
pub struct ServerBuilder {
    config: Config,
    clock: Option<Clock>,
    network_time: NetworkTime,
}

impl ServerBuilder {
    pub(super) fn new() -> ServerBuilder {
        ServerBuilder { config: Config::default(), clock: None, network_time: NetworkTime::real() }
    }

    /// Adds a queue, by its name or with attributes.
    pub fn queue(mut self, queue: impl Into<QueueConfig>) -> ServerBuilder {
        self.config.add_queues([queue.into()]);
        self
    }

    /// Listens on an address; on a free port of 127.0.0.1 if none is given. May be called again.
    pub fn listen(mut self, address: SocketAddr) -> ServerBuilder {
        self.config.listen.push(address);
        self
    }

    /// Speaks TLS, with a certificate and a key in PEM files: at every address, unless [`ServerBuilder::tls_listen`] names some.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> ServerBuilder {
        self.config.tls_cert = Some(certificate.into());
        self.config.tls_key = Some(key.into());
        self
    }

    /// Speaks TLS with a certificate that the server makes; [`Server::ca_certificate`] is what clients have to trust.
    #[cfg(feature = "tls")]
    pub fn tls_self_signed(mut self) -> ServerBuilder {
        self.config.tls_self_signed = true;
        self
    }

    /// Speaks TLS at an address, and plain HTTP at those of [`ServerBuilder::listen`]. May be called again.
    #[cfg(feature = "tls")]
    pub fn tls_listen(mut self, address: SocketAddr) -> ServerBuilder {
        self.config.tls_listen.push(address);
        self
    }

    /// Goes by a clock, which may be shared with others.
    ///
    /// A server that is started again on the same data directory must be given the clock of the one before it: a new manual
    /// clock begins again in the past, where everything that the store knows has yet to happen.
    pub fn clock(mut self, clock: Clock) -> ServerBuilder {
        self.clock = Some(clock);
        self
    }

    /// Goes by a manual clock of its own, for [`Server::advance`].
    ///
    /// Nothing happens by itself then. A long poll at an empty queue lasts until somebody turns the clock or sends a message; a
    /// consumer that runs on a thread of the test waits for as long.
    pub fn manual_clock(self) -> ServerBuilder {
        self.clock(Clock::manual())
    }

    /// Goes by another time than the real one in what it grants clients on the network, and in what a test waits for.
    #[doc(hidden)]
    pub fn network_time(mut self, time: NetworkTime) -> ServerBuilder {
        self.network_time = time;
        self
    }

    /// Keeps as closely to AWS as the mode says.
    pub fn mode(mut self, mode: Mode) -> ServerBuilder {
        self.config.mode = mode;
        self
    }

    /// Separates accounts and regions, or does not, whatever the mode.
    pub fn namespace(mut self, namespace: NamespaceMode) -> ServerBuilder {
        self.config.namespace = Some(namespace);
        self
    }

    /// Keeps the 60-second rules, or does not, whatever the mode.
    pub fn cooldowns(mut self, on: bool) -> ServerBuilder {
        self.config.cooldowns = Some(on);
        self
    }

    /// Creates queues that are asked for and not there.
    pub fn auto_create(mut self, on: bool) -> ServerBuilder {
        self.config.auto_create = on;
        self
    }

    /// The account, 12 digits, of callers whose access key does not name one.
    pub fn account(mut self, account: impl Into<String>) -> ServerBuilder {
        self.config.account = account.into();
        self
    }

    /// Has requests signed with the keys of a file, which only its user may read. The SDK that the server sets up for a test signs
    /// with a key of its own, and is refused then.
    pub fn credentials(mut self, file: impl Into<PathBuf>) -> ServerBuilder {
        self.config.credentials = Some(file.into());
        self
    }

    /// The region of callers that do not sign for one: letters, digits and hyphens.
    pub fn region(mut self, region: impl Into<String>) -> ServerBuilder {
        self.config.region = region.into();
        self
    }

    /// What queue URLs begin with, if not with the `Host` of the request: a scheme, `http://` or `https://`, and a host. `{region}`
    /// and `{account}` in it stand for those of the queue.
    pub fn external_url(mut self, url: impl Into<String>) -> ServerBuilder {
        self.config.external_url = Some(url.into());
        self
    }

    /// What is done with policies, where there are credentials; they are enforced if not said.
    pub fn policies(mut self, mode: PolicyMode) -> ServerBuilder {
        self.config.policies = mode;
        self
    }

    /// Web pages that may use the server; none unless said.
    pub fn cors(mut self, origins: Origins) -> ServerBuilder {
        self.config.cors = origins;
        self
    }

    /// Names by which browsers may reach the server, beside those that no page of the Internet can have.
    pub fn allow_host(mut self, hosts: Hosts) -> ServerBuilder {
        self.config.allow_host = hosts;
        self
    }

    /// Who may use the control API; everyone if not said, for a server in tests listens on this machine alone.
    pub fn control(mut self, mode: ControlMode) -> ServerBuilder {
        self.config.control = Some(mode);
        self
    }

    /// What those have to send who may use the control API: `Authorization: Bearer` and this.
    pub fn control_token(mut self, token: impl Into<String>) -> ServerBuilder {
        self.config.control_token = Some(token.into());
        self
    }

    /// Web pages that may use the control API too; none unless said, whatever [`ServerBuilder::cors`] says.
    pub fn cors_control(mut self, origins: Origins) -> ServerBuilder {
        self.config.cors_control = origins;
        self
    }

    /// Events that the history keeps, 0 for none; 100,000 if not said and all is in memory.
    pub fn history(mut self, events: usize) -> ServerBuilder {
        self.config.history = Some(events);
        self
    }

    /// Whether `GET /metrics` answers; it does if not said.
    pub fn metrics(mut self, on: bool) -> ServerBuilder {
        self.config.metrics = on;
        self
    }

    /// How long the periods are over which metrics with CloudWatch's names are summed up: whole seconds, a minute if not said.
    pub fn metrics_period(mut self, period: Duration) -> ServerBuilder {
        self.config.metrics_period = period;
        self
    }

    /// What ids, receipt handles and faults are drawn from: the same again in each run.
    pub fn seed(mut self, seed: u64) -> ServerBuilder {
        self.config.seed = Some(seed);
        self
    }

    /// Bytes of a request body at most; 16 MiB if not said. A batch of 1 MiB may need 8 MiB in JSON.
    pub fn body_bytes_max(mut self, bytes: usize) -> ServerBuilder {
        self.config.body_bytes_max = bytes;
        self
    }

    /// Connections at one time at most; 65,536 if not said.
    pub fn connections_max(mut self, connections: usize) -> ServerBuilder {
        self.config.connections_max = connections;
        self
    }

    /// Worker threads, 1 to 1024; one if not said, which is plenty for tests.
    pub fn threads(mut self, threads: usize) -> ServerBuilder {
        self.config.threads = Some(threads);
        self
    }

    /// Keeps everything in a directory, which is made if need be, and comes back with what is in it. One server at a time can use it.
    #[cfg(feature = "store")]
    pub fn data(mut self, dir: impl Into<PathBuf>, durability: Durability) -> ServerBuilder {
        self.config.data = Some(dir.into());
        self.config.durability = durability;
        self
    }

    /// Keeps everything in a PostgreSQL, and comes back with what is in it. One server at a time serves from it; another that is
    /// started waits until the first has gone, unless both are nodes with a [`ServerBuilder::peer`].
    #[cfg(feature = "postgres")]
    pub fn database(mut self, url: DatabaseUrl) -> ServerBuilder {
        self.config.database = Some(url);
        self
    }

    /// Makes it one of several nodes that serve from one database: `http://HOST:PORT` at which the others reach it.
    #[cfg(feature = "postgres")]
    pub fn peer(mut self, url: impl Into<String>) -> ServerBuilder {
        self.config.peer = Some(url.into());
        self
    }

    /// What all nodes over one database know, and nobody else: 16 characters at least.
    #[cfg(feature = "postgres")]
    pub fn cluster_secret(mut self, secret: impl Into<String>) -> ServerBuilder {
        self.config.cluster_secret = Some(ClusterSecret::new(secret));
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
        let clock = self.clock.unwrap_or_else(|| Server::clock_for(&self.config));
        Server::start_at(&self.config, clock, self.network_time)
    }
}
