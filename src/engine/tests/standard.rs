//! Standard queues: order, visibility, handles, delay, retention, limits, dead letters, moves, purge.

use super::*;
use crate::engine::{DEAD_LETTERS_PER_CALL_MAX, SLOTS_PER_PAGE_MAX, State, TICK_EVENTS_MAX};

#[test]
fn messages_come_in_the_order_they_were_sent() {
    let mut desk = Desk::standard();
    desk.send_all(&["a", "b", "c"]);
    assert_eq!(desk.names(2, 30), ["a", "b"]);
    assert_eq!(desk.names(10, 30), ["c"]);
    assert_eq!(desk.names(10, 30), [""; 0]);
}

#[test]
fn a_receive_counts_stamps_and_hides() {
    let mut desk = Desk::standard();
    desk.send("a");
    let sent = desk.now;
    desk.wait(5);
    let first = desk.receive(1, 30).remove(0);
    assert_eq!((first.receive_count, first.first_received, first.sent), (1, desk.now, sent));
    assert_eq!(desk.counts(), (0, 1, 0));
    desk.wait_ms(29_999);
    assert_eq!(desk.names(1, 30), [""; 0]);
    desk.wait_ms(1);
    assert_eq!(desk.counts(), (1, 0, 0));
    let second = desk.receive(1, 30).remove(0);
    assert_eq!((second.receive_count, second.first_received), (2, first.first_received));
    assert_ne!(second.receipt.encode(), first.receipt.encode());
}

#[test]
fn a_message_whose_timeout_ended_keeps_its_place() {
    let mut desk = Desk::standard();
    desk.send("a");
    desk.receive(1, 5);
    desk.send("b");
    desk.wait(5);
    assert_eq!(desk.names(10, 5), ["a", "b"]);
}

#[test]
fn with_a_generous_redrive_policy_a_message_goes_to_the_back_after_three_receives() {
    for (allowed, expected) in [(Some(10), ["b", "a"]), (Some(3), ["a", "b"]), (None, ["a", "b"])] {
        let mut desk = Desk::standard().with(|settings| settings.redrive_max_receive_count = allowed);
        desk.send_all(&["a", "b"]);
        for _ in 0..4 {
            assert_eq!(desk.names(1, 5), ["a"]);
            desk.wait(5);
        }
        assert_eq!(desk.names(10, 5), expected);
    }
}

#[test]
fn with_a_timeout_of_zero_a_message_stays_visible_but_comes_once_per_call() {
    let mut desk = Desk::standard();
    desk.send_all(&["a", "b"]);
    let received = desk.receive(10, 0);
    assert_eq!(names(&received), ["a", "b"]);
    assert_eq!(desk.counts(), (2, 0, 0));
    assert_eq!(desk.delete(&received[0]), Deleted::Done);
    assert_eq!(desk.receive(10, 0)[0].receive_count, 2);
}

#[test]
fn any_handle_of_a_living_message_deletes_it() {
    let mut desk = Desk::standard();
    desk.send_all(&["a", "b", "c"]);
    let first = desk.receive(3, 5);
    desk.wait(5);
    assert_eq!(desk.delete(&first[0]), Deleted::Done, "visible again");
    let second = desk.receive(1, 5).remove(0);
    assert_eq!(second.body.as_str(), "b");
    assert_eq!(desk.delete(&first[1]), Deleted::Done, "received again, by an old handle");
    assert_eq!(desk.delete(&second), Deleted::AlreadyGone);
    assert_eq!(desk.names(10, 5), ["c"]);
}

#[test]
fn a_handle_never_reaches_the_next_message_in_the_same_slot() {
    let mut desk = Desk::standard();
    desk.send("a");
    let old = desk.receive(1, 30).remove(0);
    desk.delete(&old);
    desk.send("b");
    let new = desk.receive(1, 30).remove(0);
    assert_eq!(new.receipt.slot, old.receipt.slot);
    assert_eq!(desk.delete(&old), Deleted::AlreadyGone);
    assert_eq!(desk.hide(&old, 5), VisibilityChange::NotAvailable);
    assert_eq!(desk.counts(), (0, 1, 0));
}

#[test]
fn changing_visibility_counts_from_now_and_for_this_receive_only() {
    let mut desk = Desk::standard();
    desk.send("a");
    let received = desk.receive(1, 5).remove(0);
    desk.wait(4);
    assert_eq!(desk.hide(&received, 10), VisibilityChange::Changed);
    desk.wait(9);
    assert_eq!(desk.counts(), (0, 1, 0));
    desk.wait(1);
    assert_eq!(desk.names(1, 5), ["a"]);
    desk.wait(5);
    assert_eq!(desk.counts(), (1, 0, 0));
}

