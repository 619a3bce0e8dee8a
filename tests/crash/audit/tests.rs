//! The test of the auditor: each kind of wrong that it is to notice is done to it, and a right course of things is not.

use super::{Audit, Counts, Delivery};
use crate::client::Span;
use crate::content::{self, DEAD, DELAYED, ORDERED, PLAIN, PURGED, SOURCE, is_fifo};

const VISIBILITY_SECONDS: u64 = 30;

/// Ten milliseconds from here.
fn at(began_ms: u64) -> Span {
    Span { began_ms, ended_ms: began_ms + 10 }
}

fn send(audit: &mut Audit, queue: &'static str, place: u64, ms: u64) -> String {
    let key = format!("{queue}/{place}");
    let fifo = is_fifo(queue);
    audit.sending(queue, &key, fifo.then(|| ("group".to_owned(), place)), 0, ms);
    audit.acknowledge("SendMessage", queue, at(ms));
    audit.sent(&key, &format!("id of {key}"), fifo.then_some(1000 + u128::from(place)), at(ms));
    key
}

fn delivery(queue: &str, key: &str, count: u32) -> Delivery {
    let place = key.rsplit('/').next().unwrap().parse::<u128>().unwrap();
    let fifo = is_fifo(queue);
    Delivery {
        key: key.to_owned(),
        body: content::body(key),
        id: format!("id of {key}"),
        handle: format!("{count} of {key}"),
        count,
        first_received_ms: 50,
        sent_ms: 1,
        group: fifo.then(|| "group".to_owned()),
        deduplication_id: fifo.then(|| content::deduplication_id(key)),
        sequence: fifo.then_some(1000 + place),
        source_arn: (queue == DEAD).then(|| content::arn(SOURCE)),
        attributes: content::attributes(key),
    }
}

fn receive(audit: &mut Audit, queue: &'static str, key: &str, count: u32, ms: u64) {
    audit.received(queue, at(ms), VISIBILITY_SECONDS, &[delivery(queue, key, count)]);
}

fn delete(audit: &mut Audit, queue: &'static str, key: &str, ms: u64) {
    audit.deleting(key, ms);
    audit.acknowledge("DeleteMessage", queue, at(ms));
    audit.deleted(queue, key, &format!("id of {key}"), at(ms));
}

/// The one complaint there must be.
fn complaint(audit: &Audit, about: &str) {
    let [violation] = audit.violations.as_slice() else { panic!("{about}: {:#?}", audit.violations) };
    assert!(violation.contains(about), "{violation}");
}

fn nothing(audit: &Audit) {
    assert_eq!(audit.violations, Vec::<String>::new());
}

#[test]
fn a_right_course_of_things_is_right() {
    let mut audit = Audit::default();
    let keys: Vec<String> = (1..=3).map(|place| send(&mut audit, ORDERED, place, place)).collect();
    audit.received(ORDERED, at(50), 30, &[delivery(ORDERED, &keys[0], 1), delivery(ORDERED, &keys[1], 1)]);
    delete(&mut audit, ORDERED, &keys[0], 100);
    audit.life_ends(120);
    // The receipt still works after the crash, and the repetition is recognised.
    delete(&mut audit, ORDERED, &keys[1], 150);
    audit.sending(ORDERED, &keys[0], Some(("group".to_owned(), 1)), 0, 170);
    audit.sent(&keys[0], &format!("id of {}", keys[0]), Some(1001), at(170));
    receive(&mut audit, ORDERED, &keys[2], 1, 200);
    delete(&mut audit, ORDERED, &keys[2], 220);
    audit.drained(ORDERED, 300);
    nothing(&audit);
}

#[test]
fn a_lost_message_is_noticed() {
    for queue in [PLAIN, SOURCE, ORDERED] {
        let mut audit = Audit::default();
        send(&mut audit, queue, 1, 1);
        audit.life_ends(100);
        audit.drained(queue, 200);
        complaint(&audit, "lost");
    }
}

