//! Delay, retention, the limit in flight, and the counters that show them.

use crate::fixture::*;
use kew::internals::actions::Caller;
use kew::internals::api::{ReceiveMessageRequest, Request, Response, SendMessageBatchEntry, SendMessageBatchRequest};

async fn send_delayed(kew: &Kew, queue: &str, body: &str, seconds: i32) {
    let call = kew.client.send_message().queue_url(kew.url(queue)).message_body(body);
    call.delay_seconds(seconds).send().await.expect("sends");
}

#[tokio::test]
async fn a_delayed_message_becomes_visible_when_its_delay_ends() {
    let kew = Kew::holding(&[("q", &[])]).await;
    send_delayed(&kew, "q", "late", 900).await;
    send_delayed(&kew, "q", "soon", 1).await;
    kew.send("q", "now").await;
    assert_eq!(kew.counts("q").await, [1, 0, 2]);
    assert_eq!(kew.receive_bodies("q", 10).await, ["now"]);
    kew.turn(1);
    assert_eq!(kew.receive_bodies("q", 10).await, ["soon"]);
    kew.turn(898);
    kew.client.purge_queue().queue_url(kew.url("other")).send().await.unwrap_err();
    assert_eq!(kew.counts("q").await[2], 1);
    kew.turn(1);
    assert!(kew.receive_bodies("q", 10).await.contains(&"late".to_owned()));
}

#[tokio::test]
async fn the_delay_of_a_queue_holds_unless_the_message_names_its_own() {
    let kew = Kew::holding(&[("q", &[("DelaySeconds", "10")])]).await;
    kew.send("q", "queue's").await;
    send_delayed(&kew, "q", "zero", 0).await;
    send_delayed(&kew, "q", "five", 5).await;
    assert_eq!(kew.receive_bodies("q", 10).await, ["zero"]);
    kew.turn(5);
    assert_eq!(kew.receive_bodies("q", 10).await, ["five"]);
    kew.turn(5);
    assert_eq!(kew.receive_bodies("q", 10).await, ["queue's"]);
}

#[tokio::test]
async fn a_new_queue_delay_is_not_retroactive_on_standard_and_is_on_fifo() {
    let kew = Kew::holding(&[("q", &[("DelaySeconds", "10")]), ("q.fifo", &[("DelaySeconds", "10")])]).await;
    kew.send("q", "x").await;
    kew.send_in("q.fifo", "g", "x").await;
    for queue in ["q", "q.fifo"] {
        kew.set(queue, "DelaySeconds", "2").await;
    }
    kew.turn(2);
    assert!(kew.receive("q", 1).await.is_empty());
    assert_eq!(kew.receive_bodies("q.fifo", 1).await, ["x"]);
    kew.turn(8);
    assert_eq!(kew.receive_bodies("q", 1).await, ["x"]);
}

#[tokio::test]
async fn a_delay_out_of_range_is_refused() {
    let kew = Kew::holding(&[("q", &[])]).await;
    for delay in [-1, 901] {
        let send = json!({"QueueUrl": kew.url("q"), "MessageBody": "x", "DelaySeconds": delay});
        let text = format!(
            "Value {delay} for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900."
        );
        kew.invalid("SendMessage", &send, &text);
    }
}

#[tokio::test]
async fn the_delay_is_part_of_sending_and_not_of_the_time_since() {
    let kew = Kew::holding(&[("q", &[])]).await;
    let sent = kew.now_ms();
    send_delayed(&kew, "q", "x", 10).await;
    kew.turn(10);
    let message = kew.receive_one("q").await;
    assert_eq!(system(&message, "SentTimestamp"), Some(sent.to_string()));
}

#[tokio::test]
async fn a_message_expires_when_its_retention_is_over() {
    let kew = Kew::holding(&[("q", &[("MessageRetentionPeriod", "60")])]).await;
    kew.send("q", "x").await;
    kew.turn(59);
    assert_eq!(kew.counts("q").await, [1, 0, 0]);
    kew.turn(1);
    assert_eq!(kew.counts("q").await, [0, 0, 0]);
    assert!(kew.receive("q", 1).await.is_empty());
}

#[tokio::test]
async fn messages_in_flight_and_delayed_expire_too() {
    let kew = Kew::holding(&[("q", &[("MessageRetentionPeriod", "60")])]).await;
    kew.send("q", "x").await;
    let message = kew.receive_for("q", 1, 1000).await.remove(0);
    send_delayed(&kew, "q", "y", 900).await;
    kew.turn(60);
    assert_eq!(kew.counts("q").await, [0, 0, 0]);
    // Deleting it is no error; its visibility can be changed no more.
    kew.delete("q", &message).await;
    let change = json!({"QueueUrl": kew.url("q"), "ReceiptHandle": handle_of(&message), "VisibilityTimeout": 5});
    assert_eq!(kew.json("ChangeMessageVisibility", &change).json_failure().code, "InvalidParameterValue");
    kew.turn(1000);
    assert!(kew.receive("q", 1).await.is_empty());
}

