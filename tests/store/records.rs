//! What stands in the file: that a person can read it, and what goes out of it.

use std::collections::BTreeMap;

use kew::internals::engine::{Effect, MessageId, Receipt, Time};
use kew::internals::store::sqlite::Options;
use kew::internals::store::{Change, Durability, SqliteStore, Store, backup};
use rusqlite::Connection;

use crate::support::*;

#[test]
fn nothing_is_left_of_messages_that_are_gone() {
    let dir = tempfile::tempdir().unwrap();
    let mut live = open(dir.path());
    let bodies = [0, 2_047, 2_048, 2_049, 1 << 20].map(|length| "x".repeat(length));
    let sends = bodies.iter().zip(1..).map(|(body, number)| store(7, number, body));
    live.commit(NOW, [queue(7)].into_iter().chain(sends).collect()).unwrap();
    live.commit(NOW, (1..=5).map(|number| remove(7, number)).collect()).unwrap();
    drop(live);
    let file = Connection::open(dir.path().join("kew.sqlite3")).unwrap();
    for table in ["messages", "long_bodies"] {
        let rows: i64 = file.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap();
        assert_eq!(rows, 0, "{table}");
    }
}

#[test]
fn what_is_too_old_is_neither_told_nor_kept() {
    let dir = tempfile::tempdir().unwrap();
    let mut written = open(dir.path());
    remember_ten(&mut written);
    drop(written);
    let count = |table: &str| -> i64 {
        let file = Connection::open(dir.path().join("kew.sqlite3")).unwrap();
        file.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    };
    assert_eq!((count("deduplication"), count("attempts")), (10, 10));
    let later = Time(NOW.0 + 304_000);
    let mut again = open(dir.path());
    let world = load(&mut again, later).unwrap();
    let told = |world: &World| world.effects.iter().filter(|e| matches!(e, Effect::Remembered { .. })).count();
    assert_eq!(told(&world), 6);
    // The messages of the attempts are not there, so there is nothing to repeat.
    assert!(!world.effects.iter().any(|e| matches!(e, Effect::Attempted { .. })));
    again.commit(later, vec![store(7, 11, "x")]).unwrap();
    drop(again);
    assert_eq!((count("deduplication"), count("attempts")), (6, 6));
}

#[test]
fn a_person_can_read_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let mut written = open(dir.path());
    let long = "long ".repeat(1_000);
    let batch = vec![
        queue(7),
        queue(8),
        store(7, 1, "purged"),
        effect(7, Effect::Purged { next_number: 2 }),
        effect(7, Effect::Stored(Box::new(full_message()))),
        store(8, 1, &long),
    ];
    written.commit(NOW, batch).unwrap();
    // While kew is running.
    let file = Connection::open(dir.path().join("kew.sqlite3")).unwrap();
    let row: (String, i64, String, String, String, String) = file
        .query_row(
            "SELECT queue, number, state, body, attributes, message_id FROM message WHERE queue = 'orders-7'",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?)),
        )
        .unwrap();
    let expected = (
        "orders-7",
        5,
        "in flight",
        "naïve \u{1f600}\n\"body\"",
        r#"{"colour":{"type":"String","value":"blau"}}"#,
        "00000000-0000-0000-0000-000000000005",
    );
    let row = (&*row.0, row.1, &*row.2, &*row.3, &*row.4, &*row.5);
    assert_eq!(row, expected);
    let body: String =
        file.query_row("SELECT body FROM message WHERE queue = 'orders-8'", [], |row| row.get(0)).unwrap();
    assert_eq!(body, long);
    let counts: (i64, i64, String) = file
        .query_row("SELECT messages, in_flight, oldest_sent FROM queue WHERE name = 'orders-7'", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .unwrap();
    assert_eq!(counts, (1, 1, "2023-11-14 22:13:20".into()));
    let version: i64 = file.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, 2);
}

