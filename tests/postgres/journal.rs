//! The journal: what is in it becomes rows, by its own node or by whoever comes after it, and nothing of it is lost or
//! there twice.

use std::time::Duration;

use kew::internals::clock::NetworkTime;
use kew::internals::engine::{Effect, MessageId, MessageState, MessageStatus, Receipt, Time};
use kew::internals::store::postgres::Options;
use kew::internals::store::{Change, Committer, PostgresStore, SqliteStore, Store, StoreError, StoredItem};

use crate::nodes::{Node, nodes, value};
use crate::place::Place;
use crate::server::{new_url, sql};
use crate::support::*;
use crate::varied;

/// Sessions of a database that sleep. Other tests have theirs on the same server.
const ASLEEP: &str = "FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()";
/// Those that wait for the lock of a trigger.
const BLOCKED: &str = "FROM pg_stat_activity WHERE wait_event = 'advisory' AND datname = current_database()";

/// Rows of messages, and batches in the journal.
const COUNTS: &str = "SELECT (SELECT count(*) FROM kew.message), (SELECT count(DISTINCT seq) FROM kew.journal)";

fn hidden(uid: u64, number: u64) -> Change {
    let status = MessageStatus {
        order: number,
        state: MessageState::InFlight,
        deadline: Some(Time(NOW.0 + 30_000)),
        receive_count: 1,
        first_received: Some(NOW),
        received_at: Some(NOW),
    };
    effect(uid, Effect::Changed { slot: u32::try_from(number).unwrap(), number, status })
}

/// Batches that are appended, with something of everything that can be in them.
fn batches() -> Vec<Vec<Change>> {
    let remembered = |uid, number: u64| {
        let (id, deduplication_id) = (MessageId([2; 16]), format!("late-{number}").into());
        effect(uid, Effect::Remembered { group: None, deduplication_id, first_sent: NOW, id, number })
    };
    let receipts = vec![Receipt { queue: 8, slot: 102, number: 102, receive: 1 }];
    vec![
        vec![store(7, 100, "stays"), store(8, 101, "goes"), remembered(8, 101)],
        vec![store(8, 102, "is received"), hidden(7, 100)],
        vec![hidden(8, 102), effect(8, Effect::Attempted { attempt_id: "late".into(), at: NOW, receipts })],
        vec![remove(8, 101), Change::Proof],
        vec![store(9, 50, "is purged"), purge(9, 51), store(9, 51, "comes after that"), remembered(9, 51)],
        vec![remove(7, 58), hidden(7, 59)],
        vec![effect(
            7,
            Effect::Stored(Box::new(kew::internals::engine::StoredMessage {
                number: 103,
                slot: 103,
                ..full_message()
            })),
        )],
    ]
}

/// What a store of SQLite tells of the same.
fn expected(seed: u64) -> Vec<StoredItem> {
    let dir = tempfile::tempdir().unwrap();
    let open = || SqliteStore::open(dir.path(), kew::internals::store::Durability::Process).unwrap();
    let mut store = open();
    store.load(NOW, &mut |_| ()).unwrap();
    varied::work(&mut store, seed);
    batches().into_iter().for_each(|batch| store.commit(NOW, batch).unwrap());
    drop(store);
    without_counters(varied::told(&mut open()).unwrap())
}

/// A new life may leave a gap in the numbers.
fn without_counters(mut items: Vec<StoredItem>) -> Vec<StoredItem> {
    items.retain(|item| !matches!(item, StoredItem::Effect { effect: Effect::Counter { .. }, .. }));
    items
}

/// As after a crash of its process, which others have noticed.
fn crash(url: &str, store: PostgresStore) {
    let dead = store.node();
    std::mem::forget(store);
    sql(
        url,
        &format!(
            "UPDATE kew.node SET state = 'gone', gone_by = 'the test' WHERE id = {dead}; \
             SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'kew/{dead}%'"
        ),
    );
}

#[test]
fn what_a_dead_node_had_in_the_journal_alone_is_loaded_as_if_it_had_been_rows() {
    for seed in 0..3 {
        let Some(url) = new_url() else { return };
        let mut store = PostgresStore::open(&url, &Options::default()).unwrap();
        store.load(NOW, &mut |_| ()).unwrap();
        varied::work(&mut store, seed);
        batches().into_iter().for_each(|batch| store.commit(NOW, batch).unwrap());
        let appended = value(&url, "SELECT count(DISTINCT seq) FROM kew.journal");
        assert_eq!(appended, batches().len().to_string());
        crash(&url, store);
        let mut store = PostgresStore::open(&url, &Options::default()).unwrap();
        assert_eq!(without_counters(varied::told(&mut store).unwrap()), expected(seed));
        assert_eq!(value(&url, "SELECT count(*) FROM kew.journal"), "0");
        drop(store);
        // And the same of rows.
        let mut store = PostgresStore::open(&url, &Options::default()).unwrap();
        assert_eq!(without_counters(varied::told(&mut store).unwrap()), expected(seed));
    }
}

