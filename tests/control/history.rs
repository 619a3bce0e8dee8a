//! What happened, over HTTP: lists of events, lives of messages, and events as they happen.

use super::fixture::{Kew, Pending};
use kew::{QueueConfig, Server};
use serde_json::{Value, json};
use std::time::Duration;

fn shop() -> Kew {
    let orders = QueueConfig::new("orders").dead_letter("orders-dead", 1);
    Kew::with(Server::builder().queue(orders).queue("other"))
}

/// Receives the one message that is there; its receipt handle.
fn receive_one(kew: &Kew, queue: &str) -> String {
    let messages = kew.receive(queue);
    assert_eq!(messages.len(), 1, "{messages:?}");
    messages[0]["ReceiptHandle"].as_str().unwrap().to_owned()
}

fn done(kew: &Kew, action: &str, body: Value) {
    let answer = kew.begin_sqs("test", action, body).answer();
    assert_eq!(answer.status, 200, "{answer:?}");
}

fn types(events: &Value) -> Vec<&str> {
    events.as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect()
}

#[test]
fn the_life_of_a_message_is_told_across_its_dead_letter_queue() {
    let kew = shop();
    let id = kew.send("orders", r#"{"orderId": 1001}"#);
    let handle = receive_one(&kew, "orders");
    done(
        &kew,
        "ChangeMessageVisibility",
        json!({"QueueUrl": "orders", "ReceiptHandle": handle, "VisibilityTimeout": 0}),
    );
    assert!(kew.receive("orders").is_empty(), "it is a dead letter");
    let (status, life) = kew.get(&format!("/messages/{id}"));
    assert_eq!((status, &life["queue"], &life["state"]), (200, &json!("orders-dead"), &json!("visible")));
    assert_eq!(types(&life["events"]), ["sent", "received", "visibilityChanged", "deadLettered", "arrived"]);
    assert_eq!(life["message"]["body"], r#"{"orderId": 1001}"#);
    assert_eq!((&life["complete"], &life["events"][1]["receiveCount"]), (&json!(true), &json!(1)));
    let by = &life["events"][0]["by"];
    assert!(by["peer"].as_str().unwrap().starts_with("127.0.0.1:") && by["account"] == "000000000000", "{by}");
    assert_eq!(by["requestId"].as_str().map(str::len), Some(36));
    let handle = receive_one(&kew, "orders-dead");
    done(&kew, "DeleteMessage", json!({"QueueUrl": "orders-dead", "ReceiptHandle": handle}));
    done(&kew, "DeleteMessage", json!({"QueueUrl": "orders-dead", "ReceiptHandle": handle}));
    let (_, life) = kew.get(&format!("/messages/{id}"));
    assert_eq!((&life["state"], &life["body"]), (&json!("deleted"), &json!(r#"{"orderId": 1001}"#)));
    assert_eq!(types(&life["events"])[5..], ["received", "deleted", "deleteMissed"]);
    let (status, text) = kew.text("GET", &format!("/messages/{id}"));
    assert_eq!(status, 200);
    assert!(
        text.starts_with(&format!("message {id}: deleted in orders-dead\nbody    {{\"orderId\": 1001}}\n")),
        "{text}"
    );
    assert_eq!(text.lines().count(), 4 + 8, "{text}");
}

#[test]
fn a_message_that_a_move_task_renewed_has_one_life_under_both_ids() {
    let kew = shop();
    let id = kew.send("orders", "x");
    let handle = receive_one(&kew, "orders");
    done(
        &kew,
        "ChangeMessageVisibility",
        json!({"QueueUrl": "orders", "ReceiptHandle": handle, "VisibilityTimeout": 0}),
    );
    assert!(kew.receive("orders").is_empty());
    done(&kew, "StartMessageMoveTask", json!({"SourceArn": "arn:aws:sqs:us-east-1:000000000000:orders-dead"}));
    let moved = loop {
        let moved = kew.get("/queues/orders/messages").1["messages"][0]["id"].clone();
        if let Some(moved) = moved.as_str() {
            break moved.to_owned();
        }
        std::thread::yield_now();
    };
    assert_ne!(moved, id);
    let (old, new) = (kew.get(&format!("/messages/{id}")).1, kew.get(&format!("/messages/{moved}")).1);
    assert_eq!(old["ids"], json!([id, moved]));
    assert_eq!(old["events"], new["events"]);
    let last = old["events"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&last["type"], &last["messageId"], &last["renewedFrom"]),
        (&json!("arrived"), &json!(moved), &json!(id))
    );
}

#[test]
fn events_are_listed_by_queue_type_and_position() {
    let kew = shop();
    let (_, start) = kew.get("/history");
    assert_eq!(start["events"][0]["type"], "queueCreated");
    let since = start["position"].as_u64().unwrap();
    (0..5).for_each(|number| drop(kew.send("orders", &number.to_string())));
    kew.send("other", "x");
    kew.receive("other");
    let (_, page) = kew.get(&format!("/history?since={since}&limit=2&queue=orders"));
    assert_eq!((types(&page["events"]), &page["complete"]), (vec!["sent", "sent"], &json!(true)));
    let (_, rest) = kew.get(&format!("/history?since={}&queue=orders", page["next"]));
    assert_eq!(types(&rest["events"]), ["sent"; 3]);
    let (_, other) = kew.get(&format!("/history?since={since}&queue=other&type=received,deleted"));
    assert_eq!(types(&other["events"]), ["received"]);
    let (_, last) = kew.get("/history?limit=3&type=sent&type=sent");
    let queues: Vec<&Value> = last["events"].as_array().unwrap().iter().map(|event| &event["queue"]).collect();
    assert_eq!(queues, ["orders", "orders", "other"], "the last ones in their order");
    let lines = kew.request("GET", "/_kew/history?limit=3&format=jsonl", &[], "");
    assert_eq!(lines.header("content-type"), Some("application/x-ndjson"));
    assert!(
        lines.body.lines().count() == 3 && lines.body.lines().all(|line| serde_json::from_str::<Value>(line).is_ok())
    );
    let (_, text) = kew.text("GET", "/history?limit=3");
    assert_eq!(text.lines().count(), 4, "{text}");
}

#[test]
fn a_history_that_was_cut_says_so() {
    let kew = Kew::with(Server::builder().queue("orders").history(10));
    let first = kew.send("orders", "first");
    let since = kew.get("/history").1["position"].as_u64().unwrap();
    (0..20).for_each(|_| drop(kew.send("orders", "x")));
    let (_, page) = kew.get("/history?since=0");
    assert_eq!((&page["complete"], page["events"].as_array().map(Vec::len)), (&json!(false), Some(10)));
    let before = page["droppedBefore"].as_u64().unwrap();
    assert!(before > since);
    assert_eq!(kew.get(&format!("/history?since={}", before - 1)).1["complete"], true);
    assert_eq!(kew.get("/history?limit=5").1["complete"], true, "those five are all there");
    let (status, life) = kew.get(&format!("/messages/{first}"));
    assert_eq!((status, &life["complete"], &life["message"]["body"]), (200, &json!(false), &json!("first")));
}

#[test]
fn without_a_history_messages_are_found_all_the_same() {
    let kew = Kew::with(Server::builder().queue("orders").history(0));
    let id = kew.send("orders", "x");
    let (status, error) = kew.get("/history");
    assert_eq!((status, error["error"].as_str()), (409, Some("the history is off")));
    assert_eq!(kew.get("/events").0, 409);
    let (status, life) = kew.get(&format!("/messages/{id}"));
    assert_eq!((status, &life["state"], &life["complete"]), (200, &json!("visible"), &json!(false)));
    assert_eq!(kew.delete(&format!("/queues/orders/messages/{id}")).0, 200);
}

#[test]
fn wrong_questions_are_answered_with_the_nearest_right_name() {
    let kew = shop();
    for (path, status, hint) in [
        ("/history?queue=order", 404, "did you mean `orders`?"),
        ("/history?type=recieved", 400, "did you mean `received`?"),
        ("/history?type=emptyReceive", 400, ""),
        ("/history?sinse=1", 400, "did you mean `since`?"),
        ("/history?format=xml", 400, ""),
        ("/history?since=-1", 400, ""),
        ("/history?limit=10001", 400, "ask for the rest with since=NEXT, which each answer tells"),
        ("/events?type=x", 400, ""),
        ("/messages/1", 400, ""),
        ("/messages/00000000-0000-4000-8000-000000000000", 404, ""),
    ] {
        let (got, error) = kew.get(path);
        assert_eq!(got, status, "{path}: {error}");
        assert!(hint.is_empty() || error["hint"] == hint, "{path}: {error}");
    }
    let answer = kew.request("GET", "/_kew/events", &[("Last-Event-ID", "x")], "");
    assert_eq!(answer.status, 400);
}

/// The next events of a stream: their ids, names and data.
fn next_events(stream: &mut Pending, count: usize) -> Vec<(Option<u64>, String, Value)> {
    let (mut found, mut text) = (Vec::new(), String::new());
    while found.len() < count {
        text += &stream.chunk().expect("more");
        while let Some((event, rest)) = text.split_once("\n\n") {
            let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
            if let Some(data) = field("data: ") {
                let id = field("id: ").map(|id| id.parse().unwrap());
                let name = field("event: ").unwrap_or_else(|| "message".to_owned());
                found.push((id, name, serde_json::from_str(&data).unwrap()));
            }
            text = rest.to_owned();
        }
    }
    found
}

fn follow(kew: &Kew, path: &str, headers: &[(&str, &str)]) -> Pending {
    let mut stream = kew.begin("GET", path, headers, "");
    let head = stream.head();
    assert_eq!((head.status, head.header("content-type")), (200, Some("text/event-stream")), "{head:?}");
    // The sign that it is connected.
    assert!(stream.chunk().unwrap().starts_with(':'));
    stream
}

#[test]
fn events_come_as_they_happen_with_counts_of_what_changed() {
    let kew = shop();
    let mut stream = follow(&kew, "/_kew/events?queue=orders", &[]);
    kew.send("other", "not of that queue");
    let id = kew.send("orders", "x");
    let events = next_events(&mut stream, 2);
    let (position, name, sent) = &events[0];
    assert_eq!((name.as_str(), &sent["type"], &sent["messageId"]), ("message", &json!("sent"), &json!(id)));
    assert_eq!(position.map(Value::from), Some(sent["position"].clone()));
    let (none, name, counts) = &events[1];
    assert_eq!((none, name.as_str(), &counts["visible"]), (&None, "counts", &json!(1)));
    // The next counts are for a quarter of a second later.
    kew.send("orders", "y");
    kew.receive("orders");
    let events = next_events(&mut stream, 3);
    assert!(events.iter().all(|(_, name, _)| name == "message"), "{events:?}");
    kew.pass(Duration::from_millis(250));
    let (_, name, counts) = next_events(&mut stream, 1).remove(0);
    assert_eq!((name.as_str(), &counts["visible"], &counts["inFlight"]), ("counts", &json!(0), &json!(2)));
}

#[test]
fn a_client_that_comes_back_gets_what_it_missed() {
    let kew = shop();
    let since = kew.get("/history").1["position"].as_u64().unwrap();
    let ids: Vec<String> = (0..3).map(|number| kew.send("orders", &number.to_string())).collect();
    let mut stream = follow(&kew, &format!("/_kew/events?since={since}"), &[]);
    let events = next_events(&mut stream, 3);
    assert_eq!(
        events.iter().map(|(_, _, event)| &event["messageId"]).collect::<Vec<_>>(),
        ids.iter().collect::<Vec<_>>()
    );
    let last = events[1].0.unwrap().to_string();
    drop(stream);
    let mut stream = follow(&kew, "/_kew/events?since=0", &[("Last-Event-ID", &last)]);
    assert_eq!(next_events(&mut stream, 1)[0].2["messageId"], json!(ids[2]));
}

#[test]
fn a_client_that_was_too_slow_is_told_what_it_missed() {
    let kew = Kew::with(Server::builder().queue("orders").history(10));
    (0..20).for_each(|_| drop(kew.send("orders", "x")));
    let mut stream = follow(&kew, "/_kew/events?since=1", &[]);
    let events = next_events(&mut stream, 11);
    assert_eq!((events[0].1.as_str(), &events[0].2["complete"]), ("dropped", &json!(false)));
    assert!(events[0].2["droppedBefore"].as_u64().is_some_and(|before| before > 1));
}

#[test]
fn streams_are_bounded_and_end_with_the_server() {
    let kew = shop();
    let mut streams: Vec<Pending> = (0..64).map(|_| follow(&kew, "/_kew/events", &[])).collect();
    let (status, error) = kew.get("/events");
    assert_eq!((status, error["error"].as_str()), (409, Some("64 clients follow the events already")));
    // The end of one makes room, once it is noticed: something has to be written to it.
    drop(streams.pop());
    while kew.begin("GET", "/_kew/events", &[], "").head().status == 409 {
        kew.send("orders", "x");
    }
    let mut last = streams.pop().unwrap();
    // Nobody reads the others, and the server would wait for that as long as it grants.
    drop(streams);
    let Kew { server, .. } = kew;
    server.shutdown_blocking();
    let mut name = String::new();
    while name != "end" {
        name = next_events(&mut last, 1).pop().unwrap().1;
    }
    assert_eq!(last.chunk(), None);
}
