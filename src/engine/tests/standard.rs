//! Standard queues: order, visibility, handles, delay, retention, limits, dead letters, moves, purge.

use super::*;
use crate::engine::{DEAD_LETTERS_PER_CALL_MAX, MessageState, SLOTS_PER_PAGE_MAX, TICK_EVENTS_MAX};

#[test]
fn messages_come_in_the_order_they_were_sent() {
    let mut fixture = QueueFixture::standard();
    fixture.send_all(&["a", "b", "c"]);
    assert_eq!(fixture.names(2, 30), ["a", "b"]);
    assert_eq!(fixture.names(10, 30), ["c"]);
    assert_eq!(fixture.names(10, 30), [""; 0]);
}

#[test]
fn a_receive_counts_stamps_and_hides() {
    let mut fixture = QueueFixture::standard();
    fixture.send("a");
    let sent = fixture.now;
    fixture.wait(5);
    let first = fixture.receive(1, 30).remove(0);
    assert_eq!((first.receive_count, first.first_received, first.sent), (1, fixture.now, sent));
    assert_eq!(fixture.counts(), (0, 1, 0));
    fixture.wait_ms(29_999);
    assert_eq!(fixture.names(1, 30), [""; 0]);
    fixture.wait_ms(1);
    assert_eq!(fixture.counts(), (1, 0, 0));
    let second = fixture.receive(1, 30).remove(0);
    assert_eq!((second.receive_count, second.first_received), (2, first.first_received));
    assert_ne!(second.receipt.encode(), first.receipt.encode());
}

#[test]
fn a_message_whose_timeout_ended_keeps_its_place() {
    let mut fixture = QueueFixture::standard();
    fixture.send("a");
    fixture.receive(1, 5);
    fixture.send("b");
    fixture.wait(5);
    assert_eq!(fixture.names(10, 5), ["a", "b"]);
}

#[test]
fn with_a_generous_redrive_policy_a_message_goes_to_the_back_after_three_receives() {
    for (allowed, expected) in [(Some(10), ["b", "a"]), (Some(3), ["a", "b"]), (None, ["a", "b"])] {
        let mut fixture = QueueFixture::standard().with(|settings| settings.redrive_max_receive_count = allowed);
        fixture.send_all(&["a", "b"]);
        for _ in 0..4 {
            assert_eq!(fixture.names(1, 5), ["a"]);
            fixture.wait(5);
        }
        assert_eq!(fixture.names(10, 5), expected);
    }
}

#[test]
fn with_a_timeout_of_zero_a_message_stays_visible_but_comes_once_per_call() {
    let mut fixture = QueueFixture::standard();
    fixture.send_all(&["a", "b"]);
    let received = fixture.receive(10, 0);
    assert_eq!(names(&received), ["a", "b"]);
    assert_eq!(fixture.counts(), (2, 0, 0));
    assert_eq!(fixture.delete(&received[0]), Deleted::Done);
    assert_eq!(fixture.receive(10, 0)[0].receive_count, 2);
}

#[test]
fn any_handle_of_a_living_message_deletes_it() {
    let mut fixture = QueueFixture::standard();
    fixture.send_all(&["a", "b", "c"]);
    let first = fixture.receive(3, 5);
    fixture.wait(5);
    assert_eq!(fixture.delete(&first[0]), Deleted::Done, "visible again");
    let second = fixture.receive(1, 5).remove(0);
    assert_eq!(second.body.as_str(), "b");
    assert_eq!(fixture.delete(&first[1]), Deleted::Done, "received again, by an old handle");
    assert_eq!(fixture.delete(&second), Deleted::AlreadyGone);
    assert_eq!(fixture.names(10, 5), ["c"]);
}

#[test]
fn a_handle_never_reaches_the_next_message_in_the_same_slot() {
    let mut fixture = QueueFixture::standard();
    fixture.send("a");
    let old = fixture.receive(1, 30).remove(0);
    fixture.delete(&old);
    fixture.send("b");
    let new = fixture.receive(1, 30).remove(0);
    assert_eq!(new.receipt.slot, old.receipt.slot);
    assert_eq!(fixture.delete(&old), Deleted::AlreadyGone);
    assert_eq!(fixture.hide(&old, 5), VisibilityChange::NotAvailable);
    assert_eq!(fixture.counts(), (0, 1, 0));
}

#[test]
fn changing_visibility_counts_from_now_and_for_this_receive_only() {
    let mut fixture = QueueFixture::standard();
    fixture.send("a");
    let received = fixture.receive(1, 5).remove(0);
    fixture.wait(4);
    assert_eq!(fixture.hide(&received, 10), VisibilityChange::Changed);
    fixture.wait(9);
    assert_eq!(fixture.counts(), (0, 1, 0));
    fixture.wait(1);
    assert_eq!(fixture.names(1, 5), ["a"]);
    fixture.wait(5);
    assert_eq!(fixture.counts(), (1, 0, 0));
}

