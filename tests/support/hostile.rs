//! What hostile requests are made of: short texts and values at random, and large JSON bodies for every action.

use kew::internals::api::Operation;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Bytes of each large body, about.
const SIZE: usize = 96 * 1024;

/// A request to measure: what it is, its action and its body.
pub struct Hostile {
    pub what: String,
    pub action: &'static str,
    pub body: Vec<u8>,
}

/// The names of all operations.
pub fn operations() -> impl Iterator<Item = &'static str> {
    Operation::ALL.iter().map(|operation| operation.name())
}

/// The members that an action reads, each of which is given every hostile value; and one that none reads.
fn members(action: &str) -> &'static [&'static str] {
    match action {
        "AddPermission" => &["AWSAccountIds", "Actions", "Label", "QueueUrl"],
        "CancelMessageMoveTask" => &["TaskHandle"],
        "ChangeMessageVisibility" => &["ReceiptHandle", "VisibilityTimeout"],
        "CreateQueue" => &["Attributes", "QueueName", "tags"],
        "DeleteMessage" => &["QueueUrl", "ReceiptHandle"],
        "ChangeMessageVisibilityBatch" | "DeleteMessageBatch" => &["Entries"],
        "GetQueueAttributes" => &["AttributeNames"],
        "GetQueueUrl" => &["QueueName", "QueueOwnerAWSAccountId"],
        "ListDeadLetterSourceQueues" => &["NextToken"],
        "ListMessageMoveTasks" => &["SourceArn", "MaxResults"],
        "ListQueues" => &["QueueNamePrefix", "NextToken", "Unknown"],
        "ReceiveMessage" => {
            &["AttributeNames", "MessageAttributeNames", "MessageSystemAttributeNames", "ReceiveRequestAttemptId"]
        }
        "RemovePermission" => &["Label"],
        "SendMessage" => &[
            "MessageBody",
            "MessageAttributes",
            "MessageSystemAttributes",
            "MessageGroupId",
            "MessageDeduplicationId",
            "DelaySeconds",
            "Unknown",
        ],
        "SendMessageBatch" => &["Entries"],
        "SetQueueAttributes" => &["Attributes"],
        "StartMessageMoveTask" => &["SourceArn", "DestinationArn"],
        "TagQueue" => &["Tags"],
        "UntagQueue" => &["TagKeys"],
        _ => &["QueueUrl"],
    }
}

fn string(piece: &str) -> String {
    format!("\"{}\"", piece.repeat(SIZE / piece.len()))
}

fn list(element: &str) -> String {
    let count = SIZE / (element.len() + 1);
    format!("[{}{element}]", format!("{element},").repeat(count))
}

/// Many keys, all different.
fn map(value: &str) -> String {
    let count = SIZE / (value.len() + 8);
    let entries: Vec<String> = (0..count).map(|n| format!("\"{n:x}\":{value}")).collect();
    format!("{{{}}}", entries.join(","))
}

/// Texts, with what is known to grow when it is copied, read or quoted.
fn strings() -> Vec<(String, String)> {
    let of = |piece: &str| (format!("a string of {}", piece.escape_debug()), string(piece));
    let mut all: Vec<_> = [
        "a",
        "1",
        "A",
        "/",
        "é",
        "\u{7f}",
        "\u{80}",
        "\u{200b}",
        "&",
        "<",
        "\\\"",
        "\\n",
        "\\u0000",
        "\\u0001",
        "\\u007f",
        "\\ud800",
        "\\ud83d\\ude00",
        "[",
        "{}",
        "[[],[]],",
        "arn:aws:sqs:",
    ]
    .into_iter()
    .map(of)
    .collect();
    for share in [10, 49, 51, 90] {
        let before = SIZE * share / 100;
        let text = format!("\"{}\\n{}\"", "a".repeat(before), "a".repeat(SIZE - before));
        all.push((format!("a string with one escape after {share} %"), text));
        let text = format!("\"{}\\udc00{}\"", "a".repeat(before), "A".repeat(SIZE - before));
        all.push((format!("a string with a lone surrogate after {share} %"), text));
    }
    all
}