#[test]
fn a_live_store_can_be_copied_and_started_from() {
    let (dir, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut live = open(dir.path());
    live.commit(NOW, vec![queue(7), store(7, 1, "copied")]).unwrap();
    backup(dir.path(), to.path()).unwrap();
    live.commit(NOW, vec![store(7, 2, "too late")]).unwrap();
    let error = backup(dir.path(), to.path()).unwrap_err().to_string();
    assert!(error.contains("exists already"), "{error}");
    let files: Vec<_> = std::fs::read_dir(to.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(files, ["kew.sqlite3"]);
    let (_, world) = reopen(to.path());
    assert_eq!(world.bodies[&7], BTreeMap::from([(1, "copied".to_owned())]));
    drop(live);
    assert_eq!(reopen(dir.path()).1.bodies[&7].len(), 2);
    assert!(backup(&dir.path().join("nowhere"), to.path()).is_err());
}

#[test]
fn loading_tells_how_far_it_has_come() {
    use kew::internals::store::sqlite::Options;
    use kew::internals::store::{Durability, SqliteStore};
    let dir = tempfile::tempdir().unwrap();
    let mut written = open(dir.path());
    written.commit(NOW, vec![queue(7)]).unwrap();
    for from in (1..=100_000).step_by(10_000) {
        written.commit(NOW, (from..from + 10_000).map(|number| store(7, number, "")).collect()).unwrap();
    }
    drop(written);
    let (told, heard) = std::sync::mpsc::channel();
    let progress: kew::internals::store::sqlite::Progress = Box::new(move |count| told.send(count).unwrap());
    let options = Options { progress: Some(progress), ..Options::default() };
    let mut again = SqliteStore::open_with(dir.path(), Durability::Full, options).unwrap();
    assert_eq!(load(&mut again, NOW).unwrap().bodies[&7].len(), 100_000);
    drop(again);
    assert_eq!(heard.iter().collect::<Vec<_>>(), [100_000]);
}

#[test]
fn a_new_queue_finds_a_place_however_many_deleted_ones_wait_to_be_cleared_away() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { queues_max: Some(3), ..Options::default() };
    let mut store = SqliteStore::open_with(dir.path(), Durability::Process, options).unwrap();
    let delete = |uid| Change::QueueDeleted { uid, at: NOW };
    let send = |uid| (1..=5_000).map(move |number| crate::support::store(uid, number, "x"));
    for uid in [7, 8, 9] {
        store.commit(NOW, [queue(uid)].into_iter().chain(send(uid)).collect()).unwrap();
    }
    // In one batch with its deletion, whichever of the two has the smaller number, and without upkeep in between.
    store.commit(NOW, vec![delete(9), queue(1), crate::support::store(1, 1, "new")]).unwrap();
    store.commit(NOW, vec![delete(7), delete(8), queue(2), queue(10)]).unwrap();
    tidy(&mut store, NOW);
    drop(store);
    let (_, world) = reopen(dir.path());
    assert_eq!(world.bodies.keys().copied().collect::<Vec<_>>(), [1, 2, 10]);
    assert_eq!(world.bodies[&1].values().collect::<Vec<_>>(), ["new"]);
    assert!(world.bodies[&2].is_empty() && world.bodies[&10].is_empty());
}

#[test]
fn many_deleted_queues_are_cleared_away_in_few_steps() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    tidy(&mut store, NOW);
    let uids = 1_u64..=1_000;
    let made = uids.clone().flat_map(|uid| [queue(uid), crate::support::store(uid, 1, "x")]);
    store.commit(NOW, made.collect()).unwrap();
    store.commit(NOW, uids.map(|uid| Change::QueueDeleted { uid, at: NOW }).collect()).unwrap();
    let steps = std::iter::repeat_with(|| store.upkeep(NOW).unwrap()).take_while(|more| *more).count();
    assert!((2..=10).contains(&steps), "{steps} steps");
    let file = Connection::open(dir.path().join("kew.sqlite3")).unwrap();
    let left =
        |table| file.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!((left("messages"), left("discarded")), (0, 0));
}

#[test]
fn what_a_clock_that_was_ahead_left_behind_does_not_stay_for_as_long() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    let later = NOW.plus_seconds(365 * 86_400);
    let id: std::sync::Arc<str> = "id".into();
    let remembered = Effect::Remembered {
        group: None,
        deduplication_id: id.clone(),
        first_sent: later,
        id: MessageId([1; 16]),
        number: 1,
    };
    let receipt = Receipt { queue: 7, slot: 1, number: 1, receive: 1 };
    let attempted = Effect::Attempted { attempt_id: id, at: later, receipts: vec![receipt] };
    let changes = [queue(7), effect(7, remembered), effect(7, attempted), queue(8)];
    store.commit(later, changes.into()).unwrap();
    store.commit(later, vec![Change::QueueDeleted { uid: 8, at: later }]).unwrap();
    drop(store);
    let (mut store, world) = reopen(dir.path());
    assert_eq!(world.deleted.len(), 1);
    let soon = NOW.plus_seconds(301);
    store.commit(soon, vec![crate::support::store(7, 2, "x")]).unwrap();
    let file = Connection::open(dir.path().join("kew.sqlite3")).unwrap();
    for table in ["deduplication", "attempts", "deleted_queues"] {
        let left: i64 = file.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap();
        assert_eq!(left, 0, "{table}");
    }
}
