//! What stands in the database, and what a commit does when something happens to its connection, its node or its rows.

use kew::internals::engine::{Effect, MessageId, MessageState, MessageStatus, Receipt, Time};
use kew::internals::store::{Change, Committer, PostgresStore, Store, StoreError};

use crate::place::Place;
use crate::server::sql;
use crate::support::*;

/// The one value of a question.
fn value(place: &Place, question: &str) -> String {
    let rows = sql(&place.url, question);
    assert_eq!(rows.len(), 1, "{question}: {rows:?}");
    rows.into_iter().next().unwrap()
}

fn count(place: &Place, table: &str) -> u64 {
    value(place, &format!("SELECT count(*) FROM kew.{table}")).parse().unwrap()
}

/// A store with a queue and a message in it, which was loaded.
fn begun() -> Option<(Place, PostgresStore)> {
    let place = Place::new()?;
    let mut store = place.postgres();
    load(&mut store, NOW).unwrap();
    store.commit(NOW, vec![queue(7), crate::support::store(7, 1, "first")]).unwrap();
    Some((place, store))
}

fn end_sessions(place: &Place) {
    sql(
        &place.url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE application_name LIKE 'kew/%' AND datname = current_database()",
    );
}

fn hidden(uid: u64, number: u64) -> Change {
    let status = MessageStatus {
        order: number,
        state: MessageState::InFlight,
        deadline: Some(Time(NOW.0 + 30_000)),
        receive_count: 1,
        first_received: Some(NOW),
        received_at: Some(NOW),
    };
    let slot = u32::try_from(number).unwrap();
    effect(uid, Effect::Changed { slot, number, status })
}

#[test]
fn a_person_can_read_the_messages() {
    let Some((place, mut store)) = begun() else { return };
    let batch = vec![
        crate::support::store(7, 2, "purged"),
        effect(7, Effect::Purged { next_number: 3 }),
        effect(7, Effect::Stored(Box::new(full_message()))),
    ];
    store.commit(NOW, batch).unwrap();
    store.settle_now().unwrap();
    let question = "SELECT queue, number, state, body, message_group, deduplication_id, message_id, \
        extract(epoch FROM sent)::int8 FROM kew.messages";
    let expected = "orders-7|5|in flight|naïve \u{1f600}\n\"body\"|group|dedup|\
        00000000-0000-0000-0000-000000000005|1700000000";
    assert_eq!(value(&place, question), expected);
}

#[test]
fn nothing_is_left_of_what_is_gone() {
    let Some((place, mut store)) = begun() else { return };
    let remembered = |number| {
        let (id, deduplication_id) = (MessageId([1; 16]), format!("id-{number}").into());
        effect(7, Effect::Remembered { group: None, deduplication_id, first_sent: NOW, id, number })
    };
    let receipts = vec![Receipt { queue: 7, slot: 2, number: 2, receive: 1 }];
    let attempted = Effect::Attempted { attempt_id: "attempt".into(), at: NOW, receipts };
    store.commit(NOW, (2..=12_000).map(|number| crate::support::store(7, number, "x")).collect()).unwrap();
    store.commit(NOW, (2..=6_000).map(remembered).chain([effect(7, attempted)]).collect()).unwrap();
    store.commit(NOW, vec![queue(8), crate::support::store(8, 1, "stays"), queue(9)]).unwrap();
    store
        .commit(NOW, vec![Change::QueueDeleted { uid: 7, at: NOW }, Change::QueueDeleted { uid: 9, at: NOW }])
        .unwrap();
    // Rows are cleared away in more than one step, also when the first was made by an earlier life.
    assert!(store.upkeep(NOW).unwrap());
    assert!(count(&place, "message") > 1);
    drop(store);
    let (mut store, world) = place.reopen();
    assert_eq!(world.queues.len(), 1);
    tidy(&mut *store, NOW);
    let left = ["message", "dedup", "discarded", "attempt", "deleted_queue"].map(|table| count(&place, table));
    assert_eq!(left, [1, 0, 0, 1, 2]);
    let later = NOW.plus_seconds(301);
    for number in 2..20 {
        // Each changes a queue's record, and so has a mark.
        store.commit(later, vec![crate::support::store(8, number, "x"), queue(8)]).unwrap();
    }
    tidy(&mut *store, later);
    let left = ["attempt", "deleted_queue", "mark"].map(|table| count(&place, table));
    assert_eq!(left, [0, 0, 1], "the newest mark stays");
}

