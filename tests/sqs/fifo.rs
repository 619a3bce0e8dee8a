//! FIFO queues: the lock of a group, the order between groups, sequence numbers, receive attempts.

use crate::fixture::*;
use aws_sdk_sqs::types::Message;

async fn attempt(kew: &Kew, id: &str, max: i32) -> Vec<Message> {
    let call = kew.client.receive_message().queue_url(kew.url("q.fifo")).max_number_of_messages(max);
    call.receive_request_attempt_id(id).send().await.expect("receives").messages.unwrap_or_default()
}

async fn queue() -> Kew {
    Kew::holding(&[("q.fifo", &[])]).await
}

#[tokio::test]
async fn a_group_is_locked_while_one_of_its_messages_is_in_flight() {
    let kew = queue().await;
    kew.send_all("q.fifo", &["g-1", "g-2", "h-1"]).await;
    let first = kew.receive_one("q.fifo").await;
    assert_eq!(body_of(&first), "g-1");
    assert_eq!(kew.receive_bodies("q.fifo", 10).await, ["h-1"]);
    // Neither a new message of the group nor time before the timeout unlocks it.
    kew.send_all("q.fifo", &["g-3"]).await;
    kew.turn(29);
    assert!(kew.receive("q.fifo", 10).await.is_empty());
    kew.delete("q.fifo", &first).await;
    assert_eq!(kew.receive_bodies("q.fifo", 10).await, ["g-2", "g-3"]);
}

#[tokio::test]
async fn deleting_some_of_the_received_keeps_the_group_locked() {
    let kew = queue().await;
    kew.send_all("q.fifo", &["g-1", "g-2", "g-3"]).await;
    let received = kew.receive("q.fifo", 2).await;
    kew.delete("q.fifo", &received[0]).await;
    assert!(kew.receive("q.fifo", 10).await.is_empty());
    kew.delete("q.fifo", &received[1]).await;
    assert_eq!(kew.receive_bodies("q.fifo", 10).await, ["g-3"]);
}

#[tokio::test]
async fn deleting_the_later_of_the_received_keeps_the_group_locked() {
    let kew = queue().await;
    kew.send_all("q.fifo", &["g-1", "g-2", "g-3"]).await;
    let received = kew.receive("q.fifo", 2).await;
    kew.delete("q.fifo", &received[1]).await;
    assert!(kew.receive("q.fifo", 10).await.is_empty());
    kew.turn(30);
    assert_eq!(kew.receive_bodies("q.fifo", 10).await, ["g-1", "g-3"]);
}

#[tokio::test]
async fn a_delayed_message_holds_back_the_later_ones_of_its_group() {
    let kew = Kew::holding(&[("q.fifo", &[("DelaySeconds", "10")])]).await;
    kew.send_all("q.fifo", &["g-1"]).await;
    kew.turn(5);
    kew.send_all("q.fifo", &["g-2", "h-1"]).await;
    kew.turn(5);
    assert_eq!(kew.receive_bodies("q.fifo", 10).await, ["g-1"]);
    kew.turn(5);
    // Its group is locked; that the delay of the second is over changes nothing.
    assert_eq!(kew.receive_bodies("q.fifo", 10).await, ["h-1"]);
}

#[tokio::test]
async fn each_received_message_has_a_timeout_of_its_own() {
    // Which of three received messages is extended, and what can be received after the timeout of the others.
    for (extended, expected) in [(0, &[][..]), (1, &["g-foo"][..]), (2, &["g-foo", "g-bar"][..])] {
        let kew = queue().await;
        kew.send_all("q.fifo", &["g-foo", "g-bar", "g-baz"]).await;
        let received = kew.receive_for("q.fifo", 10, 1).await;
        assert_eq!(bodies(&received), ["g-foo", "g-bar", "g-baz"]);
        kew.visibility("q.fifo", &received[extended], 4).await;
        kew.turn_ms(2500);
        assert_eq!(kew.receive_bodies("q.fifo", 10).await, expected);
    }
}

