//! Message move tasks: the way back from a dead-letter queue.

use crate::support::*;

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
    kew.client.delete_queue().queue_url(kew.url("elsewhere")).send().await.unwrap();
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
    assert_eq!(kew.json("ListMessageMoveTasks", &json!({"SourceArn": kew.arn("q")})).ok().body, "{}");
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
