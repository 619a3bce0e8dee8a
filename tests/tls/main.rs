//! TLS at an embedded server, with a client of rustls: certificates, handshakes, policies that ask for it, and clients that go.

mod certificates;
mod client;
mod handshakes;
mod long_polls;
mod policies;
#[path = "../support/mod.rs"]
mod support;

use client::{Client, trusting};
use kew::Server;
use support::*;

/// A server with a queue `q`, by TLS and, for what has to be seen of it from outside, by plain HTTP.
pub fn both() -> kew::ServerBuilder {
    let free = "127.0.0.1:0".parse().unwrap();
    Server::builder().queue("q").manual_clock().listen(free).tls_listen(free).tls_self_signed()
}

#[test]
fn a_message_comes_and_goes_in_both_versions() {
    let server = both().start().unwrap();
    for version in [&tokio_rustls::rustls::version::TLS13, &tokio_rustls::rustls::version::TLS12] {
        let mut client = Client::connect(&server, "localhost", trusting(&server, &[version]));
        // More than one record, and more than the socket takes at once.
        let body = "x".repeat(900_000);
        let sent = serde_json::json!({"QueueUrl": "q", "MessageBody": body}).to_string();
        assert_eq!(client.ask(json("SendMessage", sent)).status, 200);
        let answer = client.ask(json("ReceiveMessage", r#"{"QueueUrl":"q","VisibilityTimeout":0}"#)).ok();
        assert_eq!(answer.json()["Messages"][0]["Body"], body);
        let handle = &answer.json()["Messages"][0]["ReceiptHandle"];
        let members = serde_json::json!({"QueueUrl": "q", "ReceiptHandle": handle}).to_string();
        client.ask(json("DeleteMessage", members)).ok();
        assert_eq!(client.protocol(), Some(&b"http/1.1"[..]));
    }
}

#[test]
fn queue_urls_say_how_the_client_came() {
    let server = both().start().unwrap();
    let url = |answer: Answer| answer.ok().json()["QueueUrl"].as_str().unwrap().to_owned();
    let mut client = Client::connect(&server, "localhost", trusting(&server, &[]));
    let ask = || json("GetQueueUrl", r#"{"QueueName":"q"}"#);
    assert_eq!(url(client.ask(ask())), "https://door.internal:1234/000000000000/q");
    assert_eq!(url(Peer::of(&server).ask(ask())), "http://door.internal:1234/000000000000/q");
    // A proxy before it says how the client came to the proxy.
    let by_proxy = |proto| json_with("GetQueueUrl", &[("X-Forwarded-Proto", proto)], r#"{"QueueName":"q"}"#);
    assert_eq!(url(client.ask(by_proxy("http"))), "http://door.internal:1234/000000000000/q");
    // Without a port it is that of the listener.
    let bare = request_to(
        "kew",
        "POST",
        "/",
        &[("Content-Type", AMZ_JSON), ("X-Amz-Target", "AmazonSQS.GetQueueUrl")],
        r#"{"QueueName":"q"}"#,
    );
    let port = server.addresses()[1].port();
    assert_eq!(url(client.ask(bare)), format!("https://kew:{port}/000000000000/q"));
}

#[test]
fn every_address_speaks_tls_unless_some_are_named() {
    let server = Server::builder().queue("q").tls_self_signed().start().unwrap();
    assert!(server.endpoint_url().starts_with("https://127.0.0.1:"), "{}", server.endpoint_url());
    assert_eq!(server.tls_endpoint_url().as_deref(), Some(server.endpoint_url()));
    assert!(server.queue_url("q").starts_with("https://"));
    let server = both().start().unwrap();
    assert!(server.endpoint_url().starts_with("http://127.0.0.1:"));
    assert_eq!(server.tls_endpoint_url(), Some(format!("https://{}", server.addresses()[1])));
    let server = Server::builder().start().unwrap();
    assert_eq!((server.tls_endpoint_url(), server.ca_certificate()), (None, None));
}
