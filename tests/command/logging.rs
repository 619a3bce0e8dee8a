//! The request log: at debug level, one line a request, for the person who wonders why a client gets an error.

use crate::door::{Peer, form, get, json, json_with};
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
