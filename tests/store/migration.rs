//! Stores of older kews: they open, and have checksums then; damaged ones are refused as they are.

use std::fs;
use std::path::Path;

use kew::internals::store::{Durability, SqliteStore, Store, StoreError, check};
use rusqlite::Connection;

use crate::support::*;
use crate::varied::{self, BOOT};

/// The schema as it was without checksums.
const SCHEMA_1: &str = include_str!("schema_1.sql");

const TABLES: [&str; 9] = [
    "queues",
    "counters",
    "messages",
    "long_bodies",
    "deduplication",
    "attempts",
    "discarded",
    "move_tasks",
    "deleted_queues",
];

/// Writes what a store holds as a kew of schema 1 would have.
fn as_version_1(dir: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    let old = Connection::open(to.join("kew.sqlite3")).unwrap();
    old.pragma_update(None, "auto_vacuum", "INCREMENTAL").unwrap();
    let _: String = old.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0)).unwrap();
    old.execute_batch(SCHEMA_1).unwrap();
    old.execute("ATTACH ? AS new", [dir.join("kew.sqlite3").to_str().unwrap()]).unwrap();
    for table in TABLES {
        let columns: Vec<String> = old
            .prepare("SELECT name FROM pragma_table_info(?, 'main') ORDER BY cid")
            .unwrap()
            .query_map([table], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        let columns = columns.join(", ");
        old.execute(&format!("INSERT INTO main.{table} SELECT {columns} FROM new.{table}"), []).unwrap();
    }
    old.execute_batch("DETACH new; PRAGMA user_version = 1; PRAGMA application_id = 0x6b657771").unwrap();
}

fn filled() -> (tempfile::TempDir, Vec<kew::internals::store::StoredItem>) {
    let (new, old) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (files, content) = varied::closed(3);
    varied::put(new.path(), &files);
    as_version_1(new.path(), old.path());
    (old, content)
}

fn schema(dir: &Path) -> Vec<(String, String)> {
    let file = Connection::open(dir.join("kew.sqlite3")).unwrap();
    let mut texts = file.prepare("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name").unwrap();
    texts.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect()
}

#[test]
fn a_store_without_checksums_opens_and_has_them_then() {
    let (old, content) = filled();
    let report = check(old.path()).unwrap();
    assert!(report.findings.is_empty(), "{report}");
    assert!(report.to_string().contains("version 1, without checksums"), "{report}");

    let mut store = varied::open_with(old.path(), Durability::Process, BOOT).unwrap();
    assert!(varied::told(&mut store).unwrap() == content);
    drop(store);
    let report = check(old.path()).unwrap();
    assert!(report.findings.is_empty() && !report.to_string().contains("without checksums"), "{report}");
    let fresh = tempfile::tempdir().unwrap();
    drop(open(fresh.path()));
    assert_eq!(schema(old.path()), schema(fresh.path()));

    let file = Connection::open(old.path().join("kew.sqlite3")).unwrap();
    let row: i64 = file.query_row("SELECT min(id) FROM messages", [], |row| row.get(0)).unwrap();
    file.execute("UPDATE messages SET receive_count = receive_count + 1 WHERE id = ?", [row]).unwrap();
    drop(file);
    let error = SqliteStore::open(old.path(), Durability::Full).and_then(|mut store| load(&mut store, NOW));
    assert!(matches!(error, Err(StoreError::Corrupt { .. })), "{error:?}");
}

#[test]
fn a_damaged_store_without_checksums_is_refused_before_it_is_given_some() {
    let (old, _) = filled();
    let path = old.path().join("kew.sqlite3");
    let file = Connection::open(&path).unwrap();
    file.execute(
        "UPDATE messages SET body = 'other' WHERE id = (SELECT min(id) FROM messages WHERE body IS NOT NULL)",
        [],
    )
    .unwrap();
    drop(file);
    let before = fs::read(&path).unwrap();
    let error = SqliteStore::open(old.path(), Durability::Full).unwrap_err();
    assert!(error.to_string().contains("MD5"), "{error}");
    assert!(fs::read(&path).unwrap() == before);
}

#[test]
fn with_a_manifest_the_next_kew_goes_on_counting() {
    let dir = tempfile::tempdir().unwrap();
    for number in 1..=3 {
        let mut store = open(dir.path());
        load(&mut store, NOW).unwrap();
        store.commit(NOW, vec![queue(number)]).unwrap();
    }
    let file = Connection::open(dir.path().join("kew.sqlite3")).unwrap();
    let (commits, totals): (i64, String) =
        file.query_row("SELECT last_commit, totals FROM manifest", [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert_eq!(commits, 4, "one for the schema");
    assert!(totals.starts_with("{\"queues\":[3,"), "{totals}");
}
