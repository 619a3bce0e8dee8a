//! The exact bytes of every action's answer, in JSON and XML, the same members in CBOR, and the JSON that Query requests may ask for.

use crate::support::cbor;
use kew::internals::api::*;
use kew::internals::wire::{Protocol, Reply, encode, not_found};

const ID: &str = "0f7c8a3e-5b1d-4c2e-9f00-112233445566";

fn text(reply: &Reply) -> &str {
    std::str::from_utf8(&reply.body).unwrap()
}

/// Asserts all protocols' answers; `xml` is what stands between the envelope's tag and the metadata.
fn check(response: Response, json: &str, xml: &str) {
    let action = response.operation().name();

    let reply = encode(Protocol::Json, &response, ID);
    assert_eq!(text(&reply), json, "{action}");
    assert_eq!((reply.status, reply.content_type), (200, "application/x-amz-json-1.0"), "{action}");
    assert_eq!((&reply.query_error, reply.smithy_protocol), (&None, None), "{action}");

    let reply = encode(Protocol::Cbor, &response, ID);
    if json.is_empty() {
        assert_eq!((reply.content_type, reply.body.len()), ("", 0), "{action}");
    } else {
        assert_eq!(cbor::json(&reply.body), serde_json::from_str::<serde_json::Value>(json).unwrap(), "{action}");
        assert_eq!(reply.content_type, "application/cbor", "{action}");
    }
    assert_eq!(
        (reply.status, &reply.query_error, reply.smithy_protocol),
        (200, &None, Some("rpc-v2-cbor")),
        "{action}"
    );

    let reply = encode(Protocol::Query, &response, ID);
    let expected = [
        r#"<?xml version="1.0"?><"#,
        action,
        r#"Response xmlns="http://queue.amazonaws.com/doc/2012-11-05/">"#,
        xml,
        "<ResponseMetadata><RequestId>0f7c8a3e-5b1d-4c2e-9f00-112233445566</RequestId></ResponseMetadata></",
        action,
        "Response>",
    ]
    .concat();
    assert_eq!(text(&reply), expected, "{action}");
    assert_eq!((reply.status, reply.content_type, &reply.query_error), (200, "text/xml", &None), "{action}");
}