#[test]
fn visibility_zero_shows_at_once_and_may_be_repeated() {
    let mut fixture = QueueFixture::standard();
    fixture.send("a");
    let received = fixture.receive(1, 30).remove(0);
    assert_eq!(fixture.hide(&received, 0), VisibilityChange::Changed);
    assert_eq!(fixture.hide(&received, 0), VisibilityChange::Changed);
    assert_eq!(fixture.counts(), (1, 0, 0));
}

#[test]
fn a_visible_message_can_be_hidden_again_also_by_a_stale_handle() {
    let mut fixture = QueueFixture::standard();
    fixture.send("a");
    let first = fixture.receive(1, 5).remove(0);
    fixture.wait(5);
    assert_eq!(fixture.hide(&first, 5), VisibilityChange::Changed);
    assert_eq!(fixture.counts(), (0, 1, 0));
    fixture.wait(5);
    fixture.receive(1, 5);
    assert_eq!(fixture.hide(&first, 60), VisibilityChange::Changed);
    fixture.wait(59);
    assert_eq!(fixture.names(1, 5), [""; 0]);
    assert!(fixture.queue.next_deadline() == Some(fixture.now.plus_seconds(1)));
}

#[test]
fn a_message_is_hidden_for_at_most_twelve_hours_after_its_receive() {
    let mut fixture = QueueFixture::standard();
    fixture.send("a");
    let received = fixture.receive(1, 43_200).remove(0);
    assert_eq!(fixture.hide(&received, 43_200), VisibilityChange::BeyondLimit);
    assert_eq!(fixture.hide(&received, 43_199), VisibilityChange::BeyondLimit, "rounding, as reported");
    assert_eq!(fixture.hide(&received, 43_198), VisibilityChange::Changed);
    fixture.wait(3_600);
    assert_eq!(fixture.hide(&received, 39_601), VisibilityChange::BeyondLimit);
    assert_eq!(fixture.hide(&received, 39_600), VisibilityChange::Changed);
    assert_eq!(fixture.hide(&received, 0), VisibilityChange::Changed);
}

#[test]
fn delayed_messages_wait_and_then_stand_in_send_order() {
    let mut fixture = QueueFixture::standard();
    let draft = fixture.draft("a");
    fixture.send_as(NewMessage { delay_seconds: 5, ..draft });
    fixture.send("b");
    assert_eq!(fixture.counts(), (1, 0, 1));
    fixture.wait_ms(4_999);
    assert_eq!(fixture.counts(), (1, 0, 1));
    fixture.wait_ms(1);
    assert_eq!(fixture.names(10, 5), ["a", "b"]);
}

#[test]
fn a_message_given_back_is_as_if_never_received() {
    let mut fixture = QueueFixture::standard();
    fixture.send_all(&["a", "b"]);
    let received = fixture.receive(2, 30);
    fixture.wait(3);
    fixture.give_back(&received);
    assert_eq!(fixture.counts(), (2, 0, 0));
    let again = fixture.receive(10, 30);
    assert_eq!(names(&again), ["a", "b"]);
    assert_eq!((again[0].receive_count, again[0].first_received), (1, fixture.now));
}

#[test]
fn giving_back_leaves_alone_what_has_moved_on() {
    let mut fixture = QueueFixture::standard();
    fixture.send_all(&["a", "b"]);
    let received = fixture.receive(2, 5);
    fixture.delete(&received[1]);
    fixture.wait(5);
    let again = fixture.receive(1, 5);
    fixture.give_back(&received);
    assert_eq!(fixture.counts(), (0, 1, 0));
    fixture.wait(5);
    fixture.give_back(&again);
    assert_eq!(fixture.receive(1, 5)[0].receive_count, 3);
}

#[test]
fn messages_expire_in_any_state() {
    let mut fixture = QueueFixture::standard().with(|settings| settings.retention_seconds = 60);
    let draft = fixture.draft("delayed");
    fixture.send_as(NewMessage { delay_seconds: 900, ..draft });
    fixture.send_all(&["in flight", "visible"]);
    let received = fixture.receive(1, 3_600).remove(0);
    assert_eq!(fixture.counts(), (1, 1, 1));
    fixture.wait_ms(59_999);
    assert_eq!(fixture.counts(), (1, 1, 1));
    assert_eq!(fixture.queue.next_deadline(), Some(fixture.now.plus_ms(1)));
    fixture.wait_ms(1);
    assert_eq!(fixture.counts(), (0, 0, 0));
    assert_eq!(fixture.queue.next_deadline(), None);
    assert_eq!(fixture.delete(&received), Deleted::AlreadyGone);
}

