//! Fair queues: message groups on standard queues.

use super::*;
use crate::engine::NOISY_IDLE_MS;

fn send(fixture: &mut QueueFixture, group: &str, count: usize) {
    for _ in 0..count {
        let draft = fixture.draft(group);
        fixture.send_as(NewMessage { group: Some(group.into()), ..draft });
    }
}

/// Group "noisy" has 35 of 35 messages in flight and 15 waiting.
fn desk_with_a_noisy_group() -> QueueFixture {
    let mut fixture = QueueFixture::standard();
    send(&mut fixture, "noisy", 50);
    assert_eq!(fixture.receive(35, 600).len(), 35);
    assert_eq!(fixture.queue.counts().noisy_groups, 1);
    fixture
}

#[test]
fn without_noise_groups_are_served_in_send_order() {
    let mut fixture = QueueFixture::standard();
    for group in ["a", "b", "a", "c"] {
        send(&mut fixture, group, 1);
    }
    fixture.send("none");
    assert_eq!(fixture.names(10, 5), ["a", "b", "a", "c", "none"]);
}

#[test]
fn messages_of_one_group_can_be_in_flight_together() {
    let mut fixture = QueueFixture::standard();
    send(&mut fixture, "a", 2);
    assert_eq!(fixture.names(1, 5), ["a"]);
    assert_eq!(fixture.names(1, 5), ["a"]);
}

#[test]
fn quiet_groups_and_messages_without_a_group_go_before_a_noisy_one() {
    let mut fixture = desk_with_a_noisy_group();
    send(&mut fixture, "quiet", 1);
    fixture.send("none");
    assert_eq!(fixture.names(3, 5), ["quiet", "none", "noisy"]);
    let counts = fixture.queue.counts();
    assert_eq!((counts.visible, counts.quiet_visible), (14, 0));
    assert_eq!((counts.in_flight, counts.quiet_in_flight), (38, 2));
}

#[test]
fn twenty_nine_in_flight_are_not_noisy() {
    let mut fixture = QueueFixture::standard();
    send(&mut fixture, "a", 50);
    fixture.receive(29, 600);
    assert_eq!(fixture.queue.counts().noisy_groups, 0);
    fixture.receive(1, 600);
    assert_eq!(fixture.queue.counts().noisy_groups, 1);
}

#[test]
fn a_tenth_of_all_in_flight_is_not_noisy() {
    let mut fixture = QueueFixture::standard();
    for _ in 0..270 {
        fixture.send("none");
    }
    fixture.receive(270, 600);
    send(&mut fixture, "a", 50);
    fixture.receive(30, 600);
    assert_eq!(fixture.queue.counts().noisy_groups, 0, "30 of 300");
    fixture.receive(1, 600);
    assert_eq!(fixture.queue.counts().noisy_groups, 1, "31 of 301");
}

#[test]
fn of_two_noisy_groups_the_one_with_fewer_in_flight_goes_first() {
    let mut fixture = desk_with_a_noisy_group();
    send(&mut fixture, "other", 40);
    fixture.receive(31, 600);
    assert_eq!(fixture.queue.counts().noisy_groups, 2);
    assert_eq!(fixture.names(6, 600), ["other", "other", "other", "other", "noisy", "other"]);
}

#[test]
fn a_group_is_quiet_again_when_its_backlog_is_gone() {
    let mut fixture = desk_with_a_noisy_group();
    fixture.receive(15, 600);
    assert_eq!(fixture.queue.counts().noisy_groups, 0);
}

#[test]
fn a_group_that_sent_nothing_for_five_minutes_is_quiet_again() {
    let mut fixture = desk_with_a_noisy_group();
    fixture.wait_ms(NOISY_IDLE_MS - 1);
    assert_eq!(fixture.queue.counts().noisy_groups, 1);
    fixture.wait_ms(1);
    assert_eq!(fixture.queue.counts().noisy_groups, 0);
    fixture.receive(1, 600);
    assert_eq!(fixture.queue.counts().noisy_groups, 0, "and stays so while it is silent");
    send(&mut fixture, "noisy", 1);
    fixture.receive(1, 600);
    assert_eq!(fixture.queue.counts().noisy_groups, 1);
}

#[test]
fn groups_without_messages_are_forgotten() {
    let mut fixture = QueueFixture::standard();
    send(&mut fixture, "a", 2);
    send(&mut fixture, "b", 1);
    assert_eq!(fixture.queue.counts().groups, 2);
    let received = fixture.receive(10, 30);
    fixture.delete_all(&received);
    assert_eq!(fixture.queue.counts().groups, 0);
}
