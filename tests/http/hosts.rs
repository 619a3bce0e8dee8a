//! By which names a browser may reach kew. A page whose own name is pointed at this machine (DNS rebinding) counts as
//! kew's own page for the browser; that its name is not one of kew's is all there is to tell it by.

use crate::support::*;
use kew::Server;
use kew::internals::http::{Hosts, Origins};

/// Names that no page of the Internet can have, or none whose DNS a stranger writes.
const KNOWN: &[&str] = &[
    "localhost",
    "localhost:9324",
    "LocalHost:1",
    "localhost.",
    "localhost.:9324",
    "sqs.localhost",
    "a.b.localhost:9324",
    "kew",
    "kew:9324",
    "my_sqs-1:9324",
    "2130706433",
    "0x7f000001",
    "127.0.0.1",
    "127.0.0.1:9324",
    "0.0.0.0:9324",
    "192.0.2.7:9324",
    "[::1]",
    "[::1]:9324",
    "[fe80::1%25eth0]:9324",
    "[::ffff:192.0.2.7]:80",
    "host.docker.internal",
    "host.docker.internal:9324",
    "kew.c.project.internal",
    "nas.local:9324",
    "sqs.svc",
    "kew.default.svc:9324",
    "sqs.svc.cluster.local",
    "kew.default.svc.cluster.local:9324",
    "sqs.eu-west-1.amazonaws.com",
    "SQS.us-east-1.AmazonAWS.com:443",
    "queue.amazonaws.com",
    "eu-west-1.queue.amazonaws.com",
    "localhost.localstack.cloud:4566",
    "sqs.us-east-1.localhost.localstack.cloud:4566",
    "127.0.0.1:",
];

/// Names that a stranger can have, and what no browser would write.
const FOREIGN: &[&str] = &[
    "evil.example",
    "evil.example:9324",
    "EVIL.example.",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "127.0.0.1.nip.io:9324",
    "kew.evil.example",
    "evil.notlocal",
    "evil.xinternal",
    "internal.example",
    "local.example",
    "x.svc.evil.example",
    "sqs.amazonaws.com.evil.example",
    "sqs.a.b.amazonaws.com",
    "sqs..amazonaws.com",
    "xsqs.eu-west-1.amazonaws.com",
    "s3.amazonaws.com",
    "evilqueue.amazonaws.com",
    "localhost.localstack.cloud.evil.example",
    "xlocalhost.localstack.cloud",
    "localstack.cloud",
    "evil.example..",
    ".internal",
    ".",
    "..",
    "0x7f.1",
    "127.1",
    "1.2.3.4.5",
    "256.0.0.1",
    "[::1",
    "[::1]x",
    "[]",
    "[evil.example]",
    "::1",
    "user@localhost",
    "user:pass@localhost:9324",
    "localhost:port",
    "localhost:999999",
    "localhost evil.example",
    "localhost,evil.example",
    "localhost/evil.example",
    "localhost%00.evil.example",
    "b\u{fc}cher.example",
    "",
    ":9324",
];

const ACTIONS: [&str; 4] = [
    "/?Action=ListQueues",
    "/?Action=SendMessage&QueueUrl=q&MessageBody=forged",
    "/?Action=ReceiveMessage&QueueUrl=q",
    "/000000000000/q?Action=PurgeQueue",
];

/// A request that names its host like this, and has these header lines.
fn by_host(method: &str, target: &str, host: &str, lines: &str, body: &str) -> Vec<u8> {
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n{lines}{length}\r\n{body}").into_bytes()
}

fn ask(server: &Server, request: Vec<u8>) -> Answer {
    let head = request.starts_with(b"HEAD");
    let mut peer = Peer::of(server);
    peer.send(request);
    if head { peer.answer_without_body() } else { peer.answer() }
}

/// What the host was told to start kew with.
fn flag(answer: &Answer) -> &str {
    let text = answer.text();
    let at = text.find("--allow-host ").unwrap_or_else(|| panic!("{text}"));
    text[at..].split_whitespace().nth(1).unwrap()
}

#[track_caller]
fn assert_nothing_happened(server: &Server) {
    let mut peer = Peer::of(server);
    let queues = peer.ask(json("ListQueues", "{}")).ok().json();
    assert_eq!(queues["QueueUrls"].as_array().map(Vec::len), Some(1), "{queues}");
    assert_eq!(received(&peer.ask(receive(0))), [("secret".to_owned(), "1".to_owned())]);
}

