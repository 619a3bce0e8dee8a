//! The process under test: the real `kew` on a data directory, started, waited for and killed.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// A start that takes longer has gone wrong.
const START_TIME_LIMIT: Duration = Duration::from_secs(60);

/// How to start a server, again and again on the same directory.
pub struct Setup {
    pub data: PathBuf,
    pub durability: &'static str,
    /// Worker threads; as many as kew chooses if not said.
    pub threads: Option<usize>,
    pub log: PathBuf,
}

/// A server that runs.
pub struct Kew {
    child: Child,
    pub address: SocketAddr,
}

/// The command that is tested: `KEW_BIN`, or the one that was built with this test.
pub fn command() -> Command {
    let built = option_env!("CARGO_BIN_EXE_kew").map(PathBuf::from);
    let kew = std::env::var_os("KEW_BIN").map(PathBuf::from).or(built).expect("KEW_BIN says which kew to test");
    let mut command = Command::new(kew);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("KEW_") {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null());
    command
}

/// The last lines of a log.
pub fn tail(log: &Path) -> String {
    let log = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

impl Setup {
    pub fn new(directory: &Path, durability: &'static str) -> Setup {
        let _ = std::fs::remove_dir_all(directory);
        std::fs::create_dir_all(directory).unwrap();
        Setup { data: directory.join("data"), durability, threads: None, log: directory.join("kew.log") }
    }

    /// Starts a process and does not wait for it.
    fn spawn(&self) -> Child {
        let log: File = OpenOptions::new().create(true).append(true).open(&self.log).unwrap();
        let mut command = command();
        command.args(["--listen", "127.0.0.1:0", "--log", "warn", "--durability", self.durability, "--data"]);
        command.arg(&self.data).args(self.threads.map(|threads| format!("--threads={threads}")));
        command.stdout(Stdio::piped()).stderr(log);
        command.spawn().unwrap()
    }

    /// Starts a server and kills it before it could say that it is ready, or just after.
    pub fn start_and_kill(&self, after: Duration) {
        let mut child = self.spawn();
        std::thread::sleep(after);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Starts a server and waits for its ready line.
    ///
    /// # Errors
    /// What it said instead.
    pub fn start(&self) -> Result<Kew, String> {
        let mut child = self.spawn();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (say, said) = mpsc::channel();
        // Reads to the end, so that the server never waits for a reader.
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if line.contains("Ready.") {
                    let address = line.split("http://").nth(1).and_then(|rest| rest.split(". ").next());
                    let _ = say.send(address.and_then(|address| address.parse().ok()));
                }
            }
        });
        match said.recv_timeout(START_TIME_LIMIT) {
            Ok(Some(address)) => Ok(Kew { child, address }),
            _ => {
                let _ = child.kill();
                let status = child.wait().map(|status| status.to_string()).unwrap_or_default();
                Err(format!("kew did not start: {status}\n{}", self.log_tail()))
            }
        }
    }

    /// The last of what the server had to say.
    pub fn log_tail(&self) -> String {
        tail(&self.log)
    }
}

impl Kew {
    /// SIGKILL.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Kew {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
