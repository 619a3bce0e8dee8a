//! Any request at all, without a socket: no panic, no 500, and a well-formed answer.

use crate::answers::{answer, check};
use crate::support::cbor;
use crate::support::hostile::{any_member, any_text, any_value, operations};
use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use kew::Server;
use proptest::prelude::*;
use serde_json::{Value, json};

/// The operations, and two that are none.
fn actions() -> impl Strategy<Value = &'static str> {
    prop::sample::select(operations().chain(["Bogus", ""]).collect::<Vec<_>>())
}

/// A parameter's name: members and numbers with dots between.
fn parameter() -> impl Strategy<Value = String> {
    let number = prop_oneof![Just("1"), Just("2"), Just("0"), Just("99999999999999999999"), Just("member"), Just("")];
    prop::collection::vec(prop_oneof![3 => any_member(), 2 => number.prop_map(str::to_owned)], 1..5)
        .prop_map(|parts| parts.join("."))
}

#[derive(Debug)]
struct Any {
    method: &'static str,
    target: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

fn call() -> impl Strategy<Value = Any> {
    let action = actions;
    let object = || prop::collection::vec((any_member(), any_value()), 0..6);
    let in_cbor = (action(), object(), prop::bool::ANY).prop_map(|(action, members, on_queue)| {
        let mut members: serde_json::Map<String, Value> = members.into_iter().collect();
        if on_queue {
            members.insert("QueueUrl".to_owned(), json!("q"));
        }
        Any {
            method: "POST",
            target: format!("/service/AmazonSQS/operation/{action}"),
            headers: vec![
                ("content-type", "application/cbor".to_owned()),
                ("smithy-protocol", "rpc-v2-cbor".to_owned()),
            ],
            body: cbor::body(&Value::from(members)),
        }
    });
    let in_json = (action(), object(), prop::bool::ANY).prop_map(|(action, members, on_queue)| {
        let mut members: serde_json::Map<String, Value> = members.into_iter().collect();
        if on_queue {
            members.insert("QueueUrl".to_owned(), json!("q"));
        }
        Any {
            method: "POST",
            target: "/".to_owned(),
            headers: vec![
                ("content-type", "application/x-amz-json-1.0".to_owned()),
                ("x-amz-target", format!("AmazonSQS.{action}")),
            ],
            body: Value::from(members).to_string().into_bytes(),
        }
    });
    let pairs = || prop::collection::vec((parameter(), any_text()), 0..10);
    let encoded = |action: &str, pairs: Vec<(String, String)>| {
        let first = ("Action".to_owned(), action.to_owned());
        serde_urlencoded::to_string([vec![first], pairs].concat()).unwrap()
    };
    let form = (action(), pairs()).prop_map(move |(action, pairs)| Any {
        method: "POST",
        target: "/000000000000/q".to_owned(),
        headers: vec![("content-type", "application/x-www-form-urlencoded".to_owned())],
        body: encoded(action, pairs).into_bytes(),
    });
    let url = (action(), pairs(), prop::bool::ANY).prop_map(move |(action, pairs, as_json)| Any {
        method: "GET",
        target: format!("/?{}", encoded(action, pairs)),
        headers: if as_json { vec![("accept", "application/json".to_owned())] } else { vec![] },
        body: Vec::new(),
    });
    prop_oneof![3 => in_json, 3 => in_cbor, 3 => form, 1 => url]
}

/// Bytes that nobody meant, under headers that somebody might have.
fn noise() -> impl Strategy<Value = Any> {
    let methods = prop::sample::select(vec!["GET", "HEAD", "POST", "PUT", "OPTIONS", "XYZ"]);
    let kinds =
        vec!["application/x-amz-json-1.0", "application/x-www-form-urlencoded", "application/cbor", "text/plain", ""];
    let header = prop_oneof![
        prop::sample::select(kinds).prop_map(|kind| ("content-type", kind.to_owned())),
        actions().prop_map(|action| ("x-amz-target", format!("AmazonSQS.{action}"))),
        any_text().prop_map(|text| ("authorization", format!("AWS4-HMAC-SHA256 Credential={text}"))),
        any_text().prop_map(|text| ("host", text)),
        any_text().prop_map(|text| ("accept", text)),
        any_text().prop_map(|text| ("x-amzn-trace-id", text)),
        any_text().prop_map(|text| ("x-amz-target", text)),
        Just(("smithy-protocol", "rpc-v2-cbor".to_owned())),
    ];
    let target = prop_oneof![
        2 => "[/?&=%a-zA-Z0-9._:;@+*-]{0,60}".prop_map(|rest| format!("/{rest}")),
        1 => actions().prop_map(|action| format!("/service/AmazonSQS/operation/{action}")),
    ];
    (methods, target, prop::collection::vec(header, 0..5), prop::collection::vec(any::<u8>(), 0..200))
        .prop_map(|(method, target, headers, body)| Any { method, target, headers, body })
}

fn request(any: &Any) -> Option<Request<Full<Bytes>>> {
    let mut request = Request::builder().method(any.method).uri(&any.target);
    for (name, value) in &any.headers {
        request = request.header(*name, hyper::header::HeaderValue::from_bytes(value.as_bytes()).ok()?);
    }
    request.body(Full::new(Bytes::from(any.body.clone()))).ok()
}

fn server() -> Server {
    Server::builder()
        .queue(kew::QueueConfig::new("q").dead_letter("dead", 2))
        .queue("jobs.fifo")
        .manual_clock()
        .start()
        .unwrap()
}

fn cases(count: u32) -> ProptestConfig {
    ProptestConfig { cases: count, failure_persistence: None, ..ProptestConfig::default() }
}

/// Runs one property with a server that lives through all of its cases.
fn run(count: u32, requests: impl Strategy<Value = Vec<Any>>) {
    // For the limit on the time that a body may take, which needs a timer.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let _inside = runtime.enter();
    let server = server();
    let mut runner = proptest::test_runner::TestRunner::new(cases(count));
    let outcome = runner.run(&requests, |requests| {
        for any in &requests {
            if let Some(request) = request(any) {
                check(answer(server.service(), request));
            }
        }
        Ok(())
    });
    outcome.unwrap_or_else(|e| panic!("{e}"));
}

#[test]
fn any_call_has_a_well_formed_answer() {
    run(1500, prop::collection::vec(call(), 1..5));
}

#[test]
fn any_bytes_have_a_well_formed_answer() {
    run(3000, prop::collection::vec(noise(), 1..3));
}
