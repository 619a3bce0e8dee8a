//! Deduplication of sends to FIFO queues.

use crate::fixture::*;
use aws_sdk_sqs::operation::send_message::SendMessageOutput;

const CONTENT_BASED: (&str, &str) = ("ContentBasedDeduplication", "true");
const PER_GROUP: (&str, &str) = ("DeduplicationScope", "messageGroup");

async fn send(kew: &Kew, group: &str, id: Option<&str>, body: &str) -> SendMessageOutput {
    let call = kew.client.send_message().queue_url(kew.url("q.fifo")).message_group_id(group).message_body(body);
    call.set_message_deduplication_id(id.map(str::to_owned)).send().await.expect("sends")
}

#[tokio::test]
async fn a_duplicate_is_told_the_first_ones_id_and_number_and_its_own_digest() {
    let kew = Kew::holding(&[("q.fifo", &[])]).await;
    let first = send(&kew, "g", Some("d"), "message").await;
    let second = send(&kew, "g", Some("d"), "hello").await;
    assert_eq!(second.message_id(), first.message_id());
    assert_eq!(second.sequence_number(), first.sequence_number());
    assert_eq!(second.md5_of_message_body(), Some("5d41402abc4b2a76b9719d911017c592"));
    assert_eq!(kew.receive_bodies("q.fifo", 10).await, ["message"]);
}

#[tokio::test]
async fn the_window_is_five_minutes_from_the_first_send_and_outlives_deletion() {
    let kew = Kew::holding(&[("q.fifo", &[])]).await;
    let first = send(&kew, "g", Some("d"), "x").await;
    let message = kew.receive_one("q.fifo").await;
    kew.delete("q.fifo", &message).await;
    kew.turn(200);
    // A duplicate does not extend the window.
    assert_eq!(send(&kew, "g", Some("d"), "x").await.message_id(), first.message_id());
    kew.turn_ms(99_999);
    assert_eq!(send(&kew, "g", Some("d"), "x").await.message_id(), first.message_id());
    assert_eq!(kew.counts("q.fifo").await, [0, 0, 0]);
    kew.turn_ms(1);
    assert_ne!(send(&kew, "g", Some("d"), "x").await.message_id(), first.message_id());
    assert_eq!(kew.counts("q.fifo").await, [1, 0, 0]);
}

#[tokio::test]
async fn the_window_outlives_expiry() {
    let kew = Kew::holding(&[("q.fifo", &[("MessageRetentionPeriod", "60")])]).await;
    let first = send(&kew, "g", Some("d"), "x").await;
    kew.turn(61);
    assert_eq!(send(&kew, "g", Some("d"), "x").await.message_id(), first.message_id());
    assert_eq!(kew.counts("q.fifo").await, [0, 0, 0]);
}

#[tokio::test]
async fn in_the_scope_of_a_queue_another_group_is_a_duplicate_too() {
    let kew = Kew::holding(&[("q.fifo", &[])]).await;
    let first = send(&kew, "g", Some("d"), "x").await;
    assert_eq!(send(&kew, "h", Some("d"), "x").await.message_id(), first.message_id());
    assert_eq!(kew.counts("q.fifo").await, [1, 0, 0]);
}

#[tokio::test]
async fn in_the_scope_of_a_group_another_group_is_no_duplicate() {
    let kew = Kew::holding(&[("q.fifo", &[PER_GROUP])]).await;
    let first = send(&kew, "g", Some("d"), "x").await;
    assert_ne!(send(&kew, "h", Some("d"), "x").await.message_id(), first.message_id());
    assert_eq!(send(&kew, "g", Some("d"), "x").await.message_id(), first.message_id());
    assert_eq!(kew.counts("q.fifo").await, [2, 0, 0]);
}

#[tokio::test]
async fn the_scope_that_holds_is_that_of_creation() {
    let kew = Kew::holding(&[("q.fifo", &[])]).await;
    kew.set("q.fifo", PER_GROUP.0, PER_GROUP.1).await;
    assert_eq!(kew.attribute("q.fifo", PER_GROUP.0).await.as_deref(), Some("messageGroup"));
    let first = send(&kew, "g", Some("d"), "x").await;
    assert_eq!(send(&kew, "h", Some("d"), "x").await.message_id(), first.message_id());

    let kew = Kew::holding(&[("q.fifo", &[PER_GROUP])]).await;
    kew.set("q.fifo", PER_GROUP.0, "queue").await;
    assert_eq!(kew.attribute("q.fifo", PER_GROUP.0).await.as_deref(), Some("queue"));
    let first = send(&kew, "g", Some("d"), "x").await;
    assert_ne!(send(&kew, "h", Some("d"), "x").await.message_id(), first.message_id());
}

