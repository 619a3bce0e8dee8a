//! Any request at all, without a socket: no panic, no 500, and a well-formed answer.

use crate::answers::{answer, check};
use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use kew::Server;
use proptest::prelude::*;
use serde_json::{Value, json};

const ACTIONS: &[&str] = &[
    "AddPermission",
    "CancelMessageMoveTask",
    "ChangeMessageVisibility",
    "ChangeMessageVisibilityBatch",
    "CreateQueue",
    "DeleteMessage",
    "DeleteMessageBatch",
    "DeleteQueue",
    "GetQueueAttributes",
    "GetQueueUrl",
    "ListDeadLetterSourceQueues",
    "ListMessageMoveTasks",
    "ListQueueTags",
    "ListQueues",
    "PurgeQueue",
    "ReceiveMessage",
    "RemovePermission",
    "SendMessage",
    "SendMessageBatch",
    "SetQueueAttributes",
    "StartMessageMoveTask",
    "TagQueue",
    "UntagQueue",
    "Bogus",
    "",
];

const MEMBERS: &[&str] = &[
    "QueueUrl",
    "QueueName",
    "MessageBody",
    "DelaySeconds",
    "MessageAttributes",
    "MessageSystemAttributes",
    "MessageGroupId",
    "MessageDeduplicationId",
    "Entries",
    "Id",
    "ReceiptHandle",
    "VisibilityTimeout",
    "MaxNumberOfMessages",
    "WaitTimeSeconds",
    "AttributeNames",
    "MessageAttributeNames",
    "MessageSystemAttributeNames",
    "ReceiveRequestAttemptId",
    "Attributes",
    "tags",
    "Tags",
    "TagKeys",
    "QueueNamePrefix",
    "MaxResults",
    "NextToken",
    "SourceArn",
    "DestinationArn",
    "MaxNumberOfMessagesPerSecond",
    "TaskHandle",
    "Label",
    "AWSAccountIds",
    "Actions",
    "DataType",
    "StringValue",
    "BinaryValue",
    "RedrivePolicy",
    "Policy",
    "FifoQueue",
    "AWSTraceHeader",
];

const TEXTS: &[&str] = &[
    "q",
    "jobs.fifo",
    "nope",
    "http://h/000000000000/q",
    "/000000000000/jobs.fifo",
    "arn:aws:sqs:us-east-1:000000000000:dead",
    "All",
    ".*",
    "String",
    "Number",
    "Binary",
    "Number.x",
    "true",
    "0",
    "1",
    "10",
    "-1",
    "43200",
    "99999999999999999999",
    "1e400",
    "\u{0}\u{1}\u{1b}",
    "\u{fffe}\u{ffff}",
    "<a>&\"']]>",
    "é☃😀",
    "\r\n\t",
    "{\"deadLetterTargetArn\":\"arn:aws:sqs:us-east-1:000000000000:dead\",\"maxReceiveCount\":1}",
    "{\"redrivePermission\":\"byQueue\",\"sourceQueueArns\":[]}",
    "",
];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(TEXTS).prop_map(str::to_owned),
        1 => any::<String>(),
        1 => (0..300_usize).prop_map(|length| "x".repeat(length)),
    ]
}

fn member() -> impl Strategy<Value = String> {
    prop_oneof![12 => prop::sample::select(MEMBERS).prop_map(str::to_owned), 1 => text()]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        6 => text().prop_map(Value::from),
        2 => (-2..50_000_i64).prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(|number| json!(number)),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((member(), inner), 0..4).prop_map(|pairs| pairs.into_iter().collect()),
        ]
    })
}

/// A parameter's name: members and numbers with dots between.
fn parameter() -> impl Strategy<Value = String> {
    let number = prop_oneof![Just("1"), Just("2"), Just("0"), Just("99999999999999999999"), Just("member"), Just("")];
    prop::collection::vec(prop_oneof![3 => member(), 2 => number.prop_map(str::to_owned)], 1..5)
        .prop_map(|parts| parts.join("."))
}

