//! Single messages: looked at without receiving them, deleted, moved and released.

use super::fixture::Kew;
use kew::{QueueConfig, Server};
use serde_json::{Value, json};

fn bodies(page: &Value) -> Vec<&str> {
    page["messages"].as_array().unwrap().iter().map(|message| message["body"].as_str().unwrap()).collect()
}

fn send(kew: &Kew, message: Value) -> String {
    let (status, sent) = kew.sqs("SendMessage", message);
    assert_eq!(status, 200, "{sent}");
    sent["MessageId"].as_str().unwrap().to_owned()
}

#[test]
fn messages_are_seen_in_every_state_and_nothing_happens_to_them() {
    let kew = Kew::start();
    kew.send("orders", "in flight");
    kew.receive("orders");
    kew.send("orders", "visible");
    send(&kew, json!({"QueueUrl": "orders", "MessageBody": "delayed", "DelaySeconds": 900}));
    let position = kew.get("/queues").1["position"].clone();
    for _ in 0..3 {
        let (status, page) = kew.get("/queues/orders/messages");
        assert_eq!((status, bodies(&page)), (200, vec!["in flight", "visible", "delayed"]));
        let states: Vec<&Value> =
            page["messages"].as_array().unwrap().iter().map(|message| &message["state"]).collect();
        assert_eq!(states, ["inFlight", "visible", "delayed"]);
        assert_eq!(
            (&page["messages"][0]["receiveCount"], &page["messages"][1]["receiveCount"]),
            (&json!(1), &json!(0))
        );
        assert!(page["messages"][0]["visibilityEnds"].is_string() && page["messages"][2]["delayEnds"].is_string());
        assert_eq!((&page["next"], &page["position"]), (&Value::Null, &position), "no event");
    }
    assert_eq!(bodies(&kew.get("/queues/orders/messages?state=delayed,inFlight").1), ["in flight", "delayed"]);
    assert_eq!(kew.receive("orders").len(), 1, "what is visible is still there");
    let (_, text) = kew.text("GET", "/queues/orders/messages");
    assert!(text.lines().count() == 4 && text.contains("in flight for another "), "{text}");
}

#[test]
fn messages_are_found_by_what_is_in_them() {
    let kew = Kew::with(Server::builder().queue("orders").queue("jobs.fifo"));
    for number in 1000..1010 {
        let attributes = json!({"tenant": {"DataType": "String", "StringValue": format!("t{}", number % 2)}});
        let body = json!({"orderId": number, "lines": [{"sku": format!("S{number}")}]}).to_string();
        send(&kew, json!({"QueueUrl": "orders", "MessageBody": body, "MessageAttributes": attributes}));
    }
    for group in ["a", "b"] {
        send(
            &kew,
            json!({"QueueUrl": "jobs.fifo", "MessageBody": group, "MessageGroupId": group, "MessageDeduplicationId": format!("d{group}")}),
        );
    }
    let count = |path: &str| {
        let (status, page) = kew.get(path);
        assert_eq!(status, 200, "{page}");
        page["messages"].as_array().unwrap().len()
    };
    assert_eq!(count("/queues/orders/messages?contains=1003"), 1);
    assert_eq!(count("/queues/orders/messages?json.$.orderId=1004"), 1);
    assert_eq!(count("/queues/orders/messages?json.lines[*].sku=S1004&json.orderId=1004"), 1);
    assert_eq!(count("/queues/orders/messages?attribute.tenant=t1"), 5);
    assert_eq!(count("/queues/orders/messages?attribute.tenant=t1&contains=1004"), 0);
    assert_eq!(count("/queues/jobs.fifo/messages?group=b"), 1);
    assert_eq!(count("/queues/jobs.fifo/messages?dedupId=da&group=a"), 1);
    let fifo = &kew.get("/queues/jobs.fifo/messages?group=a").1["messages"][0];
    assert_eq!((&fifo["dedupId"], fifo["sequenceNumber"].as_str().map(str::len)), (&json!("da"), Some(20)));
    let standard = &kew.get("/queues/orders/messages?limit=1").1["messages"][0];
    assert_eq!(standard["attributes"], json!({"tenant": {"type": "String", "value": "t0"}}));
}

