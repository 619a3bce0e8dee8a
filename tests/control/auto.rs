//! Auto-advance: each row of the table of what happens when, and what holds it.
//!
//! Real time is that of the test here, for the clock as for quiet; a look at the clients is made when the test says so.

use crate::fixture::{Kew, Pending};
use kew::internals::control::{AutoOptions, AutoStatus, Why};
use kew::{Clock, QueueConfig, Server, ServerBuilder};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// A server whose real time only the test turns.
struct Quiet {
    kew: Kew,
    machine: Clock,
    runtime: tokio::runtime::Runtime,
}

const SETTLE: u64 = 100;

fn orders() -> ServerBuilder {
    Server::builder().queue("dead").queue(QueueConfig::new("orders").visibility_timeout(Duration::from_secs(30)))
}

impl Quiet {
    /// In mode `auto` with these options.
    fn start(builder: ServerBuilder, options: Value) -> Quiet {
        let machine = Clock::manual();
        let kew = Kew::with(builder.clock(Clock::controlled_by(machine.clone())));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut wanted = options;
        wanted["mode"] = "auto".into();
        let (status, state) = kew.put("/clock", wanted);
        assert_eq!(status, 200, "{state}");
        Quiet { kew, machine, runtime }
    }

    /// Lets real time pass.
    fn pass(&self, ms: u64) {
        self.machine.advance(Duration::from_millis(ms));
        self.kew.pass(Duration::from_millis(ms));
        self.look();
    }

    fn look(&self) {
        let auto = self.kew.server.service().control().home().auto();
        self.runtime.block_on(auto.look());
    }

    fn status(&self) -> AutoStatus {
        self.kew.server.service().control().home().auto().status()
    }

    fn now_ms(&self) -> u64 {
        self.kew.server.clock().now().as_ms()
    }

    /// Lets it be quiet for as long as it has to be, once all connections have come to rest, and looks.
    fn settle(&self) {
        let jumps = self.status().jumps;
        let give_up = Instant::now() + Duration::from_secs(60);
        loop {
            self.look();
            if !self.is_held_by(&[Why::Served, Why::HalfRequest, Why::Turning]) {
                self.pass(SETTLE);
                self.look();
                // Else the end of a request was seen only while it was to be quiet.
                if self.status().jumps > jumps || !self.is_held_by(&[Why::Settling]) {
                    break;
                }
            }
            assert!(Instant::now() < give_up, "{:?}", self.status().held_by);
            std::thread::yield_now();
        }
    }

    fn is_held_by(&self, reasons: &[Why]) -> bool {
        self.status().held_by.iter().any(|held| reasons.contains(&held.why))
    }

    /// The first reason that holds the clock, with its queue and its hint.
    fn held(&self) -> (Why, Option<String>, String) {
        let held = self.status().held_by.first().cloned().expect("something holds the clock");
        (held.why, held.queue, held.hint)
    }

    /// Settles until a parked receive has been answered; what it was handed.
    fn jump_to(&self, poll: Pending) -> Vec<String> {
        let answer = std::thread::scope(|scope| {
            let waiting = scope.spawn(move || poll.answer());
            while !waiting.is_finished() {
                let before = self.status().jumps;
                self.settle();
                // What a jump brought about may still be on its way: no more time passes meanwhile than has to.
                let mut turns = 0;
                while self.status().jumps > before && !waiting.is_finished() && turns < 100_000 {
                    turns += 1;
                    std::thread::yield_now();
                }
            }
            waiting.join().unwrap()
        });
        bodies(&answer.json().1)
    }

    fn send(&self, queue: &str, body: &str, delay: u64) {
        let request = json!({"QueueUrl": queue, "MessageBody": body, "DelaySeconds": delay});
        assert_eq!(self.kew.sqs("SendMessage", request).0, 200);
    }
}

fn bodies(answer: &Value) -> Vec<String> {
    let messages = answer["Messages"].as_array().cloned().unwrap_or_default();
    messages.iter().filter_map(|message| Some(message["Body"].as_str()?.to_owned())).collect()
}

