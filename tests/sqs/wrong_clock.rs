//! A store that was written under another clock than the one it is read under: ahead by a year, or behind.

use crate::fixture::*;

const YEAR: u64 = 365;

fn server() -> kew::ServerBuilder {
    kew::Server::builder()
        .queue("q")
        .queue(kew::QueueConfig::new("late.fifo").attribute("DelaySeconds", 2))
        .queue(kew::QueueConfig::new("once.fifo").attribute("ContentBasedDeduplication", true))
}

async fn send_once(kew: &Kew, attempt: Option<&str>) -> Option<String> {
    let send = kew.client.send_message().queue_url(kew.url("once.fifo")).message_body("x").message_group_id("g");
    send.send().await.expect("sends");
    let receive = kew.client.receive_message().queue_url(kew.url("once.fifo")).visibility_timeout(2);
    let receive = receive.set_receive_request_attempt_id(attempt.map(str::to_owned));
    let messages = receive.send().await.expect("receives").messages.unwrap_or_default();
    messages.first().map(|message| handle_of(message).to_owned())
}

#[tokio::test]
async fn nothing_stays_hidden_or_refused_for_as_long_as_a_clock_was_ahead() {
    let dir = tempfile::tempdir().expect("a directory");
    let kew = Kew::on(dir.path(), server().cooldowns(true), YEAR);
    kew.send("q", "in flight").await;
    assert_eq!(kew.receive_for("q", 1, 2).await.len(), 1);
    kew.client
        .send_message()
        .queue_url(kew.url("q"))
        .message_body("delayed")
        .delay_seconds(2)
        .send()
        .await
        .expect("sends");
    kew.send_in("late.fifo", "g", "late").await;
    let handle = send_once(&kew, None).await.expect("a message");
    let delete = kew.client.delete_message().queue_url(kew.url("once.fifo")).receipt_handle(handle);
    delete.send().await.expect("deletes");
    for name in ["purged", "deleted"] {
        kew.create(name, &[]).await;
    }
    kew.client.purge_queue().queue_url(kew.url("purged")).send().await.expect("purges");
    kew.client.delete_queue().queue_url(kew.url("deleted")).send().await.expect("deletes");
    kew.stop().await;

    let kew = Kew::on(dir.path(), server().cooldowns(true), 0);
    let began = kew.now_ms();
    assert_eq!(kew.counts("q").await, [0, 1, 1], "hidden for as long as was asked for, from now on");
    kew.turn(1);
    assert_eq!(kew.counts("q").await, [0, 1, 1]);
    kew.turn(1);
    let mut messages = kew.receive("q", 10).await;
    messages.sort_by_key(|message| body_of(message).to_owned());
    assert_eq!(bodies(&messages), ["delayed", "in flight"]);
    for message in &messages {
        let sent: i64 = system(message, "SentTimestamp").expect("it").parse().expect("a number");
        assert!(sent <= began, "sent at {sent}, which is after {began}");
    }
    assert_eq!(kew.receive_bodies("late.fifo", 1).await, ["late"]);
    for moment in ["CreatedTimestamp", "LastModifiedTimestamp"] {
        let seconds: i64 = kew.attribute("q", moment).await.expect("it").parse().expect("a number");
        assert!(seconds <= began / 1000, "{moment} {seconds}");
    }
    assert_eq!(send_once(&kew, None).await, None, "five minutes of deduplication begin anew, not a year");
    kew.turn(300);
    assert!(send_once(&kew, None).await.is_some());
    kew.client.purge_queue().queue_url(kew.url("purged")).send().await.expect("the minute is over");
    kew.create("deleted", &[]).await;
    kew.stop().await;
}

#[tokio::test]
async fn a_visibility_timeout_of_twelve_hours_lasts_no_longer() {
    let dir = tempfile::tempdir().expect("a directory");
    let kew = Kew::on(dir.path(), server(), YEAR);
    kew.send("q", "x").await;
    let message = kew.receive_for("q", 1, 30).await.pop().expect("a message");
    kew.turn(60 * 60);
    kew.visibility("q", &message, 11 * 60 * 60).await;
    kew.stop().await;
    let kew = Kew::on(dir.path(), server(), 0);
    kew.turn(12 * 60 * 60 - 1);
    assert_eq!(kew.counts("q").await, [0, 1, 0]);
    kew.turn(1);
    assert_eq!(kew.counts("q").await, [1, 0, 0]);
    kew.stop().await;
}

/// A board without a battery begins in the past and is set right later. That must cost no message.
#[tokio::test]
async fn a_clock_that_is_behind_at_the_start_and_set_right_later_costs_no_message() {
    let dir = tempfile::tempdir().expect("a directory");
    let kew = Kew::on(dir.path(), server(), YEAR);
    kew.send("q", "x").await;
    kew.stop().await;
    let kew = Kew::on(dir.path(), server(), 0);
    assert_eq!(kew.counts("q").await, [1, 0, 0]);
    kew.turn(YEAR * 86_400);
    assert_eq!(kew.counts("q").await, [1, 0, 0]);
    kew.turn(4 * 86_400);
    assert_eq!(kew.counts("q").await, [0, 0, 0], "four days of retention from when it was sent");
    kew.stop().await;
}

#[tokio::test]
async fn a_move_task_that_was_started_later_than_now_goes_on() {
    let dir = tempfile::tempdir().expect("a directory");
    let queues = || server().queue(kew::QueueConfig::new("work").dead_letter("dead", 1));
    let kew = Kew::on(dir.path(), queues(), YEAR);
    for body in ["a", "b", "c"] {
        kew.send("dead", body).await;
    }
    let start = kew.client.start_message_move_task().source_arn(kew.arn("dead")).destination_arn(kew.arn("work"));
    start.max_number_of_messages_per_second(1).send().await.expect("starts");
    kew.stop().await;
    let kew = Kew::on(dir.path(), queues(), 0);
    kew.turn(5);
    assert_eq!(kew.counts("work").await, [3, 0, 0]);
    kew.stop().await;
}

#[tokio::test]
async fn a_repeated_receive_is_repeated_after_a_restart_under_an_earlier_clock() {
    let dir = tempfile::tempdir().expect("a directory");
    let kew = Kew::on(dir.path(), server(), YEAR);
    let handle = send_once(&kew, Some("attempt")).await.expect("a message");
    kew.stop().await;
    let kew = Kew::on(dir.path(), server(), 0);
    assert_eq!(send_once(&kew, Some("attempt")).await, Some(handle));
    kew.turn(2);
    assert_eq!(kew.counts("once.fifo").await, [1, 0, 0]);
    kew.stop().await;
}
