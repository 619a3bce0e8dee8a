//! Dead letters: when a message moves, what is kept, and what a redrive policy may say.

use crate::fixture::*;
use aws_sdk_sqs::types::{MessageSystemAttributeNameForSends, MessageSystemAttributeValue};

/// A queue `q` whose messages go to `dead` after so many receives, with a visibility timeout of one second.
async fn chain(count: u32) -> Kew {
    let kew = Kew::start();
    kew.create("dead", &[]).await;
    kew.create("q", &[("RedrivePolicy", &kew.redrive("dead", count)), ("VisibilityTimeout", "1")]).await;
    kew
}

async fn fifo_chain() -> Kew {
    let kew = Kew::start();
    kew.create("dead.fifo", &[]).await;
    let policy = kew.redrive("dead.fifo", 1);
    kew.create("q.fifo", &[("RedrivePolicy", &policy), ("VisibilityTimeout", "1")]).await;
    kew
}

fn set_policy(kew: &Kew, queue: &str, policy: &str) -> Value {
    json!({"QueueUrl": kew.url(queue), "Attributes": {"RedrivePolicy": policy}})
}

#[tokio::test]
async fn a_message_moves_on_the_receive_after_the_last_allowed_one() {
    let kew = chain(3).await;
    kew.send("q", "x").await;
    for n in 1..=3 {
        let message = kew.receive_one("q").await;
        assert_eq!(system(&message, "ApproximateReceiveCount"), Some(n.to_string()));
        kew.turn(1);
    }
    assert_eq!(kew.counts("dead").await, [0, 0, 0]);
    assert!(kew.receive("q", 1).await.is_empty());
    assert_eq!((kew.counts("q").await, kew.counts("dead").await), ([0, 0, 0], [1, 0, 0]));
    // The move itself does not count as a receive.
    let letter = kew.receive_one("dead").await;
    assert_eq!(system(&letter, "ApproximateReceiveCount").as_deref(), Some("4"));
}

#[tokio::test]
async fn the_receive_that_moves_one_message_delivers_others() {
    let kew = chain(1).await;
    kew.send("q", "bad").await;
    kew.receive_one("q").await;
    kew.turn(1);
    kew.send("q", "good").await;
    assert_eq!(kew.receive_bodies("q", 10).await, ["good"]);
    assert_eq!(kew.receive_bodies("dead", 10).await, ["bad"]);
}

#[tokio::test]
async fn receives_with_timeout_zero_and_changes_to_zero_count() {
    let kew = chain(2).await;
    kew.send("q", "x").await;
    assert_eq!(kew.receive_for("q", 1, 0).await.len(), 1);
    let message = kew.receive_for("q", 1, 100).await.remove(0);
    kew.visibility("q", &message, 0).await;
    assert!(kew.receive("q", 1).await.is_empty());
    assert_eq!(kew.counts("dead").await, [1, 0, 0]);
}

#[tokio::test]
async fn a_dead_letter_keeps_what_it_was() {
    let kew = chain(1).await;
    let trace = MessageSystemAttributeValue::builder().data_type("String").string_value("Root=1").build().unwrap();
    let call = kew.client.send_message().queue_url(kew.url("q")).message_body("x").message_group_id("tenant");
    let call = call.message_attributes("k", string_value("x"));
    let call = call.message_system_attributes(MessageSystemAttributeNameForSends::AwsTraceHeader, trace);
    let sent = call.send().await.unwrap();
    kew.turn(3);
    let before = kew.receive_one("q").await;
    kew.turn(2);
    kew.receive("q", 1).await;
    kew.turn(2);
    let after = kew.receive_one("dead").await;
    assert_eq!(after.message_id(), sent.message_id());
    assert_eq!(body_of(&after), "x");
    assert_eq!(after.message_attributes(), before.message_attributes());
    assert_eq!(after.md5_of_message_attributes(), sent.md5_of_message_attributes());
    let same = ["SentTimestamp", "SenderId", "AWSTraceHeader", "MessageGroupId", "ApproximateFirstReceiveTimestamp"];
    for name in same {
        assert!(system(&after, name).is_some());
        assert_eq!(system(&after, name), system(&before, name), "{name}");
    }
    assert_eq!(system(&after, "DeadLetterQueueSourceArn"), Some(kew.arn("q")));
    // The handle of before is dead: it is not one of the dead-letter queue.
    let delete = json!({"QueueUrl": kew.url("dead"), "ReceiptHandle": handle_of(&before)});
    assert_eq!(kew.json("DeleteMessage", &delete).json_failure().code, "ReceiptHandleIsInvalid");
    kew.delete("q", &before).await;
    assert_eq!(kew.counts("dead").await, [0, 1, 0]);
}

