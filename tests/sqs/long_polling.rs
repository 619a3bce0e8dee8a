//! Long polls: what wakes them, who comes first, and what ends them.

use crate::fixture::*;
use std::io::Write;
use std::net::TcpStream;

#[tokio::test]
async fn a_send_wakes_a_long_poll() {
    let kew = Kew::holding(&[("q", &[])]).await;
    let poll = kew.parked("q", 20).await;
    kew.send("q", "x").await;
    let messages = poll.await.unwrap();
    assert_eq!(bodies(&messages), ["x"]);
    assert_eq!(kew.counts("q").await, [0, 1, 0]);
}

#[tokio::test]
async fn a_long_poll_does_not_wait_to_be_full() {
    let kew = Kew::holding(&[("q", &[])]).await;
    kew.send("q", "x").await;
    assert_eq!(bodies(&kew.poll("q", 20).await.unwrap()), ["x"]);
}

#[tokio::test]
async fn a_batch_gives_a_long_poll_all_it_asked_for() {
    let kew = Kew::holding(&[("q", &[])]).await;
    let poll = kew.parked("q", 20).await;
    let entries: Vec<Value> = (0..3).map(|n| json!({"Id": n.to_string(), "MessageBody": n.to_string()})).collect();
    kew.json("SendMessageBatch", &json!({"QueueUrl": kew.url("q"), "Entries": entries})).ok();
    assert_eq!(bodies(&poll.await.unwrap()), ["0", "1", "2"]);
}

#[tokio::test]
async fn the_end_of_a_visibility_timeout_wakes_a_long_poll() {
    let kew = Kew::holding(&[("q", &[("VisibilityTimeout", "5")])]).await;
    kew.send("q", "x").await;
    kew.receive_one("q").await;
    let poll = kew.parked("q", 20).await;
    kew.turn_ms(4999);
    kew.waiting("q", 1).await;
    kew.turn_ms(1);
    let message = poll.await.unwrap().remove(0);
    assert_eq!(system(&message, "ApproximateReceiveCount").as_deref(), Some("2"));
}

#[tokio::test]
async fn the_end_of_a_delay_wakes_a_long_poll() {
    let kew = Kew::holding(&[("q", &[("DelaySeconds", "5")]), ("q.fifo", &[("DelaySeconds", "5")])]).await;
    for queue in ["q", "q.fifo"] {
        kew.send_in(queue, "g", "x").await;
        let poll = kew.parked(queue, 20).await;
        kew.turn(5);
        assert_eq!(bodies(&poll.await.unwrap()), ["x"], "{queue}");
    }
}

#[tokio::test]
async fn a_send_with_a_delay_does_not_wake_before_its_delay_ends() {
    let kew = Kew::holding(&[("q", &[])]).await;
    let poll = kew.parked("q", 20).await;
    let call = kew.client.send_message().queue_url(kew.url("q")).message_body("x");
    call.delay_seconds(7).send().await.unwrap();
    kew.turn(6);
    kew.waiting("q", 1).await;
    kew.turn(1);
    assert_eq!(bodies(&poll.await.unwrap()), ["x"]);
}

#[tokio::test]
async fn a_change_of_visibility_to_zero_wakes_a_long_poll() {
    let kew = Kew::holding(&[("q", &[]), ("q.fifo", &[])]).await;
    for queue in ["q", "q.fifo"] {
        kew.send_in(queue, "g", "x").await;
        let message = kew.receive_one(queue).await;
        let poll = kew.parked(queue, 20).await;
        kew.visibility(queue, &message, 0).await;
        assert_eq!(bodies(&poll.await.unwrap()), ["x"], "{queue}");
    }
}

#[tokio::test]
async fn a_visibility_timeout_cut_short_wakes_a_long_poll_then() {
    let kew = Kew::holding(&[("q", &[])]).await;
    kew.send("q", "x").await;
    let message = kew.receive_one("q").await;
    let poll = kew.parked("q", 20).await;
    kew.visibility("q", &message, 3).await;
    kew.turn(3);
    assert_eq!(bodies(&poll.await.unwrap()), ["x"]);
}

