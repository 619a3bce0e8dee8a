//! The kew processes of the cluster: each with ports that stay its own, a way to the database that can be cut, and a log.

use super::database::Database;
use super::net::{Net, in_namespace};
use crate::postgres::{free_port, signal};
use crate::proxy::Proxy;
use crate::server::{command, tail};
use crate::support::http::{Peer, get};
use std::fs::OpenOptions;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// A node that needs longer for something has gone wrong.
const PATIENCE: Duration = Duration::from_secs(60);
/// A process is not started again sooner.
const RESTART: Duration = Duration::from_secs(1);
/// One that ends so often by itself is not started again.
const ENDS_MAX: usize = 30;
/// A node that is well answers sooner.
const QUESTION: Duration = Duration::from_secs(2);
/// What the nodes of one cluster have in common.
const SECRET: &str = "the-secret-of-the-crash-test";
const LOCAL: [u8; 4] = [127, 0, 0, 1];
/// What tells a process another time.
pub const CLOCK_LIBRARY: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";

/// The environment of a process whose clock is wrong by as much as a file says.
pub fn clock_of(file: &Path) -> [(&'static str, String); 5] {
    [
        ("LD_PRELOAD", CLOCK_LIBRARY.to_owned()),
        ("FAKETIME_TIMESTAMP_FILE", file.display().to_string()),
        // Where it is a process of its own that time is asked of, that is asked each time.
        ("FAKETIME_NO_CACHE", "1".to_owned()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ("DONT_FAKE_MONOTONIC", "1".to_owned()),
    ]
}

/// The clock that a file stands for is wrong by so many seconds from now on.
pub fn set_clock(file: &Path, seconds: i64) {
    // In one piece: it may be read at any moment.
    let new = file.with_extension("new");
    std::fs::write(&new, format!("{seconds:+}")).unwrap();
    std::fs::rename(&new, file).unwrap();
}

/// One process after the other in the same place.
pub struct Node {
    pub number: usize,
    pub address: SocketAddr,
    /// Where the other nodes reach it; `None` if it serves alone.
    pub peer: Option<String>,
    pub proxy: Proxy,
    database: String,
    log: PathBuf,
    /// The file that says by how much its clock is wrong, where that can be done.
    clock: Option<PathBuf>,
    namespace: Option<String>,
    child: Option<Child>,
    /// When it was started last.
    started: Option<Instant>,
    /// The process was told to end.
    told: bool,
    /// How each process ended by itself.
    pub ends: Vec<String>,
}

impl Node {
    /// One that is not started yet.
    pub fn new(number: usize, peers: bool, database: &Database, directory: &Path, net: Option<&Net>) -> Node {
        let (host, address) =
            net.map_or((IpAddr::from(LOCAL), IpAddr::from(LOCAL)), |net| (net.host(), net.address(number)));
        let proxy = Proxy::at(&host.to_string(), database.primary.port());
        let own = format!("@127.0.0.1:{}/", database.primary.port());
        let url = database.primary.url(&database.name).replace(&own, &format!("@{host}:{}/", proxy.port()));
        Node {
            number,
            address: SocketAddr::from((address, free_port())),
            peer: peers.then(|| format!("http://{address}:{}", free_port())),
            proxy,
            database: format!("{url}?sslmode=disable"),
            log: directory.join(format!("kew-{number}.log")),
            clock: None,
            namespace: net.map(|net| net.name(number)),
            child: None,
            started: None,
            told: false,
            ends: Vec::new(),
        }
    }

    /// Its clock can be set from now on.
    pub fn use_clock(&mut self) {
        self.clock = Some(self.log.with_extension("clock"));
        self.set_clock(0);
    }

    /// Its clock is wrong by so many seconds from now on.
    pub fn set_clock(&self, seconds: i64) {
        set_clock(self.clock.as_ref().expect("its clock can be set"), seconds);
    }

    /// Starts a process, if none runs, and does not wait for it.
    pub fn start(&mut self) {
        if self.runs() || self.started.is_some_and(|at| at.elapsed() < RESTART) {
            return;
        }
        self.started = Some(Instant::now());
        self.told = false;
        let log = OpenOptions::new().create(true).append(true).open(&self.log).unwrap();
        let kew = command();
        let mut command = match &self.namespace {
            Some(name) => in_namespace(name, &kew),
            None => kew,
        };
        // Queues are moved by request; in a network of its own it would ask for a token.
        command.args([
            "--control",
            "on",
            "--listen",
            &self.address.to_string(),
            "--log",
            "info",
            "--data",
            &self.database,
        ]);
        if let Some(peer) = &self.peer {
            command.args(["--peer", peer, "--cluster-secret", SECRET]);
        }
        if let Some(file) = &self.clock {
            command.envs(clock_of(file));
        }
        self.child = Some(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap());
    }

    /// Tells the process to end.
    pub fn end(&mut self) {
        self.signal("TERM");
        self.told = true;
    }

    /// Whether its process was started after the last one was told to end.
    pub fn was_restarted(&self) -> bool {
        !self.told
    }

    /// Whether its process runs; takes down how it ended if not.
    pub fn runs(&mut self) -> bool {
        let Some(child) = &mut self.child else { return false };
        let Some(status) = child.try_wait().unwrap() else { return true };
        self.child = None;
        match self.told {
            true if status.success() => {}
            true => self.ends.push(format!("node {} was told to end: {status}", self.number)),
            false => self.ends.push(format!("node {} ended by itself: {status}", self.number)),
        }
        false
    }

    pub fn signal(&self, name: &str) {
        if let Some(child) = &self.child {
            signal(child.id(), name);
        }
    }

    /// Ends the process with SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Waits for the end of a process that was told to end.
    ///
    /// # Errors
    /// It goes on.
    pub fn wait_for_end(&mut self) -> Result<(), String> {
        let until = Instant::now() + PATIENCE;
        while self.told && self.runs() {
            if Instant::now() > until {
                self.kill();
                return Err(format!("node {} was told to end and goes on", self.number));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Whether it says that it is well.
    pub fn is_well(&self) -> bool {
        let peer = Peer::connect_within(self.address, QUESTION);
        peer.and_then(|mut peer| peer.try_ask(get("/health"))).is_ok_and(|answer| answer.status == 200)
    }

    /// # Errors
    /// It does not come to that.
    pub fn wait_until_well(&mut self) -> Result<(), String> {
        let until = Instant::now() + PATIENCE;
        while !self.is_well() {
            if Instant::now() > until || self.ends.len() >= ENDS_MAX {
                return Err(format!("node {} does not come back", self.number));
            }
            // One that has ended by itself is as a supervisor would start it.
            self.start();
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// The last of what it had to say.
    pub fn log_tail(&self) -> String {
        tail(&self.log)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
    }
}