#[tokio::test]
async fn zero_on_the_head_of_several_frees_only_the_head() {
    let kew = queue().await;
    kew.send_all("q.fifo", &["g1-m1", "g1-m2", "g1-m3"]).await;
    let received = kew.receive("q.fifo", 3).await;
    kew.visibility("q.fifo", &received[0], 0).await;
    assert_eq!(kew.receive_bodies("q.fifo", 10).await, ["g1-m1"]);
}

#[tokio::test]
async fn order_1_one_call_drains_a_group_before_the_next() {
    let kew = queue().await;
    kew.send_all("q.fifo", &["g1-m1", "g2-m1", "g1-m2", "g1-m3"]).await;
    assert_eq!(kew.receive_bodies("q.fifo", 10).await, ["g1-m1", "g1-m2", "g1-m3", "g2-m1"]);
}

#[tokio::test]
async fn order_2_a_head_made_visible_goes_behind_a_group_that_waited() {
    let kew = queue().await;
    kew.send_all("q.fifo", &["g1-m1", "g1-m2", "g2-m1"]).await;
    let received = kew.receive("q.fifo", 2).await;
    assert_eq!(bodies(&received), ["g1-m1", "g1-m2"]);
    kew.turn(1);
    kew.visibility("q.fifo", &received[0], 0).await;
    assert_eq!(kew.receive_bodies("q.fifo", 3).await, ["g2-m1", "g1-m1"]);
}

#[tokio::test]
async fn order_3_expired_groups_come_back_in_the_order_of_their_expiry() {
    let kew = Kew::holding(&[("q.fifo", &[("VisibilityTimeout", "2")])]).await;
    kew.send_all("q.fifo", &["g1-m1", "g1-m2", "g1-m3", "g1-m4", "g2-m1", "g3-m1"]).await;
    assert_eq!(kew.receive_bodies("q.fifo", 2).await, ["g1-m1", "g1-m2"]);
    kew.turn_ms(10);
    assert_eq!(kew.receive_bodies("q.fifo", 1).await, ["g2-m1"]);
    kew.turn(3);
    let expected = ["g3-m1", "g1-m1", "g1-m2", "g1-m3", "g1-m4", "g2-m1"];
    assert_eq!(kew.receive_bodies("q.fifo", 10).await, expected);
}

#[tokio::test]
async fn order_4_a_timeout_of_zero_sends_groups_to_the_end() {
    let kew = queue().await;
    kew.send_all("q.fifo", &["g1-m1", "g2-m1", "g2-m2", "g3-m1", "g1-m2"]).await;
    assert_eq!(bodies(&kew.receive_for("q.fifo", 3, 0).await), ["g1-m1", "g1-m2", "g2-m1"]);
    assert_eq!(kew.receive_bodies("q.fifo", 10).await, ["g3-m1", "g1-m1", "g1-m2", "g2-m1", "g2-m2"]);
}

#[tokio::test]
async fn order_5_deleting_the_head_keeps_the_groups_in_the_order_of_their_next_messages() {
    let kew = queue().await;
    kew.send_all("q.fifo", &["g1-m1", "g2-m1", "g1-m2", "g2-m2", "g1-m3", "g1-m4", "g3-m1"]).await;
    let received = kew.receive("q.fifo", 2).await;
    assert_eq!(bodies(&received), ["g1-m1", "g1-m2"]);
    for message in &received {
        kew.delete("q.fifo", message).await;
    }
    assert_eq!(kew.receive_bodies("q.fifo", 10).await, ["g2-m1", "g2-m2", "g1-m3", "g1-m4", "g3-m1"]);
}

#[tokio::test]
async fn sequence_numbers_have_twenty_digits_and_rise() {
    let kew = queue().await;
    let mut numbers = Vec::new();
    for (group, body) in [("g", "1"), ("h", "2"), ("g", "3")] {
        numbers.push(kew.send_in("q.fifo", group, body).await.sequence_number.unwrap());
    }
    let batch = json!({"QueueUrl": kew.url("q.fifo"), "Entries": [
        {"Id": "a", "MessageBody": "4", "MessageGroupId": "g", "MessageDeduplicationId": "4"},
        {"Id": "b", "MessageBody": "5", "MessageGroupId": "h", "MessageDeduplicationId": "5"},
    ]});
    for entry in kew.json("SendMessageBatch", &batch).ok().json()["Successful"].as_array().unwrap() {
        numbers.push(entry["SequenceNumber"].as_str().unwrap().to_owned());
    }
    assert_eq!(numbers.len(), 5);
    assert!(numbers.iter().all(|n| n.len() == 20 && n.bytes().all(|b| b.is_ascii_digit())), "{numbers:?}");
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
    // Tools that mask the account id in snapshots would mask a part of it.
    assert!(!numbers.iter().any(|n| n.contains("000")), "{numbers:?}");
    let first = kew.receive_one("q.fifo").await;
    assert_eq!(system(&first, "SequenceNumber"), Some(numbers[0].clone()));
}

