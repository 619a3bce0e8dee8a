//! A data directory that was written in another mode, or under another clock: what the log says, and what is refused.

use crate::http::{json, json_with};
use crate::kew::*;
use std::path::Path;
use std::time::Duration;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Creates a queue as a client of a region does.
fn create(kew: &Kew, region: &str, name: &str) {
    let credential =
        format!("AWS4-HMAC-SHA256 Credential=test/20261120/{region}/sqs/aws4_request, SignedHeaders=host, Signature=x");
    let request = json_with("CreateQueue", &[("Authorization", &credential)], format!(r#"{{"QueueName":"{name}"}}"#));
    kew.ask(request).ok();
}

#[test]
fn queues_that_would_share_a_name_are_refused_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let kew = Kew::start(&["--data", text(&data), "--mode", "aws"]);
    for region in ["us-east-1", "eu-west-1"] {
        create(&kew, region, "orders");
        create(&kew, region, &format!("only-{region}"));
    }
    kew.stop();
    let ended = refused(&["--data", text(&data)]);
    assert_eq!((ended.code, ended.errors.lines().count()), (Some(1), 1), "{ended:?}");
    for part in ["orders", "us-east-1", "eu-west-1", "--namespace aws"] {
        assert!(ended.errors.contains(part), "{part}: {ended:?}");
    }
    assert!(!ended.errors.contains("only-"), "{ended:?}");
    Kew::start(&["--data", text(&data), "--namespace", "aws"]).stop();
}

#[test]
fn queues_that_only_clients_of_their_own_region_find_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let kew = Kew::start(&["--data", text(dir.path())]);
    create(&kew, "us-east-1", "near");
    for number in 10..30 {
        create(&kew, "eu-west-1", &format!("far-{number}"));
    }
    assert!(!kew.stop().join("\n").contains("far-"));
    let log = Kew::start(&["--data", text(dir.path()), "--mode", "aws"]).stop().join("\n");
    assert!(log.contains("far-10 in eu-west-1") && log.contains("and 12 more"), "{log}");
    assert!(!log.contains("near"), "{log}");
}

/// A store with a message, in flight for 30 seconds, that was written at the beginning of 2026, or years later.
fn written(dir: &Path, days_on: u64) {
    let clock = kew::Clock::manual();
    clock.advance(Duration::from_secs(days_on * 86_400));
    let server = kew::Server::builder().queue("q").clock(clock).data(dir, kew::internals::config::Durability::Process);
    let server = server.start().unwrap();
    let mut peer = crate::http::Peer::of(&server);
    peer.ask(json("SendMessage", r#"{"QueueUrl":"q","MessageBody":"x"}"#)).ok();
    peer.ask(json("ReceiveMessage", r#"{"QueueUrl":"q","VisibilityTimeout":30}"#)).ok();
}

#[test]
fn a_store_from_later_than_now_is_told_of() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), 365 * 100);
    let kew = Kew::start(&["--data", text(dir.path())]);
    let line = kew.line_with("the clock was ahead then, or is behind now");
    for part in ["WARN", "written at 2125-12-08T00:00:00Z", "1 messages", "1 queues"] {
        assert!(line.contains(part), "{part}: {line}");
    }
}

#[test]
fn messages_that_are_past_their_retention_period_at_the_start_are_told_of() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path(), 0);
    let line = Kew::start(&["--data", text(dir.path())]).line_with("past their retention period");
    assert!(line.contains("WARN") && line.contains("1 messages") && line.contains("2026-01-01T00:00:00Z"), "{line}");
}
