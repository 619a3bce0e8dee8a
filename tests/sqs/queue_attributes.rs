//! Queue attributes: what is set is echoed, what is wrong is said, and encryption.

use crate::fixture::*;
use aws_sdk_sqs::types::QueueAttributeName;

#[tokio::test]
async fn everything_that_was_set_is_echoed() {
    let kew = Kew::holding(&[("dead", &[]), ("dead.fifo", &[])]).await;
    let policy = r#"{ "Version": "2012-10-17", "Statement": [ {"Effect": "Allow", "Principal": "*",
        "Action": "sqs:SendMessage", "Resource": "*"} ] }"#;
    let (to_dead, to_dead_fifo) = (kew.redrive("dead", 4), kew.redrive("dead.fifo", 4));
    let common = [
        ("DelaySeconds", "90"),
        ("MaximumMessageSize", "2048"),
        ("MessageRetentionPeriod", "86400"),
        ("ReceiveMessageWaitTimeSeconds", "10"),
        ("VisibilityTimeout", "60"),
        ("Policy", policy),
        ("RedriveAllowPolicy", r#"{"redrivePermission":"denyAll"}"#),
        ("KmsMasterKeyId", "alias/aws/sqs"),
        ("KmsDataKeyReusePeriodSeconds", "600"),
    ];
    let standard: Vec<_> = common.into_iter().chain([("RedrivePolicy", to_dead.as_str())]).collect();
    let fifo: Vec<_> = common
        .into_iter()
        .chain([
            ("RedrivePolicy", to_dead_fifo.as_str()),
            ("FifoQueue", "true"),
            ("ContentBasedDeduplication", "true"),
            ("DeduplicationScope", "messageGroup"),
            ("FifoThroughputLimit", "perMessageGroupId"),
        ])
        .collect();
    // As Terraform does it: created with all of them, and read until nothing differs.
    for (queue, attributes) in [("q", standard), ("q.fifo", fifo)] {
        kew.create(queue, &attributes).await;
        let shown = kew.attributes(queue).await;
        for (name, value) in &attributes {
            assert_eq!(shown.get(*name).map(String::as_str), Some(*value), "{queue} {name}");
        }
        assert_eq!(shown["SqsManagedSseEnabled"], "false");
        let computed = 6 + usize::from(!attributes.iter().any(|(name, _)| *name == "SqsManagedSseEnabled"));
        assert_eq!(shown.len(), attributes.len() + computed, "{shown:?}");
    }
}

#[tokio::test]
async fn setting_one_attribute_leaves_the_others() {
    let kew = Kew::holding(&[("q", &[("DelaySeconds", "7"), ("VisibilityTimeout", "8")])]).await;
    let before = kew.attributes("q").await;
    kew.turn(5);
    kew.set("q", "VisibilityTimeout", "9").await;
    let mut after = kew.attributes("q").await;
    let modified = after["LastModifiedTimestamp"].parse::<i64>().unwrap();
    assert_eq!(modified, before["CreatedTimestamp"].parse::<i64>().unwrap() + 5);
    assert_eq!(after.insert("VisibilityTimeout".into(), "8".into()).as_deref(), Some("9"));
    after.insert("LastModifiedTimestamp".into(), before["LastModifiedTimestamp"].clone());
    assert_eq!(after, before);
}

#[tokio::test]
async fn numbers_are_shown_in_plain_decimal() {
    let kew = Kew::holding(&[("q", &[("DelaySeconds", "007")])]).await;
    assert_eq!(kew.attribute("q", "DelaySeconds").await.as_deref(), Some("7"));
}

#[tokio::test]
async fn attributes_can_be_read_one_by_one() {
    let kew = Kew::holding(&[("q", &[])]).await;
    let get = |names: &[&str]| {
        let answer = kew.json("GetQueueAttributes", &json!({"QueueUrl": kew.url("q"), "AttributeNames": names})).ok();
        answer.json()["Attributes"].as_object().cloned().unwrap_or_default().len()
    };
    assert_eq!(get(&["QueueArn"]), 1);
    assert_eq!(get(&["VisibilityTimeout", "DelaySeconds"]), 2);
    assert_eq!(get(&["All", "DelaySeconds"]), 12);
    // Known, but without a value here.
    assert_eq!(get(&["RedrivePolicy", "Policy", "FifoQueue", "KmsMasterKeyId"]), 0);
    let unset = json!({"QueueUrl": kew.url("q"), "AttributeNames": ["FifoQueue"]});
    assert_eq!(kew.json("GetQueueAttributes", &unset).ok().text(), "{}");
    assert!(kew.query("GetQueueAttributes", &unset).ok().text().contains("<GetQueueAttributesResult/>"));
}