#[test]
fn a_send_in_doubt_may_be_lost_or_not() {
    let mut audit = Audit::default();
    audit.sending(PLAIN, "plain/1", None, 0, 1);
    audit.life_ends(100);
    audit.drained(PLAIN, 200);
    nothing(&audit);
    audit.sending(PLAIN, "plain/2", None, 0, 201);
    audit.life_ends(300);
    let mut seen = delivery(PLAIN, "plain/2", 1);
    seen.sent_ms = 202;
    audit.received(PLAIN, at(310), 0, &[seen]);
    nothing(&audit);
    // It has shown itself. Now it must not get lost any more.
    audit.drained(PLAIN, 400);
    complaint(&audit, "lost");
}

#[test]
fn a_delete_that_comes_undone_is_noticed() {
    for queue in [PLAIN, ORDERED, SOURCE, PURGED] {
        let mut audit = Audit::default();
        let key = send(&mut audit, queue, 1, 1);
        receive(&mut audit, queue, &key, 1, 50);
        if queue == PURGED {
            audit.purging(queue);
            audit.purged(queue, at(80));
        } else {
            delete(&mut audit, queue, &key, 80);
        }
        audit.life_ends(100);
        nothing(&audit);
        receive(&mut audit, queue, &key, 2, 40_000);
        assert!(audit.violations.iter().any(|violation| violation.contains("came back")), "{:?}", audit.violations);
    }
}

#[test]
fn a_delete_in_doubt_may_have_happened_or_not() {
    let mut audit = Audit::default();
    let key = send(&mut audit, PLAIN, 1, 1);
    receive(&mut audit, PLAIN, &key, 1, 50);
    audit.deleting(&key, 80);
    audit.life_ends(100);
    audit.counted(PLAIN, Counts::default(), at(110));
    audit.counted(PLAIN, Counts { visible: 1, ..Counts::default() }, at(110));
    nothing(&audit);
    receive(&mut audit, PLAIN, &key, 2, 40_000);
    nothing(&audit);
    audit.drained(PLAIN, 50_000);
    complaint(&audit, "lost");
}

#[test]
fn an_overtaken_fifo_message_is_noticed() {
    let mut audit = Audit::default();
    let first = send(&mut audit, ORDERED, 1, 1);
    let second = send(&mut audit, ORDERED, 2, 2);
    receive(&mut audit, ORDERED, &second, 1, 50);
    complaint(&audit, &format!("overtook {first}"));

    // The same while the first one is in flight, across a crash.
    let mut audit = Audit::default();
    let first = send(&mut audit, ORDERED, 1, 1);
    let second = send(&mut audit, ORDERED, 2, 2);
    receive(&mut audit, ORDERED, &first, 1, 50);
    audit.life_ends(60);
    nothing(&audit);
    receive(&mut audit, ORDERED, &second, 1, 100);
    complaint(&audit, &format!("overtook {first}"));
}

#[test]
fn a_message_handed_out_twice_is_noticed() {
    let mut audit = Audit::default();
    let key = send(&mut audit, ORDERED, 1, 1);
    receive(&mut audit, ORDERED, &key, 1, 50);
    audit.life_ends(60);
    receive(&mut audit, ORDERED, &key, 2, 100);
    complaint(&audit, "handed out twice");
}

/// Its answer was on its way for longer than it had hidden the message.
#[test]
fn a_receive_may_be_told_of_when_another_has_come_behind_it() {
    for (visibility_seconds, complaints) in [(2, 0), (30, 1)] {
        let mut audit = Audit::default();
        let key = send(&mut audit, ORDERED, 1, 1);
        audit.received(ORDERED, Span { began_ms: 5_000, ended_ms: 5_100 }, 30, &[delivery(ORDERED, &key, 2)]);
        let late = Span { began_ms: 100, ended_ms: 5_200 };
        audit.received(ORDERED, late, visibility_seconds, &[delivery(ORDERED, &key, 1)]);
        let twice = audit.violations.iter().filter(|violation| violation.contains("handed out twice")).count();
        assert_eq!(twice, complaints, "{:?}", audit.violations);
    }
}

