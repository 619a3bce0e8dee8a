//! `/_kew/await`: each kind of condition met and missed, what a test's log shows, and that waiting costs nothing.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response};
use kew::internals::clock::{ClockMode, NetworkTime};

use kew::internals::control::awaits::{AWAITS_MAX, Awaits, WATCHED_QUEUES_MAX};
use kew::internals::http::AnswerBody;
use kew::{QueueConfig, Server, ServerBuilder};
use serde_json::{Value, json};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

/// A server whose requests are driven by hand, so that an await is looked at exactly when the test says so.
struct Hand {
    server: Server,
    time: NetworkTime,
}

/// Counts how often a request was woken.
#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A request that is under way.
struct Open<'a> {
    answer: Pin<Box<dyn Future<Output = Response<AnswerBody>> + 'a>>,
    wakes: Arc<Wakes>,
}

impl Open<'_> {
    fn wakes(&self) -> usize {
        self.wakes.0.load(Ordering::SeqCst)
    }

    /// Goes on for as long as it is woken; its answer if it has come to one.
    fn go_on(&mut self) -> Option<(u16, String)> {
        let waker = Waker::from(self.wakes.clone());
        loop {
            let before = self.wakes();
            match self.answer.as_mut().poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(answer) => return Some(whole(answer)),
                Poll::Pending if self.wakes() == before => return None,
                Poll::Pending => {}
            }
        }
    }

    #[track_caller]
    fn is_open(&mut self) {
        assert_eq!(self.go_on(), None);
    }

    #[track_caller]
    fn ended(&mut self, status: u16) -> Value {
        let (got, text) = self.go_on().expect("it ends");
        assert_eq!(got, status, "{text}");
        serde_json::from_str(&text).unwrap()
    }
}

fn whole(answer: Response<AnswerBody>) -> (u16, String) {
    let status = answer.status().as_u16();
    let mut body = std::pin::pin!(answer.into_body().collect());
    match body.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(body) => (status, String::from_utf8(body.unwrap().to_bytes().to_vec()).unwrap()),
        Poll::Pending => panic!("the body is there at once"),
    }
}

impl Hand {
    fn new() -> Hand {
        let orders =
            QueueConfig::new("orders").visibility_timeout(Duration::from_secs(30)).dead_letter("orders-dead", 2);
        Hand::with(Server::builder().queue(orders).queue("jobs").manual_clock())
    }

    fn with(builder: ServerBuilder) -> Hand {
        let time = NetworkTime::manual();
        Hand { server: builder.seed(7).network_time(time.clone()).start().unwrap(), time }
    }

    fn awaits(&self) -> &Arc<Awaits> {
        self.server.service().control().home().awaits()
    }

    fn position(&self) -> u64 {
        self.server.service().control().home().history().unwrap().position()
    }