#[test]
fn ids_of_a_queue_that_flows_go_when_their_time_is_over() {
    let Some((place, mut store)) = begun() else { return };
    for number in 1..=20 {
        let first_sent = Time(NOW.0 + number * 1_000);
        let (id, deduplication_id) = (MessageId([1; 16]), format!("id-{number}").into());
        let remembered = Effect::Remembered { group: None, deduplication_id, first_sent, id, number };
        store.commit(first_sent, vec![effect(7, remembered)]).unwrap();
    }
    store.settle_now().unwrap();
    tidy(&mut store, Time(NOW.0 + 310_000));
    assert_eq!(count(&place, "dedup"), 10);
    drop(store);
    let (mut store, _) = place.reopen();
    tidy(&mut *store, Time(NOW.0 + 330_000));
    assert_eq!(count(&place, "dedup"), 0);
}

/// Blocks of the tables of messages that have been looked at since the database was made.
fn blocks(place: &Place) -> u64 {
    let question = "SELECT sum(heap_blks_read + heap_blks_hit + idx_blks_read + idx_blks_hit)::int8 \
        FROM pg_statio_user_tables WHERE schemaname = 'kew' AND relname LIKE 'message_%'";
    value(place, question).parse().unwrap()
}

#[test]
fn a_table_that_was_never_analyzed_is_not_read_for_each_row() {
    const ROWS: u64 = 1_000;
    let Some((place, mut store)) = begun() else { return };
    for part in 0..4 {
        sql(&place.url, &format!("ALTER TABLE kew.message_{part} SET (autovacuum_enabled = off)"));
    }
    let body = "x".repeat(256);
    store.commit(NOW, (2..=20 * ROWS).map(|number| crate::support::store(7, number, &body)).collect()).unwrap();
    // What a session has looked at is told when it ends.
    drop(store);
    let (mut store, _) = place.reopen();
    let before = blocks(&place);
    store.commit(NOW, (2..ROWS).map(|number| hidden(7, number)).collect()).unwrap();
    store.commit(NOW, (ROWS..2 * ROWS).map(|number| remove(7, number)).collect()).unwrap();
    drop(store);
    let looked_at = blocks(&place) - before;
    let loaded = value(&place, "SELECT relpages FROM pg_class WHERE oid = 'kew.message_0'::regclass");
    assert!(loaded.parse::<i64>().unwrap() <= 0, "it was analyzed");
    // Loading has looked at each of the rows once, and some of its blocks are told late.
    assert!(looked_at < 2 * ROWS * 12 + 2 * 20 * ROWS, "{looked_at} blocks");
    let in_flight = value(&place, "SELECT count(*) FROM kew.message WHERE state = 'f'");
    assert_eq!((in_flight, count(&place, "message")), ((ROWS - 2).to_string(), 19 * ROWS));
}

#[test]
fn a_connection_that_ends_between_commits_is_made_anew() {
    let Some((place, mut store)) = begun() else { return };
    for number in 2..6 {
        end_sessions(&place);
        store.commit(NOW, vec![crate::support::store(7, number, "x")]).unwrap();
        end_sessions(&place);
        store.upkeep(Time(NOW.0 + number * 20_000)).unwrap();
    }
    drop(store);
    assert_eq!(place.reopen().1.bodies[&7].len(), 5);
}