#[tokio::test]
async fn a_freed_fifo_group_wakes_a_long_poll() {
    let kew = Kew::holding(&[("q.fifo", &[])]).await;
    kew.send_all("q.fifo", &["g-1", "g-2", "g-3"]).await;
    let first = kew.receive("q.fifo", 2).await;
    let poll = kew.parked("q.fifo", 20).await;
    kew.delete("q.fifo", &first[0]).await;
    kew.waiting("q.fifo", 1).await;
    kew.delete("q.fifo", &first[1]).await;
    assert_eq!(bodies(&poll.await.unwrap()), ["g-3"]);
}

#[tokio::test]
async fn a_new_send_into_a_locked_group_wakes_nobody() {
    let kew = Kew::holding(&[("q.fifo", &[])]).await;
    kew.send_all("q.fifo", &["g-1"]).await;
    kew.receive_one("q.fifo").await;
    let poll = kew.parked("q.fifo", 20).await;
    kew.send_all("q.fifo", &["g-2"]).await;
    kew.waiting("q.fifo", 1).await;
    kew.send_all("q.fifo", &["h-1"]).await;
    assert_eq!(bodies(&poll.await.unwrap()), ["h-1"]);
}

#[tokio::test]
async fn a_group_freed_by_the_expiry_of_its_message_in_flight_wakes_a_long_poll() {
    let kew = Kew::holding(&[("q.fifo", &[("MessageRetentionPeriod", "60")])]).await;
    kew.send_all("q.fifo", &["g-1"]).await;
    kew.receive_for("q.fifo", 1, 1000).await;
    kew.turn(50);
    kew.send_all("q.fifo", &["g-2"]).await;
    let poll = kew.parked("q.fifo", 20).await;
    kew.turn(10);
    assert_eq!(bodies(&poll.await.unwrap()), ["g-2"]);
}

#[tokio::test]
async fn a_dead_letter_wakes_a_long_poll_at_its_queue() {
    let kew = Kew::start();
    kew.create("dead", &[]).await;
    kew.create("q", &[("RedrivePolicy", &kew.redrive("dead", 1)), ("VisibilityTimeout", "1")]).await;
    kew.send("q", "x").await;
    kew.receive_one("q").await;
    let poll = kew.parked("dead", 20).await;
    kew.turn(1);
    assert!(kew.receive("q", 1).await.is_empty());
    assert_eq!(bodies(&poll.await.unwrap()), ["x"]);
}

#[tokio::test]
async fn a_long_poll_at_the_source_moves_the_dead_letter_too() {
    let kew = Kew::start();
    kew.create("dead", &[]).await;
    kew.create("q", &[("RedrivePolicy", &kew.redrive("dead", 1)), ("VisibilityTimeout", "1")]).await;
    kew.send("q", "x").await;
    kew.receive_one("q").await;
    let (source, dead) = (kew.parked("q", 20).await, kew.parked("dead", 20).await);
    kew.turn(1);
    assert_eq!(bodies(&dead.await.unwrap()), ["x"]);
    kew.turn(19);
    assert!(source.await.unwrap().is_empty());
}

#[tokio::test]
async fn a_dead_fifo_head_frees_its_group_and_wakes_both_long_polls() {
    let kew = Kew::start();
    kew.create("dead.fifo", &[]).await;
    let policy = kew.redrive("dead.fifo", 1);
    kew.create("q.fifo", &[("RedrivePolicy", &policy), ("VisibilityTimeout", "1")]).await;
    kew.send_all("q.fifo", &["g-1", "g-2"]).await;
    kew.receive_one("q.fifo").await;
    let (source, dead) = (kew.parked("q.fifo", 20).await, kew.parked("dead.fifo", 20).await);
    kew.turn(1);
    assert_eq!(bodies(&source.await.unwrap()), ["g-2"]);
    assert_eq!(bodies(&dead.await.unwrap()), ["g-1"]);
}

