//! What goes from one node to another: queues, and messages between queues.

use kew::internals::engine::{Effect, Message, MessageStatus, StoredMessage, Time};
use kew::internals::store::{
    Change, PostgresStore, Store, StoreError, StoredItem, TransferRecord, TransferRecordCause,
};

use crate::nodes::{Node, nodes, value};
use crate::server::sql;
use crate::support::*;
use crate::varied;

const ARN: &str = "arn:aws:sqs:eu-central-1:000000000000:orders-7";

fn deleted(uid: u64) -> Change {
    Change::QueueDeleted { uid, at: NOW }
}

fn handed(uid: u64, to: &Node) -> Change {
    Change::Handed { uid, to: to.id() }
}

/// A message that leaves queue 7 for another one.
fn transfer(number: u64, target: u64, message: Message) -> TransferRecord {
    TransferRecord {
        source: 7,
        number,
        target,
        source_arn: ARN.into(),
        cause: TransferRecordCause::DeadLetter,
        message,
    }
}

fn sent(number: u64, target: u64) -> [Change; 2] {
    let record = transfer(number, target, message(number, &format!("m{number}")));
    [remove(7, number), Change::Sent(Box::new(record))]
}

fn taken(target: u64, source: u64, number: u64) -> Change {
    Change::Taken { target, source, number }
}

fn numbers(transfers: &[TransferRecord]) -> Vec<u64> {
    transfers.iter().map(|transfer| transfer.number).collect()
}

/// Where messages are on their way to.
fn targets(url: &str) -> Vec<String> {
    sql(url, "SELECT target || ':' || number FROM kew.transfer ORDER BY target, source, number")
}

/// What is told of one queue, and the tasks that empty it.
fn of_queue(items: &[StoredItem], uid: u64) -> Vec<StoredItem> {
    let is_of = |item: &&StoredItem| match item {
        StoredItem::Queue(record) => record.uid == uid,
        StoredItem::Effect { queue, .. } => *queue == uid,
        StoredItem::MoveTask(task) => task.queue == uid,
        StoredItem::DeletedName { .. } => false,
    };
    items.iter().filter(is_of).cloned().collect()
}

#[test]
fn a_queue_is_loaded_as_it_was_committed() {
    for seed in 0..3 {
        let Some((url, [mut one, mut two])) = nodes() else { return };
        varied::work(&mut one.store, seed);
        assert!(two.load(7).is_none() && one.load(99).is_none());
        two.fence(one.id());
        let loaded: Vec<_> = [7, 8, 9].map(|uid| two.load(uid).unwrap()).into();
        assert!(two.load(10).is_none(), "it was deleted");
        assert!(
            loaded.iter().map(|(_, items)| items.iter().filter(|item| item.is_message()).count()).sum::<usize>() > 90
        );
        drop((one, two));
        let mut alone = PostgresStore::open(&url, &kew::internals::store::postgres::Options::default()).unwrap();
        let told = varied::told(&mut alone).unwrap();
        for (adopted, items) in loaded {
            assert_eq!(items, of_queue(&told, adopted.uid));
            let reserved = value(&url, &format!("SELECT reserved FROM kew.queue WHERE uid = {}", adopted.uid));
            assert_eq!(adopted.reserved.to_string(), reserved);
        }
    }
}

#[test]
fn a_queue_that_was_given_away_is_the_others() {
    let Some((url, [mut one, mut two])) = nodes() else { return };
    one.commit([queue(7), store(7, 1, "first")]);
    one.commit([store(7, 2, "last"), handed(7, &two)]);
    assert!(one.load(7).is_none());
    let items = two.adopt(7);
    assert_eq!(items.iter().filter(|item| item.is_message()).count(), 2);
    let StoredItem::Effect { effect: Effect::Counter { next_number }, .. } = items[3] else { panic!("{items:?}") };
    assert!(next_number > 2, "numbers that were given out are not given out again");
    two.commit([remove(7, 1), store(7, next_number, "of the second")]);
    // What is said of it here is of no queue that is known.
    one.commit([store(7, 3, "nobody's")]);
    one.store.settle_now().unwrap();
    two.store.settle_now().unwrap();
    assert_eq!(sql(&url, "SELECT body FROM kew.message ORDER BY number"), ["last", "of the second"]);
    // And back.
    two.commit([handed(7, &one)]);
    assert_eq!(one.adopt(7).iter().filter(|item| item.is_message()).count(), 2);
    assert_eq!(value(&url, "SELECT epoch FROM kew.queue"), "3");
}

