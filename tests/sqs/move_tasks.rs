//! Message move tasks: the way back from a dead-letter queue.

use crate::fixture::*;
use std::time::Duration;

/// `q` with its dead-letter queue `dead`, both standard.
async fn chain() -> Kew {
    let kew = Kew::start();
    kew.create("dead", &[]).await;
    kew.create("q", &[("RedrivePolicy", &kew.redrive("dead", 1)), ("VisibilityTimeout", "1")]).await;
    kew
}

/// Sends a message through `q` into the dead-letter queue.
async fn bury(kew: &Kew, queue: &str, body: &str) {
    kew.send_in(queue, "g", body).await;
    kew.receive_one(queue).await;
    kew.turn(1);
    assert!(kew.receive(queue, 1).await.is_empty());
}

fn start(kew: &Kew, members: &Value) -> String {
    let answer = kew.json("StartMessageMoveTask", members).ok().json();
    answer["TaskHandle"].as_str().expect("a handle").to_owned()
}

fn tasks(kew: &Kew, source: &str) -> Vec<Value> {
    let list = json!({"SourceArn": kew.arn(source), "MaxResults": 10});
    let answer = kew.json("ListMessageMoveTasks", &list).ok().json();
    answer["Results"].as_array().cloned().unwrap_or_default()
}

fn status(kew: &Kew, source: &str) -> String {
    tasks(kew, source)[0]["Status"].as_str().expect("a status").to_owned()
}

#[tokio::test]
async fn without_destination_each_message_goes_to_where_it_came_from() {
    let kew = chain().await;
    kew.create("r", &[("RedrivePolicy", &kew.redrive("dead", 1)), ("VisibilityTimeout", "1")]).await;
    bury(&kew, "q", "from q").await;
    bury(&kew, "r", "from r").await;
    start(&kew, &json!({"SourceArn": kew.arn("dead")}));
    assert_eq!(status(&kew, "dead"), "COMPLETED");
    assert_eq!(kew.receive_bodies("q", 10).await, ["from q"]);
    assert_eq!(kew.receive_bodies("r", 10).await, ["from r"]);
    assert_eq!(kew.counts("dead").await, [0, 0, 0]);
    let task = &tasks(&kew, "dead")[0];
    assert_eq!(task["DestinationArn"], Value::Null);
    assert_eq!(task["MaxNumberOfMessagesPerSecond"], Value::Null);
    assert_eq!(task["ApproximateNumberOfMessagesMoved"], 2);
    assert_eq!(task["ApproximateNumberOfMessagesToMove"], 2);
}

#[tokio::test]
async fn a_moved_message_is_a_new_message_with_the_old_content() {
    let kew = chain().await;
    let call = kew.client.send_message().queue_url(kew.url("q")).message_body("x");
    let sent = call.message_attributes("k", string_value("x")).send().await.unwrap();
    kew.receive_one("q").await;
    kew.turn(100);
    kew.receive("q", 1).await;
    start(&kew, &json!({"SourceArn": kew.arn("dead")}));
    let message = kew.receive_one("q").await;
    assert_ne!(message.message_id(), sent.message_id());
    assert_eq!(system(&message, "SentTimestamp"), Some(kew.now_ms().to_string()));
    assert_eq!(system(&message, "ApproximateReceiveCount").as_deref(), Some("1"));
    assert_eq!(system(&message, "DeadLetterQueueSourceArn"), None);
    assert_eq!(message.message_attributes().unwrap()["k"], string_value("x"));
    assert_eq!(message.md5_of_message_attributes(), sent.md5_of_message_attributes());
    // It can die again.
    kew.turn(1);
    assert!(kew.receive("q", 1).await.is_empty());
    assert_eq!(kew.counts("dead").await, [1, 0, 0]);
}

#[tokio::test]
async fn retention_restarts_with_a_move() {
    let kew = chain().await;
    for queue in ["q", "dead"] {
        kew.set(queue, "MessageRetentionPeriod", "100").await;
    }
    kew.send("dead", "x").await;
    kew.turn(90);
    start(&kew, &json!({"SourceArn": kew.arn("dead"), "DestinationArn": kew.arn("q")}));
    kew.turn(99);
    assert_eq!(kew.counts("q").await, [1, 0, 0]);
    kew.turn(1);
    assert_eq!(kew.counts("q").await, [0, 0, 0]);
}

