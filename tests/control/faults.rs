//! Faults over HTTP: each of them, as a client on a socket sees it.

use super::fixture::Kew;
use kew::Server;
use kew::internals::error::ErrorKind;
use serde_json::{Value, json};
use std::io::{ErrorKind as IoErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

/// A server whose clock stands, with the rules.
fn with_rules(rules: Value) -> Kew {
    let kew = Kew::with(Server::builder().queue("orders").queue("jobs.fifo").manual_clock());
    let (status, answer) = kew.put("/faults", rules);
    assert_eq!(status, 200, "{answer}");
    kew
}

fn with_rule(rule: Value) -> Kew {
    with_rules(json!([rule]))
}

/// Visible, in flight, delayed.
fn counts(kew: &Kew, queue: &str) -> [u64; 3] {
    let (_, row) = kew.get(&format!("/queues/{queue}"));
    ["visible", "inFlight", "delayed"].map(|name| row[name].as_u64().unwrap())
}

/// How often the only rule matched and fired.
fn counted(kew: &Kew) -> [u64; 2] {
    let (_, list) = kew.get("/faults");
    ["seen", "fired"].map(|name| list["faults"][0][name].as_u64().unwrap())
}

fn bodies(messages: &[Value]) -> Vec<&str> {
    messages.iter().map(|message| message["Body"].as_str().unwrap()).collect()
}

/// One message with its receive count.
fn receive_one(kew: &Kew) -> Option<(Value, u64)> {
    let members = json!({"QueueUrl": "orders", "MessageSystemAttributeNames": ["ApproximateReceiveCount"]});
    let (status, got) = kew.sqs("ReceiveMessage", members);
    assert_eq!(status, 200, "{got}");
    let message = got["Messages"].as_array()?.first()?.clone();
    let count = message["Attributes"]["ApproximateReceiveCount"].as_str()?.parse().ok()?;
    Some((message, count))
}

fn delete(kew: &Kew, message: &Value) -> (u16, Value) {
    let handle = &message["ReceiptHandle"];
    let answer =
        kew.request("POST", "/", &JSON_DELETE, &json!({"QueueUrl": "orders", "ReceiptHandle": handle}).to_string());
    (answer.status, serde_json::from_str(&answer.body).unwrap_or(Value::Null))
}

const JSON_DELETE: [(&str, &str); 2] =
    [("Content-Type", "application/x-amz-json-1.0"), ("X-Amz-Target", "AmazonSQS.DeleteMessage")];

/// A connection on which a request was written.
fn written(kew: &Kew, action: &str, members: Value, header: &str) -> TcpStream {
    let mut stream = TcpStream::connect(kew.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let body = members.to_string();
    let request = format!(
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-amz-json-1.0\r\n\
         X-Amz-Target: AmazonSQS.{action}\r\n{header}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

/// What comes until the connection ends, and whether it was reset.
fn rest_of(mut stream: TcpStream) -> (String, bool) {
    let mut bytes = Vec::new();
    let reset = match stream.read_to_end(&mut bytes) {
        Ok(_) => false,
        Err(error) if error.kind() == IoErrorKind::ConnectionReset => true,
        Err(error) => panic!("{error}"),
    };
    (String::from_utf8(bytes).unwrap(), reset)
}

fn send(kew: &Kew, body: &str) -> TcpStream {
    written(kew, "SendMessage", json!({"QueueUrl": "orders", "MessageBody": body}), "")
}

#[test]
fn a_lost_answer_is_lost_when_all_is_done() {
    for (how, reset) in [("reset", true), ("close", false), ("truncate", false)] {
        let rule = json!({"fault": "lostAnswer", "how": how, "on": {"action": "SendMessage"}, "when": {"nth": [2]}});
        let kew = with_rule(rule);
        kew.send("orders", "first");
        let (text, was_reset) = rest_of(send(&kew, "second"));
        assert_eq!(was_reset, reset, "{how}");
        assert_eq!(counts(&kew, "orders"), [2, 0, 0], "{how}");
        assert_eq!(counted(&kew), [2, 1]);
        if how != "truncate" {
            assert_eq!(text, "");
            continue;
        }
        let (head, half) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        let length: usize =
            head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
        assert_eq!(half.len(), length / 2);
        assert!(half.starts_with("{\""), "{half}");
    }
}

#[test]
fn an_answer_that_never_comes_ends_with_the_client_or_the_server() {
    let rule = json!({"fault": "lostAnswer", "how": "never", "on": {"action": "SendMessage"}});
    let kew = with_rule(rule);
    let stream = send(&kew, "x");
    while counted(&kew)[1] == 0 {
        std::thread::yield_now();
    }
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(rest_of(stream).0, "");
    assert_eq!(counts(&kew, "orders"), [1, 0, 0]);
    let stream = send(&kew, "y");
    while counted(&kew)[1] == 1 {
        std::thread::yield_now();
    }
    // Nobody turns the time that requests have to finish.
    kew.server.shutdown_blocking();
    assert_eq!(rest_of(stream).0, "");
}

#[test]
fn messages_of_a_receive_whose_answer_is_lost_stay_in_flight() {
    let kew = with_rule(json!({"fault": "lostAnswer", "on": {"action": "ReceiveMessage"}, "when": {"first": 1}}));
    // An empty answer is not worth losing.
    assert!(kew.receive("orders").is_empty());
    kew.send("orders", "x");
    let lost = written(&kew, "ReceiveMessage", json!({"QueueUrl": "orders"}), "");
    assert!(rest_of(lost).1);
    assert_eq!(counts(&kew, "orders"), [0, 1, 0]);
    kew.server.advance(Duration::from_secs(30));
    let (_, count) = receive_one(&kew).unwrap();
    assert_eq!(count, 2);
}

#[test]
fn a_lost_request_is_never_carried_out() {
    let kew = with_rule(json!({"fault": "lostRequest", "on": {"action": "SendMessage"}, "when": {"first": 1}}));
    assert_eq!(rest_of(send(&kew, "x")), (String::new(), true));
    assert_eq!(counts(&kew, "orders"), [0, 0, 0]);
    kew.send("orders", "x");
}

#[test]
fn errors_are_in_the_shape_of_the_protocol_and_nothing_is_done() {
    for (rule, status, code) in [
        (json!({"fault": "throttle"}), 403, "RequestThrottled"),
        (json!({"fault": "unavailable"}), 503, "ServiceUnavailable"),
        (json!({"fault": "error", "code": "OverLimit"}), 403, "OverLimit"),
        (json!({"fault": "error", "code": "KmsDisabled"}), 400, "KMS.DisabledException"),
        (json!({"fault": "error", "code": "KMS.ThrottlingException"}), 400, "KMS.ThrottlingException"),
        (json!({"fault": "error", "code": "InternalFailure", "status": 502}), 502, "InternalFailure"),
    ] {
        let kew = with_rule(rule.clone());
        let body = json!({"QueueUrl": "orders", "MessageBody": "x"}).to_string();
        let json = [("Content-Type", "application/x-amz-json-1.0"), ("X-Amz-Target", "AmazonSQS.SendMessage")];
        let answer = kew.request("POST", "/", &json, &body);
        let fault = if status < 500 { "Sender" } else { "Receiver" };
        assert_eq!(answer.status, status, "{rule}");
        assert_eq!(answer.header("x-amzn-query-error"), Some(&*format!("{code};{fault}")), "{rule}");
        let form = [("Content-Type", "application/x-www-form-urlencoded")];
        let answer = kew.request("POST", "/", &form, "Action=SendMessage&QueueUrl=orders&MessageBody=x");
        assert_eq!(answer.status, status, "{rule}");
        assert!(answer.body.contains(&format!("<Type>{fault}</Type><Code>{code}</Code>")), "{}", answer.body);
        assert_eq!(counts(&kew, "orders"), [0, 0, 0]);
    }
}

#[test]
fn each_error_of_sqs_can_be_asked_for_by_both_of_its_names() {
    let kew = Kew::start();
    for kind in ErrorKind::ALL {
        for name in [kind.code(), kind.json_type().1] {
            let (status, rule) = kew.post("/faults", json!({"fault": "error", "code": name}));
            assert_eq!((status, rule["code"].as_str()), (201, Some(kind.json_type().1)), "{rule}");
        }
    }
}

#[test]
fn a_duplicate_has_a_handle_of_its_own_and_comes_although_the_first_was_deleted() {
    let kew = with_rule(json!({"fault": "duplicate", "on": {"queue": "orders"}, "copies": 2}));
    let id = kew.send("orders", "x");
    let mut handles = Vec::new();
    for expected in 1..=3 {
        let (message, count) = receive_one(&kew).unwrap();
        assert_eq!((message["MessageId"].as_str(), count), (Some(id.as_str()), expected));
        assert_eq!(delete(&kew, &message).0, 200);
        assert!(!handles.contains(&message["ReceiptHandle"]));
        handles.push(message["ReceiptHandle"].clone());
    }
    assert_eq!((receive_one(&kew), counts(&kew, "orders")), (None, [0, 0, 0]));
    assert_eq!(counted(&kew), [1, 1], "copies are not copied");
}

#[test]
fn two_consumers_have_a_duplicate_at_once() {
    let kew = with_rule(json!({"fault": "duplicate"}));
    let parked = kew.park("orders");
    kew.send("orders", "x");
    assert_eq!(bodies(parked.answer().json().1["Messages"].as_array().unwrap()), ["x"]);
    assert_eq!(receive_one(&kew).unwrap().1, 2);
    assert_eq!(counts(&kew, "orders"), [0, 2, 0]);
}

#[test]
fn a_duplicate_may_be_there_only_while_the_message_is_in_flight() {
    let kew = with_rule(json!({"fault": "duplicate", "while": "inFlight"}));
    kew.send("orders", "x");
    let (first, _) = receive_one(&kew).unwrap();
    delete(&kew, &first);
    assert_eq!(receive_one(&kew), None, "the delete took the duplicate along");
    kew.send("orders", "y");
    let (first, _) = receive_one(&kew).unwrap();
    assert_eq!(receive_one(&kew).unwrap().1, 2);
    assert_eq!(receive_one(&kew), None);
    delete(&kew, &first);
    assert_eq!(counts(&kew, "orders"), [0, 0, 0]);
}

#[test]
fn a_deleted_message_comes_back_once() {
    let kew = with_rule(json!({"fault": "resurrect", "after": "1m"}));
    let id = kew.send("orders", "x");
    let (first, _) = receive_one(&kew).unwrap();
    assert_eq!(delete(&kew, &first).0, 200);
    assert_eq!((receive_one(&kew), counts(&kew, "orders")), (None, [0, 0, 1]));
    // A delete that is tried again does not take it away.
    assert_eq!(delete(&kew, &first).0, 200);
    kew.server.advance(Duration::from_secs(60));
    let (back, count) = receive_one(&kew).unwrap();
    assert_eq!((back["MessageId"].as_str(), count), (Some(id.as_str()), 2));
    delete(&kew, &back);
    kew.server.advance(Duration::from_secs(3_600));
    assert_eq!(counts(&kew, "orders"), [0, 0, 0]);
}

#[test]
fn what_aws_promises_of_fifo_queues_holds() {
    let kew = with_rules(json!([{"fault": "duplicate"}, {"fault": "resurrect"}, {"fault": "reorder"}]));
    for body in ["a", "b", "c"] {
        let members = json!({"QueueUrl": "jobs.fifo", "MessageBody": body, "MessageGroupId": "g",
            "MessageDeduplicationId": body});
        assert_eq!(kew.sqs("SendMessage", members).0, 200);
    }
    let messages = kew.receive("jobs.fifo");
    assert_eq!(bodies(&messages), ["a", "b", "c"]);
    for message in &messages {
        let members = json!({"QueueUrl": "jobs.fifo", "ReceiptHandle": message["ReceiptHandle"]});
        let target = [("Content-Type", "application/x-amz-json-1.0"), ("X-Amz-Target", "AmazonSQS.DeleteMessage")];
        assert_eq!(kew.request("POST", "/", &target, &members.to_string()).status, 200);
    }
    assert_eq!(counts(&kew, "jobs.fifo"), [0, 0, 0]);
    for fault in ["duplicate", "resurrect", "reorder"] {
        let (status, refusal) = kew.post("/faults", json!({"fault": fault, "on": {"queue": "jobs.fifo"}}));
        assert_eq!(status, 400, "{refusal}");
        assert!(refusal["error"].as_str().unwrap().contains("FIFO"), "{refusal}");
    }
}

#[test]
fn a_receive_finds_nothing_though_messages_are_there() {
    let kew = with_rule(json!({"fault": "emptyReceive", "polls": "short", "when": {"first": 2}}));
    assert!(kew.receive("orders").is_empty());
    assert_eq!(counted(&kew), [0, 0], "of an empty queue nothing is hidden");
    kew.send("orders", "x");
    assert!(kew.receive("orders").is_empty());
    let long = kew.sqs("ReceiveMessage", json!({"QueueUrl": "orders", "WaitTimeSeconds": 20, "VisibilityTimeout": 0}));
    assert_eq!(bodies(long.1["Messages"].as_array().unwrap()), ["x"]);
    assert!(kew.receive("orders").is_empty());
    assert_eq!(bodies(&kew.receive("orders")), ["x"]);
}

#[test]
fn some_entries_of_a_batch_fail_and_the_rest_is_done() {
    let rule = json!({"fault": "partialBatch", "entries": 2, "code": "RequestThrottled", "when": {"nth": [1, 2, 3]}});
    let kew = with_rule(rule);
    let batch = |action: &str, entries: Vec<Value>| {
        let (status, answer) = kew.sqs(action, json!({"QueueUrl": "orders", "Entries": entries}));
        assert_eq!(status, 200, "{answer}");
        let failed = answer["Failed"].as_array().cloned().unwrap_or_default();
        for entry in &failed {
            assert_eq!((&entry["SenderFault"], &entry["Code"]), (&json!(false), &json!("RequestThrottled")), "{entry}");
        }
        let ids = |entries: &Value| entries.as_array().map_or(0, Vec::len);
        (
            failed.iter().map(|entry| entry["Id"].as_str().unwrap().to_owned()).collect::<Vec<_>>(),
            ids(&answer["Successful"]),
        )
    };
    // An entry that is wrong by itself is not counted.
    let entry = |id: usize| json!({"Id": id.to_string(), "MessageBody": if id == 0 { "" } else { "x" }});
    let (status, answer) =
        kew.sqs("SendMessageBatch", json!({"QueueUrl": "orders", "Entries": (0..5).map(entry).collect::<Vec<_>>()}));
    let failed = answer["Failed"].as_array().unwrap();
    assert_eq!((status, failed.len()), (200, 3), "{answer}");
    assert_eq!(failed.iter().filter(|entry| entry["SenderFault"] == json!(false)).count(), 2);
    assert_eq!(counts(&kew, "orders"), [2, 0, 0]);
    kew.send("orders", "y");
    let handles: Vec<Value> = kew.receive("orders").iter().map(|message| message["ReceiptHandle"].clone()).collect();
    let change =
        |(id, handle): (usize, &Value)| json!({"Id": id.to_string(), "ReceiptHandle": handle, "VisibilityTimeout": 9});
    let changed = batch("ChangeMessageVisibilityBatch", handles.iter().enumerate().map(change).collect());
    assert_eq!(changed, (vec!["0".to_owned(), "1".to_owned()], 1));
    let delete = |(id, handle): (usize, &Value)| json!({"Id": id.to_string(), "ReceiptHandle": handle});
    let deleted = batch("DeleteMessageBatch", handles.iter().enumerate().map(delete).collect());
    assert_eq!((deleted.1, counts(&kew, "orders")), (1, [0, 2, 0]));
    let again = batch("DeleteMessageBatch", handles.iter().enumerate().map(delete).collect());
    assert_eq!((again, counts(&kew, "orders")), ((Vec::new(), 3), [0, 0, 0]));
}

#[test]
fn messages_come_in_another_order_within_the_window_which_the_seed_decides() {
    let order = |seed: u64| {
        let kew = Kew::with(Server::builder().queue("orders").manual_clock().seed(seed));
        kew.put("/faults", json!([{"fault": "reorder", "window": 5}]));
        let sent: Vec<String> = (0..20).map(|n| format!("m{n:02}")).collect();
        sent.iter().for_each(|body| drop(kew.send("orders", body)));
        let one = || receive_one(&kew).map(|(message, _)| message["Body"].as_str().unwrap().to_owned());
        let received: Vec<String> = std::iter::from_fn(one).collect();
        assert_ne!(received, sent);
        for (own, others) in received.chunks(5).zip(sent.chunks(5)) {
            let mut own = own.to_vec();
            own.sort();
            assert_eq!(own, others, "no message leaves its window");
        }
        received
    };
    assert_eq!(order(7), order(7));
    assert_ne!(order(7), order(8));
}

#[test]
fn a_receipt_handle_is_not_valid_any_more() {
    let kew = with_rule(json!({"fault": "handleExpired", "when": {"first": 3}}));
    kew.send("orders", "x");
    let (message, _) = receive_one(&kew).unwrap();
    let (status, error) = delete(&kew, &message);
    assert_eq!((status, &error["__type"]), (404, &json!("com.amazonaws.sqs#ReceiptHandleIsInvalid")));
    let handle = &message["ReceiptHandle"];
    let change = json!({"QueueUrl": "orders", "ReceiptHandle": handle, "VisibilityTimeout": 9});
    let (status, error) = kew.sqs("ChangeMessageVisibility", change);
    assert_eq!((status, &error["__type"]), (404, &json!("com.amazonaws.sqs#ReceiptHandleIsInvalid")));
    let batch = json!({"QueueUrl": "orders", "Entries": [{"Id": "a", "ReceiptHandle": handle}]});
    let (_, answer) = kew.sqs("DeleteMessageBatch", batch);
    assert_eq!(
        (&answer["Failed"][0]["Code"], &answer["Failed"][0]["Id"]),
        (&json!("ReceiptHandleIsInvalid"), &json!("a"))
    );
    assert_eq!((delete(&kew, &message).0, counts(&kew, "orders")), (200, [0, 0, 0]));
}

#[test]
fn counts_are_those_of_a_while_ago() {
    let kew = with_rule(json!({"fault": "staleCounts", "lag": "2s"}));
    let visible = || {
        let members = json!({"QueueUrl": "orders", "AttributeNames": ["ApproximateNumberOfMessages", "QueueArn"]});
        kew.sqs("GetQueueAttributes", members).1["Attributes"]["ApproximateNumberOfMessages"].clone()
    };
    assert_eq!(visible(), "0");
    kew.pass(Duration::from_secs(10));
    kew.send("orders", "x");
    assert_eq!(visible(), "0");
    kew.pass(Duration::from_millis(1_500));
    kew.send("orders", "y");
    assert_eq!(visible(), "0");
    kew.pass(Duration::from_millis(500));
    assert_eq!(visible(), "1");
    kew.pass(Duration::from_secs(2));
    assert_eq!(visible(), "2");
}

#[test]
fn a_corrupt_body_is_not_that_of_its_digest_and_whole_again_at_the_next_receive() {
    let kew = with_rule(json!({"fault": "corrupt", "when": {"first": 1}}));
    kew.send("orders", "hello");
    let (message, _) = receive_one(&kew).unwrap();
    assert_eq!(
        (&message["Body"], &message["MD5OfBody"]),
        (&json!("xello"), &json!("5d41402abc4b2a76b9719d911017c592"))
    );
    kew.server.advance(Duration::from_secs(30));
    let (message, count) = receive_one(&kew).unwrap();
    assert_eq!((&message["Body"], count), (&json!("hello"), 2));
}

#[test]
fn an_answer_is_late_in_real_time() {
    for at in ["before", "after"] {
        let kew =
            with_rule(json!({"fault": "latency", "ms": 400, "jitter": 100, "at": at, "on": {"action": "SendMessage"}}));
        let began = kew.time.now_ms();
        let pending = kew.begin_sqs("test", "SendMessage", json!({"QueueUrl": "orders", "MessageBody": "x"}));
        let answered = std::thread::spawn(move || pending.answer().status);
        while counted(&kew)[1] == 0 {
            std::thread::yield_now();
        }
        assert_eq!(counts(&kew, "orders"), [u64::from(at == "after"), 0, 0], "{at}");
        while !answered.is_finished() {
            kew.pass(Duration::from_millis(10));
            std::thread::yield_now();
        }
        assert_eq!(answered.join().unwrap(), 200);
        assert!(kew.time.now_ms() - began >= 300, "{at}");
        assert_eq!(counts(&kew, "orders"), [1, 0, 0]);
    }
}

#[test]
fn a_profile_is_several_rules_that_go_together() {
    let kew = Kew::start();
    let (status, answer) = kew.post("/faults", json!({"id": "real", "fault": "awsLike", "on": {"queue": "orders"}}));
    assert_eq!((status, &answer["id"]), (201, &json!("real")));
    let faults: Vec<&str> = answer["faults"].as_array().unwrap().iter().map(|r| r["fault"].as_str().unwrap()).collect();
    assert_eq!(faults, ["throttle", "emptyReceive", "reorder", "duplicate", "staleCounts"]);
    assert!(answer["faults"].as_array().unwrap().iter().all(|rule| rule["on"]["queue"] == "orders"));
    assert_eq!(kew.delete("/faults/real").1["faults"], json!([]));
}

#[test]
fn a_rule_fires_when_it_says() {
    for (when, fired) in [
        (json!({}), "xxxxxxxx"),
        (json!({"nth": 3}), "..x....."),
        (json!({"nth": [2, 5]}), ".x..x..."),
        (json!({"first": 2}), "xx......"),
        (json!({"every": 3}), "..x..x.."),
        (json!({"after": 5}), ".....xxx"),
        (json!({"times": 3}), "xxx....."),
        (json!({"every": 2, "times": 2}), ".x.x...."),
        (json!({"probability": 0}), "........"),
        (json!({"probability": 1}), "xxxxxxxx"),
    ] {
        let kew = with_rule(json!({"fault": "throttle", "on": {"action": "SendMessage"}, "when": when}));
        let send = || kew.sqs("SendMessage", json!({"QueueUrl": "orders", "MessageBody": "x"})).0;
        let got: String = (0..8).map(|_| if send() == 403 { 'x' } else { '.' }).collect();
        assert_eq!(got, fired, "{when}");
        assert_eq!(counted(&kew), [8, fired.matches('x').count() as u64]);
    }
}

#[test]
fn a_rule_hits_what_it_says() {
    for (on, fires) in [
        (json!({}), true),
        (json!({"action": "SendMessage", "queue": "orders"}), true),
        (json!({"action": ["DeleteMessage", "SendMessage"]}), true),
        (json!({"action": "DeleteMessage"}), false),
        (json!({"queue": "order"}), false),
        (json!({"message": {"contains": "1001"}}), true),
        (json!({"message": {"json": {"$.id": 1001}, "group": "g"}}), true),
        (json!({"message": {"json": {"$.id": 1002}}}), false),
        (json!({"message": "7a0b9c1e-0000-4000-8000-000000000000"}), false),
        (json!({"caller": {"userAgent": "BOTO3"}}), true),
        (json!({"caller": {"userAgent": "boto3", "account": "000000000000"}}), true),
        (json!({"caller": {"account": "111122223333"}}), false),
    ] {
        let kew = with_rule(json!({"fault": "throttle", "on": on}));
        let members = json!({"QueueUrl": "orders", "MessageBody": "{\"id\": 1001}", "MessageGroupId": "g"});
        let stream = written(&kew, "SendMessage", members, "User-Agent: Boto3/1.43\r\nConnection: close\r\n");
        let status = if fires { "HTTP/1.1 403" } else { "HTTP/1.1 200" };
        assert!(rest_of(stream).0.starts_with(status), "{on}");
    }
}

#[test]
fn a_message_is_told_apart_where_its_handle_is_used_and_where_it_is_received() {
    let kew = with_rules(json!([
        {"fault": "error", "code": "InternalFailure", "on": {"action": "DeleteMessage", "message": {"body": "b"}}},
        {"fault": "lostAnswer", "on": {"action": "ReceiveMessage", "message": {"body": "c"}}},
    ]));
    for (body, answered, deleted) in [("a", true, 200), ("b", true, 500), ("c", false, 0)] {
        kew.send("orders", body);
        let stream = written(&kew, "ReceiveMessage", json!({"QueueUrl": "orders"}), "Connection: close\r\n");
        let (text, reset) = rest_of(stream);
        assert_eq!(!reset, answered, "{body}");
        if let Some((_, json)) = text.split_once("\r\n\r\n") {
            let json: Value = serde_json::from_str(json).unwrap();
            assert_eq!(delete(&kew, &json["Messages"][0]).0, deleted, "{body}");
        }
    }
}

#[test]
fn of_the_rules_for_one_point_the_first_that_fires_is_carried_out() {
    let kew = with_rules(json!([
        {"fault": "throttle", "when": {"nth": [2]}},
        {"fault": "unavailable", "when": {"after": 1}},
        {"fault": "partialBatch"},
    ]));
    let send = || kew.sqs("SendMessage", json!({"QueueUrl": "orders", "MessageBody": "x"})).0;
    assert_eq!([send(), send(), send(), send()], [200, 403, 503, 503]);
    let (_, list) = kew.get("/faults");
    let counts: Vec<_> =
        list["faults"].as_array().unwrap().iter().map(|r| (r["seen"].clone(), r["fired"].clone())).collect();
    assert_eq!(counts, [(json!(4), json!(1)), (json!(3), json!(2)), (json!(0), json!(0))]);
}

#[test]
fn rules_are_listed_added_replaced_and_removed() {
    let kew = Kew::start();
    assert_eq!(kew.text("GET", "/faults"), (200, "no faults\n".to_owned()));
    let (status, rule) = kew.post("/faults?fault=lostAnswer&on.action=SendMessage&when.nth=2,5&how=close", json!({}));
    let expected = json!({"id": "fault-1", "fault": "lostAnswer", "on": {"action": "SendMessage"}, "when": {"nth": [2, 5]},
        "how": "close", "seen": 0, "fired": 0, "position": rule["position"]});
    assert_eq!((status, rule), (201, expected));
    kew.post("/faults", json!({"id": "slow", "fault": "latency", "ms": 5, "on": {"queue": "orders"}, "ttl": "90s"}));
    let table = "\
id       fault                 on           when     seen  fired
fault-1  lostAnswer how close  SendMessage  nth 2 5     0      0
slow     latency ms 5          at orders    always      0      0
";
    assert_eq!(kew.text("GET", "/faults"), (200, table.to_owned()));
    assert_eq!(kew.get("/faults").1["faults"][1]["endsInMs"], 90_000);
    kew.pass(Duration::from_secs(90));
    assert_eq!(kew.get("/faults").1["faults"].as_array().map(Vec::len), Some(1), "its time is over");
    let (status, refusal) = kew.post("/faults", json!({"id": "fault-1", "fault": "throttle"}));
    assert_eq!((status, &refusal["error"]), (409, &json!("there is a rule `fault-1` already")));
    // All, or none.
    let (status, refusal) = kew.put("/faults", json!([{"fault": "throttle"}, {"fault": "throtle"}]));
    assert_eq!((status, &refusal["error"]), (400, &json!("rule 2: there is no fault `throtle`")));
    assert_eq!(kew.get("/faults").1["faults"][0]["id"], "fault-1");
    let (status, list) = kew.put("/faults", json!({"faults": [{"fault": "throttle"}]}));
    assert_eq!((status, &list["faults"][0]["fault"]), (200, &json!("throttle")));
    let (status, refusal) = kew.delete("/faults/fault-3");
    assert_eq!((status, &refusal["hint"]), (404, &json!("did you mean `fault-2`?")));
    assert_eq!(kew.delete("/faults/fault-2").1["faults"], json!([]));
    kew.post("/faults", json!([{"fault": "throttle"}, {"fault": "unavailable"}]));
    assert_eq!(kew.delete("/faults").1["faults"], json!([]));
}

#[test]
fn there_are_at_most_a_thousand_rules() {
    let kew = Kew::start();
    let rules = |count: usize| Value::from(vec![json!({"fault": "corrupt"}); count]);
    assert_eq!(kew.put("/faults", rules(1_000)).0, 200);
    assert_eq!(kew.post("/faults", json!({"fault": "corrupt"})).0, 409);
    assert_eq!(kew.put("/faults", rules(1_001)).0, 409);
    assert_eq!(kew.get("/faults").1["faults"].as_array().map(Vec::len), Some(1_000));
}

#[test]
fn what_is_no_rule_is_refused_with_the_nearest_right_name() {
    let kew = Kew::start();
    for (rule, error, hint) in [
        (json!({}), "missing field `fault`", ""),
        (json!({"fault": "lostanswer"}), "there is no fault `lostanswer`", "did you mean `lostAnswer`?"),
        (
            json!({"fault": "throttle", "on": {"action": "SendMesage"}}),
            "unknown action `SendMesage`",
            "did you mean `SendMessage`?",
        ),
        (
            json!({"fault": "error", "code": "KmsThrotled"}),
            "unknown error code `KmsThrotled`",
            "did you mean `KmsThrottled`?",
        ),
        (json!({"fault": "error"}), "`error` needs a `code`", "as in"),
        (json!({"fault": "latency"}), "`latency` needs `ms`", "as in"),
        (json!({"fault": "throttle", "wen": {}}), "unknown field `wen`", "did you mean `when`?"),
        (json!({"fault": "throttle", "how": "reset"}), "`how` is no argument of `throttle`", "takes no arguments"),
        (
            json!({"fault": "latency", "ms": 1, "copies": 1}),
            "`copies` is no argument of `latency`",
            "it takes ms, jitter, at",
        ),
        (json!({"fault": "lostAnswer", "how": "rset"}), "unknown variant `rset`", "did you mean `reset`?"),
        (
            json!({"fault": "duplicate", "on": {"action": "SendMessage"}}),
            "`duplicate` does not act on SendMessage",
            "ReceiveMessage",
        ),
        (
            json!({"fault": "throttle", "on": {"action": "ReceiveMessage", "message": {"body": "x"}}}),
            "cannot tell messages apart",
            "it can on SendMessage",
        ),
        (
            json!({"fault": "throttle", "on": {"message": {"bodi": "x"}}}),
            "unknown field `bodi`",
            "did you mean `body`?",
        ),
        (json!({"fault": "throttle", "on": {"message": "x"}}), "a message id is a UUID", ""),
        (json!({"fault": "throttle", "when": {"nth": 1, "every": 2}}), "both `nth` and `every`", "say one"),
        (json!({"fault": "throttle", "when": {"nth": [0]}}), "counts from 1", ""),
        (json!({"fault": "throttle", "when": {"nth": ["x"]}}), "a number is wanted", ""),
        (json!({"fault": "throttle", "when": {"probability": 1.5}}), "`probability` is 0 to 1", ""),
        (json!({"fault": "duplicate", "copies": 11}), "`copies` of `duplicate` is 1 to 10, not 11", ""),
        (json!({"fault": "reorder", "window": 1}), "`window` of `reorder` is 2 to 100, not 1", ""),
        (json!({"fault": "partialBatch", "entries": 11}), "`entries` of `partialBatch` is 1 to 10, not 11", ""),
        (json!({"fault": "error", "code": "OverLimit", "status": 200}), "`status` of `error` is 400 to 599", ""),
        (json!({"fault": "latency", "ms": 600_001}), "`ms` of `latency` is 0 to 600000", ""),
        (json!({"fault": "resurrect", "after": "5 parsecs"}), "`5 parsecs` is no duration", ""),
        (json!({"fault": "staleCounts", "lag": "2h"}), "`lag` of `staleCounts` is at most 1h", ""),
        (json!({"fault": "throttle", "ttl": 0}), "`ttl` is more than nothing", ""),
        (json!({"fault": "throttle", "id": "a/b"}), "an id has 1 to 80 characters", ""),
        (json!({"fault": "awsLike", "when": {"first": 1}}), "`awsLike` has its own `when`", ""),
        (json!("throttle"), "invalid type", ""),
    ] {
        let (status, refusal) = kew.post("/faults", rule.clone());
        assert_eq!(status, 400, "{rule}: {refusal}");
        let says = |name: &str, part: &str| refusal[name].as_str().is_some_and(|text| text.contains(part));
        assert!(says("error", error) && says("hint", hint), "{rule}: {refusal}");
    }
    assert_eq!(kew.get("/faults").1["faults"], json!([]));
}

#[test]
fn a_request_may_ask_for_a_fault_of_its_own() {
    let kew = Kew::start();
    let members = || json!({"QueueUrl": "orders", "MessageBody": "x"});
    let lost = written(&kew, "SendMessage", members(), "Kew-Fault: lostAnswer; how=close\r\n");
    assert_eq!(rest_of(lost), (String::new(), false));
    for (header, status) in [("throttle", 403), ("error; code=OverLimit", 403), ("partialBatch", 200)] {
        let stream = written(&kew, "SendMessage", members(), &format!("Kew-Fault: {header}\r\nConnection: close\r\n"));
        assert!(rest_of(stream).0.starts_with(&format!("HTTP/1.1 {status}")), "{header}");
    }
    for (header, text) in [
        ("trottle", "did you mean `throttle`?"),
        ("lostAnswer; ttl=5", "nothing else"),
        ("awsLike", "a request asks for one fault"),
        ("", "there is no fault ``"),
    ] {
        let stream = written(&kew, "SendMessage", members(), &format!("Kew-Fault: {header}\r\nConnection: close\r\n"));
        let (answer, _) = rest_of(stream);
        assert!(answer.starts_with("HTTP/1.1 400") && answer.contains(text), "{header}: {answer}");
    }
    assert_eq!(counts(&kew, "orders"), [2, 0, 0]);
    let off = Kew::with(Server::builder().queue("orders").mode(kew::Mode::Aws));
    let stream =
        written(&off, "GetQueueUrl", json!({"QueueName": "orders"}), "Kew-Fault: throttle\r\nConnection: close\r\n");
    assert!(rest_of(stream).0.starts_with("HTTP/1.1 200"), "where control is off nobody asks for anything");
}
