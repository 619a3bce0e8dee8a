//! Who may ask, and for what: signatures and policies.

use crate::fixture::*;
use crate::support::{cbor, form, get, json};

#[test]
fn a_request_that_nobody_signed_is_refused() {
    let kew = Kew::new();
    let send = SEND.replace("ORDERS", &kew.server.queue_url("orders"));
    kew.ask(json("SendMessage", &send)).json_error(403, "AccessDeniedException", "AccessDenied");
    let url = kew.server.queue_url("orders");
    kew.ask(form(format!("Action=SendMessage&QueueUrl={url}&MessageBody=m"))).xml_error(403, "AccessDenied");
    kew.ask(get(&format!("/?Action=PurgeQueue&QueueUrl={url}"))).xml_error(403, "AccessDenied");
    let answer = kew.ask(cbor("SendMessage", &serde_json::from_str(&send).unwrap()));
    assert_eq!((answer.status, &*code(&answer)), (403, "AccessDenied"));
    assert_eq!(kew.count(), "0");
}

#[test]
fn a_wrong_key_or_secret_is_refused_and_which_of_them_is_told() {
    let kew = Kew::new();
    assert_eq!(kew.said(("AKIANOBODY", ANN.1), "SendMessage", SEND), "InvalidClientTokenId");
    assert_eq!(kew.said((ANN.0, "guessed"), "SendMessage", SEND), "SignatureDoesNotMatch");
}

#[test]
fn no_number_of_wrong_attempts_locks_a_key_out() {
    let kew = Kew::new();
    for _ in 0..300 {
        assert_eq!(kew.said((ANN.0, "guessed"), "SendMessage", SEND), "SignatureDoesNotMatch");
    }
    assert_eq!(kew.said(ANN, "SendMessage", SEND), "ok");
}

#[test]
fn a_request_that_was_changed_on_the_way_is_refused() {
    let kew = Kew::new();
    let purge = |name: &str, value: &mut String| {
        if name == "x-amz-target" {
            *value = "AmazonSQS.PurgeQueue".to_owned();
        }
    };
    for change in 0..4 {
        let mut signing = kew.signed(ROOT, "SendMessage", SEND);
        match change {
            0 => signing.headers.iter_mut().for_each(|(name, value)| purge(name, value)),
            1 => *signing.body.last_mut().unwrap() = b' ',
            2 => signing.path = "/000000000000/orders".to_owned(),
            _ => signing.headers[0].1 = "other.internal".to_owned(),
        }
        assert_eq!(code(&kew.ask(bytes(&signing))), "SignatureDoesNotMatch", "{change}");
    }
    assert_eq!(kew.count(), "0");
}

#[test]
fn a_body_that_the_client_leaves_unsigned_may_be_changed_on_the_way() {
    let kew = Kew::new();
    let mut signing = kew.unsigned(ANN, "SendMessage", SEND, 0);
    signing.headers.push(("x-amz-content-sha256".to_owned(), "UNSIGNED-PAYLOAD".to_owned()));
    signing.sign();
    signing.body = String::from_utf8(signing.body).unwrap().replace("ten", "all").into_bytes();
    assert_eq!(code(&kew.ask(bytes(&signing))), "ok");
    let received = kew.ask(bytes(&kew.signed(ROOT, "ReceiveMessage", RECEIVE))).ok().json();
    assert_eq!(received["Messages"][0]["Body"], "all of them");
}

#[test]
fn a_captured_request_works_again_for_15_minutes_and_no_longer() {
    let kew = Kew::new();
    let at = |minutes: i64| {
        let mut signing = kew.unsigned(ANN, "SendMessage", SEND, 60 * minutes);
        signing.sign();
        bytes(&signing)
    };
    for minutes in [0, -14, 14] {
        let captured = at(minutes);
        assert_eq!((code(&kew.ask(&captured)), code(&kew.ask(&captured))), ("ok".to_owned(), "ok".to_owned()));
    }
    for minutes in [-16, 16] {
        let answer = kew.ask(at(minutes));
        assert_eq!(code(&answer), "SignatureDoesNotMatch");
        let text = answer.json()["message"].as_str().unwrap().to_owned();
        assert!(text.starts_with("Signature expired: ") || text.starts_with("Signature not yet current: "), "{text}");
    }
    assert_eq!(kew.count(), "6");
}

#[test]
fn a_key_that_was_taken_out_is_refused_from_then_on() {
    let kew = Kew::new();
    let captured = bytes(&kew.signed(ANN, "SendMessage", SEND));
    assert_eq!(code(&kew.ask(&captured)), "ok");
    kew.take_out(ANN);
    assert_eq!(code(&kew.ask(&captured)), "InvalidClientTokenId");
    assert_eq!(kew.said(ROOT, "SendMessage", SEND), "ok");
}

#[test]
fn a_user_may_do_what_its_policy_says_and_no_more() {
    let kew = Kew::new();
    assert_eq!(kew.said(ANN, "SendMessage", SEND), "ok");
    for (action, body) in [
        ("ReceiveMessage", RECEIVE),
        ("PurgeQueue", RECEIVE),
        ("DeleteQueue", RECEIVE),
        ("CreateQueue", r#"{"QueueName":"more"}"#),
        ("ListQueues", "{}"),
    ] {
        assert_eq!(kew.said(ANN, action, body), "AccessDenied", "{action}");
    }
    assert_eq!(kew.count(), "1");
}

#[test]
fn another_account_gets_nothing_that_no_policy_gives_it() {
    let kew = Kew::new();
    for (action, body) in [("SendMessage", SEND), ("ReceiveMessage", RECEIVE), ("DeleteQueue", RECEIVE)] {
        assert_eq!(kew.said(OTHER, action, body), "AccessDenied", "{action}");
    }
    let listed = kew.ask(bytes(&kew.signed(OTHER, "ListQueues", "{}"))).ok().json();
    assert!(listed["QueueUrls"].as_array().is_none_or(Vec::is_empty), "{listed}");
    let add = r#"{"QueueUrl":"ORDERS","Label":"l","AWSAccountIds":["999999999999"],"Actions":["SendMessage"]}"#;
    assert_eq!(kew.said(ROOT, "AddPermission", add), "ok");
    assert_eq!(kew.said(OTHER, "SendMessage", SEND), "ok");
    assert_eq!(kew.said(OTHER, "ReceiveMessage", RECEIVE), "AccessDenied");
}

#[test]
fn what_a_request_says_of_its_address_is_not_believed() {
    let kew = Kew::new();
    let mut signing = kew.unsigned(EVE, "SendMessage", SEND, 0);
    for name in ["x-forwarded-for", "x-real-ip", "forwarded"] {
        signing.headers.push((name.to_owned(), "203.0.113.7".to_owned()));
    }
    signing.sign();
    assert_eq!(code(&kew.ask(bytes(&signing))), "AccessDenied");
}