#[test]
fn large_queues_are_seen_page_by_page_and_large_bodies_in_part() {
    let kew = Kew::start();
    (0..250).for_each(|number| drop(kew.send("orders", &format!("{number:04}"))));
    let (mut seen, mut next) = (Vec::new(), json!(0));
    while !next.is_null() {
        let (_, page) = kew.get(&format!("/queues/orders/messages?limit=70&after={next}"));
        assert!(page["messages"].as_array().unwrap().len() <= 70);
        seen.extend(bodies(&page).into_iter().map(str::to_owned));
        next = page["next"].clone();
    }
    assert_eq!(seen, (0..250).map(|number| format!("{number:04}")).collect::<Vec<_>>());
    kew.send("orders", &"é".repeat(100_000));
    let (_, page) = kew.get("/queues/orders/messages?contains=éé");
    let long = &page["messages"][0];
    assert_eq!((long["body"].as_str().map(str::len), &long["bodyBytes"]), (Some(65536), &json!(200_000)));
    let (_, page) = kew.get("/queues/orders/messages?contains=éé&bodyLimit=5");
    assert_eq!(page["messages"][0]["body"], "éé");
}

#[test]
fn one_message_is_deleted_moved_or_released_and_the_history_says_by_whom() {
    let kew = Kew::with(Server::builder().queue("orders").queue(QueueConfig::new("again").dead_letter("dead", 2)));
    let id = kew.send("orders", "x");
    kew.receive("orders");
    let path = format!("/queues/orders/messages/{id}");
    let parked = kew.park("orders");
    assert_eq!(kew.post(&format!("{path}/release"), json!({})).0, 200);
    let received = parked.answer().json().1;
    assert_eq!(received["Messages"][0]["MessageId"], json!(id), "it is handed to who waits");
    assert_eq!(kew.post(&format!("{path}/release"), json!({})).0, 200);
    let (status, error) = kew.post(&format!("{path}/release"), json!({}));
    assert_eq!(status, 409, "{error}");
    kew.receive("orders");
    assert_eq!(kew.post(&format!("{path}/move?to=again"), json!({})).1["to"], "again");
    let (status, error) = kew.post(&format!("{path}/move"), json!({"to": "again"}));
    assert_eq!((status, &error["hint"]), (404, &json!("it is in `again`")));
    // Received three times, but not here.
    assert_eq!(kew.receive("again").len(), 1);
    let (status, gone) = kew.delete(&format!("/queues/again/messages/{id}"));
    assert_eq!((status, &gone["deleted"]), (200, &json!(true)));
    assert_eq!(kew.delete(&format!("/queues/again/messages/{id}")).0, 404);
    let (_, life) = kew.get(&format!("/messages/{id}"));
    let events = life["events"].as_array().unwrap().iter().filter(|event| event["by"]["control"] == true);
    let types: Vec<&str> = events.map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["released", "released", "removed", "arrived", "removed"]);
    assert_eq!(life["state"], "removed");
}

#[test]
fn what_cannot_be_is_refused_and_nothing_is_half_done() {
    let kew = Kew::with(Server::builder().queue("orders").queue("jobs.fifo"));
    let id = kew.send("orders", "x");
    let message = format!("/queues/orders/messages/{id}");
    for (path, status) in [
        ("/queues/order/messages", 404),
        ("/queues/orders/messages?state=gone", 400),
        ("/queues/orders/messages?limit=1001", 400),
        ("/queues/orders/messages?bodyLimit=65537", 400),
        ("/queues/orders/messages?after=-1", 400),
        ("/queues/orders/messages?json.$..x=1", 400),
        ("/queues/orders/messages?id=1", 400),
        ("/queues/orders/messages?contain=x", 400),
    ] {
        let (got, error) = kew.get(path);
        assert_eq!(got, status, "{path}: {error}");
    }
    for (path, body, status) in [
        (format!("{message}/move"), json!({}), 400),
        (format!("{message}/move"), json!({"to": "nowhere"}), 404),
        (format!("{message}/move"), json!({"to": "orders"}), 409),
        (format!("{message}/move"), json!({"to": "jobs.fifo"}), 409),
        (format!("{message}/release"), json!({"x": 1}), 400),
        (format!("{message}/release"), json!({}), 409),
        ("/queues/orders/messages/1/release".to_owned(), json!({}), 400),
        (format!("/queues/jobs.fifo/messages/{id}/release"), json!({}), 404),
    ] {
        let (got, error) = kew.post(&path, body);
        assert_eq!(got, status, "{path}: {error}");
    }
    assert_eq!(bodies(&kew.get("/queues/orders/messages").1), ["x"]);
}
