//! A million messages and a hundred thousand groups: slow only if some operation walks over them.

use super::*;

const MESSAGES: u32 = 1_000_000;
const GROUPS: u32 = 100_000;

/// Every operation, a few thousand times each, on a queue this deep. One that is not flat would take minutes.
fn exercise(fixture: &mut QueueFixture) {
    for round in 0..300 {
        let received = fixture.receive(10, 30);
        assert_eq!(received.len(), 10);
        fixture.hide(&received[0], 0);
        fixture.hide(&received[1], 60);
        fixture.give_back(&received[2..3]);
        fixture.delete_all(&received[3..]);
        fixture.queue.take_oldest_visible(fixture.now, &mut ());
        let group = Some(format!("g{}", round % GROUPS).into());
        let next = MESSAGES + round;
        fixture.queue.send(fixture.now, NewMessage { group, ..new(next) }, &mut ());
        fixture.wait_ms(500);
        fixture.effects.clear();
    }
    assert!(fixture.queue.purge(fixture.now, &mut ()).messages() > 900_000);
}

#[test]
fn a_million_messages_slow_nothing_down() {
    let mut fixture = QueueFixture::standard();
    for number in 0..MESSAGES {
        let delay_seconds = if number % 10 == 0 { 1 + number % 900 } else { 0 };
        fixture.queue.send(fixture.now, NewMessage { delay_seconds, ..new(number) }, &mut ());
    }
    exercise(&mut fixture);
}

#[test]
fn a_hundred_thousand_groups_slow_nothing_down() {
    for mut fixture in [QueueFixture::standard(), QueueFixture::fifo()] {
        for number in 0..MESSAGES {
            let group = Some(format!("g{}", number % GROUPS).into());
            fixture.queue.send(fixture.now, NewMessage { group, ..new(number) }, &mut ());
        }
        exercise(&mut fixture);
    }
}
