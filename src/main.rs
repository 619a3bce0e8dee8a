//! The `kew` command: arguments and environment to a configuration, a server, signals, and what is printed. No other files
//! print but `logging.rs` and `command/output.rs`.

mod cli;
mod command;
mod logging;

use cli::{BackupArgs, CheckArgs, Cli, Command, HealthcheckArgs, SalvageArgs};
use command::client::reachable;
use command::copy::CopyArgs;
use command::signals::{Hangups, Signals};
use command::start::start;
use command::{alerts, control, copy, environment, import, manual, output, policy, report, run, settings, tls};
use kew::internals::clock::NetworkTime;
use kew::internals::config::Settings;
use kew::internals::store::{self, StoreError};
use kew::{Config, Server};
use std::convert::Infallible;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;
use tokio_rustls::rustls::{ClientConnection, StreamOwned};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The exit code for anything that is wrong before or at the start.
const FAILED: u8 = 1;
/// The exit code when the store has failed: EX_IOERR of sysexits.h.
const STORE_FAILED: u8 = 74;
/// The exit code when a store is damaged: EX_DATAERR of sysexits.h.
const DAMAGED: u8 = 65;
/// The exit code after a second signal.
const CUT_OFF: u8 = 130;
/// What does for a database what these subcommands do for a data directory.
const FOR_BACKUP: &str = "a database is copied by `pg_dump --schema=kew`, or by what your PostgreSQL is backed up with";
const FOR_CHECK: &str = "a database is checked by pg_amcheck, and its disk by its own checksums";
const FOR_SALVAGE: &str =
    "a damaged database is brought back from its own backups, by pg_restore or to a point in time";
/// How long a health check waits for an answer.
const HEALTHCHECK_TIME_LIMIT: Duration = Duration::from_secs(3);

/// The pause before a node that lost its life tries to join again.
const REJOIN_PAUSE: Duration = Duration::from_secs(1);

/// How often memory that is free goes back to the system, whatever the server does meanwhile.
const TRIM_PAUSE: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let cli = Cli::read().unwrap_or_else(|error| error.exit());
    let asking = &cli.asking;
    let outcome = match cli.command {
        Some(Command::Serve(args)) => serve(*args),
        Some(Command::Healthcheck(args)) => healthcheck(args),
        Some(Command::Backup(args)) => backup(&args),
        Some(Command::Check(args)) => check(&args),
        Some(Command::Copy(args)) => copy_store(&args),
        Some(Command::Salvage(args)) => salvage(&args),
        Some(Command::Run(args)) => Ok(run::run(*args)),
        Some(Command::Import(args)) => import::show(&args),
        Some(Command::Env(args)) => environment::show(&asking.target, &args, asking.json),
        Some(Command::Report(args)) => report::report(&asking.target, &args, asking.json),
        Some(Command::Control(what)) => control::control(&asking.target, what, asking.json),
        Some(Command::Policy { what }) => policy::policy(&asking.target, what, asking.json),
        Some(Command::Alerts(args)) => alerts::alerts(&args),
        Some(Command::Dashboard) => Ok(alerts::dashboard()),
        Some(Command::Manual(args)) => manual::write(Cli::with_defaults(), &args.to).map(|()| ExitCode::SUCCESS),
        None => serve(cli.serve),
    };
    outcome.unwrap_or_else(|error| {
        output::complain(&error);
        ExitCode::from(FAILED)
    })
}