#[tokio::test]
async fn content_based_deduplication_looks_at_the_body_alone() {
    let kew = Kew::holding(&[("q.fifo", &[CONTENT_BASED])]).await;
    let first = send(&kew, "g", None, "same").await;
    let call = kew.client.send_message().queue_url(kew.url("q.fifo")).message_group_id("h").message_body("same");
    let second = call.message_attributes("k", string_value("x")).send().await.unwrap();
    assert_eq!(second.message_id(), first.message_id());
    assert_ne!(send(&kew, "g", None, "other").await.message_id(), first.message_id());
    assert_eq!(kew.counts("q.fifo").await, [2, 0, 0]);
}

#[tokio::test]
async fn an_explicit_id_wins_over_the_content_and_shares_its_space() {
    let kew = Kew::holding(&[("q.fifo", &[CONTENT_BASED])]).await;
    let first = send(&kew, "g", None, "same").await;
    assert_ne!(send(&kew, "g", Some("d"), "same").await.message_id(), first.message_id());
    let digest = "0967115f2813a3541eaef77de9d9d5773f1c0c04314b0bbfe4ff3b3b1c55b5d5";
    assert_eq!(send(&kew, "g", Some(digest), "other").await.message_id(), first.message_id());
}

#[tokio::test]
async fn content_based_deduplication_can_be_turned_on_and_off() {
    let kew = Kew::holding(&[("q.fifo", &[])]).await;
    let message = json!({"QueueUrl": kew.url("q.fifo"), "MessageBody": "x", "MessageGroupId": "g"});
    let text = "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided \
                explicitly";
    kew.invalid("SendMessage", &message, text);
    kew.set("q.fifo", CONTENT_BASED.0, "True").await;
    assert_eq!(kew.attribute("q.fifo", CONTENT_BASED.0).await.as_deref(), Some("true"));
    kew.json("SendMessage", &message).ok();
    kew.set("q.fifo", CONTENT_BASED.0, "false").await;
    kew.invalid("SendMessage", &message, text);
}

#[tokio::test]
async fn a_batch_without_deduplication_ids_fails_as_a_whole() {
    let kew = Kew::holding(&[("q.fifo", &[])]).await;
    let batch = json!({"QueueUrl": kew.url("q.fifo"), "Entries": [
        {"Id": "a", "MessageBody": "x", "MessageGroupId": "g", "MessageDeduplicationId": "d"},
        {"Id": "b", "MessageBody": "y", "MessageGroupId": "g"},
    ]});
    let text = "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided \
                explicitly";
    kew.invalid("SendMessageBatch", &batch, text);
    assert_eq!(kew.counts("q.fifo").await, [0, 0, 0]);
}

#[tokio::test]
async fn a_duplicate_inside_one_batch_succeeds_with_the_same_id() {
    let kew = Kew::holding(&[("q.fifo", &[])]).await;
    let entry = |id: &str| json!({"Id": id, "MessageBody": id, "MessageGroupId": "g", "MessageDeduplicationId": "d"});
    let batch = json!({"QueueUrl": kew.url("q.fifo"), "Entries": [entry("a"), entry("b")]});
    let answer = kew.json("SendMessageBatch", &batch).ok().json();
    assert_eq!(answer["Successful"][0]["MessageId"], answer["Successful"][1]["MessageId"]);
    assert_eq!(answer["Successful"][0]["SequenceNumber"], answer["Successful"][1]["SequenceNumber"]);
    assert_eq!(answer["Failed"], Value::Null);
    assert_eq!(kew.receive_bodies("q.fifo", 10).await, ["a"]);
}

#[tokio::test]
async fn deduplication_ids_have_rules() {
    let kew = Kew::holding(&[("q.fifo", &[])]).await;
    for bad in ["", "a b", "ä", &"d".repeat(129)] {
        let send = json!({"QueueUrl": kew.url("q.fifo"), "MessageBody": "x", "MessageGroupId": "g", "MessageDeduplicationId": bad});
        let text = format!(
            "Value {bad} for parameter MessageDeduplicationId is invalid. Reason: MessageDeduplicationId can only include \
             alphanumeric and punctuation characters. 1 to 128 in length."
        );
        kew.invalid("SendMessage", &send, &text);
    }
    send(&kew, "g", Some(&"d".repeat(128)), "x").await;
}

#[tokio::test]
async fn a_refused_send_leaves_no_deduplication_id_behind() {
    let kew = Kew::holding(&[("q.fifo", &[("MaximumMessageSize", "1024")])]).await;
    let large = json!({"QueueUrl": kew.url("q.fifo"), "MessageBody": "x".repeat(1025), "MessageGroupId": "g",
        "MessageDeduplicationId": "d"});
    assert_eq!(kew.json("SendMessage", &large).status, 400);
    send(&kew, "g", Some("d"), "x").await;
    assert_eq!(kew.counts("q.fifo").await, [1, 0, 0]);
}
