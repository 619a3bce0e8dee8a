//! Everything that can be wrong with a data directory, and what is said about it.

use std::fs;
use std::path::Path;

use kew::internals::store::sqlite::Options;
use kew::internals::store::{Durability, SqliteStore, Store, StoreError};
use rusqlite::Connection;

use crate::support::*;

fn refused(dir: &Path) -> StoreError {
    let opened = SqliteStore::open(dir, Durability::Full);
    let loaded = opened.and_then(|mut store| load(&mut store, NOW));
    loaded.expect_err("it must not start with less than was stored")
}

/// A closed store of some pages.
fn filled(dir: &Path) {
    let mut store = open(dir);
    let body = "body ".repeat(60);
    store.commit(NOW, vec![queue(7)]).unwrap();
    store.commit(NOW, (1..=500).map(|number| crate::support::store(7, number, &body)).collect()).unwrap();
}

#[test]
fn a_directory_in_use_is_refused_and_free_afterwards() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path());
    let error = SqliteStore::open(dir.path(), Durability::Full).unwrap_err();
    assert!(matches!(error, StoreError::InUse { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("in use by another kew"), "{text}");
    if cfg!(unix) {
        assert!(text.contains(&format!("process {}", std::process::id())), "{text}");
    }
    drop(first);
    open(dir.path());
}

#[test]
fn a_directory_is_made_with_its_parents() {
    let dir = tempfile::tempdir().unwrap();
    open(&dir.path().join("a/b"));
    assert!(dir.path().join("a/b/kew.sqlite3").exists());
}

#[cfg(target_os = "linux")]
#[test]
fn a_directory_that_cannot_be_written_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o555)).unwrap();
    // Rights do not bind the superuser, but not even that one can make files here.
    let may_all_the_same = fs::write(dir.path().join("try"), "").is_ok();
    let error = refused(if may_all_the_same { Path::new("/sys") } else { dir.path() });
    assert!(matches!(error, StoreError::ReadOnly { .. }), "{error:?}");
    assert!(error.to_string().contains("cannot be written"), "{error}");
}

#[test]
fn a_newer_schema_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path());
    let file = Connection::open(dir.path().join("kew.sqlite3")).unwrap();
    file.pragma_update(None, "user_version", 3).unwrap();
    drop(file);
    let error = refused(dir.path());
    assert!(matches!(error, StoreError::Newer { found: 3, known: 2, .. }), "{error:?}");
    assert!(error.to_string().contains("newer kew"), "{error}");
}

#[test]
fn a_file_that_is_not_ours_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("kew.sqlite3");
    let file = Connection::open(&path).unwrap();
    file.execute_batch("CREATE TABLE precious (x)").unwrap();
    drop(file);
    let before = fs::read(&path).unwrap();
    assert!(matches!(refused(dir.path()), StoreError::Foreign { .. }));
    assert_eq!(fs::read(&path).unwrap(), before);
    fs::write(&path, "This is a letter, and by no means a database, nor does it want to become one. ".repeat(99))
        .unwrap();
    assert!(matches!(refused(dir.path()), StoreError::Foreign { .. }));
}

#[test]
fn a_log_without_its_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("kew.sqlite3-wal"), "frames").unwrap();
    assert!(matches!(refused(dir.path()), StoreError::Corrupt { .. }));
    assert!(dir.path().join("kew.sqlite3-wal").exists());
}

#[test]
fn a_truncated_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path());
    let path = dir.path().join("kew.sqlite3");
    let whole = fs::read(&path).unwrap();
    for kept in [whole.len() - 4096, whole.len() / 2, 4096, 100] {
        fs::write(&path, &whole[..kept]).unwrap();
        let error = refused(dir.path());
        let known = matches!(error, StoreError::Corrupt { .. } | StoreError::Foreign { .. });
        assert!(known, "cut to {kept}: {error:?}");
    }
}

