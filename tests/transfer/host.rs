//! The server under audit: the real `kew` on a data directory, killed and started again, or one in this process, in memory and
//! with a clock that stands.

use crate::server::{Kew, Setup};
use fastrand::Rng;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

pub enum Host {
    Process { setup: Setup, kew: Option<Kew> },
    Embedded(kew::Server),
}

impl Host {
    /// # Panics
    /// If it does not start.
    pub fn process(directory: &Path, durability: &'static str, threads: usize) -> Host {
        let mut setup = Setup::new(directory, durability);
        setup.threads = Some(threads);
        let kew = setup.start().unwrap_or_else(|error| panic!("{error}"));
        Host::Process { setup, kew: Some(kew) }
    }

    /// # Panics
    /// If it does not start.
    pub fn embedded(threads: usize) -> Host {
        Host::Embedded(kew::Server::builder().threads(threads).manual_clock().start().expect("a free port"))
    }

    pub fn address(&self) -> SocketAddr {
        match self {
            Host::Process { kew, .. } => kew.as_ref().expect("it runs").address,
            Host::Embedded(server) => server.addresses()[0],
        }
    }

    pub fn can_be_killed(&self) -> bool {
        matches!(self, Host::Process { .. })
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        if let Host::Process { kew, .. } = self {
            kew.take().into_iter().for_each(Kew::kill);
        }
    }

    /// Starts again, perhaps after some starts that are killed before they are done.
    ///
    /// # Panics
    /// If it does not start.
    pub fn start_again(&mut self, rng: &mut Rng) {
        if let Host::Process { setup, kew } = self {
            if rng.u32(0..6) == 0 {
                setup.start_and_kill(Duration::from_millis(rng.u64(0..30)));
            }
            *kew = Some(setup.start().unwrap_or_else(|error| panic!("{error}")));
        }
    }

    /// Ends the long polls of a second that wait where the clock stands.
    pub fn end_polls(&self, queues: &[&str]) {
        if let Host::Embedded(server) = self
            && queues.iter().any(|queue| server.waiting_receivers(queue) > 0)
        {
            server.advance(Duration::from_secs(1));
        }
    }

    /// What the server had to say last.
    pub fn log_tail(&self) -> String {
        match self {
            Host::Process { setup, .. } => setup.log_tail(),
            Host::Embedded(_) => String::new(),
        }
    }
}
