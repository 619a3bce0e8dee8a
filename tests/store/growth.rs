//! That the file does not grow without end, and gives space back.

use std::fs;
use std::path::Path;

use kew::internals::engine::{Effect, MessageId, Time};
use kew::internals::store::{Change, Durability, SqliteStore, Store};

use crate::support::*;

fn size(dir: &Path, file: &str) -> u64 {
    fs::metadata(dir.join(file)).map_or(0, |file| file.len())
}

#[test]
fn a_queue_that_flows_does_not_grow_the_file() {
    const BATCH: u64 = 250;
    /// Messages that wait in the queue at any time.
    const DEPTH: u64 = 1_000;
    let dir = tempfile::tempdir().unwrap();
    let mut flowing = open(dir.path());
    flowing.commit(NOW, vec![queue(7)]).unwrap();
    let body = "x".repeat(256);
    let mut largest = 0;
    for batch in 0..200_000 / BATCH {
        let now = Time(NOW.0 + batch * 1_000);
        let mut changes = Vec::new();
        for number in batch * BATCH + 1..=(batch + 1) * BATCH {
            changes.push(store(7, number, &body));
            // Deduplication ids are kept for 300 of these batches.
            let (id, deduplication_id) = (MessageId([1; 16]), number.to_string().into());
            let effect = Effect::Remembered { group: None, deduplication_id, first_sent: now, id, number };
            changes.push(Change::Effect { queue: 7, effect });
            changes.extend(number.checked_sub(DEPTH).filter(|&old| old > 0).map(|old| remove(7, old)));
        }
        flowing.commit(now, changes).unwrap();
        flowing.upkeep(now).unwrap();
        largest = largest.max(size(dir.path(), "kew.sqlite3"));
        assert!(size(dir.path(), "kew.sqlite3-wal") < 24 << 20, "the log in batch {batch}");
    }
    assert!(largest < 16 << 20, "the file grew to {largest} bytes");
    drop(flowing);
    let (_, world) = reopen(dir.path());
    assert_eq!((world.bodies[&7].len(), world.next_numbers[&7]), (1_000, 200_001));
}

#[test]
fn a_file_that_was_large_becomes_small_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut grown = open(dir.path());
    let body = "x".repeat(60_000);
    grown.commit(NOW, vec![queue(7), store(7, 1, "stays")]).unwrap();
    for from in (2..=500).step_by(50) {
        grown.commit(NOW, (from..from + 50).map(|number| store(7, number, &body)).collect()).unwrap();
        grown.upkeep(NOW).unwrap();
    }
    assert!(size(dir.path(), "kew.sqlite3") > 15 << 20);
    grown.commit(NOW, (2..=600).map(|number| remove(7, number)).collect()).unwrap();
    for _ in 0..100 {
        grown.commit(NOW, vec![remove(7, 2)]).unwrap();
        tidy(&mut grown, NOW);
    }
    let kept = size(dir.path(), "kew.sqlite3");
    assert!(kept < 6 << 20, "{kept} bytes are kept");
    drop(grown);
    assert_eq!(reopen(dir.path()).1.bodies[&7].len(), 1);
}

#[test]
fn a_long_transaction_of_a_reader_stops_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut live = SqliteStore::open(dir.path(), Durability::Process).unwrap();
    live.commit(NOW, vec![queue(7), store(7, 1, "a")]).unwrap();
    let reader = rusqlite::Connection::open(dir.path().join("kew.sqlite3")).unwrap();
    let inside = reader.unchecked_transaction().unwrap();
    let count = || -> i64 { inside.query_row("SELECT count(*) FROM message", [], |row| row.get(0)).unwrap() };
    assert_eq!(count(), 1);
    live.commit(NOW, vec![store(7, 2, "b")]).unwrap();
    tidy(&mut live, NOW);
    assert_eq!(count(), 1, "the reader sees one state");
    drop(inside);
    drop(live);
    assert_eq!(reopen(dir.path()).1.bodies[&7].len(), 2);
}
