//! The command line: flags and environment variables, and how they and the file become one configuration.

use crate::broker::NamespaceMode;
use crate::config::{
    self, Config, Durability, Mode, QueueConfig, check_account, check_external_url, check_log, check_region,
    parse_limit, parse_listen, parse_namespace, parse_switch, parse_threads,
};
use crate::http::{Hosts, Origins};
use clap::{Args, Parser, Subcommand};
use std::net::SocketAddr;
use std::path::PathBuf;

/// An Amazon SQS-compatible message queue in one small binary.
///
/// Point any AWS SDK at it: AWS_ENDPOINT_URL=http://127.0.0.1:9324, any access key, any region.
#[derive(Debug, Parser)]
#[command(name = "kew", version, max_term_width = 100, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What to do; serving is what happens without it.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How to serve.
    #[command(flatten)]
    pub serve: ServeArgs,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Answer SQS requests (the default)
    Serve(Box<ServeArgs>),
    /// Ask a running kew whether it is well: exit code 0 if so, 1 if not
    Healthcheck(HealthcheckArgs),
    /// Copy the data directory of a kew, running or not, to a new directory that a kew can be started on
    Backup(BackupArgs),
}

/// Flags of `kew serve`. Each has an environment variable; a flag beats a variable beats the file.
#[derive(Debug, Default, Args)]
pub struct ServeArgs {
    /// Where to listen; may be given several times, port 0 picks a free one [default: 127.0.0.1:9324]
    #[arg(long, value_name = "HOST:PORT", env = "KEW_LISTEN", value_delimiter = ',', value_parser = parse_listen)]
    pub listen: Vec<SocketAddr>,
    /// A queue to have from the start, as in `orders`, `jobs.fifo` or
    /// `orders,VisibilityTimeout=45,DeadLetterQueue=orders-dead,MaxReceiveCount=3,Tag.team=a`; may be given several times
    #[arg(long, value_name = "NAME[,ATTRIBUTE=VALUE...]", env = "KEW_QUEUE", value_delimiter = ' ',
          value_parser = <QueueConfig as std::str::FromStr>::from_str)]
    pub queue: Vec<QueueConfig>,
    /// A file with the same settings in TOML, and queues
    #[arg(long, value_name = "FILE", env = "KEW_CONFIG")]
    pub config: Option<PathBuf>,
    /// A directory to keep everything in; without it everything is in memory
    #[arg(long, value_name = "DIR", env = "KEW_DATA")]
    pub data: Option<PathBuf>,
    /// With --data, what is done before an answer: synced to disk (full), or safe from a crash of kew only (process)
    /// [default: full]
    #[arg(long, value_enum, env = "KEW_DURABILITY")]
    pub durability: Option<Durability>,
    /// Create a queue when it is asked for and not there
    #[arg(long, env = "KEW_AUTO_CREATE", num_args = 0..=1, default_missing_value = "on", value_name = "on|off",
          value_parser = parse_switch)]
    pub auto_create: Option<bool>,
    /// dev: one namespace, no 60-second rules; aws: everything as on AWS [default: dev]
    #[arg(long, value_enum, env = "KEW_MODE")]
    pub mode: Option<Mode>,
    /// Whether accounts and regions separate queues (aws) or not (merged) [default: by --mode]
    #[arg(long, value_name = "merged|aws", env = "KEW_NAMESPACE", value_parser = parse_namespace)]
    pub namespace: Option<NamespaceMode>,
    /// Whether a minute must pass between purges, and between deleting a queue and creating it again [default: by --mode]
    #[arg(long, value_name = "on|off", env = "KEW_COOLDOWNS", value_parser = parse_switch)]
    pub cooldowns: Option<bool>,
    /// The account of callers whose access key is not 12 digits itself [default: 000000000000]
    #[arg(long, value_name = "12 DIGITS", env = "KEW_ACCOUNT", value_parser = check_account)]
    pub account: Option<String>,
    /// The region of callers that do not sign for one [default: us-east-1]
    #[arg(long, value_name = "NAME", env = "KEW_REGION", value_parser = check_region)]
    pub region: Option<String>,
    /// What queue URLs begin with, if not with the Host header of the request
    #[arg(long, value_name = "URL", env = "KEW_EXTERNAL_URL", value_parser = check_external_url)]
    pub external_url: Option<String>,
    /// A web page's origin that may use the server, as in http://localhost:3000, or * for all; may be given several times
    #[arg(long, value_name = "ORIGIN", env = "KEW_CORS", value_delimiter = ',')]
    pub cors: Vec<String>,
    /// A name by which browsers may reach the server, as in kew.example.com or *.example.com, beside addresses and
    /// names of private networks; may be given several times
    #[arg(long, value_name = "NAME", env = "KEW_ALLOW_HOST", value_delimiter = ',')]
    pub allow_host: Vec<String>,
    /// Bytes of a request body at most [default: 16777216]
    #[arg(long, value_name = "BYTES", env = "KEW_BODY_LIMIT", value_parser = parse_limit)]
    pub body_limit: Option<usize>,
    /// Connections at one time at most [default: 65536]
    #[arg(long, value_name = "COUNT", env = "KEW_CONNECTION_LIMIT", value_parser = parse_limit)]
    pub connection_limit: Option<usize>,
    /// Worker threads [default: one for each core]
    #[arg(long, value_name = "COUNT", env = "KEW_THREADS", value_parser = parse_threads)]
    pub threads: Option<usize>,
    /// What to log, to standard error: error, warn, info, debug (one line a request) or trace [default: info]
    #[arg(long, value_name = "LEVEL", env = "KEW_LOG", value_parser = check_log)]
    pub log: Option<String>,
}

