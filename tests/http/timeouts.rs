//! How long the server waits for what a client does not send or read, on a network time that only the test turns.

use crate::support::*;
use kew::Clock;
use kew::NamespaceMode;
use kew::internals::broker::{Broker, BrokerOptions};
use kew::internals::clock::NetworkTime;
use kew::internals::control::Control;
use kew::internals::http::{
    BODY_TIME_LIMIT, HEADER_TIME_LIMIT, HttpOptions, IDLE_CHECKS, LINGER_TIME_LIMIT, Running, SHUTDOWN_TIME_LIMIT,
    Service,
};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

/// A server with one thread, and the time by which it goes.
struct Timed {
    running: Running,
    time: NetworkTime,
}

impl Timed {
    fn start() -> Timed {
        let options = BrokerOptions { namespace: NamespaceMode::Merged, cooldowns: false, auto_create: true };
        let broker = Broker::new(options, Clock::manual());
        let time = NetworkTime::manual();
        let options = HttpOptions { threads: 1, body_bytes_max: 2_000_000, ..HttpOptions::default() };
        let service = Service::new(Control::of_broker(broker), options).network_time(time.clone());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Timed { running: Running::start(Arc::new(service), vec![listener]).unwrap(), time }
    }

    fn peer(&self) -> Peer {
        Peer::at(self.running.addresses()[0])
    }

    /// Lets the server do all that can be done now.
    fn let_it_work(&self) {
        let mut peer = self.peer();
        for _ in 0..5 {
            peer.assert_open();
        }
    }

    /// Turns the time, and lets the server do what it then has to do.
    fn turn(&self, by: Duration) {
        self.let_it_work();
        assert!(self.time.advance(by));
        self.let_it_work();
    }

    /// Lets so many of the checks for silent connections come.
    fn checks(&self, count: u32) {
        for _ in 0..count {
            self.turn(HEADER_TIME_LIMIT / IDLE_CHECKS);
        }
    }
}

/// Checks after which a connection that has been silent from before the first of them on is ended.
const ENOUGH: u32 = IDLE_CHECKS + 1;

#[test]
fn the_limits_are_about_a_minute() {
    assert_eq!((HEADER_TIME_LIMIT, BODY_TIME_LIMIT), (Duration::from_secs(75), Duration::from_secs(60)));
}

#[test]
fn a_head_that_does_not_end_is_answered_in_shape() {
    let server = Timed::start();
    let begun = ["P", "POST / HTTP/1.1\r\n", "POST / HTTP/1.1\r\nHost: h\r\nX-Amz-Tar"];
    let mut peers = begun.map(|begun| {
        let mut peer = server.peer();
        peer.send(begun);
        peer
    });
    // Bytes of a head that come one by one give it no more time.
    for _ in 0..ENOUGH {
        peers[2].send("g");
        server.checks(1);
    }
    for mut peer in peers {
        let answer = peer.answer();
        answer.json_error(408, "RequestTimeoutException", "RequestTimeout");
        assert_eq!(answer.header("connection"), Some("close"));
        peer.assert_closed();
    }
}

#[test]
fn a_head_that_ends_in_time_is_served() {
    let server = Timed::start();
    let request = get("/health");
    let mut peer = server.peer();
    peer.send(&request[..10]);
    server.checks(IDLE_CHECKS);
    assert_eq!(peer.ask(&request[10..]).status, 200);
}

