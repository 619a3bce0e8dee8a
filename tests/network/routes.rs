//! What is not SQS: the control API, the console, metrics, health. Signatures and policies are not for these.

use crate::fixture::*;
use crate::support::*;
use kew::{ControlMode, Mode};

/// What the control API opens: itself, and LocalStack's view of messages and reset.
fn controlled(kew: &Kew, headers: &[(&str, &str)]) -> [u16; 4] {
    let messages = format!("/_aws/sqs/messages?QueueUrl={}", kew.server.queue_url("orders"));
    let get = |path: &str| kew.ask(request("GET", path, headers, "")).status;
    let reset = kew.ask(request("POST", "/_localstack/state/reset", headers, "")).status;
    [get("/_kew"), get("/_kew/queues"), get(&messages), reset]
}

#[test]
fn on_a_network_the_control_api_wants_its_token() {
    let kew = Kew::on_a_network(|_| {});
    assert_eq!(kew.said(ROOT, "SendMessage", SEND), "ok");
    assert_eq!(controlled(&kew, &[]), [403; 4]);
    assert_eq!(controlled(&kew, &[("Authorization", "Bearer guessed")]), [403; 4]);
    // A key of SQS does not open it.
    let mut signing = kew.signed(ROOT, "ListQueues", "{}");
    signing.method = "GET".to_owned();
    signing.path = "/_kew/queues".to_owned();
    assert_eq!(kew.ask(bytes(&signing)).status, 403);
    // A request of SQS cannot ask to be answered with a fault.
    let mut signing = kew.unsigned(ROOT, "ListQueues", "{}", 0);
    signing.headers.push(("kew-fault".to_owned(), "error=ServiceUnavailable".to_owned()));
    signing.sign();
    assert_eq!(code(&kew.ask(bytes(&signing))), "ok");
    assert_eq!(kew.count(), "1");
    let token = format!("Bearer {}", kew.server.control_token().unwrap());
    assert_eq!(controlled(&kew, &[("Authorization", &token)]), [200; 4]);
}

#[test]
fn in_the_mode_of_aws_the_control_api_is_off_on_every_address() {
    for kew in [Kew::on_a_network(|config| config.mode = Mode::Aws), Kew::with(|config| config.mode = Mode::Aws)] {
        assert_eq!(controlled(&kew, &[]), [403; 4]);
    }
}

#[test]
fn behind_a_proxy_of_the_same_machine_the_control_api_is_open_unless_it_is_shut() {
    // What a proxy passes on comes from this machine; whom it came from first, kew does not know.
    let passed_on = [("X-Forwarded-For", "198.51.100.1"), ("X-Forwarded-Proto", "https")];
    assert_eq!(controlled(&Kew::new(), &passed_on), [200; 4]);
    for mode in [ControlMode::Token, ControlMode::Off] {
        assert_eq!(controlled(&Kew::with(|config| config.control = Some(mode)), &passed_on), [403; 4]);
    }
}

#[test]
fn the_console_is_a_page_that_can_do_nothing_without_the_token() {
    let kew = Kew::on_a_network(|_| {});
    let page = kew.ask(get("/_kew/ui/"));
    assert!(page.status == 200 && !page.text().contains("orders"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert_eq!(kew.ask(get("/_kew/overview")).status, 403);
    let off = Kew::on_a_network(|config| config.control = Some(ControlMode::Off));
    assert_eq!(off.ask(get("/_kew/ui/")).status, 403);
}

#[test]
fn metrics_are_told_to_everyone_unless_they_are_off() {
    let kew = Kew::on_a_network(|_| {});
    assert_eq!(kew.said(ROOT, "SendMessage", SEND), "ok");
    let metrics = kew.ask(get("/metrics")).ok();
    assert!(metrics.text().contains("\"orders\"") && !metrics.text().contains("ten of them"));
    let off = Kew::on_a_network(|config| config.metrics = false);
    assert_eq!(off.ask(get("/metrics")).status, 404);
}

#[test]
fn health_is_told_to_everyone_and_is_all_that_it_tells() {
    let kew = Kew::on_a_network(|_| {});
    for path in ["/", "/health", "/_localstack/health"] {
        let answer = kew.ask(get(path)).ok();
        assert!(!answer.text().contains("orders"), "{}", answer.text());
    }
}

#[test]
fn the_port_of_a_namespace_is_of_this_machine_alone_and_plain() {
    let kew = Kew::on_a_network(|config| {
        config.control = Some(ControlMode::On);
        config.tls_self_signed = true;
        config.tls_listen = vec!["0.0.0.0:0".parse().unwrap()];
    });
    let headers = [("Content-Type", "application/json")];
    let made = kew.ask(request("POST", "/_kew/ns", &headers, r#"{"name":"n","port":true}"#)).json();
    let port = u16::try_from(made["port"].as_u64().unwrap()).unwrap();
    assert_eq!(Peer::at(([127, 0, 0, 1], port).into()).ask(get("/health")).status, 200);
    // Another address of this machine.
    assert!(std::net::TcpStream::connect(("127.0.0.2", port)).is_err());
}
