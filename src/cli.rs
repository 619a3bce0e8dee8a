//! The command line: subcommands, and how flags and environment variables are read.

use crate::command::alerts::AlertsArgs;
use crate::command::arguments::Control;
use crate::command::client::Target;
use crate::command::control::EXIT_CODES;
use crate::command::copy::CopyArgs;
use crate::command::environment::EnvArgs;
use crate::command::import::ImportArgs;
use crate::command::policy::PolicyCommand;
use crate::command::report::ReportArgs;
use crate::command::run::RunArgs;
use crate::command::settings;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use kew::internals::config::without_password;
use kew::internals::config::{DataDir, DataPlace, LISTEN_DEFAULT, Listen, Port, Queues, Settings, Switch};
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
    pub serve: Settings,
    /// Which kew is asked, by the subcommands that ask one, and how its answer is shown.
    #[arg(skip)]
    pub asking: Asking,
}

/// Flags of all subcommands that ask a running kew.
#[derive(Args, Debug, Default)]
pub struct Asking {
    /// Show the answer as JSON
    #[arg(long, global = true)]
    pub json: bool,
    /// Which kew is asked.
    #[command(flatten)]
    pub target: Target,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Answer SQS requests (the default)
    Serve(Box<Settings>),
    /// Run a command with a kew beside it: kew run --queue orders -- pytest
    ///
    /// The kew is at a free port and gone when the command has ended; its report is printed then.
    #[command(after_help = crate::command::run::HELP_END)]
    Run(Box<RunArgs>),
    /// Print the settings and queues of other software's files, as the file that --config reads: kew import elasticmq.conf
    #[command(after_help = crate::command::import::HELP_END)]
    Import(ImportArgs),
    /// Print the variables that point a client at kew: eval "$(kew env)"
    Env(EnvArgs),
    /// The rest is asked of a running kew.
    #[command(flatten)]
    Control(Control),
    /// What policies decide, and the smallest policy for what was used
    #[command(subcommand_required = true)]
    Policy {
        #[command(subcommand)]
        what: PolicyCommand,
    },
    /// Mistakes of consumers and producers that kew has noticed
    ///
    /// Each has a code, K1 to K12: a visibility timeout that is too short, work that was done twice, short polling and so on.
    Report(ReportArgs),
    /// Print rules of alerts for Prometheus: for the queues of a kew, or for queues of AWS
    Alerts(Box<AlertsArgs>),
    /// Print a dashboard for Grafana, as JSON
    Dashboard,
    /// Ask a running kew whether it is well: exit code 0 if so, 1 if not
    Healthcheck(HealthcheckArgs),
    /// Copy the data directory of a kew, running or not, to a new directory that a kew can be started on
    Backup(BackupArgs),
    /// Copy everything of a data directory or a database into another one that is empty: kew copy --from DIR --to postgres://...
    Copy(CopyArgs),
    /// Look for damage in a data directory that no kew uses, changing nothing: exit code 0 if there is none, 65 if
    /// there is, 1 if it could not be examined
    Check(CheckArgs),
    /// Make a new data directory of what can be read of a damaged one, which stays as it is: exit code 0 if that was
    /// all, 65 if something could not be read and was left out, 1 if nothing was made
    Salvage(SalvageArgs),
    /// Write the manual pages and the completions for shells, which packages bring along
    #[command(hide = true)]
    Manual(ManualArgs),
}

impl Command {
    /// Whether it works by itself, without a kew that runs.
    fn asks_nobody(name: &str) -> bool {
        matches!(
            name,
            "serve"
                | "run"
                | "import"
                | "alerts"
                | "dashboard"
                | "healthcheck"
                | "backup"
                | "copy"
                | "check"
                | "salvage"
                | "manual"
        )
    }
}

