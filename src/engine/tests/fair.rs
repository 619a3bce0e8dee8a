//! Fair queues: message groups on standard queues.

use super::*;
use crate::engine::NOISY_IDLE_MS;

fn send(desk: &mut Desk, group: &str, count: usize) {
    for _ in 0..count {
        let draft = desk.draft(group);
        desk.send_as(NewMessage { group: Some(group.into()), ..draft });
    }
}

/// Group "noisy" has 35 of 35 messages in flight and 15 waiting.
fn desk_with_a_noisy_group() -> Desk {
    let mut desk = Desk::standard();
    send(&mut desk, "noisy", 50);
    assert_eq!(desk.receive(35, 600).len(), 35);
    assert_eq!(desk.queue.counts().noisy_groups, 1);
    desk
}

#[test]
fn without_noise_groups_are_served_in_send_order() {
    let mut desk = Desk::standard();
    for group in ["a", "b", "a", "c"] {
        send(&mut desk, group, 1);
    }
    desk.send("none");
    assert_eq!(desk.names(10, 5), ["a", "b", "a", "c", "none"]);
}

#[test]
fn messages_of_one_group_can_be_in_flight_together() {
    let mut desk = Desk::standard();
    send(&mut desk, "a", 2);
    assert_eq!(desk.names(1, 5), ["a"]);
    assert_eq!(desk.names(1, 5), ["a"]);
}

#[test]
fn quiet_groups_and_messages_without_a_group_go_before_a_noisy_one() {
    let mut desk = desk_with_a_noisy_group();
    send(&mut desk, "quiet", 1);
    desk.send("none");
    assert_eq!(desk.names(3, 5), ["quiet", "none", "noisy"]);
    let counts = desk.queue.counts();
    assert_eq!((counts.visible, counts.quiet_visible), (14, 0));
    assert_eq!((counts.in_flight, counts.quiet_in_flight), (38, 2));
}

#[test]
fn twenty_nine_in_flight_are_not_noisy() {
    let mut desk = Desk::standard();
    send(&mut desk, "a", 50);
    desk.receive(29, 600);
    assert_eq!(desk.queue.counts().noisy_groups, 0);
    desk.receive(1, 600);
    assert_eq!(desk.queue.counts().noisy_groups, 1);
}

#[test]
fn a_tenth_of_all_in_flight_is_not_noisy() {
    let mut desk = Desk::standard();
    for _ in 0..270 {
        desk.send("none");
    }
    desk.receive(270, 600);
    send(&mut desk, "a", 50);
    desk.receive(30, 600);
    assert_eq!(desk.queue.counts().noisy_groups, 0, "30 of 300");
    desk.receive(1, 600);
    assert_eq!(desk.queue.counts().noisy_groups, 1, "31 of 301");
}

#[test]
fn of_two_noisy_groups_the_one_with_fewer_in_flight_goes_first() {
    let mut desk = desk_with_a_noisy_group();
    send(&mut desk, "other", 40);
    desk.receive(31, 600);
    assert_eq!(desk.queue.counts().noisy_groups, 2);
    assert_eq!(desk.names(6, 600), ["other", "other", "other", "other", "noisy", "other"]);
}

#[test]
fn a_group_is_quiet_again_when_its_backlog_is_gone() {
    let mut desk = desk_with_a_noisy_group();
    desk.receive(15, 600);
    assert_eq!(desk.queue.counts().noisy_groups, 0);
}

#[test]
fn a_group_that_sent_nothing_for_five_minutes_is_quiet_again() {
    let mut desk = desk_with_a_noisy_group();
    desk.wait_ms(NOISY_IDLE_MS - 1);
    assert_eq!(desk.queue.counts().noisy_groups, 1);
    desk.wait_ms(1);
    assert_eq!(desk.queue.counts().noisy_groups, 0);
    desk.receive(1, 600);
    assert_eq!(desk.queue.counts().noisy_groups, 0, "and stays so while it is silent");
    send(&mut desk, "noisy", 1);
    desk.receive(1, 600);
    assert_eq!(desk.queue.counts().noisy_groups, 1);
}

#[test]
fn groups_without_messages_are_forgotten() {
    let mut desk = Desk::standard();
    send(&mut desk, "a", 2);
    send(&mut desk, "b", 1);
    assert_eq!(desk.queue.counts().groups, 2);
    let received = desk.receive(10, 30);
    desk.delete_all(&received);
    assert_eq!(desk.queue.counts().groups, 0);
}