fn serve(given: Settings) -> Result<ExitCode, String> {
    let told = settings::read(given)?;
    told.check()?;
    logging::start(told.settings.log_filter())?;
    told.log();
    let scripts = told.scripts;
    let config = told.settings.into_config();
    // Each connection takes a descriptor, and systems still begin with a soft limit of 1024.
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::debug!(%error, "the limit of open files stays as it is");
    }
    // Before the server is there, so that a signal that comes early is not lost.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("cannot start: {error}"))?;
    runtime.block_on(async {
        let mut signals = Signals::new().map_err(|error| format!("cannot listen for signals: {error}"))?;
        let mut hangups = Hangups::new(config.credentials.is_some() || config.tls_cert.is_some());
        let hangups = hangups.as_mut().map_err(|error| format!("cannot listen for signals: {error}"))?;
        let mut lives = 0;
        loop {
            let server = tokio::select! {
                biased;
                started = start(config.clone()) => match started {
                    Ok(server) => server,
                    // What was there before will be back; a first start is not to wait for it.
                    Err(error) if lives > 0 => {
                        tracing::error!("{error}; trying again");
                        NetworkTime::real().pause(REJOIN_PAUSE).await;
                        continue;
                    }
                    Err(error) => return Err(error),
                },
                () = signals.next() => {
                    // Loading only reads; and what declaring queues writes is whole at any moment.
                    tracing::info!("stopping before all was loaded");
                    return Ok(ExitCode::SUCCESS);
                }
            };
            let serve = async {
                // As with LocalStack: who waits for `Ready.` finds what the scripts have made.
                if let Some(scripts) = &scripts {
                    scripts.run(&server, &config.region).await;
                }
                greet(&server, &config);
                trim().await
            };
            let failure = tokio::select! {
                never = serve => match never {},
                never = reload(&server, &config, hangups) => match never {},
                () = signals.next() => return stop(server, &mut signals).await,
                failure = server.failed() => failure,
            };
            if let (StoreError::Fenced { .. }, Some(_)) = (&failure, &config.peer) {
                // Its queues are other nodes' by now: a new life, in which it may be given some again.
                tracing::warn!("this node was declared gone, and the others have its queues; joining anew");
                server.shutdown().await;
                lives += 1;
                continue;
            }
            tracing::error!("the store has failed and nothing more is acknowledged: {failure}; stopping");
            // Those who wait are told that it failed.
            server.shutdown().await;
            return Ok(ExitCode::from(STORE_FAILED));
        }
    })
}

/// Ends a server: what is under way is finished, and the queues of a node are given to the others.
async fn stop(server: Server, signals: &mut Signals) -> Result<ExitCode, String> {
    tracing::info!("stopping; a second signal ends at once");
    let stopped = async {
        server.drain().await;
        server.shutdown().await;
    };
    tokio::select! {
        () = stopped => Ok(ExitCode::SUCCESS),
        // Leaving without waiting for anybody.
        () = signals.next() => std::process::exit(CUT_OFF.into()),
    }
}

/// Reads again at each SIGHUP what may change while the server runs. A mistake in one file does not keep
/// the others from being used.
async fn reload(server: &Server, config: &Config, hangups: &mut Hangups) -> Infallible {
    let log = |what, outcome: Result<(), String>| match outcome {
        Ok(()) => tracing::info!("read again: {what}"),
        Err(error) => tracing::error!("{what} stay as they were: {error}"),
    };
    loop {
        hangups.next().await;
        if config.credentials.is_some() {
            log("the credentials", server.reload_credentials().map_err(|error| error.to_string()));
        }
        if config.tls_cert.is_some() {
            log("certificate and key", server.reload_certificate());
        }
    }
}

/// Gives memory that is free back to the system, after a purge for example.
///
/// mimalloc does so in passing, after some thousand allocations, and when a thread ends: a server that has nothing to do after a
/// purge would keep all that was purged.
async fn trim() -> Infallible {
    loop {
        NetworkTime::real().pause(TRIM_PAUSE).await;
        // A thread that has allocated nothing has nothing to clear up at its end.
        let thread = std::thread::Builder::new().name("kew-trim".to_owned());
        let _ = thread.spawn(|| drop(std::hint::black_box(Box::new(0_u8))));
    }
}

