//! The link against a node that is nothing but a socket: what is sent, which connections are used, and what is made of each way in
//! which an answer may not come.

use crate::node::{Accepted, ID, node, peer};
use bytes::Bytes;
use hyper::header::HeaderValue;
use hyper::http::request::Parts;
use hyper::{Request, Response};
use kew::internals::clock::NetworkTime;
use kew::internals::cluster::link::OUTCOMES;
use kew::internals::cluster::{Forwarded, Link, LinkError, NodeId, Peer};
use std::net::TcpListener;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const ME: NodeId = NodeId(11);
const SECRET: &str = "0123456789abcdef";

fn link() -> Link {
    Link::new(ME, SECRET, NetworkTime::manual())
}

fn parts() -> Parts {
    Request::post("/").header("host", "sqs.example:9324").body(()).unwrap().into_parts().0
}

async fn forward(link: &Link, to: &Peer, body: &str) -> Result<Response<Bytes>, LinkError> {
    let (parts, body) = (parts(), Bytes::copy_from_slice(body.as_bytes()));
    let leaves = AtomicBool::new(false);
    link.forward(to, for_client(&parts, &body, &leaves)).await
}

fn for_client<'a>(parts: &'a Parts, body: &'a Bytes, leaves: &'a AtomicBool) -> Forwarded<'a> {
    Forwarded { parts, body, client: None, port: 9324, secure: false, waited_ms: 0, leaves }
}

#[track_caller]
fn assert_unknown(outcome: Result<Response<Bytes>, LinkError>) {
    assert!(matches!(outcome, Err(LinkError::Unknown(_))), "{outcome:?}");
}

/// Waits for a thread while the runtime goes on, which thereby learns what has become of its sockets.
async fn joined<T: Send + 'static>(thread: std::thread::JoinHandle<T>) -> T {
    tokio::task::spawn_blocking(|| thread.join().unwrap()).await.unwrap()
}

#[tokio::test]
async fn a_request_arrives_as_it_came_and_its_answer_too() {
    let (peer, script) = node(|listener| {
        let mut client = Accepted::by(&listener);
        let request = client.request();
        client.send(
            "HTTP/1.1 400 Bad Request\r\nx-amzn-requestid: 7\r\ncontent-type: text/xml\r\nkeep-alive: timeout=5\r\n\
             connection: x-private\r\nx-private: 1\r\ncontent-length: 4\r\n\r\noops",
        );
        request
    });
    let request = Request::post("/000000000000/q?a=%20b&c")
        .header("host", "sqs.example:9324")
        .header("authorization", "AWS4-HMAC-SHA256 Credential=a")
        .header("x-twice", "1")
        .header("x-twice", "2")
        .header("connection", "keep-alive, X-Hop")
        .header("x-hop", "1")
        .header("transfer-encoding", "chunked")
        .header("expect", "100-continue")
        .header("te", "trailers")
        .header("upgrade", "h2c")
        .header("kew-fault", "latency")
        .header("kew-client", "10.0.0.1:1")
        .header("kew-waited-ms", "9")
        .header("kew-token", "mine")
        .body(());
    let (parts, ()) = request.unwrap().into_parts();
    let body = Bytes::from_static(b"Action=ListQueues");
    let client = Some("192.0.2.1:5000".parse().unwrap());
    let leaves = AtomicBool::new(false);
    let request =
        Forwarded { parts: &parts, body: &body, client, port: 4566, secure: true, waited_ms: 1500, leaves: &leaves };
    let link = link();
    let answer = link.forward(&peer, request).await.unwrap();
    let headers: Vec<_> =
        answer.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    assert_eq!((answer.status().as_u16(), &answer.body()[..]), (400, &b"oops"[..]));
    assert_eq!(headers, [("x-amzn-requestid", "7"), ("content-type", "text/xml")]);

    let (mut head, body) = joined(script).await;
    assert_eq!(
        (head.remove(0).as_str(), body.as_str()),
        ("POST /000000000000/q?a=%20b&c HTTP/1.1", "Action=ListQueues")
    );
    let token = head.iter().find_map(|line| line.strip_prefix("kew-token: ")).unwrap().to_owned();
    assert!(Link::new(ID, SECRET, NetworkTime::manual()).is_of(ME, &token) && !link.is_of(ME, &token));
    head.retain(|line| !line.starts_with("kew-token"));
    head.sort();
    let expected = [
        "authorization: AWS4-HMAC-SHA256 Credential=a",
        "content-length: 17",
        "host: sqs.example:9324",
        "kew-client: 192.0.2.1:5000",
        "kew-fault: latency",
        "kew-from: 11",
        "kew-port: 4566",
        "kew-secure: 1",
        "kew-waited-ms: 1500",
        "x-twice: 1",
        "x-twice: 2",
    ];
    assert_eq!(head, expected);
}