#[tokio::test]
async fn a_message_move_task_with_a_rate_wakes_a_long_poll_when_its_time_comes() {
    let kew = Kew::start();
    kew.create("dead", &[]).await;
    kew.create("q", &[("RedrivePolicy", &kew.redrive("dead", 1))]).await;
    kew.send("dead", "x").await;
    let poll = kew.parked("q", 20).await;
    let call = kew.client.start_message_move_task().source_arn(kew.arn("dead")).destination_arn(kew.arn("q"));
    call.max_number_of_messages_per_second(1).send().await.unwrap();
    kew.waiting("q", 1).await;
    kew.turn(1);
    assert_eq!(bodies(&poll.await.unwrap()), ["x"]);
}

#[tokio::test]
async fn a_message_move_task_wakes_a_long_poll_at_the_destination() {
    let kew = Kew::start();
    kew.create("dead", &[]).await;
    kew.create("q", &[("RedrivePolicy", &kew.redrive("dead", 1))]).await;
    kew.send("dead", "x").await;
    let poll = kew.parked("q", 20).await;
    let call = kew.client.start_message_move_task().source_arn(kew.arn("dead")).destination_arn(kew.arn("q"));
    call.send().await.unwrap();
    assert_eq!(bodies(&poll.await.unwrap()), ["x"]);
}

/// With several nodes the way from one to another is part of the time, and here that is real.
#[tokio::test]
async fn a_long_poll_without_messages_ends_empty_when_its_time_is_over() {
    let kew = Kew::alone(kew::Server::builder().queue("q"));
    let poll = kew.parked("q", 20).await;
    kew.turn_ms(19_999);
    kew.waiting("q", 1).await;
    kew.turn_ms(1);
    assert!(poll.await.unwrap().is_empty());
    assert_eq!(kew.waiting_receivers("q"), 0);
}

#[tokio::test]
async fn the_wait_of_the_queue_holds_unless_the_request_names_its_own() {
    let kew = Kew::holding(&[("q", &[("ReceiveMessageWaitTimeSeconds", "5")])]).await;
    let call = kew.client.receive_message().queue_url(kew.url("q"));
    let poll = tokio::spawn(async move { call.send().await.unwrap().messages });
    kew.waiting("q", 1).await;
    kew.turn(5);
    assert_eq!(poll.await.unwrap(), None);
    // Zero is a short poll.
    let call = kew.client.receive_message().queue_url(kew.url("q")).wait_time_seconds(0);
    assert_eq!(call.send().await.unwrap().messages, None);
    let poll = kew.parked("q", 1).await;
    kew.turn(1);
    assert!(poll.await.unwrap().is_empty());
}

#[tokio::test]
async fn those_who_waited_longest_are_served_first() {
    let kew = Kew::holding(&[("q", &[])]).await;
    let mut polls = Vec::new();
    for _ in 0..5 {
        polls.push(kew.parked("q", 20).await);
    }
    for (n, poll) in polls.into_iter().enumerate() {
        kew.send("q", &n.to_string()).await;
        assert_eq!(bodies(&poll.await.unwrap()), [n.to_string()]);
    }
}

#[tokio::test]
async fn many_long_polls_get_one_message_each_and_none_twice() {
    let kew = Kew::holding(&[("q", &[("VisibilityTimeout", "5")])]).await;
    let mut polls = Vec::new();
    for _ in 0..50 {
        polls.push(kew.parked("q", 20).await);
    }
    let mut sent: Vec<String> = (0..50).map(|n| format!("{n:02}")).collect();
    for body in &sent {
        kew.send("q", body).await;
    }
    let mut got = Vec::new();
    for poll in polls {
        got.extend(bodies(&poll.await.unwrap()).into_iter().map(str::to_owned));
    }
    got.sort();
    sent.sort();
    assert_eq!(got, sent);
}