#[tokio::test]
async fn messages_in_flight_stay_and_the_oldest_go_first() {
    let kew = chain().await;
    for body in ["1", "2", "3"] {
        kew.send("dead", body).await;
    }
    assert_eq!(kew.receive_bodies("dead", 1).await, ["1"]);
    start(&kew, &json!({"SourceArn": kew.arn("dead"), "DestinationArn": kew.arn("q")}));
    assert_eq!(kew.receive_bodies("q", 10).await, ["2", "3"]);
    assert_eq!(kew.counts("dead").await, [0, 1, 0]);
}

#[tokio::test]
async fn the_rate_is_kept_by_the_clock() {
    let kew = chain().await;
    for n in 0..10 {
        kew.send("dead", &n.to_string()).await;
    }
    let members =
        json!({"SourceArn": kew.arn("dead"), "DestinationArn": kew.arn("q"), "MaxNumberOfMessagesPerSecond": 2});
    start(&kew, &members);
    assert_eq!(kew.counts("q").await, [0, 0, 0]);
    for seconds in 1..=3 {
        kew.turn(1);
        assert_eq!(kew.counts("q").await, [2 * seconds, 0, 0]);
        assert_eq!(tasks(&kew, "dead")[0]["ApproximateNumberOfMessagesMoved"], 2 * seconds);
        assert_eq!(status(&kew, "dead"), "RUNNING");
    }
    kew.turn(3);
    assert_eq!(kew.counts("q").await, [10, 0, 0]);
    assert_eq!(status(&kew, "dead"), "COMPLETED");
}

#[tokio::test]
async fn messages_that_arrive_during_the_task_are_moved_too() {
    let kew = chain().await;
    kew.send("dead", "1").await;
    kew.send("dead", "2").await;
    let members =
        json!({"SourceArn": kew.arn("dead"), "DestinationArn": kew.arn("q"), "MaxNumberOfMessagesPerSecond": 1});
    start(&kew, &members);
    kew.turn(1);
    kew.send("dead", "late").await;
    kew.turn(10);
    assert_eq!(kew.receive_bodies("q", 10).await, ["1", "2", "late"]);
}

#[tokio::test]
async fn a_cancelled_task_moves_no_more_and_what_it_moved_stays() {
    let kew = chain().await;
    for n in 0..10 {
        kew.send("dead", &n.to_string()).await;
    }
    let members =
        json!({"SourceArn": kew.arn("dead"), "DestinationArn": kew.arn("q"), "MaxNumberOfMessagesPerSecond": 1});
    let handle = start(&kew, &members);
    kew.turn(3);
    let answer = kew.client.cancel_message_move_task().task_handle(&handle).send().await.unwrap();
    assert_eq!(answer.approximate_number_of_messages_moved(), 3);
    kew.turn(10);
    assert_eq!((kew.counts("q").await, kew.counts("dead").await), ([3, 0, 0], [7, 0, 0]));
    let task = &tasks(&kew, "dead")[0];
    assert_eq!((&task["Status"], &task["TaskHandle"]), (&json!("CANCELLED"), &Value::Null));
    kew.invalid("CancelMessageMoveTask", &json!({"TaskHandle": handle}), "Only active tasks can be cancelled.");
    // Another one can start now.
    start(&kew, &members);
    assert_eq!(tasks(&kew, "dead").len(), 2);
}

#[tokio::test]
async fn only_one_task_is_active_for_a_source() {
    let kew = chain().await;
    kew.send("dead", "x").await;
    let members =
        json!({"SourceArn": kew.arn("dead"), "MaxNumberOfMessagesPerSecond": 1, "DestinationArn": kew.arn("q")});
    start(&kew, &members);
    let text =
        "There is already a task running. Only one active task is allowed for a source queue arn at a given time.";
    kew.invalid("StartMessageMoveTask", &members, text);
    kew.turn(5);
    start(&kew, &members);
}

