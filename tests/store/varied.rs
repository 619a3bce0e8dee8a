//! A small store with something of everything in it, closed or as a killed process leaves it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use kew::internals::engine::{
    Attributes, DeduplicationScope, Effect, Extra, Message, MessageId, MessageState, MessageStatus, Receipt,
    StoredMessage, Time,
};
use kew::internals::store::sqlite::Options;
use kew::internals::store::{
    Change, Durability, MoveTaskRecord, QueueRecord, SqliteStore, Store, StoreError, StoredItem,
};

use crate::support::*;

/// What a start of the system is called, so that the tests do not depend on the system.
pub const BOOT: &str = "this-one";

/// The files that a damaged store is judged by.
pub const FILES: [&str; 3] = ["kew.sqlite3", "kew.sqlite3-wal", "kew.last-commit"];

/// The files of a store, without those that are not there.
pub type Files = BTreeMap<&'static str, Vec<u8>>;

pub fn files(dir: &Path) -> Files {
    FILES.into_iter().filter_map(|name| Some((name, fs::read(dir.join(name)).ok()?))).collect()
}

/// Whether a directory has these files. SQLite makes an empty log where there is none.
pub fn has(dir: &Path, files: &Files) -> bool {
    let is_something = |(name, bytes): &(&str, Vec<u8>)| *name != FILES[1] || !bytes.is_empty();
    self::files(dir).into_iter().filter(is_something).eq(files.clone().into_iter().filter(is_something))
}

pub fn put(dir: &Path, files: &Files) {
    for name in FILES {
        match files.get(name) {
            Some(bytes) => fs::write(dir.join(name), bytes).unwrap(),
            None => drop(fs::remove_file(dir.join(name))),
        }
    }
}

pub fn open_with(dir: &Path, durability: Durability, boot: &str) -> Result<SqliteStore, StoreError> {
    // The log is moved into the file now and then.
    let options = Options { boot: Some(boot.into()), log_pages: Some(60), ..Options::default() };
    SqliteStore::open_with(dir, durability, options)
}

/// Everything a store tells, in its order.
pub fn told(store: &mut dyn Store) -> Result<Vec<StoredItem>, StoreError> {
    let mut all = Vec::new();
    store.load(NOW, &mut |loaded| all.push(loaded))?;
    Ok(all)
}

fn effect(queue: u64, effect: Effect) -> Change {
    Change::Effect { queue, effect }
}

fn text(random: &mut Random, length: u64) -> String {
    (0..length).map(|_| char::from(b'a' + random.below(26) as u8)).collect()
}

fn extra(random: &mut Random) -> Extra {
    let value = text(random, 4);
    let mut encoded = b"\0\0\0\x06colour\0\0\0\x06String\x01\0\0\0\x04".to_vec();
    encoded.extend(value.bytes());
    let some = |random: &mut Random, what: &str| (random.below(2) == 0).then(|| format!("{what}-{}", random.below(99)));
    Extra {
        attributes: (random.below(2) == 0).then(|| Attributes { encoded: encoded.into(), md5: [9; 16] }),
        trace_header: some(random, "Root=1").map(Into::into),
        sender: some(random, "AIDA").map(Into::into),
        deduplication_id: some(random, "dedup").map(Into::into),
        dead_letter_source: some(random, "arn:aws:sqs:eu-central-1:000000000000:source").map(Into::into),
        retained_from: None,
        receive_count_on_arrival: random.below(3) as u32,
        ..Extra::default()
    }
}

fn status(random: &mut Random, number: u64) -> MessageStatus {
    let (state, after_ms) =
        [(MessageState::Visible, None), (MessageState::InFlight, Some(30_000)), (MessageState::Delayed, Some(900_000))]
            [random.below(3) as usize];
    let received = (state == MessageState::InFlight).then_some(Time(NOW.0 + number));
    MessageStatus {
        order: number + random.below(2),
        state,
        deadline: after_ms.map(|ms| Time(NOW.0 + ms + number)),
        receive_count: u32::from(received.is_some()) * 3,
        first_received: received,
        received_at: received,
    }
}

fn sent(random: &mut Random, uid: u64, number: u64, fifo: bool) -> Change {
    let length = if random.below(6) == 0 { 2_500 } else { random.below(300) };
    let status = status(random, number);
    let extra = extra(random);
    let message = Message {
        extra: (extra != Extra::default()).then(|| Arc::new(extra)),
        group: fifo.then(|| format!("group-{}", random.below(3)).into()),
        first_received: status.first_received,
        receive_count: status.receive_count,
        retained_from: Time(NOW.0 + random.below(2) * 7),
        ..message(number, &text(random, length))
    };
    effect(uid, Effect::Stored(Box::new(StoredMessage { slot: number as u32, number, status, message })))
}

