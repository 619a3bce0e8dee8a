//! The clock under a test's hand: modes, steps of advance, the barrier, and what is refused.

use crate::fixture::Kew;
use kew::internals::clock::Clock;
use kew::{QueueConfig, Server};
use serde_json::{Value, json};
use std::time::Duration;

fn frozen(kew: Kew) -> Kew {
    let (status, state) = kew.put("/clock", json!({"mode": "frozen"}));
    assert_eq!((status, &state["mode"]), (200, &json!("frozen")), "{state}");
    kew
}

fn delayed(kew: &Kew, body: &str, seconds: u64) {
    let request = json!({"QueueUrl": "orders", "MessageBody": body, "DelaySeconds": seconds});
    assert_eq!(kew.sqs("SendMessage", request).0, 200);
}

fn bodies(answer: &Value) -> Vec<&str> {
    let messages = answer["Messages"].as_array().map(Vec::as_slice).unwrap_or_default();
    messages.iter().filter_map(|message| message["Body"].as_str()).collect()
}

fn now_ms(kew: &Kew) -> u64 {
    kew.get("/clock").1["nowMs"].as_u64().unwrap()
}

#[test]
fn a_frozen_clock_stands_at_the_real_now_and_moves_when_it_is_turned() {
    let kew = frozen(Kew::start());
    let before = now_ms(&kew);
    assert_eq!(now_ms(&kew), before);
    let (status, turned) = kew.post("/clock/advance", json!({"by": "1h"}));
    assert_eq!(status, 200, "{turned}");
    assert_eq!(turned["nowMs"], before + 3_600_000);
    let state = kew.get("/clock").1;
    assert_eq!((&state["nowMs"], &state["mode"]), (&json!(before + 3_600_000), &json!("frozen")));
    assert_eq!(state["lastJump"]["why"], "advance");
}

#[test]
fn a_real_clock_that_is_turned_runs_on_ahead_and_comes_back_to_real_only_by_reset() {
    let kew = Kew::start();
    assert_eq!(kew.get("/clock").1["mode"], "real");
    assert_eq!(kew.post("/clock/advance", json!({"by": 60})).0, 200);
    let state = kew.get("/clock").1;
    assert_eq!(state["mode"], "running");
    // Two clocks are read one after the other, each in whole milliseconds.
    let offset_ms = state["offsetMs"].as_u64().unwrap();
    assert!((59_990..=60_000).contains(&offset_ms), "{state}");
    let (status, refused) = kew.put("/clock", json!({"mode": "real"}));
    assert_eq!(status, 409, "{refused}");
    assert!(refused["hint"].as_str().unwrap().contains("/_kew/reset"), "{refused}");
}

#[test]
fn advance_delivers_one_moment_at_a_time() {
    let kew = frozen(Kew::start());
    delayed(&kew, "A", 10);
    delayed(&kew, "B", 20);
    let start = now_ms(&kew);
    let poll = kew.park("orders");
    let (status, turned) = kew.post("/clock/advance", json!({"by": 30}));
    assert_eq!(status, 200, "{turned}");
    assert_eq!(turned["handedOut"], 1, "nobody is parked any more at the second moment");
    assert_eq!(turned["steps"].as_array().unwrap().len(), 1, "{turned}");
    assert_eq!(turned["steps"][0]["why"], "delayEnds");
    assert_eq!(turned["steps"][0]["messages"], 1);
    assert_eq!(turned["nowMs"], start + 30_000);
    assert_eq!(bodies(&poll.answer().json().1), ["A"], "as in life, B comes ten seconds later");
    assert_eq!(kew.get("/queues/orders").1["visible"], 1);
}

