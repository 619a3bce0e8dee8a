//! The signals that end kew, and those that `kew run` passes on.

#[cfg(unix)]
use std::{future::poll_fn, task::Poll};

/// SIGTERM and Ctrl-C.
pub struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    /// From now on these signals do not end the process by themselves.
    ///
    /// # Errors
    /// If the system does not let them be listened for.
    pub fn new() -> std::io::Result<Signals> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Signals { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for the next one.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(not(unix))]
impl Signals {
    /// Nothing is needed beforehand.
    ///
    /// # Errors
    /// None.
    pub fn new() -> std::io::Result<Signals> {
        Ok(Signals {})
    }

    /// Waits for Ctrl-C.
    pub async fn next(&mut self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}

/// SIGHUP, at which files are read again.
pub struct Hangups {
    #[cfg(unix)]
    signal: Option<tokio::signal::unix::Signal>,
}

impl Hangups {
    /// From now on the signal does not end the process by itself, if there is something to read again.
    ///
    /// # Errors
    /// If the system does not let it be listened for.
    #[cfg(unix)]
    pub fn new(are_wanted: bool) -> std::io::Result<Hangups> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Hangups { signal: are_wanted.then(|| signal(SignalKind::hangup())).transpose()? })
    }

    /// There is no such signal.
    ///
    /// # Errors
    /// None.
    #[cfg(not(unix))]
    pub fn new(_are_wanted: bool) -> std::io::Result<Hangups> {
        Ok(Hangups {})
    }

    /// Waits for the next one.
    pub async fn next(&mut self) {
        #[cfg(unix)]
        if let Some(signal) = &mut self.signal
            && signal.recv().await.is_some()
        {
            return;
        }
        std::future::pending().await
    }
}

/// The signals that a child process gets in place of kew.
#[cfg(unix)]
pub struct PassedOn {
    signals: Vec<(rustix::process::Signal, tokio::signal::unix::Signal)>,
}

#[cfg(unix)]
impl PassedOn {
    /// From now on these signals do not end the process by themselves.
    ///
    /// # Errors
    /// If the system does not let them be listened for.
    pub fn new() -> std::io::Result<PassedOn> {
        use rustix::process::Signal;
        use tokio::signal::unix::{SignalKind, signal};
        let kinds = [Signal::TERM, Signal::INT, Signal::HUP, Signal::QUIT, Signal::USR1, Signal::USR2];
        let listen = |kind: Signal| Ok((kind, signal(SignalKind::from_raw(kind.as_raw()))?));
        Ok(PassedOn { signals: kinds.into_iter().map(listen).collect::<std::io::Result<_>>()? })
    }

    /// Passes each signal on to a process, without end.
    pub async fn pass_on(&mut self, process: Option<u32>) -> std::convert::Infallible {
        loop {
            let signal = self.next().await;
            let process = process.and_then(|id| rustix::process::Pid::from_raw(id.try_into().ok()?));
            if let Some(process) = process.filter(|_| !reached_the_child_too(signal)) {
                // A process that has just ended needs no signal.
                let _ = rustix::process::kill_process(process, signal);
            }
        }
    }

    async fn next(&mut self) -> rustix::process::Signal {
        poll_fn(|cx| {
            let mut signals = self.signals.iter_mut();
            let came = signals.find_map(|(kind, signal)| signal.poll_recv(cx).is_ready().then_some(*kind));
            came.map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}

/// Whether a signal was sent by a terminal to all processes in its foreground, of which the child is one: a second one would end
/// many test runners at once.
#[cfg(unix)]
fn reached_the_child_too(signal: rustix::process::Signal) -> bool {
    use rustix::process::{Signal, getpgrp};
    let from_a_key = matches!(signal, Signal::INT | Signal::QUIT);
    let terminal = || std::fs::File::open("/dev/tty");
    from_a_key && terminal().is_ok_and(|tty| rustix::termios::tcgetpgrp(tty).is_ok_and(|group| group == getpgrp()))
}

/// Ctrl-C reaches the child by itself, and kew outlives it.
#[cfg(not(unix))]
pub struct PassedOn {}

#[cfg(not(unix))]
impl PassedOn {
    /// Nothing is needed beforehand.
    ///
    /// # Errors
    /// None.
    pub fn new() -> std::io::Result<PassedOn> {
        Ok(PassedOn {})
    }

    /// Ignores Ctrl-C, without end.
    pub async fn pass_on(&mut self, _process: Option<u32>) -> std::convert::Infallible {
        loop {
            let _ = tokio::signal::ctrl_c().await;
        }
    }
}