#[test]
fn a_node_that_has_not_a_queue_cannot_give_it_away() {
    let Some((url, [mut one, mut two])) = nodes() else { return };
    one.commit([queue(7), queue(8)]);
    let refused = two.store.commit(NOW, vec![queue(9), handed(7, &one)]).unwrap_err();
    assert!(
        matches!(refused, StoreError::Internal { .. }) && refused.to_string().contains("which does not have it"),
        "{refused}"
    );
    assert_eq!(sql(&url, "SELECT uid FROM kew.queue ORDER BY uid"), ["7", "8"]);
    assert_eq!(two.store.commit(NOW, vec![Change::Proof]), Err(refused), "it commits nothing more");
    // Nor does somebody get one who is not there; it stays, and others hear that it did.
    let rev = one.round().rev;
    one.commit([Change::Handed { uid: 7, to: 4 }]);
    assert_eq!(value(&url, "SELECT owner FROM kew.queue WHERE uid = 7"), one.id().to_string());
    assert_eq!(one.directory(Some(rev)).queues.len(), 2, "all, for it is read for the first time");
    assert!(one.load(7).is_some());
}

#[test]
fn a_queue_that_is_given_to_a_node_that_has_gone_is_given_on() {
    let Some((_, [mut one, two, mut three])) = nodes() else { return };
    one.commit([queue(7), store(7, 1, "x")]);
    let second = two.id();
    three.fence(second);
    one.commit([handed(7, &two)]);
    let orphans = three.round().orphans;
    assert_eq!(orphans, [kew::internals::store::postgres::Orphan { uid: 7, owner: second }]);
    assert_eq!(three.assign(&orphans), 1);
    assert_eq!(three.adopt(7).iter().filter(|item| item.is_message()).count(), 1);
    drop(two);
}

#[test]
fn a_message_that_is_sent_is_taken_as_it_was() {
    let Some((url, [mut one, mut two])) = nodes() else { return };
    one.commit([queue(7)]);
    two.commit([queue(8)]);
    let full = full_message().message;
    let causes = [
        (TransferRecordCause::DeadLetter, full.clone()),
        (TransferRecordCause::MoveTask("task".into()), message(2, "")),
        (
            TransferRecordCause::ByHand,
            Message { first_received: Some(Time(5)), receive_count: u32::MAX, ..message(3, "x") },
        ),
        (TransferRecordCause::DeadLetter, Message { extra: None, group: Some("g".into()), ..full }),
    ];
    let records = causes
        .into_iter()
        .zip(1..)
        .map(|((cause, message), number)| TransferRecord { cause, ..transfer(number, 8, message) });
    let records: Vec<TransferRecord> = records.collect();
    // In whatever order, and over the largest of numbers.
    let last = transfer(i64::MAX as u64, 8, message(9, "last"));
    let in_disorder = records.iter().rev().chain([&last]).cloned().map(|record| Change::Sent(Box::new(record)));
    one.commit(in_disorder);
    assert_eq!(two.round().transfers, [8]);
    assert_eq!(one.round().transfers, [0_u64; 0]);
    let found = two.transfers(8);
    assert_eq!(found, [records, vec![last]].concat());
    assert_eq!(two.transfers(7), []);
    let some = two.transfers(8);
    assert_eq!(some.len(), 5);

    let stored = |record: &TransferRecord, number: u64| {
        let message = record.message.clone();
        let Change::Effect { effect: Effect::Stored(plain), .. } = store(8, number, "") else { unreachable!() };
        let (first_received, receive_count) = (message.first_received, message.receive_count);
        let status = MessageStatus { first_received, receive_count, ..plain.status };
        effect(8, Effect::Stored(Box::new(StoredMessage { status, message, ..*plain })))
    };
    let all = found
        .iter()
        .zip(1..)
        .flat_map(|(record, number)| [stored(record, number), taken(8, record.source, record.number)]);
    two.commit(all);
    assert_eq!(value(&url, "SELECT count(*) FROM kew.transfer"), "0");
    assert_eq!(two.round().transfers, [0_u64; 0]);
    two.commit([handed(8, &one)]);
    let items = one.adopt(8);
    let came = items.iter().filter_map(|item| match item {
        StoredItem::Effect { effect: Effect::Stored(stored), .. } => Some(stored.message.clone()),
        _ => None,
    });
    assert_eq!(came.collect::<Vec<_>>(), found.into_iter().map(|record| record.message).collect::<Vec<_>>());
}

