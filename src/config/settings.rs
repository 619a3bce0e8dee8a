//! The definition of every setting: name, type, default, help, flag, environment variable and key of the file.
//!
//! All of a setting but its use stands here, in one field of [`Settings`]. Flags and variables are one layer (a flag beats its
//! variable), the file is the layer below, and what no layer says has its default.

use super::values::{
    Account, ControlToken, Count, CredentialsPath, DataDir, DataPlace, ExternalUrl, Limit, Listen, LogFilter, Port,
    Region, Scalar, Seconds, Seed, Switch, Threads,
};
use super::{
    ACCOUNT_DEFAULT, BODY_BYTES_MAX_DEFAULT, CONNECTIONS_MAX_DEFAULT, ClusterSecret, Config, ControlMode, Durability,
    FaultConfig, Hosts, LISTEN_DEFAULT, METRICS_PERIOD_DEFAULT, Mode, NamespaceMode, Origins, PeerUrl, PolicyMode,
    QueueConfig, REGION_DEFAULT, SettingError, parse_queues,
};
use clap::Args;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

/// What is logged when nothing else is said.
const LOG_DEFAULT: &str = "info";

/// Declares a struct of settings, each with its default as the help shows it: a value, or a few words on what happens without one.
macro_rules! settings {
    ($(#[$of_struct:meta])* pub struct $name:ident { $(
        $(#[$of_field:meta])*
        pub $field:ident: $type:ty = $default:expr,
    )* }) => {
        $(#[$of_struct])*
        pub struct $name { $($(#[$of_field])* pub $field: $type,)* }

        impl $name {
            /// These settings, and where they say nothing those of the layer below.
            #[must_use]
            pub fn over(self, lower: $name) -> $name {
                $name { $($field: self.$field.over(lower.$field),)* }
            }

            /// The default of each field, as it is shown.
            pub fn defaults() -> Vec<(&'static str, String)> {
                vec![$((stringify!($field), $default.to_string()),)*]
            }
        }
    };
}

settings! {
    /// The settings of a layer.
    #[derive(Debug, Default, Args, Deserialize)]
    #[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
    pub struct Settings {
        /// Where to listen; may be given several times, port 0 picks a free one
        #[arg(long, value_name = "HOST:PORT", env = "KEW_LISTEN", value_delimiter = ',')]
        #[serde(deserialize_with = "list")]
        pub listen: Option<Vec<Listen>> = LISTEN_DEFAULT,

        /// A port to listen on too, at the host of the first --listen, or alone at 127.0.0.1; may be given several times
        #[arg(long, value_name = "PORT", env = "KEW_PORT", value_delimiter = ',', allow_negative_numbers = true)]
        #[serde(deserialize_with = "ports")]
        pub port: Option<Vec<Port>> = "none",
        /// The certificate of a server that speaks TLS, and those that lead to its root: a file in PEM
        #[arg(long, value_name = "FILE", env = "KEW_TLS_CERT")]
        pub tls_cert: Option<PathBuf> = "none",

        /// The private key of that certificate: a file in PEM
        #[arg(long, value_name = "FILE", env = "KEW_TLS_KEY")]
        pub tls_key: Option<PathBuf> = "none",

        /// Make a certificate for this machine, in the data directory or for this run only, and say how to trust it
        #[arg(long, env = "KEW_TLS_SELF_SIGNED", num_args = 0..=1, default_missing_value = "on", value_name = "on|off")]
        pub tls_self_signed: Option<Switch> = Switch(false),

        /// Where to listen for TLS, while --listen stays plain; may be given several times
        #[arg(long, value_name = "HOST:PORT", env = "KEW_TLS_LISTEN", value_delimiter = ',')]
        #[serde(deserialize_with = "list")]
        pub tls_listen: Option<Vec<Listen>> = "none: with a certificate --listen speaks TLS",

        /// A queue to have from the start, as in `orders`, `jobs.fifo` or
        /// `orders,VisibilityTimeout=45,DeadLetterQueue=orders-dead,MaxReceiveCount=3,Tag.team=a`; may be given several times
        #[arg(long, value_name = "NAME[,ATTRIBUTE=VALUE...]", env = "KEW_QUEUE", value_parser = Queues::of_a_flag)]
        #[serde(deserialize_with = "tables")]
        pub queue: Vec<Queues> = "none",

        /// Rules about faults; only a file says them
        #[arg(skip)]
        #[serde(skip)]
        pub faults: Vec<FaultConfig> = "none",

        /// A file with the same settings in TOML, and queues
        #[arg(long, value_name = "FILE", env = "KEW_CONFIG")]
        #[serde(skip)]
        pub config: Option<PathBuf> = "none",

        /// A file of other software that says queues: elasticmq.conf, answers of aws sqs, a template of CloudFormation, a
        /// state of Terraform; `kew import FILE` shows what is taken over
        #[arg(long, value_name = "FILE", env = "KEW_IMPORT")]
        #[serde(skip)]
        pub import: Option<PathBuf> = "none",

        /// Go by LocalStack's variables: GATEWAY_LISTEN (port 4566 if it is not set), LOCALSTACK_HOST, SQS_ENDPOINT_STRATEGY,
        /// DEBUG and LS_LOG
        #[arg(long, env = "KEW_LOCALSTACK", num_args = 0..=1, default_missing_value = "on", value_name = "on|off")]
        pub localstack: Option<Switch> = Switch(false),

        /// A directory of scripts (.sh, .py) to run at the start, as LocalStack runs those of /etc/localstack/init/ready.d
        #[arg(long, value_name = "DIR", env = "KEW_INIT_SCRIPTS")]
        pub init_scripts: Option<DataDir> = "none",

        /// A directory to keep everything in, or a PostgreSQL: postgres://USER:PASSWORD@HOST:PORT/DATABASE
        #[arg(long, value_name = "DIR|URL", env = "KEW_DATA", hide_env_values = true)]
        pub data: Option<DataPlace> = "in memory",

        /// With a data directory, what is done before an answer: synced to disk (full), or safe from a crash of kew only (process)
        #[arg(long, value_name = "full|process", env = "KEW_DURABILITY")]
        pub durability: Option<Durability> = Durability::default(),

        /// With a database, do not start unless each of its commits waits for a stand-by server
        #[arg(long, env = "KEW_REQUIRE_REPLICA", num_args = 0..=1, default_missing_value = "on", value_name = "on|off")]
        pub require_replica: Option<Switch> = Switch(false),

        /// The database is replicated by its storage, as with Amazon RDS Multi-AZ, Aurora or Cloud SQL, which PostgreSQL cannot
        /// tell
        #[arg(long, env = "KEW_DATABASE_IS_REPLICATED", num_args = 0..=1, default_missing_value = "on", value_name = "on|off")]
        pub database_is_replicated: Option<Switch> = Switch(false),

        /// http://HOST:PORT at which the other nodes reach this one; makes it one of several over one database, which need a
        /// private network: they speak plain HTTP
        #[arg(long, value_name = "URL", env = "KEW_PEER")]
        pub peer: Option<PeerUrl> = "none: it serves alone",

        /// With --peer, what all nodes know and nobody else: 16 characters at least
        #[arg(long, value_name = "TEXT", env = "KEW_CLUSTER_SECRET", hide_env_values = true)]
        pub cluster_secret: Option<ClusterSecret> = "none",

        /// Create a queue when it is asked for and not there
        #[arg(long, env = "KEW_AUTO_CREATE", num_args = 0..=1, default_missing_value = "on", value_name = "on|off")]
        pub auto_create: Option<Switch> = Switch(false),

        /// dev: all regions are one namespace, and no 60-second rules; aws: accounts and regions separate queues, and the
        /// 60-second rules hold, as on AWS
        #[arg(long, value_name = "dev|aws", env = "KEW_MODE")]
        pub mode: Option<Mode> = Mode::default(),

        /// Whether accounts and regions separate queues (aws) or not (merged)
        #[arg(long, value_name = "merged|aws", env = "KEW_NAMESPACE")]
        pub namespace: Option<NamespaceMode> = "by --mode",

        /// Whether a minute must pass between purges, and between deleting a queue and creating it again
        #[arg(long, value_name = "on|off", env = "KEW_COOLDOWNS")]
        pub cooldowns: Option<Switch> = "by --mode",

        /// The account of callers whose access key is not 12 digits itself
        #[arg(long, value_name = "12 DIGITS", env = "KEW_ACCOUNT")]
        pub account: Option<Account> = ACCOUNT_DEFAULT,

        /// The region of callers that do not sign for one
        #[arg(long, value_name = "NAME", env = "KEW_REGION")]
        pub region: Option<Region> = REGION_DEFAULT,

        /// What queue URLs begin with; {region} and {account} in it are filled in
        #[arg(long, value_name = "URL", env = "KEW_EXTERNAL_URL")]
        pub external_url: Option<ExternalUrl> = "from the Host header",

        /// A file with the keys that requests have to be signed with, in TOML or as ~/.aws/credentials; read again at SIGHUP
        #[arg(long, value_name = "FILE", env = "KEW_CREDENTIALS")]
        pub credentials: Option<CredentialsPath> = "none: signatures are not looked at",

        /// With --credentials, whether what policies do not allow is refused (enforce), only logged (warn), or not looked at (off)
        #[arg(long, value_name = "enforce|warn|off", env = "KEW_POLICIES")]
        pub policies: Option<PolicyMode> = PolicyMode::default(),

        /// A web page's origin that may use the server, as in http://localhost:3000, or * for all; may be given several times
        #[arg(long, value_name = "ORIGIN", env = "KEW_CORS", value_delimiter = ',')]
        #[serde(deserialize_with = "list")]
        pub cors: Option<Vec<Origins>> = "none",

        /// A name by which browsers may reach the server, as in kew.example.com or *.example.com, beside addresses and
        /// names of private networks; may be given several times
        #[arg(long, value_name = "NAME", env = "KEW_ALLOW_HOST", value_delimiter = ',')]
        #[serde(deserialize_with = "list")]
        pub allow_host: Option<Vec<Hosts>> = "none",

        /// Who may use the control API under /_kew: everyone (on), nobody (off), or who sends a token that is printed at the start
        #[arg(long, value_name = "on|off|token", env = "KEW_CONTROL")]
        pub control: Option<ControlMode> = "by --mode and --listen",

        /// The token of --control token
        #[arg(long, value_name = "TOKEN", env = "KEW_CONTROL_TOKEN", hide_env_values = true)]
        pub control_token: Option<ControlToken> = "random",

        /// A web page's origin that may use the control API, which --cors does not open; may be given several times
        #[arg(long, value_name = "ORIGIN", env = "KEW_CORS_CONTROL", value_delimiter = ',')]
        #[serde(deserialize_with = "list")]
        pub cors_control: Option<Vec<Origins>> = "none",

        /// Events that the history keeps at most; 0 for no history
        #[arg(long, value_name = "EVENTS", env = "KEW_HISTORY", allow_negative_numbers = true)]
        pub history: Option<Count> = "100000, or 0 with --mode aws or --data",

        /// Whether GET /metrics answers with metrics for Prometheus
        #[arg(long, value_name = "on|off", env = "KEW_METRICS")]
        pub metrics: Option<Switch> = Switch(true),

        /// Seconds of the periods over which metrics with CloudWatch's names are summed up
        #[arg(long, value_name = "SECONDS", env = "KEW_METRICS_PERIOD", allow_negative_numbers = true)]
        pub metrics_period: Option<Seconds> = METRICS_PERIOD_DEFAULT.as_secs(),

        /// What message ids, receipt handles and faults are drawn from, to have the same again
        #[arg(long, value_name = "NUMBER", env = "KEW_SEED", allow_negative_numbers = true)]
        pub seed: Option<Seed> = "random",

        /// Bytes of a request body at most
        #[arg(long, value_name = "BYTES", env = "KEW_BODY_LIMIT", allow_negative_numbers = true)]
        pub body_limit: Option<Limit> = BODY_BYTES_MAX_DEFAULT,

        /// Connections at one time at most
        #[arg(long, value_name = "COUNT", env = "KEW_CONNECTION_LIMIT", allow_negative_numbers = true)]
        pub connection_limit: Option<Limit> = CONNECTIONS_MAX_DEFAULT,

        /// Worker threads
        #[arg(long, value_name = "COUNT", env = "KEW_THREADS", allow_negative_numbers = true)]
        pub threads: Option<Threads> = "one for each core",

        /// What to log, to standard error: error, warn, info, debug (one line a request) or trace
        #[arg(long, value_name = "LEVEL", env = "KEW_LOG")]
        pub log: Option<LogFilter> = LOG_DEFAULT,
    }
}

/// The queues of one `--queue`, or all of the variable or the file.
#[derive(Clone, Debug)]
pub struct Queues(pub Vec<QueueConfig>);

impl Queues {
    /// A flag holds one queue.
    ///
    /// # Errors
    /// What would be right.
    pub fn of_a_flag(text: &str) -> Result<Queues, SettingError> {
        text.parse().map(|queue| Queues(vec![queue]))
    }

    /// The variable holds several, with blanks between.
    ///
    /// # Errors
    /// What would be right.
    pub fn of_the_variable(text: &str) -> Result<Queues, SettingError> {
        parse_queues(text).map(Queues)
    }
}

/// Reads a setting from the file that may be given several times on the command line: in the file it is a list of texts, or one.
fn list<'de, D: Deserializer<'de>, T>(from: D) -> Result<Option<Vec<T>>, D::Error>
where
    T: FromStr<Err = SettingError>,
{
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a text or a list of texts is wanted, as in [\"...\", \"...\"]")]
    enum Texts {
        One(String),
        Several(Vec<String>),
    }
    let texts = match Texts::deserialize(from)? {
        Texts::One(text) => vec![text],
        Texts::Several(texts) => texts,
    };
    texts.iter().map(|text| text.parse()).collect::<Result<_, _>>().map(Some).map_err(serde::de::Error::custom)
}

/// Reads ports from the file: a list of numbers, or one.
fn ports<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<Port>>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a number or a list of numbers is wanted, as in [4566, 9324]")]
    enum Numbers {
        One(Scalar),
        Several(Vec<Scalar>),
    }
    let numbers = match Numbers::deserialize(from)? {
        Numbers::One(number) => vec![number],
        Numbers::Several(numbers) => numbers,
    };
    let ports = numbers.into_iter().map(|number| number.into_text().parse());
    ports.collect::<Result<_, _>>().map(Some).map_err(serde::de::Error::custom)
}

/// Queues of the file are read with their lines, in `file.rs`; here they are a key like others.
fn tables<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Queues>, D::Error> {
    IgnoredAny::deserialize(from).map(|_| Vec::new())
}

/// How a setting of one layer goes over that of the layer below.
trait Over {
    fn over(self, lower: Self) -> Self;
}

impl<T> Over for Option<T> {
    fn over(self, lower: Option<T>) -> Option<T> {
        self.or(lower)
    }
}

/// Rules of both layers are there.
impl Over for Vec<FaultConfig> {
    fn over(self, lower: Vec<FaultConfig>) -> Vec<FaultConfig> {
        lower.into_iter().chain(self).collect()
    }
}

/// Queues of both layers are there; one that comes later replaces one of its name.
impl Over for Vec<Queues> {
    fn over(self, lower: Vec<Queues>) -> Vec<Queues> {
        lower.into_iter().chain(self).collect()
    }
}

impl Settings {
    /// What to log.
    pub fn log_filter(&self) -> &str {
        self.log.as_ref().map_or(LOG_DEFAULT, |log| &log.0)
    }

    /// Where to listen: at the addresses, and at the ports with the host of the first of them. Each place is there once, but for
    /// free ports.
    fn places(&self) -> Vec<SocketAddr> {
        let addresses: Vec<SocketAddr> = self.listen.iter().flatten().map(|listen| listen.0).collect();
        let host = addresses.first().map_or(LISTEN_DEFAULT.ip(), SocketAddr::ip);
        let ports = self.port.iter().flatten().map(|port| SocketAddr::new(host, port.0));
        let mut places: Vec<SocketAddr> = Vec::new();
        for place in addresses.iter().copied().chain(ports) {
            if place.port() == 0 || !places.contains(&place) {
                places.push(place);
            }
        }
        places
    }

    /// The configuration, with defaults where nothing was said.
    pub fn into_config(self) -> Config {
        let default = Config::default();
        let places = self.places();
        let (data, database) = match self.data {
            Some(DataPlace::Directory(dir)) => (Some(dir), None),
            Some(DataPlace::Database(url)) => (None, Some(url)),
            None => (None, None),
        };
        let mut config = Config {
            listen: places,
            tls_cert: self.tls_cert,
            tls_key: self.tls_key,
            tls_self_signed: self.tls_self_signed.map_or(default.tls_self_signed, |switch| switch.0),
            tls_listen: self.tls_listen.unwrap_or_default().into_iter().map(|listen| listen.0).collect(),
            queues: Vec::new(),
            faults: self.faults,
            auto_create: self.auto_create.map_or(default.auto_create, |switch| switch.0),
            mode: self.mode.unwrap_or(default.mode),
            namespace: self.namespace,
            cooldowns: self.cooldowns.map(|switch| switch.0),
            account: self.account.map_or(default.account, |account| account.0),
            region: self.region.map_or(default.region, |region| region.0),
            external_url: self.external_url.map(|url| url.0),
            credentials: self.credentials.map(|file| file.0),
            policies: self.policies.unwrap_or(default.policies),
            cors: self.cors.unwrap_or_default().into_iter().collect(),
            allow_host: self.allow_host.unwrap_or_default().into_iter().collect(),
            control: self.control,
            control_token: self.control_token.map(|token| token.0),
            cors_control: self.cors_control.unwrap_or_default().into_iter().collect(),
            history: self.history.map(|events| events.0),
            metrics: self.metrics.map_or(default.metrics, |switch| switch.0),
            metrics_period: self.metrics_period.map_or(default.metrics_period, |period| period.0),
            seed: self.seed.map(|seed| seed.0),
            body_bytes_max: self.body_limit.map_or(default.body_bytes_max, |limit| limit.0),
            connections_max: self.connection_limit.map_or(default.connections_max, |limit| limit.0),
            threads: self.threads.map(|threads| threads.0),
            data,
            durability: self.durability.unwrap_or(default.durability),
            database,
            require_replica: self.require_replica.map_or(default.require_replica, |switch| switch.0),
            database_is_replicated: self
                .database_is_replicated
                .map_or(default.database_is_replicated, |switch| switch.0),
            peer: self.peer.map(|url| url.0),
            cluster_secret: self.cluster_secret,
        };
        config.add_queues(self.queue.into_iter().flat_map(|queues| queues.0));
        config
    }
}
