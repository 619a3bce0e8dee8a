//! Long polls and what happens to their connections.

use crate::support::*;
use kew::Server;
use std::net::SocketAddr;
use std::time::Duration;

const EMPTY: [(String, String); 0] = [];

/// A connection with a long poll that the server has parked.
fn parked(server: &Server) -> Peer {
    let mut peer = Peer::of(server);
    peer.send(receive(20));
    let_it_work(server);
    peer
}

fn one(body: &str) -> Vec<(String, String)> {
    vec![(body.to_owned(), "1".to_owned())]
}

#[test]
fn a_parked_poll_is_woken_by_a_send() {
    let server = server();
    let mut poll = parked(&server);
    Peer::of(&server).ask(send("wake up")).ok();
    assert_eq!(received(&poll.answer()), one("wake up"));
    poll.assert_open();
}

#[test]
fn a_poll_ends_empty_when_its_time_is_over() {
    let server = server();
    let mut poll = parked(&server);
    server.advance(Duration::from_secs(20));
    let answer = poll.answer().ok();
    assert_eq!(answer.text(), "{}");
    poll.assert_open();
}

#[test]
fn a_client_that_is_gone_consumes_nothing() {
    let server = server();
    let gone = parked(&server);
    drop(gone);
    let_it_work(&server);
    let mut peer = Peer::of(&server);
    peer.ask(send("still here")).ok();
    assert_eq!(received(&peer.ask(receive(0))), one("still here"));
}

/// The end of a connection takes its way through the kernel, and on a busy machine a request on another one may overtake it: then
/// nobody can know of it. Waits until it has come to the server's side, whether the server has seen it or not.
fn until_the_end_has_come(client: SocketAddr) {
    const ESTABLISHED: &str = "01";
    let remote = format!(":{:04X}", client.port());
    let is_open = |line: &str| {
        let mut fields = line.split_whitespace().skip(2);
        fields.next().is_some_and(|field| field.ends_with(&remote)) && fields.next() == Some(ESTABLISHED)
    };
    while cfg!(target_os = "linux") && std::fs::read_to_string("/proc/net/tcp").unwrap().lines().any(is_open) {
        std::thread::yield_now();
    }
}

#[test]
fn a_client_that_closes_right_before_a_send_consumes_nothing() {
    // On other threads than the one of the parked receive, the send may be carried out before the end of the connection is seen.
    let server = Server::builder().queue("q").manual_clock().threads(4).start().unwrap();
    let mut sender = Peer::of(&server);
    for round in 0..200 {
        let mut gone = Peer::of(&server);
        gone.send(receive(20));
        while server.waiting_receivers("q") == 0 {
            std::thread::yield_now();
        }
        let client = gone.local_address();
        drop(gone);
        until_the_end_has_come(client);
        sender.ask(send(&round.to_string())).ok();
        assert_eq!(received(&Peer::of(&server).ask(receive(20))), one(&round.to_string()));
    }
}

#[test]
fn a_client_that_hangs_up_its_half_is_gone() {
    let server = server();
    let mut gone = parked(&server);
    gone.end();
    let_it_work(&server);
    let mut peer = Peer::of(&server);
    peer.ask(send("still here")).ok();
    assert_eq!(received(&peer.ask(receive(0))), one("still here"));
}

#[test]
fn those_behind_a_client_that_is_gone_move_up() {
    let server = server();
    let first = parked(&server);
    let mut second = parked(&server);
    let third = parked(&server);
    drop(first);
    drop(third);
    let_it_work(&server);
    Peer::of(&server).ask(send("for the second")).ok();
    assert_eq!(received(&second.answer()), one("for the second"));
}

#[test]
fn many_clients_that_leave_lose_nothing() {
    let server = server();
    for _ in 0..100 {
        let mut peer = Peer::of(&server);
        peer.send(receive(20));
    }
    let_it_work(&server);
    let mut peer = Peer::of(&server);
    peer.ask(send("still here")).ok();
    // Whatever had been handed to one of them came back as if never received.
    assert_eq!(received(&peer.ask(receive(0))), one("still here"));
}

fn shut_down(server: Server) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(server.shutdown());
}

#[test]
fn a_server_that_stops_answers_parked_polls_with_nothing() {
    let server = Server::builder().queue("q").manual_clock().threads(3).start().unwrap();
    let mut polls: Vec<Peer> = (0..6).map(|_| Peer::of(&server)).collect();
    for poll in &mut polls {
        // Behind a request that was answered there is no doubt that the connection is served.
        poll.assert_open();
        poll.send(receive(20));
    }
    let mut other_protocol = Peer::of(&server);
    other_protocol.assert_open();
    other_protocol.send(form("Action=ReceiveMessage&QueueUrl=q&WaitTimeSeconds=20"));
    for _ in 0..3 {
        let_it_work(&server);
    }
    shut_down(server);
    for poll in &mut polls {
        let answer = poll.answer();
        assert_eq!((received(&answer), answer.header("connection")), (EMPTY.to_vec(), Some("close")));
        poll.assert_closed();
    }
    let answer = other_protocol.answer().ok();
    assert!(answer.text().contains("<ReceiveMessageResult"), "{}", answer.text());
    other_protocol.assert_closed();
}

#[test]
fn a_server_that_stops_finishes_what_is_under_way_and_takes_nothing_new() {
    let server = server();
    let address = server.addresses()[0];
    let mut idle = Peer::of(&server);
    idle.assert_open();
    let mut silent = Peer::of(&server);
    shut_down(server);
    idle.assert_closed();
    silent.assert_closed();
    assert!(std::net::TcpStream::connect(address).is_err());
}

#[test]
fn a_server_that_is_dropped_ends_its_connections() {
    let server = server();
    let mut poll = parked(&server);
    drop(server);
    poll.assert_closed();
}

#[test]
fn two_polls_in_one_write_are_answered_one_after_the_other() {
    let server = server();
    let mut polls = Peer::of(&server);
    polls.send([receive(20), receive(20)].concat());
    let_it_work(&server);
    let mut peer = Peer::of(&server);
    peer.ask(send("one")).ok();
    assert_eq!(received(&polls.answer()), one("one"));
    let_it_work(&server);
    peer.ask(send("two")).ok();
    assert_eq!(received(&polls.answer()), one("two"));
}

#[test]
fn what_follows_a_parked_poll_waits_its_turn() {
    let server = server();
    let mut peer = Peer::of(&server);
    peer.send([receive(20), get("/health")].concat());
    let_it_work(&server);
    server.advance(Duration::from_secs(20));
    assert_eq!(received(&peer.answer()), EMPTY);
    assert_eq!(peer.answer().ok().text(), "ok\n");
}

#[test]
fn nothing_is_sent_before_the_answer_is_complete() {
    let server = server();
    let mut poll = parked(&server);
    server.advance(Duration::from_secs(19));
    Peer::of(&server).ask(send("late")).ok();
    let answer = poll.answer();
    // Interim answers would have been read first.
    assert_eq!(received(&answer), one("late"));
}
