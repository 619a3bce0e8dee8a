//! Who may join while others are there, and what becomes of a database of an earlier kew.

use std::sync::Arc;

use kew::internals::engine::{Effect, Extra, MessageId, MessageState, Receipt, Time};
use kew::internals::store::postgres::{ClusterOptions, Options};
use kew::internals::store::{PostgresStore, StoreError, StoredItem};

use crate::nodes::{Node, options, value};
use crate::server::{new_url, sql};
use crate::support::*;
use crate::varied::told;

/// The tables as they were in the first version, and what has come since, up to the last but one.
const SCHEMAS: [&str; 3] = [
    include_str!("../../src/store/postgres/schema.sql"),
    include_str!("../../src/store/postgres/schema_2.sql"),
    include_str!("../../src/store/postgres/schema_3.sql"),
];

/// Session of a node that has not joined yet, between two questions.
const WAITING: &str =
    "FROM pg_stat_activity WHERE application_name ~ '^kew/[0-9]+$' AND datname = current_database() AND state = 'idle'";

fn alone(name: &str) -> Options {
    Options { name: Some(name.into()), ..Options::default() }
}

/// Opens a store with the one while a store with the other is there; the second has to wait until the first is gone.
fn waits(first: &Options, second: &Options) {
    let Some(url) = new_url() else { return };
    let first = PostgresStore::open(&url, first).unwrap();
    let sessions = format!("SELECT count(DISTINCT application_name) {WAITING}");
    std::thread::scope(|threads| {
        let waiting = threads.spawn(|| PostgresStore::open(&url, second).unwrap());
        while value(&url, &sessions) == "0" {
            std::thread::yield_now();
        }
        assert_eq!(value(&url, "SELECT count(*) FROM kew.node"), "1");
        drop(first);
        let second = waiting.join().unwrap();
        let in_order = "SELECT (SELECT joined FROM kew.node WHERE state = 'serving') >= (SELECT gone FROM kew.node WHERE state = 'gone')";
        assert_eq!(value(&url, in_order), "t");
        drop(second);
    });
}

#[test]
fn one_that_serves_alone_waits_for_one_of_several() {
    waits(&options("one of several"), &alone("alone"));
}

#[test]
fn one_of_several_waits_for_one_that_serves_alone() {
    waits(&alone("alone"), &options("one of several"));
}

#[test]
fn another_secret_is_refused_while_somebody_lives() {
    let Some(url) = new_url() else { return };
    let mut one = Node::join(&url, "one");
    let other = ClusterOptions { peer_url: "http://two:9325".into(), secret: "something else entirely".into() };
    let mut strange = options("two");
    strange.cluster = Some(other);
    let all = "SELECT encode(secret, 'hex') FROM kew.meta UNION ALL SELECT id || state FROM kew.node";
    let before = sql(&url, all);
    let error = std::thread::scope(|threads| {
        let joining = threads.spawn(|| PostgresStore::open(&url, &strange).unwrap_err());
        while !joining.is_finished() {
            one.round();
        }
        joining.join().unwrap()
    });
    let text = error.to_string();
    assert!(matches!(error, StoreError::Unusable { .. }), "{error:?}");
    assert!(text.contains("one serves from it with another --cluster-secret") && text.contains("stop all"), "{text}");
    assert!(!text.contains("entirely"));
    assert!(!format!("{strange:?}").contains("entirely"));
    assert_eq!(sql(&url, all), before);
    // The secret itself is nowhere.
    assert_eq!(
        value(&url, "SELECT encode(secret, 'hex') FROM kew.meta"),
        "a78c29c1e55b86d970ac75b3dbd2bfc57c148628cfc3cad548d4ee0be7204d4e"
    );
    let two = Node::join(&url, "two");
    drop((one, two));
    PostgresStore::open(&url, &strange).unwrap();
}

#[test]
fn a_secret_may_be_changed_when_all_have_died() {
    let Some(url) = new_url() else { return };
    let dead = Node::join(&url, "one").die();
    sql(
        &url,
        "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE application_name LIKE 'kew/%' AND datname = current_database()",
    );
    let mut other = options("two");
    other.cluster.as_mut().unwrap().secret = "something else entirely".into();
    let two = PostgresStore::open(&url, &other).unwrap();
    assert_eq!(value(&url, &format!("SELECT state FROM kew.node WHERE id = {dead}")), "gone");
    assert_eq!(value(&url, "SELECT count(*) FROM kew.node WHERE state = 'serving'"), "1");
    drop(two);
}

