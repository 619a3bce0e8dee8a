//! Who may use the control API: tokens, web pages, and what a browser may be led to send.

use super::fixture::{Answer, Kew};
use kew::internals::http::Origins;
use kew::{ControlMode, Mode, Server};

const PAGE: &str = "http://app.example:3000";
const JSON: (&str, &str) = ("Content-Type", "application/json");

fn ask(kew: &Kew, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    kew.request(method, path, headers, "")
}

fn origins(origin: &str) -> Origins {
    Origins::parse([origin]).unwrap()
}

#[test]
fn control_is_on_for_tests_off_as_on_aws_and_by_token_where_others_reach_it() {
    let status = |kew: &Kew| ask(kew, "GET", "/_kew", &[]).status;
    assert_eq!(status(&Kew::start()), 200);
    assert_eq!(status(&Kew::with(Server::builder().mode(Mode::Aws))), 403);
    assert_eq!(status(&Kew::with(Server::builder().mode(Mode::Aws).control(ControlMode::On))), 200);
    assert_eq!(status(&Kew::with(Server::builder().control(ControlMode::Off))), 403);
    let everywhere = Server::builder().listen("0.0.0.0:0".parse().unwrap());
    let open = everywhere.clone().control(ControlMode::On).start().unwrap();
    assert_eq!(open.control_token(), None);
    let made_up = everywhere.start().unwrap();
    assert_eq!(made_up.control_token().map(str::len), Some(32));
}

#[test]
fn a_token_is_asked_for_at_every_endpoint_and_said_how_to_send() {
    let kew = Kew::with(Server::builder().queue("orders").control_token("s3cret"));
    for (method, path) in [("GET", "/_kew"), ("GET", "/_kew/queues"), ("POST", "/_kew/clock"), ("GET", "/_kew/nothing")]
    {
        for headers in [&[][..], &[("Authorization", "Bearer s3cre")], &[("Authorization", "s3cret")]] {
            let answer = ask(&kew, method, path, headers);
            assert_eq!(answer.status, 403, "{method} {path}");
            assert!(
                answer.body.contains("Authorization: Bearer TOKEN") && !answer.body.contains("s3cret"),
                "{answer:?}"
            );
        }
    }
    assert_eq!(ask(&kew, "GET", "/_kew/queues", &[("Authorization", "Bearer s3cret")]).status, 200);
    // SQS itself needs none.
    kew.send("orders", "x");
}

#[test]
fn a_token_and_control_for_everyone_contradict_each_other() {
    let error = Server::builder().control(ControlMode::On).control_token("x").start().unwrap_err().to_string();
    assert!(error.contains("--control token"), "{error}");
    for token in ["", "two words", &"x".repeat(257)] {
        assert!(Server::builder().control_token(token).start().is_err(), "{token}");
    }
}

#[test]
fn what_opens_sqs_to_a_page_does_not_open_control() {
    for all in [PAGE, "*"] {
        let kew = Kew::with(Server::builder().queue("orders").cors(origins(all)));
        let page = [("Origin", PAGE), JSON];
        let refused = ask(&kew, "GET", "/_kew/queues", &page);
        assert_eq!((refused.status, refused.header("access-control-allow-origin")), (403, None));
        assert!(refused.body.contains(&format!("--cors-control {PAGE}")), "{refused:?}");
        let asks = [("Origin", PAGE), ("Access-Control-Request-Method", "POST")];
        assert_eq!(ask(&kew, "OPTIONS", "/_kew/queues", &asks).status, 403);
        assert_eq!(ask(&kew, "OPTIONS", "/", &asks).status, 204);
        // Nor does a browser that does not say for whom it asks.
        assert_eq!(ask(&kew, "GET", "/_kew", &[("User-Agent", "Mozilla/5.0")]).status, 403);
        assert_eq!(ask(&kew, "GET", "/_kew", &[("Host", "evil.example")]).status, 403);
    }
}

#[test]
fn a_page_that_may_control_does_so() {
    let kew = Kew::with(Server::builder().queue("orders").cors_control(origins(PAGE)));
    let answer = ask(&kew, "GET", "/_kew/queues", &[("Origin", PAGE)]);
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, Some(PAGE)));
    let asks = [("Origin", PAGE), ("Access-Control-Request-Method", "PUT")];
    let preflight = ask(&kew, "OPTIONS", "/_kew/clock", &asks);
    assert_eq!(preflight.status, 204);
    assert!(preflight.header("access-control-allow-methods").unwrap().contains("PUT, DELETE"), "{preflight:?}");
    // It is for control alone.
    assert_eq!(kew.request("POST", "/", &[("Origin", PAGE)], "Action=ListQueues").status, 403);
}

#[test]
fn a_browser_changes_nothing_by_what_it_sends_without_asking_first() {
    let kew = Kew::with(Server::builder().queue("orders").cors_control(origins(PAGE)));
    let own = format!("http://{}", kew.address());
    let signs: [&[(&str, &str)]; 5] = [
        &[("Origin", PAGE)],
        &[("Origin", &own)],
        &[("Referer", &own), ("User-Agent", "Mozilla/5.0")],
        &[("Sec-Fetch-Site", "same-origin")],
        &[("Sec-Fetch-Mode", "no-cors")],
    ];
    for sign in signs {
        for method in ["POST", "PUT", "DELETE"] {
            for form in [None, Some("text/plain"), Some("application/x-www-form-urlencoded")] {
                let headers: Vec<_> = sign.iter().copied().chain(form.map(|form| ("Content-Type", form))).collect();
                let answer = ask(&kew, method, "/_kew/nothing", &headers);
                assert_eq!(answer.status, 400, "{method} {headers:?}");
                assert!(answer.body.contains("Content-Type: application/json"), "{answer:?}");
            }
            let headers = [sign, &[("Content-Type", "Application/JSON; charset=utf-8")]].concat();
            assert_eq!(ask(&kew, method, "/_kew/nothing", &headers).status, 404, "{method} {headers:?}");
        }
    }
}

#[test]
fn a_program_need_not_say_what_it_sends() {
    let kew = Kew::start();
    for headers in [&[][..], &[("Content-Type", "application/x-www-form-urlencoded")], &[("User-Agent", "curl/8.5.0")]]
    {
        for method in ["POST", "PUT", "DELETE"] {
            assert_eq!(ask(&kew, method, "/_kew/nothing", headers).status, 404, "{method} {headers:?}");
        }
    }
    let answer = ask(&kew, "PATCH", "/_kew/queues", &[]);
    assert!(answer.status == 400 && answer.body.contains("GET, PUT, POST and DELETE"), "{answer:?}");
}
