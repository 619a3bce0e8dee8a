//! FIFO queues: group locking, order between groups, delay, deletion, dead letters.

use super::*;

#[test]
fn a_call_drains_one_group_before_the_next() {
    let mut fixture = QueueFixture::fifo();
    fixture.send_all(&["g1-m1", "g2-m1", "g1-m2", "g1-m3"]);
    assert_eq!(fixture.names(10, 30), ["g1-m1", "g1-m2", "g1-m3", "g2-m1"]);
}

#[test]
fn a_group_made_visible_again_goes_behind_the_waiting_ones() {
    let mut fixture = QueueFixture::fifo();
    fixture.send_all(&["g1-m1", "g1-m2", "g2-m1"]);
    let received = fixture.receive(2, 30);
    assert_eq!(names(&received), ["g1-m1", "g1-m2"]);
    assert_eq!(fixture.hide(&received[0], 0), VisibilityChange::Changed);
    assert_eq!(fixture.names(3, 30), ["g2-m1", "g1-m1"], "what was behind it stays invisible");
}

#[test]
fn expired_groups_line_up_in_the_order_they_expired_behind_one_never_received() {
    let mut fixture = QueueFixture::fifo();
    fixture.send_all(&["g1-m1", "g1-m2", "g1-m3", "g1-m4", "g2-m1", "g3-m1"]);
    assert_eq!(fixture.names(2, 5), ["g1-m1", "g1-m2"]);
    assert_eq!(fixture.names(1, 5), ["g2-m1"]);
    fixture.wait(5);
    assert_eq!(fixture.names(10, 5), ["g3-m1", "g1-m1", "g1-m2", "g1-m3", "g1-m4", "g2-m1"]);
}

#[test]
fn messages_received_with_timeout_zero_line_up_again_in_the_order_delivered() {
    let mut fixture = QueueFixture::fifo();
    fixture.send_all(&["g1-m1", "g2-m1", "g2-m2", "g3-m1", "g1-m2"]);
    let received = fixture.receive(3, 0);
    assert_eq!(names(&received), ["g1-m1", "g1-m2", "g2-m1"]);
    assert_eq!(fixture.delete(&received[0]), Deleted::ReceiptExpired);
    assert_eq!(fixture.names(10, 0), ["g3-m1", "g1-m1", "g1-m2", "g2-m1", "g2-m2"]);
}

#[test]
fn after_a_delete_the_group_stands_where_its_next_message_was_sent() {
    let mut fixture = QueueFixture::fifo();
    fixture.send_all(&["g1-m1", "g2-m1", "g1-m2", "g2-m2", "g1-m3", "g1-m4", "g3-m1"]);
    let received = fixture.receive(2, 30);
    assert_eq!(names(&received), ["g1-m1", "g1-m2"]);
    fixture.delete_all(&received);
    assert_eq!(fixture.names(10, 30), ["g2-m1", "g2-m2", "g1-m3", "g1-m4", "g3-m1"]);
}

#[test]
fn each_message_has_its_own_timeout_and_locks_only_what_is_behind_it() {
    for (extended, expected) in [(0, &[][..]), (1, &["g-foo"][..]), (2, &["g-foo", "g-bar"][..])] {
        let mut fixture = QueueFixture::fifo();
        fixture.send_all(&["g-foo", "g-bar", "g-baz"]);
        let received = fixture.receive(10, 1);
        assert_eq!(fixture.hide(&received[extended], 4), VisibilityChange::Changed);
        fixture.wait_ms(2_500);
        assert_eq!(fixture.names(10, 30), expected);
    }
}

#[test]
fn a_group_stays_locked_while_one_received_message_is_left() {
    let mut fixture = QueueFixture::fifo();
    fixture.send_all(&["g-1", "g-2", "g-3"]);
    let received = fixture.receive(2, 30);
    assert_eq!(fixture.delete(&received[0]), Deleted::Done);
    fixture.send("g-4");
    assert!(!fixture.queue.has_ready());
    assert_eq!(fixture.delete(&received[1]), Deleted::Done);
    assert_eq!(fixture.names(10, 30), ["g-3", "g-4"]);
}

#[test]
fn only_received_messages_count_as_in_flight() {
    let mut fixture = QueueFixture::fifo();
    fixture.send_all(&["g-1", "g-2", "h-1"]);
    fixture.receive(1, 30);
    assert_eq!(fixture.counts(), (2, 1, 0));
    let counts = fixture.queue.counts();
    assert_eq!((counts.groups, counts.groups_with_in_flight), (2, 1));
}

#[test]
fn only_the_handle_of_a_running_receive_deletes() {
    let mut fixture = QueueFixture::fifo();
    fixture.send("g-1");
    let first = fixture.receive(1, 5).remove(0);
    fixture.wait(5);
    assert_eq!(fixture.delete(&first), Deleted::ReceiptExpired);
    let second = fixture.receive(1, 5).remove(0);
    assert_eq!(fixture.delete(&first), Deleted::ReceiptExpired, "received again");
    assert_eq!(fixture.hide(&first, 5), VisibilityChange::NotAvailable);
    assert_eq!(fixture.hide(&second, 10), VisibilityChange::Changed);
    fixture.wait(9);
    assert_eq!(fixture.delete(&second), Deleted::Done, "extended in time");
    assert_eq!(fixture.delete(&second), Deleted::AlreadyGone);
    assert_eq!(fixture.hide(&second, 5), VisibilityChange::NotAvailable);
}