    fn begin<'a>(&'a self, request: Request<Full<Bytes>>) -> Open<'a> {
        let answer = Box::pin(self.server.service().answer(request, 9324));
        Open { answer, wakes: Arc::default() }
    }

    /// Awaits by a body.
    fn wait(&self, condition: &Value) -> Open<'_> {
        self.begin(Request::post("/_kew/await").body(condition.to_string().into()).unwrap())
    }

    /// Awaits by a query string.
    fn wait_for(&self, query: &str) -> Open<'_> {
        self.begin(Request::get(format!("/_kew/await?{query}")).body(Full::default()).unwrap())
    }

    /// What an await that is not met says to people.
    fn log(&self, condition: &Value) -> String {
        let request = Request::post("/_kew/await").header("accept", "text/plain");
        self.begin(request.body(condition.to_string().into()).unwrap()).go_on().expect("it ends").1
    }

    fn begin_sqs(&self, action: &str, body: &Value) -> Open<'_> {
        let request = Request::post("/").header("content-type", "application/x-amz-json-1.0");
        let request =
            request.header("x-amz-target", format!("AmazonSQS.{action}")).header("user-agent", "Boto3/1.44 md");
        self.begin(request.body(body.to_string().into()).unwrap())
    }

    #[track_caller]
    fn sqs(&self, action: &str, body: Value) -> Value {
        let (status, text) = self.begin_sqs(action, &body).go_on().expect("an answer");
        assert_eq!(status, 200, "{text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    fn send(&self, queue: &str, body: &str) -> String {
        let sent = self.sqs("SendMessage", json!({"QueueUrl": queue, "MessageBody": body}));
        sent["MessageId"].as_str().unwrap().to_owned()
    }

    /// Receives up to so many; their receipt handles.
    fn receive(&self, queue: &str, max: u32) -> Vec<String> {
        let got = self.sqs("ReceiveMessage", json!({"QueueUrl": queue, "MaxNumberOfMessages": max}));
        let messages = got["Messages"].as_array().cloned().unwrap_or_default();
        messages.iter().map(|message| message["ReceiptHandle"].as_str().unwrap().to_owned()).collect()
    }

    fn delete(&self, queue: &str, handle: &str) {
        self.sqs("DeleteMessage", json!({"QueueUrl": queue, "ReceiptHandle": handle}));
    }

    /// Sends one, receives and deletes it.
    fn consume(&self, queue: &str, body: &str) {
        self.send(queue, body);
        let handles = self.receive(queue, 1);
        self.delete(queue, &handles[0]);
    }

    fn pass(&self, ms: u64) {
        assert!(self.time.advance(Duration::from_millis(ms)));
    }

    /// Whether something is so now.
    #[track_caller]
    fn is(&self, mut condition: Value) -> bool {
        condition["timeout"] = 0.into();
        let (status, text) = self.wait(&condition).go_on().expect("it ends");
        let json: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["met"], status == 200, "{json}");
        status == 200
    }
}

/// `orders` with two visible messages, one in flight and one delayed, after one was deleted.
fn a_bit_of_everything() -> Hand {
    let kew = Hand::new();
    for n in 1..=4 {
        let body = json!({"orderId": 1000 + n}).to_string();
        let attributes = json!({"tenant.id": {"DataType": "String", "StringValue": format!("t{n}")}});
        kew.sqs("SendMessage", json!({"QueueUrl": "orders", "MessageBody": body, "MessageAttributes": attributes}));
    }
    kew.sqs("SendMessage", json!({"QueueUrl": "orders", "MessageBody": "late", "DelaySeconds": 60}));
    let handles = kew.receive("orders", 2);
    kew.delete("orders", &handles[0]);
    kew.receive("jobs", 1);
    kew
}

#[test]
fn each_kind_of_condition_is_met_and_missed() {
    let kew = a_bit_of_everything();
    let json_is = |value: Value, state: &str| json!({"json": {"$.orderId": value}, "state": state});
    for (met, missed) in [
        (json!({"visible": 2}), json!({"visible": 1})),
        (json!({"inFlight": {"min": 1, "max": 1}}), json!({"inFlight": 0})),
        (json!({"delayed": {"min": 1}}), json!({"delayed": {"min": 2}})),
        (json!({"messages": 4}), json!({"messages": {"max": 3}})),
        (json!({"empty": false}), json!({"empty": true})),
        (json!({"parked": 0}), json!({"parked": 1})),
        (json!({"sent": 5}), json!({"sent": 6})),
        (json!({"received": 2}), json!({"received": {"min": 3}})),
        (json!({"deleted": {"min": 1, "since": 0}}), json!({"deleted": {"min": 1, "since": kew.position()}})),
        (json!({"deleted": 0, "since": kew.position()}), json!({"deleted": 1, "since": kew.position()})),
        (json!({"deadLettered": 0}), json!({"deadLettered": 1})),
        (json!({"expired": 0}), json!({"expired": 1})),
        (json!({"queue": "jobs", "emptyReceives": 1}), json!({"emptyReceives": 1})),
        (json!({"deduplicated": 0}), json!({"deduplicated": 1})),
        (json!({"message": {"contains": "1003"}}), json!({"message": {"contains": "1005"}})),
        (json_is(1003.into(), "visible"), json_is(1003.into(), "inFlight")),
        (json_is(1001.into(), "deleted"), json_is(1002.into(), "deleted")),
        (json_is(1001.into(), "any"), json_is("1001".into(), "any")),
        (json!({"json": {"orderId": 1002}, "receives": 1}), json!({"json": {"orderId": 1002}, "receives": {"max": 0}})),
        (json!({"attribute": {"tenant.id": "t4"}}), json!({"attribute": {"tenant.id": "t5"}})),
        (json!({"body": "late", "state": "delayed"}), json!({"body": "lat"})),
        (json!({"visible": 2, "not": {"inFlight": 0}}), json!({"visible": 2, "not": {"inFlight": 1}})),
        (json!({"any": [{"visible": 9}, {"inFlight": 1}]}), json!({"any": [{"visible": 9}, {"inFlight": 2}]})),
        (
            json!({"all": [{"visible": 2}, {"queue": "jobs", "empty": true}]}),
            json!({"all": [{"visible": 2}, {"queue": "jobs", "empty": false}]}),
        ),
        (json!({"all": [{"not": {"visible": 1}}]}), json!({"all": [{"not": {"visible": 2}}]})),
    ] {
        for (mut condition, so) in [(met, true), (missed, false)] {
            let queue = condition.get("queue").cloned().unwrap_or("orders".into());
            condition["queue"] = queue;
            assert_eq!(kew.is(condition.clone()), so, "{condition}");
        }
    }
}

