//! `kew copy`: everything comes along, from a directory to a database and back.

use crate::kew::{Kew, command, finish};
use crate::server::Postgres;
use crate::support::NOW;
use crate::varied::{told, work};
use kew::internals::engine::{Effect, Time};
use kew::internals::store::postgres::Options;
use kew::internals::store::{Durability, PostgresStore, SqliteStore, Store, StoreError, StoredItem, copy};
use std::collections::BTreeMap;

/// The next number of each queue, and everything else.
fn parted(items: Vec<StoredItem>) -> (BTreeMap<u64, u64>, Vec<StoredItem>) {
    let mut numbers = BTreeMap::new();
    let rest = items.into_iter().filter(|item| match item {
        StoredItem::Effect { queue, effect: Effect::Counter { next_number } } => {
            numbers.insert(*queue, *next_number);
            false
        }
        _ => true,
    });
    let rest = rest.collect();
    (numbers, rest)
}

#[test]
fn a_copy_tells_what_the_original_tells() {
    let Some(postgres) = Postgres::start() else { return };
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let open = |at: usize| SqliteStore::open(dirs[at].path(), Durability::Process).unwrap();
    let url = postgres.new_url();
    let open_database = || PostgresStore::open(&url, &Options::default()).unwrap();
    let seed = crate::number("SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("SEED={seed}");
    let mut store = open(0);
    store.load(NOW, &mut |_| ()).unwrap();
    work(&mut store, seed);
    drop(store);
    let original = parted(told(&mut open(0)).unwrap());

    let mut progress = Vec::new();
    let copied = copy(&mut open(0), &mut open_database(), NOW, &mut |copied| progress.push(copied)).unwrap();
    let messages = original.1.iter().filter(|item| item.is_message()).count();
    assert_eq!((copied.queues, copied.messages), (3, messages as u64));
    let there = parted(told(&mut open_database()).unwrap());
    assert_eq!(there.1, original.1);
    let raised = |(queue, number): (&u64, &u64)| there.0[queue] >= *number;
    assert!(original.0.iter().all(raised), "{:?} {:?}", there.0, original.0);

    let back = copy(&mut open_database(), &mut open(1), NOW, &mut |_| ()).unwrap();
    assert_eq!(back, copied);
    let again = parted(told(&mut open(1)).unwrap());
    assert_eq!((again.1, again.0), (original.1, there.0));

    // Nothing is copied over something.
    let error = copy(&mut open(0), &mut open_database(), NOW, &mut |_| ()).unwrap_err();
    assert!(matches!(error, StoreError::Occupied { .. }), "{error}");
    let error = copy(&mut open_database(), &mut open(1), NOW, &mut |_| ()).unwrap_err();
    assert!(matches!(error, StoreError::Occupied { .. }), "{error}");
}

#[test]
fn a_large_store_is_copied_in_portions() {
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let open = |at: usize| SqliteStore::open(dirs[at].path(), Durability::Process).unwrap();
    let mut store = open(0);
    store.load(NOW, &mut |_| ()).unwrap();
    store.commit(NOW, vec![crate::support::queue(1)]).unwrap();
    let body = "x".repeat(100_000);
    (1..100).for_each(|number| store.commit(NOW, vec![crate::support::store(1, number, &body)]).unwrap());
    drop(store);
    let mut told = Vec::new();
    let copied = copy(&mut open(0), &mut open(1), Time(NOW.0 + 1), &mut |copied| told.push(copied.messages)).unwrap();
    assert_eq!((copied.messages, told.len()), (99, 2), "{told:?}");
}

#[test]
fn the_command_copies_there_and_back() {
    let Some(postgres) = Postgres::start() else { return };
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let (from, back) = (dirs[0].path().to_str().unwrap(), dirs[1].path().join("new"));
    let (url, back) = (postgres.new_url(), back.to_str().unwrap());
    let kew = Kew::start(&["--data", from, "--queue", "q", "--queue", "jobs.fifo"]);
    assert_eq!(kew.ask(crate::http::send("hello")).status, 200);
    let message = kew.ask(crate::http::receive(0)).ok().json()["Messages"][0].clone();
    // It is in use.
    let copy = |from: &str, to: &str| finish(&mut command(&["copy", "--from", from, "--to", to]));
    let ended = copy(from, &url);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.errors.contains("in use by another kew"), "{ended:?}");
    kew.stop();

    let ended = copy(from, &url);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.out.contains("2 queues with 1 messages"), "{ended:?}");
    let ended = copy(from, &url);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.errors.contains("is not empty"), "{ended:?}");
    let ended = copy(&url, back);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for (from, to, what) in
        [("/nowhere/at/all", back, "no directory"), (from, from, "the same"), (&url, &url, "the same")]
    {
        let ended = copy(from, to);
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.errors.contains(what), "{ended:?}");
    }
    // A receipt handle from before works after the way there and back.
    let kew = Kew::start(&["--data", back]);
    let delete = serde_json::json!({"QueueUrl": "q", "ReceiptHandle": message["ReceiptHandle"]});
    kew.ask(crate::http::json("DeleteMessage", delete.to_string())).ok();
    let counts = r#"{"QueueUrl":"q","AttributeNames":["All"]}"#;
    let counts = kew.ask(crate::http::json("GetQueueAttributes", counts)).ok().json()["Attributes"].clone();
    assert_eq!(counts["ApproximateNumberOfMessages"], "0");
    assert_eq!(counts["ApproximateNumberOfMessagesNotVisible"], "0");
    kew.stop();
}
