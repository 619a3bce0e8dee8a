//! The request log: at debug level, one line a request, for the person who wonders why a client gets an error.

use crate::http::{Peer, form, get, json, json_with};
use crate::kew::*;

#[test]
fn each_request_is_a_line_with_action_queue_status_and_time() {
    let kew = Kew::start(&["--queue", "orders", "--log", "debug"]);
    kew.ask(json("SendMessage", r#"{"QueueUrl":"http://h/000000000000/orders","MessageBody":"x"}"#)).ok();
    let line = kew.line_with("SendMessage");
    for part in ["DEBUG", "action=\"SendMessage\"", "queue=\"http://h/000000000000/orders\"", "status=200", "ms="] {
        assert!(line.contains(part), "{part}: {line}");
    }
    kew.ask(form("Action=ReceiveMessage&QueueUrl=orders&MaxNumberOfMessages=11"));
    let line = kew.line_with("ReceiveMessage");
    for part in ["status=400", "error=InvalidParameterValue: ", "MaxNumberOfMessages"] {
        assert!(line.contains(part), "{part}: {line}");
    }
    kew.ask(form("Action=Bogus"));
    let line = kew.line_with("Bogus");
    assert!(line.contains("request refused") && line.contains("status=400"), "{line}");
    // A log for files has no colours in it.
    kew.ask(get("/?Action=ListQueues")).ok();
    assert!(!kew.line_with("ListQueues").contains('\u{1b}'));
}

#[test]
fn the_body_of_a_message_is_nobodys_business() {
    let kew = Kew::start(&["--queue", "orders", "--log", "debug"]);
    kew.ask(json("SendMessage", r#"{"QueueUrl":"orders","MessageBody":"a secret"}"#)).ok();
    let log = kew.stop().join("\n");
    assert!(log.contains("SendMessage") && !log.contains("secret"), "{log}");
}

#[test]
fn a_queue_that_is_not_there_is_shown_where_it_is() {
    let kew = Kew::start(&["--mode", "aws", "--queue", "orders", "--log", "debug"]);
    let credential = "AWS4-HMAC-SHA256 Credential=123456789012/20261120/eu-west-1/sqs/aws4_request, Signature=x";
    let wrong_place = [("Authorization", credential)];
    let mut peer: Peer = kew.peer();
    let answer = peer.ask(json_with("SendMessage", &wrong_place, r#"{"QueueUrl":"orders","MessageBody":"x"}"#));
    // The client is told what SQS tells, to the letter.
    assert_eq!(answer.json()["message"], "The specified queue does not exist.");
    let line = kew.line_with("SendMessage");
    let hint = "a queue named orders exists in account 000000000000 region us-east-1";
    assert!(line.contains(hint), "{line}");
    peer.ask(json("SendMessage", r#"{"QueueUrl":"nowhere","MessageBody":"x"}"#));
    let line = kew.line_with("SendMessage");
    assert!(line.contains("no queue is named nowhere"), "{line}");
}

/// A line of the log is one event, whatever a client puts into a name: neither a second line nor a terminal's escapes.
#[test]
fn what_clients_write_stays_inside_its_line() {
    let kew = Kew::start(&["--queue", "orders", "--log", "debug"]);
    let hostile = r"x\n2026-01-01T00:00:00.000000Z ERROR forged\u001b[31m\u0007\u009b1m\u202e";
    let names = format!(r#"{{"QueueUrl":"orders","AttributeNames":["{hostile}"]}}"#);
    assert_eq!(kew.ask(json("GetQueueAttributes", names)).status, 400);
    assert_eq!(kew.ask(form("Action=%0A%1B%5B31m-forged")).status, 400);
    assert_eq!(kew.ask(json("SendMessage", r#"{"QueueUrl":"a\nforged\u001b[31m","MessageBody":"x"}"#)).status, 400);
    let log = kew.stop();
    let text = log.join("\n");
    assert_eq!(text.matches("forged").count(), 3 + 1, "one is told as the URL and as what is wrong: {text}");
    let odd = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
    assert!(!text.contains(odd), "{text:?}");
    assert!(log.iter().all(|line| line.starts_with("20") && line.contains('Z')), "{text}");
    assert!(text.contains(r"x\n2026-01-01"), "{text}");
}