fn map<V>(entries: impl IntoIterator<Item = (&'static str, V)>) -> Map<V> {
    entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn failed(id: &str) -> BatchResultErrorEntry {
    BatchResultErrorEntry {
        code: "InvalidParameterValue".into(),
        id: id.into(),
        message: "a < b".into(),
        sender_fault: true,
    }
}

const FAILED_JSON: &str = r#"{"Code":"InvalidParameterValue","Id":"f","Message":"a < b","SenderFault":true}"#;
const FAILED_XML: &str = "<BatchResultErrorEntry><Id>f</Id><Code>InvalidParameterValue</Code><Message>a &lt; b</Message>\
    <SenderFault>true</SenderFault></BatchResultErrorEntry>";

#[test]
fn an_answer_in_full() {
    let response = Response::CreateQueue(QueueUrlResult { queue_url: "http://localhost:9324/000000000000/q".into() });
    assert_eq!(
        text(&encode(Protocol::Query, &response, "r")),
        "<?xml version=\"1.0\"?><CreateQueueResponse xmlns=\"http://queue.amazonaws.com/doc/2012-11-05/\"><CreateQueueResult>\
         <QueueUrl>http://localhost:9324/000000000000/q</QueueUrl></CreateQueueResult><ResponseMetadata><RequestId>r</RequestId>\
         </ResponseMetadata></CreateQueueResponse>"
    );
}

#[test]
fn actions_without_output() {
    let all = [
        Response::AddPermission(Empty {}),
        Response::ChangeMessageVisibility(Empty {}),
        Response::DeleteMessage(Empty {}),
        Response::DeleteQueue(Empty {}),
        Response::PurgeQueue(Empty {}),
        Response::RemovePermission(Empty {}),
        Response::SetQueueAttributes(Empty {}),
        Response::TagQueue(Empty {}),
        Response::UntagQueue(Empty {}),
    ];
    let with_output = Operation::ALL.len() - all.len();
    assert_eq!(with_output, 14);
    for response in all {
        check(response, "", "");
    }
}

#[test]
fn queue_urls() {
    let result = || QueueUrlResult { queue_url: "http://h/1/q?a=1&b".into() };
    let json = r#"{"QueueUrl":"http://h/1/q?a=1&b"}"#;
    let xml = |action: &str| format!("<{action}Result><QueueUrl>http://h/1/q?a=1&amp;b</QueueUrl></{action}Result>");
    check(Response::CreateQueue(result()), json, &xml("CreateQueue"));
    check(Response::GetQueueUrl(result()), json, &xml("GetQueueUrl"));
}

#[test]
fn lists_of_queues() {
    let urls = || vec!["http://h/1/a".to_owned(), "http://h/1/b".to_owned()];
    let next_token = Some("t".to_owned());
    check(
        Response::ListQueues(ListQueuesResult { next_token: next_token.clone(), queue_urls: urls() }),
        r#"{"NextToken":"t","QueueUrls":["http://h/1/a","http://h/1/b"]}"#,
        "<ListQueuesResult><QueueUrl>http://h/1/a</QueueUrl><QueueUrl>http://h/1/b</QueueUrl><NextToken>t</NextToken>\
         </ListQueuesResult>",
    );
    check(
        Response::ListDeadLetterSourceQueues(ListDeadLetterSourceQueuesResult { next_token, queue_urls: urls() }),
        r#"{"NextToken":"t","queueUrls":["http://h/1/a","http://h/1/b"]}"#,
        "<ListDeadLetterSourceQueuesResult><QueueUrl>http://h/1/a</QueueUrl><QueueUrl>http://h/1/b</QueueUrl>\
         <NextToken>t</NextToken></ListDeadLetterSourceQueuesResult>",
    );
}

#[test]
fn attributes_and_tags() {
    let entries = || map([("B", "<1>".to_owned()), ("A", String::new())]);
    check(
        Response::GetQueueAttributes(GetQueueAttributesResult { attributes: entries() }),
        r#"{"Attributes":{"A":"","B":"<1>"}}"#,
        "<GetQueueAttributesResult><Attribute><Name>A</Name><Value></Value></Attribute><Attribute><Name>B</Name>\
         <Value>&lt;1&gt;</Value></Attribute></GetQueueAttributesResult>",
    );
    check(
        Response::ListQueueTags(ListQueueTagsResult { tags: entries() }),
        r#"{"Tags":{"A":"","B":"<1>"}}"#,
        "<ListQueueTagsResult><Tag><Key>A</Key><Value></Value></Tag><Tag><Key>B</Key><Value>&lt;1&gt;</Value></Tag>\
         </ListQueueTagsResult>",
    );
}

#[test]
fn sent_messages() {
    let least = SendMessageResult {
        md5_of_message_body: "5d41402abc4b2a76b9719d911017c592".into(),
        message_id: "m".into(),
        ..Default::default()
    };
    check(
        Response::SendMessage(least.clone()),
        r#"{"MD5OfMessageBody":"5d41402abc4b2a76b9719d911017c592","MessageId":"m"}"#,
        "<SendMessageResult><MessageId>m</MessageId><MD5OfMessageBody>5d41402abc4b2a76b9719d911017c592</MD5OfMessageBody>\
         </SendMessageResult>",
    );
    check(
        Response::SendMessage(SendMessageResult {
            md5_of_message_attributes: Some("aa".into()),
            md5_of_message_system_attributes: Some("cc".into()),
            sequence_number: Some("18849496460467696128".into()),
            ..least
        }),
        r#"{"MD5OfMessageAttributes":"aa","MD5OfMessageBody":"5d41402abc4b2a76b9719d911017c592","MD5OfMessageSystemAttributes":"cc","MessageId":"m","SequenceNumber":"18849496460467696128"}"#,
        "<SendMessageResult><MessageId>m</MessageId><MD5OfMessageBody>5d41402abc4b2a76b9719d911017c592</MD5OfMessageBody>\
         <MD5OfMessageAttributes>aa</MD5OfMessageAttributes><MD5OfMessageSystemAttributes>cc</MD5OfMessageSystemAttributes>\
         <SequenceNumber>18849496460467696128</SequenceNumber></SendMessageResult>",
    );
}

#[test]
fn sent_batches() {
    let least = SendMessageBatchResultEntry {
        id: "a".into(),
        md5_of_message_body: "bb".into(),
        message_id: "m".into(),
        ..Default::default()
    };
    let most = SendMessageBatchResultEntry {
        id: "b".into(),
        md5_of_message_attributes: Some("aa".into()),
        md5_of_message_system_attributes: Some("cc".into()),
        sequence_number: Some("1".into()),
        ..least.clone()
    };
    check(
        Response::SendMessageBatch(BatchResult { failed: vec![failed("f")], successful: vec![least, most] }),
        &format!(
            r#"{{"Failed":[{FAILED_JSON}],"Successful":[{{"Id":"a","MD5OfMessageBody":"bb","MessageId":"m"}},{{"Id":"b","MD5OfMessageAttributes":"aa","MD5OfMessageBody":"bb","MD5OfMessageSystemAttributes":"cc","MessageId":"m","SequenceNumber":"1"}}]}}"#
        ),
        &format!(
            "<SendMessageBatchResult><SendMessageBatchResultEntry><Id>a</Id><MessageId>m</MessageId>\
             <MD5OfMessageBody>bb</MD5OfMessageBody></SendMessageBatchResultEntry><SendMessageBatchResultEntry><Id>b</Id>\
             <MessageId>m</MessageId><MD5OfMessageBody>bb</MD5OfMessageBody><MD5OfMessageAttributes>aa</MD5OfMessageAttributes>\
             <MD5OfMessageSystemAttributes>cc</MD5OfMessageSystemAttributes><SequenceNumber>1</SequenceNumber>\
             </SendMessageBatchResultEntry>{FAILED_XML}</SendMessageBatchResult>"
        ),
    );
}

#[test]
fn deleted_and_changed_batches() {
    let batch = || BatchResult { failed: vec![failed("f")], successful: vec![BatchResultEntry { id: "a".into() }] };
    let json = format!(r#"{{"Failed":[{FAILED_JSON}],"Successful":[{{"Id":"a"}}]}}"#);
    let xml = |action: &str| {
        format!("<{action}Result><{action}ResultEntry><Id>a</Id></{action}ResultEntry>{FAILED_XML}</{action}Result>")
    };
    check(Response::DeleteMessageBatch(batch()), &json, &xml("DeleteMessageBatch"));
    check(Response::ChangeMessageVisibilityBatch(batch()), &json, &xml("ChangeMessageVisibilityBatch"));
    check(
        Response::DeleteMessageBatch(BatchResult {
            failed: vec![BatchResultErrorEntry { sender_fault: false, ..failed("f") }],
            successful: vec![],
        }),
        &format!(r#"{{"Failed":[{}]}}"#, FAILED_JSON.replace("true", "false")),
        &format!("<DeleteMessageBatchResult>{}</DeleteMessageBatchResult>", FAILED_XML.replace("true", "false")),
    );
}

fn message() -> ReceivedMessage {
    ReceivedMessage {
        attributes: SystemAttributes(vec![]),
        body: Body::Owned("hi".into()),
        md5_of_body: "49f68a5c8493ec2c0bf489821c21fc3b".into(),
        md5_of_message_attributes: None,
        message_attributes: Map::new(),
        message_id: "m".into(),
        receipt_handle: "r".into(),
    }
}

pub fn full_message() -> ReceivedMessage {
    let value = |data_type: &str, text: Option<&str>, bytes: Option<&[u8]>| MessageAttributeValue {
        data_type: Some(data_type.to_owned()),
        string_value: text.map(str::to_owned),
        binary_value: bytes.map(<[u8]>::to_vec),
        ..Default::default()
    };
    ReceivedMessage {
        attributes: SystemAttributes(vec![("SenderId", "AIDA".into()), ("ApproximateReceiveCount", "1".into())]),
        body: Body::Shared("{\"a\":\"<é>\"}\r\n\t😀 & 'x'".into()),
        md5_of_message_attributes: Some("aa".into()),
        message_attributes: map([
            ("text", value("String", Some("v&"), None)),
            ("bytes", value("Binary", None, Some(&[0, 1, 254, 255]))),
        ]),
        ..message()
    }
}

#[test]
fn received_messages() {
    check(
        Response::ReceiveMessage(ReceiveMessageResult { messages: vec![message()] }),
        r#"{"Messages":[{"Body":"hi","MD5OfBody":"49f68a5c8493ec2c0bf489821c21fc3b","MessageId":"m","ReceiptHandle":"r"}]}"#,
        "<ReceiveMessageResult><Message><MessageId>m</MessageId><ReceiptHandle>r</ReceiptHandle>\
         <MD5OfBody>49f68a5c8493ec2c0bf489821c21fc3b</MD5OfBody><Body>hi</Body></Message></ReceiveMessageResult>",
    );
    check(
        Response::ReceiveMessage(ReceiveMessageResult { messages: vec![full_message(), message()] }),
        concat!(
            r#"{"Messages":[{"Attributes":{"SenderId":"AIDA","ApproximateReceiveCount":"1"},"#,
            r#""Body":"{\"a\":\"<é>\"}\r\n\t😀 & 'x'","MD5OfBody":"49f68a5c8493ec2c0bf489821c21fc3b","#,
            r#""MD5OfMessageAttributes":"aa","MessageAttributes":{"bytes":{"BinaryValue":"AAH+/w==","DataType":"Binary"},"#,
            r#""text":{"DataType":"String","StringValue":"v&"}},"MessageId":"m","ReceiptHandle":"r"},"#,
            r#"{"Body":"hi","MD5OfBody":"49f68a5c8493ec2c0bf489821c21fc3b","MessageId":"m","ReceiptHandle":"r"}]}"#
        ),
        "<ReceiveMessageResult><Message><MessageId>m</MessageId><ReceiptHandle>r</ReceiptHandle>\
         <MD5OfBody>49f68a5c8493ec2c0bf489821c21fc3b</MD5OfBody><Body>{&quot;a&quot;:&quot;&lt;é&gt;&quot;}&#xD;\n\t😀 &amp; 'x'</Body>\
         <Attribute><Name>SenderId</Name><Value>AIDA</Value></Attribute>\
         <Attribute><Name>ApproximateReceiveCount</Name><Value>1</Value></Attribute>\
         <MD5OfMessageAttributes>aa</MD5OfMessageAttributes>\
         <MessageAttribute><Name>bytes</Name><Value><BinaryValue>AAH+/w==</BinaryValue><DataType>Binary</DataType></Value></MessageAttribute>\
         <MessageAttribute><Name>text</Name><Value><StringValue>v&amp;</StringValue><DataType>String</DataType></Value></MessageAttribute>\
         </Message><Message><MessageId>m</MessageId><ReceiptHandle>r</ReceiptHandle>\
         <MD5OfBody>49f68a5c8493ec2c0bf489821c21fc3b</MD5OfBody><Body>hi</Body></Message></ReceiveMessageResult>",
    );
}

#[test]
fn message_move_tasks() {
    check(
        Response::StartMessageMoveTask(StartMessageMoveTaskResult { task_handle: "h".into() }),
        r#"{"TaskHandle":"h"}"#,
        "<StartMessageMoveTaskResult><TaskHandle>h</TaskHandle></StartMessageMoveTaskResult>",
    );
    check(
        Response::CancelMessageMoveTask(CancelMessageMoveTaskResult { approximate_number_of_messages_moved: 7 }),
        r#"{"ApproximateNumberOfMessagesMoved":7}"#,
        "<CancelMessageMoveTaskResult><ApproximateNumberOfMessagesMoved>7</ApproximateNumberOfMessagesMoved>\
         </CancelMessageMoveTaskResult>",
    );
    let least = ListMessageMoveTasksResultEntry {
        source_arn: "s".into(),
        started_timestamp: 1_700_000_000_123,
        status: "COMPLETED",
        ..Default::default()
    };
    let most = ListMessageMoveTasksResultEntry {
        approximate_number_of_messages_moved: 1,
        approximate_number_of_messages_to_move: Some(2),
        destination_arn: Some("d".into()),
        failure_reason: Some("f".into()),
        max_number_of_messages_per_second: Some(3),
        status: "RUNNING",
        task_handle: Some("h".into()),
        ..least.clone()
    };
    check(
        Response::ListMessageMoveTasks(ListMessageMoveTasksResult { results: vec![most, least] }),
        concat!(
            r#"{"Results":[{"ApproximateNumberOfMessagesMoved":1,"ApproximateNumberOfMessagesToMove":2,"DestinationArn":"d","#,
            r#""FailureReason":"f","MaxNumberOfMessagesPerSecond":3,"SourceArn":"s","StartedTimestamp":1700000000123,"#,
            r#""Status":"RUNNING","TaskHandle":"h"},{"ApproximateNumberOfMessagesMoved":0,"SourceArn":"s","#,
            r#""StartedTimestamp":1700000000123,"Status":"COMPLETED"}]}"#
        ),
        "<ListMessageMoveTasksResult><ListMessageMoveTasksResultEntry><TaskHandle>h</TaskHandle><Status>RUNNING</Status>\
         <SourceArn>s</SourceArn><DestinationArn>d</DestinationArn><MaxNumberOfMessagesPerSecond>3</MaxNumberOfMessagesPerSecond>\
         <ApproximateNumberOfMessagesMoved>1</ApproximateNumberOfMessagesMoved>\
         <ApproximateNumberOfMessagesToMove>2</ApproximateNumberOfMessagesToMove><FailureReason>f</FailureReason>\
         <StartedTimestamp>1700000000123</StartedTimestamp></ListMessageMoveTasksResultEntry><ListMessageMoveTasksResultEntry>\
         <Status>COMPLETED</Status><SourceArn>s</SourceArn><ApproximateNumberOfMessagesMoved>0</ApproximateNumberOfMessagesMoved>\
         <StartedTimestamp>1700000000123</StartedTimestamp></ListMessageMoveTasksResultEntry></ListMessageMoveTasksResult>",
    );
}

#[test]
fn results_with_nothing_in_them() {
    let all = [
        Response::ChangeMessageVisibilityBatch(Default::default()),
        Response::DeleteMessageBatch(Default::default()),
        Response::GetQueueAttributes(Default::default()),
        Response::ListDeadLetterSourceQueues(Default::default()),
        Response::ListMessageMoveTasks(Default::default()),
        Response::ListQueueTags(Default::default()),
        Response::ListQueues(Default::default()),
        Response::ReceiveMessage(Default::default()),
        Response::SendMessageBatch(Default::default()),
    ];
    for response in all {
        let xml = format!("<{}Result/>", response.operation().name());
        check(response, "{}", &xml);
    }
}

#[test]
fn an_empty_text_is_not_an_empty_result() {
    check(
        Response::GetQueueUrl(QueueUrlResult::default()),
        r#"{"QueueUrl":""}"#,
        "<GetQueueUrlResult><QueueUrl></QueueUrl></GetQueueUrlResult>",
    );
}

/// A Query request with `Accept: application/json`.
#[test]
fn json_out_of_the_query_protocol() {
    let answer = |response: Response| {
        let reply = encode(Protocol::QueryAsJson, &response, "r");
        assert_eq!((reply.status, reply.content_type, &reply.query_error), (200, "application/json", &None));
        serde_json::from_slice::<serde_json::Value>(&reply.body).unwrap()
    };
    let metadata = serde_json::json!({ "RequestId": "r" });
    assert_eq!(
        answer(Response::ListQueues(ListQueuesResult { next_token: None, queue_urls: vec!["u".into()] })),
        serde_json::json!({ "ListQueuesResponse": {
            "ListQueuesResult": { "queueUrls": ["u"] }, "ResponseMetadata": metadata
        }})
    );
    assert_eq!(
        answer(Response::GetQueueAttributes(GetQueueAttributesResult { attributes: map([("A", "1".to_owned())]) })),
        serde_json::json!({ "GetQueueAttributesResponse": {
            "GetQueueAttributesResult": { "Attributes": [{ "Name": "A", "Value": "1" }] }, "ResponseMetadata": metadata
        }})
    );
    let received = answer(Response::ReceiveMessage(ReceiveMessageResult { messages: vec![full_message()] }));
    let message = &received["ReceiveMessageResponse"]["ReceiveMessageResult"]["messages"][0];
    assert_eq!(message["Body"], "{\"a\":\"<é>\"}\r\n\t😀 & 'x'");
    assert_eq!(message["Attributes"][0]["Value"], "1");
    assert_eq!(
        message["MessageAttributes"][1],
        serde_json::json!({ "Name": "text", "Value": { "DataType": "String", "StringValue": "v&" } })
    );
    assert_eq!(
        answer(Response::ListQueueTags(ListQueueTagsResult { tags: map([("k", "v".to_owned())]) }))["ListQueueTagsResponse"]
            ["ListQueueTagsResult"],
        serde_json::json!({ "Tags": [{ "Key": "k", "Value": "v" }] })
    );
    assert_eq!(
        answer(Response::DeleteQueue(Empty {})),
        serde_json::json!({ "DeleteQueueResponse": { "ResponseMetadata": metadata } })
    );
    assert_eq!(
        answer(Response::ReceiveMessage(Default::default())),
        serde_json::json!({ "ReceiveMessageResponse": { "ReceiveMessageResult": {}, "ResponseMetadata": metadata } })
    );
}

#[test]
fn what_is_no_request_at_all_is_answered_in_xml() {
    let reply = not_found();
    assert_eq!((reply.status, reply.query_error.as_deref()), (404, None));
    assert_eq!(text(&reply), "<UnknownOperationException/>");
}
