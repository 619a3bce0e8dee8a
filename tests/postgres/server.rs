//! A PostgreSQL of a test's own: an ordinary user's, in a temporary directory, at a free port, and gone with the test.
//!
//! Which one is said by `KEW_POSTGRES`, the directory of its programs; else it is the newest that Debian has installed. Without any
//! the tests do nothing, but fail where `CI` is set.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

/// Who runs it when the tests are root's: PostgreSQL refuses root. `nobody` of every Linux.
const NOBODY: u32 = 65534;
/// After this a test fails. No test waits for it.
const PATIENCE: Duration = Duration::from_secs(60);
/// Attempts at a port that is free: between finding and taking it somebody else may.
const ATTEMPTS: usize = 5;
/// Fast, and no more than tests need.
const SETTINGS: &[&str] =
    &["fsync=off", "shared_buffers=16MB", "max_connections=100", "unix_socket_directories=", "max_wal_senders=4"];
/// The role that tests connect as unless they say another, who may do everything.
pub const ADMIN: &str = "kew";

/// The directory of the programs, if there are any.
pub fn programs() -> Option<PathBuf> {
    if let Some(dir) = std::env::var_os("KEW_POSTGRES").filter(|dir| !dir.is_empty()) {
        let dir = PathBuf::from(dir);
        assert!(dir.join("initdb").exists(), "KEW_POSTGRES names {}, which has no initdb", dir.display());
        return Some(dir);
    }
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().filter_map(Result::ok);
    let mut versions: Vec<(u32, PathBuf)> = versions
        .filter_map(|dir| Some((dir.file_name().to_str()?.parse().ok()?, dir.path().join("bin"))))
        .filter(|(_, dir)| dir.join("initdb").exists())
        .collect();
    versions.sort();
    let newest = versions.pop().map(|(_, dir)| dir);
    assert!(
        newest.is_some() || std::env::var_os("CI").is_none(),
        "there is no PostgreSQL: `make postgres` installs it"
    );
    newest
}

/// How to begin.
#[derive(Clone, Default)]
pub struct Options {
    /// Settings of postgresql.conf, as in `fsync=on`.
    pub settings: Vec<String>,
    /// The password that is asked for; without one everybody is let in.
    pub password: Option<String>,
    /// Its files are on a disk of their own, of so many megabytes. Needs root.
    pub disk: Option<u32>,
    /// More of its environment.
    pub env: Vec<(&'static str, String)>,
}

/// A server; it ends and its files go when this is dropped, or the test process ends, however that happens.
pub struct Postgres {
    programs: PathBuf,
    dir: tempfile::TempDir,
    options: Options,
    port: u16,
    server: Option<Child>,
    guard: Child,
}

impl Postgres {
    /// Starts one, if there are programs.
    pub fn start() -> Option<Postgres> {
        Postgres::start_with(Options::default())
    }

    pub fn start_with(options: Options) -> Option<Postgres> {
        let programs = programs()?;
        let mut postgres = Postgres::at(programs, options);
        let data = postgres.data();
        let mut initdb = postgres.command("initdb");
        initdb.args(["--no-sync", "--no-locale", "--encoding=UTF8", "-U", ADMIN, "-D"]).arg(&data);
        match &postgres.options.password {
            Some(password) => {
                let file = postgres.dir.path().join("password");
                std::fs::write(&file, password).unwrap();
                initdb.arg("--auth=scram-sha-256").arg(format!("--pwfile={}", file.display()));
            }
            None => {
                initdb.arg("--auth=trust");
            }
        }
        finished(&mut initdb);
        postgres.run();
        Some(postgres)
    }