#[tokio::test]
async fn a_batch_is_sent_in_the_order_of_its_entries() {
    let kew = queue().await;
    let entry = |n: usize| {
        json!({"Id": format!("e{n}"), "MessageBody": n.to_string(), "MessageGroupId": "g",
            "MessageDeduplicationId": n.to_string()})
    };
    let batch = json!({"QueueUrl": kew.url("q.fifo"), "Entries": (0..10).map(entry).collect::<Vec<_>>()});
    // More than nine entries: a form must be read by number and not by text.
    kew.query("SendMessageBatch", &batch).ok();
    assert_eq!(kew.receive_bodies("q.fifo", 10).await, ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
}

#[tokio::test]
async fn group_ids_have_rules() {
    let kew = Kew::holding(&[("q.fifo", &[]), ("q", &[])]).await;
    let long = "g".repeat(129);
    for bad in ["", "a b", "ä", "tab\t", long.as_str()] {
        let text = format!(
            "Value {bad} for parameter MessageGroupId is invalid. Reason: MessageGroupId can only include alphanumeric \
             and punctuation characters. 1 to 128 in length."
        );
        for (queue, id) in [("q.fifo", json!("d")), ("q", Value::Null)] {
            let mut send = json!({"QueueUrl": kew.url(queue), "MessageBody": "x", "MessageGroupId": bad});
            if !id.is_null() {
                send["MessageDeduplicationId"] = id;
            }
            kew.invalid("SendMessage", &send, &text);
        }
    }
    let punctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~aZ0";
    kew.send_in("q.fifo", punctuation, "x").await;
    kew.send_in("q.fifo", &"g".repeat(128), "y").await;
    let message = kew.receive_one("q.fifo").await;
    assert_eq!(system(&message, "MessageGroupId").as_deref(), Some(punctuation));
}

#[tokio::test]
async fn a_repeated_receive_attempt_gives_the_same_messages_and_handles() {
    let kew = queue().await;
    kew.send_all("q.fifo", &["g-1", "g-2", "h-1"]).await;
    let first = attempt(&kew, "try-1", 2).await;
    assert_eq!(bodies(&first), ["g-1", "g-2"]);
    kew.turn(20);
    let again = attempt(&kew, "try-1", 2).await;
    assert_eq!(bodies(&again), ["g-1", "g-2"]);
    let handles = |messages: &[Message]| messages.iter().map(|m| handle_of(m).to_owned()).collect::<Vec<_>>();
    assert_eq!(handles(&again), handles(&first));
    // Their visibility was restarted.
    kew.turn(20);
    assert_eq!(kew.counts("q.fifo").await, [1, 2, 0]);
    kew.delete("q.fifo", &first[0]).await;
    // Another attempt is another receive.
    assert_eq!(bodies(&attempt(&kew, "try-2", 2).await), ["h-1"]);
}

#[tokio::test]
async fn a_receive_attempt_is_not_repeated_once_its_messages_changed() {
    // Deleted.
    let kew = queue().await;
    kew.send_all("q.fifo", &["g-1", "g-2", "h-1"]).await;
    let first = attempt(&kew, "try", 2).await;
    kew.delete("q.fifo", &first[0]).await;
    assert_eq!(bodies(&attempt(&kew, "try", 2).await), ["h-1"]);
    // Visible again.
    let kew = queue().await;
    kew.send_all("q.fifo", &["g-1"]).await;
    let first = attempt(&kew, "try", 1).await;
    kew.turn(30);
    let second = attempt(&kew, "try", 1).await;
    assert_eq!(bodies(&second), ["g-1"]);
    assert_ne!(handle_of(&second[0]), handle_of(&first[0]));
    // Its visibility changed.
    let kew = queue().await;
    kew.send_all("q.fifo", &["g-1", "h-1"]).await;
    let first = attempt(&kew, "try", 1).await;
    kew.visibility("q.fifo", &first[0], 100).await;
    assert_eq!(bodies(&attempt(&kew, "try", 1).await), ["h-1"]);
}

#[tokio::test]
async fn a_receive_attempt_is_remembered_for_five_minutes() {
    let kew = Kew::holding(&[("q.fifo", &[("VisibilityTimeout", "1000")])]).await;
    kew.send_all("q.fifo", &["g-1", "h-1"]).await;
    assert_eq!(bodies(&attempt(&kew, "try", 1).await), ["g-1"]);
    kew.turn(299);
    assert_eq!(bodies(&attempt(&kew, "try", 1).await), ["g-1"]);
    kew.turn(1);
    assert_eq!(bodies(&attempt(&kew, "try", 1).await), ["h-1"]);
}

#[tokio::test]
async fn receive_attempt_ids_have_rules() {
    let kew = Kew::holding(&[("q.fifo", &[]), ("q", &[])]).await;
    for bad in ["", "a b", &"a".repeat(129)] {
        let receive = json!({"QueueUrl": kew.url("q.fifo"), "ReceiveRequestAttemptId": bad});
        let text = format!(
            "Value {bad} for parameter ReceiveRequestAttemptId is invalid. Reason: ReceiveRequestAttemptId can only \
             include alphanumeric and punctuation characters. 1 to 128 in length."
        );
        kew.invalid("ReceiveMessage", &receive, &text);
    }
    let receive = json!({"QueueUrl": kew.url("q"), "ReceiveRequestAttemptId": "a"});
    assert_eq!(kew.json("ReceiveMessage", &receive).json_failure().code, "InvalidParameterValue");
}

#[tokio::test]
async fn a_group_goes_on_after_its_head_expired() {
    let kew = Kew::holding(&[("q.fifo", &[("MessageRetentionPeriod", "60")])]).await;
    kew.send_all("q.fifo", &["g-1"]).await;
    kew.receive_for("q.fifo", 1, 1000).await;
    kew.turn(30);
    kew.send_all("q.fifo", &["g-2"]).await;
    assert!(kew.receive("q.fifo", 1).await.is_empty());
    kew.turn(30);
    assert_eq!(kew.receive_bodies("q.fifo", 1).await, ["g-2"]);
}

#[tokio::test]
async fn a_purge_unlocks_the_groups() {
    let kew = queue().await;
    kew.send_all("q.fifo", &["g-1"]).await;
    kew.receive_one("q.fifo").await;
    kew.client.purge_queue().queue_url(kew.url("q.fifo")).send().await.unwrap();
    kew.send_all("q.fifo", &["g-2"]).await;
    assert_eq!(kew.receive_bodies("q.fifo", 1).await, ["g-2"]);
}

#[tokio::test]
async fn sequence_numbers_go_on_rising_after_a_purge() {
    let kew = queue().await;
    let before = kew.send_in("q.fifo", "g", "1").await.sequence_number.unwrap();
    kew.client.purge_queue().queue_url(kew.url("q.fifo")).send().await.unwrap();
    assert!(kew.send_in("q.fifo", "g", "2").await.sequence_number.unwrap() > before);
}

#[tokio::test]
async fn a_thousand_groups_are_served_once_each() {
    let kew = queue().await;
    for batch in 0..100 {
        let entry = |n: usize| {
            let id = format!("{batch}-{n}");
            json!({"Id": id, "MessageBody": id, "MessageGroupId": id, "MessageDeduplicationId": id})
        };
        let entries: Vec<Value> = (0..10).map(entry).collect();
        kew.json("SendMessageBatch", &json!({"QueueUrl": kew.url("q.fifo"), "Entries": entries})).ok();
    }
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..100 {
        let bodies = kew.receive_bodies("q.fifo", 10).await;
        assert_eq!(bodies.len(), 10);
        assert!(bodies.into_iter().all(|body| seen.insert(body)));
    }
    assert_eq!(kew.counts("q.fifo").await, [0, 1000, 0]);
}
