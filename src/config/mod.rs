//! What a server is told: by Rust code as a [`Config`], or in layers by the command line, the environment and a file.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `mod.rs` | [`Config`], its modes, and the defaults |
//! | `settings.rs` | the definition of every setting: flag, variable, key, default and help; the layers (feature `bin`) |
//! | `values.rs` | the types of settings: each reads itself from a text, or says what would be right |
//! | `file.rs` | the file, with errors that name the line (feature `bin`) |
//! | `layers.rs` | what was given, over the file that it names (feature `bin`) |
//! | `localstack.rs` | what LocalStack's environment variables say in kew's settings (feature `bin`) |
//! | `database_url.rs` | the URL of a database, and its password |
//! | `peers.rs` | what makes a server one of several over one database |
//! | `queue.rs` `queue_json.rs` | queues that are there from the start: from code, a text or JSON |
//! | `fault.rs` | rules about faults that are there from the start |
//! | `browsers.rs` | which web pages may use the server, and by which names |
//!
//! **Invariant:** this is the ground floor: `config/` knows nothing of the rooms that are told.

mod browsers;
mod database_url;
mod error;
mod fault;
#[cfg(feature = "bin")]
mod file;
#[cfg(feature = "bin")]
mod layers;
#[cfg(feature = "bin")]
mod localstack;
mod peers;
mod queue;
mod queue_json;
#[cfg(feature = "bin")]
mod settings;
mod values;

pub use browsers::{Hosts, Origins};
pub use database_url::{DatabaseUrl, without_password};
pub use error::SettingError;
pub use fault::FaultConfig;
#[cfg(feature = "bin")]
pub use file::{FileError, read_file, read_text};
#[cfg(feature = "bin")]
pub use localstack::{Understood, go_by_localstack};
pub use peers::{ClusterSecret, PeerUrl};
pub use queue::{QueueConfig, parse_queues};
#[cfg(feature = "bin")]
pub use settings::{Queues, Settings};
pub use values::{
    Account, ControlToken, Count, CredentialsPath, DataDir, DataPlace, ExternalUrl, Limit, Listen, LogFilter, Port,
    Region, Seconds, Seed, Switch, Threads,
};

use crate::api::attributes::name;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// Where a server listens when nothing else is said.
pub const LISTEN_DEFAULT: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 9324));
/// Receives before a message goes to the dead-letter queue when nothing else is said.
pub const MAX_RECEIVE_COUNT_DEFAULT: u32 = 10;
/// Worker threads at most.
pub const THREADS_MAX: usize = 1024;
/// The account of callers whose access key does not name one.
pub const ACCOUNT_DEFAULT: &str = "000000000000";
/// The region of callers that do not sign for one.
pub const REGION_DEFAULT: &str = "us-east-1";

/// Bytes of a request body when nothing else is said. A batch of 1 MiB may have six times that in JSON escapes.
pub const BODY_BYTES_MAX_DEFAULT: usize = 16 * 1024 * 1024;
/// Connections at one time when nothing else is said.
pub const CONNECTIONS_MAX_DEFAULT: usize = 65_536;

/// How long the periods of metrics are when nothing else is said: CloudWatch's for SQS.
pub const METRICS_PERIOD_DEFAULT: Duration = Duration::from_secs(60);

/// Events that a history keeps when nothing else is said.
pub const HISTORY_EVENTS_DEFAULT: usize = 100_000;

/// How closely the server keeps to AWS where AWS is in a developer's way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mode {
    /// One namespace for all regions, and no 60-second rules.
    #[default]
    Dev,
    /// Accounts and regions separate queues, and the 60-second rules hold, as on AWS.
    Aws,
}

/// Who may use the control API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ControlMode {
    /// All that reach the server.
    On,
    /// Nobody.
    Off,
    /// Those that send the token.
    Token,
}

/// What is done with the policies of principals and queues, where credentials say who a caller is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum PolicyMode {
    /// What they do not allow is refused.
    #[default]
    Enforce,
    /// What they do not allow is logged, counted, and carried out; but nothing that nobody has signed.
    Warn,
    /// They are not asked.
    Off,
}

/// Whether accounts and regions separate queues.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum NamespaceMode {
    /// One place for all regions, and a queue URL whose account has no such queue means the caller's own. With it a script
    /// that carries the URL of a real AWS queue works as it stands.
    #[default]
    Merged,
    /// Account and region separate queues, exactly as on AWS.
    Aws,
}