/// The tables of a version.
fn tables(url: &str, version: usize) {
    sql(url, "CREATE SCHEMA kew");
    for schema in &SCHEMAS[..version] {
        sql(url, schema);
    }
}

/// A database as the first version left it, with something of everything in it.
fn schema_1(url: &str) {
    tables(url, 1);
    let record = r#"{"kind": "fifo", "deduplication_scope": "queue", "created_ms": 1, "modified_ms": 2, "purged_ms": 3,
        "attributes": {"VisibilityTimeout": "45"}, "tags": {"team": "a"}}"#;
    let at = NOW.0;
    sql(
        url,
        &format!(
            "INSERT INTO kew.meta (schema, namespace, made_by) VALUES (1, 'merged', 'kew 0.1.0');
             INSERT INTO kew.node (id, state, name, version, gone_by, gone) VALUES (3, 'gone', 'old', '0.1.0', 'itself', now());
             INSERT INTO kew.mark VALUES (3, 17);
             INSERT INTO kew.queue VALUES (7, '000000000000', 'eu-central-1', 'orders-7.fifo', '{record}', 3, 4, 65536, 2);
             INSERT INTO kew.message VALUES (7, 1, 1, NULL, 'v', NULL, 0, NULL, NULL, {at}, NULL,
               '00000000-0000-0000-0000-000000000001', decode(md5('purged'), 'hex'), NULL, NULL, NULL, NULL, 'purged'),
               (7, 2, 2, NULL, 'f', {at} + 30000, 3, {at}, {at} + 1, {at}, NULL,
               '00000000-0000-0000-0000-000000000002', decode(md5('kept'), 'hex'), 'g', '{{\"sender\": \"AIDA\"}}', NULL, NULL, 'kept');
             INSERT INTO kew.discarded VALUES (7, 2);
             INSERT INTO kew.dedup VALUES (7, 2, NULL, 'd', {at}, '00000000-0000-0000-0000-000000000002');
             INSERT INTO kew.attempt VALUES (7, 'a', {at}, '{{2}}', '{{2}}', '{{3}}', '{{{}}}');
             INSERT INTO kew.move_task (id, queue, source_arn, started_ms, to_move, moved, status) VALUES ('t', 7, 's', {at}, 5, 1, 'RUNNING');
             INSERT INTO kew.deleted_queue VALUES ('000000000000', 'eu-central-1', 'gone', {at})",
            at + 30_000
        ),
    );
}

fn check_items(items: &[StoredItem]) {
    let StoredItem::Queue(queue) = &items[0] else { panic!("{items:?}") };
    assert_eq!((queue.uid, &*queue.name, queue.fifo, queue.purged), (7, "orders-7.fifo", true, Some(Time(3))));
    let StoredItem::Effect { effect: Effect::Stored(stored), .. } = &items[1] else { panic!("{items:?}") };
    assert_eq!((stored.number, stored.message.body.as_str(), stored.status.state), (2, "kept", MessageState::InFlight));
    assert_eq!(stored.message.extra, Some(Arc::new(Extra { sender: Some("AIDA".into()), ..Extra::default() })));
    let mut id = [0; 16];
    id[15] = 2;
    let effect = |effect| StoredItem::Effect { queue: 7, effect };
    let (deduplication_id, first_sent) = ("d".into(), NOW);
    assert_eq!(
        items[2],
        effect(Effect::Remembered { group: None, deduplication_id, first_sent, id: MessageId(id), number: 2 })
    );
    let receipts = vec![Receipt { queue: 7, slot: 2, number: 2, receive: 3 }];
    assert_eq!(items[3], effect(Effect::Attempted { attempt_id: "a".into(), at: NOW, receipts }));
    assert_eq!(items[4], effect(Effect::Counter { next_number: 65_536 }));
    assert!(matches!(&items[5], StoredItem::MoveTask(task) if task.id == "t" && task.moved == 1));
}