#[test]
fn a_standard_receive_may_be_forgotten_unless_something_later_is_not() {
    let mut audit = Audit::default();
    let key = send(&mut audit, PLAIN, 1, 1);
    receive(&mut audit, PLAIN, &key, 1, 50);
    audit.life_ends(100);
    receive(&mut audit, PLAIN, &key, 1, 110);
    nothing(&audit);
    // Acknowledged later than the receive was answered.
    send(&mut audit, PLAIN, 2, 130);
    audit.life_ends(150);
    receive(&mut audit, PLAIN, &key, 1, 160);
    assert_eq!(audit.violations.len(), 2, "{:?}", audit.violations);
    assert!(audit.violations[0].contains("handed out twice"), "{:?}", audit.violations);
    assert!(audit.violations[1].contains("receive count 1 in plain, it was 1 before"), "{:?}", audit.violations);
}

#[test]
fn a_duplicate_is_noticed() {
    let mut audit = Audit::default();
    let key = send(&mut audit, ORDERED, 1, 1);
    audit.life_ends(20);
    audit.sending(ORDERED, &key, Some(("group".to_owned(), 1)), 0, 30);
    audit.sent(&key, "another id", Some(1002), at(30));
    complaint(&audit, "not answered with the original message");
    audit.violations.clear();
    // And if it is enqueued under the original id after all.
    receive(&mut audit, ORDERED, &key, 1, 50);
    delete(&mut audit, ORDERED, &key, 70);
    receive(&mut audit, ORDERED, &key, 1, 90);
    assert!(audit.violations[0].contains("came back"), "{:?}", audit.violations);
}

#[test]
fn numbers_that_do_not_rise_are_noticed() {
    let mut audit = Audit::default();
    send(&mut audit, ORDERED, 5, 1);
    audit.life_ends(20);
    audit.sending(ORDERED, "ordered.fifo/6", Some(("group".to_owned(), 6)), 0, 30);
    audit.sent("ordered.fifo/6", "id", Some(1005), at(30));
    complaint(&audit, "number 1005 is not above 1005");
}

#[test]
fn changed_contents_are_noticed() {
    type Change = fn(&mut Delivery);
    let changes: [(Change, &str); 8] = [
        (|one| one.body.push('x'), "a body of"),
        (|one| one.attributes = Some(serde_json::json!({"Name": {}})), "attributes"),
        (|one| one.id = "other".to_owned(), "MessageId other"),
        (|one| one.sent_ms = 45, "SentTimestamp 45"),
        (|one| one.count = 3, "receive count 3, but"),
        (|one| one.group = Some("other".to_owned()), "message group"),
        (|one| one.sequence = Some(5), "number Some(5)"),
        (|one| one.source_arn = Some(String::new()), "outside the dead-letter queue"),
    ];
    for (change, about) in changes {
        let mut audit = Audit::default();
        let key = send(&mut audit, ORDERED, 1, 1);
        let mut wrong = delivery(ORDERED, &key, 1);
        change(&mut wrong);
        audit.received(ORDERED, at(50), 0, &[wrong]);
        complaint(&audit, about);
    }
}

#[test]
fn dead_letters_in_the_wrong_place_are_noticed() {
    let mut audit = Audit::default();
    let key = send(&mut audit, SOURCE, 1, 1);
    (1..=2).for_each(|count| audit.received(SOURCE, at(50 * count), 0, &[delivery(SOURCE, &key, count as u32)]));
    nothing(&audit);
    audit.received(SOURCE, at(200), 0, &[delivery(SOURCE, &key, 3)]);
    complaint(&audit, "not in the dead-letter queue");
    audit.violations.clear();
    // In both queues: under its old id in one, under a new one in the other.
    audit.moving();
    let mut moved = delivery(SOURCE, &key, 1);
    moved.id = "new".to_owned();
    audit.received(SOURCE, at(300), 0, &[moved]);
    nothing(&audit);
    audit.received(DEAD, at(400), 0, &[delivery(DEAD, &key, 4)]);
    complaint(&audit, "it is there twice");
}

