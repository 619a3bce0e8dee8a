//! Lines 15 to 30 of the list: the messages.

use crate::fixture::*;
use aws_sdk_sqs::types::MessageSystemAttributeName;

#[tokio::test]
async fn c15_the_batch_limit_is_one_mebibyte_whatever_the_queue_allows() {
    let kew = Kew::holding(&[("small", &[("MaximumMessageSize", "1024")]), ("q", &[])]).await;
    let entry = |id: &str, bytes: usize| json!({"Id": id, "MessageBody": "x".repeat(bytes)});
    let batch = |queue: &str, entries: Vec<Value>| json!({"QueueUrl": kew.url(queue), "Entries": entries});
    // Together more than the queue allows one message to be.
    let two = batch("small", vec![entry("a", 1000), entry("b", 1000)]);
    assert_eq!(kew.json("SendMessageBatch", &two).ok().json()["Successful"].as_array().unwrap().len(), 2);
    let code = "AWS.SimpleQueueService.BatchRequestTooLong";
    let text = "Batch requests cannot be longer than 1048576 bytes. You have sent 1048577 bytes.";
    for queue in ["small", "q"] {
        let one = batch(queue, vec![entry("a", 1_048_577)]);
        kew.refuses("SendMessageBatch", &one, 400, code, text);
        let two = batch(queue, vec![entry("a", 524_289), entry("b", 524_288)]);
        kew.refuses("SendMessageBatch", &two, 400, code, text);
    }
    let full = batch("q", vec![entry("a", 524_288), entry("b", 524_288)]);
    assert_eq!(kew.query("SendMessageBatch", &full).ok().xml_all("MessageId").len(), 2);
}

#[tokio::test]
async fn c16_too_large_is_worded_differently_in_send_and_in_a_batch() {
    let kew = Kew::holding(&[("q", &[("MaximumMessageSize", "1024")])]).await;
    let body = "x".repeat(1025);
    let single = json!({"QueueUrl": kew.url("q"), "MessageBody": body});
    let text = "One or more parameters are invalid. Reason: Message must be shorter than 1024 bytes.";
    kew.invalid("SendMessage", &single, text);
    let batch = json!({"QueueUrl": kew.url("q"), "Entries": [
        {"Id": "big", "MessageBody": body}, {"Id": "exact", "MessageBody": "x".repeat(1024)},
    ]});
    let text = "One or more parameters cannot be validated. Reason: Message must be shorter than 1024 bytes.";
    let answer = kew.json("SendMessageBatch", &batch).ok().json();
    let failed = json!([{"Id": "big", "Code": "InvalidParameterValue", "Message": text, "SenderFault": true}]);
    assert_eq!(answer["Failed"], failed);
    assert_eq!(answer["Successful"][0]["Id"], "exact");
    let answer = kew.query("SendMessageBatch", &batch).ok();
    assert_eq!(answer.xml("Message").as_deref(), Some(text));
    assert!(answer.text().contains("<SenderFault>true</SenderFault>"), "{answer:?}");
}

#[tokio::test]
async fn c17_a_missing_group_id_has_another_code_in_a_batch_and_fails_all_of_it() {
    let kew = Kew::holding(&[("q.fifo", &[("ContentBasedDeduplication", "true")])]).await;
    kew.missing("SendMessage", &json!({"QueueUrl": kew.url("q.fifo"), "MessageBody": "x"}), "MessageGroupId");
    let batch = json!({"QueueUrl": kew.url("q.fifo"), "Entries": [
        {"Id": "a", "MessageBody": "x", "MessageGroupId": "g"}, {"Id": "b", "MessageBody": "y"},
    ]});
    kew.invalid("SendMessageBatch", &batch, "The request must contain the parameter MessageGroupId.");
    assert_eq!(kew.counts("q.fifo").await, [0, 0, 0]);
}

#[tokio::test]
async fn c18_a_standard_queue_takes_a_group_id_but_no_deduplication_id() {
    let kew = Kew::holding(&[("q", &[])]).await;
    let sent = kew.send_in("q", "tenant", "x").await;
    assert_eq!(sent.sequence_number(), None);
    let message = kew.receive_one("q").await;
    assert_eq!(system(&message, "MessageGroupId").as_deref(), Some("tenant"));
    assert_eq!(message.attributes().unwrap().len(), 5);
    let send = json!({"QueueUrl": kew.url("q"), "MessageBody": "x", "MessageDeduplicationId": "d"});
    for answer in [kew.json("SendMessage", &send).json_failure(), kew.query("SendMessage", &send).xml_failure()] {
        assert_eq!((answer.status, answer.code.as_str()), (400, "InvalidParameterValue"));
    }
}