#[test]
fn rows_come_by_themselves_after_some_seconds_and_not_of_what_has_gone_by_then() {
    let Some(place) = Place::new() else { return };
    let time = NetworkTime::manual();
    let mut store = PostgresStore::open(&place.url, &Options { time: time.clone(), ..Options::default() }).unwrap();
    load(&mut store, NOW).unwrap();
    store.commit(NOW, vec![queue(7)]).unwrap();
    let written = "SELECT sum(n_tup_ins + n_tup_upd + n_tup_del)::int8 FROM pg_stat_user_tables \
        WHERE schemaname = 'kew' AND relname LIKE 'message_%'";
    let committer = Committer::start(Box::new(store), Box::new(|| NOW)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let commit = |changes| runtime.block_on(committer.submit(changes).durable()).unwrap();
    commit(vec![crate::support::store(7, 1, "stays")]);
    for number in 2..50 {
        commit(vec![crate::support::store(7, number, "goes")]);
        commit(vec![hidden(7, number)]);
        commit(vec![remove(7, number)]);
    }
    assert_eq!(value(&place.url, COUNTS), "0|145");
    // Nothing more is committed.
    while value(&place.url, COUNTS) != "1|0" {
        time.advance(Duration::from_millis(100));
    }
    assert_eq!(value(&place.url, "SELECT body FROM kew.messages"), "stays");
    committer.close().unwrap();
    assert_eq!(value(&place.url, written), "1");
}

#[test]
fn rows_come_sooner_when_there_are_many() {
    let Some(place) = Place::new() else { return };
    let mut store = place.postgres();
    load(&mut store, NOW).unwrap();
    store.commit(NOW, vec![queue(7)]).unwrap();
    let mut settled = 0;
    for number in 1..=5_000 {
        store.commit(NOW, vec![crate::support::store(7, number, "x")]).unwrap();
        store.upkeep(NOW).unwrap();
        if number % 500 != 0 {
            continue;
        }
        let rows: u64 = value(&place.url, "SELECT count(*) FROM kew.message").parse().unwrap();
        assert!(rows >= settled && number - rows < 2_000, "{rows} of {number}");
        settled = rows;
    }
    assert!(settled >= 4_000, "{settled}");
    assert_eq!(value(&place.url, "SELECT count(*) FROM kew.journal").parse::<u64>().unwrap(), 5_000 - settled);
}

#[test]
fn a_batch_longer_than_a_page_comes_back_whole() {
    let Some((url, [mut one, mut two])) = nodes() else { return };
    let body = "kew ".repeat(256 << 10);
    one.commit([queue(7)]);
    one.commit([store(7, 1, "before"), store(7, 2, &body), store(7, 3, "after")]);
    assert_eq!(value(&url, "SELECT count(DISTINCT seq), count(*) > 130 FROM kew.journal"), "1|t");
    let apart = "SELECT coalesce(pg_relation_size(nullif(reltoastrelid, 0)), 0) FROM pg_class \
        WHERE oid = 'kew.journal'::regclass";
    assert_eq!(value(&url, apart), "0", "its values stand in its own pages");
    two.fence(one.id());
    let items = two.adopt(7);
    let bodies = items.iter().filter_map(|item| match item {
        StoredItem::Effect { effect: Effect::Stored(stored), .. } => Some(stored.message.body.as_str()),
        _ => None,
    });
    assert_eq!(bodies.collect::<Vec<_>>(), ["before", &body, "after"]);
    drop(one);
}

fn messages(items: &[StoredItem]) -> usize {
    items.iter().filter(|item| item.is_message()).count()
}

#[test]
fn the_heir_of_an_heir_that_loaded_nothing_has_everything() {
    let Some((url, [mut one, mut two, mut three])) = nodes() else { return };
    one.commit([queue(7)]);
    one.commit([store(7, 1, "x")]);
    one.commit([store(7, 2, "x")]);
    let first = one.die();
    two.fence(first);
    // It has the queue, and dies before it has read anything of it.
    let second = two.die();
    three.fence(second);
    assert_eq!(messages(&three.adopt(7)), 2);
    let settled = format!("SELECT bool_and(settled) FROM kew.node WHERE id IN ({first}, {second})");
    assert_eq!(value(&url, &settled), "t");
}

#[test]
fn a_queue_that_is_given_away_is_in_rows_with_that() {
    let Some((url, [mut one, mut two])) = nodes() else { return };
    one.commit([queue(7), queue(8)]);
    one.commit([store(7, 1, "x"), store(8, 1, "x")]);
    one.commit([Change::Handed { uid: 7, to: two.id() }]);
    assert_eq!(value(&url, COUNTS), "2|0");
    assert_eq!(messages(&two.adopt(7)), 1);
    // From here on it is the other's, and back again.
    two.commit([store(7, 1 << 20, "y")]);
    one.commit([store(8, 2, "x")]);
    two.commit([remove(7, 1), Change::Handed { uid: 7, to: one.id() }]);
    assert_eq!(messages(&one.adopt(7)), 1);
    one.commit([store(7, 1 << 21, "z")]);
    let first = one.die();
    two.fence(first);
    assert_eq!((messages(&two.adopt(7)), messages(&two.adopt(8))), (2, 2));
}

#[test]
fn two_that_settle_the_same_at_the_same_time_do_it_once() {
    for _ in 0..10 {
        let Some((url, [mut one, mut two, mut three])) = nodes() else { return };
        one.commit((1..=20).map(queue));
        for number in 1..=50 {
            one.commit((1..=20).map(|uid| store(uid, number, "x")));
        }
        let first = one.die();
        let beat = two.round().nodes.iter().find(|node| node.id == first).unwrap().beat;
        let (second, third) = (two.id(), three.id());
        two.fence_giving(first, beat, &|uids| {
            uids.into_iter().map(|uid| (uid, if uid % 2 == 0 { second } else { third })).collect()
        });
        let all_of = |node: &mut Node, rest: u64| -> usize {
            (1..=20).filter(|uid| uid % 2 == rest).map(|uid| messages(&node.adopt(uid))).sum()
        };
        let (even, odd) = std::thread::scope(|threads| {
            let even = threads.spawn(|| all_of(&mut two, 0));
            (all_of(&mut three, 1), even.join().unwrap())
        });
        assert_eq!((even, odd), (500, 500));
        assert_eq!(value(&url, COUNTS), "1000|0");
    }
}

#[test]
fn one_that_dies_while_it_settles_has_settled_nothing() {
    let Some((url, [mut one, mut two, mut three])) = nodes() else { return };
    one.commit([queue(7)]);
    one.commit([store(7, 1, "x")]);
    let first = one.die();
    two.fence(first);
    let second = two.id();
    // In the middle of it, over a connection that does not end with its process.
    let held = format!("{url}?application_name=kew/{second}/queue");
    let sleeper = std::thread::spawn(move || {
        let settle = format!(
            "BEGIN; SELECT kew.settle({second}, {first}); UPDATE kew.node SET settled = true WHERE id = {first}; \
             DELETE FROM kew.journal; SELECT pg_sleep(600)"
        );
        crate::server::sql_at(&held, &settle)
    });
    let asleep = format!("SELECT count(*) {ASLEEP}");
    while value(&url, &asleep) == "0" {
        std::thread::yield_now();
    }
    two.die();
    three.fence(second);
    assert!(sleeper.join().unwrap().is_err());
    assert_eq!(messages(&three.adopt(7)), 1);
}

#[test]
fn a_long_journal_may_take_longer_to_become_rows() {
    // Megabytes, for how long nothing can be written, and whether that is waited for.
    for (megabytes, seconds, is_waited_for) in [(0, 4, true), (0, 7, false), (4, 12, true), (4, 20, false)] {
        let Some(url) = new_url() else { return };
        let mut store = PostgresStore::open(&url, &Options::default()).unwrap();
        load(&mut store, NOW).unwrap();
        store.commit(NOW, vec![queue(7)]).unwrap();
        store.commit(NOW, vec![crate::support::store(7, 1, "x")]).unwrap();
        for number in 2..2 + megabytes {
            store.commit(NOW, vec![crate::support::store(7, number, &"x".repeat(1_000_000))]).unwrap();
        }
        crash(&url, store);
        let slow = "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ \
            BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN NEW; END $$; \
            CREATE TRIGGER wait BEFORE INSERT ON kew.message FOR EACH ROW EXECUTE FUNCTION wait()";
        sql(&url, slow);
        let until = |question: &str| {
            while value(&url, question) == "0" {
                std::thread::yield_now();
            }
        };
        let loaded = std::thread::scope(|threads| {
            let lock = "SELECT pg_advisory_lock(1); SELECT pg_sleep(600)";
            threads.spawn(|| crate::server::sql_at(&url, lock));
            until(&format!("SELECT count(*) {ASLEEP}"));
            let time = NetworkTime::manual();
            let mut heir = PostgresStore::open(&url, &Options { time: time.clone(), ..Options::default() }).unwrap();
            let loading = threads.spawn(move || varied::told(&mut heir));
            until(&format!("SELECT count(*) {BLOCKED}"));
            (0..seconds).for_each(|_| assert!(time.advance(Duration::from_secs(1))));
            let free = || sql(&url, &format!("SELECT pg_terminate_backend(pid) {ASLEEP}"));
            if is_waited_for {
                free();
                return loading.join().unwrap();
            }
            // It ends its transaction, and that is not answered either.
            while !loading.is_finished() {
                time.advance(Duration::from_millis(100));
            }
            free();
            loading.join().unwrap()
        });
        let what = format!("{megabytes} MB, {seconds} s");
        match loaded {
            Ok(items) => assert!(is_waited_for && messages(&items) as u64 == megabytes + 1, "{what}"),
            Err(error) => {
                assert!(!is_waited_for && error.to_string().contains("did not answer within "), "{what}: {error}")
            }
        }
    }
}

#[test]
fn what_a_node_has_settled_itself_is_not_settled_again() {
    let Some((url, [mut one, mut two])) = nodes() else { return };
    one.commit([queue(7)]);
    one.commit([store(7, 1, "goes"), store(7, 2, "stays")]);
    one.store.settle_now().unwrap();
    // As if the batch had come behind that, delayed in a connection that was lost long ago.
    let (first, seq) = (one.id(), value(&url, "SELECT max(seq) - 1 FROM kew.mark"));
    sql(&url, &format!("INSERT INTO kew.journal VALUES ({first}, {seq}, 1, 'no batch at all')"));
    one.commit([remove(7, 1)]);
    two.fence(one.die());
    assert_eq!(messages(&two.adopt(7)), 1);
    assert_eq!(value(&url, COUNTS), "1|0");
}

#[test]
fn a_journal_that_is_not_as_it_was_written_is_refused_and_nothing_is_lost() {
    let damages = [
        "UPDATE kew.journal SET payload = set_byte(payload, 40, 255 - get_byte(payload, 40))",
        "UPDATE kew.journal SET payload = substr(payload, 1, length(payload) - 1)",
        "DELETE FROM kew.journal WHERE part = 2",
    ];
    for damage in damages {
        let Some(url) = new_url() else { return };
        let mut store = PostgresStore::open(&url, &Options::default()).unwrap();
        load(&mut store, NOW).unwrap();
        store.commit(NOW, vec![queue(7)]).unwrap();
        store.commit(NOW, vec![crate::support::store(7, 1, &"x".repeat(20_000))]).unwrap();
        crash(&url, store);
        sql(&url, &format!("CREATE TABLE kept AS SELECT * FROM kew.journal; {damage}"));
        let error = load(&mut PostgresStore::open(&url, &Options::default()).unwrap(), NOW).unwrap_err();
        assert!(matches!(error, StoreError::Damaged { .. }), "{damage}: {error:?}");
        assert!(error.to_string().contains("kew.journal, batch 2 of node"), "{damage}: {error}");
        // It is as it was, and when it has been brought back all is well.
        sql(&url, "DELETE FROM kew.journal; INSERT INTO kew.journal SELECT * FROM kept");
        let mut store = PostgresStore::open(&url, &Options::default()).unwrap();
        assert_eq!(load(&mut store, NOW).unwrap().bodies[&7][&1].len(), 20_000, "{damage}");
    }
}

/// The end of a visibility timeout by which a repeated attempt is known is the one it was handed out with.
#[test]
fn an_attempt_whose_message_was_touched_in_the_same_seconds_is_not_repeated() {
    let Some(place) = Place::new() else { return };
    let mut store = place.postgres();
    load(&mut store, NOW).unwrap();
    store.commit(NOW, vec![queue(7), crate::support::store(7, 1, "x")]).unwrap();
    let receipts = vec![Receipt { queue: 7, slot: 1, number: 1, receive: 1 }];
    let attempted = effect(7, Effect::Attempted { attempt_id: "a".into(), at: NOW, receipts });
    store.commit(NOW, vec![hidden(7, 1), attempted]).unwrap();
    let Change::Effect { effect: Effect::Changed { slot, number, status }, .. } = hidden(7, 1) else { unreachable!() };
    let status = MessageStatus { deadline: Some(Time(NOW.0 + 60_000)), ..status };
    store.commit(NOW, vec![effect(7, Effect::Changed { slot, number, status })]).unwrap();
    drop(store);
    let world = place.reopen().1;
    assert!(!world.effects.iter().any(|effect| matches!(effect, Effect::Attempted { .. })), "{:?}", world.effects);
}
