//! Damage of a store as a whole: lost, emptied and cut files, what `check` says of them, and what `salvage` saves.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use kew::internals::engine::Effect;
use kew::internals::store::{Durability, Store, StoreError, StoredItem, backup, check, salvage};

use crate::support::*;
use crate::varied::{self, BOOT, FILES, Files};

const DATABASE: &str = FILES[0];
const LOG: &str = FILES[1];
const NOTE: &str = FILES[2];

/// A start with these files.
fn start(files: &Files, durability: Durability, boot: &str) -> Result<Vec<StoredItem>, StoreError> {
    let dir = tempfile::tempdir().unwrap();
    varied::put(dir.path(), files);
    let told = varied::open_with(dir.path(), durability, boot).and_then(|mut store| varied::told(&mut store));
    if told.is_err() {
        assert!(varied::has(dir.path(), files), "a refused start changed a file");
    }
    told
}

fn refused(what: &str, files: &Files) -> String {
    let Err(error) = start(files, Durability::Process, BOOT) else { panic!("{what}: not refused") };
    assert!(matches!(error, StoreError::Corrupt { .. } | StoreError::Foreign { .. }), "{what}: {error:?}");
    let text = error.to_string();
    assert!(text.contains("kew check --data") && text.contains("kew salvage --data"), "{what}: {text}");
    let dir = tempfile::tempdir().unwrap();
    varied::put(dir.path(), files);
    let report = check(dir.path()).unwrap();
    assert!(!report.findings.is_empty(), "{what}: the check found nothing");
    assert!(varied::has(dir.path(), files), "{what}: the check changed a file");
    text
}

fn with(files: &Files, name: &'static str, change: impl FnOnce(&mut Vec<u8>)) -> Files {
    let mut files = files.clone();
    change(files.get_mut(name).unwrap());
    files
}

fn without(files: &Files, name: &'static str) -> Files {
    let mut files = files.clone();
    files.remove(name).unwrap();
    files
}

/// The ends of the commits in a log.
fn commits(log: &[u8]) -> Vec<usize> {
    let frames = (32..log.len().saturating_sub(4119)).step_by(4120);
    let ours = frames.filter(|&at| log[at + 8..at + 16] == log[16..24]);
    ours.filter(|&at| log[at + 4..at + 8] != [0; 4]).map(|at| at + 4120).collect()
}

#[test]
fn a_database_that_is_gone_or_empty_is_refused() {
    let (killed, _) = varied::killed(1);
    let (closed, _) = varied::closed(1);
    let text = refused("emptied beside its log", &with(&killed, DATABASE, Vec::clear));
    assert!(text.contains("it is empty, but its write-ahead log"), "{text}");
    let text = refused("missing beside its log", &without(&killed, DATABASE));
    assert!(text.contains("it is missing, but its write-ahead log"), "{text}");
    let text = refused("emptied", &with(&closed, DATABASE, Vec::clear));
    assert!(text.contains("commits were made; to begin anew, remove both"), "{text}");
    refused("missing", &without(&closed, DATABASE));
    refused("another one in its place", &with(&killed, DATABASE, |bytes| bytes.truncate(4096)));
    let new = tempfile::tempdir().unwrap();
    drop(open(new.path()));
    let new = fs::read(new.path().join(DATABASE)).unwrap();
    refused("a new one in its place", &with(&closed, DATABASE, |bytes| *bytes = new));
}

#[test]
fn a_log_that_is_gone_or_cut_is_refused() {
    let (killed, content) = varied::killed(2);
    let text = refused("removed", &without(&killed, LOG));
    assert!(text.contains("commits are missing from its write-ahead log"), "{text}");
    let length = killed[LOG].len();
    for kept in [0, 1, 31, 32, 100, length / 2] {
        refused(&format!("cut to {kept}"), &with(&killed, LOG, |log| log.truncate(kept)));
    }
    let ends = commits(&killed[LOG]);
    assert!(ends.len() > 5, "{ends:?}");
    for &end in &ends[..ends.len() - 1] {
        refused(&format!("cut after a commit, to {end}"), &with(&killed, LOG, |log| log.truncate(end)));
    }
    let last = *ends.last().unwrap();
    let cut = with(&killed, LOG, |log| log.truncate(last));
    assert!(start(&cut, Durability::Process, BOOT).unwrap() == content, "nothing is missing");
    let text = refused("a bit", &with(&killed, LOG, |log| log[32 + 2 * 4120 + 8] ^= 4));
    assert!(text.contains("frame 3 is not what was written"), "{text}");
}