#[test]
fn visibility_zero_shows_at_once_and_may_be_repeated() {
    let mut desk = Desk::standard();
    desk.send("a");
    let received = desk.receive(1, 30).remove(0);
    assert_eq!(desk.hide(&received, 0), VisibilityChange::Changed);
    assert_eq!(desk.hide(&received, 0), VisibilityChange::Changed);
    assert_eq!(desk.counts(), (1, 0, 0));
}

#[test]
fn a_visible_message_can_be_hidden_again_also_by_a_stale_handle() {
    let mut desk = Desk::standard();
    desk.send("a");
    let first = desk.receive(1, 5).remove(0);
    desk.wait(5);
    assert_eq!(desk.hide(&first, 5), VisibilityChange::Changed);
    assert_eq!(desk.counts(), (0, 1, 0));
    desk.wait(5);
    desk.receive(1, 5);
    assert_eq!(desk.hide(&first, 60), VisibilityChange::Changed);
    desk.wait(59);
    assert_eq!(desk.names(1, 5), [""; 0]);
    assert!(desk.queue.next_deadline() == Some(desk.now.plus_seconds(1)));
}

#[test]
fn a_message_is_hidden_for_at_most_twelve_hours_after_its_receive() {
    let mut desk = Desk::standard();
    desk.send("a");
    let received = desk.receive(1, 43_200).remove(0);
    assert_eq!(desk.hide(&received, 43_200), VisibilityChange::BeyondLimit);
    assert_eq!(desk.hide(&received, 43_199), VisibilityChange::BeyondLimit, "rounding, as reported");
    assert_eq!(desk.hide(&received, 43_198), VisibilityChange::Changed);
    desk.wait(3_600);
    assert_eq!(desk.hide(&received, 39_601), VisibilityChange::BeyondLimit);
    assert_eq!(desk.hide(&received, 39_600), VisibilityChange::Changed);
    assert_eq!(desk.hide(&received, 0), VisibilityChange::Changed);
}

#[test]
fn delayed_messages_wait_and_then_stand_in_send_order() {
    let mut desk = Desk::standard();
    let draft = desk.draft("a");
    desk.send_as(NewMessage { delay_seconds: 5, ..draft });
    desk.send("b");
    assert_eq!(desk.counts(), (1, 0, 1));
    desk.wait_ms(4_999);
    assert_eq!(desk.counts(), (1, 0, 1));
    desk.wait_ms(1);
    assert_eq!(desk.names(10, 5), ["a", "b"]);
}

#[test]
fn a_message_given_back_is_as_if_never_received() {
    let mut desk = Desk::standard();
    desk.send_all(&["a", "b"]);
    let received = desk.receive(2, 30);
    desk.wait(3);
    desk.give_back(&received);
    assert_eq!(desk.counts(), (2, 0, 0));
    let again = desk.receive(10, 30);
    assert_eq!(names(&again), ["a", "b"]);
    assert_eq!((again[0].receive_count, again[0].first_received), (1, desk.now));
}

#[test]
fn giving_back_leaves_alone_what_has_moved_on() {
    let mut desk = Desk::standard();
    desk.send_all(&["a", "b"]);
    let received = desk.receive(2, 5);
    desk.delete(&received[1]);
    desk.wait(5);
    let again = desk.receive(1, 5);
    desk.give_back(&received);
    assert_eq!(desk.counts(), (0, 1, 0));
    desk.wait(5);
    desk.give_back(&again);
    assert_eq!(desk.receive(1, 5)[0].receive_count, 3);
}

#[test]
fn messages_expire_in_any_state() {
    let mut desk = Desk::standard().with(|settings| settings.retention_seconds = 60);
    let draft = desk.draft("delayed");
    desk.send_as(NewMessage { delay_seconds: 900, ..draft });
    desk.send_all(&["in flight", "visible"]);
    let received = desk.receive(1, 3_600).remove(0);
    assert_eq!(desk.counts(), (1, 1, 1));
    desk.wait_ms(59_999);
    assert_eq!(desk.counts(), (1, 1, 1));
    assert_eq!(desk.queue.next_deadline(), Some(desk.now.plus_ms(1)));
    desk.wait_ms(1);
    assert_eq!(desk.counts(), (0, 0, 0));
    assert_eq!(desk.queue.next_deadline(), None);
    assert_eq!(desk.delete(&received), Deleted::AlreadyGone);
}

