//! What health checks ask, and what is not there.

use crate::support::*;

#[test]
fn the_health_routes_answer_exactly() {
    let server = server();
    let mut peer = Peer::of(&server);
    for (target, content_type, body) in [
        ("/", "text/plain", "kew is running.\n"),
        ("/?", "text/plain", "kew is running.\n"),
        ("/health", "text/plain", "ok\n"),
        ("/health?x=Action=", "text/plain", "ok\n"),
    ] {
        let answer = peer.ask(get(target)).ok();
        assert_eq!((answer.header("content-type"), answer.text()), (Some(content_type), body), "{target}");
    }
    let answer = peer.ask(get("/_localstack/health")).ok();
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let expected = serde_json::json!({"services": {"sqs": "running"}, "edition": "kew",
        "version": env!("CARGO_PKG_VERSION")});
    assert_eq!(answer.json(), expected);
}

#[test]
fn an_action_at_the_root_is_an_action() {
    let server = server();
    let answer = Peer::of(&server).ask(get("/?Action=ListQueues")).ok();
    assert_eq!(answer.header("content-type"), Some("text/xml"));
    assert!(
        answer.text().contains("<QueueUrl>http://door.internal:1234/000000000000/q</QueueUrl>"),
        "{}",
        answer.text()
    );
}

#[test]
fn nothing_else_is_there() {
    let server = server();
    let mut peer = Peer::of(&server);
    for target in [
        "/health/",
        "/healthz",
        "/HEALTH",
        "//",
        "/_localstack",
        "/_localstack/health/",
        "/_localstack/info",
        "/favicon.ico",
        "/000000000000/q",
        "/../etc/passwd",
        "/%2e%2e/%00",
    ] {
        let answer = peer.ask(get(target));
        assert_eq!((answer.status, answer.text()), (404, "<UnknownOperationException/>"), "{target}");
        assert_eq!(answer.header("content-type"), Some("text/xml"));
    }
    // A request without an action, as boto3 signs URLs; AWS answers so (recorded).
    for target in ["/?QueueUrl=http%3A%2F%2Fdoor.internal%2F000000000000%2Fq", "/?verbose=1", "/?action=ListQueues"] {
        let answer = peer.ask(get(target));
        assert_eq!((answer.status, answer.text()), (404, "<UnknownOperationException/>"), "{target}");
        let as_json = peer.ask(request("GET", target, &[("Accept", "application/json")], ""));
        assert_eq!((as_json.status, as_json.text()), (404, "<UnknownOperationException/>"), "{target}");
    }
    for target in ["/health", "/_localstack/health"] {
        assert_eq!(peer.ask(request("POST", target, &[], "")).status, 404, "{target}");
    }
}
