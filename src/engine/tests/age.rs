//! Since when the oldest message is there, and when a receive took place: what metrics look at.

use super::*;
use crate::engine::{Arrival, OLDEST_LOOKED_AT_MAX};

/// A dead letter that was sent and has arrived at these seconds.
fn dead_letter(number: u32, sent: u64, arrived: u64) -> Message {
    let mut dead = message(number, Time(sent * 1000));
    dead.receive_count = 2;
    dead.extra_mut().receive_count_on_arrival = 2;
    dead.extra_mut().arrived = Arrival(Some(Time(arrived * 1000)));
    dead
}

#[test]
fn a_dead_letter_is_as_old_as_its_stay_whatever_the_order_of_sending() {
    let mut fixture = QueueFixture::standard();
    assert_eq!(fixture.queue.oldest(), (None, None));
    // The retention of the one that was sent first ends first, but it came later.
    for dead in [dead_letter(1, 500, 900), dead_letter(2, 100, 950), dead_letter(3, 800, 860)] {
        fixture.insert(dead);
    }
    assert_eq!(fixture.queue.oldest().0, Some(Time(860_000)));
    fixture.insert(message(4, Time(850_000)));
    assert_eq!(fixture.queue.oldest().0, Some(Time(850_000)));
}

#[test]
fn of_messages_that_do_not_count_a_bounded_number_is_passed_over() {
    let mut fixture = QueueFixture::standard();
    for number in 0..OLDEST_LOOKED_AT_MAX as u32 {
        let mut poison = message(number, Time(1_000));
        poison.receive_count = 4;
        fixture.insert(poison);
    }
    fixture.insert(message(5_000, Time(2_000)));
    assert_eq!(fixture.queue.oldest().0, None, "it was not looked at");
    fixture.queue.take_oldest_visible(fixture.now, &mut ());
    assert_eq!(fixture.queue.oldest().0, Some(Time(2_000)));
}

#[test]
fn the_first_and_the_last_receive_of_a_message_are_known() {
    let mut fixture = QueueFixture::standard();
    fixture.send("a");
    let mut receipts = Vec::new();
    let mut times = Vec::new();
    for _ in 0..3 {
        times.push(fixture.now);
        receipts.push(fixture.receive(1, 10)[0].receipt);
        fixture.wait(10);
    }
    let known = |receipt: &Receipt| fixture.queue.received_at(*receipt);
    assert_eq!(receipts.iter().map(known).collect::<Vec<_>>(), [Some(times[0]), None, Some(times[2])]);
    let delivery = fixture.receive(1, 10).remove(0);
    fixture.delete(&delivery);
    assert_eq!(fixture.queue.received_at(receipts[2]), None, "it is gone");
}
