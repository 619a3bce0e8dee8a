//! The command line: flags and environment variables, and how they and the file become one configuration.

use clap::builder::ValueParser;
use clap::error::{ContextKind, ContextValue};
use clap::{Arg, Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use kew::internals::config::{
    self, Config, Durability, LISTEN_DEFAULT, Mode, NamespaceMode, QueueConfig, SettingError, check_account,
    check_external_url, check_log, check_region, parse_data, parse_durability, parse_host, parse_hosts, parse_limit,
    parse_listen, parse_mode, parse_namespace, parse_origin, parse_origins, parse_switch, parse_threads,
};
use std::ffi::OsString;
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
    /// Look for damage in a data directory that no kew uses, changing nothing: exit code 0 if there is none, 65 if
    /// there is, 1 if it could not be examined
    Check(CheckArgs),
    /// Make a new data directory of what can be read of a damaged one, which stays as it is: exit code 0 if that was
    /// all, 65 if something could not be read and was left out, 1 if nothing was made
    Salvage(SalvageArgs),
}

/// Flags of `kew serve`. Each has an environment variable; a flag beats a variable beats the file.
#[derive(Debug, Default, Args)]
pub struct ServeArgs {
    /// Where to listen; may be given several times, port 0 picks a free one [default: 127.0.0.1:9324]
    #[arg(long, value_name = "HOST:PORT", env = "KEW_LISTEN", value_delimiter = ',', value_parser = parse_listen)]
    pub listen: Vec<SocketAddr>,
    /// A queue to have from the start, as in `orders`, `jobs.fifo` or
    /// `orders,VisibilityTimeout=45,DeadLetterQueue=orders-dead,MaxReceiveCount=3,Tag.team=a`; may be given several times
    #[arg(long, value_name = "NAME[,ATTRIBUTE=VALUE...]", env = "KEW_QUEUE", value_parser = queue_of_a_flag)]
    pub queue: Vec<Queues>,
    /// A file with the same settings in TOML, and queues
    #[arg(long, value_name = "FILE", env = "KEW_CONFIG")]
    pub config: Option<PathBuf>,
    /// A directory to keep everything in; without it everything is in memory
    #[arg(long, value_name = "DIR", env = "KEW_DATA", value_parser = parse_data)]
    pub data: Option<PathBuf>,
    /// With --data, what is done before an answer: synced to disk (full), or safe from a crash of kew only (process)
    /// [default: full]
    #[arg(long, value_name = "full|process", env = "KEW_DURABILITY", value_parser = parse_durability)]
    pub durability: Option<Durability>,
    /// Create a queue when it is asked for and not there
    #[arg(long, env = "KEW_AUTO_CREATE", num_args = 0..=1, default_missing_value = "on", value_name = "on|off",
          value_parser = parse_switch)]
    pub auto_create: Option<bool>,
    /// dev: all regions are one namespace, and no 60-second rules; aws: accounts and regions separate queues, and the
    /// 60-second rules hold, as on AWS [default: dev]
    #[arg(long, value_name = "dev|aws", env = "KEW_MODE", value_parser = parse_mode)]
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
    #[arg(long, value_name = "ORIGIN", env = "KEW_CORS", value_delimiter = ',', value_parser = parse_origin)]
    pub cors: Vec<String>,
    /// A name by which browsers may reach the server, as in kew.example.com or *.example.com, beside addresses and
    /// names of private networks; may be given several times
    #[arg(long, value_name = "NAME", env = "KEW_ALLOW_HOST", value_delimiter = ',', value_parser = parse_host)]
    pub allow_host: Vec<String>,
    /// Bytes of a request body at most [default: 16777216]
    #[arg(long, value_name = "BYTES", env = "KEW_BODY_LIMIT", value_parser = parse_limit,
          allow_negative_numbers = true)]
    pub body_limit: Option<usize>,
    /// Connections at one time at most [default: 65536]
    #[arg(long, value_name = "COUNT", env = "KEW_CONNECTION_LIMIT", value_parser = parse_limit,
          allow_negative_numbers = true)]
    pub connection_limit: Option<usize>,
    /// Worker threads [default: one for each core]
    #[arg(long, value_name = "COUNT", env = "KEW_THREADS", value_parser = parse_threads,
          allow_negative_numbers = true)]
    pub threads: Option<usize>,
    /// What to log, to standard error: error, warn, info, debug (one line a request) or trace [default: info]
    #[arg(long, value_name = "LEVEL", env = "KEW_LOG", value_parser = check_log)]
    pub log: Option<String>,
}

/// The queues of one `--queue`, or all of the variable.
#[derive(Clone, Debug)]
pub struct Queues(Vec<QueueConfig>);

fn queue_of_a_flag(text: &str) -> Result<Queues, SettingError> {
    text.parse().map(|queue| Queues(vec![queue]))
}

fn queues_of_the_variable(text: &str) -> Result<Queues, SettingError> {
    config::parse_queues(text).map(Queues)
}

/// Flags of `kew healthcheck`.
#[derive(Debug, Args)]
pub struct HealthcheckArgs {
    /// Where kew listens [default: 127.0.0.1:9324]
    #[arg(long, value_name = "HOST:PORT", env = "KEW_LISTEN", value_delimiter = ',', value_parser = parse_listen)]
    pub listen: Vec<SocketAddr>,
    /// The file of settings that kew was started with
    #[arg(long, value_name = "FILE", env = "KEW_CONFIG")]
    pub config: Option<PathBuf>,
}