#[tokio::test]
async fn a_deleted_destination_fails_the_task_and_loses_nothing() {
    let kew = chain().await;
    kew.create("elsewhere", &[]).await;
    kew.send("dead", "1").await;
    kew.send("dead", "2").await;
    let destination = kew.arn("elsewhere");
    let members =
        json!({"SourceArn": kew.arn("dead"), "DestinationArn": destination, "MaxNumberOfMessagesPerSecond": 1});
    start(&kew, &members);
    kew.turn(1);
    kew.delete_queue("elsewhere").await;
    kew.turn(1);
    let task = &tasks(&kew, "dead")[0];
    assert_eq!(task["Status"], "FAILED");
    assert_eq!(task["FailureReason"], "AWS.SimpleQueueService.NonExistentQueue");
    assert_eq!(task["ApproximateNumberOfMessagesMoved"], 1);
    assert_eq!(task["TaskHandle"], Value::Null);
    assert_eq!(kew.receive_bodies("dead", 10).await, ["2"]);
}

#[tokio::test]
async fn a_message_without_a_source_fails_a_task_without_a_destination() {
    let kew = chain().await;
    kew.send("dead", "sent by hand").await;
    start(&kew, &json!({"SourceArn": kew.arn("dead")}));
    let task = &tasks(&kew, "dead")[0];
    assert_eq!((&task["Status"], &task["FailureReason"]), (&json!("FAILED"), &json!("CouldNotDetermineMessageSource")));
    assert_eq!(kew.receive_bodies("dead", 10).await, ["sent by hand"]);
}

#[tokio::test]
async fn fifo_messages_move_in_order_with_their_groups() {
    let kew = Kew::start();
    kew.create("dead.fifo", &[]).await;
    let policy = kew.redrive("dead.fifo", 1);
    kew.create("q.fifo", &[("RedrivePolicy", &policy), ("VisibilityTimeout", "1")]).await;
    for body in ["1", "2", "3"] {
        bury(&kew, "q.fifo", body).await;
    }
    start(&kew, &json!({"SourceArn": kew.arn("dead.fifo")}));
    let messages = kew.receive("q.fifo", 10).await;
    assert_eq!(bodies(&messages), ["1", "2", "3"]);
    assert!(messages.iter().all(|message| system(message, "MessageGroupId").as_deref() == Some("g")));
}

/// A source whose messages cannot be moved is as if the task had never been: the head stays at the head, under its number.
#[tokio::test]
async fn a_failed_task_leaves_the_order_of_a_group_as_it_was() {
    let kew = Kew::start();
    kew.create("dead.fifo", &[]).await;
    for queue in ["gone.fifo", "stays.fifo"] {
        kew.create(queue, &[("RedrivePolicy", &kew.redrive("dead.fifo", 1)), ("VisibilityTimeout", "1")]).await;
    }
    let sent = ["0", "1", "2", "3"];
    for body in sent {
        bury(&kew, "gone.fifo", body).await;
    }
    let number = |message: &Message| system(message, "SequenceNumber").expect("a sequence number");
    let before: Vec<String> = kew.receive("dead.fifo", 10).await.iter().map(number).collect();
    kew.turn(30);
    kew.client.delete_queue().queue_url(kew.url("gone.fifo")).send().await.unwrap();
    for _ in 0..3 {
        start(&kew, &json!({"SourceArn": kew.arn("dead.fifo")}));
        let task = &tasks(&kew, "dead.fifo")[0];
        assert_eq!(task["FailureReason"], "AWS.SimpleQueueService.NonExistentQueue");
        assert_eq!(task["ApproximateNumberOfMessagesMoved"], 0);
    }
    let after = kew.drain("dead.fifo").await;
    assert_eq!(bodies(&after), sent);
    assert_eq!(after.iter().map(number).collect::<Vec<_>>(), before);
}

#[tokio::test]
async fn a_message_sent_to_the_dead_letter_queue_by_hand_keeps_its_place_when_the_task_fails() {
    let kew = Kew::start();
    kew.create("dead.fifo", &[]).await;
    kew.create("q.fifo", &[("RedrivePolicy", &kew.redrive("dead.fifo", 1))]).await;
    let mut sent = Vec::new();
    for body in ["0", "1", "2"] {
        sent.push(kew.send_in("dead.fifo", "g", body).await.sequence_number);
    }
    start(&kew, &json!({"SourceArn": kew.arn("dead.fifo")}));
    assert_eq!(tasks(&kew, "dead.fifo")[0]["FailureReason"], "CouldNotDetermineMessageSource");
    let left = kew.drain("dead.fifo").await;
    assert_eq!(bodies(&left), ["0", "1", "2"]);
    assert_eq!(left.iter().map(|message| system(message, "SequenceNumber")).collect::<Vec<_>>(), sent);
}