#[test]
fn a_get_by_a_foreign_name_reads_and_changes_nothing() {
    let server = server();
    Peer::of(&server).ask(send("secret")).ok();
    for host in FOREIGN {
        for target in ACTIONS.iter().chain(&["/", "/health", "/_localstack/health", "/nowhere"]) {
            for method in ["GET", "HEAD"] {
                // Whether it is a browser does not matter: a page may choose the User-Agent of its own requests.
                for lines in
                    ["", "User-Agent: curl/8\r\n", "User-Agent: Mozilla/5.0\r\nSec-Fetch-Site: same-origin\r\n"]
                {
                    let answer = ask(&server, by_host(method, target, host, lines, ""));
                    assert_eq!(answer.status, 403, "{method} {target} {host:?} {lines:?}");
                    assert!(!String::from_utf8_lossy(&answer.body).contains("secret"));
                }
            }
        }
    }
    assert_nothing_happened(&server);
}

#[test]
fn a_get_by_one_of_kews_own_names_is_answered() {
    let server = server();
    for host in KNOWN {
        for lines in ["", "User-Agent: Boto/2.49.0\r\n", "Sec-Fetch-Site: none\r\nUser-Agent: Mozilla/5.0\r\n"] {
            let answer = ask(&server, by_host("GET", "/?Action=ListQueues", host, lines, ""));
            assert_eq!(answer.status, 200, "{host:?} {lines:?} {}", answer.text());
        }
        assert_eq!(ask(&server, by_host("HEAD", "/health", host, "", "")).status, 200, "{host:?}");
    }
}

#[test]
fn the_refusal_names_the_flag_that_would_allow_it() {
    let server = server();
    for (host, wanted) in [
        ("evil.example", "evil.example"),
        ("evil.example:9324", "evil.example"),
        ("Evil.Example.", "evil.example"),
        // What is not a name is not repeated.
        ("<script>", "NAME"),
        ("user@localhost", "NAME"),
        ("", "NAME"),
    ] {
        let answer = ask(&server, by_host("GET", "/?Action=ListQueues", host, "", ""));
        answer.xml_error(403, "AccessDenied");
        assert_eq!(flag(&answer), wanted, "{host:?}");
    }
}

/// The lines by which a browser shows itself. A POST always has an `Origin`; old browsers left it out where the page
/// had the same origin.
const OF_A_REBOUND_PAGE: &[&str] = &[
    "Origin: http://evil.example:9324\r\n",
    "Origin: http://evil.example:9324\r\nSec-Fetch-Site: same-origin\r\nUser-Agent: Mozilla/5.0\r\n",
    "Origin: https://evil.example:9324\r\n",
    "Origin: null\r\n",
    "Referer: http://evil.example:9324/page\r\n",
    "Sec-Fetch-Site: same-origin\r\n",
    "Sec-Fetch-Site: none\r\n",
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:60.0) Gecko/20100101 Firefox/60.0\r\n",
];