#[test]
fn a_new_retention_period_applies_to_the_messages_already_there() {
    let mut fixture = QueueFixture::standard();
    fixture.send("a");
    fixture.wait(100);
    fixture.send("b");
    fixture.configure(|settings| settings.retention_seconds = 60);
    assert_eq!(fixture.names(10, 5), ["b"]);
}

#[test]
fn a_dead_letter_keeps_its_retention_clock() {
    let mut fixture = QueueFixture::standard().with(|settings| settings.retention_seconds = 60);
    fixture.send("young");
    let sent = Time(fixture.now.as_ms() - 50_000);
    fixture.insert(message(99, sent));
    assert_eq!(fixture.queue.counts().oldest_sent, Some(sent));
    fixture.wait(10);
    assert_eq!(fixture.names(10, 5), ["young"]);
}

#[test]
fn never_more_are_in_flight_than_allowed() {
    let mut fixture = QueueFixture::standard().with(|settings| settings.in_flight_max = 2);
    fixture.send_all(&["a", "b", "c"]);
    assert_eq!(fixture.names(10, 5), ["a", "b"]);
    let received = fixture.receive_as(&options(10, 5));
    assert!(received.over_limit && received.deliveries.is_empty());
    fixture.wait(5);
    let received = fixture.receive_as(&options(1, 5));
    assert!(!received.over_limit);
    assert_eq!(names(&received.deliveries), ["a"]);
}

#[test]
fn a_receive_that_names_no_timeout_takes_that_of_the_queue_at_that_moment() {
    let mut fixture = QueueFixture::standard();
    fixture.send("a");
    let unnamed = ReceiveOptions { visibility_timeout_seconds: None, ..options(1, 0) };
    for seconds in [7, 3] {
        fixture.configure(|settings| settings.visibility_timeout_seconds = seconds);
        assert_eq!(fixture.receive_as(&unnamed).deliveries.len(), 1);
        fixture.wait_ms(u64::from(seconds) * 1000 - 1);
        assert_eq!(fixture.counts(), (0, 1, 0));
        fixture.wait_ms(1);
        assert_eq!(fixture.counts(), (1, 0, 0));
    }
}

#[test]
fn a_message_received_often_enough_is_dead_and_that_receive_does_not_count() {
    let mut fixture = QueueFixture::standard();
    fixture.send_all(&["a", "b"]);
    assert_eq!(names(&fixture.receive_with_redrive(&options(1, 5), 1).deliveries), ["a"]);
    let first_received = fixture.now;
    fixture.wait(5);
    let received = fixture.receive_with_redrive(&options(1, 5), 1);
    assert_eq!(names(&received.deliveries), ["b"], "the call goes on with others");
    let dead = &received.dead[0];
    assert_eq!((dead.body.as_str(), dead.receive_count), ("a", 1));
    assert_eq!((dead.first_received, dead.sent), (Some(first_received), Time(1_000_000)));
    assert!(!received.more_dead);
    assert_eq!(fixture.counts(), (0, 1, 0));
}

#[test]
fn an_arriving_dead_letter_goes_on_counting() {
    let mut fixture = QueueFixture::standard();
    let first_received = Some(Time(900_000));
    let mut dead = Message { receive_count: 1, first_received, ..message(9, Time(800_000)) };
    dead.extra_mut().dead_letter_source = Some("arn:source".into());
    fixture.insert(dead);
    let received = fixture.receive(1, 5).remove(0);
    assert_eq!((received.receive_count, Some(received.first_received)), (2, first_received));
    assert_eq!(received.sent, Time(800_000));
    let source = received.extra.as_ref().and_then(|extra| extra.dead_letter_source.as_deref());
    assert_eq!(source, Some("arn:source"));
}

#[test]
fn one_call_takes_out_a_bounded_number_of_dead_letters() {
    let mut fixture = QueueFixture::standard();
    for number in 0..DEAD_LETTERS_PER_CALL_MAX as u32 + 5 {
        fixture.insert(Message { receive_count: 3, ..message(number, fixture.now) });
    }
    let received = fixture.receive_with_redrive(&options(10, 5), 3);
    assert_eq!(received.dead.len(), DEAD_LETTERS_PER_CALL_MAX);
    assert!(received.more_dead);
    let received = fixture.receive_with_redrive(&options(10, 5), 3);
    assert_eq!((received.dead.len(), received.more_dead), (5, false));
}

#[test]
fn a_move_takes_the_oldest_visible_message_only() {
    let mut fixture = QueueFixture::standard();
    fixture.send_all(&["in flight", "a", "b"]);
    fixture.receive(1, 30);
    let draft = fixture.draft("delayed");
    fixture.send_as(NewMessage { delay_seconds: 5, ..draft });
    let mut take = || fixture.queue.take_oldest_visible(fixture.now, &mut fixture.effects).map(|taken| taken.body);
    assert_eq!([take(), take(), take()], [Some("a".into()), Some("b".into()), None]);
    assert_eq!(fixture.counts(), (0, 1, 1));
}