#[test]
fn dead_receipts_are_noticed() {
    for queue in [PLAIN, ORDERED] {
        let mut audit = Audit::default();
        let key = send(&mut audit, queue, 1, 1);
        receive(&mut audit, queue, &key, 1, 50);
        audit.life_ends(60);
        let handle = format!("1 of {key}");
        let hidden_until_ms = audit.changing(queue, &key, &handle, 100).unwrap();
        audit.change_refused(queue, &key, hidden_until_ms, at(100), "gone");
        complaint(&audit, "change of visibility");
        audit.violations.clear();
        receive(&mut audit, queue, &key, 2, 40_000);
        audit.deleting(&key, 40_100);
        audit.delete_refused(queue, &key, &format!("2 of {key}"), at(40_100), "gone");
        complaint(&audit, "delete from");
    }
}

#[test]
fn wrong_counters_are_noticed() {
    let count = |visible, in_flight, delayed| Counts { visible, in_flight, delayed };
    let wrong = [count(0, 1, 0), count(2, 1, 0), count(2, 0, 0)];
    for (counts, complaints) in [(count(1, 1, 0), 0)].into_iter().chain(wrong.map(|counts| (counts, 1))) {
        let mut audit = Audit::default();
        let key = send(&mut audit, ORDERED, 1, 1);
        send(&mut audit, ORDERED, 2, 2);
        receive(&mut audit, ORDERED, &key, 1, 50);
        audit.life_ends(60);
        audit.counted(ORDERED, counts, at(100));
        assert_eq!(audit.violations.len(), complaints, "{counts:?}: {:?}", audit.violations);
    }
}

#[test]
fn half_a_purge_is_noticed() {
    for (left, complaints) in [(0, 0), (1, 1), (2, 0)] {
        let mut audit = Audit::default();
        send(&mut audit, PURGED, 1, 1);
        send(&mut audit, PURGED, 2, 2);
        audit.purging(PURGED);
        audit.life_ends(60);
        audit.counted(PURGED, Counts { visible: left, ..Counts::default() }, at(100));
        assert_eq!(audit.violations.len(), complaints, "{left}: {:?}", audit.violations);
    }
}

#[test]
fn a_delay_cut_short_is_noticed() {
    let mut audit = Audit::default();
    audit.sending(DELAYED, "delayed/1", None, 2000, 0);
    audit.sent("delayed/1", "id of delayed/1", None, at(0));
    audit.life_ends(60);
    receive(&mut audit, DELAYED, "delayed/1", 1, 1000);
    complaint(&audit, "before its delay of 2000 ms was over");
}

#[test]
fn another_answer_to_a_repeated_receive_is_noticed() {
    let mut audit = Audit::default();
    let key = send(&mut audit, ORDERED, 1, 1);
    let before = [delivery(ORDERED, &key, 1)];
    audit.received(ORDERED, at(50), 30, &before);
    audit.life_ends(60);
    audit.repeated(ORDERED, at(100), 30, &before, &before);
    nothing(&audit);
    audit.repeated(ORDERED, at(200), 30, &before, &[]);
    complaint(&audit, "gave other receipts");
}

#[test]
fn a_repetition_without_an_answer_may_have_cut_the_timeout_short() {
    let mut audit = Audit::default();
    let key = send(&mut audit, ORDERED, 1, 1);
    let before = [delivery(ORDERED, &key, 1)];
    audit.received(ORDERED, at(50), 30, &before);
    audit.receiving(ORDERED);
    audit.repeating(2, &before, 100);
    audit.receive_in_doubt(ORDERED);
    audit.repeated(ORDERED, at(2_200), 2, &before, &[]);
    receive(&mut audit, ORDERED, &key, 2, 2_300);
    nothing(&audit);
    let before = [delivery(ORDERED, &key, 2)];
    audit.repeating(2, &before, 2_400);
    audit.repeated(ORDERED, at(2_400), 2, &before, &[]);
    complaint(&audit, "a repeated receive gave other receipts");
}

