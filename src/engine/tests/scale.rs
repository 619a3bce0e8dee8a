//! A million messages and a hundred thousand groups: slow only if some operation walks over them.

use super::*;

const MESSAGES: u32 = 1_000_000;
const GROUPS: u32 = 100_000;

/// Every operation, a few thousand times each, on a queue this deep. One that is not flat would take minutes.
fn exercise(desk: &mut Desk) {
    for round in 0..300 {
        let received = desk.receive(10, 30);
        assert_eq!(received.len(), 10);
        desk.hide(&received[0], 0);
        desk.hide(&received[1], 60);
        desk.give_back(&received[2..3]);
        desk.delete_all(&received[3..]);
        desk.queue.take_oldest_visible(desk.now, &mut ());
        let group = Some(format!("g{}", round % GROUPS).into());
        let next = MESSAGES + round;
        desk.queue.send(desk.now, NewMessage { group, ..new(next) }, &mut ());
        desk.wait_ms(500);
        desk.effects.clear();
    }
    assert!(desk.queue.purge(desk.now, &mut ()).messages() > 900_000);
}

#[test]
fn a_million_messages_slow_nothing_down() {
    let mut desk = Desk::standard();
    for number in 0..MESSAGES {
        let delay_seconds = if number % 10 == 0 { 1 + number % 900 } else { 0 };
        desk.queue.send(desk.now, NewMessage { delay_seconds, ..new(number) }, &mut ());
    }
    exercise(&mut desk);
}

#[test]
fn a_hundred_thousand_groups_slow_nothing_down() {
    for mut desk in [Desk::standard(), Desk::fifo()] {
        for number in 0..MESSAGES {
            let group = Some(format!("g{}", number % GROUPS).into());
            desk.queue.send(desk.now, NewMessage { group, ..new(number) }, &mut ());
        }
        exercise(&mut desk);
    }
}