fn queue_of(uid: u64, fifo: bool) -> Change {
    let deduplication_scope = if fifo { DeduplicationScope::MessageGroup } else { DeduplicationScope::Queue };
    let attributes = [("VisibilityTimeout", "45"), ("Policy", r#"{"Version":"2012-10-17","Id":"ü"}"#)];
    let tags = [("team", "a"), ("empty", "")];
    let texts = |texts: [(&str, &str); 2]| texts.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let purged = (uid == 8).then_some(Time(NOW.0 - 5));
    let record = QueueRecord {
        fifo,
        deduplication_scope,
        attributes: texts(attributes),
        tags: texts(tags),
        purged,
        ..record(uid)
    };
    Change::Queue(Box::new(record))
}

fn task(id: &str, moved: u64) -> Change {
    Change::MoveTask(Box::new(MoveTaskRecord {
        id: id.into(),
        queue: 7,
        source_arn: "arn:aws:sqs:eu-central-1:000000000000:orders-7".into(),
        destination_arn: (moved > 3).then(|| "arn:aws:sqs:eu-central-1:000000000000:orders-8".into()),
        rate: Some(50),
        started: NOW,
        to_move: 10,
        moved,
        status: "RUNNING".into(),
        failure: None,
    }))
}

/// Does something of everything: sends, receives, deletes, purges, in commits of a few changes.
pub fn work(store: &mut dyn Store, seed: u64) {
    let mut random = Random(seed);
    let mut commits = 0;
    let mut commit = |changes| {
        store.commit(NOW, changes).unwrap();
        commits += 1;
        // The log is begun anew now and then, and from the middle on holds everything.
        if commits < 30 {
            store.upkeep(NOW).unwrap();
        }
    };
    commit(vec![queue_of(7, false), queue_of(8, true), queue_of(9, false), queue_of(10, false)]);
    commit((1..30).map(|number| sent(&mut random, 10, number, false)).collect());
    for number in 1..60 {
        let mut changes = vec![sent(&mut random, 7, number, false), sent(&mut random, 8, number, true)];
        let (id, deduplication_id) = (MessageId([3; 16]), format!("dedup-{number}").into());
        let group = Some("group".into());
        changes.push(effect(8, Effect::Remembered { group, deduplication_id, first_sent: NOW, id, number }));
        if number % 3 == 0 {
            let (number, status) = (number - 1, status(&mut random, number - 1));
            changes.push(effect(7, Effect::Changed { slot: number as u32, number, status }));
        }
        if number % 4 == 0 {
            changes.push(remove(7, number - 2));
        }
        if number % 10 == 0 {
            let receipts = vec![Receipt { queue: 8, slot: number as u32, number, receive: 3 }];
            let at = Time(NOW.0 - number);
            let Change::Effect { effect: Effect::Stored(stored), .. } = &mut changes[1] else { unreachable!() };
            let deadline = Some(Time(NOW.0 + 9_000));
            stored.status =
                MessageStatus { state: MessageState::InFlight, deadline, receive_count: 3, ..stored.status };
            changes.push(effect(8, Effect::Attempted { attempt_id: format!("attempt-{number}").into(), at, receipts }));
        }
        commit(changes);
    }
    commit(vec![task("one", 3), task("two", 4)]);
    commit(vec![task("one", 5), store_of(9, 1), store_of(9, 2)]);
    // These rows wait to be cleared away, and the name is remembered.
    store.commit(NOW, vec![purge(9, 2), Change::QueueDeleted { uid: 10, at: NOW }]).unwrap();
}

fn store_of(uid: u64, number: u64) -> Change {
    store(uid, number, "body")
}

/// The files of a store that was closed, and what it told.
pub fn closed(seed: u64) -> (Files, Vec<StoredItem>) {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open_with(dir.path(), Durability::Full, BOOT).unwrap();
    work(&mut store, seed);
    drop(store);
    let files = files(dir.path());
    assert!(!files.contains_key("kew.sqlite3-wal"));
    (files, all(dir.path()))
}

/// The files of a store whose process was killed, with a log full of commits, and what it told.
pub fn killed(seed: u64) -> (Files, Vec<StoredItem>) {
    killed_with(seed, Durability::Full)
}

pub fn killed_with(seed: u64, durability: Durability) -> (Files, Vec<StoredItem>) {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open_with(dir.path(), durability, BOOT).unwrap();
    work(&mut store, seed);
    // What the operating system holds at this moment is what a killed process leaves behind.
    let files = files(dir.path());
    assert!(files["kew.sqlite3-wal"].len() > 30 * 4096, "{} bytes of log", files["kew.sqlite3-wal"].len());
    drop(store);
    (files, all(dir.path()))
}

fn all(dir: &Path) -> Vec<StoredItem> {
    told(&mut open_with(dir, Durability::Process, BOOT).unwrap()).unwrap()
}
