//! Metrics over HTTP: formats, what can be asked for, and who is answered.

use crate::fixture::Kew;
use crate::reading::Metrics;
use kew::{Mode, Server};

#[test]
fn the_text_format_has_help_and_type_before_the_samples() {
    let kew = Kew::start();
    let answer = kew.request("GET", "/metrics", &[], "");
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let lines: Vec<&str> = answer.body.lines().collect();
    let at = lines.iter().position(|line| line.starts_with("kew_messages_sent_total{")).unwrap();
    assert!(lines[at - 2].starts_with("# HELP kew_messages_sent_total "), "{}", lines[at - 2]);
    assert_eq!(lines[at - 1], "# TYPE kew_messages_sent_total counter");
    assert!(!answer.body.contains("# EOF"));
}

#[test]
fn open_metrics_names_counters_without_total_and_ends_with_eof() {
    let kew = Kew::start();
    let accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    let answer = kew.request("GET", "/metrics", &[("Accept", accept)], "");
    let expected = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(answer.header("content-type"), Some(expected));
    assert!(answer.body.contains("# TYPE kew_messages_sent counter\nkew_messages_sent_total{"), "{}", answer.body);
    assert!(answer.body.ends_with("\n# EOF\n"));
}

#[test]
fn one_family_or_some_queues_can_be_asked_for() {
    let kew = Kew::with(Server::builder().queue("orders").queue("orders-dead").queue("mails"));
    let aws = Metrics::at(&kew, "/metrics?family=aws");
    assert!(aws.0.contains("aws_sqs_") && !aws.0.contains("kew_") && !aws.0.contains("process_"), "{}", aws.0);
    let own = Metrics::at(&kew, "/metrics?family=kew");
    assert!(own.0.contains("kew_") && !own.0.contains("aws_sqs_"), "{}", own.0);
    let some = Metrics::at(&kew, "/metrics?queue=orders*");
    assert_eq!(some.all("kew_receivers_parked", &[]).len(), 2);
    assert!(!some.0.contains("mails"), "{}", some.0);
    assert_eq!(some.one("kew_queues", &[]), 3.0);
}

#[test]
fn what_cannot_be_asked_for_is_refused_with_what_can() {
    let kew = Kew::start();
    for (query, hint) in [("family=gcp", "there are aws and kew"), ("queu=a", "there are family and queue")] {
        let answer = kew.request("GET", &format!("/metrics?{query}"), &[], "");
        assert_eq!(answer.status, 400, "{}", answer.body);
        assert!(answer.body.contains(hint), "{}", answer.body);
    }
}

#[test]
fn a_foreign_page_gets_nothing() {
    let kew = Kew::start();
    for headers in [
        [("Host", "localhost:9324"), ("Origin", "https://attacker.example")],
        [("Host", "localhost:9324"), ("Sec-Fetch-Site", "cross-site")],
        [("Host", "evil.example"), ("Sec-Fetch-Site", "same-origin")],
    ] {
        let answer = kew.request("GET", "/metrics", &headers, "");
        assert_eq!(answer.status, 403, "{headers:?} {}", answer.body);
        assert!(!answer.body.contains("kew_"));
    }
}

#[test]
fn they_are_there_without_control_and_history() {
    let kew = Kew::with(Server::builder().queue("orders").mode(Mode::Aws));
    kew.send("orders", "hello");
    assert_eq!(kew.request("GET", "/_kew", &[], "").status, 403);
    assert_eq!(Metrics::of(&kew).orders("kew_messages_sent_total"), 1.0);
}

#[test]
fn switched_off_they_are_not_there() {
    let kew = Kew::with(Server::builder().queue("orders").metrics(false));
    let answer = kew.request("GET", "/metrics", &[], "");
    assert_eq!((answer.status, &*answer.body), (404, "<UnknownOperationException/>"));
}

#[test]
fn other_methods_are_for_sqs() {
    let kew = Kew::start();
    assert_eq!(kew.request("POST", "/metrics", &[], "").status, 404);
}