#[tokio::test]
async fn deleting_the_queue_ends_its_long_polls() {
    let kew = Kew::holding(&[("q", &[])]).await;
    let call = kew.client.receive_message().queue_url(kew.url("q")).wait_time_seconds(20);
    let poll = tokio::spawn(async move { call.send().await });
    kew.waiting("q", 1).await;
    kew.client.delete_queue().queue_url(kew.url("q")).send().await.unwrap();
    // Empty or an error: which of them AWS answers is not known.
    match poll.await.unwrap() {
        Ok(answer) => assert_eq!(answer.messages, None),
        Err(error) => assert!(error.into_service_error().is_queue_does_not_exist()),
    }
}

#[tokio::test]
async fn purging_the_queue_leaves_long_polls_waiting() {
    let kew = Kew::holding(&[("q", &[])]).await;
    let poll = kew.parked("q", 20).await;
    kew.client.purge_queue().queue_url(kew.url("q")).send().await.unwrap();
    kew.send("q", "x").await;
    assert_eq!(bodies(&poll.await.unwrap()), ["x"]);
}

#[tokio::test]
async fn a_client_that_goes_away_consumes_nothing() {
    let kew = Kew::holding(&[("q", &[])]).await;
    let mut stream = TcpStream::connect(kew.address()).unwrap();
    let body = json!({"QueueUrl": kew.url("q"), "WaitTimeSeconds": 20}).to_string();
    let head = format!(
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-amz-json-1.0\r\n\
         X-Amz-Target: AmazonSQS.ReceiveMessage\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).unwrap();
    kew.waiting("q", 1).await;
    drop(stream);
    kew.waiting("q", 0).await;
    kew.send("q", "x").await;
    let message = kew.receive_one("q").await;
    assert_eq!(system(&message, "ApproximateReceiveCount").as_deref(), Some("1"));
}

#[tokio::test]
async fn a_client_that_went_away_does_not_stand_in_line() {
    let kew = Kew::holding(&[("q", &[])]).await;
    let gone = kew.parked("q", 20).await;
    let next = kew.parked("q", 20).await;
    gone.abort();
    kew.waiting("q", 1).await;
    kew.send("q", "x").await;
    let message = next.await.unwrap().remove(0);
    assert_eq!(system(&message, "ApproximateReceiveCount").as_deref(), Some("1"));
}

#[tokio::test]
async fn a_long_poll_may_name_its_visibility_timeout() {
    let kew = Kew::holding(&[("q", &[])]).await;
    let call = kew.client.receive_message().queue_url(kew.url("q")).wait_time_seconds(20).visibility_timeout(2);
    let poll = tokio::spawn(async move { call.send().await.unwrap().messages.unwrap_or_default() });
    kew.waiting("q", 1).await;
    kew.turn(10);
    kew.send("q", "x").await;
    assert_eq!(poll.await.unwrap().len(), 1);
    kew.turn_ms(1999);
    assert_eq!(kew.counts("q").await, [0, 1, 0]);
    kew.turn_ms(1);
    assert_eq!(kew.counts("q").await, [1, 0, 0]);
}

#[tokio::test]
async fn the_limits_of_a_receive_are_checked() {
    let kew = Kew::holding(&[("q", &[])]).await;
    let receive = |name: &str, value: i64| json!({"QueueUrl": kew.url("q"), name: value});
    for value in [-1, 0, 11] {
        let text = format!(
            "Value {value} for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided."
        );
        kew.invalid("ReceiveMessage", &receive("MaxNumberOfMessages", value), &text);
    }
    for value in [-1, 21] {
        let text = format!(
            "Value {value} for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided."
        );
        kew.invalid("ReceiveMessage", &receive("WaitTimeSeconds", value), &text);
    }
    for value in [-1, 43_201] {
        let text = format!(
            "Value {value} for parameter VisibilityTimeout is invalid. Reason: Must be >= 0 and <= 43200, if provided."
        );
        kew.invalid("ReceiveMessage", &receive("VisibilityTimeout", value), &text);
    }
}

#[tokio::test]
async fn shutting_down_answers_long_polls_with_nothing() {
    let kew = Kew::holding(&[("q", &[])]).await;
    let poll = kew.parked("q", 20).await;
    kew.shutdown().await;
    assert!(poll.await.unwrap().is_empty());
}
