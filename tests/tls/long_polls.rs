//! A client that is gone consumes nothing, also behind TLS.

use crate::both;
use crate::client::{Client, trusting};
use crate::support::*;
use kew::Server;

/// Waits for so many long polls at `q`, as long as the server takes.
fn wait_for(server: &Server, count: usize) {
    while server.waiting_receivers("q") != count {
        let_it_work(server);
    }
}

#[test]
fn a_long_poll_is_handed_its_message() {
    let server = both().start().unwrap();
    let mut client = Client::connect(&server, "localhost", trusting(&server, &[]));
    client.send(receive(20));
    wait_for(&server, 1);
    Peer::of(&server).ask(send("for you")).ok();
    let answer = Answer::read(client.stream());
    assert_eq!(received(&answer), [("for you".to_owned(), "1".to_owned())]);
}

#[test]
fn a_client_that_goes_while_it_waits_consumes_nothing() {
    let server = both().start().unwrap();
    let connect = || Client::connect(&server, "localhost", trusting(&server, &[]));
    for leave in [Client::close, Client::vanish] {
        let mut client = connect();
        client.send(receive(20));
        wait_for(&server, 1);
        leave(client);
        wait_for(&server, 0);
        Peer::of(&server).ask(send("left")).ok();
        let answer = connect().ask(receive(0));
        assert_eq!(received(&answer), [("left".to_owned(), "1".to_owned())]);
        Peer::of(&server).ask(json("PurgeQueue", r#"{"QueueUrl":"q"}"#)).ok();
    }
}

#[test]
fn a_request_that_is_sent_ahead_of_an_answer_is_answered_after_it() {
    let server = both().start().unwrap();
    let mut client = Client::connect(&server, "localhost", trusting(&server, &[]));
    client.send([receive(20), json("ListQueues", "{}")].concat());
    wait_for(&server, 1);
    Peer::of(&server).ask(send("first")).ok();
    assert_eq!(received(&Answer::read(client.stream())), [("first".to_owned(), "1".to_owned())]);
    assert!(Answer::read(client.stream()).ok().json()["QueueUrls"].is_array());
}

#[test]
fn a_server_that_stops_answers_long_polls_first() {
    let server = both().start().unwrap();
    let mut client = Client::connect(&server, "localhost", trusting(&server, &[]));
    client.send(receive(20));
    wait_for(&server, 1);
    server.shutdown_blocking();
    assert_eq!(received(&Answer::read(client.stream())), []);
    // It says that it ends, so that nobody could have cut off the rest.
    assert_eq!(client.rest().unwrap(), b"");
}