/// Flags of `kew healthcheck`.
#[derive(Debug, Args)]
pub struct HealthcheckArgs {
    /// Where kew listens
    #[arg(long, value_name = "HOST:PORT", env = "KEW_LISTEN", value_delimiter = ',')]
    pub listen: Option<Vec<Listen>>,
    /// The port, if kew was told only that
    #[arg(long, value_name = "PORT", env = "KEW_PORT", value_delimiter = ',')]
    pub port: Option<Vec<Port>>,
    /// The certificate that kew was started with, if any; it is not checked whether others would trust it
    #[arg(long, value_name = "FILE", env = "KEW_TLS_CERT")]
    pub tls_cert: Option<PathBuf>,
    /// Whether kew made its own certificate
    #[arg(long, env = "KEW_TLS_SELF_SIGNED", num_args = 0..=1, default_missing_value = "on", value_name = "on|off")]
    pub tls_self_signed: Option<Switch>,
    /// Where kew listens for TLS, if not at all its addresses
    #[arg(long, value_name = "HOST:PORT", env = "KEW_TLS_LISTEN", value_delimiter = ',')]
    pub tls_listen: Option<Vec<Listen>>,
    /// The file of settings that kew was started with
    #[arg(long, value_name = "FILE", env = "KEW_CONFIG")]
    pub config: Option<PathBuf>,
    /// The file of other software that kew was started with
    #[arg(long, value_name = "FILE", env = "KEW_IMPORT")]
    pub import: Option<PathBuf>,
    /// Whether kew goes by LocalStack's variables
    #[arg(long, env = "KEW_LOCALSTACK", num_args = 0..=1, default_missing_value = "on", value_name = "on|off")]
    pub localstack: Option<Switch>,
}

impl HealthcheckArgs {
    /// Where to ask: the first of the addresses at which kew listens, and whether it speaks TLS.
    ///
    /// # Errors
    /// As [`settings::read`].
    pub fn address(self) -> Result<(SocketAddr, bool), String> {
        let HealthcheckArgs { listen, port, tls_cert, tls_self_signed, tls_listen, config, import, localstack } = self;
        let tls = Settings { tls_cert, tls_self_signed, tls_listen, ..Settings::default() };
        let given = Settings { listen, port, config, import, localstack, ..tls };
        let config = settings::read(given)?.settings.into_config();
        Ok((config.listen.first().copied().unwrap_or(LISTEN_DEFAULT), config.speaks_only_tls()))
    }
}

/// What names a data directory, for the subcommands that work on one.
#[derive(Debug, Args)]
pub struct DataArgs {
    /// The data directory
    #[arg(long, value_name = "DIR", env = "KEW_DATA", hide_env_values = true)]
    pub data: Option<DataPlace>,
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
    #[arg(long, value_name = "DIR")]
    pub to: DataDir,
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
    #[arg(long, value_name = "NEWDIR")]
    pub to: DataDir,
}

/// Flags of `kew manual`.
#[derive(Debug, Args)]
pub struct ManualArgs {
    /// The directory to write them to
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
}

impl DataArgs {
    /// The data directory.
    ///
    /// # Errors
    /// As [`Settings::over_file`], when nothing names it, and when it is a database: then with what does the same there.
    pub fn named(&self, for_databases: &str) -> Result<PathBuf, String> {
        let settings = Settings { data: self.data.clone(), config: self.config.clone(), ..Settings::default() };
        match settings.over_file()?.data {
            Some(DataPlace::Directory(dir)) => Ok(dir),
            Some(DataPlace::Database(url)) => Err(format!("{url} is no data directory; {for_databases}")),
            None => {
                Err("which data directory? Name it with --data DIR, with KEW_DATA, or in the configuration file".into())
            }
        }
    }
}

impl Cli {
    /// The command line, with what help adds to it: the defaults of settings, and whom a subcommand asks.
    pub fn with_defaults() -> clap::Command {
        Cli::command().mut_args(show_default).mut_subcommands(|command| match command.get_name() {
            "serve" | "healthcheck" => command.mut_args(show_default),
            "run" => command.mut_args(show_default).mut_arg("listen", |arg| {
                arg.help("Where to listen; may be given several times [default: a free port of 127.0.0.1]")
            }),
            name if Command::asks_nobody(name) => command,
            _ => {
                let about = command.get_about().cloned();
                Asking::augment_args(command).about(about.unwrap_or_default()).after_help(EXIT_CODES)
            }
        })
    }

