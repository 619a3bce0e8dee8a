//! CreateQueue: names, attributes, and what happens if the queue is there already. The 60-second rules.

use crate::fixture::*;

const STANDARD_NAME: &str = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length";
const FIFO_NAME: &str = "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, \
                         must end with .fifo suffix and be 1 to 80 in length";
const TAKEN: &str = "A queue already exists with the same name and a different value for attribute ";

fn create(name: &str, attributes: &Value) -> Value {
    json!({"QueueName": name, "Attributes": attributes})
}

#[tokio::test]
async fn queue_names_have_rules() {
    let kew = Kew::start();
    let none = json!({});
    let text = "Value for parameter QueueName is invalid. Reason: Must specify a queue name.";
    kew.invalid("CreateQueue", &json!({}), text);
    kew.invalid("CreateQueue", &json!({"QueueName": ""}), "Queue name cannot be empty");
    for bad in ["a b", "a.b", "ä", "a/b", "q.fifo", &"q".repeat(81)] {
        kew.invalid("CreateQueue", &create(bad, &none), STANDARD_NAME);
    }
    let fifo = json!({"FifoQueue": "true"});
    for bad in ["q", "a b.fifo", ".fifo", "q.FIFO", &format!("{}.fifo", "q".repeat(76))] {
        let found = kew.json("CreateQueue", &create(bad, &fifo)).json_failure();
        assert_eq!((found.status, found.code.as_str()), (400, "InvalidParameterValue"), "{bad}");
        assert_eq!(found.message.trim_end_matches('.'), FIFO_NAME, "{bad}");
    }
    for good in ["q".repeat(80), "a-Z_9".to_owned()] {
        assert_eq!(kew.create(&good, &[]).await, kew.url(&good));
    }
    kew.create(&format!("{}.fifo", "q".repeat(75)), &[]).await;
    // Names are case-sensitive.
    let url = kew.create("CASE", &[]).await;
    assert_ne!(kew.create("case", &[]).await, url);
}

#[tokio::test]
async fn attributes_that_cannot_be_set_are_unknown() {
    let kew = Kew::start();
    let computed = [
        "QueueArn",
        "CreatedTimestamp",
        "LastModifiedTimestamp",
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesNotVisible",
        "ApproximateNumberOfMessagesDelayed",
    ];
    for name in computed.into_iter().chain(["Foobar", "delayseconds", "All", "ContentBasedDeduplication"]) {
        let text = format!("Unknown Attribute {name}.");
        kew.refuses("CreateQueue", &create("q", &json!({name: "1"})), 400, "InvalidAttributeName", &text);
    }
    for (name, value) in [("DeduplicationScope", "queue"), ("FifoThroughputLimit", "perQueue")] {
        let text = format!("You can specify the {name} only when FifoQueue is set to true.");
        kew.refuses("CreateQueue", &create("q", &json!({name: value})), 400, "InvalidAttributeName", &text);
    }
    assert_eq!(kew.client.list_queues().send().await.unwrap().queue_urls, None);
}

#[tokio::test]
async fn values_out_of_range_are_refused_by_create_and_by_set() {
    let kew = Kew::holding(&[("q", &[]), ("q.fifo", &[])]).await;
    let numbers = [
        ("DelaySeconds", 0, 900),
        ("MaximumMessageSize", 1024, 1_048_576),
        ("MessageRetentionPeriod", 60, 1_209_600),
        ("ReceiveMessageWaitTimeSeconds", 0, 20),
        ("VisibilityTimeout", 0, 43_200),
        ("KmsDataKeyReusePeriodSeconds", 60, 86_400),
    ];
    let refused = |name: &str, value: &str| {
        let text = format!("Invalid value for the parameter {name}.");
        let attributes = json!({name: value});
        kew.refuses("CreateQueue", &create("new", &attributes), 400, "InvalidAttributeValue", &text);
        let set = json!({"QueueUrl": kew.url("q"), "Attributes": attributes});
        kew.refuses("SetQueueAttributes", &set, 400, "InvalidAttributeValue", &text);
    };
    for (name, least, most) in numbers {
        for value in
            [(least - 1).to_string(), (most + 1).to_string(), "1.5".into(), " 60".into(), "x".into(), "".into()]
        {
            refused(name, &value);
        }
        for value in [least, most] {
            kew.set("q", name, &value.to_string()).await;
            kew.create(&format!("{name}-{value}"), &[(name, &value.to_string())]).await;
        }
    }
    refused("SqsManagedSseEnabled", "yes");
    for (name, value) in [
        ("ContentBasedDeduplication", "1"),
        ("DeduplicationScope", "Queue"),
        ("DeduplicationScope", "group"),
        ("FifoThroughputLimit", "perqueue"),
    ] {
        let set = json!({"QueueUrl": kew.url("q.fifo"), "Attributes": {name: value}});
        assert_eq!(kew.json("SetQueueAttributes", &set).status, 400, "{name} {value}");
    }
}

