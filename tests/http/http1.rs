//! What HTTP/1.1 allows a client to do, and this server therefore bears.

use crate::support::*;

const EXPECT: [(&str, &str); 1] = [("Expect", "100-continue")];

#[test]
fn a_client_that_waits_to_be_told_to_continue_is_told() {
    let server = server();
    let mut peer = Peer::of(&server);
    let message = json_with(
        "SendMessage",
        &EXPECT,
        serde_json::json!({"QueueUrl": "q", "MessageBody": "x".repeat(300_000)}).to_string(),
    );
    let body_at = message.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4;
    peer.send(&message[..body_at]);
    assert_eq!(peer.answer().status, 100);
    peer.send(&message[body_at..]).answer().ok();
    assert_eq!(received(&peer.ask(receive(0)))[0].0.len(), 300_000);
}

#[test]
fn a_body_that_is_too_large_is_not_asked_for() {
    let server = kew::Server::builder().manual_clock().body_bytes_max(100).start().unwrap();
    let mut peer = Peer::of(&server);
    let message = json_with("SendMessage", &EXPECT, "x".repeat(101));
    peer.send(&message[..message.len() - 101]);
    peer.answer().json_error(413, "RequestEntityTooLargeException", "RequestEntityTooLarge");
    peer.assert_closed();
}

#[test]
fn a_connection_is_closed_when_the_client_says_so() {
    let server = server();
    let mut peer = Peer::of(&server);
    peer.assert_open();
    let answer = peer.ask(json_with("ListQueues", &[("Connection", "close")], "{}")).ok();
    assert_eq!(answer.header("connection"), Some("close"));
    peer.assert_closed();
}

#[test]
fn http_1_0_is_answered_and_closed_or_kept_as_asked() {
    let server = server();
    let mut peer = Peer::of(&server);
    let answer = peer.ask("GET /?Action=ListQueues HTTP/1.0\r\n\r\n").ok();
    assert_eq!(answer.version, "HTTP/1.0");
    peer.assert_closed();
    let mut peer = Peer::of(&server);
    for _ in 0..2 {
        let answer = peer.ask("GET /?Action=ListQueues HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").ok();
        assert_eq!(answer.header("connection"), Some("keep-alive"));
    }
    let form = "POST / HTTP/1.0\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 17\r\n\r\n";
    Peer::of(&server).ask(format!("{form}Action=ListQueues")).ok();
}

#[test]
fn requests_in_one_write_are_answered_in_their_order() {
    let server = server();
    let mut peer = Peer::of(&server);
    let mut all = Vec::new();
    for n in 0..50 {
        all.extend(send(&format!("message {n}")));
        all.extend(form("Action=Bogus"));
        all.extend(get("/health"));
    }
    peer.send(all);
    for _ in 0..50 {
        assert!(peer.answer().ok().json()["MessageId"].is_string());
        peer.answer().xml_error(400, "InvalidAction");
        assert_eq!(peer.answer().ok().text(), "ok\n");
    }
    let mut bodies = Vec::new();
    while bodies.len() < 50 {
        bodies.extend(received(&peer.ask(receive(0))).into_iter().map(|(body, _)| body));
    }
    assert_eq!(bodies, (0..50).map(|n| format!("message {n}")).collect::<Vec<_>>());
}

#[test]
fn what_follows_good_requests_may_be_garbage() {
    let server = server();
    let mut peer = Peer::of(&server);
    peer.send([send("a"), b"garbage\r\n\r\n".to_vec()].concat());
    peer.answer().ok();
    peer.answer().bare_error(400);
    peer.assert_closed();
}

fn chunked(chunks: &str) -> String {
    format!(
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Type: {AMZ_JSON}\r\nX-Amz-Target: AmazonSQS.SendMessage\r\n\
         Transfer-Encoding: chunked\r\n\r\n{chunks}"
    )
}

#[test]
fn bodies_may_come_in_chunks() {
    let server = server();
    let mut peer = Peer::of(&server);
    // {"QueueUrl":"q","MessageBody":"in chunks"} with an extension, upper-case sizes and a trailer.
    let body = r#"{"QueueUrl":"q","MessageBody":"in chunks"}"#;
    let (a, b) = body.split_at(11);
    let request = chunked(&format!("{:X};x=1\r\n{a}\r\n{:X}\r\n{b}\r\n0\r\nX-Trailer: 1\r\n\r\n", a.len(), b.len()));
    peer.ask(request).ok();
    let one_by_one: String = body.chars().map(|c| format!("1\r\n{c}\r\n")).collect();
    peer.ask(chunked(&format!("{one_by_one}0\r\n\r\n"))).ok();
    let bodies: Vec<_> = received(&peer.ask(receive(0))).into_iter().map(|(body, _)| body).collect();
    assert_eq!(bodies, ["in chunks", "in chunks"]);
}

#[test]
fn a_broken_chunk_is_an_error_in_shape_and_ends_the_connection() {
    let server = server();
    for chunks in ["zz\r\n", "5\r\nabcdefgh\r\n0\r\n\r\n", "ffffffffffffffffff\r\n"] {
        let mut peer = Peer::of(&server);
        let answer = peer.ask(chunked(chunks));
        answer.json_error(400, "SerializationException", "MalformedInput");
        peer.assert_closed();
    }
}

