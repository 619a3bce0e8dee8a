//! Lines 1 to 14 of the list: the protocols and the queues.

use crate::fixture::*;
use aws_sdk_sqs::types::QueueAttributeName;
use std::collections::BTreeSet;

#[tokio::test]
async fn c01_status_codes_by_kind_of_error() {
    let kew = Kew::with(kew::Server::builder().cooldowns(true));
    kew.create("q", &[]).await;
    let gone = json!({"QueueUrl": kew.url("gone")});
    kew.refuses("PurgeQueue", &gone, 400, NO_QUEUE_CODE, NO_QUEUE);
    let junk = json!({"QueueUrl": kew.url("q"), "ReceiptHandle": "garbage"});
    let text = "The input receipt handle \"garbage\" is not a valid receipt handle.";
    kew.refuses("DeleteMessage", &junk, 404, "ReceiptHandleIsInvalid", text);
    let q = json!({"QueueUrl": kew.url("q")});
    kew.json("PurgeQueue", &q).ok();
    let text = "Only one PurgeQueue operation on q is allowed every 60 seconds.";
    kew.refuses("PurgeQueue", &q, 403, "AWS.SimpleQueueService.PurgeQueueInProgress", text);
    let task = json!({"SourceArn": kew.arn("gone")});
    let text = "The resource that you specified for the SourceArn parameter doesn't exist.";
    kew.refuses("StartMessageMoveTask", &task, 404, "ResourceNotFoundException", text);
    let actions = vec!["SendMessage"; 8];
    let add = json!({"QueueUrl": kew.url("q"), "Label": "l", "AWSAccountIds": ["123456789012"], "Actions": actions});
    kew.refuses("AddPermission", &add, 403, "OverLimit", "8 Actions were found, maximum allowed is 7.");
}

#[tokio::test]
async fn c02_actions_without_output_answer_200_with_an_empty_body_in_json() {
    let kew = Kew::holding(&[("q", &[])]).await;
    let url = kew.url("q");
    kew.send("q", "x").await;
    let message = kew.receive_one("q").await;
    let handle = handle_of(&message);
    let calls = [
        ("SetQueueAttributes", json!({"QueueUrl": url, "Attributes": {"DelaySeconds": "0"}})),
        ("TagQueue", json!({"QueueUrl": url, "Tags": {"a": "b"}})),
        ("UntagQueue", json!({"QueueUrl": url, "TagKeys": ["a"]})),
        ("AddPermission", json!({"QueueUrl": url, "Label": "l", "AWSAccountIds": ["123456789012"], "Actions": ["*"]})),
        ("RemovePermission", json!({"QueueUrl": url, "Label": "l"})),
        ("ChangeMessageVisibility", json!({"QueueUrl": url, "ReceiptHandle": handle, "VisibilityTimeout": 5})),
        ("DeleteMessage", json!({"QueueUrl": url, "ReceiptHandle": handle})),
        ("PurgeQueue", json!({"QueueUrl": url})),
        ("DeleteQueue", json!({"QueueUrl": url})),
    ];
    for (action, members) in &calls[..] {
        let answer = kew.json(action, members).ok();
        assert_eq!((answer.text(), answer.header_or_empty("content-length")), ("", "0"), "{action}");
        assert_eq!(answer.header_or_empty("content-type"), "application/x-amz-json-1.0", "{action}");
        assert_eq!(answer.header_or_empty("x-amzn-requestid").len(), 36, "{action}");
    }
    kew.create("q", &[]).await;
    let answer = kew.query("PurgeQueue", &json!({"QueueUrl": url})).ok();
    let begin = "<?xml version=\"1.0\"?><PurgeQueueResponse xmlns=\"http://queue.amazonaws.com/doc/2012-11-05/\">\
                 <ResponseMetadata><RequestId>";
    assert!(answer.text().starts_with(begin) && !answer.text().contains("Result"), "{answer:?}");
}

#[tokio::test]
async fn c03_nothing_to_say_is_an_empty_object() {
    let kew = Kew::holding(&[("q", &[])]).await;
    let q = json!({"QueueUrl": kew.url("q")});
    for action in ["ReceiveMessage", "ListQueueTags", "ListDeadLetterSourceQueues", "GetQueueAttributes"] {
        assert_eq!(kew.json(action, &q).ok().text(), "{}", "{action}");
        assert!(kew.query(action, &q).ok().text().contains(&format!("<{action}Result/>")), "{action}");
    }
    let none = json!({"QueueNamePrefix": "zzz"});
    assert_eq!(kew.json("ListQueues", &none).ok().text(), "{}");
    assert!(kew.query("ListQueues", &none).ok().text().contains("<ListQueuesResult/>"));
    assert_eq!(kew.client.receive_message().queue_url(kew.url("q")).send().await.unwrap().messages, None);
}

