//! A store that does not answer, over HTTP: requests are refused, the health check is red, and afterwards everything is there.

use crate::http::{Peer, get, json, receive, received, send};
use kew::Server;
use kew::internals::clock::NetworkTime;
use kew::internals::store::Durability;
use std::time::Duration;

/// Turns the time by which stores are granted time, until something has come about.
fn turn_until(time: &NetworkTime, mut is_there: impl FnMut() -> bool) {
    while !is_there() {
        time.advance(Duration::from_millis(250));
        std::thread::yield_now();
    }
}

#[test]
fn requests_are_refused_while_the_store_does_not_answer() {
    let dir = tempfile::tempdir().unwrap();
    let time = NetworkTime::manual();
    let server = Server::builder().queue("q").data(dir.path(), Durability::Process).network_time(time.clone());
    let server = server.start().unwrap();
    let ask = |request: Vec<u8>| Peer::of(&server).ask(request);
    assert_eq!(ask(send("before")).status, 200);

    // As a disk that hangs: nothing can be committed.
    let lock = rusqlite::Connection::open(dir.path().join("kew.sqlite3")).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    let text = "The request has failed due to a temporary failure of the server.";
    let refused = |answer: &crate::http::Answer| {
        answer.json_error(503, "ServiceUnavailable", "ServiceUnavailable");
        assert_eq!(answer.json()["message"], text);
    };
    std::thread::scope(|threads| {
        let waiting = threads.spawn(|| ask(send("waiting")));
        // Until then time limits of connections would pass too.
        while server.service().broker().store().unwrap().pending_bytes() == 0 {
            std::thread::yield_now();
        }
        turn_until(&time, || waiting.is_finished());
        refused(&waiting.join().unwrap());
    });
    for request in [send("refused"), receive(0), receive(20), json("ListQueues", "{}")] {
        refused(&ask(request));
    }
    turn_until(&time, || ask(get("/health")).status != 200);
    let health = ask(get("/health"));
    assert_eq!((health.status, health.text()), (503, "the store does not answer\n"));

    // What was in line is committed, and what comes is taken again.
    lock.execute_batch("COMMIT").unwrap();
    turn_until(&time, || ask(get("/health")).status == 200);
    assert_eq!(ask(send("after")).status, 200);
    let mut bodies: Vec<String> = Vec::new();
    for _ in 0..3 {
        bodies.extend(received(&ask(receive(0))).into_iter().map(|(body, _)| body));
    }
    bodies.sort();
    assert_eq!(bodies, ["after", "before", "waiting"]);
}
