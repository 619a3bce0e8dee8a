//! What comes back of each kind of record, from any store.

use std::collections::BTreeMap;

use kew::internals::engine::{DeduplicationScope, Effect, MessageId, Receipt, Time};
use kew::internals::store::{Change, MoveTaskRecord, QueueRecord};

use crate::place::Place;
use crate::support::*;

#[test]
fn every_part_of_every_record_comes_back() {
    let Some(place) = Place::new() else { return };
    let mut written = place.open();
    let mut queue = QueueRecord {
        fifo: true,
        deduplication_scope: DeduplicationScope::MessageGroup,
        purged: Some(Time(NOW.0 - 5)),
        attributes: BTreeMap::from([("Policy".into(), "{\"a\": \"ü\"}".into())]),
        tags: BTreeMap::from([("team".into(), String::new())]),
        ..record(u64::MAX - 3)
    };
    let uid = queue.uid;
    let task = MoveTaskRecord {
        id: "t".into(),
        queue: uid,
        source_arn: "arn:a".into(),
        destination_arn: None,
        rate: Some(500),
        started: NOW,
        to_move: 10,
        moved: 3,
        status: "RUNNING".into(),
        failure: Some("why".into()),
    };
    let stored = full_message();
    let remembered = Effect::Remembered {
        group: Some("group".into()),
        deduplication_id: "dedup".into(),
        first_sent: NOW,
        id: MessageId([3; 16]),
        number: 5,
    };
    let receipts = vec![Receipt { queue: uid, slot: 5, number: 5, receive: 3 }];
    let attempted = Effect::Attempted { attempt_id: "again".into(), at: NOW, receipts };
    let batch = vec![
        Change::Queue(Box::new(queue.clone())),
        effect(uid, Effect::Stored(Box::new(stored.clone()))),
        effect(uid, remembered.clone()),
        effect(uid, attempted.clone()),
        Change::MoveTask(Box::new(task.clone())),
        Change::MoveTask(Box::new(MoveTaskRecord { id: "gone".into(), ..task.clone() })),
    ];
    written.commit(NOW, batch).unwrap();
    queue.modified = Time(NOW.0 + 9);
    let batch = vec![Change::Queue(Box::new(queue.clone())), Change::MoveTaskForgotten { id: "gone".into() }];
    written.commit(NOW, batch).unwrap();
    drop(written);

    let (_, world) = place.reopen();
    assert_eq!(world.queues[&uid].0, queue);
    assert_eq!(world.tasks, [task]);
    let counter = Effect::Counter { next_number: world.next_numbers[&uid] };
    assert!(place.may_be_next(9, world.next_numbers[&uid]));
    assert_eq!(world.effects, [Effect::Stored(Box::new(stored)), remembered, attempted, counter]);
}

#[test]
fn bodies_of_every_length_come_back_and_go() {
    let Some(place) = Place::new() else { return };
    let mut written = place.open();
    let lengths = [0, 1, 2047, 2048, 2049, 4097, 300_000, 1 << 20];
    let bodies: Vec<String> = lengths.iter().map(|&length| "ä".repeat(length / 2) + &"x".repeat(length % 2)).collect();
    let sends = bodies.iter().zip(1..).map(|(body, number)| store(7, number, body));
    written.commit(NOW, [queue(7)].into_iter().chain(sends).collect()).unwrap();
    drop(written);
    let (mut again, world) = place.reopen();
    assert!(world.bodies[&7].values().eq(&bodies));
    again.commit(NOW, (1..=8).map(|number| remove(7, number)).collect()).unwrap();
    drop(again);
    assert!(place.reopen().1.bodies[&7].is_empty());
}

#[test]
fn a_deleted_queue_is_gone_and_its_name_is_remembered_for_a_minute() {
    let Some(place) = Place::new() else { return };
    let mut written = place.open();
    let many: Vec<Change> = (1..=9_000).map(|number| store(7, number, "x")).collect();
    written.commit(NOW, vec![queue(7), queue(8), store(8, 1, "stays")]).unwrap();
    written.commit(NOW, many).unwrap();
    let late = vec![Change::QueueDeleted { uid: 7, at: NOW }, store(7, 9_001, "late"), remove(7, 1)];
    written.commit(NOW, late).unwrap();
    written.commit(NOW, vec![store(7, 9_002, "later still")]).unwrap();
    // Created and deleted within one batch.
    written.commit(NOW, vec![queue(9), Change::QueueDeleted { uid: 9, at: NOW }]).unwrap();
    drop(written);

    let (mut again, world) = place.reopen();
    assert_eq!(world.queues.keys().collect::<Vec<_>>(), [&8]);
    assert_eq!(world.deleted, [("orders-7".to_owned(), NOW), ("orders-9".to_owned(), NOW)]);
    // The next queue does not see what has not been cleared away yet, also not after it has.
    again.commit(NOW, vec![queue(10), store(10, 1, "mine")]).unwrap();
    tidy(&mut *again, NOW);
    again.commit(NOW, vec![queue(11), store(11, 1, "mine too")]).unwrap();
    drop(again);
    let mut last = place.open();
    let world = load(&mut *last, Time(NOW.0 + 60_000)).unwrap();
    assert!(world.deleted.is_empty());
    assert_eq!(world.bodies.values().map(BTreeMap::len).collect::<Vec<_>>(), [1, 1, 1]);
}

