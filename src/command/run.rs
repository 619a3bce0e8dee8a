//! `kew run`: a kew for as long as another command runs, with the environment of that command pointing at it.

use super::client::{Failure, Target};
use super::environment::{self, MISLEADING};
use super::output;
use super::report::{self, About, Level};
use super::settings;
use super::signals::PassedOn;
use super::start::start;
use clap::Args;
use kew::internals::config::Settings;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{ExitCode, ExitStatus};

/// The exit code when the command succeeded and the report is bad.
const BAD_REPORT: u8 = 1;
/// The exit code when it was kew that failed, as `env` and `docker run` have it.
const KEW_FAILED: u8 = 125;
/// The exit code when the command is there but cannot be executed, as shells have it.
const NOT_EXECUTABLE: u8 = 126;
/// The exit code when there is no such command, as shells have it.
const NOT_FOUND: u8 = 127;
/// What shells add to the number of the signal that ended a command.
const ENDED_BY_SIGNAL: i32 = 128;

/// What the help ends with.
pub const HELP_END: &str = "The command gets AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, \
    AWS_DEFAULT_REGION and KEW_URL. Signals are passed on to it. The report is printed on standard error.\n\n\
    Exit codes: that of the command, or 128 and the number of the signal that ended it; 1 the command succeeded and the report \
    is as bad as --fail-on says; 125 kew failed; 126 the command cannot be executed; 127 there is no such command.";

/// What is logged when nothing is said: the output is that of the command.
const LOG_DEFAULT: &str = "warn";

/// Flags of `kew run`.
#[derive(Args, Debug)]
pub struct RunArgs {
    /// The command to run, with its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
    /// If the command succeeds, end with exit code 1 when the report has a finding that is so bad
    #[arg(long, value_name = "LEVEL")]
    fail_on: Option<Level>,
    /// Codes that the report leaves out, as in K4,K6
    #[arg(long, value_name = "CODES")]
    ignore: Option<String>,
    /// Write the report to this file too: as JUnit XML if it ends in .xml, as JSON if in .json, as SARIF if in .sarif, else as text
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// How to serve.
    #[command(flatten)]
    settings: Settings,
}

/// Runs a command beside a kew.
pub fn run(args: RunArgs) -> ExitCode {
    let outcome = try_run(args).unwrap_or_else(|error| {
        output::complain(&error);
        KEW_FAILED
    });
    ExitCode::from(outcome)
}

fn try_run(args: RunArgs) -> Result<u8, String> {
    let RunArgs { command, fail_on, ignore, report, settings } = args;
    let told = settings::read(settings)?;
    told.check()?;
    let quiet = told.settings.log.is_none();
    crate::logging::start(if quiet { LOG_DEFAULT } else { told.settings.log_filter() })?;
    told.log();
    let scripts = told.scripts;
    let mut config = told.settings.into_config();
    if config.listen.is_empty() {
        config.listen = vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))];
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("cannot start: {error}"))?;
    runtime.block_on(async {
        let server = start(config.clone()).await?;
        let target = Target::own(&server);
        let mut variables = environment::variables(server.endpoint_url(), "test", &config.region);
        variables.extend(environment::trust(&server));
        let own = [("KEW_URL", &target.url), ("KEW_CONTROL_TOKEN", &target.token)];
        variables.extend(own.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?))));
        if let Some(scripts) = &scripts {
            scripts.run(&server, &config.region).await;
        }
        let code = match child(&command, variables).await {
            Ok(status) => code_of(status),
            Err(error) => return Ok(not_started(&command[0], &error)),
        };
        match report::at_the_end(&target, &About::all_but(ignore), report.as_deref(), fail_on).await {
            Ok(true) if code == 0 => Ok(BAD_REPORT),
            Ok(_) => Ok(code),
            Err(Failure::Usage(error) | Failure::Unreachable(error)) => {
                output::complain(&error);
                Ok(if code == 0 { KEW_FAILED } else { code })
            }
        }
    })
}

/// Starts the command, and waits for its end while it gets the signals that kew gets.
async fn child(command: &[OsString], variables: environment::Variables) -> std::io::Result<ExitStatus> {
    // Before the command is there, so that a signal that comes early does not leave it behind.
    let mut signals = PassedOn::new()?;
    let mut wanted = tokio::process::Command::new(&command[0]);
    wanted.args(&command[1..]).envs(variables);
    for name in MISLEADING {
        wanted.env_remove(name);
    }
    let mut child = wanted.spawn()?;
    let id = child.id();
    tokio::select! {
        biased;
        ended = child.wait() => ended,
        never = signals.pass_on(id) => match never {},
    }
}

/// The exit code that stands for how a command ended.
fn code_of(status: ExitStatus) -> u8 {
    #[cfg(unix)]
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    #[cfg(not(unix))]
    let signal: Option<i32> = None;
    let code = status.code().or_else(|| Some(ENDED_BY_SIGNAL + signal?));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(KEW_FAILED)
}

/// Says why a command did not start; gives the exit code.
fn not_started(command: &OsString, error: &std::io::Error) -> u8 {
    let command = command.to_string_lossy();
    if error.kind() == ErrorKind::NotFound {
        output::complain(&format!("{command}: command not found"));
        return NOT_FOUND;
    }
    output::complain(&format!("{command}: cannot be executed: {error}"));
    NOT_EXECUTABLE
}