#[test]
fn the_delay_of_the_queue_applies_to_every_message_and_blocks_its_group() {
    let mut fixture = QueueFixture::fifo().with(|settings| settings.fifo_delay_seconds = 10);
    fixture.send("g-1");
    assert_eq!(fixture.counts(), (0, 0, 1));
    fixture.insert(Message { group: Some("g".into()), ..message(9, fixture.now) });
    assert_eq!(fixture.counts(), (1, 0, 1));
    assert!(!fixture.queue.has_ready());
    fixture.wait(10);
    assert_eq!(fixture.names(10, 30), ["g-1", "body 9"]);
}

#[test]
fn a_new_delay_applies_to_the_messages_still_waiting() {
    let mut fixture = QueueFixture::fifo().with(|settings| settings.fifo_delay_seconds = 10);
    fixture.send("g-1");
    fixture.wait(5);
    fixture.configure(|settings| settings.fifo_delay_seconds = 20);
    fixture.wait(10);
    assert_eq!(fixture.counts(), (0, 0, 1));
    fixture.configure(|settings| settings.fifo_delay_seconds = 15);
    assert_eq!(fixture.names(1, 30), ["g-1"]);
}

#[test]
fn a_group_stands_where_its_delay_ended() {
    let mut fixture = QueueFixture::fifo().with(|settings| settings.fifo_delay_seconds = 10);
    fixture.send("g1-1");
    fixture.insert(Message { group: Some("g2".into()), ..message(9, fixture.now) });
    fixture.wait(10);
    assert_eq!(fixture.names(10, 30), ["body 9", "g1-1"]);
}

#[test]
fn a_dead_head_unlocks_its_group() {
    let mut fixture = QueueFixture::fifo();
    fixture.send_all(&["g-1", "g-2"]);
    fixture.receive_with_redrive(&options(1, 5), 1);
    fixture.wait(5);
    let received = fixture.receive_with_redrive(&options(1, 5), 1);
    assert_eq!(names(&received.deliveries), ["g-2"]);
    assert_eq!(received.dead[0].group.as_deref(), Some("g"));
    let extra = received.dead[0].extra.as_ref().expect("a deduplication id");
    assert_eq!(extra.deduplication_id.as_deref(), Some("d1"));
}

#[test]
fn an_arriving_dead_letter_starts_its_retention_again() {
    let mut fixture = QueueFixture::fifo().with(|settings| settings.retention_seconds = 60);
    let mut dead = Message { group: Some("g".into()), ..message(9, Time(1)) };
    dead.retained_from = fixture.now;
    dead.extra_mut().deduplication_id = Some(dead.id.to_string().into());
    fixture.insert(dead);
    fixture.wait_ms(59_999);
    assert_eq!(fixture.counts(), (1, 0, 0));
    fixture.wait_ms(1);
    assert_eq!(fixture.counts(), (0, 0, 0));
}

#[test]
fn an_expired_head_unlocks_its_group() {
    let mut fixture = QueueFixture::fifo().with(|settings| settings.retention_seconds = 60);
    fixture.send("g-1");
    fixture.receive(1, 600);
    fixture.wait(30);
    fixture.send("g-2");
    assert!(!fixture.queue.has_ready());
    fixture.wait(30);
    assert_eq!(fixture.names(10, 30), ["g-2"]);
}

#[test]
fn messages_given_back_put_their_group_where_it_was() {
    let mut fixture = QueueFixture::fifo();
    fixture.send_all(&["g1-1", "g1-2", "g2-1"]);
    let received = fixture.receive(2, 30);
    fixture.give_back(&received);
    let again = fixture.receive(10, 30);
    assert_eq!(names(&again), ["g1-1", "g1-2", "g2-1"]);
    assert_eq!(again[0].receive_count, 1);
}

/// Whoever repeats a receive may have seen the first answer, so neither of them is undone because its own was not sent.
#[test]
fn a_receive_that_was_repeated_is_not_given_back() {
    let mut fixture = QueueFixture::fifo();
    fixture.send_all(&["g-1", "g-2"]);
    let first = fixture.receive_as(&attempt("again", 1, 30)).deliveries;
    let second = fixture.receive_as(&attempt("again", 1, 30)).deliveries;
    assert_eq!(first, second);
    for deliveries in [&first, &second] {
        fixture.give_back(deliveries);
        assert_eq!(fixture.names(10, 30), [""; 0], "still in flight");
    }
    // A later receive is another one.
    fixture.wait(31);
    let third = fixture.receive(10, 30);
    assert_eq!(names(&third), ["g-1", "g-2"]);
    fixture.give_back(&third);
    assert_eq!(names(&fixture.receive(10, 30)), ["g-1", "g-2"]);
}

#[test]
fn at_the_limit_of_messages_in_flight_there_is_simply_nothing() {
    let mut fixture = QueueFixture::fifo().with(|settings| settings.in_flight_max = 1);
    fixture.send_all(&["g-1", "h-1"]);
    assert_eq!(fixture.names(10, 30), ["g-1"]);
    let received = fixture.receive_as(&options(10, 30));
    assert!(!received.over_limit && received.deliveries.is_empty());
    assert!(fixture.queue.has_ready());
}

#[test]
fn a_move_takes_messages_of_a_group_in_order() {
    let mut fixture = QueueFixture::fifo();
    fixture.send_all(&["g-1", "h-1", "g-2"]);
    let mut take = || fixture.queue.take_oldest_visible(fixture.now, &mut fixture.effects).map(|taken| taken.body);
    assert_eq!([take(), take(), take()], ["g-1", "h-1", "g-2"].map(|name| Some(name.into())));
    assert_eq!(take(), None);
    assert_eq!(fixture.queue.counts().groups, 0);
}