#[test]
fn a_purge_leaves_nothing_and_numbers_count_on() {
    let mut fixture = QueueFixture::standard();
    let draft = fixture.draft("delayed");
    fixture.send_as(NewMessage { delay_seconds: 5, ..draft });
    fixture.send_all(&["a", "b"]);
    let received = fixture.receive(1, 30).remove(0);
    assert_eq!(fixture.queue.purge(fixture.now, &mut fixture.effects).messages(), 3);
    assert_eq!(fixture.counts(), (0, 0, 0));
    assert_eq!(fixture.delete(&received), Deleted::AlreadyGone);
    assert_eq!(fixture.send("c"), Sent::Stored { number: 4 });
    assert_eq!(fixture.delete(&received), Deleted::AlreadyGone);
    assert_eq!(fixture.names(10, 5), ["c"]);
}

#[test]
fn a_tick_handles_a_bounded_number_of_events() {
    let mut fixture = QueueFixture::standard();
    let count = TICK_EVENTS_MAX as u32 + 10;
    for number in 0..count {
        fixture.queue.send(fixture.now, NewMessage { delay_seconds: 1, ..new(number) }, &mut ());
    }
    let later = fixture.now.plus_seconds(1);
    assert!(fixture.queue.tick(later, &mut ()));
    assert_eq!(fixture.counts(), (TICK_EVENTS_MAX, 0, 10));
    assert!(!fixture.queue.tick(later, &mut ()));
    assert_eq!(fixture.counts(), (count as usize, 0, 0));
}

#[test]
fn operations_keep_to_the_rules_even_if_ticks_are_behind() {
    let mut fixture = QueueFixture::standard().with(|settings| settings.retention_seconds = 60);
    for number in 0..3 * TICK_EVENTS_MAX as u32 {
        fixture.queue.send(fixture.now, new(number), &mut ());
    }
    let last = fixture.receive(usize::MAX, 600).pop().expect("some");
    fixture.now = fixture.now.plus_seconds(60);
    assert_eq!(fixture.hide(&last, 5), VisibilityChange::NotAvailable, "expired, though not yet ticked");
    assert_eq!(fixture.delete(&last), Deleted::AlreadyGone);
}

#[test]
fn a_clock_that_goes_back_does_no_harm() {
    let mut fixture = QueueFixture::standard();
    fixture.send("a");
    fixture.now = Time(10);
    fixture.send("b");
    let received = fixture.receive(10, 5);
    assert_eq!(names(&received), ["a", "b"]);
    fixture.now = Time(5);
    assert_eq!(fixture.hide(&received[0], 5), VisibilityChange::Changed);
    assert_eq!(fixture.delete(&received[1]), Deleted::Done);
    fixture.now = Time(u64::MAX);
    assert_eq!(fixture.names(10, 5), [""; 0]);
    assert_eq!(fixture.counts(), (0, 0, 0));
}

#[test]
fn messages_can_be_looked_at_in_any_state_without_a_change_to_them() {
    let mut fixture = QueueFixture::standard();
    let draft = fixture.draft("delayed");
    fixture.send_as(NewMessage { delay_seconds: 5, ..draft });
    fixture.send_all(&["in flight", "visible"]);
    fixture.receive(1, 30);
    let effects = fixture.effects.len();
    let page = fixture.queue.messages(0, 10);
    let bodies: Vec<&str> = page.messages.iter().map(|stored| stored.message.body.as_str()).collect();
    assert_eq!(bodies, ["delayed", "in flight", "visible"]);
    assert_eq!(page.messages[1].status.state, MessageState::InFlight);
    assert_eq!(fixture.queue.messages(1, 1).messages, page.messages[1..2]);
    assert!(fixture.queue.messages(u32::MAX, 10).messages.is_empty());
    assert_eq!((fixture.counts(), fixture.effects.len()), ((1, 1, 1), effects));
}

#[test]
fn one_look_takes_in_a_bounded_number_of_slots_also_of_a_queue_that_was_deep_once() {
    let mut fixture = QueueFixture::standard();
    let count = SLOTS_PER_PAGE_MAX + 10;
    for number in 0..count {
        fixture.insert(message(number, fixture.now));
    }
    for _ in 1..count {
        fixture.queue.take_oldest_visible(fixture.now, &mut ());
    }
    let page = fixture.queue.messages(0, 10);
    assert_eq!((page.messages.len(), page.next), (0, Some(SLOTS_PER_PAGE_MAX)));
    let page = fixture.queue.messages(SLOTS_PER_PAGE_MAX, 10);
    assert_eq!((page.messages.len(), page.next), (1, None));
}
