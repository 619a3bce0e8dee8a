//! Web pages (CORS): a foreign one changes nothing and reads nothing, an allowed one works as an SDK in a browser does.

use crate::support::*;
use kew::Server;
use kew::internals::http::Origins;

const PAGE: &str = "http://app.example:3000";

/// How a browser says that it acts for a foreign page.
const FOREIGN: &[&[(&str, &str)]] = &[
    &[("Origin", "http://evil.example")],
    &[("Origin", "https://app.example:3000")],
    &[("Origin", "http://app.example")],
    &[("Origin", "http://app.example:3000.evil.example")],
    &[("Origin", "null")],
    &[("Origin", "")],
    &[("Origin", "http://localhost:9324")],
    // The same host at another port, or beside it.
    &[("Origin", "http://door.internal:8000")],
    &[("Origin", "http://door.internal")],
    &[("Origin", "http://xdoor.internal:1234")],
    &[("Origin", "http://door.internal:1234"), ("Sec-Fetch-Site", "same-site")],
    &[("Origin", "http://evil.example"), ("Sec-Fetch-Site", "none")],
    &[("Origin", "\u{e9}")],
    &[("Sec-Fetch-Site", "cross-site")],
    &[("Sec-Fetch-Site", "same-site")],
    &[("Sec-Fetch-Site", "same-origin"), ("Origin", "http://evil.example")],
    &[("Sec-Fetch-Site", "same-origin"), ("Referer", "http://evil.example/")],
    &[("Sec-Fetch-Site", "nonsense")],
    &[("Sec-Fetch-Site", "")],
    &[("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "no-cors"), ("Sec-Fetch-Dest", "image")],
    &[("Referer", "http://evil.example/page?x=1")],
    &[("Referer", "https://evil.example")],
    &[("Referer", "about:blank")],
    &[("Referer", "nonsense")],
    &[("Referer", "http://evil.example/http://app.example:3000/")],
    &[("Sec-Fetch-Site", "none"), ("Referer", "http://evil.example/")],
];

fn with(page: &[(&str, &str)], more: &[(&str, &str)]) -> Vec<(String, String)> {
    page.iter().chain(more).map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

fn ask(server: &Server, method: &str, target: &str, headers: &[(String, String)], body: &str) -> Answer {
    let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let mut peer = Peer::of(server);
    peer.send(request(method, target, &headers, body));
    if method == "HEAD" { peer.answer_without_body() } else { peer.answer() }
}

/// Everything a page can make a browser send without asking first, and some that it cannot.
fn attempts(server: &Server, page: &[(&str, &str)]) -> Vec<Answer> {
    let form = with(page, &[("Content-Type", FORM)]);
    let text = with(page, &[("Content-Type", "text/plain")]);
    let bare = with(page, &[]);
    let json = with(page, &[("Content-Type", AMZ_JSON), ("X-Amz-Target", "AmazonSQS.DeleteQueue")]);
    vec![
        ask(server, "POST", "/", &form, "Action=DeleteQueue&QueueUrl=q"),
        ask(server, "POST", "/000000000000/q", &form, "Action=PurgeQueue"),
        ask(server, "POST", "/", &form, "Action=SendMessage&QueueUrl=q&MessageBody=forged"),
        ask(server, "POST", "/", &form, "Action=CreateQueue&QueueName=forged"),
        ask(server, "POST", "/", &form, "Action=ReceiveMessage&QueueUrl=q"),
        ask(server, "POST", "/?Action=DeleteQueue&QueueUrl=q", &text, "x=1"),
        ask(server, "POST", "/", &bare, "Action=DeleteQueue&QueueUrl=q"),
        ask(server, "GET", "/?Action=DeleteQueue&QueueUrl=q", &bare, ""),
        ask(server, "GET", "/?Action=ReceiveMessage&QueueUrl=q", &bare, ""),
        ask(server, "HEAD", "/?Action=PurgeQueue&QueueUrl=q", &bare, ""),
        ask(server, "POST", "/", &json, r#"{"QueueUrl":"q"}"#),
        ask(server, "GET", "/health", &bare, ""),
    ]
}

#[test]
fn a_foreign_page_changes_nothing_and_reads_nothing() {
    for allowed in [Origins::none(), Origins::parse([PAGE]).unwrap()] {
        let server = Server::builder().queue("q").manual_clock().cors(allowed).start().unwrap();
        let mut peer = Peer::of(&server);
        peer.ask(send("secret")).ok();
        for page in FOREIGN {
            for answer in attempts(&server, page) {
                assert_eq!(answer.status, 403, "{page:?} {answer:?}");
                assert!(answer.headers.iter().all(|(name, _)| !name.starts_with("access-control-")), "{answer:?}");
                assert_eq!(answer.header("vary"), Some("Origin"));
                let text = String::from_utf8_lossy(&answer.body).into_owned();
                assert!(!text.contains("secret") && !text.contains("000000000000"), "{text}");
            }
        }
        let queues = peer.ask(json("ListQueues", "{}")).json();
        assert_eq!(queues["QueueUrls"].as_array().map(Vec::len), Some(1));
        assert_eq!(received(&peer.ask(receive(0))), [("secret".to_owned(), "1".to_owned())]);
    }
}

#[test]
fn the_refusal_is_an_error_that_a_client_can_read() {
    let server = server();
    let page = [("Origin", "http://evil.example")];
    let answer = Peer::of(&server).ask(json_with("ListQueues", &page, "{}"));
    answer.json_error(403, "AccessDeniedException", "AccessDenied");
    let text =
        "A web page asked, and its origin is not allowed. Start kew with --cors http://evil.example to allow it.";
    assert_eq!(answer.json()["message"], text);
    for nobody in ["null", "nonsense", "http://", "\u{e9}", &format!("http://{}", "x".repeat(1000))] {
        let answer = Peer::of(&server).ask(json_with("ListQueues", &[("Origin", nobody)], "{}"));
        assert!(answer.json()["message"].as_str().unwrap().contains("--cors ORIGIN "), "{nobody}");
    }
    let form = request("POST", "/", &[page[0], ("Content-Type", FORM)], "Action=ListQueues");
    Peer::of(&server).ask(form).xml_error(403, "AccessDenied");
}

const BROWSER: (&str, &str) =
    ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/156.0.0.0 Safari/537.36");

#[test]
fn a_browser_that_does_not_say_for_whom_it_asks_is_refused() {
    let server = server();
    let mut peer = Peer::of(&server);
    peer.ask(send("secret")).ok();
    // An image, or a fetch without CORS, of a page that asks for no Referer: to what is neither on the browser's own
    // machine nor behind TLS no other header tells of the page. A page also writes what it likes into the URL, and a
    // name and a password.
    let basic = ("Authorization", "Basic dXNlcjpwYXNz");
    for headers in [vec![BROWSER], vec![("user-agent", "Mozilla/")], vec![BROWSER, basic]] {
        for target in [
            "/?Action=ReceiveMessage&QueueUrl=q",
            "/?Action=PurgeQueue&QueueUrl=q",
            "/000000000000/q?Action=DeleteQueue",
            "/?Action=DeleteQueue&QueueUrl=q&X-Amz-Credential=k%2F20261120%2Fus-east-1%2Fsqs%2Faws4_request",
            "/?x",
            "/nowhere",
        ] {
            let answer = peer.ask(request("GET", target, &headers, ""));
            assert_eq!(answer.status, 403, "{target} {headers:?}");
            assert!(answer.text().contains("nothing shows that no web page made it do so"), "{}", answer.text());
            peer.send(request("HEAD", target, &headers, ""));
            assert_eq!(peer.answer_without_body().status, 403);
        }
        let form = [headers, vec![("Content-Type", FORM)]].concat();
        let post = request("POST", "/", &form, "Action=DeleteQueue&QueueUrl=q");
        assert_eq!(Peer::of(&server).ask(post).status, 403);
        // What is the same for all tells nothing.
        for target in ["/", "/health"] {
            peer.ask(request("GET", target, &[BROWSER], "")).ok();
        }
    }
    assert_eq!(received(&peer.ask(receive(0))), [("secret".to_owned(), "1".to_owned())]);
}

#[test]
fn a_person_and_a_program_are_no_page() {
    let server = server();
    let typed = [("Sec-Fetch-Site", "none"), ("Sec-Fetch-Mode", "navigate"), BROWSER];
    Peer::of(&server).ask(request("GET", "/?Action=ListQueues", &typed, "")).ok();
    let signature =
        "AWS4-HMAC-SHA256 Credential=k/20261120/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=x";
    let celery = [("User-Agent", "Mozilla/5.0 (compatible; pycurl)"), ("Authorization", signature)];
    Peer::of(&server).ask(request("GET", "/?Action=ListQueues", &celery, "")).ok();
    for agent in
        ["curl/8.10", "Boto3/1.44.5", "aws-sdk-js/3.1169.0 ua/2.1 os/linux lang/js md/nodejs#20.20.2", "node", ""]
    {
        let answer = Peer::of(&server).ask(request("GET", "/?Action=ListQueues", &[("User-Agent", agent)], "")).ok();
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
}

#[test]
fn a_page_of_kews_own_may() {
    let server = server();
    let own = "http://door.internal:1234";
    let page = format!("{own}/page");
    for headers in [
        vec![("Origin", own)],
        vec![("Origin", own), ("Sec-Fetch-Site", "same-origin"), BROWSER],
        // Of a proxy that ends TLS.
        vec![("Origin", "https://door.internal:1234"), BROWSER],
        vec![("Sec-Fetch-Site", "same-origin"), BROWSER],
        vec![("Referer", &page), BROWSER],
    ] {
        let answer = Peer::of(&server).ask(request("GET", "/?Action=ListQueues", &headers, "")).ok();
        assert_eq!(
            answer.header("access-control-allow-origin"),
            None,
            "its own page needs no leave to read: {headers:?}"
        );
        Peer::of(&server).ask(json_with("ListQueues", &headers, "{}")).ok();
    }
}

fn allowing(origins: &[&str]) -> Server {
    let origins = Origins::parse(origins.iter().copied()).unwrap();
    Server::builder().queue("q").manual_clock().cors(origins).start().unwrap()
}

/// The headers that AWS SDKs for browsers announce before they send them.
const SDK_HEADERS: &str = "amz-sdk-invocation-id,amz-sdk-request,authorization,content-type,x-amz-content-sha256,\
                           x-amz-date,x-amz-security-token,x-amz-target,x-amz-user-agent,x-amzn-query-mode";

#[test]
fn an_allowed_page_is_told_what_it_may_send() {
    let server = allowing(&[PAGE, "http://other.example"]);
    let asks = [
        ("Origin", PAGE),
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", SDK_HEADERS),
        ("Access-Control-Request-Private-Network", "true"),
    ];
    let mut peer = Peer::of(&server);
    for target in ["/", "/000000000000/q"] {
        let answer = peer.ask(request("OPTIONS", target, &asks, ""));
        assert_eq!((answer.status, answer.body.len()), (204, 0));
        assert_eq!(answer.header("access-control-allow-origin"), Some(PAGE));
        let allowed = answer.header("access-control-allow-headers").unwrap().to_ascii_lowercase();
        let allowed: Vec<_> = allowed.split(',').map(str::trim).collect();
        for name in SDK_HEADERS.split(',') {
            assert!(allowed.contains(&name), "{name} of {allowed:?}");
        }
        let methods = answer.header("access-control-allow-methods").unwrap();
        assert!(methods.split(", ").any(|method| method == "POST"), "{methods}");
        assert!(answer.header("access-control-max-age").unwrap().parse::<u32>().unwrap() > 0);
        assert_eq!(answer.header("access-control-allow-private-network"), Some("true"));
        assert!(answer.header("vary").unwrap().contains("Origin"));
        // Credentials of the browser have no meaning here.
        assert_eq!(answer.header("access-control-allow-credentials"), None);
    }
}

#[test]
fn a_foreign_page_is_not_told_what_it_may_send() {
    let server = allowing(&[PAGE]);
    let asks = [("Origin", "http://evil.example"), ("Access-Control-Request-Method", "POST")];
    let answer = Peer::of(&server).ask(request("OPTIONS", "/", &asks, ""));
    assert_eq!(answer.status, 403);
    assert!(answer.headers.iter().all(|(name, _)| !name.starts_with("access-control-")));
}

#[test]
fn an_allowed_page_reads_answers_and_errors() {
    let server = allowing(&[PAGE]);
    let mut peer = Peer::of(&server);
    let page = [
        ("Origin", PAGE),
        ("Sec-Fetch-Site", "cross-site"),
        ("Referer", "http://app.example:3000/"),
        ("X-Amz-User-Agent", "aws-sdk-js/3.1169.0"),
        ("amz-sdk-invocation-id", "7e514351-84f1-4be3-afb8-311555995941"),
    ];
    let found = peer.ask(json_with("GetQueueUrl", &page, r#"{"QueueName":"q"}"#)).ok();
    let missing = peer.ask(json_with("GetQueueUrl", &page, r#"{"QueueName":"nope"}"#));
    missing.json_error(400, "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue");
    let broken = peer.ask(json_with("GetQueueUrl", &page, "{"));
    let health = peer.ask(request("GET", "/health", &page, "")).ok();
    for answer in [found, missing, broken, health] {
        assert_eq!(answer.header("access-control-allow-origin"), Some(PAGE), "{answer:?}");
        let exposed = answer.header("access-control-expose-headers").unwrap().to_ascii_lowercase();
        assert!(exposed.contains("x-amzn-requestid") && exposed.contains("x-amzn-query-error"), "{exposed}");
        assert_eq!(answer.header("vary"), Some("Origin"));
    }
}

#[test]
fn an_error_of_the_front_door_is_readable_too() {
    let origins = Origins::parse([PAGE]).unwrap();
    let server = Server::builder().manual_clock().cors(origins).body_bytes_max(10).start().unwrap();
    let answer = Peer::of(&server).ask(json_with("ListQueues", &[("Origin", PAGE)], "{                 }"));
    answer.json_error(413, "RequestEntityTooLargeException", "RequestEntityTooLarge");
    assert_eq!(answer.header("access-control-allow-origin"), Some(PAGE));
}

#[test]
fn an_origin_is_compared_as_browsers_write_it() {
    let server = allowing(&["HTTP://App.Example:3000/"]);
    let answer = Peer::of(&server).ask(json_with("ListQueues", &[("Origin", PAGE)], "{}")).ok();
    assert_eq!(answer.header("access-control-allow-origin"), Some(PAGE));
}

#[test]
fn all_pages_may_if_a_star_says_so() {
    let server = allowing(&["*"]);
    for origin in ["http://any.example", "null", "https://other.example:1"] {
        let answer = Peer::of(&server).ask(json_with("ListQueues", &[("Origin", origin)], "{}")).ok();
        let allowed = answer.header("access-control-allow-origin").unwrap();
        assert!(allowed == "*" || allowed == origin, "{allowed}");
    }
    Peer::of(&server).ask(json_with("ListQueues", &[("Sec-Fetch-Site", "cross-site")], "{}")).ok();
}

#[test]
fn a_form_of_an_allowed_page_works() {
    let server = allowing(&[PAGE]);
    let headers = [("Origin", PAGE), ("Content-Type", FORM)];
    let body = "Action=SendMessage&QueueUrl=q&MessageBody=wanted";
    let answer = Peer::of(&server).ask(request("POST", "/", &headers, body)).ok();
    assert_eq!(answer.header("access-control-allow-origin"), Some(PAGE));
}