#[test]
fn a_new_retention_period_applies_to_the_messages_already_there() {
    let mut desk = Desk::standard();
    desk.send("a");
    desk.wait(100);
    desk.send("b");
    desk.configure(|settings| settings.retention_seconds = 60);
    assert_eq!(desk.names(10, 5), ["b"]);
}

#[test]
fn a_dead_letter_keeps_its_retention_clock() {
    let mut desk = Desk::standard().with(|settings| settings.retention_seconds = 60);
    desk.send("young");
    let sent = Time(desk.now.as_ms() - 50_000);
    desk.insert(message(99, sent));
    assert_eq!(desk.queue.counts().oldest_sent, Some(sent));
    desk.wait(10);
    assert_eq!(desk.names(10, 5), ["young"]);
}

#[test]
fn never_more_are_in_flight_than_allowed() {
    let mut desk = Desk::standard().with(|settings| settings.in_flight_max = 2);
    desk.send_all(&["a", "b", "c"]);
    assert_eq!(desk.names(10, 5), ["a", "b"]);
    let received = desk.receive_as(&options(10, 5));
    assert!(received.over_limit && received.deliveries.is_empty());
    desk.wait(5);
    let received = desk.receive_as(&options(1, 5));
    assert!(!received.over_limit);
    assert_eq!(names(&received.deliveries), ["a"]);
}

#[test]
fn a_receive_that_names_no_timeout_takes_that_of_the_queue_at_that_moment() {
    let mut desk = Desk::standard();
    desk.send("a");
    let unnamed = ReceiveOptions { visibility_timeout_seconds: None, ..options(1, 0) };
    for seconds in [7, 3] {
        desk.configure(|settings| settings.visibility_timeout_seconds = seconds);
        assert_eq!(desk.receive_as(&unnamed).deliveries.len(), 1);
        desk.wait_ms(u64::from(seconds) * 1000 - 1);
        assert_eq!(desk.counts(), (0, 1, 0));
        desk.wait_ms(1);
        assert_eq!(desk.counts(), (1, 0, 0));
    }
}

#[test]
fn a_message_received_often_enough_is_dead_and_that_receive_does_not_count() {
    let mut desk = Desk::standard();
    desk.send_all(&["a", "b"]);
    assert_eq!(names(&desk.receive_with_redrive(&options(1, 5), 1).deliveries), ["a"]);
    let first_received = desk.now;
    desk.wait(5);
    let received = desk.receive_with_redrive(&options(1, 5), 1);
    assert_eq!(names(&received.deliveries), ["b"], "the call goes on with others");
    let dead = &received.dead[0];
    assert_eq!((dead.body.as_str(), dead.receive_count), ("a", 1));
    assert_eq!((dead.first_received, dead.sent), (Some(first_received), Time(1_000_000)));
    assert!(!received.more_dead);
    assert_eq!(desk.counts(), (0, 1, 0));
}

#[test]
fn an_arriving_dead_letter_goes_on_counting() {
    let mut desk = Desk::standard();
    let first_received = Some(Time(900_000));
    let mut dead = Message { receive_count: 1, first_received, ..message(9, Time(800_000)) };
    dead.extra_mut().dead_letter_source = Some("arn:source".into());
    desk.insert(dead);
    let received = desk.receive(1, 5).remove(0);
    assert_eq!((received.receive_count, Some(received.first_received)), (2, first_received));
    assert_eq!(received.sent, Time(800_000));
    let source = received.extra.as_ref().and_then(|extra| extra.dead_letter_source.as_deref());
    assert_eq!(source, Some("arn:source"));
}

#[test]
fn one_call_takes_out_a_bounded_number_of_dead_letters() {
    let mut desk = Desk::standard();
    for number in 0..DEAD_LETTERS_PER_CALL_MAX as u32 + 5 {
        desk.insert(Message { receive_count: 3, ..message(number, desk.now) });
    }
    let received = desk.receive_with_redrive(&options(10, 5), 3);
    assert_eq!(received.dead.len(), DEAD_LETTERS_PER_CALL_MAX);
    assert!(received.more_dead);
    let received = desk.receive_with_redrive(&options(10, 5), 3);
    assert_eq!((received.dead.len(), received.more_dead), (5, false));
}

#[test]
fn a_move_takes_the_oldest_visible_message_only() {
    let mut desk = Desk::standard();
    desk.send_all(&["in flight", "a", "b"]);
    desk.receive(1, 30);
    let draft = desk.draft("delayed");
    desk.send_as(NewMessage { delay_seconds: 5, ..draft });
    let mut take = || desk.queue.take_oldest_visible(desk.now, &mut desk.effects).map(|taken| taken.body);
    assert_eq!([take(), take(), take()], [Some("a".into()), Some("b".into()), None]);
    assert_eq!(desk.counts(), (0, 1, 1));
}