#[test]
fn a_log_that_another_program_has_moved_into_the_database_is_not_missed() {
    let (killed, content) = varied::killed(3);
    let dir = tempfile::tempdir().unwrap();
    varied::put(dir.path(), &killed);
    let looking = rusqlite::Connection::open(dir.path().join(DATABASE)).unwrap();
    let messages: i64 = looking.query_row("SELECT count(*) FROM message", [], |row| row.get(0)).unwrap();
    assert!(messages > 10);
    drop(looking);
    assert!(!dir.path().join(LOG).exists());
    assert!(start(&varied::files(dir.path()), Durability::Process, BOOT).unwrap() == content);
}

/// Without what was noted in this start of the system, the log itself has to tell.
#[test]
fn after_a_loss_of_power_only_the_last_commit_may_be_torn() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = varied::open_with(dir.path(), Durability::Full, BOOT).unwrap();
    store.commit(NOW, vec![queue(7)]).unwrap();
    // It reached the disk, and later ones did not.
    let note = fs::read(dir.path().join(NOTE)).unwrap();
    for number in 1..=20 {
        store.commit(NOW, vec![crate::support::store(7, number, &"x".repeat(3_000))]).unwrap();
    }
    let mut files = varied::files(dir.path());
    drop(store);
    files.insert(NOTE, note);
    let ends = commits(&files[LOG]);
    let [.., one_before, before, last] = ends[..] else { panic!("{ends:?}") };
    let count = |files: &Files, durability, boot: &str| {
        start(files, durability, boot).map(|all| all.iter().filter(|loaded| loaded.is_message()).count())
    };
    let torn = |at: usize| with(&files, LOG, |log| log[at..at + 512].fill(0xee));
    assert_eq!(count(&files, Durability::Full, "another"), Ok(20));
    for at in (before..last - 512).step_by(512) {
        assert_eq!(count(&torn(at), Durability::Full, "another"), Ok(19), "at {at}");
    }
    // With one commit behind it, what is left of a frame without its header might be the beginning of that commit.
    for at in (32..one_before).step_by(4120) {
        let error = count(&torn(at), Durability::Full, "another").unwrap_err();
        assert!(error.to_string().contains("frames of later commits follow"), "{error}");
        let flipped = with(&files, LOG, |log| log[at + 9] ^= 1);
        count(&flipped, Durability::Full, "another").expect_err("a salt");
    }
    count(&with(&files, LOG, |log| log[17] ^= 1), Durability::Full, "another").expect_err("the header");
    let unknown = without(&files, NOTE);
    assert_eq!(count(&unknown, Durability::Full, "another"), Ok(20));
    count(&with(&unknown, LOG, |log| log[40 + 4120 * 3] ^= 1), Durability::Full, "another")
        .expect_err("without a note");
}

#[test]
fn with_process_durability_a_loss_of_power_may_take_more() {
    let (killed, content) = varied::killed_with(4, Durability::Process);
    let ends = commits(&killed[LOG]);
    let torn = with(&killed, LOG, |log| log[ends[1]..ends[1] + 512].fill(0xee));
    assert!(start(&torn, Durability::Process, BOOT).is_err(), "the system has not been started again");
    let told = start(&torn, Durability::Process, "another").unwrap();
    assert!(told.len() < content.len());
    assert!(start(&killed, Durability::Process, "another").unwrap() == content);
}

#[test]
fn a_row_that_was_changed_taken_away_or_put_back_by_another_hand_is_refused() {
    let (closed, _) = varied::closed(5);
    for sql in [
        "UPDATE queues SET region = 'eu-central-2'",
        "UPDATE queues SET tags = '{}'",
        "UPDATE messages SET place = 99 WHERE id = (SELECT min(id) FROM messages)",
        "UPDATE messages SET sent_ms = sent_ms + 1 WHERE id = (SELECT max(id) FROM messages WHERE id >> 44 = 1)",
        "DELETE FROM messages WHERE id = (SELECT min(id) FROM messages)",
        "UPDATE messages SET id = id + 1000 WHERE id = (SELECT min(id) FROM messages)",
        "DELETE FROM counters",
        "DELETE FROM discarded",
        "DELETE FROM attempts",
        "UPDATE attempts SET at_ms = at_ms + 1",
        "DELETE FROM deduplication WHERE id & 1",
        "UPDATE move_tasks SET moved = 0",
        "DELETE FROM move_tasks WHERE id = 'one'",
        "UPDATE deleted_queues SET at_ms = at_ms - 1",
        "UPDATE manifest SET last_commit = last_commit + 1",
        "UPDATE manifest SET totals = replace(totals, '[2,', '[3,')",
        "DELETE FROM manifest",
        "DROP VIEW message",
        "ALTER TABLE messages RENAME COLUMN place TO spot",
        "DELETE FROM messages WHERE id >> 44 = 4",
    ] {
        let dir = tempfile::tempdir().unwrap();
        varied::put(dir.path(), &closed);
        let file = rusqlite::Connection::open(dir.path().join(DATABASE)).unwrap();
        file.execute_batch(sql).unwrap();
        drop(file);
        refused(sql, &varied::files(dir.path()));
    }
    let dir = tempfile::tempdir().unwrap();
    varied::put(dir.path(), &closed);
    let file = rusqlite::Connection::open(dir.path().join(DATABASE)).unwrap();
    file.execute_batch("VACUUM; CREATE VIEW mine AS SELECT body FROM message").unwrap();
    drop(file);
    start(&varied::files(dir.path()), Durability::Process, BOOT).unwrap();
}