#[test]
fn a_request_may_leave_out_its_content_type() {
    let server = server();
    let mut peer = Peer::of(&server);
    let xml = peer.ask(request("POST", "/", &[], "Action=GetQueueUrl&QueueName=q")).ok();
    assert_eq!(xml.header("content-type"), Some("text/xml"));
    let target = [("X-Amz-Target", "AmazonSQS.GetQueueUrl")];
    let json = peer.ask(request("POST", "/", &target, r#"{"QueueName":"q"}"#)).ok();
    assert_eq!(json.header("content-type"), Some(AMZ_JSON));
    let nothing = peer.ask(request("POST", "/", &[], ""));
    assert_eq!((nothing.status, nothing.text()), (404, "<UnknownOperationException/>"));
}

#[test]
fn answers_are_never_compressed() {
    let server = server();
    let mut peer = Peer::of(&server);
    for accepted in ["gzip", "gzip, deflate, br, zstd", "identity", "*", "identity;q=0, gzip"] {
        let answer = peer.ask(json_with("ListQueues", &[("Accept-Encoding", accepted)], "{}")).ok();
        assert_eq!(answer.header("content-encoding"), None);
        assert!(answer.json()["QueueUrls"].is_array());
    }
    for accepted in ["*/*", "application/xml", "nonsense;;;=,", ""] {
        peer.ask(json_with("ListQueues", &[("Accept", accepted)], "{}")).ok().json();
    }
}

#[test]
fn head_has_the_headers_of_get_and_no_body() {
    let server = server();
    let mut peer = Peer::of(&server);
    for target in ["/", "/health", "/_localstack/health", "/nowhere", "/000000000000/q"] {
        let with_body = peer.ask(get(target));
        peer.send(request("HEAD", target, &[], ""));
        let without = peer.answer_without_body();
        assert_eq!(without.status, with_body.status, "{target}");
        for name in ["content-type", "content-length"] {
            assert_eq!(without.header(name), with_body.header(name), "{target} {name}");
        }
    }
    peer.assert_open();
}

#[test]
fn head_is_no_action() {
    let server = server();
    let mut peer = Peer::of(&server);
    peer.ask(send("still here")).ok();
    for target in ["/?Action=CreateQueue&QueueName=x", "/000000000000/q?Action=PurgeQueue", "/?Action=ListQueues"] {
        for headers in [&[][..], &[("Content-Type", FORM)]] {
            peer.send(request("HEAD", target, headers, ""));
            assert_eq!(peer.answer_without_body().status, 404, "{target}");
        }
    }
    let queues = peer.ask(json("ListQueues", "{}")).json();
    assert_eq!(queues["QueueUrls"].as_array().map(Vec::len), Some(1), "{queues}");
    assert_eq!(received(&peer.ask(receive(0))), [("still here".to_owned(), "1".to_owned())]);
}

#[test]
fn options_of_nobody_in_particular_and_odd_methods_are_not_found() {
    let server = server();
    let mut peer = Peer::of(&server);
    for method in ["OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "BREW"] {
        let answer = peer.ask(request(method, "/?Action=ListQueues", &[("Content-Type", FORM)], ""));
        assert_eq!((answer.status, answer.text()), (404, "<UnknownOperationException/>"), "{method}");
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    let answer = peer.ask(request("OPTIONS", "*", &[], ""));
    assert_eq!(answer.status, 404);
    let answer = peer.send(request("CONNECT", "h:1", &[], "")).answer_or_end();
    assert!(answer.is_none_or(|answer| answer.status == 404 || answer.status == 400));
}

#[test]
fn a_connection_serves_a_thousand_requests() {
    let server = server();
    let mut peer = Peer::of(&server);
    let mut ids = std::collections::HashSet::new();
    for n in 0..1000 {
        let answer = match n % 4 {
            0 => peer.ask(send("one of many")),
            1 => peer.ask(receive(0)),
            2 => peer.ask(form("Action=GetQueueUrl&QueueName=q")),
            _ => peer.ask(get("/?Action=ListQueues")),
        };
        ids.insert(answer.ok().header("x-amzn-requestid").unwrap().to_owned());
    }
    assert_eq!(ids.len(), 1000);
}

#[test]
fn a_request_may_come_byte_by_byte() {
    let server = server();
    let mut peer = Peer::of(&server);
    for request in [send("slowly"), form("Action=SendMessage&QueueUrl=q&MessageBody=slowly")] {
        for byte in &request {
            peer.send([*byte]);
        }
        peer.answer().ok();
    }
    assert_eq!(received(&peer.ask(receive(0))).len(), 2);
}

#[test]
fn an_absolute_request_target_is_its_path_and_its_host() {
    let server = server();
    let answer = Peer::of(&server).ask(get("http://elsewhere:7/?Action=GetQueueUrl&QueueName=q")).ok();
    assert!(answer.text().contains("http://elsewhere:7/000000000000/q"), "{}", answer.text());
}

#[test]
fn every_answer_has_its_length_date_and_id() {
    let server = server();
    let mut peer = Peer::of(&server);
    for request in [json("ListQueues", "{}"), form("Action=ListQueues"), json("Bogus", "{}"), form("Action=Bogus")] {
        let answer = peer.ask(request);
        assert!(answer.header("date").is_some_and(|date| date.ends_with(" GMT")), "{answer:?}");
        assert_eq!(answer.header("x-amzn-requestid").map(str::len), Some(36));
        assert_eq!(answer.header("content-length"), Some(&*answer.body.len().to_string()));
        assert_eq!(answer.header("transfer-encoding"), None);
    }
}
