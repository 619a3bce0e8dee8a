//! Message groups of a queue, and moving the messages that a search finds.

use super::fixture::Kew;
use kew::{QueueConfig, Server};
use serde_json::json;

fn send(kew: &Kew, queue: &str, body: &str, group: &str) -> String {
    let message = json!({"QueueUrl": queue, "MessageBody": body, "MessageGroupId": group});
    let (status, sent) = kew.sqs("SendMessage", message);
    assert_eq!(status, 200, "{sent}");
    sent["MessageId"].as_str().unwrap().to_owned()
}

/// `orders` after one receive, its dead letters, and another queue.
fn with_dead_letters(bodies: &[&str]) -> Kew {
    let orders = QueueConfig::new("orders").dead_letter("orders-dead", 1);
    let kew = Kew::with(Server::builder().queue(orders).queue("other").queue("jobs.fifo").manual_clock());
    bodies.iter().for_each(|body| drop(kew.send("orders", body)));
    assert_eq!(kew.receive("orders").len(), bodies.len());
    kew.server.advance(std::time::Duration::from_secs(31));
    assert!(kew.receive("orders").is_empty());
    assert_eq!(kew.get("/queues/orders-dead").1["visible"], bodies.len());
    kew
}

#[test]
fn groups_of_a_fifo_queue_tell_what_locks_them() {
    let fifo = QueueConfig::new("jobs.fifo").content_based_deduplication(true);
    let kew = Kew::with(Server::builder().queue(fifo).manual_clock());
    let first = send(&kew, "jobs.fifo", "a0", "a");
    for (body, group) in [("a1", "a"), ("b0", "b")] {
        send(&kew, "jobs.fifo", body, group);
    }
    let (status, got) = kew.sqs("ReceiveMessage", json!({"QueueUrl": "jobs.fifo"}));
    assert_eq!((status, &got["Messages"][0]["MessageId"]), (200, &json!(first)));
    let (status, answer) = kew.get("/queues/jobs.fifo/groups");
    assert_eq!((status, &answer["all"], &answer["complete"]), (200, &json!(2), &json!(true)), "{answer}");
    let (a, b) = (&answer["groups"][0], &answer["groups"][1]);
    assert_eq!((&a["group"], &a["visible"], &a["inFlight"]), (&json!("a"), &json!(1), &json!(1)));
    assert_eq!(a["lockedBy"], json!(first));
    assert!(a["lockedUntil"].is_string() && b["lockedBy"].is_null(), "{answer}");
    let (_, text) = kew.text("GET", "/queues/jobs.fifo/groups");
    assert!(text.contains(&first), "{text}");
    assert_eq!(kew.get("/queues/jobs.fifo/groups?limit=1").1["groups"].as_array().unwrap().len(), 1);
    assert_eq!(kew.get("/queues/jobs.fifo/groups?limit=1001").0, 400);
    assert_eq!(kew.get("/queues/nothing/groups").0, 404);
}

#[test]
fn groups_of_a_standard_queue_tell_which_are_noisy() {
    let kew = Kew::start();
    for number in 0..40 {
        send(&kew, "orders", &number.to_string(), "loud");
    }
    send(&kew, "orders", "x", "quiet");
    (0..4).for_each(|_| drop(kew.receive("orders")));
    let (_, answer) = kew.get("/queues/orders/groups");
    let noisy = |name: &str| {
        let groups = answer["groups"].as_array().unwrap();
        groups.iter().find(|group| group["group"] == name).map(|group| group["noisy"].clone())
    };
    assert_eq!((noisy("loud"), noisy("quiet")), (Some(json!(true)), Some(json!(false))), "{answer}");
}

#[test]
fn dead_letters_that_a_search_finds_go_back_to_where_they_came_from() {
    let kew = with_dead_letters(&["{\"n\": 1}", "{\"n\": 2}", "{\"n\": 3}"]);
    assert_eq!(kew.get("/queues/orders-dead").1["deadLetterSources"], json!(["orders"]));
    let (status, answer) = kew.post("/queues/orders-dead/redrive", json!({"json": {"$.n": 2}}));
    assert_eq!((status, &answer["moved"], &answer["more"]), (200, &json!(1), &json!(false)), "{answer}");
    let back = kew.receive("orders");
    assert_eq!(back.len(), 1);
    assert_eq!(back[0]["Body"], "{\"n\": 2}");
    // To another queue, and no more than are wanted.
    let (status, answer) = kew.post("/queues/orders-dead/redrive?limit=1&to=other", json!(null));
    assert_eq!((status, &answer["moved"], &answer["more"]), (200, &json!(1), &json!(true)));
    assert_eq!(kew.get("/queues/other").1["visible"], 1);
    assert_eq!(kew.get("/queues/orders-dead").1["messages"], 1);
}