#[test]
fn a_database_of_the_first_version_goes_on_with_everything_in_it() {
    let Some(url) = new_url() else { return };
    schema_1(&url);
    let mut store = PostgresStore::open(&url, &alone("alone")).unwrap();
    assert_eq!(value(&url, "SELECT schema FROM kew.meta"), "4");
    let items = told(&mut store).unwrap();
    check_items(&items);
    assert!(matches!(&items[6], StoredItem::DeletedName { name, .. } if name == "gone"));
    assert_eq!(items.len(), 7);
    tidy(&mut store, NOW);
    assert_eq!(value(&url, "SELECT body FROM kew.message"), "kept");
    drop(store);

    let Some(url) = new_url() else { return };
    schema_1(&url);
    let mut node = Node::join(&url, "one");
    let orphans = node.round().orphans;
    assert_eq!(orphans.len(), 1);
    assert_eq!(node.assign(&orphans), 1);
    check_items(&node.adopt(7));
    assert_eq!(value(&url, "SELECT owner || ' ' || epoch FROM kew.queue"), format!("{} 5", node.id()));
}

#[test]
fn a_database_of_a_later_version_is_refused() {
    let Some(url) = new_url() else { return };
    drop(PostgresStore::open(&url, &alone("alone")).unwrap());
    sql(&url, "UPDATE kew.meta SET schema = 5");
    for options in [alone("alone"), options("one")] {
        let error = PostgresStore::open(&url, &options).unwrap_err();
        assert!(matches!(error, StoreError::Newer { found: 5, known: 4, .. }), "{error:?}");
    }
    assert_eq!(value(&url, "SELECT count(*) FROM kew.node"), "1");
}

#[test]
fn tables_are_made_newer_when_no_node_of_an_older_kew_serves_with_them() {
    let Some(url) = new_url() else { return };
    tables(&url, 3);
    sql(
        &url,
        "INSERT INTO kew.meta (schema, namespace, made_by, secret) VALUES (3, 'merged', 'kew 0.1.0',
           decode('a78c29c1e55b86d970ac75b3dbd2bfc57c148628cfc3cad548d4ee0be7204d4e', 'hex'));
         INSERT INTO kew.node (id, state, name, version, peer_url) VALUES (3, 'serving', 'old', '0.1.0', 'http://old:9325');
         INSERT INTO kew.beat (node, beat, ahead_us) VALUES (3, 1, 0)",
    );
    std::thread::scope(|threads| {
        let joining = threads.spawn(|| PostgresStore::open(&url, &options("new")));
        // Its second look, the old one being alive at the first.
        let mut first = String::new();
        loop {
            sql(&url, "UPDATE kew.beat SET beat = beat + 1 WHERE node = 3");
            assert!(!joining.is_finished(), "{:?}", joining.join().unwrap().err());
            let looked =
                value(&url, &format!("SELECT coalesce(max(query_start)::text, '') {WAITING} AND query ~ 'm[.]schema'"));
            if first.is_empty() {
                first = looked;
            } else if value(&url, &format!("SELECT '{looked}' <> '' AND '{looked}' > '{first}'")) == "t" {
                break;
            }
        }
        assert_eq!(value(&url, "SELECT schema FROM kew.meta"), "3");
        sql(&url, "UPDATE kew.node SET state = 'gone', settled = true, gone_by = 'itself', gone = now() WHERE id = 3");
        let new = joining.join().unwrap().unwrap();
        assert_eq!(value(&url, "SELECT schema FROM kew.meta"), "4");
        assert_eq!(value(&url, "SELECT name FROM kew.node WHERE state = 'serving'"), "new");
        drop(new);
    });
}

#[test]
fn who_waits_does_not_serve_with_tables_that_were_made_newer_meanwhile() {
    let Some(url) = new_url() else { return };
    let first = PostgresStore::open(&url, &alone("first")).unwrap();
    std::thread::scope(|threads| {
        let waiting = threads.spawn(|| PostgresStore::open(&url, &alone("second")));
        while value(&url, &format!("SELECT count(*) {WAITING}")) == "0" {
            std::thread::yield_now();
        }
        sql(&url, "UPDATE kew.meta SET schema = 5");
        drop(first);
        let error = waiting.join().unwrap().unwrap_err();
        assert!(matches!(error, StoreError::Newer { found: 5, known: 4, .. }), "{error:?}");
    });
    assert_eq!(value(&url, "SELECT count(*) FROM kew.node WHERE state = 'serving'"), "0");
}