#[test]
fn a_purge_leaves_nothing_and_numbers_count_on() {
    let mut desk = Desk::standard();
    let draft = desk.draft("delayed");
    desk.send_as(NewMessage { delay_seconds: 5, ..draft });
    desk.send_all(&["a", "b"]);
    let received = desk.receive(1, 30).remove(0);
    assert_eq!(desk.queue.purge(desk.now, &mut desk.effects).messages(), 3);
    assert_eq!(desk.counts(), (0, 0, 0));
    assert_eq!(desk.delete(&received), Deleted::AlreadyGone);
    assert_eq!(desk.send("c"), Sent::Stored { number: 4 });
    assert_eq!(desk.delete(&received), Deleted::AlreadyGone);
    assert_eq!(desk.names(10, 5), ["c"]);
}

#[test]
fn a_tick_handles_a_bounded_number_of_events() {
    let mut desk = Desk::standard();
    let count = TICK_EVENTS_MAX as u32 + 10;
    for number in 0..count {
        desk.queue.send(desk.now, NewMessage { delay_seconds: 1, ..new(number) }, &mut ());
    }
    let later = desk.now.plus_seconds(1);
    assert!(desk.queue.tick(later, &mut ()));
    assert_eq!(desk.counts(), (TICK_EVENTS_MAX, 0, 10));
    assert!(!desk.queue.tick(later, &mut ()));
    assert_eq!(desk.counts(), (count as usize, 0, 0));
}

#[test]
fn operations_keep_to_the_rules_even_if_ticks_are_behind() {
    let mut desk = Desk::standard().with(|settings| settings.retention_seconds = 60);
    for number in 0..3 * TICK_EVENTS_MAX as u32 {
        desk.queue.send(desk.now, new(number), &mut ());
    }
    let last = desk.receive(usize::MAX, 600).pop().expect("some");
    desk.now = desk.now.plus_seconds(60);
    assert_eq!(desk.hide(&last, 5), VisibilityChange::NotAvailable, "expired, though not yet ticked");
    assert_eq!(desk.delete(&last), Deleted::AlreadyGone);
}

#[test]
fn a_clock_that_goes_back_does_no_harm() {
    let mut desk = Desk::standard();
    desk.send("a");
    desk.now = Time(10);
    desk.send("b");
    let received = desk.receive(10, 5);
    assert_eq!(names(&received), ["a", "b"]);
    desk.now = Time(5);
    assert_eq!(desk.hide(&received[0], 5), VisibilityChange::Changed);
    assert_eq!(desk.delete(&received[1]), Deleted::Done);
    desk.now = Time(u64::MAX);
    assert_eq!(desk.names(10, 5), [""; 0]);
    assert_eq!(desk.counts(), (0, 0, 0));
}

#[test]
fn messages_can_be_looked_at_in_any_state_without_a_change_to_them() {
    let mut desk = Desk::standard();
    let draft = desk.draft("delayed");
    desk.send_as(NewMessage { delay_seconds: 5, ..draft });
    desk.send_all(&["in flight", "visible"]);
    desk.receive(1, 30);
    let effects = desk.effects.len();
    let page = desk.queue.messages(0, 10);
    let bodies: Vec<&str> = page.messages.iter().map(|stored| stored.message.body.as_str()).collect();
    assert_eq!(bodies, ["delayed", "in flight", "visible"]);
    assert_eq!(page.messages[1].status.state, State::InFlight);
    assert_eq!(desk.queue.messages(1, 1).messages, page.messages[1..2]);
    assert!(desk.queue.messages(u32::MAX, 10).messages.is_empty());
    assert_eq!((desk.counts(), desk.effects.len()), ((1, 1, 1), effects));
}

#[test]
fn one_look_takes_in_a_bounded_number_of_slots_also_of_a_queue_that_was_deep_once() {
    let mut desk = Desk::standard();
    let count = SLOTS_PER_PAGE_MAX + 10;
    for number in 0..count {
        desk.insert(message(number, desk.now));
    }
    for _ in 1..count {
        desk.queue.take_oldest_visible(desk.now, &mut ());
    }
    let page = desk.queue.messages(0, 10);
    assert_eq!((page.messages.len(), page.next), (0, Some(SLOTS_PER_PAGE_MAX)));
    let page = desk.queue.messages(SLOTS_PER_PAGE_MAX, 10);
    assert_eq!((page.messages.len(), page.next), (1, None));
}