fn values() -> Vec<(String, String)> {
    let mut all = strings();
    for element in [
        "{}",
        "\"\"",
        "[]",
        "null",
        "1",
        "1.5",
        "true",
        "\"a\"",
        "\"All\"",
        "{\"Id\":\"a\"}",
        "{\"MessageAttributes\":{\"a\":{}}}",
    ] {
        all.push((format!("a list of {element}"), list(element)));
    }
    for value in ["{}", "\"\"", "null", "1", "[]", "{\"DataType\":\"String\",\"StringValue\":\"\"}"] {
        all.push((format!("a map to {value}"), map(value)));
    }
    all.push(("one key again and again".into(), format!("{{{}\"a\":\"\"}}", "\"a\":\"\",".repeat(SIZE / 7))));
    all.push((
        "long keys".into(),
        format!(
            "{{{}\"z\":{{}}}}",
            (0..8).map(|n| format!("\"{n}{}\":{{}},", "\\n".repeat(SIZE / 16))).collect::<String>()
        ),
    ));
    all.push(("deep lists".into(), list(&format!("{}{}", "[".repeat(110), "]".repeat(110)))));
    all.push(("deep maps".into(), list(&format!("{}1{}", "{\"a\":".repeat(110), "}".repeat(110)))));
    all.push(("too deep".into(), "[".repeat(SIZE)));
    all.push(("a long number".into(), "1".repeat(SIZE)));
    all.push(("a long fraction".into(), format!("0.{}", "1".repeat(SIZE))));
    all
}

/// A policy in the text of an attribute.
fn policies() -> Vec<(String, String)> {
    let quoted = |policy: String| serde_json::Value::from(policy).to_string();
    let ones = list("[1]");
    let mut all = strings();
    all.push(("a policy of lists".into(), quoted(ones.clone())));
    for key in ["Statement", "deadLetterTargetArn", "maxReceiveCount", "sourceQueueArns", "redrivePermission"] {
        all.push((format!("a policy with lists for {key}"), quoted(format!("{{\"{key}\":{ones}}}"))));
    }
    all.push((
        "a policy with an ARN".into(),
        quoted(format!("{{\"deadLetterTargetArn\":\"arn:aws:sqs:{}:1:q\",\"maxReceiveCount\":1}}", "r".repeat(SIZE))),
    ));
    all
}