/// What an acknowledged change survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Durability {
    /// A crash of the process, of the system, and a loss of power: synced to the disk before it is acknowledged.
    #[default]
    Full,
    /// A crash of the process (`kill -9`), for it has been handed to the operating system. A crash of the system or a
    /// loss of power may take back the last acknowledged changes, but leaves the file whole.
    Process,
}

/// Everything a server is told. [`Config::default`] is what `kew` without arguments does; its fields can be set one by one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Where to listen; port 0 picks a free one. 127.0.0.1:9324 if empty.
    pub listen: Vec<SocketAddr>,
    /// PEM: the certificate of a server that speaks TLS, those that lead to its root behind it. With it, or with
    /// [`Config::tls_self_signed`], every address speaks TLS, unless there are some in [`Config::tls_listen`].
    pub tls_cert: Option<PathBuf>,
    /// PEM: the private key of that certificate.
    pub tls_key: Option<PathBuf>,
    /// Whether the server makes a certificate of its own, in the data directory or for this run only.
    pub tls_self_signed: bool,
    /// Where to listen for TLS; those of [`Config::listen`] then speak plain HTTP.
    pub tls_listen: Vec<SocketAddr>,
    /// Queues that are there from the start.
    pub queues: Vec<QueueConfig>,
    /// Rules about faults that are there from the start.
    pub faults: Vec<FaultConfig>,
    /// Whether a queue that is asked for and not there is created.
    pub auto_create: bool,
    /// How closely to keep to AWS; the next two settings refine it.
    pub mode: Mode,
    /// Whether accounts and regions separate queues; from the mode if absent.
    pub namespace: Option<NamespaceMode>,
    /// Whether the 60-second rules of PurgeQueue and of DeleteQueue then CreateQueue hold; from the mode if absent.
    pub cooldowns: Option<bool>,
    /// 12 digits; the account of callers whose access key is not 12 digits itself.
    pub account: String,
    /// The region of callers that do not sign for one.
    pub region: String,
    /// What queue URLs begin with, if not with the `Host` of the request; `{region}` and `{account}` in it stand for those of the
    /// queue.
    pub external_url: Option<String>,
    /// The file with the keys that requests have to be signed with; signatures are not looked at if absent.
    pub credentials: Option<PathBuf>,
    /// What is done with policies, where there are credentials.
    pub policies: PolicyMode,
    /// Web pages that may use the server.
    pub cors: Origins,
    /// Names by which browsers may reach the server, beside those that no page of the Internet can have.
    pub allow_host: Hosts,
    /// Who may use the control API. If absent: those that send the token, if there is one; else, with [`Mode::Dev`], everyone when
    /// every address is of this machine alone, or those that send a token that the start makes up; else nobody.
    pub control: Option<ControlMode>,
    /// What those have to send who may use the control API by a token; made up at the start if absent.
    pub control_token: Option<String>,
    /// Web pages that may use the control API too; [`Config::cors`] does not open it.
    pub cors_control: Origins,
    /// Events that the history keeps; 0 for no history. If absent 100,000, but none with [`Mode::Aws`] or with a data directory.
    pub history: Option<usize>,
    /// Whether there are metrics to be read.
    pub metrics: bool,
    /// The length of the periods over which metrics with CloudWatch's names are summed up: whole seconds, up to a day.
    pub metrics_period: Duration,
    /// What ids, receipt handles and faults are drawn from. If absent ids are random, and the faults' seed is made up.
    pub seed: Option<u64>,
    /// Bytes of a request body; at least 8 MiB, which a batch of 1 MiB may need in JSON.
    pub body_bytes_max: usize,
    /// Connections at one time.
    pub connections_max: usize,
    /// Worker threads; one for each core if absent.
    pub threads: Option<usize>,
    /// The directory to keep everything in; in memory only if there is neither that nor a database.
    pub data: Option<PathBuf>,
    /// When a change counts as done, with a data directory.
    pub durability: Durability,
    /// The PostgreSQL to keep everything in, in place of a directory.
    pub database: Option<DatabaseUrl>,
    /// Whether a database is refused whose commits do not wait for a stand-by server.
    pub require_replica: bool,
    /// Whether the database is replicated below PostgreSQL, which does not know of it.
    pub database_is_replicated: bool,
    /// `http://HOST:PORT` at which the other nodes reach this one, which makes it one of several that serve from one database.
    pub peer: Option<String>,
    /// What all nodes over one database know, and nobody else.
    pub cluster_secret: Option<ClusterSecret>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            listen: Vec::new(),
            tls_cert: None,
            tls_key: None,
            tls_self_signed: false,
            tls_listen: Vec::new(),
            queues: Vec::new(),
            faults: Vec::new(),
            auto_create: false,
            mode: Mode::Dev,
            namespace: None,
            cooldowns: None,
            account: ACCOUNT_DEFAULT.to_owned(),
            region: REGION_DEFAULT.to_owned(),
            external_url: None,
            credentials: None,
            policies: PolicyMode::Enforce,
            cors: Origins::none(),
            allow_host: Hosts::none(),
            control: None,
            control_token: None,
            cors_control: Origins::none(),
            history: None,
            metrics: true,
            metrics_period: METRICS_PERIOD_DEFAULT,
            seed: None,
            body_bytes_max: BODY_BYTES_MAX_DEFAULT,
            connections_max: CONNECTIONS_MAX_DEFAULT,
            threads: None,
            data: None,
            durability: Durability::Full,
            database: None,
            require_replica: false,
            database_is_replicated: false,
            peer: None,
            cluster_secret: None,
        }
    }
}