#[tokio::test]
async fn a_new_retention_applies_to_the_messages_that_are_there() {
    let kew = Kew::holding(&[("q", &[])]).await;
    kew.send("q", "x").await;
    kew.turn(100);
    kew.set("q", "MessageRetentionPeriod", "101").await;
    assert_eq!(kew.counts("q").await, [1, 0, 0]);
    kew.set("q", "MessageRetentionPeriod", "60").await;
    assert_eq!(kew.counts("q").await, [0, 0, 0]);
}

#[tokio::test]
async fn messages_are_kept_for_four_days_unless_said() {
    let kew = Kew::holding(&[("q", &[])]).await;
    kew.send("q", "x").await;
    kew.turn(345_599);
    assert_eq!(kew.counts("q").await, [1, 0, 0]);
    kew.turn(1);
    assert_eq!(kew.counts("q").await, [0, 0, 0]);
}

#[tokio::test]
async fn counters_are_exact_at_every_step() {
    let kew = Kew::holding(&[("q", &[("VisibilityTimeout", "5")])]).await;
    for delay in [0, 0, 0, 3] {
        send_delayed(&kew, "q", "x", delay).await;
    }
    assert_eq!(kew.counts("q").await, [3, 0, 1]);
    let messages = kew.receive("q", 2).await;
    assert_eq!(kew.counts("q").await, [1, 2, 1]);
    kew.delete("q", &messages[0]).await;
    assert_eq!(kew.counts("q").await, [1, 1, 1]);
    kew.turn(3);
    assert_eq!(kew.counts("q").await, [2, 1, 0]);
    kew.turn(2);
    assert_eq!(kew.counts("q").await, [3, 0, 0]);
    kew.client.purge_queue().queue_url(kew.url("q")).send().await.unwrap();
    assert_eq!(kew.counts("q").await, [0, 0, 0]);
}

/// Puts 120,000 messages in flight for 100 seconds, each in a group of its own, and leaves one in the queue.
///
/// The requests come in behind the HTTP service, which would take its time over 24,000 of them.
async fn fill(kew: &Kew, queue: &str) {
    let actions = kew.owner(queue).service().actions();
    let caller = Caller {
        account: ACCOUNT,
        identity: None,
        origin: None,
        region: "us-east-1",
        base_url: "",
        trace_header: None,
        presence: None,
        fate: None,
        by: kew::internals::broker::By::default(),
        waited_ms: 0,
    };
    let receive = ReceiveMessageRequest {
        queue_url: Some(queue.to_owned()),
        max_number_of_messages: Some(10),
        visibility_timeout: Some(100),
        ..Default::default()
    };
    for batch in 0..12_000 {
        let entry = |n: u32| SendMessageBatchEntry {
            id: Some(n.to_string()),
            message_body: Some("x".to_owned()),
            message_group_id: Some(format!("{batch}-{n}")),
            ..Default::default()
        };
        let entries = Some((0..10).map(entry).collect());
        let send = SendMessageBatchRequest { entries, queue_url: Some(queue.to_owned()) };
        let sent = actions.execute(&caller, Request::SendMessageBatch(send)).await;
        assert!(matches!(sent, Ok(Response::SendMessageBatch(result)) if result.failed.is_empty()));
        let received = actions.execute(&caller, Request::ReceiveMessage(receive.clone())).await;
        assert!(matches!(received, Ok(Response::ReceiveMessage(result)) if result.messages.len() == 10));
    }
    kew.send_in(queue, "last", "last").await;
    assert_eq!(kew.counts(queue).await, [1, 120_000, 0]);
}

#[tokio::test]
async fn the_limit_in_flight_of_a_standard_queue_is_an_error_for_a_short_poll_and_silence_for_a_long_one() {
    let kew = Kew::holding(&[("q", &[])]).await;
    fill(&kew, "q").await;
    let q = json!({"QueueUrl": kew.url("q")});
    for found in [kew.json("ReceiveMessage", &q).json_failure(), kew.query("ReceiveMessage", &q).xml_failure()] {
        assert_eq!((found.status, found.code.as_str()), (403, "OverLimit"));
        let words: Vec<&str> = found.message.split_whitespace().collect();
        let text = "Too many messages have been received without being deleted. Please delete your received messages or \
                    let them timeout before receiving more.";
        assert_eq!(words.join(" "), text);
    }
    let receive = kew.client.receive_message().queue_url(kew.url("q"));
    assert!(receive.send().await.unwrap_err().into_service_error().is_over_limit());
    // A long poll ends empty, or waits until there is room.
    let poll = kew.parked("q", 20).await;
    kew.turn(20);
    assert!(poll.await.unwrap().is_empty());
    kew.turn(79);
    let poll = kew.parked("q", 20).await;
    kew.turn(1);
    assert!(!poll.await.unwrap().is_empty());
}

#[tokio::test]
async fn the_limit_in_flight_of_a_fifo_queue_is_silence() {
    let kew = Kew::start();
    let scope = ("DeduplicationScope", "messageGroup");
    kew.create("q.fifo", &[("ContentBasedDeduplication", "true"), scope]).await;
    fill(&kew, "q.fifo").await;
    assert!(kew.receive("q.fifo", 10).await.is_empty());
    kew.turn(100);
    let messages = kew.receive("q.fifo", 10).await;
    assert_eq!(messages.len(), 10);
    kew.delete("q.fifo", &messages[0]).await;
    assert_eq!(kew.counts("q.fifo").await, [119_991, 9, 0]);
}