#[test]
fn two_parked_receives_are_served_at_their_own_moments() {
    let kew = frozen(Kew::start());
    delayed(&kew, "A", 10);
    delayed(&kew, "B", 20);
    let (one, other) = (kew.park("orders"), kew.park("orders"));
    let start = now_ms(&kew);
    let turned = kew.post("/clock/advance", json!({"by": "30s"})).1;
    let at = |index: usize| turned["steps"][index]["at"].as_str().unwrap().to_owned();
    assert_eq!(
        (turned["handedOut"].as_u64(), turned["steps"].as_array().map(Vec::len)),
        (Some(2), Some(2)),
        "{turned}"
    );
    assert!(at(0) < at(1));
    assert_eq!(turned["nowMs"], start + 30_000);
    assert_eq!(bodies(&one.answer().json().1), ["A"]);
    assert_eq!(bodies(&other.answer().json().1), ["B"]);
}

#[test]
fn a_jump_is_as_if_the_lid_had_been_closed() {
    let kew = frozen(Kew::start());
    delayed(&kew, "A", 10);
    delayed(&kew, "B", 20);
    let body = json!({"QueueUrl": "orders", "WaitTimeSeconds": 20, "MaxNumberOfMessages": 10});
    let poll = kew.begin_sqs("test", "ReceiveMessage", body);
    kew.until(|| kew.get("/queues/orders").1["parked"] == 1);
    let turned = kew.post("/clock/advance", json!({"by": 30, "jump": true})).1;
    assert_eq!((&turned["steps"], &turned["handedOut"]), (&json!([]), &json!(2)));
    assert_eq!(bodies(&poll.answer().json().1), ["A", "B"]);
}

#[test]
fn advance_answers_after_every_hand_off_is_on_its_way_with_several_workers() {
    for threads in [1, 4] {
        let queue = QueueConfig::new("orders").visibility_timeout(Duration::from_secs(30)).dead_letter("dead", 1);
        // What was received stays in flight over all rounds.
        let dead = QueueConfig::new("dead").visibility_timeout(Duration::from_secs(43_200));
        let kew = frozen(Kew::with(Server::builder().queue(dead).queue(queue).threads(threads)));
        for round in 0..50 {
            kew.send("orders", &round.to_string());
            assert_eq!(kew.receive("orders").len(), 1);
            let (source, dead) = (kew.park("orders"), kew.park("dead"));
            let turned = kew.post("/clock/advance", json!({"by": 30})).1;
            assert_eq!(turned["handedOut"], 1, "{turned}");
            // The dead letter is with its receiver: no longer visible, and nobody is parked there.
            let row = kew.get("/queues/dead").1;
            assert_eq!((&row["visible"], &row["inFlight"], &row["parked"]), (&json!(0), &json!(1), &json!(0)));
            assert_eq!(bodies(&dead.answer().json().1), [round.to_string()]);
            kew.send("orders", "end");
            assert_eq!(bodies(&source.answer().json().1), ["end"]);
            for queue in ["orders", "dead"] {
                assert_eq!(kew.begin_sqs("test", "PurgeQueue", json!({"QueueUrl": queue})).answer().status, 200);
            }
        }
    }
}

#[test]
fn consumers_act_in_the_real_time_between_two_steps() {
    let kew = frozen(Kew::start());
    delayed(&kew, "A", 10);
    delayed(&kew, "B", 20);
    let poll = kew.park("orders");
    let headers = [("Content-Type", "application/json")];
    let body = json!({"by": 30, "settle": "100ms"}).to_string();
    let turning = kew.begin("POST", "/_kew/clock/advance", &headers, &body);
    assert_eq!(bodies(&poll.answer().json().1), ["A"]);
    // The turn waits for real time, so that this one is parked before the second moment.
    let poll = kew.park("orders");
    kew.until(|| {
        kew.pass(Duration::from_millis(10));
        kew.get("/queues/orders").1["parked"] == 0
    });
    assert_eq!(bodies(&poll.answer().json().1), ["B"]);
    let ended = kew.passing(|| turning.answer());
    assert_eq!(ended.json().1["handedOut"], 2);
}

