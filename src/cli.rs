//! The command line: subcommands, and how flags and environment variables are read.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use kew::internals::config::{DataDir, LISTEN_DEFAULT, Listen, Queues, Settings};
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
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Answer SQS requests (the default)
    Serve(Box<Settings>),
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

/// Flags of `kew healthcheck`.
#[derive(Debug, Args)]
pub struct HealthcheckArgs {
    /// Where kew listens
    #[arg(long, value_name = "HOST:PORT", env = "KEW_LISTEN", value_delimiter = ',')]
    pub listen: Option<Vec<Listen>>,
    /// The file of settings that kew was started with
    #[arg(long, value_name = "FILE", env = "KEW_CONFIG")]
    pub config: Option<PathBuf>,
}

impl HealthcheckArgs {
    /// Where to ask: the first of the addresses at which kew listens.
    ///
    /// # Errors
    /// As [`Settings::over_file`].
    pub fn address(self) -> Result<SocketAddr, String> {
        let settings = Settings { listen: self.listen, config: self.config, ..Settings::default() };
        let config = settings.over_file()?.into_config();
        Ok(config.listen.first().copied().unwrap_or(LISTEN_DEFAULT))
    }
}

/// What names a data directory, for the subcommands that work on one.
#[derive(Debug, Args)]
pub struct DataArgs {
    /// The data directory
    #[arg(long, value_name = "DIR", env = "KEW_DATA")]
    pub data: Option<DataDir>,
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

impl DataArgs {
    /// The data directory.
    ///
    /// # Errors
    /// As [`Settings::over_file`], and when nothing names it.
    pub fn named(&self) -> Result<PathBuf, String> {
        let settings = Settings { data: self.data.clone(), config: self.config.clone(), ..Settings::default() };
        let wanted = "which data directory? Name it with --data DIR, with KEW_DATA, or in the configuration file";
        settings.over_file()?.into_config().data.ok_or_else(|| wanted.to_owned())
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
        let full = Cli::command().mut_args(show_default).mut_subcommands(|command| match command.get_name() {
            "serve" | "healthcheck" => command.mut_args(show_default),
            _ => command,
        });
        // The settings of serving are none of another subcommand's business.
        let serves = words.get(1).is_none_or(|word| full.find_subcommand(word).is_none());
        let command = full.clone().mut_args(|arg| if serves { heed(arg) } else { arg.env(None::<&'static str>) });
        let command = command.mut_subcommands(|command| command.mut_args(heed));
        let matches = command.try_get_matches_from(&words).map_err(|error| match error.kind() {
            // The help has all variables, also those that are not heeded because they are empty.
            ErrorKind::DisplayHelp => full.clone().try_get_matches_from(&words).err().unwrap_or(error),
            _ => name_variable(error, &full, &words),
        })?;
        Cli::from_arg_matches(&matches)
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

/// An empty variable counts as unset, as in `KEW_DATA: ${KEW_DATA:-}` of a compose file; and the variable of queues holds several,
/// where a flag holds one.
fn heed_variable(arg: Arg, words: &[OsString]) -> Arg {
    let Some(value) = arg.get_env().and_then(std::env::var_os) else { return arg };
    if value.to_string_lossy().trim().is_empty() {
        return arg.env(None::<&'static str>);
    }
    match arg.get_id() == "queue" && !is_given("--queue", words) {
        true => arg.value_parser(Queues::of_the_variable),
        false => arg,
    }
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