#[tokio::test]
async fn numbers_and_booleans_in_json_are_taken_as_text() {
    let kew = Kew::start();
    kew.json("CreateQueue", &create("q.fifo", &json!({"DelaySeconds": 5, "FifoQueue": true}))).ok();
    assert_eq!(kew.attribute("q.fifo", "DelaySeconds").await.as_deref(), Some("5"));
}

#[tokio::test]
async fn booleans_are_read_in_any_case_and_shown_in_lower_case() {
    let kew = Kew::start();
    let attributes =
        json!({"FifoQueue": "True", "ContentBasedDeduplication": "False", "SqsManagedSseEnabled": "FALSE"});
    kew.query("CreateQueue", &create("q.fifo", &attributes)).ok();
    let shown = kew.attributes("q.fifo").await;
    assert_eq!(
        ["FifoQueue", "ContentBasedDeduplication", "SqsManagedSseEnabled"].map(|name| shown[name].as_str()),
        ["true", "false", "false"]
    );
}

#[tokio::test]
async fn per_message_group_throughput_needs_the_scope_of_a_group() {
    let kew = Kew::holding(&[("q.fifo", &[])]).await;
    let text = "The perMessageGroupId value is allowed only when the value for DeduplicationScope is messageGroup";
    let limit = json!({"FifoQueue": "true", "FifoThroughputLimit": "perMessageGroupId"});
    for found in [
        kew.json("CreateQueue", &create("new.fifo", &limit)).json_failure(),
        kew.query("CreateQueue", &create("new.fifo", &limit)).xml_failure(),
    ] {
        assert_eq!((found.status, found.message.as_str()), (400, text));
    }
    kew.set("q.fifo", "DeduplicationScope", "messageGroup").await;
    kew.set("q.fifo", "FifoThroughputLimit", "perMessageGroupId").await;
    let scope = ("DeduplicationScope", "messageGroup");
    kew.create("high.fifo", &[scope, ("FifoThroughputLimit", "perMessageGroupId")]).await;
    assert_eq!(kew.attribute("high.fifo", "FifoThroughputLimit").await.as_deref(), Some("perMessageGroupId"));
}

#[tokio::test]
async fn creating_again_with_nothing_or_with_what_holds_is_fine_whatever_the_traffic() {
    let kew = Kew::start();
    let all: &[(&str, &str)] = &[("DelaySeconds", "1"), ("VisibilityTimeout", "45"), ("MaximumMessageSize", "2048")];
    let url = kew.create("q", all).await;
    for subset in [&all[..0], &all[..1], &all[1..], all] {
        assert_eq!(kew.create("q", subset).await, url);
    }
    kew.send("q", "x").await;
    assert_eq!(kew.create("q", all).await, url);
    // A default that was never set counts as set.
    assert_eq!(kew.create("q", &[("MessageRetentionPeriod", "345600")]).await, url);
    let differs = create("q", &json!({"MessageRetentionPeriod": "345601"}));
    let text = format!("{TAKEN}MessageRetentionPeriod");
    kew.refuses("CreateQueue", &differs, 400, "QueueAlreadyExists", &text);
}