#[test]
fn what_was_sent_is_taken_once_whoever_dies_in_between() {
    let Some((url, [mut one, mut two, mut three])) = nodes() else { return };
    one.commit([queue(7), store(7, 1, "m1"), store(7, 2, "m2")]);
    two.commit([queue(8)]);
    one.commit(sent(1, 8).into_iter().chain(sent(2, 8)));
    three.fence(one.die());
    let found = two.transfers(8);
    assert_eq!(numbers(&found), [1, 2]);
    // The one that would take them dies before it commits that, and the next one finds them.
    three.fence(two.id());
    let late = two.store.commit(NOW, vec![store(8, 1, "m1"), taken(8, 7, 1)]);
    assert!(matches!(late, Err(StoreError::Fenced { .. })));
    three.adopt(8);
    assert_eq!(three.transfers(8), found);
    three.commit([store(8, 1, "m1"), taken(8, 7, 1)]);
    assert_eq!(numbers(&three.transfers(8)), [2]);
    assert_eq!(sql(&url, "SELECT queue || body FROM kew.message"), ["8m1"]);
}

#[test]
fn a_batch_that_takes_what_is_not_on_its_way_is_refused() {
    for wrong in [taken(8, 7, 1), taken(9, 7, 2), taken(8, 9, 2), taken(8, 7, 3)] {
        let Some((url, [mut one, mut two])) = nodes() else { return };
        one.commit([queue(7)]);
        two.commit([queue(8), queue(9)]);
        one.commit(sent(1, 8).into_iter().chain(sent(2, 8)));
        two.commit([store(8, 1, "m1"), taken(8, 7, 1)]);
        let refused = two.store.commit(NOW, vec![store(8, 2, "m2"), taken(8, 7, 2), wrong]).unwrap_err();
        let text = refused.to_string();
        assert!(matches!(refused, StoreError::Internal { .. }), "{refused:?}");
        assert!(text.contains("of 2 messages") && text.contains("only 1"), "{text}");
        assert_eq!(
            (targets(&url), value(&url, "SELECT body FROM kew.message")),
            (vec!["8:2".to_owned()], "m1".to_owned())
        );
        assert_eq!(two.store.commit(NOW, vec![Change::Proof]), Err(refused), "it commits nothing more");
    }
}

#[test]
fn what_is_sent_to_a_queue_that_is_not_there_stays() {
    let Some((url, [mut one, mut two])) = nodes() else { return };
    one.commit([queue(7)]);
    two.commit([queue(8)]);
    two.commit([deleted(8)]);
    one.commit(sent(1, 8));
    assert_eq!(targets(&url), ["7:1"]);
    assert_eq!(one.round().transfers, [7]);
    let back = one.transfers(7);
    assert_eq!(back, [transfer(1, 7, message(1, "m1"))]);
    one.commit([store(7, 1 << 17, "m1"), taken(7, 7, 1)]);
    // To itself, to a queue of the same batch, and from one that goes in the same batch.
    one.commit(sent(2, 7).into_iter().chain([queue(9)]).chain(sent(3, 9)).chain(sent(4, 8)));
    assert_eq!(targets(&url), ["7:2", "7:4", "9:3"]);
    one.commit(sent(5, 9).into_iter().chain(sent(6, 8)).chain([deleted(7)]));
    // What was to come back has nowhere to go.
    assert_eq!(targets(&url), ["9:3", "9:5"]);
}

#[test]
fn who_deletes_a_queue_turns_back_what_is_on_its_way_to_it() {
    let Some((url, [mut one, mut two])) = nodes() else { return };
    one.commit([queue(7), queue(6)]);
    two.commit([queue(8), queue(9)]);
    one.commit(sent(1, 8).into_iter().chain(sent(2, 8)).chain(sent(3, 9)));
    let mut of_six = transfer(1, 8, message(1, "of six"));
    of_six.source = 6;
    one.commit([Change::Sent(Box::new(of_six.clone()))]);
    one.commit([deleted(6)]);
    assert_eq!(targets(&url), ["8:1", "8:1", "8:2", "9:3"]);
    two.commit([store(8, 1, "m1"), taken(8, 7, 1), deleted(8)]);
    // One was taken and went with its queue, one goes back, and one has nowhere to go.
    assert_eq!(targets(&url), ["7:2", "9:3"]);
    assert_eq!(one.round().transfers, [7]);
    assert_eq!(one.transfers(7), [transfer(2, 7, message(2, "m2"))]);
}

