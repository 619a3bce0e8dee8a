//! A queue built again from its effects, whole or folded to one row for each message.

use std::collections::BTreeMap;

use super::*;
use crate::engine::message::FIRST_FIFO_NUMBER;
use crate::engine::{MessageState, MessageStatus, StoredMessage, sequence_number};

/// What a store with one row for each message would replay.
fn folded(effects: &[Effect]) -> Vec<Effect> {
    let mut rows: BTreeMap<u64, StoredMessage> = BTreeMap::new();
    let mut rest = Vec::new();
    let mut next_number = 0;
    for effect in effects.iter().cloned() {
        next_number = effect.next_number().max(next_number);
        match effect {
            Effect::Stored(stored) => {
                rows.insert(stored.number, *stored);
            }
            Effect::Changed { number, status, .. } => rows.get_mut(&number).expect("stored").status = status,
            Effect::Removed { number, .. } => {
                rows.remove(&number);
            }
            Effect::Purged { .. } => {
                rows.clear();
                rest.clear();
            }
            Effect::Counter { .. } => {}
            effect => rest.push(effect),
        }
    }
    let mut effects: Vec<Effect> = rows.into_values().map(|row| Effect::Stored(Box::new(row))).collect();
    effects.extend(rest);
    effects.push(Effect::Counter { next_number });
    effects
}

fn rebuild(fixture: &mut QueueFixture, effects: impl IntoIterator<Item = Effect>) {
    let mut queue = Queue::new(fixture.queue.uid(), fixture.queue.queue_type(), fixture.queue.settings().clone());
    effects.into_iter().for_each(|effect| queue.replay(effect));
    assert_eq!(queue.counts(), fixture.queue.counts());
    assert_eq!(queue.next_number(), fixture.queue.next_number());
    assert_eq!(queue.next_deadline(), fixture.queue.next_deadline());
    fixture.queue = queue;
}

/// FIFO queues were numbered from 1 once; what such a queue still holds keeps its number, and what follows goes on
/// above it.
#[test]
fn numbers_of_an_older_store_stay_and_those_that_follow_are_higher() {
    let mut queue = QueueFixture::fifo().queue;
    let stored = |number| {
        let status = MessageStatus {
            order: number,
            state: MessageState::Visible,
            deadline: None,
            receive_count: 0,
            first_received: None,
            received_at: None,
        };
        let message = message(number as u32, Time(0));
        Effect::Stored(Box::new(StoredMessage { slot: number as u32, number, status, message }))
    };
    queue.replay(stored(3));
    queue.replay(stored(4));
    queue.replay(Effect::Counter { next_number: 5 });
    let next = queue.next_number();
    assert!(sequence_number(next) > sequence_number(4), "{next}");
    assert_eq!(sequence_number(4), "18850000000000001024");
    // A store that counts further than a new queue begins is believed too.
    queue.replay(Effect::Counter { next_number: next + 1000 });
    assert_eq!(queue.next_number(), next + 1000);
}

#[test]
fn handles_deadlines_and_memories_survive_a_restart_from_rows() {
    for backwards in [false, true] {
        let mut fixture = QueueFixture::fifo();
        fixture.send_all(&["g-1", "g-2", "h-1", "i-1", "i-2"]);
        let first = fixture.receive(2, 30);
        let attempt = attempt("again", 1, 60);
        let second = fixture.receive_as(&attempt).deliveries;
        assert_eq!(fixture.delete(&first[0]), Deleted::Done);
        fixture.configure(|settings| settings.fifo_delay_seconds = 5);
        fixture.send("j-1");
        let mut rows = folded(&fixture.effects);
        if backwards {
            let messages = rows.iter().filter(|row| matches!(row, Effect::Stored(_))).count();
            rows[..messages].reverse();
        }
        rebuild(&mut fixture, rows);
        assert_eq!(fixture.receive_as(&attempt).deliveries, second, "the attempt");
        assert_eq!(fixture.delete(&first[1]), Deleted::Done);
        assert_eq!(fixture.delete(&first[0]), Deleted::AlreadyGone);
        let draft = fixture.draft("g-3");
        let again = fixture.send_as(NewMessage { deduplication_id: Some("d1".into()), ..draft });
        assert_eq!(again, Sent::Duplicate { id: id(1), number: FIRST_FIFO_NUMBER });
        assert_eq!(fixture.names(10, 30), ["i-1", "i-2"]);
        fixture.wait(5);
        assert_eq!(fixture.names(10, 30), ["j-1"]);
        fixture.wait(55);
        assert_eq!(fixture.names(10, 30), ["i-1", "i-2", "j-1", "h-1"]);
    }
}

