//! The order in which a request is checked, requests that cannot be read, and what readers of JSON let pass.

use crate::fixture::*;

fn post(kew: &Kew, action: &str, body: &str) -> Answer {
    let target = format!("AmazonSQS.{action}");
    kew.raw("POST", "/", &[("Content-Type", "application/x-amz-json-1.0"), ("X-Amz-Target", &target)], body)
}

fn send(kew: &Kew, queue: &str, more: &Value) -> Value {
    let mut members = more.clone();
    members["QueueUrl"] = json!(kew.url(queue));
    members
}

#[tokio::test]
async fn a_missing_queue_comes_before_everything_about_the_request() {
    let kew = Kew::start();
    let gone = |more: Value| send(&kew, "gone", &more);
    for (action, members) in [
        ("SendMessage", gone(json!({}))),
        ("SendMessage", gone(json!({"MessageBody": "\u{7}", "DelaySeconds": 901}))),
        ("SendMessageBatch", gone(json!({}))),
        ("SendMessageBatch", gone(json!({"Entries": [{"Id": "", "MessageBody": ""}]}))),
        ("ReceiveMessage", gone(json!({"MaxNumberOfMessages": 11}))),
        ("DeleteMessage", gone(json!({}))),
        ("DeleteMessage", gone(json!({"ReceiptHandle": "junk"}))),
        ("ChangeMessageVisibility", gone(json!({}))),
        ("GetQueueAttributes", gone(json!({"AttributeNames": ["Foobar"]}))),
        ("SetQueueAttributes", gone(json!({"Attributes": {"Foobar": "x"}}))),
        ("TagQueue", gone(json!({}))),
        ("UntagQueue", gone(json!({}))),
        ("AddPermission", gone(json!({}))),
        ("RemovePermission", gone(json!({}))),
        ("ListDeadLetterSourceQueues", gone(json!({"MaxResults": 0}))),
    ] {
        kew.refuses(action, &members, 400, NO_QUEUE_CODE, NO_QUEUE);
    }
}