#[test]
fn what_only_time_or_fifo_queues_bring_about_is_counted() {
    let kew = Hand::new();
    kew.sqs("CreateQueue", json!({"QueueName": "s", "Attributes": {"MessageRetentionPeriod": "60"}}));
    kew.sqs("CreateQueue", json!({"QueueName": "f.fifo", "Attributes": {"FifoQueue": "true"}}));
    let id = kew.send("s", "short-lived");
    for _ in 0..2 {
        let message =
            json!({"QueueUrl": "f.fifo", "MessageBody": "x", "MessageGroupId": "g", "MessageDeduplicationId": "d"});
        kew.sqs("SendMessage", message);
    }
    assert!(kew.is(json!({"queue": "f.fifo", "sent": 1, "deduplicated": 1, "group": "g", "dedupId": "d"})));
    let mut expiry = kew.wait(&json!({"message": id, "state": "expired"}));
    expiry.is_open();
    kew.server.advance(Duration::from_secs(60));
    assert_eq!(expiry.ended(200)["message"]["state"], "expired");
    let dead = kew.send("orders", "poison");
    let mut died = kew.wait_for(&format!("message={dead}&state=dead"));
    let mut arrived = kew.wait_for("queue=orders-dead&visible=1");
    for _ in 0..3 {
        arrived.is_open();
        died.is_open();
        kew.receive("orders", 1);
        kew.server.advance(Duration::from_secs(30));
    }
    assert_eq!(died.ended(200)["message"]["receives"], 2);
    arrived.ended(200);
    assert!(kew.is(json!({"queue": "orders", "deadLettered": 1, "expired": 0})));
}

#[test]
fn an_await_ends_with_the_operation_that_makes_it_so() {
    let kew = Hand::new();
    let mut open = kew.wait_for("queue=orders&visible=1&timeout=1m");
    open.is_open();
    kew.send("jobs", "elsewhere");
    assert_eq!(open.wakes(), 0);
    kew.pass(2_000);
    open.is_open();
    kew.send("orders", "here");
    let met = open.ended(200);
    let counts = json!({"visible": 1, "inFlight": 0, "delayed": 0, "messages": 1, "parked": 0});
    assert_eq!((&met["met"], &met["waited"], &met["waitedMs"]), (&true.into(), &"2s".into(), &2_000.into()));
    assert_eq!((&met["counts"]["orders"], met["position"].as_u64()), (&counts, Some(kew.position())));
    let mut parked = kew.wait_for("queue=jobs&parked=1&inFlight=1");
    kew.receive("jobs", 1);
    parked.is_open();
    let mut poll = kew.begin_sqs("ReceiveMessage", &json!({"QueueUrl": "jobs", "WaitTimeSeconds": 20}));
    poll.is_open();
    assert_eq!(parked.ended(200)["counts"]["jobs"]["parked"], 1);
}