#[test]
fn a_delayed_order_is_with_its_consumer_after_so_much_quiet() {
    let quiet = Quiet::start(orders(), json!({}));
    let poll = quiet.kew.park("orders");
    let before = quiet.now_ms();
    quiet.send("orders", "later", 900);
    quiet.look();
    quiet.pass(SETTLE - 1);
    assert_eq!(quiet.status().jumps, 0, "it has not been quiet for long enough");
    assert_eq!(quiet.jump_to(poll), ["later"]);
    assert_eq!(quiet.status().jumps, 1);
    assert!(quiet.now_ms() >= before + 900_000, "the clock stands fifteen minutes later");
    assert_eq!(quiet.kew.get("/clock").1["lastJump"]["why"], "delayEnds");
}

#[test]
fn a_consumer_that_works_is_not_overtaken() {
    let quiet = Quiet::start(orders(), json!({"consumers": {"orders": 1}}));
    quiet.send("orders", "work", 0);
    quiet.send("orders", "later", 900);
    assert_eq!(bodies(&quiet.kew.park_or_take("orders").answer().json().1), ["work"]);
    for _ in 0..30 {
        quiet.pass(SETTLE);
    }
    assert_eq!(quiet.status().jumps, 0, "three seconds of work, at real pace");
    let (why, queue, hint) = quiet.held();
    assert_eq!((why, queue.as_deref()), (Why::InFlight, Some("orders")));
    assert!(hint.starts_with("0 of 1 declared"), "{hint}");
}

#[test]
fn a_consumer_that_failed_and_is_not_declared_holds_the_clock_with_a_hint() {
    let quiet = Quiet::start(orders(), json!({}));
    quiet.send("orders", "poison", 0);
    assert_eq!(quiet.kew.receive("orders").len(), 1);
    let _poll = quiet.kew.park("orders");
    for _ in 0..20 {
        quiet.settle();
    }
    assert_eq!(quiet.status().jumps, 0);
    let held = || quiet.kew.get("/clock").1["auto"]["heldBy"][0].clone();
    // What ended before and was seen only now has it begin anew.
    let is_new = || held()["for"] == "0ms";
    (0..20).take_while(|_| is_new()).for_each(|_| quiet.settle());
    assert!(!is_new());
    let held = held();
    assert_eq!((&held["why"], &held["queue"], &held["count"]), (&json!("inFlight"), &json!("orders"), &json!(1)));
    assert_eq!(held["hint"], "declare consumers: {\"orders\": 1} to let retries come at once");
}

#[test]
fn a_declared_consumer_that_is_parked_gets_its_retries_and_the_dead_letter_at_once() {
    let queue = QueueConfig::new("orders").visibility_timeout(Duration::from_secs(30)).dead_letter("dead", 3);
    let builder = Server::builder().queue("dead").queue(queue);
    let quiet = Quiet::start(builder, json!({"consumers": {"orders": 1}}));
    let before = quiet.now_ms();
    quiet.send("orders", "poison", 0);
    for _ in 0..3 {
        assert_eq!(quiet.jump_to(quiet.kew.park_or_take("orders")), ["poison"]);
    }
    let _poll = quiet.kew.park("orders");
    while quiet.kew.get("/queues/dead").1["visible"] != 1 {
        quiet.settle();
    }
    assert_eq!(quiet.status().jumps, 3);
    assert!(quiet.now_ms() >= before + 90_000);
}

#[test]
fn a_consumer_that_polls_while_its_workers_work_is_not_declared_and_holds_the_clock() {
    let quiet = Quiet::start(orders(), json!({}));
    quiet.send("orders", "prefetched", 0);
    quiet.send("orders", "later", 900);
    assert_eq!(quiet.kew.receive("orders").len(), 1);
    let _polls = [quiet.kew.park("orders"), quiet.kew.park("orders")];
    for _ in 0..20 {
        quiet.settle();
    }
    assert_eq!((quiet.status().jumps, quiet.held().0), (0, Why::InFlight));
}

#[test]
fn heartbeats_are_never_overtaken() {
    let quiet = Quiet::start(orders(), json!({}));
    quiet.send("orders", "long", 0);
    let received = quiet.kew.receive("orders");
    let _poll = quiet.kew.park("orders");
    for _ in 0..5 {
        for _ in 0..4 {
            quiet.pass(5_000);
        }
        let change = json!({
            "QueueUrl": "orders", "ReceiptHandle": received[0]["ReceiptHandle"], "VisibilityTimeout": 30,
        });
        assert_eq!(quiet.kew.begin_sqs("test", "ChangeMessageVisibility", change).answer().status, 200);
        quiet.settle();
    }
    assert_eq!(quiet.status().jumps, 0);
    assert_eq!(quiet.kew.get("/queues/orders").1["inFlight"], 1, "a hundred seconds of work, and not handed out again");
}