#[tokio::test]
async fn the_form_of_the_body_comes_before_the_queue() {
    let kew = Kew::start();
    let found = post(&kew, "SendMessage", r#"{"QueueUrl":"gone","DelaySeconds":"x"}"#).json_failure();
    assert_eq!((found.status, found.code.as_str()), (400, "MalformedInput"));
}

#[tokio::test]
async fn required_parameters_come_before_rules_of_the_queue_type() {
    let kew = Kew::holding(&[("q", &[]), ("q.fifo", &[])]).await;
    let members = send(&kew, "q", &json!({"MessageDeduplicationId": "d", "DelaySeconds": 901}));
    kew.missing("SendMessage", &members, "MessageBody");
    kew.missing("SendMessage", &send(&kew, "q.fifo", &json!({"DelaySeconds": 5})), "MessageBody");
    let members = send(&kew, "q.fifo", &json!({"MessageBody": "\u{7}", "DelaySeconds": 5}));
    kew.missing("SendMessage", &members, "MessageGroupId");
}

#[tokio::test]
async fn rules_of_the_queue_type_come_before_contents() {
    let kew = Kew::holding(&[("q.fifo", &[])]).await;
    let members = send(&kew, "q.fifo", &json!({"MessageBody": "\u{7}", "MessageGroupId": "g"}));
    let text = "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided \
                explicitly";
    kew.invalid("SendMessage", &members, text);
}

#[tokio::test]
async fn ranges_come_before_contents() {
    let kew = Kew::holding(&[("q", &[])]).await;
    let members = send(&kew, "q", &json!({"MessageBody": "\u{7}", "DelaySeconds": 901}));
    let text = "Value 901 for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900.";
    kew.invalid("SendMessage", &members, text);
    let members = send(&kew, "q", &json!({"ReceiptHandle": "junk", "VisibilityTimeout": 43201}));
    let text = "Value 43201 for parameter VisibilityTimeout is invalid. Reason: Must be between 0 and 43200.";
    kew.invalid("ChangeMessageVisibility", &members, text);
}

#[tokio::test]
async fn batches_are_checked_for_number_then_ids_then_repeats_then_size() {
    let kew = Kew::holding(&[("q", &[]), ("q.fifo", &[])]).await;
    let code = |name: &str| format!("AWS.SimpleQueueService.{name}");
    let large = "x".repeat(1_048_576);
    let entry = |id: &str, body: &str| json!({"Id": id, "MessageBody": body});
    let eleven: Vec<Value> = (0..11).map(|_| entry("", "x")).collect();
    let check = |entries: Vec<Value>, name: &str| {
        let found = kew.json("SendMessageBatch", &send(&kew, "q", &json!({"Entries": entries}))).json_failure();
        assert_eq!(found.code, code(name));
    };
    check(eleven, "TooManyEntriesInBatchRequest");
    check(vec![entry("a", "x"), entry("a", "x"), entry("!", "x")], "InvalidBatchEntryId");
    check(vec![entry("a", &large), entry("a", &large)], "BatchEntryIdsNotDistinct");
    check(vec![entry("a", &large), entry("b", "\u{7}")], "BatchRequestTooLong");
    // The size of a batch comes before the rules of the queue type.
    let entries = json!({"Entries": [entry("a", &large), entry("b", "x")]});
    let found = kew.json("SendMessageBatch", &send(&kew, "q.fifo", &entries)).json_failure();
    assert_eq!(found.code, code("BatchRequestTooLong"));
}

#[tokio::test]
async fn create_queue_checks_the_name_then_attributes_then_what_is_there() {
    let kew = Kew::with(kew::Server::builder().cooldowns(true));
    kew.create("q", &[]).await;
    let create = |name: &str, attributes: Value| {
        kew.json("CreateQueue", &json!({"QueueName": name, "Attributes": attributes})).json_failure().code
    };
    assert_eq!(create("a b", json!({"Foobar": "x"})), "InvalidParameterValue");
    assert_eq!(create("q", json!({"DelaySeconds": "x", "Foobar": "x"})), "InvalidAttributeName");
    let both = json!({"KmsMasterKeyId": "k", "SqsManagedSseEnabled": "true", "DelaySeconds": "901"});
    assert_eq!(create("q", both), "InvalidAttributeValue");
    assert_eq!(create("q", json!({"DelaySeconds": "901"})), "InvalidAttributeValue");
    assert_eq!(create("q", json!({"DelaySeconds": "900"})), "QueueAlreadyExists");
    kew.client.delete_queue().queue_url(kew.url("q")).send().await.unwrap();
    assert_eq!(create("q", json!({"DelaySeconds": "901"})), "InvalidAttributeValue");
    assert_eq!(create("q", json!({"DelaySeconds": "900"})), "AWS.SimpleQueueService.QueueDeletedRecently");
}

#[tokio::test]
async fn what_cannot_be_read_is_malformed_input() {
    let kew = Kew::holding(&[("q", &[])]).await;
    for body in ["{", "nonsense", "[]", "\"text\"", "1", r#"{"QueueUrl":"q","#] {
        let found = post(&kew, "SendMessage", body).json_failure();
        assert_eq!((found.status, found.code.as_str()), (400, "MalformedInput"), "{body}");
    }
    let table = [
        ("SendMessage", r#"{"QueueUrl":"q","DelaySeconds":"x"}"#, "STRING_VALUE can not be converted to an Integer"),
        ("SendMessage", r#"{"QueueUrl":"q","DelaySeconds":true}"#, "TRUE_VALUE can not be converted to an Integer"),
        ("SendMessage", r#"{"QueueUrl":"q","DelaySeconds":false}"#, "FALSE_VALUE can not be converted to an Integer"),
        ("SendMessage", r#"{"QueueUrl":"q","MessageBody":{}}"#, "Start of structure or map found where not expected."),
        (
            "SetQueueAttributes",
            r#"{"QueueUrl":"q","Attributes":{"DelaySeconds":["1"]}}"#,
            "Unrecognized collection type class java.lang.String",
        ),
        (
            "SendMessage",
            r#"{"QueueUrl":"q","MessageBody":"x","MessageAttributes":{"a":{"DataType":"String","StringValue":1}}}"#,
            "NUMBER_VALUE can not be converted to a String",
        ),
        (
            "SendMessage",
            r#"{"QueueUrl":"q","MessageBody":"x","MessageAttributes":{"a":{"DataType":"String","StringValue":true}}}"#,
            "TRUE_VALUE can not be converted to a String",
        ),
    ];
    for (action, body, text) in table {
        assert_eq!(post(&kew, action, body).json_failure(), failure(400, "MalformedInput", text), "{body}");
    }
}

#[tokio::test]
async fn an_array_is_no_text() {
    let kew = Kew::holding(&[("q", &[])]).await;
    for body in [r#"{"QueueUrl":[]}"#, r#"{"QueueUrl":"q","MessageBody":[]}"#] {
        let found = post(&kew, "SendMessage", body).json_failure();
        assert_eq!(found, failure(400, "MalformedInput", "Start of list found where not expected"), "{body}");
    }
}

#[tokio::test]
async fn an_empty_json_body_is_an_empty_object_and_null_is_absent() {
    let kew = Kew::holding(&[("q", &[])]).await;
    assert_eq!(post(&kew, "ListQueues", "").ok().json()["QueueUrls"].as_array().unwrap().len(), 1);
    let body =
        r#"{"QueueUrl":"q","MessageBody":"x","DelaySeconds":null,"MessageAttributes":null,"MessageGroupId":null}"#;
    let sent = post(&kew, "SendMessage", body).ok().json();
    assert_eq!(sent["MD5OfMessageAttributes"], Value::Null);
    post(&kew, "SendMessage", r#"{"QueueUrl":"q","MessageBody":"y","Unknown":{"member":[1]}}"#).ok();
    assert_eq!(kew.counts("q").await, [2, 0, 0]);
}

#[tokio::test]
async fn json_is_recognised_by_its_target_whatever_the_content_type() {
    let kew = Kew::holding(&[("q", &[])]).await;
    for content_type in ["application/x-amz-json-1.1", "application/x-amz-json-1.0; charset=utf-8"] {
        let headers = [("Content-Type", content_type), ("x-amz-target", "AmazonSQS.ListQueues")];
        let answer = kew.raw("POST", "/", &headers, "{}").ok();
        assert_eq!(answer.header_or_empty("content-type"), "application/x-amz-json-1.0");
    }
    kew.raw("POST", "/", &[("X-Amz-Target", "AmazonSQS.ListQueues")], "{}").ok();
    // A form with a target is a form.
    let headers = [
        ("Content-Type", "application/x-www-form-urlencoded; charset=utf-8"),
        ("X-Amz-Target", "AmazonSQS.ListQueues"),
    ];
    let answer = kew.raw("POST", "/", &headers, "Action=ListQueues").ok();
    assert_eq!(answer.header_or_empty("content-type"), "text/xml");
}

#[tokio::test]
async fn a_form_can_be_answered_in_json() {
    let kew = Kew::holding(&[("q", &[])]).await;
    kew.send("q", "x").await;
    let headers = [("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json")];
    let ask = |form: &str| kew.raw("POST", "/", &headers, form).json();
    let answer = ask("Action=ReceiveMessage&QueueUrl=q");
    assert_eq!(answer["ReceiveMessageResponse"]["ReceiveMessageResult"]["messages"][0]["Body"], "x");
    let answer = ask("Action=GetQueueAttributes&QueueUrl=q&AttributeName.1=DelaySeconds");
    let attributes = &answer["GetQueueAttributesResponse"]["GetQueueAttributesResult"]["Attributes"];
    assert_eq!(attributes, &json!([{"Name": "DelaySeconds", "Value": "0"}]));
    let answer = ask("Action=ListQueues");
    assert_eq!(answer["ListQueuesResponse"]["ListQueuesResult"]["queueUrls"], json!([kew.url("q")]));
    assert!(answer["ListQueuesResponse"]["ResponseMetadata"]["RequestId"].is_string());
    let answer = ask("Action=FooBar");
    assert_eq!(answer["Error"]["Code"], "InvalidAction");
    assert_eq!(answer["Error"]["Message"], "The action FooBar is not valid for this endpoint.");
}

#[tokio::test]
async fn old_spellings_of_forms_are_read() {
    let kew = Kew::start();
    let headers = [("Content-Type", "application/x-www-form-urlencoded")];
    let ask = |form: &str| kew.raw("POST", "/", &headers, form).ok();
    ask(
        "Action=CreateQueue&QueueName=q&Attribute.7.Name=DelaySeconds&Attribute.7.Value=0&Tags.member.1.Key=a&Tags.member.1.Value=b",
    );
    ask("Action=TagQueue&QueueUrl=q&Tags.entry.1.Key=c&Tags.entry.1.Value=d");
    let tags = kew.client.list_queue_tags().queue_url(kew.url("q")).send().await.unwrap().tags.unwrap();
    assert_eq!((tags["a"].as_str(), tags["c"].as_str()), ("b", "d"));
    ask("Action=UntagQueue&QueueUrl=q&TagKeys.member.1=a&TagKeys.member.2=c");
    ask("Action=SetQueueAttributes&QueueUrl=q&Attributes.entry.1.key=VisibilityTimeout&Attributes.entry.1.value=5");
    assert_eq!(kew.attribute("q", "VisibilityTimeout").await.as_deref(), Some("5"));
    let answer = ask("Action=GetQueueAttributes&QueueUrl=q&AttributeNames.member.1=VisibilityTimeout");
    assert_eq!(answer.xml("Value").as_deref(), Some("5"));
    ask("Action=SendMessageBatch&QueueUrl=q&Entries.member.1.Id=a&Entries.member.1.MessageBody=x");
    assert_eq!(kew.receive_bodies("q", 10).await, ["x"]);
}
