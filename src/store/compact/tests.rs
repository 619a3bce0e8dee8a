//! What compacting keeps and what it drops.

use super::*;
use crate::engine::{Body, Message, MessageState};
use crate::store::QueueRecord;

fn status(order: u64, state: MessageState) -> MessageStatus {
    MessageStatus { order, state, deadline: None, receive_count: 0, first_received: None, received_at: None }
}

fn stored(number: u64) -> Effect {
    let message = Message {
        id: MessageId([1; 16]),
        body: Body::from("hello"),
        body_md5: [0; 16],
        extra: None,
        group: None,
        sent: Time(5),
        retained_from: Time(5),
        first_received: None,
        receive_count: 0,
    };
    Effect::Stored(Box::new(StoredMessage { slot: 3, number, status: status(number, MessageState::Visible), message }))
}

fn changed(number: u64, order: u64, state: MessageState) -> Effect {
    Effect::Changed { slot: 3, number, status: status(order, state) }
}

fn removed(number: u64) -> Effect {
    Effect::Removed { slot: 3, number }
}

fn remembered(number: u64) -> Effect {
    let (id, first_sent) = (MessageId([1; 16]), Time(5));
    Effect::Remembered { group: None, deduplication_id: "d".into(), first_sent, id, number }
}

fn attempted(number: u64) -> Effect {
    let receipts = vec![Receipt { queue: 7, slot: 3, number, receive: 1 }];
    Effect::Attempted { attempt_id: "a".into(), at: Time(5), receipts }
}

fn record() -> Box<QueueRecord> {
    Box::new(QueueRecord {
        uid: 7,
        account: "000000000000".into(),
        region: "eu-central-1".into(),
        name: "orders".into(),
        created: Time(1),
        modified: Time(1),
        purged: None,
        fifo: false,
        deduplication_scope: crate::engine::DeduplicationScope::Queue,
        attributes: BTreeMap::new(),
        tags: BTreeMap::new(),
    })
}

fn summary(effects: impl IntoIterator<Item = Effect>) -> QueueSummary {
    let batch = effects.into_iter().map(|effect| Change::Effect { queue: 7, effect }).collect();
    compact(batch).queues.remove(&7).unwrap()
}

#[test]
fn a_message_that_came_and_went_is_never_written_but_its_number_counts() {
    let queue = summary([stored(4), changed(4, 9, MessageState::InFlight), removed(4)]);
    assert!(queue.messages.is_empty());
    assert_eq!(queue.next_number, 10, "also the place it was given");
    assert!(queue.removed_any);
}

#[test]
fn a_new_message_is_written_once_in_its_newest_state() {
    let queue = summary([stored(4), changed(4, 4, MessageState::InFlight), changed(4, 5, MessageState::Visible)]);
    let Some(MessageSummary::Stored(stored)) = queue.messages.get(&4) else { panic!("stored") };
    assert_eq!(stored.status, status(5, MessageState::Visible));
    assert!(!queue.removed_any, "the row tells the number");
}

#[test]
fn several_changes_become_one_and_nothing_comes_after_a_removal() {
    let queue = summary([changed(4, 4, MessageState::InFlight), changed(4, 5, MessageState::Visible)]);
    assert!(matches!(queue.messages[&4], MessageSummary::Changed { status: now, .. } if now.order == 5));
    let queue = summary([changed(4, 4, MessageState::InFlight), removed(4), changed(4, 5, MessageState::Visible)]);
    assert!(matches!(queue.messages[&4], MessageSummary::Removed));
}

#[test]
fn a_purge_drops_what_was_before_and_nothing_after() {
    let before = [stored(4), removed(2), remembered(4), attempted(4)];
    let after = [Effect::Purged { next_number: 5 }, stored(5), remembered(5)];
    let queue = summary(before.into_iter().chain(after));
    assert_eq!(queue.purged_below, Some(5));
    assert_eq!(queue.messages.keys().copied().collect::<Vec<_>>(), [5]);
    assert_eq!(queue.remembered.iter().map(|one| one.number).collect::<Vec<_>>(), [5]);
    assert!(queue.attempts.is_empty());
    assert_eq!(queue.next_number, 6);
}

#[test]
fn the_newest_word_on_an_attempt_counts_with_the_deadlines_of_its_time() {
    let with_deadline = |at| Effect::Changed {
        slot: 3,
        number: 4,
        status: MessageStatus { deadline: Some(Time(at)), ..status(4, MessageState::InFlight) },
    };
    let queue = summary([with_deadline(50), attempted(4), with_deadline(60), attempted(4), with_deadline(70)]);
    assert_eq!(queue.attempts["a"].receipts[0].1, Some(Time(60)));
}

#[test]
fn a_deleted_queue_leaves_only_its_name() {
    let effect = |effect| Change::Effect { queue: 7, effect };
    let batch = vec![
        Change::Queue(record()),
        effect(stored(1)),
        Change::QueueDeleted { uid: 7, at: Time(9) },
        effect(stored(2)),
        effect(removed(1)),
    ];
    let queue = compact(batch).queues.remove(&7).unwrap();
    assert_eq!(queue.deleted, Some(Time(9)));
    assert_eq!(queue.record.unwrap().name, "orders");
    assert!(queue.messages.is_empty());
}

#[test]
fn the_newest_record_and_task_count() {
    let mut renamed = record();
    renamed.tags.insert("team".into(), "a".into());
    let batch =
        vec![Change::Queue(record()), Change::Queue(renamed.clone()), Change::MoveTaskForgotten { id: "t".into() }];
    let mut summary = compact(batch);
    assert_eq!(summary.queues.remove(&7).unwrap().record, Some(renamed));
    assert_eq!(summary.tasks, [("t".to_owned(), None)]);
}