#[tokio::test]
async fn retention_goes_on_in_a_standard_dead_letter_queue() {
    let kew = chain(1).await;
    kew.set("dead", "MessageRetentionPeriod", "100").await;
    kew.send("q", "x").await;
    kew.receive_one("q").await;
    kew.turn(90);
    kew.receive("q", 1).await;
    assert_eq!(kew.counts("dead").await, [1, 0, 0]);
    kew.turn(10);
    assert_eq!(kew.counts("dead").await, [0, 0, 0]);
}

#[tokio::test]
async fn retention_starts_again_in_a_fifo_dead_letter_queue() {
    let kew = fifo_chain().await;
    kew.set("dead.fifo", "MessageRetentionPeriod", "100").await;
    kew.send_all("q.fifo", &["g-1"]).await;
    kew.receive_one("q.fifo").await;
    kew.turn(90);
    kew.receive("q.fifo", 1).await;
    kew.turn(99);
    assert_eq!(kew.counts("dead.fifo").await, [1, 0, 0]);
    kew.turn(1);
    assert_eq!(kew.counts("dead.fifo").await, [0, 0, 0]);
}

#[tokio::test]
async fn the_delay_of_the_dead_letter_queue_does_not_hold() {
    let kew = chain(1).await;
    kew.set("dead", "DelaySeconds", "100").await;
    kew.send("q", "x").await;
    kew.receive_one("q").await;
    kew.turn(1);
    kew.receive("q", 1).await;
    assert_eq!(kew.counts("dead").await, [1, 0, 0]);
}

#[tokio::test]
async fn a_missing_target_loses_nothing() {
    let kew = chain(1).await;
    kew.send("q", "x").await;
    kew.delete_queue("dead").await;
    for n in 1..=3 {
        let message = kew.receive_one("q").await;
        assert_eq!(system(&message, "ApproximateReceiveCount"), Some(n.to_string()));
        kew.turn(1);
    }
    // The policy points nowhere, and still shows it.
    assert_eq!(kew.attribute("q", "RedrivePolicy").await, Some(kew.redrive("dead", 1)));
    kew.create("dead", &[]).await;
    assert!(kew.receive("q", 1).await.is_empty());
    assert_eq!(kew.counts("dead").await, [1, 0, 0]);
}