#[tokio::test]
async fn one_connection_serves_one_request_after_the_other() {
    let (peer, script) = node(|listener| {
        let mut client = Accepted::by(&listener);
        for _ in 0..3 {
            let (_, body) = client.request();
            client.answer(&body);
        }
        client.assert_ends();
    });
    let link = link();
    for body in ["a", "b", "c"] {
        assert_eq!(forward(&link, &peer, body).await.unwrap().body(), body);
    }
    drop(link);
    joined(script).await;
}

#[tokio::test]
async fn requests_at_one_time_have_connections_of_their_own() {
    let (peer, script) = node(|listener| {
        let mut clients = [Accepted::by(&listener), Accepted::by(&listener)];
        let bodies: Vec<_> = clients.iter_mut().map(|client| client.request().1).collect();
        clients.iter_mut().zip(bodies).for_each(|(client, body)| client.answer(&body));
        // Both are kept.
        let mut bodies: Vec<_> = clients.iter_mut().map(|client| client.request().1).collect();
        bodies.sort();
        assert_eq!(bodies, ["c", "d"]);
        clients.iter_mut().for_each(|client| client.answer(""));
    });
    let link = link();
    for [one, other] in [["a", "b"], ["c", "d"]] {
        let (one, other) = tokio::join!(forward(&link, &peer, one), forward(&link, &peer, other));
        assert!(one.is_ok() && other.is_ok(), "{one:?} {other:?}");
    }
    joined(script).await;
}

#[tokio::test]
async fn who_does_not_listen_has_carried_out_nothing() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    assert_eq!(forward(&link(), &peer(port), "a").await.unwrap_err(), LinkError::Refused);
    let nowhere = Peer { id: ID, url: "http://no-such-host.invalid:1".into() };
    let outcome = forward(&link(), &nowhere, "a").await;
    assert!(matches!(outcome, Err(LinkError::NotSent(_))), "{outcome:?}");
}

#[tokio::test]
async fn a_kept_connection_that_has_ended_is_replaced() {
    for closes in [true, false] {
        let (peer, script) = node(move |listener| {
            let mut client = Accepted::by(&listener);
            client.request();
            // Said to end with the answer, or not said.
            let head = if closes { "HTTP/1.1 200 OK\r\nconnection: close" } else { "HTTP/1.1 200 OK" };
            client.send(format!("{head}\r\ncontent-length: 0\r\n\r\n"));
            drop(client);
            listener
        });
        let link = link();
        forward(&link, &peer, "a").await.unwrap();
        let listener = joined(script).await;
        let script = std::thread::spawn(move || {
            let mut client = Accepted::by(&listener);
            let (_, body) = client.request();
            client.answer(&body);
        });
        assert_eq!(forward(&link, &peer, "b").await.unwrap().body(), "b");
        joined(script).await;
    }
}

#[tokio::test]
async fn what_becomes_of_a_request_whose_connection_breaks_is_not_known() {
    let answers =
        ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf", "SSH-2.0-OpenSSH\r\n"];
    for answer in answers {
        let (peer, script) = node(move |listener| {
            let mut client = Accepted::by(&listener);
            client.request();
            client.send(answer);
        });
        assert_unknown(forward(&link(), &peer, "a").await);
        joined(script).await;
    }
    // Before it was read.
    let (peer, script) = node(|listener| drop(Accepted::by(&listener)));
    let outcome = forward(&link(), &peer, "a").await;
    assert!(matches!(outcome, Err(LinkError::Unknown(_) | LinkError::NotSent(_))), "{outcome:?}");
    joined(script).await;
}

#[tokio::test]
async fn a_kept_connection_that_breaks_under_a_request_is_not_tried_again() {
    let (peer, script) = node(|listener| {
        let mut client = Accepted::by(&listener);
        client.request();
        client.answer("");
        client.request();
        drop(client);
        listener
    });
    let link = link();
    forward(&link, &peer, "a").await.unwrap();
    assert_unknown(forward(&link, &peer, "b").await);
    let listener = joined(script).await;
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_err(), "the request was sent once more");
}

#[tokio::test]
async fn only_a_node_can_say_that_a_request_is_not_for_it() {
    let marked = "kew-outcome: not-for-me\r\ncontent-length: 0\r\n\r\n";
    for (answer, expected) in [
        (format!("HTTP/1.1 421 Misdirected Request\r\n{marked}"), Err(LinkError::NotThere)),
        (format!("HTTP/1.1 403 Forbidden\r\n{marked}"), Err(LinkError::Refused)),
        // Answers of SQS, or a fault that somebody wanted.
        ("HTTP/1.1 421 Misdirected Request\r\ncontent-length: 0\r\n\r\n".to_owned(), Ok(421)),
        ("HTTP/1.1 403 Forbidden\r\nkew-outcome: AccessDenied\r\ncontent-length: 0\r\n\r\n".to_owned(), Ok(403)),
    ] {
        let (peer, script) = node(move |listener| {
            let mut client = Accepted::by(&listener);
            for _ in 0..2 {
                client.request();
                client.send(&answer);
            }
        });
        let link = link();
        // It is an answer: the connection is kept.
        for _ in 0..2 {
            let outcome = forward(&link, &peer, "a").await.map(|answer| answer.status().as_u16());
            assert_eq!(outcome, expected);
        }
        joined(script).await;
    }
}

