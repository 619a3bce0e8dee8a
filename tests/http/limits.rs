//! Every limit on what comes in, and the answer beyond it: in SQS's shape, but for heads that are not read at all.

use crate::support::*;
use kew::NamespaceMode;
use kew::internals::broker::{Broker, BrokerOptions};
use kew::internals::control::Control;
use kew::internals::http::{
    BODY_BYTES_MAX_DEFAULT, HEAD_BYTES_HARD_MAX, HEADER_BYTES_MAX, HEADER_FIELDS_MAX, URL_BYTES_MAX,
};
use kew::internals::http::{HttpOptions, Running, Service};
use kew::internals::wire::{FORM_PAIRS_MAX, JSON_DEPTH_MAX};
use kew::{Clock, Server};
use std::net::TcpListener;
use std::sync::Arc;

/// A server that takes bodies of 1000 bytes.
fn small() -> Server {
    Server::builder().queue("q").manual_clock().body_bytes_max(1000).start().unwrap()
}

/// A ListQueues request in JSON whose body has exactly so many bytes.
fn list_of_length(bytes: usize) -> Vec<u8> {
    json("ListQueues", format!("{{{}}}", " ".repeat(bytes - 2)))
}

fn chunked(head: &[(&str, &str)], chunks: &[&[u8]]) -> Vec<u8> {
    let mut bytes = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n".to_vec();
    for (name, value) in head {
        bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    for chunk in chunks {
        bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    bytes
}

#[test]
fn a_declared_body_of_the_limit_is_taken_and_one_more_byte_is_not() {
    let server = small();
    let mut peer = Peer::of(&server);
    peer.ask(list_of_length(1000)).ok();
    peer.assert_open();
    let refused = peer.ask(list_of_length(1001));
    refused.json_error(413, "RequestEntityTooLargeException", "RequestEntityTooLarge");
    assert_eq!(refused.header("connection"), Some("close"));
    assert_eq!(refused.json()["message"], "The request body is longer than 1000 bytes.");
    peer.assert_closed();
}

#[test]
fn a_body_too_large_is_refused_in_the_protocol_it_was_sent_in() {
    let server = small();
    let body = format!("Action=ListQueues&QueueNamePrefix={}", "a".repeat(1000));
    let mut peer = Peer::of(&server);
    peer.ask(form(&body)).xml_error(413, "RequestEntityTooLarge");
    peer.assert_closed();
    let as_json = request("POST", "/", &[("Content-Type", FORM), ("Accept", "application/json")], &body);
    let answer = Peer::of(&server).ask(as_json);
    assert_eq!((answer.status, answer.header("content-type")), (413, Some("application/json")));
    assert_eq!(answer.json()["Error"]["Code"], "RequestEntityTooLarge");
}

#[test]
fn a_declared_body_too_large_is_refused_before_it_is_sent() {
    let server = small();
    let mut peer = Peer::of(&server);
    let request = list_of_length(100_000);
    peer.send(&request[..request.len() - 100_000]);
    peer.answer().json_error(413, "RequestEntityTooLargeException", "RequestEntityTooLarge");
}

#[test]
fn a_chunked_body_is_counted_as_it_comes() {
    let server = small();
    let head = [("Content-Type", AMZ_JSON), ("X-Amz-Target", "AmazonSQS.ListQueues")];
    let blank = [b' '; 249];
    let fits: Vec<&[u8]> = vec![b"{", &blank, &blank, &blank, &blank, b"}"];
    Peer::of(&server).ask(chunked(&head, &fits)).ok();
    let too_many: Vec<&[u8]> = vec![b"{", &blank, &blank, &blank, &blank, b"    }"];
    let mut peer = Peer::of(&server);
    peer.ask(chunked(&head, &too_many)).json_error(413, "RequestEntityTooLargeException", "RequestEntityTooLarge");
    peer.assert_closed();
    let form_head = [("Content-Type", FORM)];
    Peer::of(&server).ask(chunked(&form_head, &too_many)).xml_error(413, "RequestEntityTooLarge");
}

#[test]
fn a_client_that_sends_all_of_a_huge_body_still_reads_why_it_was_refused() {
    let server = small();
    for bytes in [list_of_length(8 * 1024 * 1024), chunked(&[], &vec![&[b' '; 65_536][..]; 128])] {
        let mut peer = Peer::of(&server);
        peer.send(bytes);
        peer.answer().json_error(413, "RequestEntityTooLargeException", "RequestEntityTooLarge");
    }
}

#[test]
fn the_default_limit_leaves_room_for_a_full_batch_in_escapes() {
    let server = server();
    let body = "\\u00e9".repeat(524_288);
    let send = format!(r#"{{"QueueUrl":"q","MessageBody":"{body}"}}"#);
    assert!(send.len() > 3 * 1024 * 1024 && BODY_BYTES_MAX_DEFAULT > 6 * 1_048_576);
    Peer::of(&server).ask(json("SendMessage", send)).ok();
}

#[test]
fn headers_too_long_are_refused_in_shape() {
    let server = server();
    let long = "x".repeat(HEADER_BYTES_MAX / 2);
    let half = [("X-A", long.as_str())];
    Peer::of(&server).ask(json_with("ListQueues", &half, "{}")).ok();
    let full = [("X-A", long.as_str()), ("X-B", &long)];
    let mut peer = Peer::of(&server);
    let answer = peer.ask(json_with("ListQueues", &full, "{}"));
    answer.json_error(431, "RequestHeaderFieldsTooLargeException", "RequestHeaderFieldsTooLarge");
    peer.assert_closed();
    let with_form = [("Content-Type", FORM), ("X-A", long.as_str()), ("X-B", &long)];
    let answer = Peer::of(&server).ask(request("POST", "/", &with_form, "Action=ListQueues"));
    answer.xml_error(431, "RequestHeaderFieldsTooLarge");
}

#[test]
fn a_head_beyond_all_bounds_is_refused_and_its_client_reads_so() {
    let server = server();
    let endless = format!("GET / HTTP/1.1\r\nHost: h\r\nX-A: {}", "x".repeat(40 * HEAD_BYTES_HARD_MAX));
    let mut peer = Peer::of(&server);
    peer.ask(endless).bare_error(431);
    peer.assert_closed_and_listened_to();
}

#[test]
fn a_url_of_the_limit_is_taken_and_one_more_byte_is_not() {
    let server = server();
    let of_length = |bytes: usize| {
        let begin = "/?Action=ListQueues&x=";
        format!("{begin}{}", "y".repeat(bytes - begin.len()))
    };
    let mut peer = Peer::of(&server);
    peer.ask(get(&of_length(URL_BYTES_MAX))).ok();
    for length in [URL_BYTES_MAX + 1, 70_000, 200_000, 400_000] {
        let mut peer = Peer::of(&server);
        peer.ask(get(&of_length(length))).bare_error(414);
        peer.assert_closed_and_listened_to();
    }
}

#[test]
fn url_and_headers_of_the_limit_are_taken_and_one_more_byte_is_not() {
    let server = server();
    let url = format!("/?Action=ListQueues&x={}", "y".repeat(40_000));
    let host_bytes = "hostdoor.internal:1234".len();
    let with = |bytes: usize| {
        let value = "z".repeat(bytes - url.len() - host_bytes - "x-a".len());
        request("GET", &url, &[("X-A", value.as_str())], "")
    };
    Peer::of(&server).ask(with(HEADER_BYTES_MAX)).ok();
    let answer = Peer::of(&server).ask(with(HEADER_BYTES_MAX + 1));
    answer.xml_error(431, "RequestHeaderFieldsTooLarge");
    assert!(answer.text().contains(&format!("longer than {HEADER_BYTES_MAX} bytes")), "{}", answer.text());
}

#[test]
fn too_many_headers_are_refused() {
    let server = server();
    let names: Vec<String> = (0..2 * HEADER_FIELDS_MAX).map(|n| format!("X-{n}")).collect();
    let headers = |count: usize| names[..count].iter().map(|name| (name.as_str(), "v")).collect::<Vec<_>>();
    // `Host` is one too.
    Peer::of(&server).ask(request("GET", "/health", &headers(HEADER_FIELDS_MAX - 1), "")).ok();
    for count in [HEADER_FIELDS_MAX, 2 * HEADER_FIELDS_MAX] {
        let mut peer = Peer::of(&server);
        peer.ask(request("GET", "/health", &headers(count), "")).bare_error(431);
        peer.assert_closed_and_listened_to();
    }
}

#[test]
fn a_connection_too_many_is_told_so_and_room_is_free_again_after_one_leaves() {
    let server = Server::builder().queue("q").manual_clock().connections_max(2).start().unwrap();
    let mut first = Peer::of(&server);
    let mut second = Peer::of(&server);
    first.assert_open();
    second.assert_open();
    for _ in 0..20 {
        let mut third = Peer::of(&server);
        // Clients do not wait before they send; the answer must reach them all the same.
        third.send_what_goes(json("ListQueues", "{}"));
        third.answer().json_error(503, "ServiceUnavailable", "ServiceUnavailable");
        third.assert_closed();
    }
    first.assert_open();
    drop(second);
    let freed = (0..10_000).any(|_| {
        let mut peer = Peer::of(&server);
        peer.send_what_goes(get("/health"));
        peer.answer().status == 200
    });
    assert!(freed, "the place of a connection that ended was not given to another");
    first.assert_open();
}

fn nested(depth: usize) -> String {
    // The object itself is the first level.
    format!(r#"{{"Unknown":{}{}}}"#, "[".repeat(depth - 1), "]".repeat(depth - 1))
}

#[test]
fn json_may_be_nested_to_a_limit_and_no_further() {
    let server = server();
    let mut peer = Peer::of(&server);
    peer.ask(json("ListQueues", nested(JSON_DEPTH_MAX))).ok();
    for depth in [JSON_DEPTH_MAX + 1, 1000, 1_000_000] {
        peer.ask(json("ListQueues", nested(depth))).json_error(400, "SerializationException", "MalformedInput");
    }
    let objects = format!("{}1{}", r#"{"a":"#.repeat(500_000), "}".repeat(500_000));
    peer.ask(json("SendMessage", objects)).json_error(400, "SerializationException", "MalformedInput");
    peer.assert_open();
}

#[test]
fn a_form_may_have_so_many_pairs_and_no_more() {
    let server = server();
    let mut peer = Peer::of(&server);
    let pairs = |count: usize| format!("Action=ListQueues{}", "&x=1".repeat(count - 1));
    peer.ask(form(pairs(FORM_PAIRS_MAX))).ok();
    peer.ask(form(pairs(FORM_PAIRS_MAX + 1))).xml_error(400, "MalformedInput");
    peer.ask(form(pairs(1_000_000))).xml_error(400, "MalformedInput");
    // Names too long to mean anything are ignored, like all that mean nothing.
    peer.ask(form(format!("Action=ListQueues&{}=1", "n".repeat(10_000)))).ok();
    peer.ask(form(format!("Action=ListQueues&A{}=1", ".1".repeat(100)))).ok();
    peer.assert_open();
}

#[test]
fn one_queue_more_than_there_may_be_is_refused_and_the_others_go_on() {
    let options = BrokerOptions { namespace: NamespaceMode::Aws, cooldowns: false, auto_create: true };
    let broker = Broker::new(options, Clock::manual()).queues_max(3);
    let service = Service::new(Control::of_broker(broker), HttpOptions { threads: 1, ..HttpOptions::default() });
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let server = Running::start(Arc::new(service), vec![listener]).unwrap();
    let mut peer = Peer::at(server.addresses()[0]);
    let create = |name: &str| json("CreateQueue", format!(r#"{{"QueueName":"{name}"}}"#));
    for name in ["a", "b", "c", "b"] {
        peer.ask(create(name)).ok();
    }
    let refused = peer.ask(create("d"));
    refused.json_error(403, "OverLimit", "OverLimit");
    assert_eq!(refused.json()["message"], "The maximum number of queues, 3, has been reached.");
    peer.ask(form("Action=CreateQueue&QueueName=d")).xml_error(403, "OverLimit");
    let send = |name: &str| json("SendMessage", format!(r#"{{"QueueUrl":"{name}","MessageBody":"x"}}"#));
    peer.ask(send("d")).json_error(403, "OverLimit", "OverLimit");
    peer.ask(create("a")).ok();
    peer.ask(send("a")).ok();
    peer.ask(json("DeleteQueue", r#"{"QueueUrl":"a"}"#)).ok();
    peer.ask(create("d")).ok();
    peer.ask(create("a")).json_error(403, "OverLimit", "OverLimit");
}
