//! The crash test: the real `kew` under load, killed with SIGKILL at random moments and started again on the same directory,
//! while an auditor who knows what was acknowledged checks that all of it is so.
//!
//! `ROUNDS=500 SEED=7 cargo test --release --test crash -- --nocapture`. The seed repeats what the clients choose to do and
//! when the server is killed; how threads take turns it cannot repeat. A run on a PostgreSQL, which is killed now and then too,
//! has a fifth of the rounds, unless `DATABASE` is set.

mod admin_client;
mod audit;
mod cluster;
mod content;
mod drain;
mod line;
mod ops;
#[allow(dead_code, reason = "the tests of the store on PostgreSQL use the rest")]
#[path = "../postgres/server.rs"]
mod postgres;
#[allow(dead_code, reason = "the tests of the store on PostgreSQL use the rest")]
#[path = "../postgres/proxy.rs"]
mod proxy;
mod server;
#[path = "../support/mod.rs"]
mod support;
mod verify_after_restart;
mod worker;

use admin_client::AdminClient;
use audit::Audit;
use drain::{TIME_LIMIT_MS, drain};
use fastrand::Rng;
use line::Line;
use postgres::Postgres;
use server::{Kew, Setup};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use support::client::{self, now_ms};
use support::number;
use verify_after_restart::verify_after_restart;
use worker::Worker;

/// Clients that send and receive, beside the one admin client.
const WORKERS: usize = 6;
/// Rounds in a short run.
const ROUNDS_DEFAULT: u64 = 10;
/// After so many rounds all queues are emptied and counted.
const DRAIN_EVERY: u64 = 8;

/// One run over many lives of a server.
struct Run {
    setup: Setup,
    seed: u64,
    rng: Rng,
    audit: Mutex<Audit>,
    workers: Vec<Worker>,
    admin: AdminClient,
    kills: u64,
    /// Where everything is kept, if it is not a directory.
    database: Option<Postgres>,
}