/// Hands out all hostile bodies of an action.
pub fn json_bodies(action: &'static str, each: &mut dyn FnMut(Hostile)) {
    let mut give = |what: String, member: &str, value: &str| {
        let queue = if member == "QueueUrl" { "" } else { "\"QueueUrl\":\"q\"," };
        let name = if member == "QueueName" || action != "CreateQueue" { "" } else { "\"QueueName\":\"n\"," };
        let body = format!("{{{queue}{name}\"{member}\":{value}}}").into_bytes();
        each(Hostile { what: format!("{action} {member}: {what}"), action, body });
    };
    let values = values();
    for member in members(action) {
        for (what, value) in &values {
            give(what.clone(), member, value);
        }
        match *member {
            "Entries" => {
                for inner in ["Id", "ReceiptHandle", "MessageBody", "MessageGroupId", "MessageAttributes"] {
                    for (what, value) in &values {
                        give(format!("{inner} {what}"), member, &format!("[{{\"Id\":\"a\",\"{inner}\":{value}}}]"));
                    }
                }
                let handles =
                    vec![format!("{{\"Id\":\"#\",\"ReceiptHandle\":\"{}\"}}", "\\\"".repeat(SIZE / 20)); 10].join(",");
                let mut ids = 0..;
                let handles =
                    handles.split('#').map(|part| format!("{part}{}", ids.next().unwrap_or(0))).collect::<String>();
                give("ten long handles".into(), member, &format!("[{}]", handles.trim_end_matches(char::is_numeric)));
            }
            "MessageAttributes" | "MessageSystemAttributes" => {
                for inner in ["StringValue", "BinaryValue", "DataType", "StringListValues", "BinaryListValues"] {
                    for (what, value) in &values {
                        give(
                            format!("{inner} {what}"),
                            member,
                            &format!("{{\"AWSTraceHeader\":{{\"{inner}\":{value}}}}}"),
                        );
                    }
                }
                for (what, value) in strings() {
                    for (kind, inner) in
                        [("Number", "StringValue"), ("String", "StringValue"), ("Binary", "BinaryValue")]
                    {
                        let given = format!("{{\"a\":{{\"DataType\":\"{kind}\",\"{inner}\":{value}}}}}");
                        give(format!("{kind} {what}"), member, &given);
                    }
                }
            }
            "Attributes" => {
                for inner in [
                    "Policy",
                    "RedrivePolicy",
                    "RedriveAllowPolicy",
                    "KmsMasterKeyId",
                    "VisibilityTimeout",
                    "FifoQueue",
                ] {
                    for (what, value) in policies() {
                        give(format!("{inner} {what}"), member, &format!("{{\"{inner}\":{value}}}"));
                    }
                }
            }
            "tags" | "Tags" => {
                for (what, value) in strings() {
                    give(format!("a value, {what}"), member, &format!("{{\"a\":{value}}}"));
                    give(format!("a key, {what}"), member, &format!("{{{value}:\"a\"}}"));
                }
            }
            "AWSAccountIds" | "Actions" => {
                for (what, value) in strings() {
                    let both = format!("[{value}],\"Label\":\"a\",\"AWSAccountIds\":[{value}],\"Actions\":[\"*\"]");
                    give(format!("with {what}"), "Unknown", &both);
                }
            }
            _ => {}
        }
    }
}

/// Hands out long polls that are asked for in hostile ways.
pub fn long_polls(each: &mut dyn FnMut(Hostile)) {
    let long = "a".repeat(SIZE);
    let names = (0..SIZE / 8).map(|n| format!("\"{n:05}\"")).collect::<Vec<_>>().join(",");
    let selectors = vec![format!("\"{}\"", "b".repeat(SIZE / 100)); 100].join(",");
    for (what, members) in [
        ("an unknown member", format!("\"Unknown\":\"{long}\"")),
        ("a long URL", format!("\"QueueUrl\":\"http://{long}/q\"")),
        ("a long name", format!("\"MessageAttributeNames\":[\"{long}\"]")),
        ("a long prefix", format!("\"MessageAttributeNames\":[\"{long}.*\"]")),
        ("many names", format!("\"MessageAttributeNames\":[{names}]")),
        ("many long names", format!("\"MessageAttributeNames\":[{selectors}]")),
        ("long system names", format!("\"AttributeNames\":[\"{long}\"],\"MessageSystemAttributeNames\":[\"{long}\"]")),
    ] {
        let queue = if members.contains("QueueUrl") { "" } else { "\"QueueUrl\":\"q\"," };
        let body = format!("{{{queue}\"WaitTimeSeconds\":20,{members}}}").into_bytes();
        each(Hostile { what: what.to_owned(), action: "ReceiveMessage", body });
    }
}

/// Members of all requests, and of what is in them.
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

/// Texts that mean something to some member, or are likely to be misunderstood.
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

/// Any text, often one of [`TEXTS`].
pub fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(TEXTS).prop_map(str::to_owned),
        1 => any::<String>(),
        1 => (0..300_usize).prop_map(|length| "x".repeat(length)),
    ]
}

/// The name of a member, seldom of none.
pub fn any_member() -> impl Strategy<Value = String> {
    prop_oneof![12 => prop::sample::select(MEMBERS).prop_map(str::to_owned), 1 => any_text()]
}

/// Any JSON value, a few levels deep.
pub fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        6 => any_text().prop_map(Value::from),
        2 => (-2..50_000_i64).prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(|number| json!(number)),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((any_member(), inner), 0..4).prop_map(|pairs| pairs.into_iter().collect()),
        ]
    })
}
