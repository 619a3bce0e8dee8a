//! Reset: a space as it was at its start, and nothing of the previous test reaches into the next.

use super::fixture::Kew;
use kew::{ClockMode, QueueConfig, Server};
use serde_json::{Value, json};

fn counts(kew: &Kew, queue: &str) -> [u64; 3] {
    let row = kew.get(&format!("/queues/{queue}")).1;
    ["visible", "inFlight", "delayed"].map(|name| row[name].as_u64().unwrap_or_else(|| panic!("{row}")))
}

fn reset(kew: &Kew, what: &[&str]) {
    let (status, done) = kew.post("/reset", json!({"what": what}));
    assert_eq!((status, &done["reset"]), (200, &json!(what)), "{done}");
}

#[test]
fn the_queues_of_the_configuration_come_back_empty_and_others_go() {
    let orders = QueueConfig::new("orders").attribute("VisibilityTimeout", 45).dead_letter("dead", 3).tag("team", "a");
    let kew = Kew::with(Server::builder().queue(orders));
    kew.sqs("CreateQueue", json!({"QueueName": "more"}));
    kew.sqs("SetQueueAttributes", json!({"QueueUrl": "orders", "Attributes": {"VisibilityTimeout": "1"}}));
    for queue in ["orders", "dead", "more"] {
        kew.send(queue, "x");
    }
    let (status, done) = kew.post("/reset", Value::Null);
    assert_eq!((status, &done["queues"]), (200, &json!(2)), "{done}");
    assert_eq!((counts(&kew, "orders"), counts(&kew, "dead")), ([0; 3], [0; 3]));
    assert_eq!(kew.get("/queues/more").0, 404);
    let attributes = kew.sqs("GetQueueAttributes", json!({"QueueUrl": "orders", "AttributeNames": ["All"]})).1;
    assert_eq!(attributes["Attributes"]["VisibilityTimeout"], "45");
    assert!(attributes["Attributes"]["RedrivePolicy"].as_str().unwrap().contains(":dead"));
    assert_eq!(kew.sqs("ListQueueTags", json!({"QueueUrl": "orders"})).1["Tags"], json!({"team": "a"}));
}

#[test]
fn handles_of_the_previous_test_are_dead() {
    let kew = Kew::start();
    kew.send("orders", "old");
    let handle = kew.receive("orders")[0]["ReceiptHandle"].clone();
    kew.post("/reset", Value::Null);
    kew.send("orders", "new");
    assert_eq!(kew.receive("orders")[0]["Body"], "new");
    for (action, more) in [("DeleteMessage", None), ("ChangeMessageVisibility", Some(0))] {
        let mut body = json!({"QueueUrl": "orders", "ReceiptHandle": handle});
        if let Some(timeout) = more {
            body["VisibilityTimeout"] = json!(timeout);
        }
        assert_eq!(kew.sqs(action, body).0, 404, "{action}");
    }
    assert_eq!(counts(&kew, "orders"), [0, 1, 0]);
}

#[test]
fn parked_receives_end_with_nothing_and_take_nothing_of_the_next_test() {
    let kew = Kew::start();
    let parked: Vec<_> = (0..3).map(|_| kew.park("orders")).collect();
    assert_eq!(kew.post("/reset", Value::Null).0, 200);
    kew.send("orders", "of the next test");
    for parked in parked {
        assert_eq!(parked.answer().json(), (200, json!({})));
    }
    assert_eq!(counts(&kew, "orders"), [1, 0, 0]);
}

#[test]
fn a_consumer_that_polls_on_never_sees_an_error() {
    let kew = Kew::with(Server::builder().queue("orders").threads(2));
    let (address, ended) = (kew.address(), std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false)));
    let consumers: Vec<_> = [0, 1]
        .map(|wait| {
            let ended = ended.clone();
            std::thread::spawn(move || {
                let mut polls = 0;
                while !ended.load(std::sync::atomic::Ordering::Relaxed) {
                    let body = json!({"QueueUrl": "orders", "WaitTimeSeconds": wait});
                    let answer = super::fixture::begin_sqs(address, "test", "ReceiveMessage", body).answer();
                    assert_eq!(answer.status, 200, "{answer:?}");
                    polls += 1;
                }
                polls
            })
        })
        .into_iter()
        .collect();
    for _ in 0..200 {
        assert_eq!(kew.post("/reset", Value::Null).0, 200);
    }
    ended.store(true, std::sync::atomic::Ordering::Relaxed);
    kew.post("/reset", Value::Null);
    assert!(consumers.into_iter().map(|consumer| consumer.join().unwrap()).sum::<u32>() > 0);
}

