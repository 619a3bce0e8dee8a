//! Facts from exchanges that other people recorded with SQS itself, restated.

use crate::fixture::*;

/// A queue URL as the recorded programs wrote it: the host is none of SQS's, and the account is not the caller's.
fn foreign(queue: &str) -> String {
    format!("https://us-east-2.amazonaws.com/123456752665/{queue}")
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

fn string(text: &str) -> Value {
    json!({"DataType": "String", "StringValue": text})
}

#[tokio::test]
async fn a_queue_is_made_ready_with_create_get_and_set() {
    let kew = Kew::start();
    let created = kew.json("CreateQueue", &json!({"QueueName": "TopicAs-sub-1"})).ok();
    assert_eq!(keys(&created.json()), ["QueueUrl"]);
    let url = created.json()["QueueUrl"].clone();
    let get = json!({"AttributeNames": ["QueueArn"], "QueueUrl": url});
    let arn = kew.arn("TopicAs-sub-1");
    assert_eq!(kew.json("GetQueueAttributes", &get).ok().json(), json!({"Attributes": {"QueueArn": arn}}));
    let policy = format!(
        "{{\n\t\t\"Version\": \"2012-10-17\",\n\t\t\"Id\": \"AllowQueue\",\n\t\t\"Statement\": [\n\t\t{{\n\t\t\"Sid\": \
         \"MySQSPolicy001\",\n\t\t\"Effect\": \"Allow\",\n\t\t\"Principal\": {{\n\t\t\"AWS\": \"*\"\n\t\t}},\n\t\t\"Action\": \
         \"sqs:SendMessage\",\n\t\t\"Resource\": \"{arn}\"\n\t\t}}\n\t\t]\n\t\t}}"
    );
    let set = json!({"Attributes": {"Policy": policy}, "QueueUrl": url});
    let answer = kew.json("SetQueueAttributes", &set).ok();
    assert_eq!((answer.text(), answer.header_or_empty("content-length")), ("", "0"));
    assert_eq!(kew.attribute("TopicAs-sub-1", "Policy").await, Some(policy));
    let answer = kew.json("DeleteQueue", &json!({"QueueUrl": url})).ok();
    assert_eq!((answer.text(), answer.header_or_empty("content-length")), ("", "0"));
}

#[tokio::test]
async fn answers_have_these_headers_and_members_in_alphabetical_order() {
    let kew = Kew::holding(&[("q", &[])]).await;
    let send = json!({"QueueUrl": kew.url("q"), "Entries": [{"Id": "0", "MessageBody": "hello world",
        "MessageAttributes": {"a": string("b")}}]});
    let sent = kew.json("SendMessageBatch", &send).ok();
    let id = sent.json()["Successful"][0]["MessageId"].as_str().unwrap().to_owned();
    let md5 = sent.json()["Successful"][0]["MD5OfMessageAttributes"].as_str().unwrap().to_owned();
    let expected = format!(
        "{{\"Successful\":[{{\"Id\":\"0\",\"MD5OfMessageAttributes\":\"{md5}\",\"MD5OfMessageBody\":\
         \"5eb63bbbe01eeed093cb22bb8f5acdc3\",\"MessageId\":\"{id}\"}}]}}"
    );
    assert_eq!(sent.text(), expected);
    let receive = json!({"AttributeNames": ["All"], "MaxNumberOfMessages": 1, "MessageAttributeNames": ["All"],
        "QueueUrl": kew.url("q")});
    let answer = kew.json("ReceiveMessage", &receive).ok();
    for (name, value) in
        [("content-type", "application/x-amz-json-1.0"), ("content-length", &answer.text().len().to_string())]
    {
        assert_eq!(answer.header_or_empty(name), value);
    }
    assert_eq!(answer.header_or_empty("x-amzn-requestid").len(), 36);
    assert!(answer.header_or_empty("date").ends_with(" GMT"));
    assert_eq!(answer.header_or_empty("x-amzn-errortype"), "");
    let body = answer.text();
    let at = |name: &str| body.find(&format!("\"{name}\":")).unwrap_or_else(|| panic!("{name} in {body}"));
    let order = [
        "Attributes",
        "Body",
        "MD5OfBody",
        "MD5OfMessageAttributes",
        "MessageAttributes",
        "MessageId",
        "ReceiptHandle",
    ];
    assert!(order.map(at).is_sorted(), "{body}");
    let attributes = &answer.json()["Messages"][0]["Attributes"];
    let mut names = keys(attributes);
    names.sort_unstable();
    let expected = ["ApproximateFirstReceiveTimestamp", "ApproximateReceiveCount", "SenderId", "SentTimestamp"];
    assert_eq!(names, expected);
    assert!(attributes.as_object().unwrap().values().all(Value::is_string));
}

#[tokio::test]
async fn an_empty_receive_is_an_empty_object() {
    let kew = Kew::holding(&[("q", &[])]).await;
    let receive = json!({"AttributeNames": ["All"], "MaxNumberOfMessages": 10, "MessageAttributeNames": ["All"],
        "QueueUrl": kew.url("q")});
    assert_eq!(kew.json("ReceiveMessage", &receive).ok().text(), "{}");
}

#[tokio::test]
async fn a_missing_queue_on_a_foreign_host_is_a_missing_queue() {
    let kew = Kew::start();
    let receive = json!({"AttributeNames": ["All"], "MaxNumberOfMessages": 1, "MessageAttributeNames": ["All"],
        "QueueUrl": foreign("nonexistent-subscription")});
    // An empty body beside it does not matter.
    let send = json!({"Entries": [{"Id": "0", "MessageBody": ""}], "QueueUrl": foreign("nonexistent-queue")});
    for (action, members) in [("ReceiveMessage", receive), ("SendMessageBatch", send)] {
        let answer = kew.json(action, &members);
        assert_eq!(answer.status, 400);
        assert_eq!(answer.header_or_empty("x-amzn-query-error"), "AWS.SimpleQueueService.NonExistentQueue;Sender");
        assert_eq!(answer.header_or_empty("content-length"), "96");
        assert_eq!(
            answer.text(),
            r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"The specified queue does not exist."}"#
        );
    }
}

