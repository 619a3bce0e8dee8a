//! Any node takes any request, in each protocol, and its answer is what the node would have said that has the queue.

use crate::fixture::Nodes;
use crate::support::{Answer, cbor, form, json, query, request_to};
use serde_json::{Value, json as value};

#[test]
fn a_message_is_sent_received_and_deleted_at_three_nodes() {
    let Some(nodes) = Nodes::start(3) else { return };
    for (creates, queue) in ["a", "b", "c.fifo"].into_iter().enumerate() {
        let attributes = if queue.ends_with(".fifo") { value!({"FifoQueue": "true"}) } else { value!({}) };
        nodes.call(creates, "CreateQueue", &value!({"QueueName": queue, "Attributes": attributes}));
        for first in 0..3 {
            let [sends, receives, deletes] = [first, (first + 1) % 3, (first + 2) % 3];
            let mut message = value!({"QueueUrl": queue, "MessageBody": format!("by {first}")});
            if queue.ends_with(".fifo") {
                message["MessageGroupId"] = "g".into();
                message["MessageDeduplicationId"] = first.to_string().into();
            }
            nodes.call(sends, "SendMessage", &message);
            let received = nodes.call(receives, "ReceiveMessage", &value!({"QueueUrl": queue}));
            assert_eq!(received["Messages"][0]["Body"], format!("by {first}"), "{queue}");
            let counts = |node| {
                let names = value!(["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]);
                let members = value!({"QueueUrl": queue, "AttributeNames": names});
                nodes.call(node, "GetQueueAttributes", &members)["Attributes"].clone()
            };
            for node in 0..3 {
                let expected =
                    value!({"ApproximateNumberOfMessages": "0", "ApproximateNumberOfMessagesNotVisible": "1"});
                assert_eq!(counts(node), expected, "{queue} at {node}");
            }
            let handle = &received["Messages"][0]["ReceiptHandle"];
            nodes.call(deletes, "DeleteMessage", &value!({"QueueUrl": queue, "ReceiptHandle": handle}));
            assert_eq!(counts(sends)["ApproximateNumberOfMessagesNotVisible"], "0");
        }
    }
}

#[test]
fn queue_urls_are_of_the_host_that_a_client_calls_and_of_any_host_as_input() {
    let Some(nodes) = Nodes::start(3) else { return };
    nodes.call(0, "CreateQueue", &value!({"QueueName": "q"}));
    for node in 0..3 {
        let members = value!({"QueueName": "q"});
        let url = nodes.call(node, "GetQueueUrl", &members)["QueueUrl"].clone();
        assert_eq!(url, "http://door.internal:1234/000000000000/q", "at {node}");
        // Without a port in it, that of the node which the client came to.
        let body = form_of("GetQueueUrl", &members);
        let headers = [("Content-Type", "application/x-www-form-urlencoded")];
        let answer = nodes.ask(node, request_to("kew.internal", "POST", "/", &headers, body)).ok();
        let port = nodes.at(node).addresses()[0].port();
        assert!(answer.text().contains(&format!("<QueueUrl>http://kew.internal:{port}/000000000000/q<")), "{answer:?}");
        for url in ["https://sqs.us-east-1.amazonaws.com/000000000000/q", "http://elsewhere:1/000000000000/q", "q"] {
            nodes.call(node, "SendMessage", &value!({"QueueUrl": url, "MessageBody": "m"}));
        }
    }
    let members = value!({"QueueUrl": "q", "AttributeNames": ["ApproximateNumberOfMessages"]});
    assert_eq!(nodes.call(1, "GetQueueAttributes", &members)["Attributes"]["ApproximateNumberOfMessages"], "9");
}

fn form_of(action: &str, members: &Value) -> String {
    query::form(action, members)
}

/// What of an answer must be the same wherever it comes from.
fn told(answer: &Answer) -> (u16, Vec<(String, String)>, Vec<u8>) {
    let id = answer.header("x-amzn-requestid").unwrap_or_default().to_owned();
    let mut headers = answer.headers.clone();
    headers.retain(|(name, _)| name != "date" && name != "x-amzn-requestid");
    headers.sort();
    let mut body = answer.body.clone();
    if let Some(at) = memchr::memmem::find(&body, id.as_bytes()).filter(|_| !id.is_empty()) {
        body.drain(at..at + id.len());
    }
    (answer.status, headers, body)
}

#[test]
fn answers_and_errors_are_the_same_to_the_letter_in_each_protocol() {
    let Some(nodes) = Nodes::start(3) else { return };
    nodes.call(0, "CreateQueue", &value!({"QueueName": "q", "tags": {"a": "b"}}));
    nodes.call(0, "CreateQueue", &value!({"QueueName": "q.fifo", "Attributes": {"FifoQueue": "true"}}));
    let handle = "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a";
    for (action, members) in [
        ("GetQueueUrl", value!({"QueueName": "q"})),
        ("GetQueueUrl", value!({"QueueName": "missing"})),
        ("GetQueueAttributes", value!({"QueueUrl": "q", "AttributeNames": ["All"]})),
        ("GetQueueAttributes", value!({"QueueUrl": "q", "AttributeNames": ["Nothing"]})),
        ("ListQueueTags", value!({"QueueUrl": "q"})),
        ("ListQueues", value!({"QueueNamePrefix": "q"})),
        ("ListDeadLetterSourceQueues", value!({"QueueUrl": "q"})),
        ("SendMessage", value!({"QueueUrl": "missing", "MessageBody": "m"})),
        ("SendMessage", value!({"QueueUrl": "q", "MessageBody": ""})),
        ("SendMessage", value!({"QueueUrl": "q", "MessageBody": "m", "DelaySeconds": 901})),
        ("SendMessage", value!({"QueueUrl": "q.fifo", "MessageBody": "m", "MessageGroupId": "g"})),
        ("SendMessage", value!({"QueueUrl": "q"})),
        ("SendMessageBatch", value!({"QueueUrl": "q", "Entries": []})),
        (
            "SendMessageBatch",
            value!({"QueueUrl": "q", "Entries": [{"Id": "1", "MessageBody": "m"}, {"Id": "1", "MessageBody": "m"}]}),
        ),
        (
            "SendMessageBatch",
            value!({"QueueUrl": "q.fifo", "Entries": [{"Id": "1", "MessageBody": "m"}, {"Id": "2", "MessageBody": "m"}]}),
        ),
        ("ReceiveMessage", value!({"QueueUrl": "q"})),
        ("ReceiveMessage", value!({"QueueUrl": "q", "MaxNumberOfMessages": 11})),
        ("ReceiveMessage", value!({"QueueUrl": "q", "WaitTimeSeconds": 21})),
        ("DeleteMessage", value!({"QueueUrl": "q", "ReceiptHandle": handle})),
        ("DeleteMessageBatch", value!({"QueueUrl": "q", "Entries": [{"Id": "1", "ReceiptHandle": handle}]})),
        ("ChangeMessageVisibility", value!({"QueueUrl": "q", "ReceiptHandle": handle, "VisibilityTimeout": 1})),
        ("SetQueueAttributes", value!({"QueueUrl": "q", "Attributes": {"VisibilityTimeout": "-1"}})),
        ("CreateQueue", value!({"QueueName": "q"})),
        ("CreateQueue", value!({"QueueName": "q", "Attributes": {"VisibilityTimeout": "7"}})),
        ("TagQueue", value!({"QueueUrl": "q", "Tags": {"a": "b"}})),
        ("StartMessageMoveTask", value!({"SourceArn": "arn:aws:sqs:us-east-1:000000000000:q"})),
        ("CancelMessageMoveTask", value!({"TaskHandle": "nonsense"})),
        ("DeleteQueue", value!({"QueueUrl": "missing"})),
    ] {
        for (protocol, request) in [
            ("JSON", json(action, members.to_string())),
            ("Query", form(query::form(action, &members))),
            ("CBOR", cbor(action, &members)),
        ] {
            let answers: Vec<_> = (0..3).map(|node| told(&nodes.ask(node, &request))).collect();
            assert!(
                answers[1..].iter().all(|answer| *answer == answers[0]),
                "{action} {members} by {protocol}: {answers:?}"
            );
        }
    }
    // What is no request at all.
    for request in [json("Nonsense", "{}"), json("SendMessage", "{"), form("Action=Nonsense"), form("a=b")] {
        let answers: Vec<_> = (0..3).map(|node| told(&nodes.ask(node, &request))).collect();
        assert!(answers[1..].iter().all(|answer| *answer == answers[0]), "{answers:?}");
    }
}

#[test]
fn batches_tell_of_each_entry_through_any_node() {
    let Some(nodes) = Nodes::start(2) else { return };
    nodes.call(0, "CreateQueue", &value!({"QueueName": "q"}));
    for node in 0..2 {
        let entries = value!([{"Id": "a", "MessageBody": "1"}, {"Id": "b", "MessageBody": "2", "DelaySeconds": 901}]);
        let sent = nodes.call(node, "SendMessageBatch", &value!({"QueueUrl": "q", "Entries": entries}));
        assert_eq!((&sent["Successful"][0]["Id"], &sent["Failed"][0]["Id"]), (&value!("a"), &value!("b")), "{sent}");
        let received = nodes.call(1 - node, "ReceiveMessage", &value!({"QueueUrl": "q", "MaxNumberOfMessages": 10}));
        let handle = &received["Messages"][0]["ReceiptHandle"];
        let entries = value!([{"Id": "a", "ReceiptHandle": handle}, {"Id": "b", "ReceiptHandle": "nonsense"}]);
        let deleted = nodes.call(node, "DeleteMessageBatch", &value!({"QueueUrl": "q", "Entries": entries}));
        assert_eq!((&deleted["Successful"][0]["Id"], &deleted["Failed"][0]["Id"]), (&value!("a"), &value!("b")));
    }
}

#[test]
fn a_large_message_goes_through_any_node_whole() {
    let Some(nodes) = Nodes::start(2) else { return };
    nodes.call(0, "CreateQueue", &value!({"QueueName": "q"}));
    // Each byte is six in JSON.
    let body = "\u{1f}".repeat(1024 * 1024).replace('\u{1f}', "\t");
    for node in 0..2 {
        nodes.call(node, "SendMessage", &value!({"QueueUrl": "q", "MessageBody": body}));
        let received = nodes.call(1 - node, "ReceiveMessage", &value!({"QueueUrl": "q"}));
        assert!(received["Messages"][0]["Body"] == body, "not what was sent");
    }
}