#[test]
fn for_short_polls_the_clock_jumps_only_when_the_queue_is_awaited() {
    let quiet = Quiet::start(orders(), json!({}));
    quiet.send("orders", "later", 900);
    assert!(quiet.kew.receive("orders").is_empty());
    quiet.settle();
    let (why, _, hint) = quiet.held();
    assert_eq!((quiet.status().jumps, why), (0, Why::NoTarget));
    assert!(hint.starts_with("nobody polls or awaits `orders`"), "{hint}");
    let home = quiet.kew.server.service().control().home();
    let queue = home.broker().namespace().all().into_iter().find(|queue| &*queue.name == "orders").unwrap();
    let _awaited = home.broker().watch(&queue);
    quiet.settle();
    assert_eq!(quiet.status().jumps, 1, "between two polls");
    assert_eq!(quiet.kew.receive("orders").len(), 1);
}

#[test]
fn a_poison_message_without_a_dead_letter_queue_ends_it() {
    let quiet = Quiet::start(orders(), json!({"settle": 0, "consumers": {"orders": 1}}));
    quiet.send("orders", "poison", 0);
    let id = quiet.kew.receive("orders")[0]["MessageId"].clone();
    let mut handed_out = 0;
    while quiet.status().stopped.is_none() {
        assert_eq!(quiet.jump_to(quiet.kew.park_or_take("orders")), ["poison"]);
        handed_out += 1;
        assert!(handed_out < 10_000);
    }
    let state = quiet.kew.get("/clock").1;
    // Real time passes, too: some came by it.
    assert!(state["mode"] == "running" && handed_out >= 100, "{handed_out}: {state}");
    let stopped = &state["auto"]["stopped"];
    assert_eq!(
        (&stopped["why"], &stopped["messageId"], &stopped["queue"]),
        (&json!("poisonLoop"), &id, &json!("orders"))
    );
}

#[test]
fn so_many_jumps_are_the_last() {
    let quiet = Quiet::start(orders(), json!({"maxJumps": 2}));
    for (delay, jumps) in [(60, 1), (120, 2)] {
        let poll = quiet.kew.park("orders");
        quiet.send("orders", "later", delay);
        assert_eq!(quiet.jump_to(poll), ["later"]);
        assert_eq!(quiet.status().jumps, jumps);
        let received = quiet.kew.get("/queues/orders").1["inFlight"].clone();
        assert_eq!(received, 1);
        assert_eq!(quiet.kew.begin_sqs("test", "PurgeQueue", json!({"QueueUrl": "orders"})).answer().status, 200);
    }
    let state = quiet.kew.get("/clock").1;
    assert_eq!((&state["mode"], &state["auto"]["stopped"]["why"]), (&json!("running"), &json!("maxJumps")));
}

#[test]
fn a_producer_in_a_debugger_is_quiet_unless_it_holds_the_clock() {
    let quiet = Quiet::start(orders(), json!({}));
    let _poll = quiet.kew.park("orders");
    quiet.send("orders", "later", 900);
    let (status, hold) = quiet.kew.post("/clock/hold", json!({"reason": "a breakpoint", "ttl": "10s"}));
    assert_eq!(status, 201, "{hold}");
    quiet.settle();
    quiet.settle();
    let (why, _, hint) = quiet.held();
    assert_eq!((quiet.status().jumps, why), (0, Why::Hold));
    assert!(hint.starts_with("a breakpoint; ends in 9."), "{hint}");
    let path = format!("/clock/hold/{}", hold["id"].as_str().unwrap());
    assert_eq!(quiet.kew.delete(&path).0, 200);
    quiet.settle();
    assert_eq!(quiet.status().jumps, 1);
    // A hold ends by itself, too.
    quiet.kew.post("/clock/hold", json!({"reason": "forgotten", "ttl": "10s"}));
    assert_eq!(quiet.status().jumps, 1);
    quiet.pass(10_000);
    assert!(quiet.status().held_by.iter().all(|held| held.why != Why::Hold));
}