#[tokio::test]
async fn an_answer_that_is_too_long_is_none() {
    let (peer, script) = node(|listener| {
        let mut client = Accepted::by(&listener);
        client.request();
        client.send("HTTP/1.1 200 OK\r\ncontent-length: 200000000\r\n\r\nx");
        client.assert_ends();
    });
    let outcome = forward(&link(), &peer, "a").await;
    assert!(matches!(&outcome, Err(LinkError::Unknown(why)) if why.contains("longer than")), "{outcome:?}");
    joined(script).await;
}

#[tokio::test]
async fn who_does_not_wait_any_longer_ends_the_connection() {
    let (peer, script) = node(|listener| {
        let mut client = Accepted::by(&listener);
        client.request();
        // Half of an answer does not change it.
        client.send("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf");
        client
    });
    let link = link();
    let waiting = forward(&link, &peer, "a");
    let client = tokio::select! {
        outcome = waiting => panic!("{outcome:?}"),
        client = joined(script) => client,
    };
    joined(std::thread::spawn(|| client.assert_ends())).await;
}

#[tokio::test]
async fn a_node_hears_that_the_client_leaves_and_its_answer_comes_all_the_same() {
    let (to_test, mut has_begun) = tokio::sync::mpsc::unbounded_channel();
    let (peer, script) = node(move |listener| {
        let mut client = Accepted::by(&listener);
        client.request();
        to_test.send(()).unwrap();
        client.assert_says_no_more();
        client.answer("what was handed over");
        // Nothing more can be said over that connection.
        let mut other = Accepted::by(&listener);
        other.request();
        other.answer("");
        client.assert_ends();
    });
    let link = link();
    let (parts, body, leaves) = (parts(), Bytes::new(), AtomicBool::new(false));
    let mut exchange = pin!(link.forward(&peer, for_client(&parts, &body, &leaves)));
    tokio::select! {
        outcome = &mut exchange => panic!("{outcome:?}"),
        _ = has_begun.recv() => {}
    }
    leaves.store(true, Ordering::Relaxed);
    assert_eq!(exchange.await.unwrap().body(), "what was handed over");
    assert_eq!(forward(&link, &peer, "next").await.unwrap().body(), "");
    joined(script).await;
}