#[tokio::test]
async fn changing_the_visibility_of_deleted_messages_fails_by_entry_and_the_rest_is_done() {
    let kew = Kew::holding(&[("q", &[])]).await;
    for body in ["0", "1", "2"] {
        kew.send("q", body).await;
    }
    let messages = kew.receive("q", 10).await;
    for message in &messages[..2] {
        kew.delete("q", message).await;
    }
    let entry =
        |(n, message)| json!({"Id": format!("{n}"), "ReceiptHandle": handle_of(message), "VisibilityTimeout": 1});
    let entries: Vec<Value> = messages.iter().enumerate().map(entry).collect();
    let change = json!({"Entries": entries, "QueueUrl": kew.url("q")});
    let answer = kew.json("ChangeMessageVisibilityBatch", &change).ok();
    assert_eq!(answer.json()["Successful"], json!([{"Id": "2"}]));
    let failed = answer.json()["Failed"].as_array().unwrap().clone();
    assert_eq!(failed.len(), 2);
    for entry in &failed {
        let id = entry["Id"].as_str().unwrap();
        assert!(["0", "1"].contains(&id));
        let text = "Message does not exist or is not available for visibility timeout change";
        assert_eq!(entry, &json!({"Code": "ReceiptHandleIsInvalid", "Id": id, "Message": text, "SenderFault": true}));
        assert_eq!(keys(entry), ["Code", "Id", "Message", "SenderFault"]);
    }
    assert!(answer.text().starts_with(r#"{"Failed":[{"Code":"#), "{answer:?}");
}

#[tokio::test]
async fn changing_the_visibility_to_zero_in_a_batch_is_how_messages_are_given_back() {
    let kew = Kew::holding(&[("q", &[])]).await;
    kew.send("q", "0").await;
    let message = kew.receive_one("q").await;
    let change = json!({"Entries": [{"Id": "0", "ReceiptHandle": handle_of(&message), "VisibilityTimeout": 0}],
        "QueueUrl": kew.url("q")});
    assert_eq!(kew.json("ChangeMessageVisibilityBatch", &change).ok().text(), r#"{"Successful":[{"Id":"0"}]}"#);
    assert_eq!(kew.receive_bodies("q", 1).await, ["0"]);
}

#[tokio::test]
async fn deleting_a_batch_tells_only_what_succeeded() {
    let kew = Kew::holding(&[("q", &[])]).await;
    for body in ["0", "1"] {
        kew.send("q", body).await;
    }
    let messages = kew.receive("q", 10).await;
    let entry = |(n, message)| json!({"Id": format!("{n}"), "ReceiptHandle": handle_of(message)});
    let entries: Vec<Value> = messages.iter().enumerate().map(entry).collect();
    let delete = json!({"Entries": entries, "QueueUrl": kew.url("q")});
    // Deleting twice is recorded to succeed twice.
    for _ in 0..2 {
        let answer = kew.json("DeleteMessageBatch", &delete).ok();
        assert_eq!(answer.text(), r#"{"Successful":[{"Id":"0"},{"Id":"1"}]}"#);
    }
}

#[tokio::test]
async fn a_fifo_batch_without_group_id_fails_as_a_whole() {
    let kew = Kew::holding(&[("top-1.fifo", &[("ContentBasedDeduplication", "true")])]).await;
    let send = json!({"Entries": [{"Id": "0", "MessageBody": "hello world"}], "QueueUrl": kew.url("top-1.fifo")});
    let answer = kew.json("SendMessageBatch", &send);
    assert_eq!((answer.status, answer.header_or_empty("x-amzn-query-error")), (400, "InvalidParameterValue;Sender"));
    assert_eq!(answer.header_or_empty("content-length"), "135");
    assert_eq!(
        answer.text(),
        "{\"__type\":\"com.amazon.coral.service#InvalidParameterValueException\",\"message\":\
         \"The request must contain the parameter MessageGroupId.\"}"
    );
}

#[tokio::test]
async fn a_fifo_queue_is_created_with_fifo_queue_true_alone() {
    let kew = Kew::start();
    for attributes in [json!({"FifoQueue": "true"}), json!({"FifoQueue": "true", "ContentBasedDeduplication": "true"})]
    {
        let create = json!({"Attributes": attributes, "QueueName": "TestFIFO_Send-top-1.fifo"});
        let answer = kew.json("CreateQueue", &create).ok().json();
        assert_eq!(answer["QueueUrl"], kew.url("TestFIFO_Send-top-1.fifo"));
        kew.client.delete_queue().queue_url("TestFIFO_Send-top-1.fifo").send().await.unwrap();
    }
}

#[tokio::test]
async fn attribute_digests_of_recorded_messages() {
    let kew = Kew::holding(&[("q", &[])]).await;
    let table: [(&[(&str, &str)], &str); 6] = [
        (&[("a", "0")], "9aa4687c8b7567baa380d9f300fe283a"),
        (&[("a", "1")], "314c77b249893c6b3c765a42cc08b245"),
        (&[("a", "2")], "b72e140e7269ebce9107baf1ef240bae"),
        (&[("base64encoded", "true")], "d96296ac677a9aca05d49ae099c656c0"),
        (&[("MessageGroupId", "1")], "76f893155ccc6f5e017471575dfd50b5"),
        (
            &[
                ("__0x263a____0x263a____0x263a__", "%E2%98%BA%E2%98%BA%E2%98%BA"),
                ("__0x60__", "%60"),
                ("__0x7b____0x7c____0x7d____0x7e____0x7f__", "%7B%7C%7D~%7F"),
                ("foo__0x20__bar__0x20__baz", "foo%20bar%20baz"),
                ("foo__0x22__bar__0x22__baz", "foo%22bar%22baz"),
                ("foo__0x2f____0x2f__bar__0x2f____0x2f____0x2f__baz", "foo%2F%2Fbar%2F%2F%2Fbaz"),
                ("foo__0x2f__bar__0x2f__baz", "foo%2Fbar%2Fbaz"),
                ("foo__0x5c__bar__0x5c__baz", "foo%5Cbar%5Cbaz"),
            ],
            "de8ba70e290769ca18543da9240de025",
        ),
    ];
    for (attributes, md5) in table {
        let attributes: serde_json::Map<_, _> = attributes.iter().map(|(k, v)| (k.to_string(), string(v))).collect();
        let entry = json!({"Id": "0", "MessageBody": "hello world", "MessageAttributes": attributes});
        let send = json!({"QueueUrl": kew.url("q"), "Entries": [entry]});
        let sent = kew.json("SendMessageBatch", &send).ok().json();
        assert_eq!(sent["Successful"][0]["MD5OfMessageAttributes"], md5);
        let receive = json!({"AttributeNames": ["All"], "MaxNumberOfMessages": 1, "MessageAttributeNames": ["All"],
            "QueueUrl": kew.url("q")});
        let received = kew.json("ReceiveMessage", &receive).ok().json();
        assert_eq!(received["Messages"][0]["MD5OfMessageAttributes"], md5);
        assert_eq!(received["Messages"][0]["MessageAttributes"], Value::Object(attributes));
    }
}