impl Config {
    /// Whether accounts and regions separate queues.
    pub(crate) fn namespace(&self) -> NamespaceMode {
        self.namespace.unwrap_or(match self.mode {
            Mode::Dev => NamespaceMode::Merged,
            Mode::Aws => NamespaceMode::Aws,
        })
    }

    /// Where everything is kept.
    #[cfg(feature = "store")]
    pub(crate) fn place(&self) -> Option<DataPlace> {
        let database = self.database.clone().map(DataPlace::Database);
        database.or_else(|| self.data.clone().map(DataPlace::Directory))
    }

    /// Whether what there is outlives the server.
    pub(crate) fn is_kept(&self) -> bool {
        self.data.is_some() || self.database.is_some()
    }

    /// Whether the 60-second rules hold.
    pub(crate) fn cooldowns(&self) -> bool {
        self.cooldowns.unwrap_or(self.mode == Mode::Aws)
    }

    /// Events that the history keeps.
    pub(crate) fn history(&self) -> usize {
        let is_wanted = self.mode == Mode::Dev && !self.is_kept();
        self.history.unwrap_or(if is_wanted { HISTORY_EVENTS_DEFAULT } else { 0 })
    }

    /// Who may use the control API of a server that listens at these addresses.
    pub(crate) fn control(&self, addresses: &[SocketAddr]) -> ControlMode {
        let local = addresses.iter().all(|address| address.ip().is_loopback());
        self.control.unwrap_or(match (self.mode, local) {
            _ if self.control_token.is_some() => ControlMode::Token,
            (Mode::Aws, _) => ControlMode::Off,
            (Mode::Dev, true) => ControlMode::On,
            (Mode::Dev, false) => ControlMode::Token,
        })
    }

    /// Checks what the type of a setting does not say, for code that did not go through the command line. Gives the settings as they
    /// are used: an external URL without a slash at its end.
    ///
    /// # Errors
    /// The name of the setting, and what would be right.
    pub(crate) fn checked(&self) -> Result<Config, (&'static str, SettingError)> {
        fn read<T: FromStr<Err = SettingError>>(
            name: &'static str,
            value: impl ToString,
        ) -> Result<T, (&'static str, SettingError)> {
            value.to_string().parse().map_err(|error| (name, error))
        }
        let mut config = self.clone();
        read::<Account>("account", &self.account)?;
        read::<Region>("region", &self.region)?;
        if let Some(url) = &self.external_url {
            config.external_url = Some(read::<ExternalUrl>("external_url", url)?.0);
        }
        read::<Limit>("body_bytes_max", self.body_bytes_max)?;
        read::<Limit>("connections_max", self.connections_max)?;
        read::<Seconds>("metrics_period", self.metrics_period.as_secs())?;
        if let Some(threads) = self.threads {
            read::<Threads>("threads", threads)?;
        }
        if let Some(token) = &self.control_token {
            read::<ControlToken>("control_token", token)?;
            if self.control == Some(ControlMode::On) {
                let error = "the token is asked for only with --control token; leave out one of the two";
                return Err(("control_token", SettingError::new(error)));
            }
        }
        self.check_tls()?;
        if let Some(dir) = &self.data {
            read::<DataDir>("data", dir.display())?;
            if !cfg!(feature = "store") {
                return Err(("data", SettingError::new("the crate was built without its feature `store`")));
            }
            if self.database.is_some() {
                let error = "everything is kept in one place: a directory or a database; leave out one of the two";
                return Err(("data", SettingError::new(error)));
            }
        }
        if self.database.is_some() && !cfg!(feature = "postgres") {
            let error =
                "this kew was built without its feature `postgres`; build it with that, or use a data directory";
            return Err(("database", SettingError::new(error)));
        }
        if let Some((name, _)) =
            [("require_replica", self.require_replica), ("database_is_replicated", self.database_is_replicated)]
                .into_iter()
                .find(|(_, is_said)| *is_said && self.database.is_none())
        {
            let error = "it says something of a database, and there is none: --data postgres://... names it";
            return Err((name, SettingError::new(error)));
        }
        config.peer = peers::checked(self)?;
        Ok(config)
    }