#[test]
fn a_turned_clock_is_real_again() {
    let kew = Kew::start();
    kew.server.clock().set_mode(ClockMode::Frozen);
    kew.server.clock().advance(std::time::Duration::from_secs(86_400));
    kew.send("orders", "from tomorrow");
    // By itself it would leave messages behind that are ahead of it.
    let (status, error) = kew.post("/reset", json!({"what": ["clock"]}));
    assert_eq!(
        (status, error["hint"].as_str()),
        (409, Some("reset the queues too: {\"what\": [\"clock\", \"queues\"]}"))
    );
    assert_eq!(counts(&kew, "orders"), [1, 0, 0]);
    reset(&kew, &["clock", "queues"]);
    assert_eq!(kew.server.clock().mode(), Some(ClockMode::Real));
    assert_eq!(counts(&kew, "orders"), [0; 3]);
    kew.server.clock().set_mode(ClockMode::Frozen);
    reset(&kew, &["clock"]);
    assert_eq!(kew.server.clock().mode(), Some(ClockMode::Real));
}

#[test]
fn each_part_is_reset_by_itself() {
    let kew = Kew::with(Server::builder().queue("orders").queue("jobs.fifo"));
    let send = || {
        let (_, sent) = kew.sqs(
            "SendMessage",
            json!({"QueueUrl": "jobs.fifo", "MessageBody": "x", "MessageGroupId": "g", "MessageDeduplicationId": "d"}),
        );
        sent["MessageId"].clone()
    };
    let first = send();
    assert_eq!(send(), first);
    reset(&kew, &["faults"]);
    reset(&kew, &["history"]);
    assert_eq!(send(), first);
    reset(&kew, &["dedup"]);
    assert_ne!(send(), first);
    assert_eq!(counts(&kew, "jobs.fifo"), [2, 0, 0]);

    kew.send("orders", "x");
    kew.receive("orders");
    kew.sqs("SetQueueAttributes", json!({"QueueUrl": "orders", "Attributes": {"DelaySeconds": "9"}}));
    reset(&kew, &["messages"]);
    assert_eq!((counts(&kew, "orders"), counts(&kew, "jobs.fifo")), ([0; 3], [0; 3]));
    kew.send("orders", "x");
    assert_eq!(counts(&kew, "orders"), [0, 0, 1], "the queue itself is as it was");
}

#[test]
fn rules_about_faults_go_alone_and_so_does_the_history() {
    let kew = Kew::start();
    kew.post("/faults", json!({"fault": "throttle", "on": {"action": "SendMessage"}}));
    assert_eq!(kew.sqs("SendMessage", json!({"QueueUrl": "orders", "MessageBody": "x"})).0, 403);
    reset(&kew, &["faults"]);
    assert_eq!(kew.get("/faults").1["faults"], json!([]));
    kew.send("orders", "x");

    let before = kew.get("/history").1;
    let types = |history: &Value| -> Vec<Value> {
        history["events"].as_array().unwrap().iter().map(|event| event["type"].clone()).collect()
    };
    assert!(types(&before).contains(&json!("faultFired")) && types(&before).contains(&json!("sent")), "{before}");
    reset(&kew, &["history"]);
    let after = kew.get("/history?type=sent,faultFired").1;
    assert_eq!(types(&after), Vec::<Value>::new());
    assert!(after["position"].as_u64() >= before["position"].as_u64(), "positions go on: {before} {after}");
    assert_eq!(counts(&kew, "orders"), [1, 0, 0], "messages stay");
    // What is awaited is counted from here on.
    let met = |condition: Value| kew.post("/await", condition).0 == 200;
    assert!(met(json!({"queue": "orders", "sent": 0, "timeout": "0s"})));
    kew.send("orders", "y");
    assert!(met(json!({"queue": "orders", "sent": 1, "timeout": "0s"})));
}

#[test]
fn an_await_of_the_previous_test_ends_and_takes_nothing_of_the_next() {
    let kew = Kew::start();
    let awaits = || kew.server.service().control().home().awaits().open();
    let any = kew.begin("GET", "/_kew/await?message.contains=hello&timeout=5m", &[], "");
    let one = kew.begin("GET", "/_kew/await?queue=orders&visible=1&timeout=5m", &[], "");
    while awaits() < 2 {
        std::thread::yield_now();
    }
    assert_eq!(kew.post("/reset", Value::Null).0, 200);
    kew.send("orders", "hello");
    for ended in [any, one] {
        let (status, ended) = ended.answer().json();
        assert_eq!((status, &ended["reason"]), (409, &json!("queueDeleted")), "{ended}");
    }
}