#[test]
fn a_purge_of_many_is_one_quick_commit_and_numbers_go_on() {
    let Some(place) = Place::new() else { return };
    let mut written = place.open();
    written.commit(NOW, vec![queue(7)]).unwrap();
    written.commit(NOW, (1..=9_000).map(|number| store(7, number, "old")).collect()).unwrap();
    written.commit(NOW, vec![purge(7, 9_001), store(7, 9_001, "new"), remove(7, 3)]).unwrap();
    drop(written);
    let (mut again, world) = place.reopen();
    assert_eq!(world.bodies[&7], BTreeMap::from([(9_001, "new".to_owned())]));
    tidy(&mut *again, NOW);
    drop(again);
    let (mut again, world) = place.reopen();
    assert_eq!(world.bodies[&7].len(), 1);
    again.commit(NOW, vec![purge(7, 9_002)]).unwrap();
    drop(again);
    let (_, world) = place.reopen();
    assert!(world.bodies[&7].is_empty());
    assert!(place.may_be_next(9_002, world.next_numbers[&7]));
}

#[test]
fn numbers_are_never_given_out_twice() {
    let Some(place) = Place::new() else { return };
    let mut written = place.open();
    written.commit(NOW, vec![queue(7), store(7, 1, "a"), store(7, 2, "b")]).unwrap();
    drop(written);
    let (mut again, world) = place.reopen();
    assert!(place.may_be_next(3, world.next_numbers[&7]), "as the rows tell");
    again.commit(NOW, vec![remove(7, 2)]).unwrap();
    again.commit(NOW, vec![store(7, 3, "c"), remove(7, 3)]).unwrap();
    drop(again);
    let (mut again, world) = place.reopen();
    assert!(place.may_be_next(4, world.next_numbers[&7]), "as the counter tells");
    again.commit(NOW, vec![remove(7, 1)]).unwrap();
    drop(again);
    assert!(place.may_be_next(4, place.reopen().1.next_numbers[&7]));
}

#[test]
fn attempts_and_ids_that_are_too_old_are_not_told() {
    let Some(place) = Place::new() else { return };
    let mut written = place.open();
    remember_ten(&mut *written);
    drop(written);
    let later = Time(NOW.0 + 304_000);
    for upkeep in [false, true] {
        let mut again = place.open();
        let world = load(&mut *again, later).unwrap();
        let told = world.effects.iter().filter(|e| matches!(e, Effect::Remembered { .. })).count();
        assert_eq!(told, 6);
        // The messages of the attempts are not there, so there is nothing to repeat.
        assert!(!world.effects.iter().any(|e| matches!(e, Effect::Attempted { .. })));
        if !upkeep {
            again.commit(later, vec![store(7, 11, "x")]).unwrap();
            tidy(&mut *again, later);
        }
    }
}

#[test]
fn a_name_may_be_used_and_given_up_more_than_once_in_a_batch() {
    let Some(place) = Place::new() else { return };
    let mut written = place.open();
    let named = |uid: u64| Change::Queue(Box::new(QueueRecord { name: "again".into(), ..record(uid) }));
    let deleted = |uid: u64, ms: u64| Change::QueueDeleted { uid, at: Time(NOW.0 + ms) };
    written.commit(NOW, vec![named(7), store(7, 1, "first")]).unwrap();
    let batch = vec![
        deleted(7, 1),
        named(8),
        store(8, 1, "second"),
        deleted(8, 2),
        named(9),
        deleted(9, 3),
        named(10),
        store(10, 1, "last"),
    ];
    written.commit(NOW, batch).unwrap();
    drop(written);
    let (_, world) = place.reopen();
    assert_eq!(world.bodies, BTreeMap::from([(10, BTreeMap::from([(1, "last".to_owned())]))]));
    assert_eq!(world.deleted.len(), 1);
}