#[test]
fn only_the_queue_that_has_a_consumer_is_a_target() {
    let quiet = Quiet::start(orders().queue("other"), json!({}));
    let poll = quiet.kew.park("orders");
    quiet.send("other", "sooner", 60);
    quiet.send("orders", "later", 900);
    let before = quiet.now_ms();
    assert_eq!(quiet.jump_to(poll), ["later"]);
    assert_eq!(quiet.status().jumps, 1, "straight to the end of the delay");
    assert!(quiet.now_ms() >= before + 899_000);
    assert_eq!(quiet.kew.get("/queues/other").1["visible"], 1, "the other's message has aged with the clock");
}

#[test]
fn the_locked_head_of_a_fifo_group_and_the_delay_of_its_queue_are_targets() {
    let queue = QueueConfig::new("orders.fifo").attribute("FifoQueue", "true").attribute("DelaySeconds", "600");
    let builder = Server::builder().queue(queue.visibility_timeout(Duration::from_secs(30)));
    let quiet = Quiet::start(builder, json!({"consumers": {"orders.fifo": 1}}));
    let send = |id: &str| {
        let request = json!({
            "QueueUrl": "orders.fifo", "MessageBody": id, "MessageGroupId": "g", "MessageDeduplicationId": id,
        });
        assert_eq!(quiet.kew.sqs("SendMessage", request).0, 200);
    };
    let before = quiet.now_ms();
    send("1");
    assert_eq!(quiet.jump_to(quiet.kew.park_or_take("orders.fifo")), ["1"]);
    assert!(quiet.now_ms() >= before + 600_000, "the delay of the queue");
    send("2");
    let locked = quiet.now_ms();
    assert_eq!(
        quiet.jump_to(quiet.kew.park_or_take("orders.fifo")),
        ["1"],
        "the head of the group, not what is behind it"
    );
    assert!(
        (locked + 29_000..locked + 60_000).contains(&quiet.now_ms()),
        "five minutes of deduplication are no target"
    );
}

#[test]
fn half_a_request_of_anybody_holds_the_clock() {
    let quiet = Quiet::start(orders(), json!({}));
    let _poll = quiet.kew.park("orders");
    quiet.send("orders", "later", 900);
    let mut half = std::net::TcpStream::connect(quiet.kew.address()).unwrap();
    std::io::Write::write_all(&mut half, b"POST / HTTP/1.1\r\nHost: local").unwrap();
    quiet.kew.until(|| {
        quiet.look();
        quiet.status().held_by.iter().any(|held| held.why == Why::HalfRequest)
    });
    for _ in 0..10 {
        quiet.pass(SETTLE);
    }
    assert_eq!((quiet.status().jumps, quiet.held().0), (0, Why::HalfRequest));
    drop(half);
    quiet.kew.until(|| {
        quiet.settle();
        quiet.status().jumps == 1
    });
}

#[test]
fn the_clock_jumps_no_further_than_until() {
    let quiet = Quiet::start(orders(), json!({"until": "10m"}));
    let before = quiet.now_ms();
    let _poll = quiet.kew.park("orders");
    quiet.send("orders", "later", 900);
    quiet.settle();
    quiet.settle();
    assert_eq!((quiet.status().jumps, quiet.held().0), (1, Why::Until));
    assert!((before + 600_000..before + 610_000).contains(&quiet.now_ms()));
    assert_eq!(quiet.kew.get("/queues/orders").1["delayed"], 1);
}

#[test]
fn an_await_turns_the_clock_by_itself_and_leaves_it_as_it_went() {
    let kew = Kew::with(orders());
    kew.sqs("SendMessage", json!({"QueueUrl": "orders", "MessageBody": "later", "DelaySeconds": 900}));
    let before = kew.get("/clock").1;
    assert_eq!(before["mode"], "real");
    let waiting = kew.begin("GET", "/_kew/await?queue=orders&visible=1&timeout=5m&auto", &[], "");
    // Real time passes only because the test says so: what settles, and what an idle clock looks at again.
    let answer = std::thread::scope(|scope| {
        let answer = scope.spawn(|| waiting.answer().json());
        while !answer.is_finished() {
            kew.pass(Duration::from_millis(50));
            std::thread::yield_now();
        }
        answer.join().unwrap()
    });
    assert_eq!((answer.0, &answer.1["met"]), (200, &json!(true)), "{answer:?}");
    let after = kew.get("/clock").1;
    assert!(after["offsetMs"].as_u64() >= Some(899_000), "{after}");
    assert_ne!(after["mode"], "auto");
}

