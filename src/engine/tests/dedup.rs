//! Deduplication of sends, and repeated receives.

use super::*;
use crate::engine::message::FIRST_FIFO_NUMBER;
use crate::engine::{ATTEMPT_WINDOW_MS, DEDUPLICATION_WINDOW_MS};

fn send(fixture: &mut QueueFixture, name: &str, deduplication_id: &str) -> Sent {
    let draft = fixture.draft(name);
    fixture.send_as(NewMessage { deduplication_id: Some(deduplication_id.into()), ..draft })
}

fn receive(fixture: &mut QueueFixture, id: &str, max: usize) -> Vec<Delivery> {
    fixture.receive_as(&attempt(id, max, 30)).deliveries
}

#[test]
fn a_duplicate_gets_the_first_ones_id_and_number_and_is_dropped() {
    let mut fixture = QueueFixture::fifo();
    assert_eq!(send(&mut fixture, "g-1", "x"), Sent::Stored { number: FIRST_FIFO_NUMBER });
    assert_eq!(send(&mut fixture, "g-2", "x"), Sent::Duplicate { id: id(1), number: FIRST_FIFO_NUMBER });
    assert_eq!(fixture.counts(), (1, 0, 0));
}

#[test]
fn the_window_is_five_minutes_from_the_first_send() {
    let mut fixture = QueueFixture::fifo();
    send(&mut fixture, "g-1", "x");
    fixture.wait_ms(DEDUPLICATION_WINDOW_MS - 1);
    assert!(matches!(send(&mut fixture, "g-2", "x"), Sent::Duplicate { .. }));
    fixture.wait_ms(1);
    assert!(matches!(send(&mut fixture, "g-3", "x"), Sent::Stored { .. }), "the repetition did not prolong it");
}

#[test]
fn a_deduplication_id_outlives_its_message() {
    let mut fixture = QueueFixture::fifo();
    send(&mut fixture, "g-1", "x");
    let received = fixture.receive(1, 30);
    fixture.delete_all(&received);
    assert!(matches!(send(&mut fixture, "g-2", "x"), Sent::Duplicate { .. }));
}

#[test]
fn the_scope_decides_whether_groups_share_deduplication_ids() {
    let mut fixture = QueueFixture::fifo();
    send(&mut fixture, "g-1", "x");
    assert!(matches!(send(&mut fixture, "h-1", "x"), Sent::Duplicate { .. }));
    let mut fixture =
        QueueFixture::fifo().with(|settings| settings.deduplication_scope = DeduplicationScope::MessageGroup);
    send(&mut fixture, "g-1", "x");
    assert!(matches!(send(&mut fixture, "h-1", "x"), Sent::Stored { .. }));
    assert!(matches!(send(&mut fixture, "g-2", "x"), Sent::Duplicate { .. }));
}

#[test]
fn an_arriving_message_is_never_a_duplicate() {
    let mut fixture = QueueFixture::fifo();
    send(&mut fixture, "g-1", "x");
    let mut arriving = Message { group: Some("g".into()), ..message(9, fixture.now) };
    arriving.extra_mut().deduplication_id = Some("x".into());
    fixture.insert(arriving.clone());
    arriving.extra_mut().deduplication_id = Some("y".into());
    fixture.insert(arriving);
    assert_eq!(fixture.counts(), (3, 0, 0));
    assert!(matches!(send(&mut fixture, "g-2", "y"), Sent::Stored { .. }), "nor remembered");
}

#[test]
fn a_purge_clears_deduplication_ids_and_attempts() {
    let mut fixture = QueueFixture::fifo();
    send(&mut fixture, "g-1", "x");
    receive(&mut fixture, "again", 1);
    drop(fixture.queue.purge(fixture.now, &mut fixture.effects));
    assert!(matches!(send(&mut fixture, "g-2", "x"), Sent::Stored { .. }));
    assert_eq!(names(&receive(&mut fixture, "again", 1)), ["g-2"]);
}

#[test]
fn a_repeated_attempt_gets_the_same_messages_and_handles_and_restarts_visibility() {
    let mut fixture = QueueFixture::fifo();
    fixture.send_all(&["g-1", "g-2", "h-1"]);
    let first = receive(&mut fixture, "again", 2);
    fixture.wait(20);
    let second = receive(&mut fixture, "again", 10);
    assert_eq!(first, second);
    fixture.wait(29);
    assert_eq!(receive(&mut fixture, "again", 10), first, "and again");
    assert_eq!(names(&receive(&mut fixture, "other", 10)), ["h-1"]);
    fixture.delete_all(&first);
}

#[test]
fn an_attempt_is_not_repeated_once_a_message_was_touched() {
    type Touch = fn(&mut QueueFixture, &Delivery);
    let touches: [Touch; 4] = [
        |fixture, delivery| assert_eq!(fixture.delete(delivery), Deleted::Done),
        |fixture, delivery| assert_eq!(fixture.hide(delivery, 30), VisibilityChange::Changed),
        |fixture, delivery| assert_eq!(fixture.hide(delivery, 0), VisibilityChange::Changed),
        |fixture, delivery| fixture.give_back(std::slice::from_ref(delivery)),
    ];
    for touch in touches {
        let mut fixture = QueueFixture::fifo();
        fixture.send_all(&["g-1", "h-1", "i-1"]);
        let first = receive(&mut fixture, "again", 2);
        touch(&mut fixture, &first[0]);
        let second = receive(&mut fixture, "again", 10);
        assert!(names(&second).contains(&"i-1".to_owned()), "a normal receive");
        assert!(!names(&second).contains(&"h-1".to_owned()));
    }
}

#[test]
fn an_attempt_is_a_normal_receive_after_its_messages_became_visible() {
    let mut fixture = QueueFixture::fifo();
    fixture.send("g-1");
    let first = receive(&mut fixture, "again", 1);
    fixture.wait(30);
    let second = receive(&mut fixture, "again", 1);
    assert_eq!((first[0].receive_count, second[0].receive_count), (1, 2));
    assert_eq!(receive(&mut fixture, "again", 1), second);
}

#[test]
fn an_attempt_is_remembered_for_five_minutes_and_an_empty_one_not_at_all() {
    let mut fixture = QueueFixture::fifo();
    assert_eq!(receive(&mut fixture, "again", 1).len(), 0);
    fixture.send_all(&["g-1", "h-1"]);
    let first = fixture.receive_as(&attempt("again", 1, 900)).deliveries;
    assert_eq!(names(&first), ["g-1"]);
    fixture.wait_ms(ATTEMPT_WINDOW_MS);
    assert_eq!(names(&receive(&mut fixture, "again", 1)), ["h-1"]);
}

#[test]
fn a_standard_queue_ignores_attempts_and_deduplication_ids() {
    let mut fixture = QueueFixture::standard();
    send(&mut fixture, "a", "x");
    assert!(matches!(send(&mut fixture, "b", "x"), Sent::Stored { .. }));
    assert_eq!(names(&receive(&mut fixture, "again", 1)), ["a"]);
    assert_eq!(names(&receive(&mut fixture, "again", 1)), ["b"]);
}

#[test]
fn a_repeated_attempt_is_a_receive_for_the_twelve_hour_limit() {
    let mut fixture = QueueFixture::fifo();
    fixture.send("g-1");
    receive(&mut fixture, "again", 1);
    fixture.wait(20);
    let received = receive(&mut fixture, "again", 1).remove(0);
    assert_eq!(fixture.hide(&received, 43_190), VisibilityChange::Changed);
}