/// Says where the server is, and how to point an SDK at it.
fn greet(server: &Server, config: &Config) {
    let (url, region) = (server.endpoint_url(), &config.region);
    let plain = server.addresses().len() - server.tls_addresses().len();
    let listens = server.addresses().iter().enumerate().map(|(index, address)| {
        let scheme = if index < plain { "http" } else { "https" };
        format!("{scheme}://{address}")
    });
    // The first is shown as it can be reached from here, unless clients reach it by a URL of its own.
    let first = config.external_url.is_none().then(|| url.to_owned());
    let first = first.into_iter().chain(listens.clone().take(1)).take(1);
    let places: Vec<String> = first.chain(listens.skip(1)).collect();
    let mut out = std::io::stdout().lock();
    // Standard output may be closed; the server runs on all the same.
    let _ = writeln!(out, "kew {} on {}. Ready.", env!("CARGO_PKG_VERSION"), places.join(" and "));
    let _ = writeln!(out, "\n  export AWS_ENDPOINT_URL={url}");
    for (name, file) in environment::trust(server) {
        let _ = writeln!(out, "  export {name}={file}");
    }
    if let Some(tls) = server.tls_endpoint_url().filter(|tls| plain > 0 && tls != url) {
        let _ = writeln!(out, "  # by TLS: export AWS_ENDPOINT_URL={tls}");
    }
    match &config.credentials {
        None => drop(writeln!(out, "  export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test")),
        Some(file) => drop(writeln!(out, "  # requests are signed with the keys of {}", file.display())),
    }
    let _ = writeln!(out, "  export AWS_DEFAULT_REGION={region} AWS_REGION={region}");
    if let Some(token) = server.control_token() {
        let _ = writeln!(out, "  export KEW_CONTROL_TOKEN={token}");
    }
    if server.is_controlled() {
        let _ = writeln!(out, "  # test control: {url}/_kew, seed {}", server.seed());
    }
    let _ = writeln!(out);
    let _ = out.flush();
}

fn backup(args: &BackupArgs) -> Result<ExitCode, String> {
    let data = args.data.named(FOR_BACKUP)?;
    store::backup(&data, &args.to.0).map_err(|error| error.to_string())?;
    // Standard output may be closed; the copy is there all the same.
    let _ = writeln!(std::io::stdout(), "copied {} to {}", data.display(), args.to.0.display());
    Ok(ExitCode::SUCCESS)
}

fn copy_store(args: &CopyArgs) -> Result<ExitCode, String> {
    logging::start("info")?;
    let copied = copy::run(args)?;
    let _ = writeln!(std::io::stdout(), "{copied}");
    Ok(ExitCode::SUCCESS)
}

fn check(args: &CheckArgs) -> Result<ExitCode, String> {
    let report = store::check(&args.data.named(FOR_CHECK)?).map_err(|error| error.to_string())?;
    let mut out = std::io::stdout().lock();
    // Standard output may be closed; the exit code tells it too.
    let _ = write!(out, "{report}");
    if report.findings.is_empty() {
        let _ = writeln!(out, "sound: nothing is damaged");
        return Ok(ExitCode::SUCCESS);
    }
    let _ = writeln!(out, "findings: {}; `kew salvage` makes a new store of what can be read", report.findings.len());
    Ok(ExitCode::from(DAMAGED))
}

fn salvage(args: &SalvageArgs) -> Result<ExitCode, String> {
    let report = store::salvage(&args.data.named(FOR_SALVAGE)?, &args.to.0).map_err(|error| error.to_string())?;
    let mut out = std::io::stdout().lock();
    let _ = write!(out, "{report}");
    let _ = writeln!(out, "what could be read is in {}", args.to.0.display());
    Ok(if report.findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(DAMAGED) })
}

fn healthcheck(args: HealthcheckArgs) -> Result<ExitCode, String> {
    let (address, by_tls) = args.address()?;
    let status = health(reachable(address), by_tls).map_err(|error| format!("no answer from {address}: {error}"))?;
    if status.contains(" 200 ") { Ok(ExitCode::SUCCESS) } else { Err(format!("{address} answered {status}")) }
}

/// The first line that a server answers.
fn health(address: SocketAddr, by_tls: bool) -> io::Result<String> {
    let stream = TcpStream::connect_timeout(&address, HEALTHCHECK_TIME_LIMIT)?;
    stream.set_read_timeout(Some(HEALTHCHECK_TIME_LIMIT))?;
    // In one piece: who answers after the first one may close before a second comes.
    let request = format!("GET /health HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    let answer = if by_tls {
        let config = tls::trusting_anybody().map_err(io::Error::other)?;
        let tls = ClientConnection::new(config, address.ip().into()).map_err(io::Error::other)?;
        exchange(StreamOwned::new(tls, stream), &request)?
    } else {
        exchange(stream, &request)?
    };
    Ok(String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned())
}

fn exchange(mut stream: impl Read + Write, request: &str) -> io::Result<Vec<u8>> {
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(1024).read_to_end(&mut answer)?;
    Ok(answer)
}
