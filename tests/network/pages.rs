//! Web pages that people on the same network look at: their browsers reach kew too.

use crate::support::*;
use kew::{ControlMode, Server};

/// A server whose control API everyone may use, so that nothing but the rules for pages stands in the way.
fn open() -> Server {
    Server::builder().queue("q").manual_clock().control(ControlMode::On).start().unwrap()
}

fn is_untouched(server: &Server) {
    assert_eq!(received(&Peer::of(server).ask(receive(0))), []);
}

#[test]
fn a_foreign_page_gets_nothing_and_changes_nothing() {
    let server = open();
    let page = [("Origin", "https://evil.example")];
    for request in [
        json_with("SendMessage", &page, r#"{"QueueUrl":"q","MessageBody":"m"}"#),
        // A form needs no script, and asks nobody before it is sent.
        request("POST", "/", &[("Content-Type", FORM), page[0]], "Action=SendMessage&QueueUrl=q&MessageBody=m"),
        request("GET", "/?Action=SendMessage&QueueUrl=q&MessageBody=m", &[("Sec-Fetch-Site", "cross-site")], ""),
        request("GET", "/?Action=SendMessage&QueueUrl=q&MessageBody=m", &[("Referer", "https://evil.example/")], ""),
        request("POST", "/_kew/reset", &[("Content-Type", "application/json"), page[0]], "{}"),
        request("GET", "/_kew/queues", &page, ""),
        request("GET", "/metrics", &page, ""),
    ] {
        let answer = Peer::of(&server).ask(&request);
        assert_eq!(answer.status, 403, "{}", String::from_utf8_lossy(&request));
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    is_untouched(&server);
}

#[test]
fn a_page_whose_own_name_is_pointed_at_kew_gets_nothing() {
    let server = open();
    let own = [("Origin", "http://evil.example"), ("Sec-Fetch-Site", "same-origin")];
    for request in [
        request_to("evil.example", "GET", "/?Action=SendMessage&QueueUrl=q&MessageBody=m", &[], ""),
        request_to("evil.example", "GET", "/_kew/queues", &[], ""),
        request_to("evil.example", "GET", "/metrics", &[], ""),
        request_to("evil.example", "POST", "/", &[("Content-Type", FORM), own[0], own[1]], "Action=ListQueues"),
    ] {
        assert_eq!(Peer::of(&server).ask(&request).status, 403, "{}", String::from_utf8_lossy(&request));
    }
    is_untouched(&server);
}