#[test]
fn a_lease_lets_the_clock_jump_and_leaves_it_as_it_went() {
    let kew = Kew::start();
    kew.put("/clock", json!({"mode": "frozen"}));
    let auto = kew.server.service().control().home().auto().clone();
    let lease = auto.lease(AutoOptions::default()).unwrap();
    assert_eq!(kew.get("/clock").1["mode"], "auto");
    let (status, refused) = kew.put("/clock", json!({"mode": "running"}));
    assert_eq!((status, &refused["error"]), (409, &json!("the clock goes by itself for 1 open awaits with auto")));
    let other = auto.lease(AutoOptions::default()).unwrap();
    drop(lease);
    assert_eq!(kew.get("/clock").1["mode"], "auto", "another one wants it");
    drop(other);
    assert_eq!(kew.get("/clock").1["mode"], "frozen");
    // The mode outlives a lease.
    kew.put("/clock", json!({"mode": "auto"}));
    drop(auto.lease(AutoOptions::default()).unwrap());
    assert_eq!(kew.get("/clock").1["mode"], "auto");
    assert!(
        Kew::with(Server::builder().manual_clock())
            .server
            .service()
            .control()
            .home()
            .auto()
            .lease(AutoOptions::default())
            .is_err()
    );
}

#[test]
fn each_jump_is_in_the_history() {
    let quiet = Quiet::start(orders(), json!({}));
    let poll = quiet.kew.park("orders");
    quiet.send("orders", "later", 900);
    assert_eq!(quiet.jump_to(poll), ["later"]);
    let (status, history) = quiet.kew.get("/history?type=clockAdvanced");
    assert_eq!(status, 200, "{history}");
    assert_eq!(history["events"].as_array().map(Vec::len), Some(1), "{history}");
    assert_eq!(history["events"][0]["why"], "delayEnds", "{history}");
}

/// Consumers that are not declared work 0 to 300 ms of real time on each message, and delete it. Whatever the schedule, no jump
/// makes a message come a second time: by the real clock none would.
#[test]
fn no_schedule_of_consumers_that_are_not_declared_sees_a_message_twice() {
    let mut random = fastrand::Rng::with_seed(11);
    let queue = QueueConfig::new("orders").visibility_timeout(Duration::from_secs(1));
    let quiet = Quiet::start(Server::builder().queue(queue), json!({"settle": "20ms", "maxJumps": 1_000_000}));
    let home = quiet.kew.server.service().control().home();
    let orders = home.broker().namespace().all().remove(0);
    let in_flight = || home.broker().look(&orders).unwrap().counts().in_flight;
    let mut jumps = 0;
    for schedule in 0..1_000 {
        let messages = random.usize(1..=3);
        for body in 0..messages {
            quiet.send("orders", &body.to_string(), random.u64(0..=2) * 450);
        }
        let mut seen = 0;
        while seen < messages {
            let poll = quiet.kew.park_or_take("orders");
            let answer = std::thread::scope(|scope| {
                let waiting = scope.spawn(move || poll.answer());
                while !waiting.is_finished() {
                    // No time is lost between the hand-out and the consumer.
                    if in_flight() == 0 { quiet.pass(5) } else { quiet.look() }
                }
                waiting.join().unwrap().json().1
            });
            for message in answer["Messages"].as_array().into_iter().flatten() {
                seen += 1;
                let received = &message["Attributes"]["ApproximateReceiveCount"];
                assert_eq!(received, "1", "schedule {schedule}: {message}");
                let work = random.u64(0..=300);
                (0..work / 10).for_each(|_| quiet.pass(10));
                let handle = json!({"QueueUrl": "orders", "ReceiptHandle": message["ReceiptHandle"]});
                assert_eq!(quiet.kew.begin_sqs("test", "DeleteMessage", handle).answer().status, 200);
            }
        }
        jumps = quiet.status().jumps;
    }
    assert!(jumps > 100, "{jumps} jumps");
}