/// Receipt handle whose visibility timeout has ended, message not received again: it is deleted.
#[tokio::test]
async fn a_failed_task_leaves_receipt_handles_as_they_were() {
    let kew = chain().await;
    kew.send("dead", "sent by hand").await;
    let message = kew.receive_one("dead").await;
    kew.turn(30);
    assert_eq!(kew.counts("dead").await, [1, 0, 0]);
    start(&kew, &json!({"SourceArn": kew.arn("dead")}));
    assert_eq!(status(&kew, "dead"), "FAILED");
    kew.delete("dead", &message).await;
    assert_eq!(kew.counts("dead").await, [0, 0, 0]);
}

/// A deleted destination that was named is found out only when the task has begun.
#[tokio::test]
async fn a_task_whose_destination_is_deleted_leaves_receipt_handles_as_they_were() {
    let kew = chain().await;
    kew.create("elsewhere", &[]).await;
    kew.send("dead", "x").await;
    let message = kew.receive_one("dead").await;
    kew.turn(30);
    let to_elsewhere = json!({
        "SourceArn": kew.arn("dead"), "DestinationArn": kew.arn("elsewhere"), "MaxNumberOfMessagesPerSecond": 1,
    });
    start(&kew, &to_elsewhere);
    kew.delete_queue("elsewhere").await;
    kew.turn(1);
    assert_eq!(status(&kew, "dead"), "FAILED");
    kew.delete("dead", &message).await;
    assert_eq!(kew.counts("dead").await, [0, 0, 0]);
}

/// The time during which no server ran gives no right to move anything: after a restart the rate holds from then on, and what
/// may be moved at once is at most what the rate allows in a second. A clock that is turned while the server runs is time that
/// has passed for the task, too, however far it is turned at once: `the_rate_is_kept_by_the_clock` counts on it.
#[tokio::test]
async fn the_rate_holds_over_a_restart() {
    const RATE: u64 = 2;
    let data = tempfile::tempdir().unwrap();
    let clock = kew::Clock::manual();
    let live = || {
        let builder = kew::Server::builder().data(data.path(), kew::internals::config::Durability::Process);
        Kew::of(builder.clock(clock.clone()).start().unwrap())
    };
    let mut kew = live();
    kew.create("dead", &[]).await;
    kew.create("q", &[("RedrivePolicy", &kew.redrive("dead", 1))]).await;
    for n in 0..100 {
        kew.send("dead", &n.to_string()).await;
    }
    let members = json!({
        "SourceArn": kew.arn("dead"), "DestinationArn": kew.arn("q"), "MaxNumberOfMessagesPerSecond": RATE,
    });
    start(&kew, &members);
    kew.turn(3);
    let mut moved = kew.counts("q").await[0];
    assert_eq!(moved, 3 * RATE);
    for _ in 0..3 {
        kew.shutdown().await;
        clock.advance(Duration::from_secs(3600));
        kew = live();
        assert_eq!(status(&kew, "dead"), "RUNNING");
        let at_once = kew.counts("q").await[0] - moved;
        assert!(at_once <= RATE, "{at_once} messages were moved at once after the restart");
        moved += at_once;
        for second in 1..=3 {
            kew.turn(1);
            let now = kew.counts("q").await[0];
            assert!(now - moved <= second * RATE, "{} messages were moved in {second} s", now - moved);
            assert_eq!(now + kew.counts("dead").await[0], 100);
        }
        let now = kew.counts("q").await[0];
        assert!(now - moved >= 2 * RATE, "{} messages were moved in 3 s", now - moved);
        moved = now;
    }
}

/// Developer guide: "a maximum of 100 active message movement tasks per account".
/// Each of several nodes counts its own.
#[tokio::test]
async fn a_hundred_tasks_are_active_at_most() {
    let kew = Kew::alone(kew::Server::builder());
    kew.create("other", &[]).await;
    let begin = |n: usize| {
        json!({
            "SourceArn": kew.arn(&format!("dead-{n}")), "DestinationArn": kew.arn("other"),
            "MaxNumberOfMessagesPerSecond": 1,
        })
    };
    for n in 0..=100 {
        let dead = format!("dead-{n}");
        kew.create(&dead, &[]).await;
        kew.create(&format!("q-{n}"), &[("RedrivePolicy", &kew.redrive(&dead, 1))]).await;
        kew.send(&dead, "x").await;
    }
    let handles: Vec<String> = (0..100).map(|n| start(&kew, &begin(n))).collect();
    let refused = kew.json("StartMessageMoveTask", &begin(100));
    assert!((400..500).contains(&refused.status), "{refused:?}");
    assert!(tasks(&kew, "dead-100").is_empty());
    kew.client.cancel_message_move_task().task_handle(&handles[50]).send().await.unwrap();
    start(&kew, &begin(100));
    kew.turn(1);
    assert_eq!(kew.counts("other").await, [100, 0, 0]);
    // A second later they find that nothing is left to move, and end.
    kew.turn(1);
    for n in 0..=100 {
        kew.send(&format!("dead-{n}"), "y").await;
    }
    (0..100).for_each(|n| drop(start(&kew, &begin(n))));
    assert_eq!(kew.json("StartMessageMoveTask", &begin(100)).json_failure(), refused.json_failure());
}

