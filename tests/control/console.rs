//! The files of the web console: who gets them, and what a browser is told with them. What they do is in `tests/console`.

use super::fixture::{Answer, Kew};
use kew::{ControlMode, Mode, Server};

const BROWSER: (&str, &str) = ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64)");
const WANTS_PAGE: (&str, &str) = ("Accept", "text/html,application/xhtml+xml");

fn get(kew: &Kew, path: &str, headers: &[(&str, &str)]) -> Answer {
    kew.request("GET", path, headers, "")
}

#[test]
fn a_browser_is_led_to_the_console_and_sqs_is_not_touched() {
    let kew = Kew::start();
    for path in ["/", "/_kew/ui"] {
        let led = get(&kew, path, &[BROWSER, WANTS_PAGE]);
        assert_eq!((led.status, led.header("location")), (302, Some("/_kew/ui/")), "{path}");
    }
    assert_eq!(get(&kew, "/", &[]).body, "kew is running.\n");
    assert_eq!(get(&kew, "/", &[("Accept", "*/*")]).status, 200);
    let queues = get(&kew, "/?Action=ListQueues&Version=2012-11-05", &[WANTS_PAGE]);
    assert!(queues.status == 200 && queues.body.contains("orders"), "{queues:?}");
    let page = get(&kew, "/_kew/ui/", &[BROWSER, WANTS_PAGE]);
    assert!(page.status == 200 && page.body.starts_with("<!doctype html>"));
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    let script = get(&kew, "/_kew/ui/app.js", &[BROWSER]);
    assert_eq!((script.status, script.header("content-type")), (200, Some("text/javascript; charset=utf-8")));
    assert_eq!(get(&kew, "/_kew/ui/mod.rs", &[]).status, 404);
    assert_eq!(kew.request("HEAD", "/_kew/ui/", &[], "").status, 200);
    // What is no reading is for the control API, which has no such endpoint.
    assert_eq!(kew.request("POST", "/_kew/ui/", &[], "").status, 404);
}

#[test]
fn the_page_may_use_this_server_only_and_nobody_may_frame_it() {
    let kew = Kew::start();
    for path in ["/_kew/ui/", "/_kew/ui/app.js", "/_kew/ui/app.css"] {
        let answer = get(&kew, path, &[]);
        let policy = answer.header("content-security-policy").unwrap();
        for part in [
            "default-src 'none'",
            "script-src 'self'",
            "connect-src 'self'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'; trusted-types 'none'",
        ] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{path}: {name}");
        }
    }
}

#[test]
fn a_file_that_has_not_changed_is_not_sent_again() {
    let kew = Kew::start();
    let first = get(&kew, "/_kew/ui/app.js", &[]);
    let etag = first.header("etag").unwrap();
    let again = get(&kew, "/_kew/ui/app.js", &[("If-None-Match", etag)]);
    assert_eq!((again.status, again.body.as_str(), again.header("etag")), (304, "", Some(etag)));
    assert_eq!(get(&kew, "/_kew/ui/app.js", &[("If-None-Match", "\"other\"")]).body, first.body);
}

#[test]
fn there_is_no_console_where_control_is_off_and_a_token_guards_all_but_its_files() {
    for builder in [Server::builder().control(ControlMode::Off), Server::builder().mode(Mode::Aws)] {
        let kew = Kew::with(builder);
        assert_eq!(get(&kew, "/_kew/ui/", &[WANTS_PAGE]).status, 403);
        assert_eq!(get(&kew, "/", &[BROWSER, WANTS_PAGE]).body, "kew is running.\n");
    }
    let kew = Kew::with(Server::builder().control_token("s3cret"));
    assert_eq!(get(&kew, "/_kew/ui/", &[BROWSER, WANTS_PAGE]).status, 200);
    assert_eq!(get(&kew, "/_kew/queues", &[]).status, 403);
}

/// What Chromium sends for the console's own page, by `localhost`, and by an address for which it sends no `Sec-Fetch-Site`.
#[test]
fn the_consoles_own_requests_come_through_and_those_of_other_pages_do_not() {
    let kew = Kew::start();
    let address = kew.address().to_string();
    let own = format!("http://{address}");
    let page = format!("{own}/_kew/ui/");
    let status = |headers: &[(&str, &str)]| get(&kew, "/_kew/queues", headers).status;
    assert_eq!(status(&[BROWSER, ("Referer", &page), ("Sec-Fetch-Site", "same-origin")]), 200);
    assert_eq!(status(&[BROWSER, ("Referer", &page)]), 200);
    assert_eq!(status(&[BROWSER]), 403, "nothing shows for whom");
    assert_eq!(status(&[BROWSER, ("Referer", "http://evil.example/")]), 403);
    assert_eq!(status(&[BROWSER, ("Referer", &page), ("Sec-Fetch-Site", "cross-site")]), 403);
    // Another port of this machine is another origin.
    assert_eq!(status(&[BROWSER, ("Origin", "http://127.0.0.1:1"), ("Sec-Fetch-Site", "same-site")]), 403);
    let post = |headers: &[(&str, &str)]| {
        let target = [("Content-Type", "application/x-amz-json-1.0"), ("X-Amz-Target", "AmazonSQS.ListQueues")];
        kew.request("POST", "/", &[&target, headers].concat(), "{}").status
    };
    assert_eq!(post(&[BROWSER, ("Origin", &own), ("Referer", &page)]), 200);
    assert_eq!(post(&[BROWSER, ("Origin", "http://evil.example")]), 403);
    assert_eq!(post(&[BROWSER, ("Origin", "null")]), 403);
    // A name of somebody's own that is pointed at this machine: to the browser it is one origin with the page.
    let rebound = [("Host", "evil.example"), BROWSER, ("Sec-Fetch-Site", "same-origin")];
    for path in ["/", "/_kew/ui/", "/_kew/ui/app.js", "/_kew/queues"] {
        assert_eq!(get(&kew, path, &rebound).status, 403, "{path}");
    }
    // In words, for a person who came by that name.
    let told = get(&kew, "/", &[&rebound[..], &[WANTS_PAGE]].concat());
    assert!(told.body.contains("--allow-host evil.example") && told.header("content-type") == Some("text/plain"));
    assert_eq!(post(&[&rebound[..], &[("Origin", "http://evil.example")]].concat()), 403);
}
