//! The report on the consumer, from requests to text. Real time passes only when the test turns it.

use super::fixture::Kew;
use kew::{Clock, QueueConfig, Server, ServerBuilder};
use serde_json::{Value, json};
use std::time::Duration;

/// A server whose clock is the machine's, which only the test turns.
struct Consumer {
    kew: Kew,
    machine: Clock,
}

impl Consumer {
    fn new() -> Consumer {
        Consumer::with(Server::builder().queue("orders"))
    }

    fn with(builder: ServerBuilder) -> Consumer {
        let machine = Clock::manual();
        let clock = kew::internals::clock::Clock::controlled_by(machine.clone());
        Consumer { kew: Kew::with(builder.clock(clock).seed(42)), machine }
    }

    /// Lets real time pass: work is done.
    fn work(&self, seconds: f64) {
        assert!(self.machine.advance(Duration::from_secs_f64(seconds)));
    }

    /// Turns the clock of the queues.
    fn turn(&self, seconds: u64) {
        self.kew.server.advance(Duration::from_secs(seconds));
    }

    /// Receives one message; its receipt handle.
    fn receive(&self) -> String {
        let got = self.kew.receive("orders");
        got[0]["ReceiptHandle"].as_str().unwrap().to_owned()
    }

    fn delete(&self, handle: &str) {
        self.done("DeleteMessage", json!({"QueueUrl": "orders", "ReceiptHandle": handle}));
    }

    fn change_visibility(&self, handle: &str, seconds: u32) {
        let body = json!({"QueueUrl": "orders", "ReceiptHandle": handle, "VisibilityTimeout": seconds});
        self.done("ChangeMessageVisibility", body);
    }

