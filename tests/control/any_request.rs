//! Any call of any endpoint: no panic, no 500, and an error that says what is wrong.

use crate::control_calls::{answer, check};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Request};
use kew::internals::clock::NetworkTime;
use kew::{QueueConfig, Server};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Names that some endpoint reads, and some that none does.
const NAMES: &[&str] = &[
    "mode",
    "at",
    "settle",
    "until",
    "maxJumps",
    "consumers",
    "longPolls",
    "by",
    "to",
    "jump",
    "queue",
    "reason",
    "ttl",
    "visible",
    "inFlight",
    "delayed",
    "messages",
    "empty",
    "parked",
    "sent",
    "received",
    "deleted",
    "deadLettered",
    "expired",
    "emptyReceives",
    "deduplicated",
    "message",
    "id",
    "body",
    "contains",
    "json",
    "attribute",
    "group",
    "dedupId",
    "state",
    "receives",
    "not",
    "stable",
    "quiet",
    "failFast",
    "any",
    "all",
    "timeout",
    "auto",
    "since",
    "limit",
    "after",
    "bodyLimit",
    "type",
    "format",
    "fault",
    "on",
    "when",
    "action",
    "caller",
    "userAgent",
    "account",
    "probability",
    "nth",
    "first",
    "every",
    "times",
    "how",
    "ms",
    "jitter",
    "copies",
    "while",
    "entries",
    "code",
    "status",
    "window",
    "lag",
    "what",
    "name",
    "queues",
    "clock",
    "faults",
    "seed",
    "port",
    "lambdaTimeout",
    "min",
    "max",
    "zzz",
    "",
];

fn name() -> impl Strategy<Value = String> {
    prop_oneof![20 => prop::sample::select(NAMES).prop_map(str::to_owned), 1 => "\\PC{0,12}"]
}

/// Values that some endpoint takes, and others.
fn value() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(vec![
        "orders",
        "orders-dead",
        "jobs.fifo",
        "none",
        "visible",
        "inFlight",
        "deleted",
        "any",
        "real",
        "running",
        "frozen",
        "auto",
        "next",
        "15m",
        "PT1H",
        "250ms",
        "1e999",
        "-5s",
        "2026-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "jsonl",
        "text",
        "junit",
        "lostAnswer",
        "duplicate",
        "resurrect",
        "partialBatch",
        "throttle",
        "latency",
        "error",
        "OverLimit",
        "SendMessage",
        "ReceiveMessage",
        "never",
        "reset",
        "sent",
        "messages",
        "$.a.b",
        "a[0]",
        "\u{0}",
        "é",
    ]);
    let leaf = prop_oneof![
        6 => word.prop_map(Value::from),
        2 => (0..20_u64).prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
        1 => "\\PC{0,20}".prop_map(Value::from),
        1 => Just(Value::from("x".repeat(5_000))),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name(), inner), 0..4).prop_map(|members| Value::Object(Map::from_iter(members))),
        ]
    })
}

#[derive(Debug)]
struct Call {
    method: Method,
    path: String,
    query: Vec<(String, String)>,
    body: Option<Vec<u8>>,
    text: bool,
}

/// The patterns of all endpoints, as kew itself lists them.
fn endpoints(server: &Server, time: &NetworkTime) -> Vec<(Method, String)> {
    use http_body_util::BodyExt;
    let list = answer(server.service(), time, Request::get("/_kew").body(Full::new(Bytes::new())).unwrap());
    let body = futures_now(list.into_body().collect()).unwrap().to_bytes();
    let list: Value = serde_json::from_slice(&body).unwrap();
    let row =
        |row: &Value| (row["method"].as_str().unwrap().parse().unwrap(), row["path"].as_str().unwrap().to_owned());
    list["endpoints"].as_array().unwrap().iter().map(row).collect()
}

/// The outcome of a future that has nothing to wait for.
fn futures_now<T>(future: impl Future<Output = T>) -> T {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        std::task::Poll::Ready(done) => done,
        std::task::Poll::Pending => panic!("it waits"),
    }
}

fn call(endpoints: Vec<(Method, String)>) -> impl Strategy<Value = Call> {
    let part = prop_oneof![
        6 => prop::sample::select(vec!["orders", "orders-dead", "jobs.fifo", "none", "t1", "0", "%00", "%FF", "a%2Fb"]).prop_map(str::to_owned),
        1 => "[a-zA-Z0-9._%~-]{0,30}",
    ];
    let spaces = prop::sample::select(vec!["", "", "", "", "/ns/t1", "/ns/none", "/ns/"]);
    let body = prop_oneof![
        3 => Just(None),
        6 => prop::collection::vec((name(), value()), 0..5)
            .prop_map(|members| Some(Value::Object(Map::from_iter(members)).to_string().into_bytes())),
        1 => value().prop_map(|value| Some(value.to_string().into_bytes())),
        1 => prop::collection::vec(any::<u8>(), 0..60).prop_map(Some),
    ];
    let pair = (
        name(),
        prop_oneof![4 => value().prop_map(|v| v.as_str().map_or(v.to_string(), str::to_owned)), 1 => Just(String::new())],
    );
    let query = prop::collection::vec(pair, 0..5);
    (prop::sample::select(endpoints), prop::collection::vec(part, 2), spaces, query, body, any::<bool>()).prop_map(
        |((method, pattern), parts, space, query, body, text)| {
            let mut parts = parts.into_iter();
            let filled = pattern.split('/').map(|piece| match piece.starts_with('{') {
                true => parts.next().unwrap_or_default(),
                false => piece.to_owned(),
            });
            let path = filled.collect::<Vec<_>>().join("/").replacen("/_kew", &format!("/_kew{space}"), 1);
            Call { method, path, query, body, text }
        },
    )
}

fn request(call: &Call) -> Option<Request<Full<Bytes>>> {
    let query = serde_urlencoded::to_string(&call.query).ok()?;
    let mut request = Request::builder().method(call.method.clone()).uri(format!("{}?{query}", call.path));
    request = request.header("content-type", "application/json");
    if call.text {
        request = request.header("accept", "text/plain");
    }
    request.body(Full::new(Bytes::from(call.body.clone().unwrap_or_default()))).ok()
}

#[test]
fn any_call_has_an_answer_that_blames_nobody_else() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _inside = runtime.enter();
    let time = NetworkTime::manual();
    let server = Server::builder()
        .queue(QueueConfig::new("orders").dead_letter("orders-dead", 2))
        .queue("jobs.fifo")
        .network_time(time.clone())
        .start()
        .unwrap();
    let config = ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() };
    let calls = prop::collection::vec(call(endpoints(&server, &time)), 1..6);
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let outcome = runner.run(&calls, |calls| {
        for request in calls.iter().filter_map(request) {
            check(answer(server.service(), &time, request));
        }
        // Whatever was done to it, it is a queue still.
        let message = json!({"QueueUrl": "orders", "MessageBody": "x"}).to_string();
        let send = Request::post("/").header("content-type", "application/x-amz-json-1.0");
        let send = send.header("x-amz-target", "AmazonSQS.SendMessage").body(Full::new(Bytes::from(message)));
        drop(answer(server.service(), &time, send.unwrap()));
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}