#[test]
fn a_redrive_that_cannot_be_moves_nothing() {
    let kew = with_dead_letters(&["x"]);
    kew.send("orders-dead", "came from nowhere");
    let (status, answer) = kew.post("/queues/orders-dead/redrive", json!({}));
    assert_eq!((status, &answer["hint"]), (409, &json!("say where to: to=QUEUE")), "{answer}");
    assert_eq!(kew.get("/queues/orders-dead").1["messages"], 2);
    for (body, status) in [
        (json!({"to": "jobs.fifo"}), 409),
        (json!({"to": "orders-dead"}), 409),
        (json!({"to": "nothing"}), 404),
        (json!({"limit": 1001}), 400),
        (json!({"contain": "x"}), 400),
    ] {
        assert_eq!(kew.post("/queues/orders-dead/redrive", body.clone()).0, status, "{body}");
    }
    assert_eq!(kew.get("/queues/orders-dead").1["messages"], 2);
}

#[test]
fn a_request_that_failed_is_an_event_with_its_error() {
    let kew = Kew::start();
    let (status, _) = kew.sqs("SendMessage", json!({"QueueUrl": "nothing", "MessageBody": "x"}));
    assert_eq!(status, 400);
    let (_, answer) = kew.get("/history?type=requestFailed");
    let event = &answer["events"][0];
    assert_eq!((&event["action"], &event["code"]), (&json!("SendMessage"), &json!("QueueDoesNotExist")), "{answer}");
    assert!(event["text"].as_str().is_some_and(|text| !text.is_empty()) && event["by"]["requestId"].is_string());
    let (_, text) = kew.text("GET", "/history?type=requestFailed");
    assert!(text.contains("SendMessage with QueueDoesNotExist"), "{text}");
    // Who looks for it can read what was asked for, though there is no queue to name.
    assert!(
        event["queue"].is_null() && event["detail"].as_str().is_some_and(|text| text.contains("nothing")),
        "{event}"
    );
}

#[test]
fn a_request_that_failed_names_the_queue_that_it_was_addressed_to() {
    let kew = Kew::start();
    kew.sqs("CreateQueue", json!({"QueueName": "other"}));
    let (status, _) = kew.sqs("DeleteMessage", json!({"QueueUrl": "orders", "ReceiptHandle": "wrong"}));
    assert_eq!(status, 404);
    kew.post("/faults", json!({"fault": "throttle", "on": {"queue": "orders"}, "when": {"nth": [1]}}));
    let (status, _) = kew.sqs("SendMessage", json!({"QueueUrl": "orders", "MessageBody": "x"}));
    assert_eq!(status, 403);
    let (_, answer) = kew.get("/history?type=requestFailed&queue=orders");
    let actions: Vec<_> = answer["events"].as_array().unwrap().iter().map(|event| &event["action"]).collect();
    assert_eq!(actions, ["DeleteMessage", "SendMessage"], "{answer}");
    assert_eq!(kew.get("/history?type=requestFailed&queue=other").1["events"], json!([]));
}

#[test]
fn a_queue_tells_its_totals_and_a_life_its_message_without_the_body() {
    let kew = Kew::start();
    let id = kew.send("orders", "a body");
    kew.receive("orders");
    let (_, row) = kew.get("/queues/orders");
    assert_eq!((&row["totals"]["sent"], &row["totals"]["received"]), (&json!(1), &json!(1)), "{row}");
    assert!(row["nowMs"].is_u64());
    let (_, life) = kew.get(&format!("/messages/{id}?bodyLimit=0"));
    assert_eq!((&life["message"]["body"], &life["message"]["bodyBytes"]), (&json!(""), &json!(6)));
    assert_eq!(kew.get(&format!("/messages/{id}")).1["message"]["body"], "a body");
    let kew = Kew::with(Server::builder().queue("orders").history(0));
    assert!(kew.get("/queues/orders").1["totals"].is_null());
}

#[test]
fn whoever_wants_so_many_events_a_second_is_told_that_others_were_skipped() {
    let kew = Kew::start();
    let position = kew.get("").1["position"].as_u64().unwrap();
    (0..20).for_each(|number| drop(kew.send("orders", &number.to_string())));
    let mut stream = kew.begin("GET", &format!("/_kew/events?since={position}&limit=5"), &[], "");
    assert_eq!(stream.head().status, 200);
    let mut text = String::new();
    while text.matches("\nid: ").count() < 5 {
        text += &stream.chunk().unwrap();
    }
    assert!(text.contains(&format!("event: skipped\ndata: {{\"after\":{position}}}")), "{text}");
    assert_eq!(text.matches("\"type\":\"sent\"").count(), 5);
    assert!(text.contains(&format!("id: {}\n", position + 20)), "{text}");
}
