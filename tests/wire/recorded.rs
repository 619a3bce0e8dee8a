//! What recordings of real SQS show about bytes, restated as assertions with values of our own.

use kew::internals::api::*;
use kew::internals::error::Error;
use kew::internals::wire::{Protocol, Reply, encode, encode_error};

fn json(response: Response) -> Reply {
    encode(Protocol::Json, &response, "r")
}

/// The order of all member names in a body, at any depth.
fn names(reply: &Reply) -> Vec<String> {
    let text = std::str::from_utf8(&reply.body).unwrap();
    let quoted: Vec<&str> = text.split('"').collect();
    (1..quoted.len()).step_by(2).filter(|i| quoted[i + 1].starts_with(':')).map(|i| quoted[i].to_owned()).collect()
}

#[test]
fn void_answers_have_no_body_but_a_content_type() {
    for response in [Response::DeleteQueue(Empty {}), Response::SetQueueAttributes(Empty {})] {
        let reply = json(response);
        assert_eq!((reply.status, reply.body.len(), reply.content_type), (200, 0, "application/x-amz-json-1.0"));
    }
}

#[test]
fn an_empty_receive_is_two_bytes() {
    assert_eq!(json(Response::ReceiveMessage(Default::default())).body, b"{}");
}

#[test]
fn a_queue_url_is_the_only_member_of_its_answer() {
    // `{"QueueUrl":"` and `"}` are 15 bytes; the recorded lengths are those of the URL and 15.
    let url = "https://sqs.us-east-2.amazonaws.com/123456789012/a-queue";
    let reply = json(Response::CreateQueue(QueueUrlResult { queue_url: url.into() }));
    assert_eq!(reply.body.len(), url.len() + 15);
}

#[test]
fn members_of_a_received_message_are_in_alphabetical_order_and_system_attributes_are_not() {
    let value = |text: &str| MessageAttributeValue {
        data_type: Some("String".into()),
        string_value: Some(text.into()),
        ..Default::default()
    };
    let order = [
        "SenderId",
        "ApproximateFirstReceiveTimestamp",
        "ApproximateReceiveCount",
        "SentTimestamp",
        "SequenceNumber",
        "MessageDeduplicationId",
        "MessageGroupId",
    ];
    let reply = json(Response::ReceiveMessage(ReceiveMessageResult {
        messages: vec![ReceivedMessage {
            attributes: SystemAttributes(order.map(|name| (name, "1".to_owned())).into()),
            body: Body::Owned("hello world".into()),
            md5_of_body: "5eb63bbbe01eeed093cb22bb8f5acdc3".into(),
            md5_of_message_attributes: Some("a".into()),
            message_attributes: [("k".to_owned(), value("v"))].into(),
            message_id: "m".into(),
            receipt_handle: "r".into(),
        }],
    }));
    let mut expected = vec!["Messages", "Attributes"];
    expected.extend(order);
    expected.extend([
        "Body",
        "MD5OfBody",
        "MD5OfMessageAttributes",
        "MessageAttributes",
        "k",
        "DataType",
        "StringValue",
    ]);
    expected.extend(["MessageId", "ReceiptHandle"]);
    assert_eq!(names(&reply), expected);
    let known: Vec<_> = attributes::MESSAGE_SYSTEM_ATTRIBUTES.iter().filter(|name| order.contains(name)).collect();
    assert_eq!(known, order.iter().collect::<Vec<_>>());
}

#[test]
fn a_sent_batch_names_only_what_there_is() {
    let entry = |attributes: Option<&str>, sequence: Option<&str>| SendMessageBatchResultEntry {
        id: "0".into(),
        md5_of_message_attributes: attributes.map(str::to_owned),
        md5_of_message_body: "b".into(),
        message_id: "m".into(),
        sequence_number: sequence.map(str::to_owned),
        ..Default::default()
    };
    let of = |entry| names(&json(Response::SendMessageBatch(BatchResult { failed: vec![], successful: vec![entry] })));
    assert_eq!(of(entry(None, None)), ["Successful", "Id", "MD5OfMessageBody", "MessageId"]);
    assert_eq!(
        of(entry(Some("a"), Some("1"))),
        ["Successful", "Id", "MD5OfMessageAttributes", "MD5OfMessageBody", "MessageId", "SequenceNumber"]
    );
}

#[test]
fn failures_of_a_batch_come_before_successes() {
    let reply = json(Response::ChangeMessageVisibilityBatch(BatchResult {
        failed: vec![BatchResultErrorEntry {
            code: "ReceiptHandleIsInvalid".into(),
            id: "1".into(),
            message: "Message does not exist or is not available for visibility timeout change".into(),
            sender_fault: true,
        }],
        successful: vec![BatchResultEntry { id: "2".into() }],
    }));
    assert_eq!(names(&reply), ["Failed", "Code", "Id", "Message", "SenderFault", "Successful", "Id"]);
    let reply = json(Response::DeleteMessageBatch(BatchResult {
        failed: vec![],
        successful: vec![BatchResultEntry { id: "0".into() }],
    }));
    assert_eq!(reply.body.len(), 27);
}

#[test]
fn errors_carry_the_old_code_in_a_header() {
    let reply = encode_error(Protocol::Json, &Error::no_queue(), "r");
    assert_eq!((reply.status, reply.body.len()), (400, 96));
    assert_eq!(reply.query_error.as_deref(), Some("AWS.SimpleQueueService.NonExistentQueue;Sender"));

    let error = Error::invalid("The request must contain the parameter MessageGroupId.");
    let reply = encode_error(Protocol::Json, &error, "r");
    assert_eq!((reply.status, reply.body.len()), (400, 135));
    assert_eq!(reply.query_error.as_deref(), Some("InvalidParameterValue;Sender"));
    assert_eq!(reply.content_type, "application/x-amz-json-1.0");
}

/// Texts are written as they are, not as `\u` escapes, but for what JSON forbids.
#[test]
fn bodies_are_not_escaped_more_than_they_must() {
    let body = "é ☺ 😀 / \u{7f} \u{2028} \" \\ \n \t";
    let reply = json(Response::ListQueueTags(ListQueueTagsResult { tags: [("k".to_owned(), body.to_owned())].into() }));
    let expected = "{\"Tags\":{\"k\":\"é ☺ 😀 / \u{7f} \u{2028} \\\" \\\\ \\n \\t\"}}";
    assert_eq!(std::str::from_utf8(&reply.body).unwrap(), expected);
}