impl Run {
    fn new(name: &str, durability: &'static str) -> Run {
        let seed = number("SEED").unwrap_or_else(|| fastrand::u64(..1_000_000));
        eprintln!("{name}: seed: {seed}, repeat with SEED={seed}");
        let directory: PathBuf =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("crash-{name}-{}", std::process::id()));
        Run {
            setup: Setup::new(&directory, durability),
            seed,
            rng: Rng::with_seed(seed),
            audit: Mutex::default(),
            workers: (0..WORKERS).map(|number| Worker::new(number, seed)).collect(),
            admin: AdminClient::new(seed),
            kills: 0,
            database: None,
        }
    }

    fn start(&self) -> Kew {
        self.setup.start().unwrap_or_else(|error| panic!("seed {}: {error}", self.seed))
    }

    /// The first life: makes the queues.
    fn set_up(&mut self) {
        let kew = self.start();
        let mut line = Line::new(kew.address, &self.audit);
        self.admin.set_up(&mut line);
        verify_after_restart(&mut line, &mut self.admin);
        line.must_stand();
        self.end(kew);
    }

    /// A life of a random length, and perhaps some that end before they have begun.
    fn round(&mut self, empty_first: bool) {
        // Mostly short lives, some long enough for timeouts to end.
        let life_ms = if self.rng.u32(0..8) == 0 { self.rng.u64(1000..4000) } else { self.rng.u64(10..500) };
        self.live(empty_first, life_ms);
        // Killed also while it starts.
        if self.rng.u32(0..4) == 0 {
            for _ in 0..self.rng.u32(1..=3) {
                self.setup.start_and_kill(Duration::from_millis(self.rng.u64(0..40)));
                self.kills += 1;
            }
        }
        self.check();
    }

    /// Starts, checks, perhaps empties the queues, works, and is killed.
    fn live(&mut self, empty_first: bool, life_ms: u64) {
        let kew = self.start();
        let mut line = Line::new(kew.address, &self.audit);
        verify_after_restart(&mut line, &mut self.admin);
        if empty_first {
            drain(&mut line, &mut self.admin, TIME_LIMIT_MS);
            self.workers.iter_mut().for_each(Worker::start_afresh);
        }
        line.must_stand();
        let (audit, workers, admin, address) = (&self.audit, &mut self.workers, &mut self.admin, kew.address);
        let killed = AtomicBool::new(false);
        let postgres = if self.rng.bool() { self.database.as_mut() } else { None };
        // Nobody's connection is to end before the server does.
        let work = |work: &mut dyn FnMut(&mut Line<'_>)| {
            let mut line = Line::new(address, audit);
            work(&mut line);
            if !killed.load(Ordering::SeqCst) {
                line.must_stand();
            }
        };
        std::thread::scope(|scope| {
            for worker in workers {
                scope.spawn(|| work(&mut |line| worker.run(line)));
            }
            scope.spawn(|| work(&mut |line| admin.run(line)));
            // The random moment.
            std::thread::sleep(Duration::from_millis(life_ms));
            if let Some(postgres) = postgres {
                postgres.stop("immediate");
                postgres.run();
                std::thread::sleep(Duration::from_millis(life_ms));
            }
            killed.store(true, Ordering::SeqCst);
            kew.kill();
        });
        self.kills += 1;
        self.lock().life_ends(now_ms());
    }

    /// The last life: everything is emptied, and after one more crash still is.
    fn finish(&mut self) {
        for _ in 0..2 {
            let kew = self.start();
            let mut line = Line::new(kew.address, &self.audit);
            verify_after_restart(&mut line, &mut self.admin);
            drain(&mut line, &mut self.admin, TIME_LIMIT_MS);
            line.must_stand();
            self.end(kew);
        }
    }

    fn end(&mut self, kew: Kew) {
        kew.kill();
        self.kills += 1;
        self.lock().life_ends(now_ms());
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Audit> {
        self.audit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Panics with everything that the auditor has to complain of.
    fn check(&self) {
        let audit = self.lock();
        if audit.violations.is_empty() {
            return;
        }
        let mut report = format!("seed {}, {} violations:\n", self.seed, audit.violations.len());
        for violation in audit.violations.iter().take(20) {
            let _ = writeln!(report, "- {violation}");
        }
        let _ = writeln!(report, "what kew said last:\n{}", self.setup.log_tail());
        panic!("{report}the data is in {}", self.setup.data.display());
    }

    /// Removes everything; after a failure it stays for a look at it.
    fn clean_up(&self) {
        let _ = self.setup.log.parent().map(std::fs::remove_dir_all);
    }

    fn report(&self, name: &str) {
        let audit = self.lock();
        let mut actions: Vec<_> =
            audit.acknowledged.iter().map(|(action, count)| format!("{action} {count}")).collect();
        actions.sort();
        eprintln!("{name}: {} kills; acknowledged: {}", self.kills, actions.join(", "));
    }
}

fn rounds() -> u64 {
    number("ROUNDS").unwrap_or(ROUNDS_DEFAULT)
}

fn crash_and_check(durability: &'static str) {
    let mut run = Run::new(durability, durability);
    run.set_up();
    for round in 0..rounds() {
        run.round(round % DRAIN_EVERY == DRAIN_EVERY - 1);
    }
    run.finish();
    run.check();
    run.report(durability);
    run.clean_up();
}

/// `--durability full`: nothing acknowledged is lost, nothing deleted comes back, and everything else the auditor knows.
#[test]
fn full_durability_survives_kill_9() {
    crash_and_check("full");
}

/// The same for `--durability process`, which promises no less as long as the machine stays up.
#[test]
fn process_durability_survives_kill_9() {
    crash_and_check("process");
}

/// The same on a PostgreSQL.
#[test]
fn a_database_survives_kill_9_of_kew_and_its_own() {
    let Some(postgres) = Postgres::start() else { return };
    let mut run = Run::new("database", "full");
    run.setup.data = postgres.new_url().into();
    run.database = Some(postgres);
    run.set_up();
    let rounds = if std::env::var_os("DATABASE").is_some() { rounds() } else { rounds().div_ceil(5) };
    for round in 0..rounds {
        run.round(round % DRAIN_EVERY == DRAIN_EVERY - 1);
    }
    run.finish();
    run.check();
    run.report("database");
    run.clean_up();
}

/// The test of the test: a directory that went back in time is noticed.
#[test]
fn an_old_copy_of_the_data_is_noticed() {
    const LIFE_MS: u64 = 400;
    let mut run = Run::new("old-copy", "process");
    run.set_up();
    run.live(false, LIFE_MS);
    let (data, copy) = (run.setup.data.clone(), run.setup.data.with_extension("copy"));
    copy_directory(&data, &copy);
    (0..3).for_each(|_| run.live(false, LIFE_MS));
    run.check();
    std::fs::remove_dir_all(&data).unwrap();
    std::fs::rename(&copy, &data).unwrap();
    let kew = run.start();
    let mut line = Line::new(kew.address, &run.audit);
    verify_after_restart(&mut line, &mut run.admin);
    drain(&mut line, &mut run.admin, 1000);
    run.end(kew);
    let violations = run.lock().violations.clone();
    for expected in ["lost:", "came back"] {
        assert!(violations.iter().any(|violation| violation.contains(expected)), "{expected} not in {violations:#?}");
    }
    run.clean_up();
}

fn copy_directory(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}
