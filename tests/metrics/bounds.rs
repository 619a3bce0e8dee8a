//! Many queues, names that have to be escaped, and counts that outlive their queues.

use crate::fixture::Kew;
use crate::reading::Metrics;
use kew::Server;
use kew::internals::metrics::QUEUES_SHOWN_MAX;
use serde_json::json;

#[test]
fn more_queues_than_an_answer_shows_are_left_out_and_that_is_said() {
    let kew = Kew::start();
    let broker = kew.server.service().broker().clone();
    for number in 0..QUEUES_SHOWN_MAX + 4 {
        let settings = kew::internals::broker::QueueSettings::new(false, &Default::default(), broker.clock().now());
        let names = ("000000000000", "us-east-1", &*format!("q{number:05}"));
        let queue = kew::internals::broker::Queue::new(number as u64 + 1_000, names, settings, Default::default());
        broker.namespace().put_back(&queue.into()).ok().unwrap();
    }
    let answer = kew.request("GET", "/metrics?family=kew", &[], "");
    let metrics = Metrics(answer.body);
    assert_eq!(metrics.all("kew_receivers_parked", &[]).len(), QUEUES_SHOWN_MAX);
    assert_eq!(metrics.one("kew_queues_left_out", &[]), 5.0);
    assert!(metrics.0.starts_with("# 5 queues are left out: an answer shows 10000 at most"), "{}", &metrics.0[..200]);
    assert_eq!(metrics.one("kew_queues", &[]), 10_005.0);
    // Those who do not read what they asked for keep only some such answers waiting.
    let mut slow: Vec<_> = (0..5).map(|_| kew.begin("GET", "/metrics", &[], "")).collect();
    let statuses: Vec<u16> = slow.iter_mut().map(|pending| pending.head().status).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 503).count(), 1, "{statuses:?}");
    drop(slow);
    let some = Metrics::at(&kew, "/metrics?queue=q1000*");
    assert_eq!((some.all("kew_receivers_parked", &[]).len(), some.one("kew_queues_left_out", &[])), (4, 0.0));
}

#[test]
fn the_name_of_a_rule_cannot_break_a_line() {
    let kew = Kew::start();
    let (status, answer) = kew.post("/faults", json!({"fault": "throttle", "id": "a\"b\\c"}));
    assert_eq!(status, 201, "{answer}");
    let metrics = Metrics::of(&kew);
    assert!(metrics.0.contains("kew_faults_fired_total{rule=\"a\\\"b\\\\c\"} 0\n"), "{}", metrics.0);
}

#[test]
fn totals_go_on_when_queues_go() {
    let kew = Kew::with(Server::builder().queue("orders").queue("mails"));
    for queue in ["orders", "orders", "mails"] {
        kew.send(queue, "hello");
    }
    let total = |kew: &Kew| Metrics::of(kew).one("kew_global_messages_sent_total", &[]);
    assert_eq!(total(&kew), 3.0);
    kew.sqs("DeleteQueue", json!({"QueueUrl": "orders"}));
    let metrics = Metrics::of(&kew);
    assert!(metrics.all("kew_messages_sent_total", &[("queue_name", "orders")]).is_empty());
    assert_eq!(total(&kew), 3.0);
    kew.post("/reset", json!({}));
    kew.send("orders", "new");
    assert_eq!(Metrics::of(&kew).orders("kew_messages_sent_total"), 1.0);
    assert_eq!(total(&kew), 4.0);
}

#[test]
fn a_namespace_has_a_label_and_its_counts_outlive_it() {
    let kew = Kew::start();
    let (status, made) = kew.post("/ns", json!({"name": "mine", "queues": ["orders"]}));
    assert_eq!(status, 201, "{made}");
    let account = made["account"].as_str().unwrap();
    let body = json!({"QueueUrl": "orders", "MessageBody": "hello"});
    assert_eq!(kew.begin_sqs(account, "SendMessage", body).answer().status, 200);
    let metrics = Metrics::of(&kew);
    let mine = [("queue_name", "orders"), ("namespace", "mine")];
    assert_eq!(metrics.one("kew_messages_sent_total", &mine), 1.0);
    assert_eq!(metrics.one("aws_sqs_approximate_number_of_messages_visible_average", &mine), 1.0);
    assert_eq!(metrics.all("kew_clock_offset_seconds", &[]).len(), 2);
    assert_eq!(kew.delete("/ns/mine").0, 200);
    let metrics = Metrics::of(&kew);
    assert!(metrics.all("kew_messages_sent_total", &mine).is_empty());
    assert_eq!(metrics.one("kew_global_messages_sent_total", &[]), 1.0);
}
