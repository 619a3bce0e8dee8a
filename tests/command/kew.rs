//! A `kew` process: started with arguments, variables and a file, asked, and stopped.

use crate::http::{Answer, Peer};
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// After this a test fails. No test waits for it.
const PATIENCE: Duration = Duration::from_secs(30);

/// The command with no variable set that it would listen to.
pub fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kew"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("KEW_") {
            command.env_remove(name);
        }
    }
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A file of configuration that is removed with the value.
pub struct File {
    pub path: PathBuf,
}

impl File {
    pub fn new(name: &str, text: &str) -> File {
        let path = std::env::temp_dir().join(format!("kew-command-{}-{name}.toml", std::process::id()));
        std::fs::write(&path, text).unwrap();
        File { path }
    }

    pub fn path(&self) -> &str {
        self.path.to_str().unwrap()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// A process that serves; killed when dropped.
pub struct Kew {
    child: Child,
    /// What it printed before it was ready, and the rest of the greeting.
    pub greeting: String,
    errors: Receiver<String>,
}

impl Kew {
    /// Starts it on a free port, unless the arguments say where.
    pub fn start(args: &[&str]) -> Kew {
        Kew::start_with(args, &[])
    }

    pub fn start_with(args: &[&str], variables: &[(&str, &str)]) -> Kew {
        let listen: &[&str] = if args.contains(&"--listen") { &[] } else { &["--listen", "127.0.0.1:0"] };
        Kew::run(command(&[listen, args].concat()).envs(variables.iter().copied()))
    }

    /// Starts a command as it is, and waits until it is ready.
    pub fn run(command: &mut Command) -> Kew {
        let mut kew = Kew::begin(command);
        let out = lines(kew.child.stdout.take().unwrap());
        // A blank line, the exports, and another one.
        let mut blank = 0;
        while blank < 2 {
            let Ok(line) = out.recv_timeout(PATIENCE) else {
                let said: Vec<String> = kew.errors.iter().collect();
                panic!("it did not start: {} {}", kew.greeting, said.join("\n"));
            };
            blank += usize::from(line.is_empty());
            kew.greeting.push_str(&line);
            kew.greeting.push('\n');
        }
        kew
    }

    /// Starts a command that may not become ready.
    pub fn begin(command: &mut Command) -> Kew {
        let mut child = command.spawn().unwrap();
        let errors = child.stderr.take().map_or_else(|| channel().1, lines);
        Kew { child, greeting: String::new(), errors }
    }

    /// The addresses in the line that says that it is ready.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        let ready = self.greeting.lines().next().unwrap();
        let words = ready.split(' ').filter_map(|word| word.strip_prefix("http://"));
        words.map(|address| address.trim_end_matches('.').parse().unwrap()).collect()
    }

    pub fn peer(&self) -> Peer {
        Peer::at(self.addresses()[0])
    }

    pub fn ask(&self, request: impl AsRef<[u8]>) -> Answer {
        self.peer().ask(request)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.pid().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Reads the log up to a line that contains a text.
    pub fn line_with(&self, text: &str) -> String {
        loop {
            let line = self.errors.recv_timeout(PATIENCE).unwrap_or_else(|e| panic!("no line with {text:?}: {e}"));
            if line.contains(text) {
                return line;
            }
        }
    }

    /// Waits for its end; gives the exit status and what is left of the log.
    pub fn end(mut self) -> (ExitStatus, Vec<String>) {
        // The log ends when the process does.
        let mut log = Vec::new();
        while let Ok(line) = self.errors.recv_timeout(PATIENCE) {
            log.push(line);
        }
        let status = self.child.try_wait().unwrap();
        let status = status.map_or_else(|| self.child.wait(), Ok).unwrap();
        (status, log)
    }

    /// Stops it as a container would, and gives what it logged.
    pub fn stop(self) -> Vec<String> {
        self.signal("TERM");
        let (status, log) = self.end();
        assert_eq!(status.code(), Some(0), "{log:?}");
        log
    }
}

impl Drop for Kew {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(from: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

/// How a command that ends by itself ended.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub out: String,
    pub errors: String,
}

/// Runs a command that must end by itself.
pub fn finish(command: &mut Command) -> Ended {
    let child = command.spawn().unwrap();
    let pid = child.id().to_string();
    let (sender, receiver) = channel();
    std::thread::spawn(move || sender.send(child.wait_with_output()));
    match receiver.recv_timeout(PATIENCE) {
        Ok(output) => {
            let output = output.unwrap();
            let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
            Ended { code: output.status.code(), out: text(output.stdout), errors: text(output.stderr) }
        }
        Err(_) => {
            let _ = Command::new("kill").args(["-KILL", &pid]).status();
            panic!("the command did not end: {command:?}");
        }
    }
}

/// Runs `kew` with arguments with which it must not start to serve.
pub fn refused(args: &[&str]) -> Ended {
    let listen: &[&str] = if args.contains(&"--listen") { &[] } else { &["--listen", "127.0.0.1:0"] };
    let ended = finish(&mut command(&[args, listen].concat()));
    assert!(ended.code.is_some_and(|code| code != 0), "{ended:?}");
    assert_eq!(ended.out, "", "{ended:?}");
    ended
}
