//! A database that does not answer: requests are refused with 503, the health check is red, and when it answers again nothing is
//! lost and nothing is there twice.

use crate::http::{Peer, get, json, receive, received, send};
use crate::proxy::Proxy;
use crate::server::Postgres;
use kew::Server;
use kew::internals::clock::NetworkTime;
use std::net::TcpListener;
use std::time::{Duration, Instant};

/// When it is first asked whether another server has taken the place of one that does not answer.
const LOOK_AFTER: Duration = Duration::from_secs(1);

/// When an answer is not waited for any more.
const PATIENCE: Duration = Duration::from_secs(3);

#[test]
fn requests_are_refused_after_three_seconds_without_the_database() {
    let Some(postgres) = Postgres::start() else { return };
    let proxy = Proxy::to(postgres.port());
    let url = postgres.new_url().replace(&format!(":{}/", postgres.port()), &format!(":{}/", proxy.port()));
    let time = NetworkTime::manual();
    let server = Server::builder().queue("q").database(format!("{url}?sslmode=disable").parse().unwrap());
    let server = server.network_time(time.clone()).start().unwrap();
    let ask = |request: Vec<u8>| Peer::of(&server).ask(request);
    assert_eq!(ask(send("before")).status, 200);
    proxy.stall();
    std::thread::scope(|threads| {
        let waiting = threads.spawn(|| ask(send("waiting")));
        while server.service().broker().store().unwrap().pending_bytes() == 0 {
            std::thread::yield_now();
        }
        let mut turned = Duration::ZERO;
        while !waiting.is_finished() {
            time.advance(Duration::from_millis(50));
            turned += Duration::from_millis(50);
            // Something that takes its time, so that the server comes to look.
            assert_eq!(ask(get("/_localstack/health")).status, 200);
        }
        assert!(turned >= Duration::from_secs(3), "refused after {turned:?}");
        assert_eq!(waiting.join().unwrap().status, 503);
    });
    for request in [send("refused"), receive(0), json("ListQueues", "{}")] {
        ask(request).json_error(503, "ServiceUnavailable", "ServiceUnavailable");
    }
    while ask(get("/health")).status == 200 {
        time.advance(Duration::from_millis(50));
    }
    // New connections, and the old one, go on.
    proxy.go_on();
    while ask(get("/health")).status != 200 {
        time.advance(Duration::from_millis(50));
    }
    assert_eq!(ask(send("after")).status, 200);
    let mut bodies: Vec<String> = Vec::new();
    for _ in 0..3 {
        bodies.extend(received(&ask(receive(0))).into_iter().map(|(body, _)| body));
    }
    bodies.sort();
    assert_eq!(bodies, ["after", "before", "waiting"]);
}

/// As the machine of an old primary does that stands still, or is lost: in the place of the first of two it holds up nobody.
#[test]
fn a_server_that_does_not_answer_hides_none_behind_it() {
    let Some(postgres) = Postgres::start() else { return };
    // The system takes connections for it, and nobody ever says a word.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let both = format!("@{},127.0.0.1:", silent.local_addr().unwrap());
    let url = postgres.new_url().replace("@127.0.0.1:", &both);
    let kew = crate::kew::Kew::start(&["--data", &url, "--queue", "q"]);
    assert_eq!(kew.ask(send("m")).status, 200);
    kew.stop();
}

#[test]
fn a_commit_does_not_wait_for_a_primary_whose_place_another_has_taken() {
    let Some(primary) = Postgres::start() else { return };
    if !primary.has("pg_basebackup") {
        return;
    }
    let url = primary.new_url();
    let standby = primary.standby();
    let proxy = Proxy::to(primary.port());
    let url = url.replace(&format!(":{}/", primary.port()), &format!(":{}/", proxy.port()));
    let time = NetworkTime::manual();
    let server = Server::builder().queue("q").database(format!("{url}?sslmode=disable").parse().unwrap());
    let server = server.network_time(time.clone()).start().unwrap();
    let ask = |request: Vec<u8>| Peer::of(&server).ask(request);
    assert_eq!(ask(send("before")).status, 200);
    // Its connections stand, and nobody ever says a word.
    primary.signal_all("STOP");
    let mut turned = Duration::ZERO;
    std::thread::scope(|threads| {
        let waiting = threads.spawn(|| ask(send("waiting")));
        while server.service().broker().store().unwrap().pending_bytes() == 0 {
            std::thread::yield_now();
        }
        standby.promote();
        proxy.lead_to(standby.port());
        let mut began = Instant::now();
        while !waiting.is_finished() {
            // From the first look on, a connection has ten times its time.
            let by = if turned < LOOK_AFTER { Duration::from_millis(50) } else { began.elapsed() / 10 };
            if by >= Duration::from_millis(1) {
                time.advance(by);
                turned += by;
                began = Instant::now();
            }
            assert_eq!(ask(get("/_localstack/health")).status, 200);
        }
        assert_eq!(waiting.join().unwrap().status, 200);
    });
    assert!((LOOK_AFTER..PATIENCE).contains(&turned), "{turned:?}");
    let mut bodies: Vec<String> = (0..2).flat_map(|_| received(&ask(receive(0)))).map(|(body, _)| body).collect();
    bodies.sort();
    assert_eq!(bodies, ["before", "waiting"]);
}

#[test]
fn kew_ends_when_it_is_told_to_while_the_database_is_away() {
    let Some(mut postgres) = Postgres::start() else { return };
    let url = postgres.new_url();
    let kew = crate::kew::Kew::start(&["--data", &url, "--queue", "q"]);
    assert_eq!(kew.ask(send("kept")).status, 200);
    postgres.stop("immediate");
    let mut waiting = kew.peer();
    waiting.send(send("never acknowledged"));
    kew.line_with("nothing is acknowledged until a commit succeeds");
    kew.signal("TERM");
    let (status, log) = kew.end();
    assert_eq!(status.code(), Some(0), "{log:?}");
    postgres.run();
    let kew = crate::kew::Kew::start(&["--data", &url]);
    let bodies: Vec<String> = received(&kew.ask(receive(0))).into_iter().map(|(body, _)| body).collect();
    assert_eq!(bodies, ["kept"]);
}

#[test]
fn the_database_may_crash_and_come_back() {
    let Some(mut postgres) = Postgres::start() else { return };
    let kew = crate::kew::Kew::start(&["--data", &postgres.new_url(), "--queue", "q"]);
    let mut acknowledged = Vec::new();
    for round in 0..3 {
        let mut peers: Vec<Peer> = (0..8).map(|_| kew.peer()).collect();
        for (number, peer) in peers.iter_mut().enumerate() {
            peer.send(send(&format!("{round}-{number}")));
        }
        postgres.stop("immediate");
        postgres.run();
        // Each is answered; one whose answer is 503 may be there or not.
        for (number, peer) in peers.iter_mut().enumerate() {
            if peer.answer().status == 200 {
                acknowledged.push(format!("{round}-{number}"));
            }
        }
        // One that is refused may be there too, so each attempt has a body of its own.
        let again = (8..).map(|number| format!("{round}-{number}")).find(|body| kew.ask(send(body)).status == 200);
        acknowledged.extend(again);
    }
    let mut bodies = Vec::new();
    for _ in 0..10 {
        bodies.extend(received(&kew.ask(receive(0))).into_iter().map(|(body, _)| body));
    }
    let there: std::collections::BTreeSet<&String> = bodies.iter().collect();
    assert_eq!(there.len(), bodies.len(), "a message is there twice");
    assert!(acknowledged.iter().all(|body| there.contains(body)), "{acknowledged:?} {bodies:?}");
    kew.stop();
}