#[tokio::test]
async fn tasks_are_listed_newest_first_one_by_default_and_ten_at_most() {
    let kew = chain().await;
    let mut started = Vec::new();
    for _ in 0..12 {
        started.push(kew.now_ms());
        start(&kew, &json!({"SourceArn": kew.arn("dead"), "DestinationArn": kew.arn("q")}));
        kew.turn(1);
    }
    let source = json!({"SourceArn": kew.arn("dead")});
    let one = kew.json("ListMessageMoveTasks", &source).ok().json();
    assert_eq!(one["Results"].as_array().unwrap().len(), 1);
    assert_eq!(one["Results"][0]["StartedTimestamp"], started[11]);
    let times: Vec<i64> = tasks(&kew, "dead").iter().map(|t| t["StartedTimestamp"].as_i64().unwrap()).collect();
    started.reverse();
    assert_eq!(times, started[..10]);
    assert_eq!(kew.json("ListMessageMoveTasks", &json!({"SourceArn": kew.arn("q")})).ok().text(), "{}");
    for value in [-1, 0, 11] {
        let list = json!({"SourceArn": kew.arn("dead"), "MaxResults": value});
        let text =
            "Value for parameter MaxResults is invalid. Reason: You must enter a number that's between 1 and 10.";
        kew.invalid("ListMessageMoveTasks", &list, text);
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_task_is_said() {
    let kew = chain().await;
    kew.create("q.fifo", &[]).await;
    let (dead, q) = (kew.arn("dead"), kew.arn("q"));
    for action in ["StartMessageMoveTask", "ListMessageMoveTasks"] {
        kew.missing(action, &json!({}), "SourceArn");
        let format = "You must use this format to specify the SourceArn: \
                      arn:<partition>:<service>:<region>:<account-id>:<resource-id>";
        kew.invalid(action, &json!({"SourceArn": "dead"}), format);
        let text = "The resource that you specified for the SourceArn parameter doesn't exist.";
        kew.refuses(action, &json!({"SourceArn": kew.arn("gone")}), 404, "ResourceNotFoundException", text);
    }
    let action = "StartMessageMoveTask";
    let text = "Source queue must be configured as a Dead Letter Queue.";
    kew.invalid(action, &json!({"SourceArn": q}), text);
    // The source is looked at before the destination.
    kew.invalid(action, &json!({"SourceArn": q, "DestinationArn": kew.arn("gone")}), text);
    let to = |arn: &str| json!({"SourceArn": dead, "DestinationArn": arn});
    let format = "You must use this format to specify the DestinationArn: \
                  arn:<partition>:<service>:<region>:<account-id>:<resource-id>";
    kew.invalid(action, &to("q"), format);
    let text = "The resource that you specified for the DestinationArn parameter doesn't exist.";
    kew.refuses(action, &to(&kew.arn("gone")), 404, "ResourceNotFoundException", text);
    kew.invalid(action, &to(&dead), "Source queue arn and destination queue arn cannot be the same.");
    let text = "The source queue and destination queue must be of the same queue type.";
    kew.invalid(action, &to(&kew.arn("q.fifo")), text);
    for rate in [-1, 0, 501] {
        let text = "Value for parameter MaxNumberOfMessagesPerSecond is invalid. Reason: You must enter a number that's \
                    between 1 and 500.";
        kew.invalid(action, &json!({"SourceArn": dead, "MaxNumberOfMessagesPerSecond": rate}), text);
    }
    kew.missing("CancelMessageMoveTask", &json!({}), "TaskHandle");
}
