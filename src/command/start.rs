//! A server on a thread of its own, with advice where it does not start.

use kew::{Config, Server, StartError};
use std::io::ErrorKind;

/// Starts a server on a thread of its own: a large store takes time to load, and signals are heeded meanwhile.
///
/// # Errors
/// What went wrong, and what a person at the command line can do about it.
pub async fn start(config: Config) -> Result<Server, String> {
    let (done, started) = tokio::sync::oneshot::channel();
    let thread = std::thread::Builder::new().name("kew-start".to_owned());
    let spawned = thread.spawn(move || {
        // Nobody listens any more if a signal has come.
        let _ = done.send(Server::start(&config, Server::clock_for(&config)));
    });
    spawned.map_err(|error| format!("cannot start: {error}"))?;
    match started.await {
        Ok(started) => started.map_err(|error| advise(&error)),
        Err(_) => Err("cannot start: a defect of kew, please report it with what stands above".to_owned()),
    }
}

/// What went wrong, and what a person at the command line can do about it.
fn advise(error: &StartError) -> String {
    let StartError::Listen { source, .. } = error else { return error.to_string() };
    let advice = match source.kind() {
        ErrorKind::AddrInUse => "choose another with --listen HOST:PORT",
        ErrorKind::AddrNotAvailable => "no network interface of this machine has that address",
        ErrorKind::PermissionDenied => "ports below 1024 are for root; choose another with --listen HOST:PORT",
        _ => return error.to_string(),
    };
    format!("{error}; {advice}")
}