/// A gauge is judged after an operation when the await comes to its turn; a counter keeps what happened in between.
#[test]
fn what_was_so_between_two_operations_is_missed_by_gauges_and_not_by_counters() {
    let kew = Hand::new();
    let mut gauge = kew.wait_for("queue=orders&visible=1");
    let mut counter = kew.wait_for("queue=orders&sent=1&received=1");
    gauge.is_open();
    counter.is_open();
    kew.send("orders", "seen by nobody");
    kew.receive("orders", 1);
    gauge.is_open();
    counter.ended(200);
    kew.send("orders", "seen");
    gauge.ended(200);
}

#[test]
fn stable_has_to_hold_without_a_gap() {
    let kew = Hand::new();
    let mut open = kew.wait(&json!({"queue": "orders", "empty": true, "stable": "300ms", "timeout": "1m"}));
    open.is_open();
    kew.pass(299);
    open.is_open();
    kew.send("orders", "a gap");
    open.is_open();
    kew.pass(1_000);
    open.is_open();
    let handles = kew.receive("orders", 1);
    kew.delete("orders", &handles[0]);
    open.is_open();
    kew.pass(299);
    open.is_open();
    // Several operations before anybody looked: it was not empty in between.
    kew.consume("orders", "unseen");
    open.is_open();
    kew.pass(299);
    open.is_open();
    // Polls that find nothing are no gap.
    kew.receive("orders", 1);
    kew.receive("orders", 1);
    open.is_open();
    kew.pass(1);
    assert_eq!(open.ended(200)["waitedMs"], 299 + 1_000 + 299 + 300);
}

#[test]
fn what_must_not_be_ends_the_await_at_once() {
    let kew = Hand::new();
    let never = json!({"queue": "orders", "deleted": 2, "not": {"received": {"min": 3}}, "timeout": "1m"});
    let mut open = kew.wait(&never);
    open.is_open();
    kew.consume("orders", "a");
    open.is_open();
    kew.send("orders", "b");
    kew.receive("orders", 1);
    open.is_open();
    kew.server.advance(Duration::from_secs(30));
    kew.receive("orders", 1);
    let missed = open.ended(409);
    assert_eq!(missed["reason"], "not");
    assert_eq!(missed["differs"][1], "orders: received 3, must not be at least 3");
    // For a while, and then all is well.
    let mut quiet = kew.wait(&json!({"not": {"queue": "orders-dead", "visible": {"min": 1}}, "stable": "2s"}));
    quiet.is_open();
    kew.pass(2_000);
    quiet.ended(200);
}

#[test]
fn quiet_wants_time_without_anything_but_polls() {
    let kew = Hand::new();
    let mut open = kew.wait_for("queue=orders&sent.min=1&quiet=200ms");
    kew.send("orders", "a");
    open.is_open();
    kew.pass(150);
    kew.send("orders", "b");
    open.is_open();
    kew.pass(199);
    let mut poll = kew.begin_sqs("ReceiveMessage", &json!({"QueueUrl": "jobs", "WaitTimeSeconds": 20}));
    poll.is_open();
    open.is_open();
    kew.pass(1);
    open.ended(200);
}

#[test]
fn fail_fast_gives_up_when_nothing_will_happen_by_itself() {
    let kew = Hand::new();
    let mut open = kew.wait_for("queue=orders&deleted=1&failFast=1.5s&timeout=1m");
    open.is_open();
    kew.pass(1_000);
    kew.send("orders", "a");
    open.is_open();
    kew.receive("orders", 1);
    open.is_open();
    // In flight: it becomes visible again.
    kew.pass(20_000);
    open.is_open();
    kew.server.advance(Duration::from_secs(30));
    open.is_open();
    kew.pass(1_499);
    open.is_open();
    kew.pass(1);
    assert_eq!(open.ended(409)["reason"], "failFast");
}

#[test]
fn a_counter_beyond_what_is_wanted_ends_the_await_at_once() {
    let kew = Hand::new();
    let mut open = kew.wait_for("queue=orders&deleted=1&timeout=1m&inFlight=1");
    kew.consume("orders", "a");
    open.is_open();
    kew.consume("orders", "b");
    let missed = open.ended(409);
    assert_eq!(missed["reason"], "impossible");
    assert!(missed["hint"].as_str().unwrap().starts_with("counters never go down"), "{missed}");
    // One of several may still hold.
    kew.wait(&json!({"queue": "orders", "any": [{"deleted": 1}, {"deleted": 3}]})).is_open();
}

