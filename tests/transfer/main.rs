//! The audit of queues under many threads: messages are sent, die, are moved back and moved away, with 2, 4 and 8 worker
//! threads, several consumers on each queue, parked polls, cancelled move tasks and kill -9 between, while an auditor checks
//! that none is lost or comes twice and, between FIFO queues, that none overtakes another one of its group; see `audit.rs`
//! for what that means.
//!
//! `ROUNDS=1000 SEED=7 cargo test --release --test transfer -- --nocapture`. A round's seed decides the number of threads, the
//! durability, what the clients choose to do and when the server is killed; how threads take turns it cannot repeat.

mod audit;
mod host;
mod round;
#[path = "../crash/server.rs"]
mod server;
#[path = "../support/mod.rs"]
mod support;
mod workers;

use audit::{FIFO, Queues, STANDARD};
use fastrand::Rng;
use host::Host;
use round::Round;
use std::fmt::Write;
use std::path::Path;
use support::{client, number};

/// Rounds in a short run: each number of threads with each durability.
const ROUNDS_DEFAULT: u64 = 6;
const THREADS: [usize; 3] = [2, 4, 8];
const DURABILITIES: [&str; 2] = ["full", "process"];
/// Violations of a round that are told.
const TOLD_MAX: usize = 5;

/// Plays rounds, each on a server of its own, and panics with what went wrong in them.
fn play(name: &str, queues: &'static Queues, host: impl Fn(&Path, usize, u64) -> Host) {
    let rounds = number("ROUNDS").unwrap_or(ROUNDS_DEFAULT);
    let first = number("SEED").unwrap_or_else(|| fastrand::u64(..1_000_000));
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("transfer-{name}-{}", std::process::id()));
    let (mut kills, mut inversions, mut wrong, mut report) = (0, 0, 0, String::new());
    for seed in first..first + rounds {
        let threads = THREADS[seed as usize % THREADS.len()];
        let directory = directory.join(seed.to_string());
        let (audit, killed) = Round::new(queues, host(&directory, threads, seed), Rng::with_seed(seed)).run();
        kills += killed;
        if audit.violations.is_empty() {
            let _ = std::fs::remove_dir_all(&directory);
            continue;
        }
        wrong += 1;
        inversions += audit.inversions;
        let _ = writeln!(report, "SEED={seed} ROUNDS=1, {threads} threads, {}:", directory.display());
        for violation in audit.violations.iter().take(TOLD_MAX) {
            let _ = writeln!(report, "- {violation}");
        }
        let _ = writeln!(report, "  {} in all", audit.violations.len());
    }
    let summary = format!("{name}: {rounds} rounds from SEED={first} on, {kills} kills, {wrong} rounds went wrong");
    eprintln!("{summary}");
    assert!(wrong == 0, "{summary}, {inversions} inversions\n{report}");
    let _ = std::fs::remove_dir_all(&directory);
}

/// The real `kew`, with either durability.
#[test]
fn order_holds_and_nothing_is_lost_over_kill_9() {
    play("killed", &FIFO, |directory, threads, seed| {
        let durability = DURABILITIES[seed as usize / THREADS.len() % DURABILITIES.len()];
        Host::process(directory, durability, threads)
    });
}

/// In memory and in this process: nothing slows the threads down.
#[test]
fn order_holds_and_nothing_is_lost_under_many_threads() {
    play("in-memory", &FIFO, |_, threads, _| Host::embedded(threads));
}

#[test]
fn standard_queues_lose_nothing_and_give_nothing_twice_under_many_threads() {
    play("standard", &STANDARD, |_, threads, _| Host::embedded(threads));
}