#[test]
fn next_is_what_the_state_shows() {
    let kew = frozen(Kew::with(Server::builder().queue("orders").queue("other")));
    let (status, refused) = kew.post("/clock/advance", json!({"to": "next"}));
    assert_eq!((status, &refused["error"]), (409, &json!("nothing is ahead")), "{refused}");
    delayed(&kew, "A", 900);
    kew.send("other", "x");
    assert_eq!(kew.receive("other").len(), 1);
    let next = kew.get("/clock").1["next"].clone();
    assert_eq!((&next["why"], &next["queue"], &next["in"]), (&json!("visibilityEnds"), &json!("other"), &json!("30s")));
    assert_eq!(kew.post("/clock/advance", json!({"to": "next"})).0, 200);
    assert_eq!(kew.get("/queues/other").1["visible"], 1);
    let next = kew.get("/clock").1["next"].clone();
    assert_eq!((&next["why"], &next["queue"], &next["in"]), (&json!("delayEnds"), &json!("orders"), &json!("14m 30s")));
    let (status, refused) = kew.post("/clock/advance", json!({"to": "next", "queue": "other"}));
    assert_eq!((status, &refused["error"]), (409, &json!("nothing is ahead in `other`")));
    assert_eq!(kew.post("/clock/advance?to=next&queue=orders", json!({})).0, 200);
    assert_eq!(kew.receive("orders").len(), 1);
}

#[test]
fn time_goes_forward_only() {
    let kew = frozen(Kew::start());
    let now = now_ms(&kew);
    for (status, error) in
        [kew.put("/clock", json!({"at": now - 1})), kew.post("/clock/advance", json!({"to": now - 1}))]
    {
        assert_eq!(status, 409, "{error}");
        assert!(error["error"].as_str().unwrap().contains("forward only"), "{error}");
    }
    let (status, state) = kew.put("/clock", json!({"at": now + 5_000}));
    assert_eq!((status, &state["nowMs"]), (200, &json!(now + 5_000)));
    assert_eq!(kew.put("/clock", json!({"at": "9999-01-01T00:00:00Z"})).0, 400);
}

#[test]
fn a_long_poll_lasts_in_real_time_unless_it_is_told_to_be_virtual() {
    let kew = frozen(Kew::start());
    let poll = kew.park("orders");
    assert_eq!(kew.post("/clock/advance", json!({"by": "15m"})).0, 200);
    assert_eq!(kew.get("/queues/orders").1["parked"], 1, "a jump does not end it");
    kew.send("orders", "x");
    assert_eq!(bodies(&poll.answer().json().1), ["x"]);
    let (status, state) = kew.put("/clock", json!({"longPolls": "virtual"}));
    assert_eq!((status, &state["longPolls"]), (200, &json!("virtual")));
    let poll = kew.park("orders");
    assert_eq!(kew.post("/clock/advance", json!({"by": 20})).0, 200);
    assert_eq!(bodies(&poll.answer().json().1), [""; 0]);
}

#[test]
fn bad_input_is_400_with_the_nearest_right_name_and_changes_nothing() {
    let kew = frozen(Kew::start());
    let before = kew.get("/clock").1;
    for (method, path, body, error) in [
        ("PUT", "/clock", json!({"mode": "frozn"}), "did you mean `frozen`?"),
        ("PUT", "/clock", json!({"mod": "frozen"}), "did you mean `mode`?"),
        ("PUT", "/clock", json!({"settle": "100ms"}), "for the mode auto"),
        ("PUT", "/clock", json!({"mode": "auto", "settle": "6s"}), "at most 5s"),
        ("PUT", "/clock", json!({"mode": "auto", "maxJumps": 0}), "1 to"),
        ("PUT", "/clock", json!({"mode": "auto", "consumers": {"orders": 0}}), "leave the queue out"),
        ("PUT", "/clock", json!({"mode": "real", "at": 99_999_999_999_999_u64}), "leave out `at`"),
        ("POST", "/clock/advance", json!({}), "by=15m"),
        ("POST", "/clock/advance", json!({"by": 1, "to": "next"}), "leave one out"),
        ("POST", "/clock/advance", json!({"by": 1, "queue": "orders"}), "queue is for"),
        ("POST", "/clock/advance", json!({"by": "soon"}), "a duration is written as"),
        ("POST", "/clock/advance", json!({"to": "soon"}), "neither next nor a moment"),
        ("POST", "/clock/advance", json!({"by": 1, "settle": "6s"}), "at most 5s"),
        ("POST", "/clock/hold", json!({"reason": "x", "ttl": "61s"}), "at most 1m"),
        ("POST", "/clock/hold", json!({"ttl": "1s"}), "missing field `reason`"),
    ] {
        let (status, refused) = if method == "PUT" { kew.put(path, body) } else { kew.post(path, body) };
        assert_eq!(status, 400, "{refused}");
        assert!(format!("{refused}").replace("\\\"", "\"").contains(error), "{error}: {refused}");
    }
    let (status, refused) = kew.put("/clock", json!({"mode": "auto", "consumers": {"order": 1}}));
    assert_eq!((status, &refused["hint"]), (404, &json!("did you mean `orders`?")));
    assert_eq!(kew.post("/clock/advance", json!({"to": "next", "queue": "order"})).0, 404);
    assert_eq!(kew.delete("/clock/hold/77").0, 404);
    let after = kew.get("/clock").1;
    assert_eq!((&before["mode"], &before["nowMs"]), (&after["mode"], &after["nowMs"]));
}