#[test]
fn the_time_limit_is_real_time() {
    let kew = Hand::new();
    let mut usual = kew.wait_for("queue=orders&visible=1");
    usual.is_open();
    kew.server.advance(Duration::from_secs(3_600));
    kew.pass(9_999);
    usual.is_open();
    kew.pass(1);
    let missed = usual.ended(409);
    assert_eq!((missed["reason"].as_str(), missed["after"].as_str()), (Some("timeout"), Some("10s")));
    assert_eq!(missed["wanted"], json!({"queue": "orders", "visible": 1}));
    assert_eq!(missed["seen"]["orders"]["visible"], 0);
}

/// A file beside this one.
fn golden(name: &str) -> String {
    let path = format!("{}/tests/control/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The text is what a failing test shows; it is compared whole.
#[test]
fn the_log_of_a_test_shows_what_was_wanted_what_came_near_and_what_happened() {
    let kew = a_bit_of_everything();
    kew.server.advance(Duration::from_millis(9_800));
    let message = json!({"json": {"$.orderId": 1002}, "state": "deleted", "receives": {"max": 0}});
    let wanted = json!({"queue": "orders", "deleted": 3, "inFlight": 1, "message": message, "timeout": 0});
    assert_eq!(kew.log(&wanted), golden("awaits_one_queue.txt"));
    let jobs = json!({"queue": "jobs", "any": [{"sent": 1}, {"parked": 1}]});
    let several = json!({"all": [{"queue": "orders", "empty": true}, jobs],
        "not": {"queue": "orders-dead", "visible": {"min": 1}}, "timeout": 0});
    assert_eq!(kew.log(&several), golden("awaits_several_queues.txt"));
}

#[test]
fn a_message_that_went_elsewhere_is_found_there() {
    let kew = Hand::new();
    kew.send("orders", r#"{"orderId": 7}"#);
    for _ in 0..3 {
        kew.receive("orders", 1);
        kew.server.advance(Duration::from_secs(30));
    }
    let missed = kew.wait_for("queue=orders&json.orderId=7&state=visible&timeout=0").ended(409);
    assert_eq!(missed["nearest"][0]["differs"], json!(["state dead, wanted visible"]), "{missed}");
    assert_eq!(missed["hints"][0], "its dead-letter queue orders-dead has 1 message");
    let missed = kew.wait_for("queue=orders&visible=1&timeout=0").ended(409);
    assert_eq!(missed["hint"], "did you mean queue orders-dead? it has 1 visible");
}

#[test]
fn a_frozen_clock_is_told() {
    let kew = Hand::with(Server::builder().queue("orders"));
    kew.send("orders", "a");
    kew.receive("orders", 1);
    assert!(kew.server.clock().set_mode(ClockMode::Frozen));
    let mut open = kew.wait_for("queue=orders&visible=1&failFast=1s");
    open.is_open();
    kew.pass(1_000);
    let missed = open.ended(409);
    let hints = missed["hints"].as_array().unwrap();
    assert_eq!(missed["reason"], "failFast", "no deadline comes by itself");
    assert!(hints.contains(&"the clock is frozen: nothing becomes visible until it is advanced".into()), "{missed}");
}

#[test]
fn wrong_conditions_are_refused() {
    let kew = Hand::new();
    let deep = (0..9).fold(json!({"queue": "orders", "visible": 1}), |inner, _| json!({"all": [inner]}));
    let wide = json!({"queue": "orders", "all": (0..100).map(|_| json!({"visible": 1})).collect::<Vec<_>>()});
    let nothing = "say what, as in queue=orders&empty or queue=orders&visible=1";
    let not = "say for how long it must not be so, as in stable=2s, or until when, as in quiet=500ms";
    for (condition, status, hint) in [
        (json!({}), 400, nothing),
        (json!({"queue": "orders"}), 400, nothing),
        (json!({"visible": 1}), 400, "say queue=NAME"),
        (json!({"stable": "1s"}), 400, "say queue=NAME"),
        (json!({"queue": "order", "visible": 1}), 404, "did you mean `orders`?"),
        (json!({"queue": "orders", "visble": 1}), 400, "did you mean `visible`?"),
        (json!({"queue": "orders", "visible": -1}), 400, ""),
        (json!({"queue": "orders", "visible": {"min": 2, "max": 1}}), 400, ""),
        (json!({"queue": "orders", "visible": {"least": 2}}), 400, ""),
        (json!({"queue": "orders", "message": {"contans": "x"}}), 400, "did you mean `contains`?"),
        (json!({"queue": "orders", "message": {"state": "gone"}}), 400, ""),
        (json!({"queue": "orders", "message": {"state": "delayd"}}), 400, "did you mean `delayed`?"),
        (json!({"queue": "orders", "state": "inflight"}), 400, "did you mean `inFlight`?"),
        (json!({"message": "no-id", "state": "deleted"}), 400, ""),
        (json!({"queue": "orders", "json": {"$..a": 1}}), 400, ""),
        (json!({"queue": "orders", "visible": 1, "timeout": "11m"}), 400, "at most 10m"),
        (json!({"queue": "orders", "visible": 1, "timeout": "soon"}), 400, ""),
        (json!({"queue": "orders", "not": {"visible": 1}}), 400, not),
        (json!({"queue": "orders", "any": [{}]}), 400, "each of `not`, `any` and `all` says what is awaited"),
        (json!({"queue": "orders", "any": [{"visible": 1, "stable": "1s"}]}), 400, "put it at the top"),
        (json!({"queue": "orders", "deleted": {"min": 1, "since": 1_000_000}}), 409, "the last event is 4"),
        (json!({"queue": "orders", "visible": 1, "auto": {"consumer": 1}}), 400, "did you mean `consumers`?"),
        (deep, 400, ""),
        (wide, 400, ""),
    ] {
        let (got, text) = kew.wait(&condition).go_on().expect("refused at once");
        let json: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((got, json["hint"].as_str()), (status, Some(hint)), "{condition}: {text}");
    }
    kew.wait(&json!({"queue": "orders", "visible": 1, "auto": true})).ended(409);
    assert_eq!(kew.awaits().open(), 0);
}

#[test]
fn without_a_history_gauges_are_awaited_and_counters_refused() {
    let kew = Hand::with(Server::builder().queue("orders").manual_clock().history(0));
    kew.send("orders", "a");
    assert!(kew.is(json!({"queue": "orders", "visible": 1, "contains": "a"})));
    assert!(!kew.is(json!({"queue": "orders", "visible": 2})));
    for condition in
        [json!({"queue": "orders", "sent": 1}), json!({"queue": "orders", "contains": "a", "state": "deleted"})]
    {
        let refusal = kew.wait(&condition).ended(409);
        assert_eq!(refusal["hint"], "start kew with --history 100000", "{refusal}");
    }
}

#[test]
fn a_queue_that_is_deleted_and_a_server_that_stops_end_the_await() {
    let kew = Hand::new();
    let (mut deleted, mut other) = (kew.wait_for("queue=orders&visible=1"), kew.wait_for("queue=jobs&visible=1"));
    deleted.is_open();
    other.is_open();
    kew.sqs("DeleteQueue", json!({"QueueUrl": "orders"}));
    let missed = deleted.ended(409);
    assert_eq!(missed["reason"], "queueDeleted");
    assert_eq!(missed["error"], "await ended after 0ms: queue `orders` was deleted");
    other.is_open();
    kew.server.service().broker().close();
    assert_eq!(other.ended(409)["reason"], "closing");
}

#[test]
fn a_thousand_idle_awaits_cost_nothing_and_one_more_is_refused() {
    let kew = Hand::new();
    let mut open: Vec<_> = (0..AWAITS_MAX).map(|_| kew.wait_for("queue=orders&visible=1&timeout=1m")).collect();
    open.iter_mut().for_each(Open::is_open);
    assert_eq!((kew.awaits().open(), kew.awaits().evaluations()), (AWAITS_MAX, AWAITS_MAX as u64));
    for n in 0..10 {
        kew.consume("jobs", &n.to_string());
    }
    assert_eq!(open.iter().map(Open::wakes).sum::<usize>(), 0, "nobody is woken by what happens elsewhere");
    assert_eq!(kew.awaits().evaluations(), AWAITS_MAX as u64);
    let refusal = kew.wait_for("queue=orders&visible=1").ended(409);
    assert_eq!(refusal["error"], "1000 awaits are open already");
    // A client that goes away frees its place: its request is dropped.
    open.truncate(1);
    assert_eq!(kew.awaits().open(), 1);
    kew.send("orders", "a");
    open[0].ended(200);
    assert_eq!(kew.awaits().open(), 0);
}

/// Messages come in pages; what changes meanwhile is looked at once more.
#[test]
fn messages_of_a_deep_queue_are_found() {
    let kew = Hand::new();
    for ten in 0..60 {
        let entry = |n: u32| json!({"Id": n.to_string(), "MessageBody": json!({"n": ten * 10 + n}).to_string()});
        let entries: Vec<Value> = (0..10).map(entry).collect();
        kew.sqs("SendMessageBatch", json!({"QueueUrl": "orders", "Entries": entries}));
    }
    assert!(kew.is(json!({"queue": "orders", "json": {"n": 599}, "state": "visible"})));
    assert!(!kew.is(json!({"queue": "orders", "json": {"n": 600}})));
    let missed = kew.wait(&json!({"queue": "orders", "json": {"n": 599}, "state": "deleted", "timeout": 0})).ended(409);
    assert_eq!(missed["nearest"][0]["differs"], json!(["state visible, wanted deleted"]));
    assert_eq!(missed["nearest"].as_array().map(Vec::len), Some(1), "others are of no interest");
    let mut open = kew.wait(&json!({"queue": "orders", "json": {"n": 3}, "state": "deleted"}));
    open.is_open();
    let handles = kew.receive("orders", 10);
    kew.delete("orders", &handles[3]);
    open.ended(200);
}

#[test]
fn an_await_for_a_message_alone_watches_all_queues_up_to_a_limit() {
    let kew = Hand::new();
    let id = kew.send("jobs", "a");
    assert_eq!(kew.wait_for(&format!("message={id}")).ended(200)["message"]["queue"], "jobs");
    for n in 0..WATCHED_QUEUES_MAX {
        kew.sqs("CreateQueue", json!({"QueueName": format!("q{n}")}));
    }
    assert_eq!(kew.wait_for(&format!("message={id}")).ended(409)["hint"], "say queue=NAME");
}

/// Consumers of the SDK on the one side, a test that waits on the other.
#[tokio::test]
async fn an_unmodified_consumer_is_awaited() {
    use aws_sdk_sqs::config::{Credentials, Region};
    let kew = Server::builder().queue("orders").start().unwrap();
    let config = aws_sdk_sqs::Config::builder().behavior_version_latest().region(Region::new("us-east-1"));
    let config = config.endpoint_url(kew.endpoint_url());
    let config = config.credentials_provider(Credentials::new("test", "test", None, None, "test")).build();
    let (sqs, url) = (aws_sdk_sqs::Client::from_conf(config), kew.queue_url("orders"));
    let address = kew.addresses()[0];
    let waiting = tokio::task::spawn_blocking(move || {
        let path = "/_kew/await?queue=orders&deleted=3&empty&timeout=60s";
        crate::fixture::Pending::begin(address, "GET", path, &[], "").answer()
    });
    for body in ["a", "b", "c"] {
        sqs.send_message().queue_url(&url).message_body(body).send().await.unwrap();
    }
    let mut deleted = 0;
    while deleted < 3 {
        let got = sqs.receive_message().queue_url(&url).wait_time_seconds(20).send().await.unwrap();
        for message in got.messages() {
            let handle = message.receipt_handle().unwrap_or_default();
            sqs.delete_message().queue_url(&url).receipt_handle(handle).send().await.unwrap();
            deleted += 1;
        }
    }
    let answer = waiting.await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
}

/// Over a socket, where the end of the connection has to be noticed.
#[test]
fn a_client_that_goes_away_frees_its_place() {
    let kew = crate::fixture::Kew::start();
    let awaits = kew.server.service().control().home().awaits();
    let pending = kew.begin("GET", "/_kew/await?queue=orders&visible=1", &[], "");
    while awaits.open() == 0 {
        std::thread::yield_now();
    }
    drop(pending);
    while awaits.open() > 0 {
        std::thread::yield_now();
    }
}