#[tokio::test]
async fn c19_attribute_filters_and_the_digest_of_what_is_returned() {
    let kew = Kew::holding(&[("q", &[("VisibilityTimeout", "0")])]).await;
    let call = kew.client.send_message().queue_url(kew.url("q")).message_body("x");
    let call = call.message_attributes("Hello", string_value("There"));
    let call = call.message_attributes("General", string_value("Kenobi"));
    let sent = call.message_attributes("Help.Me", string_value("Me")).send().await.unwrap();
    let all = "4c360f3fdafd970e05fae2f149d997f5";
    assert_eq!(sent.md5_of_message_attributes(), Some(all));
    let some = (vec!["Hello", "Help.Me"], Some("83fee93c1bcd8b9a5a923ffacdc636c7"));
    let everything = (vec!["General", "Hello", "Help.Me"], Some(all));
    /// What comes back: names, and the digest over them.
    type Selected = (Vec<&'static str>, Option<&'static str>);
    let table: [(&[&str], Selected); 9] = [
        (&["Hel.*"], some),
        (&["All"], everything.clone()),
        (&["*"], everything.clone()),
        (&[".*"], everything),
        (&["Hello"], (vec!["Hello"], Some("a311262e065454b75da111d535b8dacd"))),
        (&["Hello", "General"], (vec!["General", "Hello"], Some("fca026605781cb4126a1e9044df24232"))),
        (&["AWS.", "..foo", "absent"], (vec![], None)),
        (&["hello"], (vec![], None)),
        (&[], (vec![], None)),
    ];
    for (wanted, (names, md5)) in table {
        let call = kew.client.receive_message().queue_url(kew.url("q"));
        let call = call.set_message_attribute_names(Some(wanted.iter().map(|name| name.to_string()).collect()));
        let message = call.send().await.unwrap().messages.unwrap().remove(0);
        let mut found: Vec<&str> =
            message.message_attributes().into_iter().flatten().map(|(k, _)| k.as_str()).collect();
        found.sort_unstable();
        assert_eq!((found, message.md5_of_message_attributes()), (names, md5), "{wanted:?}");
    }
    let members = json!({"QueueUrl": kew.url("q"), "MessageAttributeNames": ["Hel.*"]});
    let answer = kew.query("ReceiveMessage", &members).ok();
    assert_eq!(answer.xml("MD5OfMessageAttributes").as_deref(), Some("83fee93c1bcd8b9a5a923ffacdc636c7"));
    assert_eq!(answer.xml_all("Name").len(), 2);
}

#[tokio::test]
async fn c20_an_expired_handle_deletes_on_a_standard_queue_and_not_on_a_fifo_queue() {
    let timeout: &[(&str, &str)] = &[("VisibilityTimeout", "1")];
    let kew = Kew::holding(&[("q", timeout), ("q.fifo", timeout)]).await;
    kew.send("q", "x").await;
    kew.send_in("q.fifo", "g", "x").await;
    let (standard, fifo) = (kew.receive_one("q").await, kew.receive_one("q.fifo").await);
    kew.turn(2);
    kew.delete("q", &standard).await;
    assert_eq!(kew.counts("q").await, [0, 0, 0]);
    let handle = handle_of(&fifo);
    let text =
        format!("Value {handle} for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.");
    kew.invalid("DeleteMessage", &json!({"QueueUrl": kew.url("q.fifo"), "ReceiptHandle": handle}), &text);
    assert_eq!(kew.counts("q.fifo").await, [1, 0, 0]);
}

#[tokio::test]
async fn c21_changing_the_visibility_of_a_visible_message_hides_it() {
    let kew = Kew::holding(&[("q", &[("VisibilityTimeout", "1")])]).await;
    kew.send("q", "x").await;
    let message = kew.receive_one("q").await;
    kew.turn(2);
    assert_eq!(kew.counts("q").await, [1, 0, 0]);
    kew.visibility("q", &message, 10).await;
    assert_eq!(kew.counts("q").await, [0, 1, 0]);
    assert!(kew.receive("q", 1).await.is_empty());
    kew.turn(10);
    assert_eq!(kew.receive_bodies("q", 1).await, ["x"]);
}

#[tokio::test]
async fn c22_changing_the_visibility_of_a_deleted_message_is_an_error() {
    let kew = Kew::holding(&[("q", &[])]).await;
    kew.send("q", "x").await;
    let message = kew.receive_one("q").await;
    kew.delete("q", &message).await;
    let handle = handle_of(&message);
    let text = format!(
        "Value {handle} for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for \
         visibility timeout change."
    );
    let change = json!({"QueueUrl": kew.url("q"), "ReceiptHandle": handle, "VisibilityTimeout": 5});
    kew.invalid("ChangeMessageVisibility", &change, &text);
}