#[test]
fn a_standard_queue_survives_a_restart_from_rows() {
    let mut fixture = QueueFixture::standard();
    let draft = fixture.draft("delayed");
    fixture.send_as(NewMessage { delay_seconds: 20, ..draft });
    fixture.send_all(&["a", "b", "c"]);
    let received = fixture.receive(2, 30);
    fixture.delete(&received[0]);
    let rows = folded(&fixture.effects);
    rebuild(&mut fixture, rows);
    assert_eq!(fixture.hide(&received[1], 0), VisibilityChange::Changed);
    fixture.wait(20);
    assert_eq!(fixture.names(10, 30), ["delayed", "b", "c"]);
    // Slot 1 became free before the restart; it is used again.
    fixture.send("d");
    assert_eq!(fixture.receive(1, 30)[0].receipt.slot, 1);
}

#[test]
fn replaying_everything_gives_the_same_noisy_groups() {
    let mut fixture = QueueFixture::standard();
    for _ in 0..50 {
        let draft = fixture.draft("n");
        fixture.send_as(NewMessage { group: Some("n".into()), ..draft });
    }
    fixture.receive(35, 600);
    let effects = fixture.effects.clone();
    rebuild(&mut fixture, effects);
    assert_eq!(fixture.queue.counts().noisy_groups, 1);
}

#[test]
fn numbers_are_not_used_twice_after_a_purge_and_a_restart() {
    let mut fixture = QueueFixture::standard();
    fixture.send_all(&["a", "b"]);
    drop(fixture.queue.purge(fixture.now, &mut fixture.effects));
    let effects = fixture.effects.split_off(2);
    assert_eq!(effects, [Effect::Purged { next_number: 3 }]);
    rebuild(&mut fixture, effects);
    assert_eq!(fixture.send("c"), Sent::Stored { number: 3 });
}

#[test]
fn of_two_messages_in_one_slot_the_newer_keeps_its_receipt_and_none_is_lost() {
    for backwards in [false, true] {
        let mut fixture = QueueFixture::standard();
        fixture.send_all(&["dead", "new"]);
        let received = fixture.receive(2, 30);
        // "dead" was on its way to another queue when "new" came into its slot, and then the power went.
        let mut rows = folded(&fixture.effects);
        for row in &mut rows {
            if let Effect::Stored(stored) = row {
                stored.slot = received[1].receipt.slot;
            }
        }
        if backwards {
            rows[..2].reverse();
        }
        rebuild(&mut fixture, rows);
        assert_eq!(fixture.delete(&received[1]), Deleted::Done, "the newer, by its old receipt");
        assert_eq!(fixture.queue.counts().in_flight, 1, "the older is still there");
    }
}

#[test]
fn nonsense_is_passed_over() {
    let status = MessageStatus {
        order: 5,
        state: MessageState::InFlight,
        deadline: None,
        receive_count: 0,
        first_received: None,
        received_at: None,
    };
    let stored = |slot, number| {
        Effect::Stored(Box::new(StoredMessage { slot, number, status, message: message(1, Time(u64::MAX)) }))
    };
    for mut fixture in [QueueFixture::standard(), QueueFixture::fifo()] {
        fixture.queue.replay(Effect::Changed { slot: 3, number: 3, status });
        fixture.queue.replay(Effect::Removed { slot: u32::MAX, number: u64::MAX - 1 });
        fixture.queue.replay(stored(2, 7));
        fixture.queue.replay(stored(2, 7));
        fixture.queue.replay(stored(2, 8));
        fixture.queue.replay(stored(u32::MAX, 9));
        assert_eq!(fixture.counts(), (0, 3, 0), "none is lost, none is there twice");
        fixture.wait(0);
        assert_eq!(fixture.counts(), (3, 0, 0), "a lost deadline has passed");
        assert_eq!(fixture.names(10, 5).len(), 3);
    }
}

#[test]
fn a_queue_in_memory_only_builds_no_effects() {
    let mut fixture = QueueFixture::standard();
    fixture.queue.send(fixture.now, new(1), &mut ());
    assert!(!fixture.queue.receive(fixture.now, &options(1, 5), None, &mut ()).deliveries.is_empty());
}

#[test]
fn a_group_that_fell_silent_and_sent_again_is_quiet_after_a_replay_too() {
    let mut fixture = QueueFixture::standard();
    let send = |fixture: &mut QueueFixture, count: usize| {
        for _ in 0..count {
            let draft = fixture.draft("n");
            fixture.send_as(NewMessage { group: Some("n".into()), ..draft });
        }
    };
    send(&mut fixture, 50);
    fixture.receive(35, 600);
    fixture.wait(300);
    send(&mut fixture, 1);
    assert_eq!(fixture.queue.counts().noisy_groups, 0);
    let effects = fixture.effects.clone();
    rebuild(&mut fixture, effects);
}