#[derive(Debug)]
struct Any {
    method: &'static str,
    target: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

fn call() -> impl Strategy<Value = Any> {
    let action = || prop::sample::select(ACTIONS);
    let object = prop::collection::vec((member(), value()), 0..6);
    let in_json = (action(), object, prop::bool::ANY).prop_map(|(action, members, on_queue)| {
        let mut members: serde_json::Map<String, Value> = members.into_iter().collect();
        if on_queue {
            members.insert("QueueUrl".to_owned(), json!("q"));
        }
        Any {
            method: "POST",
            target: "/".to_owned(),
            headers: vec![
                ("content-type", "application/x-amz-json-1.0".to_owned()),
                ("x-amz-target", format!("AmazonSQS.{action}")),
            ],
            body: Value::from(members).to_string().into_bytes(),
        }
    });
    let pairs = || prop::collection::vec((parameter(), text()), 0..10);
    let encoded = |action: &str, pairs: Vec<(String, String)>| {
        let first = ("Action".to_owned(), action.to_owned());
        serde_urlencoded::to_string([vec![first], pairs].concat()).unwrap()
    };
    let form = (action(), pairs()).prop_map(move |(action, pairs)| Any {
        method: "POST",
        target: "/000000000000/q".to_owned(),
        headers: vec![("content-type", "application/x-www-form-urlencoded".to_owned())],
        body: encoded(action, pairs).into_bytes(),
    });
    let url = (action(), pairs(), prop::bool::ANY).prop_map(move |(action, pairs, as_json)| Any {
        method: "GET",
        target: format!("/?{}", encoded(action, pairs)),
        headers: if as_json { vec![("accept", "application/json".to_owned())] } else { vec![] },
        body: Vec::new(),
    });
    prop_oneof![3 => in_json, 3 => form, 1 => url]
}

/// Bytes that nobody meant, under headers that somebody might have.
fn noise() -> impl Strategy<Value = Any> {
    let methods = prop::sample::select(vec!["GET", "HEAD", "POST", "PUT", "OPTIONS", "XYZ"]);
    let kinds = vec!["application/x-amz-json-1.0", "application/x-www-form-urlencoded", "text/plain", ""];
    let header = prop_oneof![
        prop::sample::select(kinds).prop_map(|kind| ("content-type", kind.to_owned())),
        prop::sample::select(ACTIONS).prop_map(|action| ("x-amz-target", format!("AmazonSQS.{action}"))),
        text().prop_map(|text| ("authorization", format!("AWS4-HMAC-SHA256 Credential={text}"))),
        text().prop_map(|text| ("host", text)),
        text().prop_map(|text| ("accept", text)),
        text().prop_map(|text| ("x-amzn-trace-id", text)),
        text().prop_map(|text| ("x-amz-target", text)),
    ];
    let target = "[/?&=%a-zA-Z0-9._:;@+*-]{0,60}".prop_map(|rest| format!("/{rest}"));
    (methods, target, prop::collection::vec(header, 0..5), prop::collection::vec(any::<u8>(), 0..200))
        .prop_map(|(method, target, headers, body)| Any { method, target, headers, body })
}

fn request(any: &Any) -> Option<Request<Full<Bytes>>> {
    let mut request = Request::builder().method(any.method).uri(&any.target);
    for (name, value) in &any.headers {
        request = request.header(*name, hyper::header::HeaderValue::from_bytes(value.as_bytes()).ok()?);
    }
    request.body(Full::new(Bytes::from(any.body.clone()))).ok()
}

fn server() -> Server {
    Server::builder()
        .queue(kew::QueueConfig::new("q").dead_letter("dead", 2))
        .queue("jobs.fifo")
        .manual_clock()
        .start()
        .unwrap()
}

fn cases(count: u32) -> ProptestConfig {
    ProptestConfig { cases: count, failure_persistence: None, ..ProptestConfig::default() }
}

/// Runs one property with a server that lives through all of its cases.
fn run(count: u32, requests: impl Strategy<Value = Vec<Any>>) {
    // For the limit on the time that a body may take, which needs a timer.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let _inside = runtime.enter();
    let server = server();
    let mut runner = proptest::test_runner::TestRunner::new(cases(count));
    let outcome = runner.run(&requests, |requests| {
        for any in &requests {
            if let Some(request) = request(any) {
                check(answer(server.service(), request));
            }
        }
        Ok(())
    });
    outcome.unwrap_or_else(|e| panic!("{e}"));
}

#[test]
fn any_call_has_a_well_formed_answer() {
    run(1500, prop::collection::vec(call(), 1..5));
}

#[test]
fn any_bytes_have_a_well_formed_answer() {
    run(3000, prop::collection::vec(noise(), 1..3));
}