#[test]
fn a_sound_store_is_found_sound_and_left_alone() {
    for (files, content) in [varied::closed(6), varied::killed(6)] {
        let dir = tempfile::tempdir().unwrap();
        varied::put(dir.path(), &files);
        let report = check(dir.path()).unwrap();
        assert!(report.findings.is_empty(), "{report}");
        assert_eq!(report.messages, content.iter().filter(|loaded| loaded.is_message()).count() as u64);
        assert_eq!(report.queues, 3);
        assert!(varied::has(dir.path(), &files));
        let names = fs::read_dir(dir.path()).unwrap().count();
        assert_eq!(names, files.len(), "no file more than before");
    }
    let dir = tempfile::tempdir().unwrap();
    let _live = open(dir.path());
    let error = check(dir.path()).unwrap_err();
    assert!(matches!(error, StoreError::InUse { .. }), "{error:?}");
    assert!(check(&dir.path().join("nowhere")).is_err());
}

/// What `salvage` makes of some files: the lines it said, and what is in the new store.
fn salvaged(files: &Files) -> (String, Vec<StoredItem>) {
    let (dir, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    varied::put(dir.path(), files);
    let report = salvage(dir.path(), to.path()).unwrap();
    assert!(varied::has(dir.path(), files), "salvaging changed a file");
    let told = varied::told(&mut varied::open_with(to.path(), Durability::Process, BOOT).unwrap()).unwrap();
    let sound = check(to.path()).unwrap();
    assert!(sound.findings.is_empty(), "{sound}");
    assert_eq!(report.messages, told.iter().filter(|loaded| loaded.is_message()).count() as u64);
    (report.to_string(), told)
}

/// The messages, whole, by what their effects say.
fn messages(all: &[StoredItem]) -> BTreeSet<String> {
    let message = |loaded: &StoredItem| match loaded {
        StoredItem::Effect { effect: Effect::Stored(stored), .. } => Some(format!("{stored:?}")),
        _ => None,
    };
    all.iter().filter_map(message).collect()
}

#[test]
fn a_sound_store_is_salvaged_whole() {
    for (files, mut content) in [varied::closed(7), varied::killed(7)] {
        let (report, told) = salvaged(&files);
        assert!(!report.contains("damaged"), "{report}");
        // The minute for which the name is closed is not carried over.
        content.retain(|loaded| !matches!(loaded, StoredItem::DeletedName { .. }));
        assert!(told == content, "{report}");
    }
}

#[test]
fn behind_an_unreadable_page_everything_is_saved() {
    let (closed, content) = varied::closed(8);
    let all = messages(&content);
    let mut saved_some = 0;
    for page in (4096..closed[DATABASE].len()).step_by(4096) {
        let broken = with(&closed, DATABASE, |bytes| bytes[page..page + 4096].fill(0xa5));
        refused(&format!("page at {page}"), &broken);
        let (report, told) = salvaged(&broken);
        assert!(report.contains("damaged: "), "{report}");
        let found = messages(&told);
        assert!(found.is_subset(&all) || report.contains("purged messages may be back"), "page at {page}: {report}");
        saved_some += usize::from(found.len() > all.len() / 2);
    }
    let pages = closed[DATABASE].len() / 4096;
    assert!(saved_some > pages * 2 / 3, "{saved_some} of {pages}");
}

#[test]
fn one_bad_row_is_left_out_and_named() {
    let (closed, content) = varied::closed(9);
    let dir = tempfile::tempdir().unwrap();
    varied::put(dir.path(), &closed);
    let file = rusqlite::Connection::open(dir.path().join(DATABASE)).unwrap();
    let (id, message_id): (i64, String) = file
        .query_row("SELECT id, message_id FROM messages WHERE id >> 44 = 2 LIMIT 1", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    file.execute("UPDATE messages SET deadline_ms = 5 WHERE id = ?", [id]).unwrap();
    file.execute("UPDATE queues SET region = 'mars' WHERE name = 'orders-7'", []).unwrap();
    drop(file);
    let (report, told) = salvaged(&varied::files(dir.path()));
    assert_eq!(messages(&told).len(), messages(&content).len() - 1);
    assert!(report.contains("queue orders-8, messages.id") && report.contains(&message_id), "{report}");
    assert!(report.contains("queue orders-7: the row is not what was written"), "{report}");
}

#[test]
fn messages_of_a_queue_whose_row_is_lost_are_saved() {
    let (closed, content) = varied::closed(10);
    let dir = tempfile::tempdir().unwrap();
    varied::put(dir.path(), &closed);
    let file = rusqlite::Connection::open(dir.path().join(DATABASE)).unwrap();
    file.execute("DELETE FROM queues WHERE name = 'orders-7'", []).unwrap();
    drop(file);
    let (report, told) = salvaged(&varied::files(dir.path()));
    assert_eq!(messages(&told), messages(&content), "{report}");
    assert!(report.contains("salvaged-1"), "{report}");
}

#[test]
fn frames_behind_a_bad_one_are_saved() {
    let (killed, content) = varied::killed(11);
    let all = messages(&content);
    let ends = commits(&killed[LOG]);
    let broken = with(&killed, LOG, |log| log[ends[0] + 40] ^= 1);
    let (report, told) = salvaged(&broken);
    let found = messages(&told);
    assert!(report.contains("was left out"), "{report}");
    // The page of that frame was written again by a later commit.
    assert!(found == all, "{} of {}: {report}", found.len(), all.len());

    let (report, told) = salvaged(&with(&killed, DATABASE, Vec::clear));
    let found = messages(&told);
    assert!(found.is_subset(&all) && found.len() > 10, "{} of {}: {report}", found.len(), all.len());
    let (report, told) = salvaged(&without(&killed, LOG));
    assert!(messages(&told).len() > 10, "{report}");
}

#[test]
fn a_damaged_beginning_and_schema_are_set_right() {
    let (closed, content) = varied::closed(12);
    let beginning = with(&closed, DATABASE, |bytes| bytes[..96].fill(0));
    refused("the beginning", &beginning);
    let (_, told) = salvaged(&beginning);
    assert_eq!(messages(&told), messages(&content));
    let name = b"\n  message_group ";
    let schema = with(&closed, DATABASE, |bytes| {
        for at in 0..bytes.len() - name.len() {
            if bytes[at..].starts_with(name) {
                bytes[at + 5] ^= 2;
            }
        }
    });
    refused("the schema", &schema);
    let (_, told) = salvaged(&schema);
    assert_eq!(messages(&told), messages(&content));
}

#[test]
fn salvage_overwrites_nothing() {
    let (closed, _) = varied::closed(13);
    let (dir, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    varied::put(dir.path(), &closed);
    fs::write(to.path().join("letter"), "dear").unwrap();
    assert!(matches!(salvage(dir.path(), to.path()), Err(StoreError::Occupied { .. })));
    assert!(matches!(salvage(dir.path(), dir.path()), Err(StoreError::Occupied { .. })));
    assert_eq!(fs::read_dir(to.path()).unwrap().count(), 1);
    let _live = open(dir.path());
    assert!(matches!(salvage(dir.path(), &to.path().join("new")), Err(StoreError::InUse { .. })));
    assert!(!to.path().join("new").exists());
}

#[test]
fn a_damaged_log_is_neither_copied_nor_destroyed_by_a_backup() {
    let (killed, _) = varied::killed(14);
    let broken = with(&killed, LOG, |log| log[32 + 4120 + 8] ^= 4);
    let (dir, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    varied::put(dir.path(), &broken);
    let error = backup(dir.path(), to.path()).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
    assert!(varied::has(dir.path(), &broken));
    assert!(!to.path().join(DATABASE).exists());
    let at = |dir: &Path| fs::read_dir(dir).unwrap().count();
    assert_eq!(at(to.path()), 0, "nothing is left");
}