    /// Whether all addresses speak TLS, because none is named for it.
    #[doc(hidden)]
    pub fn speaks_only_tls(&self) -> bool {
        self.speaks_tls() && self.tls_listen.is_empty()
    }

    /// Whether there is a certificate to show.
    fn speaks_tls(&self) -> bool {
        self.tls_cert.is_some() || self.tls_self_signed
    }

    fn check_tls(&self) -> Result<(), (&'static str, SettingError)> {
        let wrong = |name, text| Err((name, SettingError::new(text)));
        if self.tls_cert.is_some() && self.tls_key.is_none() {
            return wrong("tls_cert", "a certificate is of no use without its key: --tls-key FILE");
        }
        if self.tls_key.is_some() && self.tls_cert.is_none() {
            return wrong("tls_key", "a key is of no use without its certificate: --tls-cert FILE");
        }
        if self.tls_self_signed && self.tls_cert.is_some() {
            return wrong("tls_self_signed", "there is a certificate already, by --tls-cert; leave out one of the two");
        }
        if !self.tls_listen.is_empty() && !self.speaks_tls() {
            return wrong(
                "tls_listen",
                "TLS needs a certificate: --tls-cert FILE and --tls-key FILE, or --tls-self-signed",
            );
        }
        if self.speaks_tls() && !cfg!(feature = "tls") {
            return wrong("tls_cert", "the crate was built without its feature `tls`");
        }
        Ok(())
    }

    /// Adds queues; one that is there already by name is replaced.
    pub fn add_queues(&mut self, queues: impl IntoIterator<Item = QueueConfig>) {
        for queue in queues {
            self.queues.retain(|other| other.name != queue.name);
            self.queues.push(queue);
        }
    }

    /// The configured queues and, before them, the dead-letter queues that are named but not listed.
    pub(crate) fn all_queues(&self) -> Vec<QueueConfig> {
        with_dead_letter_queues(&self.queues)
    }
}

/// Queues and, before them, the dead-letter queues that they name and that are not listed.
pub(crate) fn with_dead_letter_queues(queues: &[QueueConfig]) -> Vec<QueueConfig> {
    let mut all: Vec<QueueConfig> = Vec::new();
    for target in queues.iter().filter_map(|queue| queue.dead_letter_queue.as_deref()) {
        let listed = |queues: &[QueueConfig]| queues.iter().any(|queue| queue.name == target);
        if !listed(queues) && !listed(&all) {
            all.push(QueueConfig::new(target));
        }
    }
    all.extend(queues.iter().cloned());
    all
}

/// The canonical text of a redrive policy to a queue of the same account and region.
pub(crate) fn redrive_policy(arn: &str, max_receive_count: u32) -> (String, String) {
    let policy = format!("{{\"deadLetterTargetArn\":\"{arn}\",\"maxReceiveCount\":{max_receive_count}}}");
    (name::REDRIVE_POLICY.to_owned(), policy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_letter_queue_that_is_not_listed_is_added() {
        let mut config = Config::default();
        config.add_queues([QueueConfig::new("a").dead_letter("dead", 3), QueueConfig::new("b").dead_letter("a", 3)]);
        let names: Vec<String> = config.all_queues().into_iter().map(|queue| queue.name).collect();
        assert_eq!(names, ["dead", "a", "b"]);
    }
}