#[test]
fn what_is_sent_while_its_target_is_deleted_is_never_lost() {
    const ROUNDS: u64 = 40;
    let Some((url, [mut one, mut two, mut three])) = nodes() else { return };
    one.commit([queue(7)]);
    // Each of two sends to queues that the third deletes at the same time, several in one batch.
    two.commit([queue(70)]);
    for round in 0..ROUNDS {
        let targets = [100 + 3 * round, 101 + 3 * round, 102 + 3 * round];
        three.commit(targets.map(queue));
        std::thread::scope(|threads| {
            let of_seven = targets.into_iter().zip(3 * round..).flat_map(|(target, number)| sent(number, target));
            let of_seventy = targets.into_iter().rev().zip(3 * round..).map(|(target, number)| {
                let record = transfer(number, target, message(number, "x"));
                Change::Sent(Box::new(TransferRecord { source: 70, ..record }))
            });
            threads.spawn(|| one.commit(of_seven));
            threads.spawn(|| two.commit(of_seventy));
            threads.spawn(|| three.commit(targets.map(deleted)));
        });
    }
    assert_eq!(sql(&url, "SELECT target, count(*) FROM kew.transfer GROUP BY 1 ORDER BY 1"), ["7|120", "70|120"]);
}

#[test]
fn what_is_on_its_way_to_nowhere_is_turned_back_by_upkeep() {
    let Some((url, [mut one])) = nodes() else { return };
    one.commit([queue(7), queue(8)]);
    one.commit(sent(1, 8));
    // As no commit leaves it.
    sql(&url, "DELETE FROM kew.queue WHERE uid = 8");
    while one.store.upkeep(NOW).unwrap() {}
    assert_eq!(targets(&url), ["7:1"]);
}

#[test]
fn the_tests_notice_who_writes_into_a_queue_of_another() {
    let Some((_, [mut one, mut two])) = nodes() else { return };
    one.commit([queue(7), store(7, 1, "x")]);
    let adopted = one.load(7).unwrap().0;
    let wrong = two.store.commit(NOW, vec![Change::Adopted(Box::new(adopted)), store(7, 2, "y")]).unwrap_err();
    assert!(wrong.to_string().contains("of another"), "{wrong}");
}

#[test]
fn ids_of_a_queue_that_came_from_another_node_go_when_their_time_is_over() {
    let Some((url, [mut one, mut two])) = nodes() else { return };
    remember_ten(&mut one.store);
    one.commit([queue(8), handed(7, &two)]);
    two.adopt(7);
    let later = Time(NOW.0 + 315_000);
    while one.store.upkeep(later).unwrap() {}
    assert_eq!(value(&url, "SELECT count(*) FROM kew.dedup"), "10", "they are not its own any more");
    while two.store.upkeep(later).unwrap() {}
    assert_eq!(value(&url, "SELECT count(*) FROM kew.dedup"), "0");
}

#[test]
fn two_nodes_clear_away_at_the_same_time() {
    let Some((url, [mut one, mut two])) = nodes() else { return };
    for (node, uid) in [(&mut one, 7), (&mut two, 8)] {
        node.commit([queue(uid)].into_iter().chain((1..=9_000).map(|number| store(uid, number, "x"))));
        node.commit([purge(uid, 9_001), store(uid, 9_001, "stays"), queue(uid + 10), deleted(uid + 10)]);
    }
    std::thread::scope(|threads| {
        threads.spawn(|| while one.store.upkeep(NOW).unwrap() {});
        threads.spawn(|| while two.store.upkeep(NOW).unwrap() {});
    });
    // What one left to the other it finds the next time.
    for node in [&mut one, &mut two] {
        let uid = if node.load(7).is_some() { 7 } else { 8 };
        node.commit([purge(uid, 9_002)]);
        node.store.settle_now().unwrap();
        while node.store.upkeep(NOW).unwrap() {}
    }
    assert_eq!(sql(&url, "SELECT (SELECT count(*) FROM kew.message), (SELECT count(*) FROM kew.discarded)"), ["0|0"]);
}