#[tokio::test]
async fn c04_every_json_error_has_the_query_error_header() {
    let kew = Kew::start();
    let post = |target: &str, body: &str| {
        let headers = [("Content-Type", "application/x-amz-json-1.0"), ("X-Amz-Target", target)];
        kew.raw("POST", "/", &headers, body)
    };
    let header = |answer: Answer| answer.header_or_empty("x-amzn-query-error").to_owned();
    assert_eq!(header(post("AmazonSQS.Bogus", "{}")), "InvalidAction;Sender");
    assert_eq!(header(post("AmazonSQS.SendMessage", "{")), "MalformedInput;Sender");
    assert_eq!(header(post("AmazonSQS.SendMessage", "[]")), "MalformedInput;Sender");
    assert_eq!(header(post("AmazonSQS.SendMessage", "{}")), format!("{NO_QUEUE_CODE};Sender"));
    assert_eq!(header(post("AmazonSQS.CreateQueue", "{}")), "InvalidParameterValue;Sender");
    let answer = kew.raw("POST", "/", &[("Content-Type", "application/x-amz-json-1.0")], "{}");
    assert_eq!((answer.status, header(answer).as_str()), (400, "InvalidAction;Sender"));
    // And what an SDK makes of it.
    let error = kew.client.purge_queue().queue_url(kew.url("gone")).send().await.unwrap_err().into_service_error();
    assert!(error.is_queue_does_not_exist(), "{error:?}");
}

#[tokio::test]
async fn c05_a_missing_queue_has_one_text_for_each_protocol() {
    let kew = Kew::start();
    let gone = json!({"QueueUrl": kew.url("gone"), "MessageBody": "x"});
    let answer = kew.json("SendMessage", &gone);
    assert_eq!(
        answer.text(),
        r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"The specified queue does not exist."}"#
    );
    let answer = kew.query("SendMessage", &gone);
    assert_eq!(answer.status, 400);
    assert_eq!(answer.xml("Code").as_deref(), Some("AWS.SimpleQueueService.NonExistentQueue"));
    assert_eq!(answer.xml("Message").as_deref(), Some("The specified queue does not exist for this wsdl version."));
}

#[tokio::test]
async fn c06_a_queue_url_may_be_the_bare_name() {
    let kew = Kew::holding(&[("q", &[])]).await;
    kew.client.send_message().queue_url("q").message_body("by name").send().await.unwrap();
    kew.query("SendMessage", &json!({"QueueUrl": "q", "MessageBody": "by name, too"})).ok();
    assert_eq!(kew.receive_bodies("q", 10).await, ["by name", "by name, too"]);
}

#[tokio::test]
async fn c07_the_queue_url_parameter_beats_the_path() {
    let kew = Kew::holding(&[("one", &[]), ("two", &[])]).await;
    let path = format!("/{ACCOUNT}/one");
    let members = json!({"QueueUrl": kew.url("two"), "MessageBody": "x"});
    let form_headers = [("Content-Type", "application/x-www-form-urlencoded")];
    kew.raw("POST", &path, &form_headers, &form("SendMessage", &members)).ok();
    let headers = [("Content-Type", "application/x-amz-json-1.0"), ("X-Amz-Target", "AmazonSQS.SendMessage")];
    kew.raw("POST", &path, &headers, &members.to_string()).ok();
    assert_eq!(kew.counts("one").await, [0, 0, 0]);
    assert_eq!(kew.counts("two").await, [2, 0, 0]);
    // The path alone is enough, in both protocols.
    let members = json!({"MessageBody": "y"});
    kew.raw("POST", &path, &form_headers, &form("SendMessage", &members)).ok();
    kew.raw("POST", &path, &headers, &members.to_string()).ok();
    assert_eq!(kew.counts("one").await, [2, 0, 0]);
}

#[tokio::test]
async fn c08_a_get_without_action_is_404_in_xml_even_for_json() {
    let kew = Kew::holding(&[("q", &[])]).await;
    for accept in ["*/*", "application/json"] {
        let answer = kew.raw("GET", &format!("/{ACCOUNT}/q"), &[("Accept", accept)], "");
        assert_eq!((answer.status, answer.text()), (404, "<UnknownOperationException/>"), "{accept}");
    }
}

#[tokio::test]
async fn c09_create_queue_again_compares_what_is_given_with_what_is_set_now() {
    let kew = Kew::start();
    let url = kew.create("q", &[("DelaySeconds", "1"), ("VisibilityTimeout", "50")]).await;
    assert_eq!(kew.create("q", &[]).await, url);
    assert_eq!(kew.create("q", &[("VisibilityTimeout", "50")]).await, url);
    kew.set("q", "DelaySeconds", "2").await;
    assert_eq!(kew.create("q", &[("DelaySeconds", "2")]).await, url);
    let text = "A queue already exists with the same name and a different value for attribute DelaySeconds";
    let differs = json!({"QueueName": "q", "Attributes": {"DelaySeconds": "1"}});
    kew.refuses("CreateQueue", &differs, 400, "QueueAlreadyExists", text);
    let error = kew.client.create_queue().queue_name("q").attributes(QueueAttributeName::DelaySeconds, "1");
    assert!(error.send().await.unwrap_err().into_service_error().is_queue_name_exists());
}