#[tokio::test]
async fn creating_again_compares_with_the_current_values_and_not_with_those_of_creation() {
    let kew = Kew::start();
    let url = kew.create("q", &[("DelaySeconds", "1")]).await;
    kew.set("q", "DelaySeconds", "2").await;
    assert_eq!(kew.create("q", &[("DelaySeconds", "2")]).await, url);
    let text = format!("{TAKEN}DelaySeconds");
    let original = create("q", &json!({"DelaySeconds": "1"}));
    kew.refuses("CreateQueue", &original, 400, "QueueAlreadyExists", &text);
}

#[tokio::test]
async fn policies_are_compared_as_json_and_tags_are_not_compared() {
    let kew = Kew::holding(&[("dead", &[])]).await;
    let policy = r#"{"Statement":{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}}"#;
    let url = kew.create("q", &[("RedrivePolicy", &kew.redrive("dead", 3)), ("Policy", policy)]).await;
    let arn = kew.arn("dead");
    let spaced = format!(r#"{{ "maxReceiveCount": "3", "deadLetterTargetArn": "{arn}" }}"#);
    assert_eq!(kew.create("q", &[("RedrivePolicy", &spaced)]).await, url);
    let spaced = r#"{ "Statement": { "Resource":"*", "Effect":"Deny", "Principal":"*", "Action":"*" } }"#;
    assert_eq!(kew.create("q", &[("Policy", spaced)]).await, url);
    let other = create("q", &json!({"RedrivePolicy": kew.redrive("dead", 4)}));
    kew.refuses("CreateQueue", &other, 400, "QueueAlreadyExists", &format!("{TAKEN}RedrivePolicy"));
    kew.json("CreateQueue", &json!({"QueueName": "q", "tags": {"new": "tag"}})).ok();
    assert_eq!(kew.client.list_queue_tags().queue_url(url).send().await.unwrap().tags, None);
}

#[tokio::test]
async fn creating_a_fifo_queue_again_is_fine() {
    let kew = Kew::start();
    let url = kew.create("q.fifo", &[]).await;
    assert_eq!(kew.create("q.fifo", &[("ContentBasedDeduplication", "false")]).await, url);
    // Without `FifoQueue` the name is not one of a standard queue.
    kew.invalid("CreateQueue", &json!({"QueueName": "q.fifo"}), STANDARD_NAME);
}

#[tokio::test]
async fn a_queue_is_created_with_its_tags() {
    let kew = Kew::start();
    let members = json!({"QueueName": "q", "tags": {"team": "orders", "empty": ""}});
    kew.json("CreateQueue", &members).ok();
    let members = json!({"QueueName": "r", "tags": {"team": "orders", "empty": ""}});
    kew.query("CreateQueue", &members).ok();
    for queue in ["q", "r"] {
        let tags = kew.client.list_queue_tags().queue_url(kew.url(queue)).send().await.unwrap().tags.unwrap();
        assert_eq!((tags.len(), tags["team"].as_str(), tags["empty"].as_str()), (2, "orders", ""), "{queue}");
    }
}

#[tokio::test]
async fn in_aws_mode_a_deleted_name_is_closed_for_a_minute() {
    let kew = Kew::with(kew::Server::builder().mode(kew::Mode::Aws));
    kew.create("q", &[]).await;
    kew.client.delete_queue().queue_url(kew.url("q")).send().await.unwrap();
    kew.turn(59);
    let text = "You must wait 60 seconds after deleting a queue before you can create another with the same name.";
    let code = "AWS.SimpleQueueService.QueueDeletedRecently";
    kew.refuses("CreateQueue", &json!({"QueueName": "q"}), 400, code, text);
    kew.create("other", &[]).await;
    kew.turn(1);
    kew.create("q", &[]).await;
}

#[tokio::test]
async fn in_aws_mode_a_minute_passes_between_two_purges() {
    let kew = Kew::with(kew::Server::builder().mode(kew::Mode::Aws));
    kew.create("q", &[]).await;
    kew.create("r", &[]).await;
    let purge = json!({"QueueUrl": kew.url("q")});
    kew.json("PurgeQueue", &purge).ok();
    kew.turn(59);
    kew.send("q", "x").await;
    let text = "Only one PurgeQueue operation on q is allowed every 60 seconds.";
    kew.refuses("PurgeQueue", &purge, 403, "AWS.SimpleQueueService.PurgeQueueInProgress", text);
    assert_eq!(kew.counts("q").await, [1, 0, 0]);
    kew.json("PurgeQueue", &json!({"QueueUrl": kew.url("r")})).ok();
    kew.turn(1);
    kew.json("PurgeQueue", &purge).ok();
    assert_eq!(kew.counts("q").await, [0, 0, 0]);
}

#[tokio::test]
async fn in_dev_mode_there_are_no_60_second_rules_unless_turned_on() {
    let kew = Kew::start();
    kew.create("q", &[]).await;
    for _ in 0..2 {
        kew.json("PurgeQueue", &json!({"QueueUrl": kew.url("q")})).ok();
        kew.json("DeleteQueue", &json!({"QueueUrl": kew.url("q")})).ok();
        kew.create("q", &[]).await;
    }
    let kew = Kew::with(kew::Server::builder().mode(kew::Mode::Aws).cooldowns(false));
    kew.create("q", &[]).await;
    kew.json("DeleteQueue", &json!({"QueueUrl": kew.url("q")})).ok();
    kew.create("q", &[]).await;
}

#[tokio::test]
async fn a_deleted_queue_is_gone_at_once_and_its_messages_with_it() {
    let kew = Kew::holding(&[("q", &[("DelaySeconds", "5")])]).await;
    kew.send("q", "x").await;
    kew.client.delete_queue().queue_url(kew.url("q")).send().await.unwrap();
    let q = json!({"QueueUrl": kew.url("q")});
    for action in ["ReceiveMessage", "GetQueueAttributes", "DeleteQueue", "ListQueueTags", "PurgeQueue"] {
        kew.refuses(action, &q, 400, NO_QUEUE_CODE, NO_QUEUE);
    }
    kew.refuses("GetQueueUrl", &json!({"QueueName": "q"}), 400, NO_QUEUE_CODE, NO_QUEUE);
    // The next of that name is a fresh one.
    kew.create("q", &[]).await;
    assert_eq!(kew.counts("q").await, [0, 0, 0]);
    assert_eq!(kew.attribute("q", "DelaySeconds").await.as_deref(), Some("0"));
}

#[tokio::test]
async fn get_queue_url_finds_queues_by_name() {
    let kew = Kew::holding(&[("q", &[])]).await;
    let found = kew.client.get_queue_url().queue_name("q").send().await.unwrap();
    assert_eq!(found.queue_url(), Some(kew.url("q").as_str()));
    let by_owner = json!({"QueueName": "q", "QueueOwnerAWSAccountId": ACCOUNT});
    assert_eq!(kew.query("GetQueueUrl", &by_owner).ok().xml("QueueUrl"), Some(kew.url("q")));
    for name in ["gone", "not a name!", "Q"] {
        kew.refuses("GetQueueUrl", &json!({"QueueName": name}), 400, NO_QUEUE_CODE, NO_QUEUE);
    }
    let text = "Value for parameter QueueName is invalid. Reason: Must specify a queue name.";
    kew.invalid("GetQueueUrl", &json!({}), text);
}

/// Several nodes do not create queues by themselves.
#[tokio::test]
async fn auto_create_makes_queues_that_are_asked_for() {
    let kew = Kew::alone(kew::Server::builder().auto_create(true));
    kew.send("made", "x").await;
    assert_eq!(kew.counts("made").await, [1, 0, 0]);
    let found = kew.client.get_queue_url().queue_name("jobs.fifo").send().await.unwrap();
    assert_eq!(found.queue_url(), Some(kew.url("jobs.fifo").as_str()));
    assert_eq!(kew.attribute("jobs.fifo", "FifoQueue").await.as_deref(), Some("true"));
}
