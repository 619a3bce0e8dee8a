//! How long the server waits for what a client does not send.

use crate::support::*;
use kew::Clock;
use kew::NamespaceMode;
use kew::internals::actions::Actions;
use kew::internals::broker::{Broker, BrokerOptions};
use kew::internals::http::{BODY_TIME_LIMIT, HEADER_TIME_LIMIT, HttpOptions, Running, Service};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(3600);
const SHORT: Duration = Duration::from_millis(20);

/// A server that waits so long for a head and so long for a body.
fn patient(head: Duration, body: Duration) -> Running {
    let options = BrokerOptions { namespace: NamespaceMode::Merged, cooldowns: false, auto_create: true };
    let broker = Broker::new(options, Clock::manual());
    let service = Service::new(Actions::new(Arc::new(broker)), HttpOptions { threads: 1, ..HttpOptions::default() })
        .time_limits(head, body);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    Running::start(Arc::new(service), vec![listener]).unwrap()
}

#[test]
fn without_more_being_said_it_waits_about_a_minute() {
    assert_eq!((HEADER_TIME_LIMIT, BODY_TIME_LIMIT), (Duration::from_secs(75), Duration::from_secs(60)));
}

#[test]
fn a_head_that_does_not_end_is_answered_in_shape() {
    let server = patient(SHORT, LONG);
    for begun in ["P", "POST / HTTP/1.1\r\n", "POST / HTTP/1.1\r\nHost: h\r\nX-Amz-Tar"] {
        let mut peer = Peer::at(server.addresses()[0]);
        let answer = peer.ask(begun);
        answer.json_error(408, "RequestTimeoutException", "RequestTimeout");
        assert_eq!(answer.header("connection"), Some("close"));
        peer.assert_closed();
    }
}

#[test]
fn a_body_that_does_not_end_is_answered_in_its_protocol() {
    let server = patient(LONG, SHORT);
    let whole = json("ListQueues", "{                    }");
    let mut peer = Peer::at(server.addresses()[0]);
    peer.send(&whole[..whole.len() - 5]);
    let answer = peer.answer();
    answer.json_error(408, "RequestTimeoutException", "RequestTimeout");
    assert_eq!(answer.header("connection"), Some("close"));
    peer.assert_closed();

    let whole = form("Action=ListQueues");
    let mut peer = Peer::at(server.addresses()[0]);
    peer.send(&whole[..whole.len() - 5]).answer().xml_error(408, "RequestTimeout");
    peer.assert_closed();

    let mut peer = Peer::at(server.addresses()[0]);
    peer.send(format!(
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Type: {AMZ_JSON}\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{{"
    ));
    peer.answer().json_error(408, "RequestTimeoutException", "RequestTimeout");
}

#[test]
fn an_idle_connection_is_closed_without_a_word() {
    let server = patient(SHORT, LONG);
    Peer::at(server.addresses()[0]).assert_closed();
    // After an answer too. The clock of the limit may run out before the request is written, hence several tries.
    let answered = (0..100).any(|_| {
        let mut peer = Peer::at(server.addresses()[0]);
        let answer = peer.send_what_goes(get("/health")).answer_or_end();
        peer.assert_closed();
        answer.is_some_and(|answer| answer.status == 200)
    });
    assert!(answered);
}

#[test]
fn who_does_not_read_its_answers_is_cut_off() {
    const BODY: usize = 1_000_000;
    const ASKED: usize = 100;
    let server = patient(SHORT, LONG);
    // All is made ready first: the limits run from the moment of the connection.
    let message = serde_json::json!({"QueueUrl": "q", "MessageBody": "x".repeat(BODY)});
    let message = json("SendMessage", message.to_string());
    // More than any system keeps for a socket, and nobody reads it.
    let receives = json("ReceiveMessage", r#"{"QueueUrl":"q","VisibilityTimeout":0}"#).repeat(ASKED);
    let sent = (0..100).any(|_| {
        let mut peer = Peer::at(server.addresses()[0]);
        peer.send_what_goes(&message).answer_or_end().is_some_and(|answer| answer.status == 200)
    });
    assert!(sent);
    let read = (0..100).find_map(|_| {
        let mut peer = Peer::at(server.addresses()[0]);
        peer.send_what_goes(&receives);
        // Other connections run into their limit one after the other meanwhile.
        for _ in 0..5 {
            Peer::at(server.addresses()[0]).assert_closed();
        }
        // The limit may also have run out before the requests were written, hence several tries.
        Some(peer.read_to_the_end()).filter(|&read| read > 0)
    });
    assert!(read.is_some_and(|read| read < BODY * ASKED), "{read:?}");
}

#[test]
fn a_connection_that_waits_for_the_body_it_asked_for_is_not_idle() {
    let server = patient(SHORT, LONG);
    let list = json_with("ListQueues", &[("Expect", "100-continue")], "{}");
    let (head, body) = list.split_at(list.len() - 2);
    // The limit may run out before the head is written, hence several tries.
    let asked = (0..100).find_map(|_| {
        let mut peer = Peer::at(server.addresses()[0]);
        peer.send_what_goes(head).answer_or_end().map(|answer| (peer, answer))
    });
    let (mut peer, answer) = asked.unwrap();
    assert_eq!(answer.status, 100);
    // Other connections run into their limit one after the other meanwhile.
    for _ in 0..5 {
        Peer::at(server.addresses()[0]).assert_closed();
    }
    peer.ask(body).ok();
}

#[test]
fn a_long_poll_is_not_an_idle_connection() {
    let server = patient(SHORT, SHORT);
    let poll = receive(20);
    let mut parked = Peer::at(server.addresses()[0]);
    parked.send(poll);
    // Other connections run into their limit one after the other meanwhile.
    for _ in 0..5 {
        Peer::at(server.addresses()[0]).assert_closed();
    }
    assert!(server.service().broker().advance(Duration::from_secs(20)));
    assert_eq!(received(&parked.answer()), []);
}