#[tokio::test]
async fn the_allow_policy_is_not_asked_again_when_a_message_moves() {
    let kew = chain(1).await;
    kew.set("dead", "RedriveAllowPolicy", r#"{"redrivePermission":"denyAll"}"#).await;
    kew.send("q", "x").await;
    kew.receive_one("q").await;
    kew.turn(1);
    kew.receive("q", 1).await;
    assert_eq!(kew.counts("dead").await, [1, 0, 0]);
}

#[tokio::test]
async fn the_dead_letter_queue_of_a_dead_letter_queue_counts_its_own_receives() {
    let kew = Kew::start();
    kew.create("last", &[]).await;
    kew.create("dead", &[("RedrivePolicy", &kew.redrive("last", 2)), ("VisibilityTimeout", "1")]).await;
    kew.create("q", &[("RedrivePolicy", &kew.redrive("dead", 3)), ("VisibilityTimeout", "1")]).await;
    kew.send("q", "x").await;
    for _ in 0..3 {
        kew.receive_one("q").await;
        kew.turn(1);
    }
    assert!(kew.receive("q", 1).await.is_empty());
    // Received three times already, and yet delivered twice here.
    for n in 4..=5 {
        let message = kew.receive_one("dead").await;
        assert_eq!(system(&message, "ApproximateReceiveCount"), Some(n.to_string()));
        kew.turn(1);
    }
    assert!(kew.receive("dead", 1).await.is_empty());
    let message = kew.receive_one("last").await;
    assert_eq!(system(&message, "ApproximateReceiveCount").as_deref(), Some("6"));
    assert_eq!(system(&message, "DeadLetterQueueSourceArn"), Some(kew.arn("dead")));
}

#[tokio::test]
async fn a_fifo_dead_letter_does_not_lock_its_group_and_keeps_its_group_id() {
    let kew = fifo_chain().await;
    kew.send_all("q.fifo", &["g-1", "g-2"]).await;
    let first = kew.receive_one("q.fifo").await;
    kew.turn(1);
    assert_eq!(kew.receive_bodies("q.fifo", 10).await, ["g-2"]);
    let letter = kew.receive_one("dead.fifo").await;
    assert_eq!(letter.message_id(), first.message_id());
    assert_eq!(body_of(&letter), "g-1");
    assert_eq!(system(&letter, "MessageGroupId").as_deref(), Some("g"));
    assert_eq!(system(&letter, "MessageDeduplicationId"), letter.message_id);
    assert_eq!(system(&letter, "DeadLetterQueueSourceArn"), Some(kew.arn("q.fifo")));
    assert_eq!(system(&letter, "SequenceNumber").unwrap().len(), 20);
}

#[tokio::test]
async fn deduplication_does_not_swallow_dead_letters() {
    let kew = Kew::start();
    kew.create("dead.fifo", &[("ContentBasedDeduplication", "true")]).await;
    for queue in ["a.fifo", "b.fifo"] {
        let policy = kew.redrive("dead.fifo", 1);
        kew.create(queue, &[("RedrivePolicy", &policy), ("VisibilityTimeout", "1")]).await;
        kew.send_in(queue, "g", "same").await;
        kew.receive_one(queue).await;
        kew.turn(1);
        assert!(kew.receive(queue, 1).await.is_empty());
    }
    assert_eq!(kew.counts("dead.fifo").await, [2, 0, 0]);
}

#[tokio::test]
async fn a_redrive_policy_can_be_taken_away() {
    let kew = chain(1).await;
    kew.set("q", "RedrivePolicy", "").await;
    assert_eq!(kew.attribute("q", "RedrivePolicy").await, None);
    kew.set("q", "RedrivePolicy", "").await;
    kew.send("q", "x").await;
    for _ in 0..3 {
        kew.receive_one("q").await;
        kew.turn(1);
    }
    assert_eq!(kew.counts("dead").await, [0, 0, 0]);
}

#[tokio::test]
async fn what_is_wrong_with_a_redrive_policy_is_said() {
    let kew = Kew::holding(&[("q", &[]), ("dead", &[]), ("dead.fifo", &[])]).await;
    let target = kew.arn("dead");
    let count = |v: &str| format!(r#"{{"deadLetterTargetArn":"{target}","maxReceiveCount":{v}}}"#);
    let to = |arn: &str| format!(r#"{{"deadLetterTargetArn":"{arn}","maxReceiveCount":1}}"#);
    let range =
        |v: &str| format!("Invalid value for maxReceiveCount: {v}, valid values are from 1 to 1000 both inclusive.");
    let table = [
        (
            format!(r#"{{"deadLetterTargetArn":"{target}"}}"#),
            "Redrive policy does not contain mandatory attribute: maxReceiveCount.".to_owned(),
        ),
        (
            r#"{"maxReceiveCount":1}"#.to_owned(),
            "Redrive policy does not contain mandatory attribute: deadLetterTargetArn.".to_owned(),
        ),
        (count("0"), range("0")),
        (count("1001"), range("1001")),
        (count("\"many\""), range("many")),
        (to("dead"), "Dead-letter target ARN should be fully qualified ARN.".to_owned()),
        (
            format!(r#"{{"deadLetterTargetArn":"{target}","maxReceiveCount":1,"x":1}}"#),
            "Only following attributes are supported: [maxReceiveCount, deadLetterTargetArn].".to_owned(),
        ),
        (
            to("arn:aws:sns:us-east-1:000000000000:dead"),
            "Only SQS queues are valid resources for deadLetterTargetArn.".to_owned(),
        ),
        (to(&kew.arn("gone")), "Dead letter target does not exist.".to_owned()),
        (to(&kew.arn("dead.fifo")), "Dead-letter queue must be same type of queue as the source..".to_owned()),
    ];
    for (policy, reason) in table {
        let text = format!("Value {policy} for parameter RedrivePolicy is invalid. Reason: {reason}");
        kew.invalid("SetQueueAttributes", &set_policy(&kew, "q", &policy), &text);
        let create = json!({"QueueName": "new", "Attributes": {"RedrivePolicy": policy}});
        kew.invalid("CreateQueue", &create, &text);
    }
    let text = "Invalid value for the parameter RedrivePolicy. Reason: Redrive policy is not a valid JSON map.";
    for junk in ["x", "[]", "1"] {
        kew.invalid("SetQueueAttributes", &set_policy(&kew, "q", junk), text);
    }
    assert_eq!(kew.attribute("q", "RedrivePolicy").await, None);
}

#[tokio::test]
async fn the_allow_policy_is_canonical_and_enforced_when_a_redrive_policy_is_set() {
    let kew = Kew::holding(&[("dead", &[]), ("friend", &[]), ("stranger", &[])]).await;
    let friend = kew.arn("friend");
    let given = format!(r#"{{ "sourceQueueArns": ["{friend}"], "redrivePermission": "byQueue" }}"#);
    kew.set("dead", "RedriveAllowPolicy", &given).await;
    let canonical = format!(r#"{{"redrivePermission":"byQueue","sourceQueueArns":["{friend}"]}}"#);
    assert_eq!(kew.attribute("dead", "RedriveAllowPolicy").await, Some(canonical));
    kew.set("friend", "RedrivePolicy", &kew.redrive("dead", 1)).await;
    let stranger = set_policy(&kew, "stranger", &kew.redrive("dead", 1));
    let denied = |kew: &Kew, members: &Value| {
        for found in [
            kew.json("SetQueueAttributes", members).json_failure(),
            kew.query("SetQueueAttributes", members).xml_failure(),
        ] {
            assert_eq!((found.status, found.code.as_str()), (400, "InvalidParameterValue"));
            let begin = format!("Value {} for parameter RedrivePolicy is invalid.", kew.redrive("dead", 1));
            assert!(found.message.starts_with(&begin), "{found:?}");
        }
    };
    denied(&kew, &stranger);
    kew.set("dead", "RedriveAllowPolicy", r#"{"redrivePermission":"denyAll"}"#).await;
    let shown = kew.attribute("dead", "RedriveAllowPolicy").await;
    assert_eq!(shown.as_deref(), Some(r#"{"redrivePermission":"denyAll"}"#));
    denied(&kew, &stranger);
    kew.set("dead", "RedriveAllowPolicy", r#"{"redrivePermission":"allowAll"}"#).await;
    kew.set("stranger", "RedrivePolicy", &kew.redrive("dead", 1)).await;
    kew.set("dead", "RedriveAllowPolicy", "").await;
    assert_eq!(kew.attribute("dead", "RedriveAllowPolicy").await, None);
}

#[tokio::test]
async fn what_is_wrong_with_an_allow_policy_is_said() {
    let kew = Kew::holding(&[("dead", &[])]).await;
    let set = |policy: &str| json!({"QueueUrl": kew.url("dead"), "Attributes": {"RedriveAllowPolicy": policy}});
    let text = "Invalid value for the parameter RedriveAllowPolicy. Reason: Amazon SQS can't create the redrive allow \
                policy, as it’s in an unsupported format.";
    for junk in ["x", "{}", r#"{"redrivePermission":"some"}"#, r#"{"redrivePermission":"allowAll","x":1}"#] {
        kew.invalid("SetQueueAttributes", &set(junk), text);
    }
    let arn = kew.arn("q");
    let eleven = vec![format!("\"{arn}\""); 11].join(",");
    let table = [
        (
            format!(r#"{{"redrivePermission":"allowAll","sourceQueueArns":["{arn}"]}}"#),
            "To specify one or more source queue ARNs, you must set redrivePermission to byQueue.",
        ),
        (
            r#"{"redrivePermission":"byQueue"}"#.to_owned(),
            "When you specify the byQueue permission type, you must also specify one or more sourceQueueArns values.",
        ),
        (
            format!(r#"{{"redrivePermission":"byQueue","sourceQueueArns":[{eleven}]}}"#),
            "The maximum number of source queue ARNs you can specify is 10.",
        ),
    ];
    for (policy, reason) in table {
        let text = format!(
            "Value {policy} for parameter RedriveAllowPolicy is invalid. Reason: Amazon SQS can't create the redrive allow \
             policy. {reason}"
        );
        kew.invalid("SetQueueAttributes", &set(&policy), &text);
    }
}

#[tokio::test]
async fn a_queue_that_is_its_own_target_keeps_its_messages() {
    let kew = Kew::holding(&[("q", &[("VisibilityTimeout", "1")])]).await;
    kew.set("q", "RedrivePolicy", &kew.redrive("q", 1)).await;
    kew.send("q", "x").await;
    kew.receive_one("q").await;
    kew.turn(1);
    // Moved, or delivered again, but never lost.
    kew.receive("q", 1).await;
    let [visible, in_flight, _] = kew.counts("q").await;
    assert_eq!(visible + in_flight, 1);
}

/// More than the server takes out at once: a long poll that waits at the source gets none of them, and their order holds.
#[tokio::test]
async fn many_dead_letters_at_once_keep_the_order_of_their_groups() {
    const GROUPS: usize = 150;
    let kew = fifo_chain().await;
    let of_group = |group: usize| (0..10).map(|n| format!("{group}-{n}")).collect::<Vec<_>>();
    for group in 0..GROUPS {
        kew.fill("q.fifo", &group.to_string(), &of_group(group)).await;
    }
    for _ in 0..GROUPS {
        assert_eq!(kew.receive("q.fifo", 10).await.len(), 10);
    }
    let poll = kew.parked("q.fifo", 20).await;
    kew.turn(1);
    let dead = kew.drain("dead.fifo").await;
    kew.turn(20);
    assert!(poll.await.unwrap().is_empty());
    assert_eq!(dead.len(), 10 * GROUPS);
    for group in 0..GROUPS {
        let begin = format!("{group}-");
        let found: Vec<&str> = bodies(&dead).into_iter().filter(|body| body.starts_with(&begin)).collect();
        assert_eq!(found, of_group(group));
    }
}

#[tokio::test]
async fn many_dead_letters_at_once_arrive_oldest_first() {
    let kew = chain(1).await;
    let sent: Vec<String> = (0..2500).map(|number| number.to_string()).collect();
    for ten in sent.chunks(10) {
        let entry = |(id, body): (usize, &String)| json!({"Id": id.to_string(), "MessageBody": body});
        let entries: Vec<Value> = ten.iter().enumerate().map(entry).collect();
        kew.json("SendMessageBatch", &json!({"QueueUrl": "q", "Entries": entries})).ok();
    }
    for _ in sent.chunks(10) {
        assert_eq!(kew.receive("q", 10).await.len(), 10);
    }
    let poll = kew.parked("q", 20).await;
    kew.turn(1);
    assert_eq!(bodies(&kew.drain("dead").await), sent);
    kew.turn(20);
    assert!(poll.await.unwrap().is_empty());
}