impl HealthcheckArgs {
    /// Where to ask: the first of the addresses at which kew listens.
    ///
    /// # Errors
    /// As [`ServeArgs::into_config`].
    pub fn address(self) -> Result<SocketAddr, String> {
        let (config, _) =
            ServeArgs { listen: self.listen, config: self.config, ..ServeArgs::default() }.into_config()?;
        config.listen.first().copied().map_or(Ok(LISTEN_DEFAULT), Ok)
    }
}

/// What names a data directory, for the subcommands that work on one.
#[derive(Debug, Args)]
pub struct DataArgs {
    /// The data directory
    #[arg(long, value_name = "DIR", env = "KEW_DATA", value_parser = parse_data)]
    pub data: Option<PathBuf>,
    /// The file of settings that kew was started with, if it is to tell the data directory
    #[arg(long, value_name = "FILE", env = "KEW_CONFIG")]
    pub config: Option<PathBuf>,
}

/// Flags of `kew backup`.
#[derive(Debug, Args)]
pub struct BackupArgs {
    /// Which one to copy.
    #[command(flatten)]
    pub data: DataArgs,
    /// The directory to copy it to; must not hold a store yet
    #[arg(long, value_name = "DIR", value_parser = parse_data)]
    pub to: PathBuf,
}

/// Flags of `kew check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Which one to examine.
    #[command(flatten)]
    pub data: DataArgs,
}

/// Flags of `kew salvage`.
#[derive(Debug, Args)]
pub struct SalvageArgs {
    /// The damaged one; it is not changed.
    #[command(flatten)]
    pub data: DataArgs,
    /// The new data directory; must not hold anything yet
    #[arg(long, value_name = "NEWDIR", value_parser = parse_data)]
    pub to: PathBuf,
}

impl DataArgs {
    /// The data directory.
    ///
    /// # Errors
    /// As [`ServeArgs::into_config`], and when nothing names it.
    pub fn named(&self) -> Result<PathBuf, String> {
        let (data, config) = (self.data.clone(), self.config.clone());
        let (config, _) = ServeArgs { data, config, ..ServeArgs::default() }.into_config()?;
        let wanted = "which data directory? Name it with --data DIR, with KEW_DATA, or in the configuration file";
        config.data.ok_or_else(|| wanted.to_owned())
    }
}

impl Cli {
    /// Reads the arguments and the variables.
    ///
    /// # Errors
    /// What is to be printed: that something is wrong, or the help or version that was asked for.
    pub fn read() -> Result<Cli, clap::Error> {
        let words: Vec<OsString> = std::env::args_os().collect();
        let heed = |arg| heed_variable(arg, &words);
        let command = Cli::command();
        // The settings of serving are none of another subcommand's business.
        let serves = words.get(1).is_none_or(|word| command.find_subcommand(word).is_none());
        let command = command.mut_args(|arg| if serves { heed(arg) } else { arg.env(None::<&'static str>) });
        let command = command.mut_subcommands(|command| command.mut_args(heed));
        let matches = command.try_get_matches_from(&words).map_err(|error| name_variable(error, &words))?;
        Cli::from_arg_matches(&matches)
    }
}

/// Whether a flag, as in `--log`, is among the words of the command line. No flag is the beginning of another's name.
fn is_given(flag: &str, words: &[OsString]) -> bool {
    words.iter().any(|word| word.to_string_lossy().starts_with(flag))
}

/// An empty variable counts as unset, as in `KEW_DATA: ${KEW_DATA:-}` of a compose file; and the variable of queues holds several,
/// where a flag holds one.
fn heed_variable(arg: Arg, words: &[OsString]) -> Arg {
    let Some(value) = arg.get_env().and_then(std::env::var_os) else { return arg };
    if value.to_string_lossy().trim().is_empty() {
        return arg.env(None::<&'static str>);
    }
    match arg.get_id() == "queue" && !is_given("--queue", words) {
        true => arg.value_parser(ValueParser::new(queues_of_the_variable)),
        false => arg,
    }
}

/// Names the variable where a wrong value comes from one; clap names the flag, which nobody gave.
fn name_variable(mut error: clap::Error, words: &[OsString]) -> clap::Error {
    if let Some(ContextValue::String(arg)) = error.get(ContextKind::InvalidArg)
        && let Some(flag) = arg.split(' ').next().filter(|flag| flag.starts_with("--") && !is_given(flag, words))
    {
        let variable = format!("KEW_{}", flag.trim_start_matches('-').to_uppercase().replace('-', "_"));
        if std::env::var_os(&variable).is_some() {
            error.insert(ContextKind::InvalidArg, ContextValue::String(variable));
        }
    }
    error
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
        let queues: Vec<QueueConfig> = self.queue.into_iter().flat_map(|queues| queues.0).collect();
        if let Some(twice) = (1..queues.len()).find(|&at| queues[..at].iter().any(|q| q.name == queues[at].name)) {
            return Err(format!("the queue {} is given twice", queues[twice].name));
        }
        config.add_queues(queues);
        if !self.cors.is_empty() {
            config.cors = parse_origins(self.cors.iter().map(String::as_str))?;
        }
        if !self.allow_host.is_empty() {
            config.allow_host = parse_hosts(self.allow_host.iter().map(String::as_str))?;
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