#[test]
fn a_clock_that_is_not_a_controlled_one_is_not_turned() {
    for (clock, mode, reason) in
        [(Clock::manual(), "manual", "manual clock"), (Clock::system(), "real", "system clock")]
    {
        let kew = Kew::with(Server::builder().queue("orders").clock(clock));
        assert_eq!(kew.get("/clock").1["mode"], mode);
        for (status, refused) in [
            kew.put("/clock", json!({"mode": "frozen"})),
            kew.put("/clock", json!({"mode": "auto"})),
            kew.post("/clock/advance", json!({"by": 1})),
        ] {
            assert_eq!(status, 409, "{refused}");
            assert!(refused["error"].as_str().unwrap().contains(reason), "{refused}");
        }
    }
}

#[cfg(feature = "store")]
#[test]
fn with_a_data_directory_the_clock_is_not_turned() {
    let dir = tempfile::tempdir().unwrap();
    let builder = Server::builder().queue("orders").data(dir.path(), kew::internals::config::Durability::Process);
    let kew = Kew::with(builder);
    let (status, refused) = kew.post("/clock/advance", json!({"by": 1}));
    assert_eq!((status, &refused["error"]), (409, &json!("the clock cannot be turned with --data")));
    assert_eq!(kew.put("/clock", json!({"mode": "frozen"})).0, 409);
}

#[test]
fn a_move_task_goes_on_step_by_step() {
    let queue = QueueConfig::new("orders").visibility_timeout(Duration::from_secs(30)).dead_letter("dead", 1);
    let kew = frozen(Kew::with(Server::builder().queue("dead").queue(queue)));
    for body in ["1", "2", "3"] {
        kew.send("dead", body);
    }
    let task = json!({
        "SourceArn": "arn:aws:sqs:us-east-1:000000000000:dead",
        "DestinationArn": "arn:aws:sqs:us-east-1:000000000000:orders", "MaxNumberOfMessagesPerSecond": 1,
    });
    let (status, answer) = kew.sqs("StartMessageMoveTask", task);
    assert_eq!(status, 200, "{answer}");
    assert_eq!(kew.get("/clock").1["next"]["why"], "moveTask");
    let poll = kew.park("orders");
    let turned = kew.post("/clock/advance", json!({"by": 10})).1;
    assert_eq!(
        (&turned["steps"][0]["why"], &turned["steps"][0]["messages"]),
        (&json!("moveTask"), &json!(1)),
        "{turned}"
    );
    assert_eq!(bodies(&poll.answer().json().1), ["1"]);
    assert_eq!(kew.get("/queues/orders").1["visible"], 2, "all have been moved on the way");
}

#[test]
fn the_state_is_shown_to_people() {
    let kew = frozen(Kew::start());
    delayed(&kew, "A", 900);
    let (status, text) = kew.text("GET", "/clock");
    assert_eq!(status, 200);
    assert!(text.lines().next().unwrap().contains(" frozen"), "{text}");
    assert!(text.contains("next in 15m: the delay of ") && text.contains(" in orders, 0 waiting"), "{text}");
}