#[tokio::test]
async fn c23_fifo_groups_are_ordered_by_when_their_head_became_available_and_timeouts_are_per_message() {
    let kew = Kew::holding(&[("q.fifo", &[]), ("r.fifo", &[])]).await;
    kew.send_all("q.fifo", &["g1-m1", "g2-m1", "g1-m2", "g1-m3"]).await;
    assert_eq!(kew.receive_bodies("q.fifo", 10).await, ["g1-m1", "g1-m2", "g1-m3", "g2-m1"]);
    kew.send_all("r.fifo", &["g-foo", "g-bar", "g-baz"]).await;
    let messages = kew.receive_for("r.fifo", 10, 1).await;
    kew.visibility("r.fifo", &messages[1], 4).await;
    kew.turn_ms(2500);
    assert_eq!(kew.receive_bodies("r.fifo", 10).await, ["g-foo"]);
}

#[tokio::test]
async fn c24_not_visible_counts_only_fifo_messages_that_were_received() {
    let kew = Kew::holding(&[("q.fifo", &[])]).await;
    kew.send_all("q.fifo", &["g1-m1", "g1-m2", "g1-m3", "g2-m1"]).await;
    let message = kew.receive_one("q.fifo").await;
    assert_eq!(body_of(&message), "g1-m1");
    assert_eq!(kew.counts("q.fifo").await, [3, 1, 0]);
}

#[tokio::test]
async fn c25_a_dead_letter_keeps_its_id_its_sent_time_and_its_count() {
    let kew = Kew::start();
    kew.create("dead", &[]).await;
    kew.create("q", &[("RedrivePolicy", &kew.redrive("dead", 1)), ("VisibilityTimeout", "5")]).await;
    kew.send("q", "x").await;
    kew.turn(1);
    let before = kew.receive_one("q").await;
    kew.turn(6);
    assert!(kew.receive("q", 1).await.is_empty());
    let after = kew.receive_one("dead").await;
    assert_eq!(after.message_id(), before.message_id());
    assert_eq!(system(&after, "SentTimestamp"), system(&before, "SentTimestamp"));
    assert_eq!(system(&after, "ApproximateReceiveCount").as_deref(), Some("2"));
    assert_eq!(system(&after, "DeadLetterQueueSourceArn"), Some(kew.arn("q")));
    assert_eq!(system(&before, "DeadLetterQueueSourceArn"), None);
    assert_eq!(kew.counts("q").await, [0, 0, 0]);
}

#[tokio::test]
async fn c26_a_purge_takes_delayed_and_in_flight_messages_and_frees_deduplication_ids() {
    let kew = Kew::holding(&[("q", &[]), ("q.fifo", &[])]).await;
    for delay in [0, 0, 30] {
        let call = kew.client.send_message().queue_url(kew.url("q")).message_body("x");
        call.delay_seconds(delay).send().await.unwrap();
    }
    let in_flight = kew.receive_one("q").await;
    assert_eq!(kew.counts("q").await, [1, 1, 1]);
    kew.client.purge_queue().queue_url(kew.url("q")).send().await.unwrap();
    assert_eq!(kew.counts("q").await, [0, 0, 0]);
    kew.turn(60);
    assert!(kew.receive("q", 10).await.is_empty());
    // Its handles stay valid.
    kew.delete("q", &in_flight).await;
    let first = kew.send_in("q.fifo", "g", "same").await;
    kew.client.purge_queue().queue_url(kew.url("q.fifo")).send().await.unwrap();
    let second = kew.send_in("q.fifo", "g", "same").await;
    assert_ne!(first.message_id(), second.message_id());
    assert_eq!(kew.receive_bodies("q.fifo", 10).await, ["same"]);
}

