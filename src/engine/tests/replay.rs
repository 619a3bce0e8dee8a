//! A queue built again from its effects, whole or folded to one row for each message.

use std::collections::BTreeMap;

use super::*;
use crate::engine::message::FIRST_FIFO_NUMBER;
use crate::engine::{State, Status, Stored, sequence_number};

/// What a store with one row for each message would replay.
fn folded(effects: &[Effect]) -> Vec<Effect> {
    let mut rows: BTreeMap<u64, Stored> = BTreeMap::new();
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

fn rebuild(desk: &mut Desk, effects: impl IntoIterator<Item = Effect>) {
    let mut queue = Queue::new(desk.queue.uid(), desk.queue.settings().clone());
    effects.into_iter().for_each(|effect| queue.replay(effect));
    assert_eq!(queue.counts(), desk.queue.counts());
    assert_eq!(queue.next_number(), desk.queue.next_number());
    assert_eq!(queue.next_deadline(), desk.queue.next_deadline());
    desk.queue = queue;
}

/// FIFO queues were numbered from 1 once; what such a queue still holds keeps its number, and what follows goes on above it.
#[test]
fn numbers_of_an_older_store_stay_and_those_that_follow_are_higher() {
    let mut queue = Desk::fifo().queue;
    let stored = |number| {
        let status = Status {
            order: number,
            state: State::Visible,
            deadline: None,
            receive_count: 0,
            first_received: None,
            received_at: None,
        };
        let message = message(number as u32, Time(0));
        Effect::Stored(Box::new(Stored { slot: number as u32, number, status, message }))
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
        let mut desk = Desk::fifo();
        desk.send_all(&["g-1", "g-2", "h-1", "i-1", "i-2"]);
        let first = desk.receive(2, 30);
        let attempt = attempt("again", 1, 60);
        let second = desk.receive_as(&attempt).deliveries;
        assert_eq!(desk.delete(&first[0]), Deleted::Done);
        desk.configure(|settings| settings.fifo_delay_seconds = 5);
        desk.send("j-1");
        let mut rows = folded(&desk.effects);
        if backwards {
            let messages = rows.iter().filter(|row| matches!(row, Effect::Stored(_))).count();
            rows[..messages].reverse();
        }
        rebuild(&mut desk, rows);
        assert_eq!(desk.receive_as(&attempt).deliveries, second, "the attempt");
        assert_eq!(desk.delete(&first[1]), Deleted::Done);
        assert_eq!(desk.delete(&first[0]), Deleted::AlreadyGone);
        let draft = desk.draft("g-3");
        let again = desk.send_as(NewMessage { deduplication_id: Some("d1".into()), ..draft });
        assert_eq!(again, Sent::Duplicate { id: id(1), number: FIRST_FIFO_NUMBER });
        assert_eq!(desk.names(10, 30), ["i-1", "i-2"]);
        desk.wait(5);
        assert_eq!(desk.names(10, 30), ["j-1"]);
        desk.wait(55);
        assert_eq!(desk.names(10, 30), ["i-1", "i-2", "j-1", "h-1"]);
    }
}

#[test]
fn a_standard_queue_survives_a_restart_from_rows() {
    let mut desk = Desk::standard();
    let draft = desk.draft("delayed");
    desk.send_as(NewMessage { delay_seconds: 20, ..draft });
    desk.send_all(&["a", "b", "c"]);
    let received = desk.receive(2, 30);
    desk.delete(&received[0]);
    let rows = folded(&desk.effects);
    rebuild(&mut desk, rows);
    assert_eq!(desk.hide(&received[1], 0), VisibilityChange::Changed);
    desk.wait(20);
    assert_eq!(desk.names(10, 30), ["delayed", "b", "c"]);
    // Slot 1 became free before the restart; it is used again.
    desk.send("d");
    assert_eq!(desk.receive(1, 30)[0].receipt.slot, 1);
}

#[test]
fn replaying_everything_gives_the_same_noisy_groups() {
    let mut desk = Desk::standard();
    for _ in 0..50 {
        let draft = desk.draft("n");
        desk.send_as(NewMessage { group: Some("n".into()), ..draft });
    }
    desk.receive(35, 600);
    let effects = desk.effects.clone();
    rebuild(&mut desk, effects);
    assert_eq!(desk.queue.counts().noisy_groups, 1);
}

#[test]
fn numbers_are_not_used_twice_after_a_purge_and_a_restart() {
    let mut desk = Desk::standard();
    desk.send_all(&["a", "b"]);
    drop(desk.queue.purge(desk.now, &mut desk.effects));
    let effects = desk.effects.split_off(2);
    assert_eq!(effects, [Effect::Purged { next_number: 3 }]);
    rebuild(&mut desk, effects);
    assert_eq!(desk.send("c"), Sent::Stored { number: 3 });
}

#[test]
fn of_two_messages_in_one_slot_the_newer_keeps_its_receipt_and_none_is_lost() {
    for backwards in [false, true] {
        let mut desk = Desk::standard();
        desk.send_all(&["dead", "new"]);
        let received = desk.receive(2, 30);
        // "dead" was on its way to another queue when "new" came into its slot, and then the power went.
        let mut rows = folded(&desk.effects);
        for row in &mut rows {
            if let Effect::Stored(stored) = row {
                stored.slot = received[1].receipt.slot;
            }
        }
        if backwards {
            rows[..2].reverse();
        }
        rebuild(&mut desk, rows);
        assert_eq!(desk.delete(&received[1]), Deleted::Done, "the newer, by its old receipt");
        assert_eq!(desk.queue.counts().in_flight, 1, "the older is still there");
    }
}

#[test]
fn nonsense_is_passed_over() {
    let status = Status {
        order: 5,
        state: State::InFlight,
        deadline: None,
        receive_count: 0,
        first_received: None,
        received_at: None,
    };
    let stored =
        |slot, number| Effect::Stored(Box::new(Stored { slot, number, status, message: message(1, Time(u64::MAX)) }));
    for mut desk in [Desk::standard(), Desk::fifo()] {
        desk.queue.replay(Effect::Changed { slot: 3, number: 3, status });
        desk.queue.replay(Effect::Removed { slot: u32::MAX, number: u64::MAX - 1 });
        desk.queue.replay(stored(2, 7));
        desk.queue.replay(stored(2, 7));
        desk.queue.replay(stored(2, 8));
        desk.queue.replay(stored(u32::MAX, 9));
        assert_eq!(desk.counts(), (0, 3, 0), "none is lost, none is there twice");
        desk.wait(0);
        assert_eq!(desk.counts(), (3, 0, 0), "a lost deadline has passed");
        assert_eq!(desk.names(10, 5).len(), 3);
    }
}

#[test]
fn a_queue_in_memory_only_builds_no_effects() {
    let mut desk = Desk::standard();
    desk.queue.send(desk.now, new(1), &mut ());
    assert!(!desk.queue.receive(desk.now, &options(1, 5), None, &mut ()).deliveries.is_empty());
}

#[test]
fn a_group_that_fell_silent_and_sent_again_is_quiet_after_a_replay_too() {
    let mut desk = Desk::standard();
    let send = |desk: &mut Desk, count: usize| {
        for _ in 0..count {
            let draft = desk.draft("n");
            desk.send_as(NewMessage { group: Some("n".into()), ..draft });
        }
    };
    send(&mut desk, 50);
    desk.receive(35, 600);
    desk.wait(300);
    send(&mut desk, 1);
    assert_eq!(desk.queue.counts().noisy_groups, 0);
    let effects = desk.effects.clone();
    rebuild(&mut desk, effects);
}