#[tokio::test]
async fn a_node_is_told_which_messages_were_not_delivered() {
    let (peer, thread) = node(|listener| {
        let mut accepted = Accepted::by(&listener);
        let (head, _) = accepted.request();
        accepted.send("HTTP/1.1 204 No Content\r\n\r\n");
        accepted.request();
        accepted.send("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
        head
    });
    let link = link();
    let handles = HeaderValue::from_static("AQEB1,AQEB2");
    assert_eq!(link.back(&peer, handles.clone()).await, Ok(()));
    let error = link.back(&peer, handles).await.unwrap_err();
    assert!(matches!(&error, LinkError::Unknown(why) if why.contains("404")), "{error}");
    let head = joined(thread).await;
    assert_eq!(head[0], "POST /_kew/peer/back HTTP/1.1");
    assert!(head.iter().any(|line| line == "kew-received: AQEB1,AQEB2"), "{head:?}");
    assert_eq!(link.forwarded(), [0; 4], "none of it was a client's");
}

#[tokio::test]
async fn an_exchange_with_a_node_that_is_gone_ends() {
    let (peer, script) = node(|listener| {
        let mut client = Accepted::by(&listener);
        client.request();
        client
    });
    let link = link();
    let ends = async {
        let client = joined(script).await;
        link.gone(NodeId(3));
        // The exchange is as it was.
        tokio::task::yield_now().await;
        link.gone(ID);
        client
    };
    let (outcome, client) = tokio::join!(forward(&link, &peer, "a"), ends);
    assert_eq!(outcome.unwrap_err(), LinkError::Unknown("it is gone".to_owned()));
    joined(std::thread::spawn(|| client.assert_ends())).await;
}

#[tokio::test]
async fn a_connection_that_is_not_used_for_long_is_closed() {
    for by_tidying in [true, false] {
        let (peer, script) = node(|listener| {
            let mut client = Accepted::by(&listener);
            for _ in 0..2 {
                client.request();
                client.answer("");
            }
            client.assert_ends();
            let mut client = Accepted::by(&listener);
            client.request();
            client.answer("");
        });
        let time = NetworkTime::manual();
        let link = Link::new(ME, SECRET, time.clone());
        forward(&link, &peer, "a").await.unwrap();
        time.advance(Duration::from_secs(29));
        link.tidy();
        forward(&link, &peer, "still there").await.unwrap();
        time.advance(Duration::from_secs(30));
        if by_tidying {
            link.tidy();
        }
        forward(&link, &peer, "b").await.unwrap();
        joined(script).await;
    }
}

#[tokio::test]
async fn a_connection_that_cannot_be_made_is_waited_for_only_so_long() {
    // Nobody accepts, and there is no room for one more to wait.
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&"127.0.0.1:0".parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap();
    let waiting: Vec<_> = (0..8)
        .map(|_| {
            let client = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
            client.set_nonblocking(true).unwrap();
            let _ = client.connect(&address);
            client
        })
        .collect();
    let time = NetworkTime::manual();
    let link = Link::new(ME, SECRET, time.clone());
    let to = peer(address.as_socket().unwrap().port());
    let passes = async {
        tokio::task::yield_now().await;
        time.advance(Duration::from_secs(2));
    };
    let (outcome, ()) = tokio::join!(forward(&link, &to, "a"), passes);
    assert!(matches!(outcome, Err(LinkError::NotSent(_))), "{outcome:?}");
    drop(waiting);
}

#[tokio::test]
async fn a_node_is_told_that_something_has_changed() {
    let (peer, script) = node(|listener| {
        let mut client = Accepted::by(&listener);
        let mut lines = Vec::new();
        for status in ["204 No Content", "500 Oops"] {
            lines.push(client.request().0.remove(0));
            client.send(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n"));
        }
        client.request();
        (lines, client)
    });
    let time = NetworkTime::manual();
    let link = Link::new(ME, SECRET, time.clone());
    link.look(&peer).await.unwrap();
    assert!(matches!(link.look(&peer).await, Err(LinkError::Unknown(why)) if why.contains("500")));
    // And not waited for without end.
    let passes = async {
        let told = joined(script).await;
        time.advance(Duration::from_secs(2));
        told
    };
    let (outcome, (lines, _client)) = tokio::join!(link.look(&peer), passes);
    assert!(matches!(outcome, Err(LinkError::Unknown(_))), "{outcome:?}");
    assert_eq!(lines, ["POST /_kew/peer/look HTTP/1.1"; 2]);
}

#[tokio::test]
async fn a_node_is_told_to_give_a_queue_away_and_says_why_it_does_not() {
    let (peer, thread) = node(|listener| {
        let mut accepted = Accepted::by(&listener);
        let (head, body) = accepted.request();
        accepted.send("HTTP/1.1 204 No Content\r\n\r\n");
        accepted.request();
        accepted.send("HTTP/1.1 409 Conflict\r\ncontent-length: 10\r\n\r\nnot at all");
        accepted.request();
        accepted.send("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
        (head, body)
    });
    let link = link();
    assert_eq!(link.give(&peer, 7, NodeId(8)).await, Ok(()));
    assert_eq!(link.give(&peer, 7, NodeId(8)).await, Err("not at all".to_owned()));
    let error = link.give(&peer, 7, NodeId(8)).await.unwrap_err();
    assert!(error.contains("404"), "{error}");
    let (head, body) = joined(thread).await;
    assert_eq!((head[0].as_str(), body.as_str()), ("POST /_kew/peer/give?uid=7&node=8 HTTP/1.1", ""));
    assert!(head.iter().any(|line| line.starts_with("kew-token: ")), "{head:?}");
    assert_eq!(link.forwarded(), [0; 4], "none of it was a client's");
}

#[tokio::test]
async fn what_became_of_requests_is_counted() {
    let (peer, thread) = node(|listener| {
        let mut accepted = Accepted::by(&listener);
        accepted.request();
        accepted.answer("one");
        accepted.request();
        accepted.send("HTTP/1.1 421 Misdirected Request\r\nkew-outcome: not-for-me\r\ncontent-length: 0\r\n\r\n");
        accepted.request();
    });
    let link = link();
    assert_eq!(forward(&link, &peer, "").await.unwrap().body(), "one");
    assert_eq!(forward(&link, &peer, "").await.unwrap_err(), LinkError::NotThere);
    assert_unknown(forward(&link, &peer, "").await);
    joined(thread).await;
    // Nobody listens there any more.
    assert_eq!(forward(&link, &peer, "").await.unwrap_err(), LinkError::Refused);
    let counted: Vec<_> = OUTCOMES.into_iter().zip(link.forwarded()).collect();
    assert_eq!(counted, [("answered", 1), ("not_there", 1), ("unreachable", 1), ("unknown", 1)]);
    link.gave_up();
    assert_eq!(link.forwarded()[3], 2);
}
