//! Clients that end their half of the connection once they have asked, as `nc -N` does, and clients that go away
//! altogether. On the wire the two look the same until something is written to them.

use crate::support::*;
use kew::Server;
use kew::internals::http::READ_AHEAD_BYTES_MAX;
use std::time::Duration;

/// Sends these bytes, and nothing more ever.
fn last_words(server: &Server, bytes: impl AsRef<[u8]>) -> Peer {
    let mut peer = Peer::of(server);
    peer.send(bytes);
    peer.end();
    peer
}

fn one(body: &str) -> Vec<(String, String)> {
    vec![(body.to_owned(), "1".to_owned())]
}

/// Requests of all kinds; none of them waits.
fn requests() -> Vec<Vec<u8>> {
    let long = "x".repeat(300_000);
    vec![
        json("ListQueues", "{}"),
        json("CreateQueue", r#"{"QueueName":"new"}"#),
        form("Action=GetQueueAttributes&QueueUrl=q&AttributeName.1=All"),
        get("/?Action=ListQueues"),
        get("/health"),
        send(&long),
        send("short"),
        receive(0),
        form("Action=PurgeQueue&QueueUrl=q"),
    ]
}

#[cfg(feature = "store")]
#[test]
fn a_request_whose_client_ends_its_half_is_answered() {
    let dir = tempfile::tempdir().unwrap();
    let in_memory = server();
    let on_disk = Server::builder()
        .queue("q")
        .manual_clock()
        .data(dir.path(), kew::internals::config::Durability::Process)
        .start()
        .unwrap();
    for server in [in_memory, on_disk] {
        for _ in 0..5 {
            for request in requests() {
                let mut peer = last_words(&server, &request);
                let answer = peer.answer();
                assert_eq!(answer.status, 200, "{} {}", String::from_utf8_lossy(&request[..60]), answer.text());
                peer.assert_closed();
            }
        }
    }
}

#[test]
fn several_requests_in_one_write_are_all_answered() {
    let server = server();
    let mut peer = last_words(&server, [send("a"), send("b"), receive(20), receive(20), get("/health")].concat());
    peer.answer().ok();
    peer.answer().ok();
    let bodies = [received(&peer.answer()), received(&peer.answer())].concat();
    assert_eq!(bodies.len(), 2, "{bodies:?}");
    assert_eq!(peer.answer().ok().text(), "ok\n");
    peer.assert_closed();
}

#[test]
fn a_request_that_is_cut_off_is_told_so() {
    let server = server();
    let whole = send("never sent");
    let mut peer = last_words(&server, &whole[..whole.len() - 5]);
    peer.answer().json_error(400, "SerializationException", "MalformedInput");
    peer.assert_closed();
    assert_eq!(received(&Peer::of(&server).ask(receive(0))), []);
}

#[test]
fn a_long_poll_whose_client_ends_its_half_has_what_is_there() {
    let server = server();
    Peer::of(&server).ask(send("there")).ok();
    let mut peer = last_words(&server, receive(20));
    assert_eq!(received(&peer.answer()), one("there"));
    peer.assert_closed();
}

#[test]
fn a_long_poll_whose_client_ends_its_half_does_not_wait_and_takes_nothing() {
    let server = server();
    for poll in [receive(20), form("Action=ReceiveMessage&QueueUrl=q&WaitTimeSeconds=20")] {
        let mut before = last_words(&server, &poll);
        let mut parked = Peer::of(&server);
        parked.send(&poll);
        let_it_work(&server);
        assert_eq!(server.waiting_receivers("q"), 1);
        parked.end();
        for peer in [&mut before, &mut parked] {
            let answer = peer.answer().ok();
            assert!(!answer.text().contains("Body"), "{}", answer.text());
            peer.assert_closed();
        }
        assert_eq!(server.waiting_receivers("q"), 0);
    }
    let mut peer = Peer::of(&server);
    peer.ask(send("still here")).ok();
    assert_eq!(received(&peer.ask(receive(0))), one("still here"));
}

#[test]
fn a_client_that_goes_away_behind_a_second_request_consumes_nothing() {
    let server = server();
    for next in [get("/health"), receive(20), b"P".to_vec(), vec![b'x'; READ_AHEAD_BYTES_MAX - 1]] {
        let mut gone = Peer::of(&server);
        gone.send([receive(20), next.clone()].concat());
        let_it_work(&server);
        assert_eq!(server.waiting_receivers("q"), 1);
        drop(gone);
        let_it_work(&server);
        assert_eq!(server.waiting_receivers("q"), 0, "{} bytes behind the poll", next.len());
        // The second request may also come while the poll is parked.
        let mut gone = Peer::of(&server);
        gone.send(receive(20));
        let_it_work(&server);
        gone.send(&next);
        let_it_work(&server);
        assert_eq!(server.waiting_receivers("q"), 1);
        drop(gone);
        let_it_work(&server);
        assert_eq!(server.waiting_receivers("q"), 0, "{} bytes behind the poll", next.len());
    }
    let mut peer = Peer::of(&server);
    peer.ask(send("still here")).ok();
    assert_eq!(received(&peer.ask(receive(0))), one("still here"));
}

#[test]
fn what_was_read_behind_a_parked_poll_is_answered_in_its_order() {
    let server = server();
    let mut peer = Peer::of(&server);
    peer.send(receive(20));
    let_it_work(&server);
    // More than is read ahead, in pieces that do not end where requests do.
    let many: Vec<u8> = (0..1000).flat_map(|n| get(&format!("/?Action=GetQueueUrl&QueueName=q{n}"))).collect();
    assert!(many.len() > 2 * READ_AHEAD_BYTES_MAX);
    for piece in many.chunks(10_007) {
        peer.send(piece);
        let_it_work(&server);
    }
    server.advance(Duration::from_secs(20));
    assert_eq!(received(&peer.answer()), []);
    for _ in 0..1000 {
        peer.answer().xml_error(400, "AWS.SimpleQueueService.NonExistentQueue");
    }
    peer.assert_open();
}
