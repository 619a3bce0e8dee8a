//! Random bytes on a socket: each time an answer in shape, a bare refusal of what is not HTTP, or the end of the connection. Never a
//! hang, never 500.

use crate::support::*;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Connections that are tried.
const ROUNDS: u64 = 600;

/// Pieces of requests, so that garbage gets further than the first byte.
const PIECES: &[&[u8]] = &[
    b"GET ",
    b"POST ",
    b"/",
    b"/?Action=ListQueues",
    b" HTTP/1.1\r\n",
    b" HTTP/1.0\r\n",
    b" HTTP/9.9\r\n",
    b"\r\n",
    b"\r\n\r\n",
    b"\n",
    b"Host: h\r\n",
    b"Content-Length: 5\r\n",
    b"Content-Length: 99999999999999999999\r\n",
    b"Content-Length: -1\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: gzip\r\n",
    b"Content-Type: application/x-amz-json-1.0\r\n",
    b"Content-Type: application/x-www-form-urlencoded\r\n",
    b"X-Amz-Target: AmazonSQS.SendMessage\r\n",
    b"Expect: 100-continue\r\n",
    b"Connection: close\r\n",
    b"Connection: upgrade\r\nUpgrade: websocket\r\n",
    b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"5\r\nhello\r\n",
    b"0\r\n\r\n",
    b"{\"QueueUrl\":\"q\"}",
    b"Action=SendMessage&QueueUrl=q&MessageBody=%00",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"\0",
    b"\xff\xfe",
    b" : ",
    b"x: y\r\n z\r\n",
];

fn garbage(random: &mut fastrand::Rng) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..random.usize(1..20) {
        if random.u8(..4) == 0 {
            bytes.extend((0..random.usize(..64)).map(|_| random.u8(..)));
        } else {
            bytes.extend_from_slice(PIECES[random.usize(..PIECES.len())]);
        }
    }
    bytes
}

fn check(answer: &Answer) {
    assert_ne!(answer.status, 500, "{answer:?}");
    if answer.header("content-type").is_none() && answer.status != 100 {
        assert!(matches!(answer.status, 400 | 414 | 431), "{answer:?}");
        answer.bare_error(answer.status);
        return;
    }
    let known = match answer.header("content-type") {
        Some("text/xml") => answer.text().starts_with('<'),
        Some("application/x-amz-json-1.0") => answer.body.is_empty() || answer.json().is_object(),
        Some("application/json") => answer.json().is_object(),
        Some("text/plain") => answer.status == 200,
        None => answer.status == 100,
        Some(_) => false,
    };
    assert!(known, "{answer:?}");
    if answer.status >= 400 && answer.status != 404 {
        assert!(answer.text().contains("__type") || answer.text().contains("<Code>"), "{answer:?} {}", answer.text());
    }
}

#[test]
fn garbage_is_answered_in_shape_or_refused() {
    let server = server();
    for seed in 0..ROUNDS {
        let bytes = garbage(&mut fastrand::Rng::with_seed(seed));
        let tried = catch_unwind(AssertUnwindSafe(|| {
            let mut peer = Peer::of(&server);
            peer.send_what_goes(&bytes);
            peer.end();
            let mut answers = 0;
            while let Some(answer) = peer.answer_or_end() {
                check(&answer);
                answers += 1;
                assert!(answers <= 100, "more answers than there can be requests");
            }
        }));
        assert!(tried.is_ok(), "seed {seed}: {:?}", String::from_utf8_lossy(&bytes));
    }
    Peer::of(&server).assert_open();
}

#[test]
fn what_is_not_http_is_refused() {
    let server = server();
    for bytes in [
        "garbage\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "GET / HTTP/1.1\r\nno colon\r\n\r\n",
        "G@T / HTTP/1.1\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "\0\0\0\0\r\n\r\n",
        "\u{16}\u{3}\u{1}\u{2}\0",
        "PRI * HTTP/2.0\r\n\r\n",
    ] {
        let mut peer = Peer::of(&server);
        peer.ask(bytes).bare_error(400);
        peer.assert_closed();
    }
}

#[test]
fn a_client_that_sends_a_lot_of_what_is_not_http_reads_that_it_is_not() {
    let server = server();
    let mut bytes = b"garbage\r\n\r\n".to_vec();
    // More than any system keeps for a socket that nobody reads.
    bytes.resize(20_000_000, b'x');
    let mut peer = Peer::of(&server);
    peer.ask(&bytes).bare_error(400);
    peer.assert_closed_and_listened_to();
    // Behind a request that was answered, too.
    let mut peer = Peer::of(&server);
    peer.assert_open();
    peer.ask(&bytes).bare_error(400);
    peer.assert_closed_and_listened_to();
}

#[test]
fn http_2_is_told_that_it_is_not_spoken_here() {
    let server = server();
    // What a client of HTTP/2 begins with, and an empty SETTINGS frame.
    let mut peer = Peer::of(&server);
    let answer = peer.ask("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u{4}\0\0\0\0\0");
    answer.json_error(400, "SerializationException", "MalformedInput");
    assert_eq!(answer.json()["message"], "HTTP/2 is not spoken here, only HTTP/1.1.");
    assert_eq!(answer.header("connection"), Some("close"));
    peer.assert_closed();
}