/// The two ways of a commit: into the journal, and, as a queue changes with it, into rows. The tables that have their
/// numbers, and what else is in the batch.
fn ways() -> [(&'static str, Vec<Change>); 2] {
    [("journal", vec![]), ("mark", vec![queue(8)])]
}

/// The number of the newest batch.
fn newest(place: &Place) -> u64 {
    let question = "SELECT greatest((SELECT max(seq) FROM kew.mark), (SELECT max(seq) FROM kew.journal))";
    value(place, question).parse().unwrap()
}

/// The messages of the queue, after a restart.
fn bodies(place: &Place) -> Vec<String> {
    place.reopen().1.bodies.remove(&7).unwrap().into_values().collect()
}

/// Puts an empty batch there.
fn put(table: &str, node: i64, seq: u64) -> String {
    let rest = if table == "journal" { ", 1, ''" } else { "" };
    format!("INSERT INTO kew.{table} VALUES ({node}, {seq}{rest});")
}

#[test]
fn a_batch_whose_number_is_there_is_not_written_again_but_made_certain() {
    for (table, with) in ways() {
        let Some((place, mut store)) = begun() else { return };
        let (node, newest) = (store.node(), newest(&place));
        // As if the next batch and the first barrier behind it had been committed by connections that were lost.
        sql(&place.url, &(put(table, node, newest + 1) + &put("journal", node, newest + 2)));
        store.commit(NOW, [vec![crate::support::store(7, 2, "is there")], with].concat()).unwrap();
        assert_eq!(self::newest(&place), newest + 3, "{table}");
        assert_eq!(value(&place, "SELECT count(*) FROM kew.journal WHERE payload <> ''"), "0", "{table}");
        assert_eq!(count(&place, "message"), 1, "{table}");
    }
}

#[test]
fn a_batch_that_was_there_and_is_lost_before_it_is_certain_is_written_again() {
    for (table, with) in ways() {
        let Some((place, mut store)) = begun() else { return };
        let (node, batch) = (store.node(), newest(&place) + 1);
        // The batch seems to have been committed by a connection that was lost, and barriers do not come through as long
        // as that is so.
        sql(
            &place.url,
            &format!(
                "{} CREATE SEQUENCE barriers; \
                 CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
                 IF NEW.seq > {batch} AND EXISTS (SELECT FROM kew.{table} WHERE seq = {batch}) THEN \
                 PERFORM nextval('barriers'); RAISE EXCEPTION USING ERRCODE = '57P01'; END IF; RETURN NEW; END $$; \
                 CREATE TRIGGER stop BEFORE INSERT ON kew.journal FOR EACH ROW EXECUTE FUNCTION stop()",
                put(table, node, batch)
            ),
        );
        std::thread::scope(|scope| {
            let committing =
                scope.spawn(|| store.commit(NOW, [vec![crate::support::store(7, 2, "again")], with].concat()));
            while value(&place, "SELECT is_called FROM barriers") == "f" {}
            // As when another server takes over that has not got the batch: what the old one has answered is of no use
            // there, for its connections are lost.
            sql(
                &place.url,
                &format!(
                    "BEGIN; LOCK TABLE kew.{table}; \
                     SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'kew/{node}'; \
                     DELETE FROM kew.{table} WHERE node = {node} AND seq = {batch}; COMMIT"
                ),
            );
            committing.join().unwrap().unwrap();
        });
        assert_eq!(value(&place, &format!("SELECT count(*) FROM kew.{table} WHERE seq = {batch}")), "1");
        drop(store);
        assert_eq!(bodies(&place), ["first", "again"], "{table}");
    }
}

/// Has the next `times` inserts into this table do this.
fn trip(place: &Place, table: &str, times: u64, action: &str) {
    sql(
        &place.url,
        &format!(
            "CREATE SEQUENCE trips; \
             CREATE FUNCTION trip() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             IF nextval('trips') <= {times} THEN {action}; END IF; RETURN NEW; END $$; \
             CREATE TRIGGER trip BEFORE INSERT ON kew.{table} FOR EACH ROW EXECUTE FUNCTION trip()"
        ),
    );
}

#[test]
fn a_commit_with_a_warning_is_not_trusted() {
    for (table, with) in ways() {
        let Some((place, mut store)) = begun() else { return };
        trip(&place, table, 1, "RAISE WARNING 'as when the wait for a stand-by is cancelled'");
        let before = newest(&place);
        store.commit(NOW, [vec![crate::support::store(7, 2, "x")], with].concat()).unwrap();
        // The batch once, and a barrier.
        assert_eq!((newest(&place) - before, count(&place, "journal")), (2, if table == "mark" { 1 } else { 2 }));
        drop(store);
        assert_eq!(bodies(&place), ["first", "x"], "{table}");
    }
}

#[test]
fn what_may_pass_is_tried_again_and_what_may_not_fails_for_good() {
    for (code, may_pass) in [("40001", true), ("40P01", true), ("57014", true), ("53200", true), ("22000", false)] {
        for (table, with) in ways() {
            let Some((place, mut store)) = begun() else { return };
            trip(&place, table, 3, &format!("RAISE EXCEPTION USING ERRCODE = '{code}'"));
            let batch = vec![crate::support::store(7, 2, "x"), remove(7, 1)];
            let done = store.commit(NOW, [batch, with].concat());
            assert_eq!(done.is_ok(), may_pass, "{code}: {done:?}");
            if !may_pass {
                // Nothing of it took place, and nothing that comes behind it does.
                assert_eq!(store.commit(NOW, vec![remove(7, 1)]), done);
                assert_eq!(store.settle_now(), done);
            }
            drop(store);
            let expected = if may_pass { "x" } else { "first" };
            assert_eq!(bodies(&place), [expected], "{code}, {table}");
        }
    }
}

#[test]
fn a_node_that_another_has_set_aside_writes_nothing_any_more() {
    let Some((place, mut store)) = begun() else { return };
    let before = count(&place, "mark");
    sql(&place.url, "UPDATE kew.node SET state = 'gone', gone_by = 'the other one'");
    for _ in 0..2 {
        let error = store.commit(NOW, vec![crate::support::store(7, 2, "late")]).unwrap_err();
        assert_eq!(error, StoreError::Fenced { by: "the other one".into() });
    }
    assert_eq!(store.upkeep(NOW), Err(StoreError::Fenced { by: "the other one".into() }));
    assert_eq!((count(&place, "message"), count(&place, "mark"), count(&place, "journal")), (1, before, 0));
    let text = StoreError::Fenced { by: "the other one".into() }.to_string();
    assert!(text.contains("the other one") && text.contains("stand-by"), "{text}");
}

#[test]
fn a_node_that_nobody_asks_for_anything_hears_that_it_was_set_aside() {
    let Some((place, store)) = begun() else { return };
    let committer = Committer::start(Box::new(store), Box::new(|| NOW)).unwrap();
    sql(&place.url, "UPDATE kew.node SET state = 'gone', gone_by = 'the other one'");
    // With its next beat.
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let poisoned = runtime.block_on(committer.poisoned());
    assert_eq!(*poisoned.reason, StoreError::Fenced { by: "the other one".into() });
}

#[test]
fn a_database_that_has_lost_what_it_acknowledged_is_found_out() {
    let Some((place, mut store)) = begun() else { return };
    let newest = newest(&place);
    // As after a change to a stand-by that was behind.
    sql(&place.url, &format!("DELETE FROM kew.mark WHERE seq = {newest}; DELETE FROM kew.message"));
    end_sessions(&place);
    let error = store.commit(NOW, vec![crate::support::store(7, 2, "x")]).unwrap_err();
    assert_eq!(error, StoreError::Lost { seq: newest, known: Some(newest - 1) });
    assert_eq!(count(&place, "message"), 0);

    let Some((place, mut store)) = begun() else { return };
    store.commit(NOW, vec![crate::support::store(7, 2, "x")]).unwrap();
    sql(&place.url, "DELETE FROM kew.journal");
    end_sessions(&place);
    let error = store.commit(NOW, vec![crate::support::store(7, 3, "x")]).unwrap_err();
    assert_eq!(error, StoreError::Lost { seq: newest + 1, known: Some(newest) });

    let Some((place, mut store)) = begun() else { return };
    sql(&place.url, "DELETE FROM kew.node");
    end_sessions(&place);
    let error = store.commit(NOW, vec![crate::support::store(7, 2, "x")]).unwrap_err();
    assert_eq!(error, StoreError::Lost { seq: newest, known: None });
}

#[test]
fn what_is_not_as_it_was_written_is_refused_and_named() {
    for (damage, place_of_it) in [
        ("UPDATE kew.message SET body = body || '!'", "queue orders-7, number 1"),
        ("UPDATE kew.message SET state = 'x'", "queue orders-7, number 1"),
        ("UPDATE kew.message SET sent_ms = -1", "queue orders-7, number 1"),
        ("UPDATE kew.message SET extra = '{\"colour\": 1}'", "queue orders-7, number 1"),
        ("UPDATE kew.queue SET record = '{}'", "queue orders-7"),
    ] {
        let Some((place, store)) = begun() else { return };
        drop(store);
        sql(&place.url, damage);
        let error = load(&mut place.postgres(), NOW).unwrap_err();
        assert!(matches!(error, StoreError::Damaged { .. }), "{damage}: {error:?}");
        assert!(error.to_string().contains(place_of_it), "{damage}: {error}");
    }
}

#[test]
fn numbers_are_reserved_in_blocks_and_never_given_out_twice() {
    let Some((place, mut store)) = begun() else { return };
    let reserved = |place: &Place| value(place, "SELECT reserved FROM kew.queue").parse::<u64>().unwrap();
    let first = reserved(&place);
    let written = "SELECT n_tup_upd FROM pg_stat_user_tables WHERE schemaname = 'kew' AND relname = 'queue'";
    for number in 2..200 {
        store.commit(NOW, vec![crate::support::store(7, number, "x"), remove(7, number)]).unwrap();
    }
    assert_eq!(reserved(&place), first);
    store.commit(NOW, vec![crate::support::store(7, first, "behind the block")]).unwrap();
    assert_eq!(reserved(&place), first, "the journal tells the number itself");
    store.settle_now().unwrap();
    assert_eq!(reserved(&place), first + 1 + (1 << 16));
    drop(store);
    assert!(value(&place, written).parse::<u64>().unwrap() < 5);
    assert_eq!(place.reopen().1.next_numbers[&7], first + 1 + (1 << 16));
}

#[test]
fn a_start_after_a_stop_waits_for_nobody() {
    let Some((place, store)) = begun() else { return };
    let first = store.node();
    drop(store);
    assert_eq!(value(&place, "SELECT state || ' ' || gone_by FROM kew.node"), "gone itself");
    let store = place.postgres();
    assert_ne!(store.node(), first);
    assert_eq!(value(&place, "SELECT owner FROM kew.queue"), store.node().to_string());
    assert_eq!(count(&place, "beat"), 1);
}