#[test]
fn a_post_of_a_rebound_page_reads_and_changes_nothing() {
    let server = server();
    Peer::of(&server).ask(send("secret")).ok();
    for page in OF_A_REBOUND_PAGE {
        for (kind, body) in [
            (FORM, "Action=ReceiveMessage&QueueUrl=q"),
            (FORM, "Action=PurgeQueue&QueueUrl=q"),
            (AMZ_JSON, r#"{"QueueUrl":"q"}"#),
        ] {
            let lines = format!("{page}Content-Type: {kind}\r\nX-Amz-Target: AmazonSQS.DeleteQueue\r\n");
            let answer = ask(&server, by_host("POST", "/", "evil.example:9324", &lines, body));
            assert_eq!(answer.status, 403, "{page:?} {}", answer.text());
        }
        let asks = format!("{page}Access-Control-Request-Method: PUT\r\n");
        assert_ne!(ask(&server, by_host("OPTIONS", "/", "evil.example:9324", &asks, "")).status, 204, "{page:?}");
    }
    assert_nothing_happened(&server);
}

#[test]
fn a_program_posts_by_any_name() {
    let server = server();
    for host in KNOWN.iter().chain(FOREIGN) {
        let mut lines = format!("Content-Type: {FORM}\r\n");
        let answer = ask(&server, by_host("POST", "/", host, &lines, "Action=ListQueues"));
        assert_eq!(answer.status, 200, "{host:?} {}", answer.text());
        // Celery's HTTP client calls itself so. No page can sign, unless its origin was allowed, or is kew's own for
        // the browser: then `Origin` is there.
        lines += "User-Agent: Mozilla/5.0 (compatible; pycurl)\r\n\
                  Authorization: AWS4-HMAC-SHA256 Credential=k/20261120/us-east-1/sqs/aws4_request, Signature=x\r\n";
        let answer = ask(&server, by_host("POST", "/", host, &lines, "Action=ListQueues"));
        assert_eq!(answer.status, 200, "{host:?} {}", answer.text());
    }
}

#[test]
fn a_request_without_a_host_has_no_name_that_a_page_could_have() {
    let server = server();
    Peer::of(&server).ask("GET /?Action=ListQueues HTTP/1.0\r\n\r\n").ok();
    Peer::of(&server).ask("GET /?Action=ListQueues HTTP/1.1\r\n\r\n").ok();
    // But nothing can be its own either.
    for page in ["Origin: http://\r\n", "Origin: http://localhost\r\n", "Referer: http:///\r\n"] {
        let answer = Peer::of(&server).ask(format!("GET /?Action=ListQueues HTTP/1.0\r\n{page}\r\n"));
        assert_eq!(answer.status, 403, "{page:?}");
    }
}

#[test]
fn two_hosts_are_refused() {
    let server = server();
    for second in ["localhost", "evil.example", ""] {
        let lines = format!("Content-Type: {FORM}\r\nHost: {second}\r\n");
        let answer = ask(&server, by_host("POST", "/", "localhost", &lines, "Action=ListQueues"));
        answer.xml_error(400, "MalformedInput");
        let answer = ask(&server, by_host("GET", "/health", "localhost", &lines, ""));
        assert_eq!(answer.status, 400, "{second:?}");
    }
}

#[test]
fn the_host_of_an_absolute_request_target_counts() {
    let server = server();
    for (target, host, status) in [
        ("http://localhost:1/?Action=ListQueues", "evil.example", 200),
        ("http://evil.example/?Action=ListQueues", "localhost", 403),
        ("http://user@localhost/?Action=ListQueues", "localhost", 403),
    ] {
        assert_eq!(ask(&server, by_host("GET", target, host, "", "")).status, status, "{target} {host}");
    }
    let members = r#"{"QueueName":"q"}"#;
    let lines = format!("Content-Type: {AMZ_JSON}\r\nX-Amz-Target: AmazonSQS.GetQueueUrl\r\n");
    let answer = ask(&server, by_host("POST", "http://elsewhere.example:7/", "localhost:1", &lines, members)).ok();
    assert_eq!(answer.json()["QueueUrl"], "http://elsewhere.example:7/000000000000/q");
}

#[test]
fn a_name_that_was_allowed_is_kews_own() {
    let hosts = Hosts::parse(["Kew.example", "*.queues.example"]).unwrap();
    let server = Server::builder().queue("q").manual_clock().allow_host(hosts).start().unwrap();
    for host in ["kew.example", "KEW.example.:9324", "a.queues.example:1", "localhost:9324"] {
        ask(&server, by_host("GET", "/?Action=ListQueues", host, "", "")).ok();
        let page = format!("Origin: http://{host}\r\nContent-Type: {FORM}\r\n");
        ask(&server, by_host("POST", "/", host, &page, "Action=ListQueues")).ok();
    }
    for host in ["queues.example", "a.kew.example", "evil.example"] {
        assert_eq!(ask(&server, by_host("GET", "/?Action=ListQueues", host, "", "")).status, 403, "{host}");
    }
    let server = Server::builder().external_url("https://queues.example:9324/base").manual_clock().start().unwrap();
    ask(&server, by_host("GET", "/?Action=ListQueues", "Queues.example", "", "")).ok();
    assert_eq!(ask(&server, by_host("GET", "/?Action=ListQueues", "evil.example", "", "")).status, 403);
}

#[test]
fn a_page_whose_origin_was_allowed_calls_kew_by_any_name() {
    // It cannot be a page of that name: its origin would be another.
    let origins = Origins::parse(["http://app.example"]).unwrap();
    let server = Server::builder().queue("q").manual_clock().cors(origins).start().unwrap();
    let by = |host: &str, page: &str| {
        let lines = format!("Origin: {page}\r\nUser-Agent: Mozilla/5.0\r\nContent-Type: {FORM}\r\n");
        ask(&server, by_host("POST", "/", host, &lines, "Action=ListQueues"))
    };
    for host in ["kew.example", "localhost:9324"] {
        assert_eq!(
            by(host, "http://app.example").ok().header("access-control-allow-origin"),
            Some("http://app.example")
        );
    }
    assert_eq!(by("kew.example", "http://kew.example").status, 403);
}