#[tokio::test]
async fn c27_move_task_handle_list_fields_and_cancel_errors() {
    let kew = Kew::start();
    kew.create("dead", &[]).await;
    kew.create("q", &[("RedrivePolicy", &kew.redrive("dead", 1))]).await;
    for n in 0..3 {
        kew.send("dead", &n.to_string()).await;
    }
    let start =
        json!({"SourceArn": kew.arn("dead"), "DestinationArn": kew.arn("q"), "MaxNumberOfMessagesPerSecond": 1});
    let handle = kew.json("StartMessageMoveTask", &start).ok().json()["TaskHandle"].as_str().unwrap().to_owned();
    let decoded: Value = serde_json::from_str(&base64_text(&handle)).unwrap();
    assert_eq!(decoded["sourceArn"], kew.arn("dead"));
    assert_eq!(decoded["taskId"].as_str().unwrap().len(), 36);
    let list = |kew: &Kew| kew.json("ListMessageMoveTasks", &json!({"SourceArn": kew.arn("dead")})).ok().json();
    let running = json!({"Results": [{
        "TaskHandle": handle, "Status": "RUNNING", "SourceArn": kew.arn("dead"), "DestinationArn": kew.arn("q"),
        "MaxNumberOfMessagesPerSecond": 1, "ApproximateNumberOfMessagesMoved": 0,
        "ApproximateNumberOfMessagesToMove": 3, "StartedTimestamp": kew.now_ms(),
    }]});
    assert_eq!(list(&kew), running);
    let xml = kew.query("ListMessageMoveTasks", &json!({"SourceArn": kew.arn("dead")})).ok();
    assert_eq!(xml.xml("Status").as_deref(), Some("RUNNING"));
    assert!(xml.text().contains("<ListMessageMoveTasksResultEntry>"), "{xml:?}");
    kew.turn(10);
    let entry = list(&kew)["Results"][0].clone();
    assert_eq!((&entry["Status"], &entry["TaskHandle"]), (&json!("COMPLETED"), &Value::Null));
    let cancel = |handle: &str| json!({"TaskHandle": handle});
    kew.invalid("CancelMessageMoveTask", &cancel("junk!"), "Value for parameter TaskHandle is invalid.");
    kew.invalid("CancelMessageMoveTask", &cancel(&handle), "Only active tasks can be cancelled.");
    let forged = |arn: String| {
        let text = json!({"taskId": "f5ab8b4c-1c46-4f5c-9a4b-2f7b1c0d9e3a", "sourceArn": arn}).to_string();
        base64_of(text.as_bytes())
    };
    let not_found = "ResourceNotFoundException";
    let unknown = cancel(&forged(kew.arn("dead")));
    kew.refuses("CancelMessageMoveTask", &unknown, 404, not_found, "Task does not exist.");
    let text = "The resource that you specified for the SourceArn parameter doesn't exist.";
    kew.refuses("CancelMessageMoveTask", &cancel(&forged(kew.arn("gone"))), 404, not_found, text);
}

#[tokio::test]
async fn c28_add_permission_writes_the_policy_and_it_goes_with_its_last_statement() {
    let kew = Kew::holding(&[("q", &[])]).await;
    let call = kew.client.add_permission().queue_url(kew.url("q")).label("crossaccount");
    call.aws_account_ids("668614515564").actions("ReceiveMessage").send().await.unwrap();
    let policy: Value = serde_json::from_str(&kew.attribute("q", "Policy").await.unwrap()).unwrap();
    let expected = json!({
        "Version": "2008-10-17",
        "Id": format!("{}/SQSDefaultPolicy", kew.arn("q")),
        "Statement": [{
            "Sid": "crossaccount",
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::668614515564:root"},
            "Action": "SQS:ReceiveMessage",
            "Resource": kew.arn("q"),
        }],
    });
    assert_eq!(policy, expected);
    kew.client.remove_permission().queue_url(kew.url("q")).label("crossaccount").send().await.unwrap();
    assert_eq!(kew.attribute("q", "Policy").await, None);
}

#[tokio::test]
async fn c29_a_long_poll_returns_with_the_first_message_and_wakes_when_a_group_is_unlocked() {
    let kew = Kew::holding(&[("q", &[]), ("q.fifo", &[])]).await;
    let poll = kew.parked("q", 20).await;
    kew.send("q", "first").await;
    assert_eq!(bodies(&poll.await.unwrap()), ["first"]);
    kew.send_all("q.fifo", &["g-1", "g-2"]).await;
    let first = kew.receive_one("q.fifo").await;
    let poll = kew.parked("q.fifo", 20).await;
    kew.delete("q.fifo", &first).await;
    assert_eq!(bodies(&poll.await.unwrap()), ["g-2"]);
}

#[tokio::test]
async fn c30_delay_zero_is_accepted_on_a_fifo_queue_and_its_own_delay_holds() {
    let kew = Kew::holding(&[("q.fifo", &[("DelaySeconds", "2")])]).await;
    let call = kew.client.send_message().queue_url(kew.url("q.fifo")).message_body("x").message_group_id("g");
    call.message_deduplication_id("d").delay_seconds(0).send().await.unwrap();
    assert!(kew.receive("q.fifo", 1).await.is_empty());
    assert_eq!(kew.counts("q.fifo").await, [0, 0, 1]);
    kew.turn(2);
    let message = kew.receive_one("q.fifo").await;
    assert_eq!(system(&message, MessageSystemAttributeName::MessageGroupId.as_str()).as_deref(), Some("g"));
    let send = json!({"QueueUrl": kew.url("q.fifo"), "MessageBody": "x", "MessageGroupId": "g",
        "MessageDeduplicationId": "e", "DelaySeconds": 2});
    let text = "Value 2 for parameter DelaySeconds is invalid. Reason: The request include parameter that is not valid \
                for this queue type.";
    kew.invalid("SendMessage", &send, text);
}