#[test]
fn what_is_reset_may_stand_in_the_query_string() {
    let kew = Kew::start();
    kew.send("orders", "x");
    assert_eq!(kew.post("/reset?what=messages,dedup", Value::Null).1["reset"], json!(["messages", "dedup"]));
    assert_eq!(counts(&kew, "orders"), [0; 3]);
    let (status, text) = kew.text("POST", "/reset");
    assert_eq!((status, &*text), (200, "reset: messages, queues, clock, faults, history, dedup; queues now: 1\n"));
}

#[test]
fn a_wrong_part_is_told_the_nearest_and_nothing_is_done() {
    let kew = Kew::start();
    kew.send("orders", "x");
    for (body, says) in [
        (json!({"what": ["messages", "queue"]}), "did you mean `queues`?"),
        (json!({"what": ["everything"]}), "there are messages, queues, clock"),
        (json!({"wat": []}), "did you mean `what`?"),
        (json!({"what": 7}), "is a list of"),
    ] {
        let (status, error) = kew.post("/reset", body);
        assert!(status == 400 && error.to_string().contains(says), "{error}");
    }
    assert_eq!(counts(&kew, "orders"), [1, 0, 0]);
    let (status, error) = kew.get("/reset");
    assert_eq!((status, error["hint"].as_str()), (400, Some("it takes POST")));
}

#[test]
fn localstacks_reset_is_that_of_the_default_space() {
    let kew = Kew::start();
    let made = kew.post("/ns", json!({"name": "t", "queues": ["orders"]})).1;
    let key = made["account"].as_str().unwrap();
    for key in ["test", key] {
        let body = json!({"QueueUrl": "orders", "MessageBody": "x"});
        assert_eq!(kew.begin_sqs(key, "SendMessage", body).answer().status, 200);
    }
    assert_eq!(kew.request("POST", "/_localstack/state/reset", &[], "").status, 200);
    assert_eq!(counts(&kew, "orders"), [0; 3]);
    assert_eq!(kew.get("/ns/t/queues/orders").1["visible"], 1);
    let page = [("Origin", "http://evil.example")];
    assert_eq!(kew.request("POST", "/_localstack/state/reset", &page, "").status, 403);
    // And a namespace's own is its alone.
    kew.send("orders", "x");
    assert_eq!(kew.post("/ns/t/reset", Value::Null).0, 200);
    assert_eq!(kew.get("/ns/t/queues/orders").1["visible"], 0);
    assert_eq!(counts(&kew, "orders"), [1, 0, 0]);
}

#[test]
fn move_tasks_and_closed_names_are_gone() {
    let orders = QueueConfig::new("orders").dead_letter("dead", 1);
    let kew = Kew::with(Server::builder().queue(orders).cooldowns(true));
    kew.sqs("CreateQueue", json!({"QueueName": "mine"}));
    kew.sqs("DeleteQueue", json!({"QueueUrl": "mine"}));
    assert_eq!(kew.sqs("CreateQueue", json!({"QueueName": "mine"})).0, 400);
    let source = "arn:aws:sqs:us-east-1:000000000000:dead";
    let (status, started) = kew.sqs("StartMessageMoveTask", json!({"SourceArn": source}));
    assert_eq!(status, 200, "{started}");
    assert_eq!(kew.post("/reset", Value::Null).0, 200);
    let (status, tasks) = kew.sqs("ListMessageMoveTasks", json!({"SourceArn": source}));
    assert!(status == 200 && tasks["Results"].as_array().is_none_or(Vec::is_empty), "{tasks}");
    assert_eq!(kew.sqs("CreateQueue", json!({"QueueName": "mine"})).0, 200);
    // A minute need not pass between two resets, nor after one.
    for _ in 0..2 {
        reset(&kew, &["messages"]);
    }
    assert_eq!(kew.sqs("PurgeQueue", json!({"QueueUrl": "mine"})).0, 200);
}

#[cfg(feature = "store")]
#[test]
fn what_was_reset_stays_so_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let start = || {
        let builder = Server::builder().queue("orders").data(dir.path(), kew::Durability::Full);
        Kew::with(builder)
    };
    let kew = start();
    kew.sqs("CreateQueue", json!({"QueueName": "more"}));
    kew.send("orders", "x");
    assert_eq!(kew.post("/reset", Value::Null).0, 200);
    kew.send("orders", "y");
    drop(kew);
    let kew = start();
    assert_eq!(kew.get("/queues/more").0, 404);
    assert_eq!(kew.receive("orders").iter().map(|message| message["Body"].clone()).collect::<Vec<_>>(), ["y"]);
    reset(&kew, &["messages"]);
    drop(kew);
    assert_eq!(counts(&start(), "orders"), [0; 3]);
}