#[tokio::test]
async fn unknown_attribute_names_are_refused_when_read() {
    let kew = Kew::holding(&[("q", &[])]).await;
    for name in ["Foobar", ""] {
        let get = json!({"QueueUrl": kew.url("q"), "AttributeNames": ["All", name]});
        let text = format!("Unknown Attribute {name}.");
        kew.refuses("GetQueueAttributes", &get, 400, "InvalidAttributeName", &text);
    }
}

#[tokio::test]
async fn set_needs_attributes() {
    let kew = Kew::holding(&[("q", &[])]).await;
    kew.missing("SetQueueAttributes", &json!({"QueueUrl": kew.url("q")}), "Attribute.Name");
    kew.missing("SetQueueAttributes", &json!({"QueueUrl": kew.url("q"), "Attributes": {}}), "Attribute.Name");
    let headers = [("Content-Type", "application/x-www-form-urlencoded")];
    let form = "Action=SetQueueAttributes&QueueUrl=q&Attribute.1.Name=DelaySeconds";
    let found = kew.raw("POST", "/", &headers, form).xml_failure();
    assert_eq!(found, failure(400, "MissingParameter", "The request must contain the parameter Attribute.Value."));
    let form = "Action=SetQueueAttributes&QueueUrl=q&Attribute.Name=DelaySeconds&Attribute.Value=3";
    kew.raw("POST", "/", &headers, form).ok();
    assert_eq!(kew.attribute("q", "DelaySeconds").await.as_deref(), Some("3"));
}

#[tokio::test]
async fn attributes_that_cannot_be_set_are_refused() {
    let kew = Kew::holding(&[("q", &[])]).await;
    for name in ["QueueArn", "CreatedTimestamp", "ApproximateNumberOfMessages", "Foobar", "ContentBasedDeduplication"] {
        let set = json!({"QueueUrl": kew.url("q"), "Attributes": {name: "1"}});
        let text = format!("Unknown Attribute {name}.");
        kew.refuses("SetQueueAttributes", &set, 400, "InvalidAttributeName", &text);
    }
    for (name, value) in [("DeduplicationScope", "queue"), ("FifoThroughputLimit", "perQueue")] {
        let set = json!({"QueueUrl": kew.url("q"), "Attributes": {name: value}});
        let text = format!("You can specify the {name} only when FifoQueue is set to true.");
        kew.refuses("SetQueueAttributes", &set, 400, "InvalidAttributeName", &text);
    }
}

#[tokio::test]
async fn an_error_changes_nothing() {
    let kew = Kew::holding(&[("q", &[])]).await;
    let before = kew.attributes("q").await;
    kew.turn(1);
    for bad in [json!({"DelaySeconds": "5", "VisibilityTimeout": "x"}), json!({"DelaySeconds": "5", "Foobar": "x"})] {
        let set = json!({"QueueUrl": kew.url("q"), "Attributes": bad});
        assert_eq!(kew.json("SetQueueAttributes", &set).status, 400);
        assert_eq!(kew.attributes("q").await, before);
    }
}

#[tokio::test]
async fn a_policy_is_kept_as_text_and_an_empty_one_removes_it() {
    let kew = Kew::holding(&[("q", &[])]).await;
    let policy =
        "{\n \"Statement\":  {\"Effect\": \"Deny\", \"Principal\": \"*\", \"Action\": \"*\", \"Resource\": \"*\"}}";
    kew.set("q", "Policy", policy).await;
    assert_eq!(kew.attribute("q", "Policy").await.as_deref(), Some(policy));
    let answer = kew.query("GetQueueAttributes", &json!({"QueueUrl": "q", "AttributeNames": ["Policy"]})).ok();
    assert_eq!(answer.xml("Value").as_deref(), Some(policy));
    kew.set("q", "Policy", "").await;
    assert_eq!(kew.attribute("q", "Policy").await, None);
}