/// Flags of `kew healthcheck`.
#[derive(Debug, Args)]
pub struct HealthcheckArgs {
    /// Where kew listens
    #[arg(long, value_name = "HOST:PORT", env = "KEW_LISTEN", value_delimiter = ',', value_parser = parse_listen,
          default_value = config::LISTEN_DEFAULT)]
    pub listen: Vec<SocketAddr>,
}

/// Flags of `kew backup`.
#[derive(Debug, Args)]
pub struct BackupArgs {
    /// The data directory to copy
    #[arg(long, value_name = "DIR", env = "KEW_DATA")]
    pub data: PathBuf,
    /// The directory to copy it to; must not hold a store yet
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
}

impl ServeArgs {
    /// The configuration: file first, then variables and flags over it. The second is the log filter.
    ///
    /// # Errors
    /// One line that says what is wrong and what would be right.
    pub fn into_config(self) -> Result<(Config, String), String> {
        let (mut config, log) = match &self.config {
            Some(path) => config::read_file(path).map_err(|error| error.to_string())?,
            None => (Config::default(), None),
        };
        if !self.listen.is_empty() {
            config.listen = self.listen;
        }
        config.add_queues(self.queue);
        if !self.cors.is_empty() {
            config.cors = Origins::parse(self.cors.iter().map(String::as_str))
                .map_err(|entry| format!("--cors: `{entry}` is not an origin, as in http://localhost:3000, or *"))?;
        }
        if !self.allow_host.is_empty() {
            config.allow_host = Hosts::parse(self.allow_host.iter().map(String::as_str)).map_err(|entry| {
                format!("--allow-host: `{entry}` is not a name, as in kew.example.com or *.example.com")
            })?;
        }
        config.auto_create = self.auto_create.unwrap_or(config.auto_create);
        config.mode = self.mode.unwrap_or(config.mode);
        config.namespace = self.namespace.or(config.namespace);
        config.cooldowns = self.cooldowns.or(config.cooldowns);
        config.account = self.account.unwrap_or(config.account);
        config.region = self.region.unwrap_or(config.region);
        config.external_url = self.external_url.or(config.external_url);
        config.body_bytes_max = self.body_limit.unwrap_or(config.body_bytes_max);
        config.connections_max = self.connection_limit.unwrap_or(config.connections_max);
        config.threads = self.threads.or(config.threads);
        config.data = self.data.or(config.data);
        config.durability = self.durability.unwrap_or(config.durability);
        let log = self.log.or(log).unwrap_or_else(|| "info".to_owned());
        Ok((config, log))
    }
}