/// A damaged page is refused; a flipped bit is refused or harmless: SQLite has no checksums, but the structure of its
/// pages, the checks of values and the MD5 of bodies leave little room. Never is a message missing or a body other.
#[test]
fn damage_is_never_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path());
    let path = dir.path().join("kew.sqlite3");
    let whole = fs::read(&path).unwrap();
    let bodies = reopen(dir.path()).1.bodies;
    let mut refusals = 0;
    for (turn, page) in (4096..whole.len()).step_by(4096).enumerate() {
        let mut damaged = whole.clone();
        // Other bits of each page: its header, its cell pointers, its contents.
        let at = page + [0, 3, 5, 9, 17, 900, 2_000, 3_500, 4_090][turn % 9];
        damaged[at] ^= 0x10;
        fs::write(&path, damaged).unwrap();
        match SqliteStore::open(dir.path(), Durability::Full).and_then(|mut store| load(&mut store, NOW)) {
            Ok(world) => assert!(world.bodies == bodies, "bit at {at}"),
            Err(StoreError::Corrupt { .. }) => refusals += 1,
            Err(error) => panic!("bit at {at}: {error:?}"),
        }
        let _ = fs::remove_file(dir.path().join("kew.sqlite3-wal"));
    }
    assert!(refusals > 20, "only {refusals} were noticed");
    let mut damaged = whole.clone();
    damaged[8192..].fill(0);
    fs::write(&path, damaged).unwrap();
    let text = refused(dir.path()).to_string();
    assert!(text.contains("damaged") && text.contains("kew backup"), "{text}");
}

#[test]
fn a_body_that_is_not_what_was_sent_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path());
    let file = Connection::open(dir.path().join("kew.sqlite3")).unwrap();
    file.execute("UPDATE messages SET body = body || '!' WHERE id & 0xfff = 77", []).unwrap();
    drop(file);
    let error = refused(dir.path()).to_string();
    assert!(error.contains("queue orders-7") && error.contains("checksum"), "{error}");
}

#[test]
fn on_a_full_disk_the_batch_fails_whole_and_nothing_follows() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { pages_max: Some(60), ..Options::default() };
    let mut store = SqliteStore::open_with(dir.path(), Durability::Full, options).unwrap();
    store.commit(NOW, vec![queue(7)]).unwrap();
    let mut acknowledged = 0;
    let error = loop {
        let from = acknowledged + 1;
        let batch = (from..from + 20).map(|number| crate::support::store(7, number, &"x".repeat(900))).collect();
        match store.commit(NOW, batch) {
            Ok(()) => acknowledged += 20,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, StoreError::DiskFull { .. }), "{error:?}");
    assert!(error.to_string().contains("free some space"), "{error}");
    assert!(acknowledged > 20);
    // Also what would fit is refused now, for what comes after a lost batch makes no sense without it.
    assert_eq!(store.commit(NOW, vec![remove(7, 1)]), Err(error.clone()));
    assert_eq!(store.upkeep(NOW), Err(error));
    drop(store);
    let (_, world) = reopen(dir.path());
    assert_eq!(world.bodies[&7].len() as u64, acknowledged);
}

#[test]
fn a_killed_process_loses_nothing() {
    let (dir, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut live = open(dir.path());
    live.commit(NOW, vec![queue(7)]).unwrap();
    for number in 1..=40 {
        live.commit(NOW, vec![crate::support::store(7, number, "x")]).unwrap();
        // What the operating system holds at this moment is what a killed process leaves behind.
        for file in ["kew.sqlite3", "kew.sqlite3-wal"] {
            fs::copy(dir.path().join(file), copy.path().join(file)).unwrap();
        }
        assert_eq!(reopen(copy.path()).1.bodies[&7].len() as u64, number);
    }
}

#[test]
fn another_programs_write_lock_fails_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { busy: Some(std::time::Duration::ZERO), ..Options::default() };
    let mut store = SqliteStore::open_with(dir.path(), Durability::Full, options).unwrap();
    store.commit(NOW, vec![queue(7), queue(8), crate::support::store(7, 1, "x")]).unwrap();
    store.commit(NOW, vec![purge(7, 2)]).unwrap();
    let other = Connection::open(dir.path().join("kew.sqlite3")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    for _ in 0..3 {
        assert!(matches!(store.begin(), Err(StoreError::Busy { .. })));
        assert_eq!(store.upkeep(NOW), Ok(true), "the purged row is still to be cleared away");
    }
    other.execute_batch("COMMIT").unwrap();
    store.begin().unwrap();
    store.commit(NOW, vec![crate::support::store(8, 1, "y")]).unwrap();
    tidy(&mut store, NOW);
    drop(store);
    let (_, world) = reopen(dir.path());
    assert_eq!((world.bodies[&7].len(), world.bodies[&8].len()), (0, 1));
}

#[test]
fn a_counter_beyond_all_that_can_be_written_is_refused_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path());
    // A number that is as it was written.
    open(dir.path()).commit(NOW, vec![purge(7, (1 << 44) + 1)]).unwrap();
    assert!(matches!(refused(dir.path()), StoreError::Corrupt { .. }));
}