    /// An action whose answer says nothing.
    fn done(&self, action: &str, body: Value) {
        let answer = self.kew.begin_sqs("test", action, body).answer();
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// The report for people.
    fn text(&self) -> String {
        let (status, text) = self.kew.text("GET", "/report");
        assert_eq!(status, 200, "{text}");
        text
    }

    /// The report for scripts.
    fn json(&self, query: &str) -> Value {
        let (status, report) = self.kew.get(&format!("/report{query}"));
        assert_eq!(status, 200, "{report}");
        report
    }

    fn codes(&self) -> Vec<String> {
        let report = self.json("");
        let codes = report["findings"].as_array().unwrap().iter().map(|finding| finding["code"].as_str().unwrap());
        codes.map(str::to_owned).collect()
    }
}

#[test]
fn a_run_without_mistakes_is_one_line() {
    let consumer = Consumer::new();
    assert_eq!(consumer.text(), "clean: 1 queue, nothing was sent\n");
    for body in ["a", "b"] {
        consumer.kew.send("orders", body);
        let handle = consumer.receive();
        consumer.work(29.9);
        consumer.delete(&handle);
    }
    assert_eq!(consumer.text(), "clean: 1 queue, 2 messages sent, all deleted\n");
    let report = consumer.json("");
    assert_eq!((&report["clean"], &report["worst"], &report["complete"]), (&json!(true), &json!(null), &json!(true)));
    assert_eq!((&report["findings"], &report["queues"], &report["seed"]), (&json!([]), &json!(["orders"]), &json!(42)));
}

#[test]
fn k1_a_consumer_that_works_longer_than_the_visibility_timeout() {
    let consumer = Consumer::new();
    let id = consumer.kew.send("orders", "a");
    let first = consumer.receive();
    consumer.work(31.0);
    let second = consumer.receive();
    consumer.work(10.0);
    consumer.delete(&first);
    consumer.delete(&second);
    let expected = format!(
        "\
1 error, 1 warning: 1 queue, 1 message sent, all deleted

error K1 orders: visibility timeout 30s < p99 processing 41s: 1 message was processed twice
  change: set VisibilityTimeout well above 41s, or extend it by ChangeMessageVisibility while the work goes on
  e.g. {id}

warning K3 orders: 1 message was received again while the receive before was still at work and deleted later
  cause: K1

seed 42
"
    );
    assert_eq!(consumer.text(), expected);
    let report = consumer.json("");
    assert_eq!((&report["clean"], &report["worst"]), (&json!(false), &json!("error")));
    assert_eq!(report["findings"][0]["examples"], json!([id]));
    assert_eq!(report["findings"][1]["causedBy"], "K1");
}

#[test]
fn k1_knows_that_the_clock_was_turned_and_that_the_timeout_was_extended() {
    let consumer = Consumer::new();
    consumer.kew.send("orders", "a");
    let handle = consumer.receive();
    consumer.work(1.0);
    consumer.turn(3600);
    consumer.delete(&handle);
    assert_eq!(consumer.codes(), ["K2"], "no slow consumer, but a late deletion all the same");
    let consumer = Consumer::new();
    consumer.kew.send("orders", "a");
    let handle = consumer.receive();
    for _ in 0..3 {
        consumer.work(20.0);
        consumer.change_visibility(&handle, 30);
    }
    consumer.delete(&handle);
    assert_eq!(consumer.codes(), [""; 0]);
}

#[test]
fn k2_a_message_deleted_after_its_visibility_timeout() {
    let consumer = Consumer::new();
    let id = consumer.kew.send("orders", "a");
    let handle = consumer.receive();
    consumer.turn(41);
    consumer.delete(&handle);
    let expected = format!(
        "\
1 warning: 1 queue, 1 message sent, all deleted

warning K2 orders: 1 of 1 deletion came after the visibility timeout had ended, up to 11s late (the clock was turned \
meanwhile)
  change: delete before the visibility timeout ends: raise it, or extend it by ChangeMessageVisibility while the work \
goes on
  e.g. {id}

seed 42
"
    );
    assert_eq!(consumer.text(), expected);
}

#[test]
fn k3_a_message_received_again_while_the_work_went_on() {
    let consumer = Consumer::new();
    let id = consumer.kew.send("orders", "a");
    let first = consumer.receive();
    consumer.turn(31);
    let second = consumer.receive();
    consumer.delete(&second);
    consumer.delete(&first);
    let report = consumer.json("");
    assert_eq!(consumer.codes(), ["K3"]);
    let summary = "1 message was received again while the receive before was still at work and deleted later (the clock \
                   was turned meanwhile)";
    assert_eq!(
        (&report["findings"][0]["summary"], &report["findings"][0]["examples"]),
        (&json!(summary), &json!([id]))
    );
}

#[test]
fn k4_a_poison_message_without_a_dead_letter_queue() {
    let consumer = Consumer::new();
    let id = consumer.kew.send("orders", "a");
    for _ in 0..5 {
        consumer.receive();
        consumer.turn(30);
    }
    assert_eq!(consumer.codes(), [""; 0], "five times");
    consumer.receive();
    consumer.turn(30);
    let expected = format!(
        "\
1 warning: 1 queue, 1 message sent, 0 deleted, 1 still there

warning K4 orders: no dead-letter queue, and 1 message was received more than 5 times (up to 6 times)
  change: give the queue a RedrivePolicy with a dead-letter queue and a maxReceiveCount
  e.g. {id}

seed 42
"
    );
    assert_eq!(consumer.text(), expected);
}

#[test]
fn k5_and_dead_letters() {
    let mut orders = QueueConfig::new("orders");
    orders.dead_letter_queue = Some("orders-dead".to_owned());
    orders.max_receive_count = Some(1);
    let consumer = Consumer::with(Server::builder().queue("orders-dead").queue(orders));
    let id = consumer.kew.send("orders", "a");
    consumer.receive();
    consumer.turn(30);
    assert!(consumer.kew.receive("orders").is_empty());
    let expected = format!(
        "\
clean, 1 hint: 2 queues, 1 message sent, 0 deleted, 1 still there

info K5 orders: dead letters are kept 4d in orders-dead, messages 4d here: the time here counts, so that less than 4d is \
left for a dead letter
  change: set MessageRetentionPeriod of orders-dead to 1209600 (14 days)
  e.g. {id}

seed 42
"
    );
    assert_eq!(consumer.text(), expected);
    assert_eq!(consumer.json("")["clean"], true);
    // Almost four days since it was sent, of which it was a dead letter nearly all the time.
    consumer.turn(4 * 86_400 - 60);
    let report = consumer.json("?queue=orders-dead");
    assert_eq!(report["findings"][0]["code"], "K9", "{report}");
    assert_eq!(report["findings"][0]["examples"], json!([id]));
}

#[test]
fn k6_a_consumer_that_does_not_wait() {
    let consumer = Consumer::new();
    for _ in 0..99 {
        assert!(consumer.kew.receive("orders").is_empty());
    }
    assert_eq!(consumer.codes(), [""; 0]);
    consumer.work(50.0);
    assert!(consumer.kew.receive("orders").is_empty());
    let expected = "\
1 warning: 1 queue, nothing was sent

warning K6 orders: 100 receives did not wait and found nothing: $0.00004 in 50s, at that pace $2.07 a month ($0.40 a \
million)
  change: receive with WaitTimeSeconds 20, or set ReceiveMessageWaitTimeSeconds of the queue to 20

seed 42
";
    assert_eq!(consumer.text(), expected);
}

#[test]
fn k7_a_batch_of_which_a_part_failed() {
    let consumer = Consumer::new();
    let fault = |action: &str| {
        let rule = json!({"fault": "partialBatch", "on": {"action": action}, "when": {"nth": [1]}, "entries": 1});
        let (status, answer) = consumer.kew.post("/faults", rule);
        assert!(status < 300, "{answer}");
    };
    let entry = |id: &str| json!({"Id": id, "MessageBody": format!("body {id}")});
    let send = |entries: &[&str]| {
        let entries: Vec<Value> = entries.iter().map(|id| entry(id)).collect();
        let (status, sent) = consumer.kew.sqs("SendMessageBatch", json!({"QueueUrl": "orders", "Entries": entries}));
        assert_eq!(status, 200, "{sent}");
        sent["Failed"].as_array().and_then(|failed| Some(failed.first()?["Id"].as_str()?.to_owned()))
    };
    fault("SendMessageBatch");
    let failed = send(&["1", "2"]).expect("a failed entry");
    let report = consumer.json("");
    assert_eq!((&report["worst"], &report["findings"][0]["code"]), (&json!("error"), &json!("K7")));
    let text = consumer.text();
    assert!(
        text.contains(
            "error K7 orders: 1 entry of a batch failed and never succeeded later: 1 of SendMessageBatch with "
        ),
        "{text}"
    );
    assert_eq!(send(&[&failed]), None);
    assert_eq!(consumer.codes(), [""; 0], "it was sent again");
    fault("DeleteMessageBatch");
    let got = consumer.kew.receive("orders");
    let handles = got.iter().enumerate();
    let entries: Vec<Value> =
        handles.map(|(at, m)| json!({"Id": at.to_string(), "ReceiptHandle": m["ReceiptHandle"]})).collect();
    let (_, deleted) = consumer.kew.sqs("DeleteMessageBatch", json!({"QueueUrl": "orders", "Entries": entries}));
    let failed: usize = deleted["Failed"][0]["Id"].as_str().unwrap().parse().unwrap();
    let report = consumer.json("");
    assert_eq!(report["findings"][0]["examples"], json!([got[failed]["MessageId"]]), "{report}");
    consumer.delete(got[failed]["ReceiptHandle"].as_str().unwrap());
    assert_eq!(consumer.codes(), [""; 0], "it was deleted");
}

#[test]
fn k8_one_message_group() {
    let consumer = Consumer::with(Server::builder().queue("orders.fifo"));
    for number in 0..10 {
        let group = if number == 0 { "b" } else { "a" };
        let body = json!({"QueueUrl": "orders.fifo", "MessageBody": "same", "MessageGroupId": group,
            "MessageDeduplicationId": number.to_string()});
        assert_eq!(consumer.kew.sqs("SendMessage", body).0, 200);
    }
    let report = consumer.json("");
    let summary = "9 of 10 messages (90%) are in message group a: they are worked on one after the other";
    assert_eq!((&report["findings"][0]["code"], &report["findings"][0]["summary"]), (&json!("K8"), &json!(summary)));
    assert_eq!(report["findings"].as_array().unwrap().len(), 1, "equal bodies have their deduplication ids");
}

#[test]
fn k10_a_lambda_function_that_takes_too_long() {
    let consumer = Consumer::new();
    assert_eq!(consumer.json("?lambdaTimeout=5s")["findings"], json!([]));
    let report = consumer.json("?lambdaTimeout=10");
    assert_eq!(report["findings"][0]["summary"], "visibility timeout 30s < 6 x Lambda timeout 10s = 1m");
}

#[test]
fn k11_a_producer_that_sends_twice() {
    let consumer = Consumer::new();
    let send = |body: &str, value: &str| {
        let attributes = json!({"k": {"DataType": "String", "StringValue": value}});
        let body = json!({"QueueUrl": "orders", "MessageBody": body, "MessageAttributes": attributes});
        let (status, sent) = consumer.kew.sqs("SendMessage", body);
        assert_eq!(status, 200, "{sent}");
        let handle = consumer.receive();
        consumer.delete(&handle);
        sent["MessageId"].as_str().unwrap().to_owned()
    };
    send("a", "1");
    send("a", "2");
    send("b", "1");
    assert_eq!(consumer.codes(), [""; 0], "other attributes, other bodies");
    consumer.work(300.0);
    let id = send("a", "1");
    consumer.turn(1);
    send("a", "2");
    let expected = format!(
        "\
1 warning: 1 queue, 5 messages sent, all deleted

warning K11 orders: 1 message has the same body as one that was sent within the 5 minutes before, and no deduplication id
  change: if it is the same work: make the consumer idempotent, or use a FIFO queue and a MessageDeduplicationId
  e.g. {id}

seed 42
"
    );
    assert_eq!(consumer.text(), expected);
    let consumer = Consumer::new();
    let entry = |id: &str| json!({"Id": id, "MessageBody": "tick"});
    let batch = json!({"QueueUrl": "orders", "Entries": [entry("1"), entry("2")]});
    assert_eq!(consumer.kew.sqs("SendMessageBatch", batch).0, 200);
    assert_eq!(consumer.codes(), [""; 0], "in one batch");
}

#[test]
fn k12_a_consumer_that_forgets_to_delete() {
    let consumer = Consumer::new();
    let ids = ["a", "b"].map(|body| consumer.kew.send("orders", body));
    assert_eq!(consumer.kew.receive("orders").len(), 2);
    consumer.work(9.8);
    let expected = format!(
        "\
1 warning: 1 queue, 2 messages sent, 0 deleted, 2 still there

warning K12 orders: 2 messages were received and neither deleted nor failed, in flight for up to 9.8s
  change: delete each message when its work is done; when the work fails, set its visibility timeout to 0 by \
ChangeMessageVisibility
  e.g. {}, {}

seed 42
",
        ids[0], ids[1]
    );
    assert_eq!(consumer.text(), expected);
    // The end of the queue at the end of a test hides nothing.
    consumer.done("DeleteQueue", json!({"QueueUrl": "orders"}));
    assert_eq!(consumer.codes(), ["K12"]);
    let consumer = Consumer::new();
    consumer.kew.send("orders", "a");
    let handle = consumer.receive();
    consumer.change_visibility(&handle, 0);
    assert_eq!(consumer.codes(), [""; 0], "it failed");
}

#[test]
fn each_format_has_its_type() {
    let consumer = Consumer::new();
    consumer.kew.send("orders", "a");
    consumer.receive();
    for (format, content_type, begins) in [
        ("json", "application/json", "{"),
        ("text", "text/plain; charset=utf-8", "1 warning: 1 queue, "),
        ("junit", "application/xml; charset=utf-8", "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>"),
        ("sarif", "application/sarif+json", "{"),
        ("github", "text/plain; charset=utf-8", "::warning title=K12 orders::warning K12 orders: 1 message was"),
    ] {
        let answer = consumer.kew.request("GET", &format!("/_kew/report?format={format}"), &[], "");
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(content_type)), "{format}");
        assert!(answer.body.starts_with(begins), "{}", answer.body);
    }
    let sarif = consumer.kew.request("GET", "/_kew/report?format=sarif", &[], "").json().1;
    assert_eq!((&sarif["version"], &sarif["runs"][0]["results"][0]["ruleId"]), (&json!("2.1.0"), &json!("K12")));
    assert_eq!(sarif["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap().len(), 12);
}

#[test]
fn one_queue_and_without_some_codes() {
    let consumer = Consumer::with(Server::builder().queue("orders").queue("other"));
    consumer.kew.send("orders", "a");
    consumer.receive();
    assert_eq!(consumer.json("?queue=other")["clean"], true);
    assert_eq!(consumer.json("?queue=orders")["clean"], false);
    assert_eq!(consumer.json("?ignore=k11,K12")["clean"], true);
    for (query, status, hint) in [
        ("?queue=order", 404, "did you mean `orders`?"),
        ("?ignore=K13", 400, "did you mean `K1`?"),
        ("?ignore=leaks", 400, "codes are K1 to K12"),
        ("?format=jnuit", 400, "did you mean `junit`?"),
        ("?lambdaTimout=3", 400, "did you mean `lambdaTimeout`?"),
        ("?lambdaTimeout=soon", 400, ""),
    ] {
        let (got, error) = consumer.kew.get(&format!("/report{query}"));
        assert_eq!((got, error["hint"].as_str()), (status, Some(hint)), "{query}: {error}");
    }
}