    /// Reads the arguments and the variables.
    ///
    /// # Errors
    /// What is to be printed: that something is wrong, or the help or version that was asked for.
    pub fn read() -> Result<Cli, clap::Error> {
        let words: Vec<OsString> = std::env::args_os().collect();
        let heed = |arg| heed_variable(arg, &words);
        let full = Cli::with_defaults();
        // The settings of serving are none of another subcommand's business.
        let serves = words.get(1).is_none_or(|word| full.find_subcommand(word).is_none());
        let command = full.clone().mut_args(|arg| if serves { heed(arg) } else { arg.env(None::<&'static str>) });
        let command =
            command.mut_subcommands(|command| command.mut_args(heed).mut_subcommands(|inner| inner.mut_args(heed)));
        let matches = command.try_get_matches_from(&words).map_err(|error| match error.kind() {
            // The help has all variables, also those that are not heeded because they are empty.
            ErrorKind::DisplayHelp => full.clone().try_get_matches_from(&words).err().unwrap_or(error),
            _ => show_where_the_command_stands(name_variable(hide_passwords(error), &full, &words), &words),
        })?;
        let mut cli = Cli::from_arg_matches(&matches)?;
        if let Some((_, matches)) = matches.subcommand().filter(|(name, _)| !Command::asks_nobody(name)) {
            cli.asking = Asking::from_arg_matches(matches)?;
        }
        Ok(cli)
    }
}

/// Ends the help of a setting with its default.
fn show_default(arg: Arg) -> Arg {
    let default = Settings::defaults().into_iter().find(|(name, _)| arg.get_id() == name);
    match (default, arg.get_help()) {
        (Some((_, default)), Some(help)) => {
            let help = format!("{help} [default: {default}]");
            arg.help(help)
        }
        _ => arg,
    }
}

/// Whether a flag, as in `--log`, is among the words of the command line.
fn is_given(flag: &str, words: &[OsString]) -> bool {
    words.iter().any(|word| word.to_string_lossy().split('=').next() == Some(flag))
}

/// An empty variable counts as unset, as in `KEW_DATA: ${KEW_DATA:-}` of a compose file, and so does the `KEW_PORT` that Kubernetes
/// gives to each container beside a service named kew; and the variable of queues holds several, where a flag holds one.
fn heed_variable(arg: Arg, words: &[OsString]) -> Arg {
    let Some(value) = arg.get_env().and_then(std::env::var_os) else { return arg };
    let text = value.to_string_lossy();
    if text.trim().is_empty() || arg.get_id() == "port" && text.starts_with("tcp://") {
        return arg.env(None::<&'static str>);
    }
    match arg.get_id() == "queue" && !is_given("--queue", words) {
        true => arg.value_parser(Queues::of_the_variable),
        false => arg,
    }
}

/// Flags whose values are shown nowhere.
const SECRETS: [&str; 2] = ["--cluster-secret", "--control-token"];

/// A wrong value is shown as it is, and may be a secret, or the URL of a database with a password in it.
fn hide_passwords(mut error: clap::Error) -> clap::Error {
    let is_secret = |flag: &ContextValue| SECRETS.iter().any(|secret| flag.to_string().starts_with(secret));
    if error.get(ContextKind::InvalidArg).is_some_and(is_secret) && error.get(ContextKind::InvalidValue).is_some() {
        error.insert(ContextKind::InvalidValue, ContextValue::String("***".to_owned()));
    }
    let shown = error.context().filter_map(|(kind, value)| match value {
        ContextValue::String(text) if text.contains("://") => Some((kind, without_password(text))),
        _ => None,
    });
    for (kind, text) in shown.collect::<Vec<_>>() {
        error.insert(kind, ContextValue::String(text));
    }
    error
}

/// Names the variable where a wrong value comes from one; clap names the flag, which nobody gave.
fn name_variable(mut error: clap::Error, command: &clap::Command, words: &[OsString]) -> clap::Error {
    if let Some(ContextValue::String(arg)) = error.get(ContextKind::InvalidArg)
        && let Some(flag) = arg.split(' ').next().filter(|flag| !is_given(flag, words))
        && let Some(arg) = command.get_arguments().find(|arg| arg.get_long() == flag.strip_prefix("--"))
        && let Some(variable) = arg.get_env().filter(|variable| std::env::var_os(variable).is_some())
    {
        let variable = variable.to_string_lossy().into_owned();
        error.insert(ContextKind::InvalidArg, ContextValue::String(variable));
    }
    error
}

/// `kew run pytest` lacks what parts the flags of kew from those of the command.
fn show_where_the_command_stands(mut error: clap::Error, words: &[OsString]) -> clap::Error {
    let runs = words.get(1).is_some_and(|word| word == "run") && !words.iter().any(|word| word == "--");
    if runs && matches!(error.kind(), ErrorKind::UnknownArgument | ErrorKind::MissingRequiredArgument) {
        let tip = "the command stands behind `--`: kew run --queue orders -- pytest".to_owned();
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
    error
}
