//! Flipped bits: a store with one of them is refused, or it comes back as it was, to the last field.
//!
//! `make flips ROUNDS=10000` does many; SEED repeats a run's choices.

use std::fs;

use kew::internals::store::{Change, Durability, Store, StoreError, StoredItem, check, salvage};

use crate::support::*;
use crate::varied::{self, BOOT, FILES, Files};

/// Rounds in a normal run of the tests.
const ROUNDS: u64 = 200;

#[derive(Debug, Default)]
struct Outcome {
    refused: u64,
    equal: u64,
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

/// Picks one bit of all the files together, the note more often than by its length.
fn pick(random: &mut Random, files: &Files) -> (&'static str, usize) {
    let bits = |name: &str| files.get(name).map_or(0, Vec::len) as u64 * 8;
    if random.below(50) == 0 {
        return (FILES[2], random.below(bits(FILES[2])) as usize);
    }
    let bit = random.below(bits(FILES[0]) + bits(FILES[1]));
    match bit.checked_sub(bits(FILES[0])) {
        None => (FILES[0], bit as usize),
        Some(bit) => (FILES[1], bit as usize),
    }
}

fn run(what: &str, make: fn(u64) -> (Files, Vec<StoredItem>)) {
    let (rounds, seed) = (number("ROUNDS", ROUNDS), number("SEED", 1));
    let mut random = Random(seed);
    let (whole, content) = make(seed);
    let after_use = used(&whole);
    let dir = tempfile::tempdir().unwrap();
    let mut outcome = Outcome::default();
    for round in 0..rounds {
        let (name, bit) = pick(&mut random, &whole);
        let mut files = whole.clone();
        files.get_mut(name).unwrap()[bit / 8] ^= 1 << (bit % 8);
        let place = format!("{what}, seed {seed}, round {round}: bit {} of byte {} of {name}", bit % 8, bit / 8);
        varied::put(dir.path(), &files);
        let told =
            varied::open_with(dir.path(), Durability::Process, BOOT).and_then(|mut store| varied::told(&mut store));
        match told {
            Ok(told) => {
                assert!(told == content, "{place}: it tells something else");
                outcome.equal += 1;
                // Not every place that is written later was read.
                assert!(used(&files) == after_use, "{place}: after some use it tells something else");
            }
            Err(error) => {
                let known =
                    matches!(error, StoreError::Corrupt { .. } | StoreError::Foreign { .. } | StoreError::Newer { .. });
                assert!(known, "{place}: {error:?}");
                assert!(varied::has(dir.path(), &files), "{place}: a refused start changed a file");
                outcome.refused += 1;
                reported(&place, dir.path(), &content, round);
            }
        }
    }
    println!("{what}, seed {seed}, {rounds} flips: {outcome:?}, 0 passed over");
    assert!(outcome.refused > rounds / 10 && outcome.equal > 0, "{outcome:?}");
}

/// What is told after more was written, and the store was closed and opened again.
fn used(files: &Files) -> Vec<StoredItem> {
    let dir = tempfile::tempdir().unwrap();
    varied::put(dir.path(), files);
    let mut store = varied::open_with(dir.path(), Durability::Process, BOOT).unwrap();
    varied::told(&mut store).unwrap();
    tidy(&mut store, NOW);
    let removed = (1..60).map(|number| remove(7, number));
    let sent = (60..90).map(|number| crate::support::store(8, number, "later"));
    store.commit(NOW, removed.chain(sent).collect::<Vec<Change>>()).unwrap();
    store.commit(NOW, vec![queue(11), Change::QueueDeleted { uid: 9, at: NOW }]).unwrap();
    tidy(&mut store, NOW);
    drop(store);
    let mut again = varied::open_with(dir.path(), Durability::Process, BOOT).unwrap();
    varied::told(&mut again).unwrap()
}

/// What is refused is reported, and what is salvaged was there; nothing of it panics.
fn reported(place: &str, dir: &std::path::Path, content: &[StoredItem], round: u64) {
    if round.is_multiple_of(5) {
        // A check reads more loosely than a start.
        match check(dir) {
            Ok(report) => assert!(!report.findings.is_empty(), "{place}: the check found nothing"),
            Err(StoreError::Newer { .. }) => {}
            Err(error) => panic!("{place}: {error:?}"),
        }
    }
    if round.is_multiple_of(20) {
        let to = tempfile::tempdir().unwrap();
        let before = varied::files(dir);
        let report = salvage(dir, to.path()).unwrap_or_else(|error| panic!("{place}: {error:?}"));
        // What an older commit had may then be there too.
        let report = report.to_string();
        let says = ["purged messages may be back", "was left out", "commits are missing"];
        let may_be_older = says.iter().any(|text| report.contains(text));
        assert!(varied::has(dir, &before), "{place}: salvaging changed a file");
        let mut store = varied::open_with(to.path(), Durability::Process, BOOT).unwrap();
        let salvaged = varied::told(&mut store).unwrap();
        for message in salvaged.iter().filter(|loaded| loaded.is_message()) {
            let StoredItem::Effect { effect, .. } = message else { unreachable!() };
            let same =
                |loaded: &StoredItem| matches!(loaded, StoredItem::Effect { effect: known, .. } if known == effect);
            assert!(may_be_older || content.iter().any(same), "{place}: {message:?} was not there");
        }
        let left = fs::read_dir(to.path()).unwrap().count();
        assert!(left <= 5, "{place}: {left} files");
    }
}

#[test]
fn a_flipped_bit_in_a_closed_store_is_refused_or_changes_nothing() {
    run("closed", varied::closed);
}

#[test]
fn a_flipped_bit_in_a_killed_store_is_refused_or_changes_nothing() {
    run("killed", varied::killed);
}