#[tokio::test]
async fn what_is_no_policy_is_refused() {
    let kew = Kew::holding(&[("q", &[])]).await;
    let statement = r#""Effect":"Allow","Principal":"*","Action":"sqs:*""#;
    for junk in [
        "not json".to_owned(),
        "[]".to_owned(),
        // The answer to a policy without statements is recorded.
        r#"{"Version":"2012-10-17","Statement":[]}"#.to_owned(),
        format!(r#"{{"Version":"2026-01-01","Statement":{{{statement},"Resource":"*"}}}}"#),
        // SQS came to want a resource in 2025.
        format!(r#"{{"Statement":{{{statement}}}}}"#),
        format!(r#"{{"Statement":{{{statement},"Resource":"*","Conditions":{{}}}}}}"#),
    ] {
        let (set, create) = (json!({ "Policy": junk }), "Invalid value for the parameter Policy.");
        let request = json!({"QueueUrl": kew.url("q"), "Attributes": set});
        kew.refuses("SetQueueAttributes", &request, 400, "InvalidAttributeValue", create);
        let request = json!({"QueueName": "new", "Attributes": set});
        kew.refuses("CreateQueue", &request, 400, "InvalidAttributeValue", create);
    }
    assert_eq!(kew.attribute("q", "Policy").await, None);
}

#[tokio::test]
async fn a_policy_has_limits() {
    let kew = Kew::holding(&[("q", &[])]).await;
    let refused = |policy: &Value, text: &str| {
        let attributes = json!({"Policy": policy.to_string()});
        let set = json!({"QueueUrl": kew.url("q"), "Attributes": attributes});
        kew.refuses("SetQueueAttributes", &set, 403, "OverLimit", text);
        kew.invalid("CreateQueue", &json!({"QueueName": "r", "Attributes": attributes}), text);
    };
    let statements: Vec<Value> = (0..21).map(|n| json!({"Sid": n.to_string()})).collect();
    refused(&json!({"Statement": statements}), "21 statements were found in the submitted policy, max allowed is 20");
    let allow = |actions: Value| json!({"Effect": "Allow", "Principal": "*", "Resource": "*", "Action": actions});
    let several =
        |count: usize| json!({"Statement": [allow(json!("sqs:*")), allow(json!(vec!["sqs:SendMessage"; count]))]});
    let text = "8 actions were found in a statement from the submitted policy, max allowed is 7";
    refused(&several(8), text);
    let long = json!({"Id": "i".repeat(8192), "Statement": allow(json!("sqs:*"))});
    refused(&long, "Submitted policy is over max allowed size.");
    kew.set("q", "Policy", &several(7).to_string()).await;
}

#[tokio::test]
async fn two_kinds_of_encryption_cannot_be_asked_for_at_once() {
    let kew = Kew::holding(&[("q", &[])]).await;
    let both = json!({"KmsMasterKeyId": "alias/aws/sqs", "SqsManagedSseEnabled": "true"});
    let text =
        "You can use one type of server-side encryption (SSE) at one time. You can either enable KMS SSE or SQS SSE.";
    let set = json!({"QueueUrl": kew.url("q"), "Attributes": both});
    kew.refuses("SetQueueAttributes", &set, 400, "InvalidAttributeName", text);
    let create = json!({"QueueName": "new", "Attributes": both});
    kew.refuses("CreateQueue", &create, 400, "InvalidAttributeName", text);
}

#[tokio::test]
async fn turning_sse_sqs_on_drops_the_kms_key() {
    let kew = Kew::holding(&[("q", &[("KmsMasterKeyId", "k"), ("KmsDataKeyReusePeriodSeconds", "600")])]).await;
    kew.set("q", "SqsManagedSseEnabled", "true").await;
    let shown = kew.attributes("q").await;
    assert_eq!(shown["SqsManagedSseEnabled"], "true");
    assert!(!shown.contains_key("KmsMasterKeyId") && !shown.contains_key("KmsDataKeyReusePeriodSeconds"));
}

#[tokio::test]
async fn sse_sqs_can_be_turned_off_and_on() {
    let kew = Kew::holding(&[("q", &[("SqsManagedSseEnabled", "false")])]).await;
    for value in ["false", "true"] {
        kew.set("q", "SqsManagedSseEnabled", value).await;
        assert_eq!(kew.attribute("q", "SqsManagedSseEnabled").await.as_deref(), Some(value));
    }
}

#[tokio::test]
async fn the_reuse_period_is_shown_only_beside_a_key() {
    let kew = Kew::holding(&[("q", &[("KmsDataKeyReusePeriodSeconds", "600")])]).await;
    assert_eq!(kew.attribute("q", "KmsDataKeyReusePeriodSeconds").await, None);
    kew.set("q", QueueAttributeName::KmsMasterKeyId.as_str(), "k").await;
    assert_eq!(kew.attribute("q", "KmsDataKeyReusePeriodSeconds").await.as_deref(), Some("600"));
}
