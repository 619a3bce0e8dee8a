//! Queue URLs come from what the client calls the server, or from a setting, and never from something hostile.

use crate::support::*;
use kew::Server;

/// The queue URL that a client sees which sends these header lines.
fn url(server: &Server, head: &str) -> String {
    let members = r#"{"QueueName":"q"}"#;
    let request = format!(
        "POST / HTTP/1.1\r\nContent-Type: {AMZ_JSON}\r\nX-Amz-Target: AmazonSQS.GetQueueUrl\r\nContent-Length: {}\r\n\
         {head}\r\n{members}",
        members.len()
    );
    Peer::of(server).ask(request).ok().json()["QueueUrl"].as_str().unwrap().to_owned()
}

fn port(server: &Server) -> u16 {
    server.addresses()[0].port()
}

#[test]
fn the_host_header_is_taken_as_it_is() {
    let server = server();
    for host in
        ["localhost:9324", "sqs:4566", "127.0.0.1:1", "a-b_c.example.com:65535", "[::1]:9324", "[fe80::1%25eth0]:80"]
    {
        assert_eq!(url(&server, &format!("Host: {host}\r\n")), format!("http://{host}/000000000000/q"));
    }
}

#[test]
fn a_port_that_the_client_left_out_is_added() {
    let server = server();
    let port = port(&server);
    for host in ["localhost", "127.0.0.1", "[::1]", "sqs.local"] {
        assert_eq!(url(&server, &format!("Host: {host}\r\n")), format!("http://{host}:{port}/000000000000/q"));
    }
    assert_eq!(url(&server, "Host: localhost:\r\n"), format!("http://localhost:{port}/000000000000/q"));
}

#[test]
fn a_proxy_that_ends_tls_says_so() {
    let server = server();
    let port = port(&server);
    let forwarded = |proto: &str, host: &str| url(&server, &format!("Host: {host}\r\nX-Forwarded-Proto: {proto}\r\n"));
    assert_eq!(forwarded("https", "sqs.example.com"), "https://sqs.example.com/000000000000/q");
    assert_eq!(forwarded("https", "sqs.example.com:8443"), "https://sqs.example.com:8443/000000000000/q");
    assert_eq!(forwarded("HTTPS", "h:1"), "https://h:1/000000000000/q");
    assert_eq!(forwarded("https, http", "h:1"), "https://h:1/000000000000/q");
    assert_eq!(forwarded("http", "h"), format!("http://h:{port}/000000000000/q"));
    assert_eq!(forwarded("javascript", "h:1"), "http://h:1/000000000000/q");
}

#[test]
fn a_proxy_says_at_which_port_the_client_came_that_left_it_out() {
    let server = server();
    let forwarded =
        |more: &str, host: &str| url(&server, &format!("Host: {host}\r\n{more}")).replace("/000000000000/q", "");
    assert_eq!(forwarded("X-Forwarded-Port: 9000\r\n", "h"), "http://h:9000");
    assert_eq!(forwarded("X-Forwarded-Port: 80\r\n", "h"), "http://h");
    assert_eq!(forwarded("X-Forwarded-Port: 9000, 80\r\n", "h"), "http://h:9000");
    assert_eq!(forwarded("X-Forwarded-Port: 9000\r\n", "h:1"), "http://h:1");
    assert_eq!(forwarded("X-Forwarded-Proto: https\r\nX-Forwarded-Port: 443\r\n", "h"), "https://h");
    assert_eq!(forwarded("X-Forwarded-Proto: https\r\nX-Forwarded-Port: 8443\r\n", "h"), "https://h:8443");
    for no_port in ["", "x", "-1", "65536", "80/evil"] {
        let own = format!("http://h:{}", port(&server));
        assert_eq!(forwarded(&format!("X-Forwarded-Port: {no_port}\r\n"), "h"), own);
    }
}

#[test]
fn a_configured_url_beats_every_header() {
    let server =
        Server::builder().queue("q").manual_clock().external_url("https://queues.example/base").start().unwrap();
    assert_eq!(url(&server, "Host: other:1\r\n"), "https://queues.example/base/000000000000/q");
    assert_eq!(url(&server, "Host: o\r\nX-Forwarded-Proto: http\r\n"), "https://queues.example/base/000000000000/q");
    assert_eq!(server.queue_url("q"), "https://queues.example/base/000000000000/q");
}

#[test]
fn a_hostile_host_is_not_repeated() {
    let server = server();
    let expected = format!("http://localhost:{}/000000000000/q", port(&server));
    for host in [
        "",
        ":",
        ":80",
        "evil.example/path",
        "user@evil.example",
        "a b",
        "<script>",
        "a\"b",
        "a&b",
        "h:80:90",
        "h:port",
        "h:999999",
        "[::1",
        "[::1]x",
        "[]",
        "[::1]:9:9",
        "h#f",
        "h?q",
        "h\\",
        "%00",
    ] {
        assert_eq!(url(&server, &format!("Host: {host}\r\n")), expected, "{host:?}");
    }
    assert_eq!(url(&server, ""), expected);
    assert_eq!(url(&server, "Host: b\u{fc}cher\r\n"), expected);
}

#[test]
fn every_action_that_names_queues_uses_the_same_base() {
    let server = server();
    let mut peer = Peer::of(&server);
    let created = peer.ask(json("CreateQueue", r#"{"QueueName":"other"}"#)).ok();
    assert_eq!(created.json()["QueueUrl"], "http://door.internal:1234/000000000000/other");
    let listed = peer.ask(json("ListQueues", "{}")).ok();
    assert_eq!(
        listed.json()["QueueUrls"],
        serde_json::json!(["http://door.internal:1234/000000000000/other", "http://door.internal:1234/000000000000/q"])
    );
    let xml = peer.ask(form("Action=GetQueueUrl&QueueName=q")).ok();
    assert!(xml.text().contains("<QueueUrl>http://door.internal:1234/000000000000/q</QueueUrl>"));
}

#[test]
fn the_servers_own_url_is_one_that_answers() {
    let server = server();
    assert_eq!(server.queue_url("q"), format!("http://127.0.0.1:{}/000000000000/q", port(&server)));
    let host = server.endpoint_url().strip_prefix("http://").unwrap();
    assert_eq!(url(&server, &format!("Host: {host}\r\n")), server.queue_url("q"));
}