#[tokio::test]
async fn c10_fifo_queue_false_is_unknown_on_standard_and_unmodifiable_on_fifo() {
    let kew = Kew::holding(&[("q", &[]), ("q.fifo", &[])]).await;
    let (unknown, value) = ("InvalidAttributeName", "InvalidAttributeValue");
    let create = json!({"QueueName": "other", "Attributes": {"FifoQueue": "false"}});
    kew.refuses("CreateQueue", &create, 400, unknown, "Unknown Attribute FifoQueue.");
    for given in ["true", "false"] {
        let set = json!({"QueueUrl": kew.url("q"), "Attributes": {"FifoQueue": given}});
        kew.refuses("SetQueueAttributes", &set, 400, unknown, "Unknown Attribute FifoQueue.");
    }
    let set = json!({"QueueUrl": kew.url("q.fifo"), "Attributes": {"FifoQueue": "false"}});
    let text = "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported.";
    kew.refuses("SetQueueAttributes", &set, 400, value, text);
    kew.set("q.fifo", "FifoQueue", "true").await;
}

#[tokio::test]
async fn c11_get_queue_attributes_without_names_gives_nothing() {
    let kew = Kew::holding(&[("q", &[])]).await;
    let answer = kew.client.get_queue_attributes().queue_url(kew.url("q")).send().await.unwrap();
    assert_eq!(answer.attributes, None);
    let empty = json!({"QueueUrl": kew.url("q"), "AttributeNames": []});
    assert_eq!(kew.json("GetQueueAttributes", &empty).ok().text(), "{}");
}

#[tokio::test]
async fn c12_a_fresh_queue_shows_exactly_these_attributes() {
    let kew = Kew::holding(&[("q", &[]), ("q.fifo", &[])]).await;
    let now = (kew.now_ms() / 1000).to_string();
    let expected = |arn: String, fifo: bool| {
        let mut all = vec![
            ("ApproximateNumberOfMessages", "0".to_owned()),
            ("ApproximateNumberOfMessagesDelayed", "0".to_owned()),
            ("ApproximateNumberOfMessagesNotVisible", "0".to_owned()),
            ("CreatedTimestamp", now.clone()),
            ("DelaySeconds", "0".to_owned()),
            ("LastModifiedTimestamp", now.clone()),
            ("MaximumMessageSize", "1048576".to_owned()),
            ("MessageRetentionPeriod", "345600".to_owned()),
            ("QueueArn", arn),
            ("ReceiveMessageWaitTimeSeconds", "0".to_owned()),
            ("SqsManagedSseEnabled", "true".to_owned()),
            ("VisibilityTimeout", "30".to_owned()),
        ];
        if fifo {
            all.push(("ContentBasedDeduplication", "false".to_owned()));
            all.push(("DeduplicationScope", "queue".to_owned()));
            all.push(("FifoQueue", "true".to_owned()));
            all.push(("FifoThroughputLimit", "perQueue".to_owned()));
        }
        all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    };
    assert_eq!(kew.attributes("q").await, expected(kew.arn("q"), false));
    assert_eq!(kew.attributes("q.fifo").await, expected(kew.arn("q.fifo"), true));
    let answer = kew.query("GetQueueAttributes", &json!({"QueueUrl": "q", "AttributeNames": ["All"]})).ok();
    let names: BTreeSet<String> = answer.xml_all("Name").into_iter().collect();
    assert_eq!(names, kew.attributes("q").await.into_keys().collect());
}

#[tokio::test]
async fn c13_a_redrive_policy_comes_back_canonical_and_may_point_at_its_own_queue() {
    let kew = Kew::holding(&[("dead", &[]), ("q", &[])]).await;
    let given = format!("{{ \"maxReceiveCount\" : \"42\" , \"deadLetterTargetArn\": \"{}\" }}", kew.arn("dead"));
    kew.set("q", "RedrivePolicy", &given).await;
    assert_eq!(kew.attribute("q", "RedrivePolicy").await, Some(kew.redrive("dead", 42)));
    kew.set("q", "RedrivePolicy", &kew.redrive("q", 1)).await;
    assert_eq!(kew.attribute("q", "RedrivePolicy").await, Some(kew.redrive("q", 1)));
}

#[tokio::test]
async fn c14_a_kms_key_turns_sse_sqs_off_and_taking_it_away_leaves_it_off() {
    let kew = Kew::holding(&[("q", &[])]).await;
    let shown = async || {
        let mut all = kew.attributes("q").await;
        ["SqsManagedSseEnabled", "KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds"].map(|name| all.remove(name))
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(shown().await, [some("true"), None, None]);
    kew.set("q", "KmsMasterKeyId", "testKeyId").await;
    assert_eq!(shown().await, [some("false"), some("testKeyId"), some("300")]);
    let call = kew.client.set_queue_attributes().queue_url(kew.url("q"));
    let call = call.attributes(QueueAttributeName::KmsMasterKeyId, "");
    call.attributes(QueueAttributeName::KmsDataKeyReusePeriodSeconds, "300").send().await.unwrap();
    assert_eq!(shown().await, [some("false"), None, None]);
}