    /// One with a directory and nothing in it.
    fn at(programs: PathBuf, options: Options) -> Postgres {
        let dir = tempfile::Builder::new().prefix("kew-postgres-").tempdir().unwrap();
        if let Some(megabytes) = options.disk {
            let size = format!("size={megabytes}m");
            finished(Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(dir.path()));
        }
        if is_root() {
            chown(dir.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        // Ends the server, also one that is frozen, and removes the files when this process has ended, or says so: then its
        // standard input ends.
        let script = r#"read _; pid=$(head -n 1 "$0/data/postmaster.pid" 2>/dev/null) && kill -QUIT "$pid" 2>/dev/null && kill -CONT "$pid"
            mountpoint -q "$0" && sleep 0.5 && umount -l "$0"
            for _ in 1 2 3 4 5 6 7 8 9; do rm -rf "$0" 2>/dev/null && break; sleep 0.5; done"#;
        let guard = Command::new("sh").arg("-c").arg(script).arg(dir.path()).stdin(Stdio::piped()).spawn().unwrap();
        Postgres { programs, dir, options, port: 0, server: None, guard }
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// One of its programs, as the user that the files belong to.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.env("LC_ALL", "C").current_dir(self.dir.path()).stdin(Stdio::null());
        if is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }

    /// Starts the server on its files, at the port that it had before if there is one, and waits until it is ready.
    pub fn run(&mut self) {
        assert!(self.server.is_none(), "it runs");
        for _ in 0..ATTEMPTS {
            let port = if self.port == 0 { free_port() } else { self.port };
            let mut command = self.command("postgres");
            command.arg("-D").arg(self.data()).args(["-c", "listen_addresses=127.0.0.1", "-p", &port.to_string()]);
            let settings = SETTINGS.iter().copied().chain(self.options.settings.iter().map(String::as_str));
            for setting in settings {
                command.args(["-c", setting]);
            }
            command.envs(self.options.env.iter().map(|(name, value)| (name, value)));
            let mut server = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
            let (to_lines, lines) = channel();
            let errors = BufReader::new(server.stderr.take().unwrap());
            // Reads on for as long as it lives, so that the server never waits for a reader.
            std::thread::spawn(move || {
                errors.lines().map_while(Result::ok).for_each(|line| drop(to_lines.send(line)));
            });
            let mut said = Vec::new();
            while let Ok(line) = lines.recv_timeout(PATIENCE) {
                if line.contains("ready to accept") {
                    (self.port, self.server) = (port, Some(server));
                    return;
                }
                said.push(line);
            }
            let _ = server.kill();
            let _ = server.wait();
            assert!(said.iter().any(|line| line.contains("in use")), "it does not start: {}", said.join("\n"));
        }
        panic!("no port is free");
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// A URL of a database, for the one who may do everything.
    pub fn url(&self, database: &str) -> String {
        let password = self.options.password.iter().map(|password| format!(":{password}")).collect::<String>();
        format!("postgres://{ADMIN}{password}@127.0.0.1:{}/{database}", self.port)
    }

    /// A new database; its name.
    pub fn database(&self) -> String {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("db{}", COUNT.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name}"));
        name
    }

    /// The URL of a new database.
    pub fn new_url(&self) -> String {
        self.url(&self.database())
    }

    /// Carries out SQL in a database; the rows of the last statement that has any, columns parted by `|`.
    pub fn sql(&self, database: &str, sql: &str) -> Vec<String> {
        self::sql(&self.url(database), sql)
    }

    /// Stops it at once, as a crash would (`immediate`), or in order (`fast`). Its files stay.
    pub fn stop(&mut self, mode: &str) -> Option<ExitStatus> {
        let mut server = self.server.take()?;
        signal(server.id(), if mode == "immediate" { "QUIT" } else { "INT" });
        Some(server.wait().unwrap())
    }

    /// Sends a signal to all of its processes: STOP freezes it, CONT lets it go on.
    pub fn signal_all(&self, name: &str) {
        let server = self.server.as_ref().expect("it runs").id();
        let children = std::fs::read_to_string(format!("/proc/{server}/task/{server}/children")).unwrap();
        for process in children.split_whitespace().map(|pid| pid.parse().unwrap()).chain([server]) {
            signal(process, name);
        }
    }

    /// Whether programs that not every package has are there, such as `pg_basebackup`.
    pub fn has(&self, program: &str) -> bool {
        self.programs.join(program).exists()
    }

    /// A stand-by server of this one, which it waits for at each commit from now on.
    pub fn standby(&self) -> Postgres {
        self.standby_through(self.port)
    }

    /// One that reaches this one at another port.
    pub fn standby_through(&self, port: u16) -> Postgres {
        let mut standby = Postgres::at(self.programs.clone(), self.options.clone());
        standby.follow(self, port);
        standby
    }

    /// Becomes a stand-by of another server, which it reaches at this port, and which waits for it at each commit from now on.
    /// What it had is gone.
    pub fn follow(&mut self, primary: &Postgres, port: u16) {
        if self.server.is_some() {
            self.kill();
        }
        let _ = std::fs::remove_dir_all(self.data());
        let source = format!("host=127.0.0.1 port={port} user={ADMIN} application_name=standby");
        let mut copy = self.command("pg_basebackup");
        copy.args(["--checkpoint=fast", "--no-sync", "--write-recovery-conf", "-d", &source, "-D"]).arg(self.data());
        finished(&mut copy);
        self.run();
        primary.sql("postgres", "ALTER SYSTEM SET synchronous_standby_names = 'standby'");
        primary.sql("postgres", "SELECT pg_reload_conf()");
    }

    /// A stand-by takes writes from now on, and waits for nobody at its commits.
    pub fn promote(&self) {
        finished(self.command("pg_ctl").args(["promote", "--silent", "-D"]).arg(self.data()));
        self.sql("postgres", "ALTER SYSTEM RESET synchronous_standby_names");
        self.sql("postgres", "SELECT pg_reload_conf()");
    }

    /// Fills the disk of its own, but for so many bytes.
    pub fn fill_disk(&self, left: u64) {
        let script = r#"dd if=/dev/zero of="$0/filler" bs=16k 2>/dev/null; truncate -s "-$1" "$0/filler""#;
        finished(Command::new("sh").arg("-c").arg(script).arg(self.dir.path()).arg(left.to_string()));
    }

    /// Takes away what fills it. A server that has given up is started again.
    pub fn empty_disk(&mut self) {
        std::fs::remove_file(self.dir.path().join("filler")).unwrap();
        if self.server.as_mut().is_some_and(|server| server.try_wait().is_ok_and(|status| status.is_some())) {
            self.server = None;
        }
        if self.server.is_none() {
            self.run();
        }
    }

    /// Ends all of its processes with SIGKILL. Its files stay.
    pub fn kill(&mut self) {
        // Frozen first: it would put new ones in the place of those that end.
        self.signal_all("STOP");
        self.signal_all("KILL");
        if let Some(mut server) = self.server.take() {
            let _ = server.wait();
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if self.server.is_some() {
            // A frozen one would not hear it.
            self.signal_all("CONT");
            self.stop("immediate");
        }
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}

/// The URL of a new database of a server that the tests of a program share, if there can be one.
pub fn new_url() -> Option<String> {
    static SHARED: LazyLock<Option<Postgres>> = LazyLock::new(Postgres::start);
    SHARED.as_ref().map(Postgres::new_url)
}

/// Carries out SQL, which has to go well.
pub fn sql(url: &str, sql: &str) -> Vec<String> {
    sql_at(url, sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
}

/// Carries out SQL; the rows of the last statement that has any, columns parted by `|`.
///
/// # Errors
/// What PostgreSQL says.
pub fn sql_at(url: &str, sql: &str) -> Result<Vec<String>, String> {
    sql_within(url, sql, PATIENCE)
}

/// The same, and an error if it takes longer than this.
///
/// # Errors
/// What PostgreSQL says.
pub fn sql_within(url: &str, sql: &str, patience: Duration) -> Result<Vec<String>, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let carried_out = async {
        let text = |error: tokio_postgres::Error| error.as_db_error().map_or(error.to_string(), ToString::to_string);
        let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.map_err(text)?;
        let connection = tokio::spawn(connection);
        let messages = client.simple_query(sql).await.map_err(text)?;
        drop(client);
        let _ = connection.await;
        let row = |message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => {
                let columns = (0..row.len()).map(|at| row.get(at).unwrap_or("").to_owned());
                Some(columns.collect::<Vec<_>>().join("|"))
            }
            _ => None,
        };
        Ok(messages.into_iter().filter_map(row).collect())
    };
    let in_time = runtime.block_on(async { tokio::time::timeout(patience, carried_out).await });
    in_time.unwrap_or_else(|_| Err("it takes too long".to_owned()))
}

/// Sends a signal by its name.
pub fn signal(process: u32, name: &str) {
    let _ = Command::new("kill").args([&format!("-{name}"), &process.to_string()]).stderr(Stdio::null()).status();
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A port that is free at this moment, and not of those that the system gives to clients: they might have it when the server
/// comes back to it. Each process looks for its ports in another place: a server that does not run just now keeps its port.
pub fn free_port() -> u16 {
    const PORTS: std::ops::Range<u32> = 10_000..30_000;
    const EACH: u32 = 64;
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    let next = || std::process::id() * EACH + TAKEN.fetch_add(1, Ordering::Relaxed);
    let port = |next: u32| u16::try_from(PORTS.start + next % (PORTS.end - PORTS.start)).unwrap();
    let mut ports = std::iter::repeat_with(|| port(next()));
    ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).unwrap()
}

/// Runs a program to its end.
fn finished(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = || String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{command:?}: {}", said());
}

/// A file that only the user of the server may see, as `~/.pgpass` has to be.
pub fn write_private(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}