#[test]
fn the_newest_of_two_receives_holds_whichever_is_answered_first() {
    let mut audit = Audit::default();
    let key = send(&mut audit, SOURCE, 1, 1);
    (0..3).for_each(|_| audit.receiving(SOURCE));
    receive(&mut audit, DEAD, &key, 3, 52);
    audit.received(SOURCE, Span { began_ms: 50, ended_ms: 70 }, 0, &[delivery(SOURCE, &key, 2)]);
    nothing(&audit);
    assert_eq!(audit.receipts(), [(DEAD, key.clone(), format!("3 of {key}"))]);
}

#[test]
fn two_deletes_of_one_message_may_meet() {
    let mut audit = Audit::default();
    let key = send(&mut audit, ORDERED, 1, 1);
    let next = send(&mut audit, ORDERED, 2, 2);
    receive(&mut audit, ORDERED, &key, 1, 50);
    // The older receipt is refused while the delete with the newer one is on its way.
    audit.deleting(&key, 40_000);
    receive(&mut audit, ORDERED, &key, 2, 40_000);
    audit.deleting(&key, 40_020);
    audit.delete_refused(ORDERED, &key, "an old receipt", at(40_010), "expired");
    receive(&mut audit, ORDERED, &next, 1, 40_030);
    audit.deleted(ORDERED, &key, &format!("id of {key}"), at(40_020));
    nothing(&audit);
}

#[test]
fn what_a_troubled_time_may_have_forgotten_is_no_claim() {
    for queue in [PLAIN, ORDERED] {
        let mut audit = Audit::default();
        let key = send(&mut audit, queue, 1, 1);
        audit.trouble_begins(40);
        receive(&mut audit, queue, &key, 1, 50);
        // Acknowledged by whoever had the queue by then.
        send(&mut audit, queue, 2, 70);
        receive(&mut audit, queue, &key, 1, 90);
        audit.life_ends(110);
        receive(&mut audit, queue, &key, 1, 120);
        assert_eq!(audit.violations.is_empty(), queue == PLAIN, "{:?}", audit.violations);
        // All is well again: from now on it counts.
        audit.violations.clear();
        receive(&mut audit, queue, &key, 2, 140);
        assert!(audit.violations[0].contains("handed out twice"), "{:?}", audit.violations);
    }
}

#[test]
fn what_began_before_trouble_and_is_answered_in_it_makes_nothing_durable() {
    let mut audit = Audit::default();
    let key = send(&mut audit, PLAIN, 1, 1);
    receive(&mut audit, PLAIN, &key, 1, 20);
    audit.trouble_begins(40);
    audit.acknowledge("SendMessage", PLAIN, Span { began_ms: 35, ended_ms: 60 });
    receive(&mut audit, PLAIN, &key, 1, 70);
    nothing(&audit);
}

#[test]
fn what_is_lost_in_a_troubled_time_is_noticed() {
    let mut audit = Audit::default();
    audit.trouble_begins(1);
    send(&mut audit, PLAIN, 1, 2);
    let key = send(&mut audit, PLAIN, 2, 3);
    receive(&mut audit, PLAIN, &key, 1, 20);
    delete(&mut audit, PLAIN, &key, 40);
    audit.life_ends(100);
    audit.drained(PLAIN, 200);
    complaint(&audit, "lost");
    let mut audit = Audit::default();
    audit.trouble_begins(1);
    let key = send(&mut audit, PLAIN, 2, 3);
    delete(&mut audit, PLAIN, &key, 40);
    receive(&mut audit, PLAIN, &key, 1, 60);
    assert!(audit.violations[0].contains("came back"), "{:?}", audit.violations);
}