#[test]
fn a_body_that_does_not_end_is_answered_in_its_protocol() {
    let server = Timed::start();
    let whole = json("ListQueues", "{                    }");
    let mut as_json = server.peer();
    as_json.send(&whole[..whole.len() - 5]);
    let whole = form("Action=ListQueues");
    let mut as_form = server.peer();
    as_form.send(&whole[..whole.len() - 5]);
    let mut chunked = server.peer();
    chunked.send(format!(
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Type: {AMZ_JSON}\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{{"
    ));
    server.turn(BODY_TIME_LIMIT);

    let answer = as_json.answer();
    answer.json_error(408, "RequestTimeoutException", "RequestTimeout");
    assert_eq!(answer.header("connection"), Some("close"));
    as_json.assert_closed();
    as_form.answer().xml_error(408, "RequestTimeout");
    as_form.assert_closed();
    chunked.answer().json_error(408, "RequestTimeoutException", "RequestTimeout");
    chunked.assert_closed();
}

#[test]
fn a_body_that_ends_in_time_is_taken() {
    let server = Timed::start();
    let whole = json("ListQueues", "{                    }");
    let mut peer = server.peer();
    peer.send(&whole[..whole.len() - 5]);
    server.turn(BODY_TIME_LIMIT - Duration::from_millis(1));
    peer.ask(&whole[whole.len() - 5..]).ok();
    // And one that was asked for.
    let list = json_with("ListQueues", &[("Expect", "100-continue")], "{}");
    let (head, body) = list.split_at(list.len() - 2);
    let mut peer = server.peer();
    assert_eq!(peer.ask(head).status, 100);
    server.turn(BODY_TIME_LIMIT - Duration::from_millis(1));
    peer.ask(body).ok();
}

#[test]
fn an_idle_connection_is_closed_without_a_word() {
    let server = Timed::start();
    let mut silent = server.peer();
    let mut answered = server.peer();
    answered.assert_open();
    server.checks(ENOUGH);
    silent.assert_closed();
    answered.assert_closed();
}

#[test]
fn a_connection_with_a_request_now_and_then_is_kept() {
    let server = Timed::start();
    let mut peer = server.peer();
    for _ in 0..3 {
        server.checks(IDLE_CHECKS);
        peer.assert_open();
    }
}

#[test]
fn a_client_that_does_not_read_its_answers_is_cut_off() {
    const BODY: usize = 1_000_000;
    const ASKED: usize = 100;
    let server = Timed::start();
    let message = serde_json::json!({"QueueUrl": "q", "MessageBody": "x".repeat(BODY)});
    server.peer().ask(json("SendMessage", message.to_string())).ok();
    // More than any system keeps for a socket, and nobody reads it.
    let mut peer = server.peer();
    peer.send(json("ReceiveMessage", r#"{"QueueUrl":"q","VisibilityTimeout":0}"#).repeat(ASKED));
    server.checks(2 * ENOUGH);
    let read = peer.read_to_the_end();
    assert!(read > 0 && read < BODY * ASKED, "{read}");
}

#[test]
fn a_long_poll_is_not_an_idle_connection() {
    let server = Timed::start();
    let mut parked = server.peer();
    parked.send(receive(20));
    server.checks(2 * ENOUGH);
    assert!(server.running.service().broker().advance(Duration::from_secs(20)));
    assert_eq!(received(&parked.answer()), []);
}

#[test]
fn a_client_that_goes_on_sending_after_an_early_answer_is_listened_to_for_a_moment() {
    let server = Timed::start();
    let too_large = json("ListQueues", " ".repeat(2_000_001));
    let mut refused = server.peer();
    refused.send(&too_large).answer().json_error(413, "RequestEntityTooLargeException", "RequestEntityTooLarge");
    // More than any system keeps for a socket that nobody reads.
    refused.send(vec![b' '; 50_000_000]);
    server.turn(LINGER_TIME_LIMIT);
    // From here on it is written into nothing.
    while refused.try_send([b' '; 1_000]) {}
}

#[test]
fn a_request_that_does_not_end_is_cut_off_when_the_server_stops() {
    let server = Timed::start();
    let mut idle = server.peer();
    idle.assert_open();
    let whole = json("ListQueues", "{          }");
    let mut stuck = server.peer();
    stuck.send(&whole[..whole.len() - 1]);
    server.let_it_work();
    let Timed { running, time } = server;
    let stopping = std::thread::spawn(move || running.shutdown_blocking());
    // When this has ended, the worker waits for the other.
    idle.assert_closed();
    assert!(time.advance(SHUTDOWN_TIME_LIMIT));
    stopping.join().unwrap();
    stuck.assert_closed();
}

#[test]
fn a_client_that_has_sent_more_reads_the_last_answer_of_a_server_that_stops() {
    let server = Timed::start();
    let mut poll = server.peer();
    poll.send(receive(20));
    server.let_it_work();
    // More than is read ahead of a parked poll: closing the socket over the rest would reset the connection.
    poll.send(get("/health").repeat(10_000));
    server.let_it_work();
    let Timed { running, time: _time } = server;
    let stopping = std::thread::spawn(move || running.shutdown_blocking());
    let answer = poll.answer();
    assert_eq!((received(&answer), answer.header("connection")), (vec![], Some("close")));
    poll.assert_closed_and_listened_to();
    drop(poll);
    stopping.join().unwrap();
}
