//! The rules of canonical requests, by requests that botocore's own signers signed: `tests/fixtures/signatures/make.py`.

use crate::keys::{NOW_S, SQS, keys, profiles};
use kew::internals::auth::{Carrier, Credentials, HttpRequest, Identity, canonical_request, identify};
use serde_json::Value;

const FIXTURE: &str = include_str!("../fixtures/signatures/signed.json");

struct Case {
    name: String,
    method: String,
    path: String,
    query: Option<String>,
    headers: Vec<(String, String)>,
    body: String,
    canonical: String,
}

impl Case {
    fn read(case: &Value) -> Case {
        let text = |name: &str| case[name].as_str().unwrap().to_owned();
        let target = text("target");
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path.to_owned(), Some(query.to_owned())),
            None => (target, None),
        };
        let headers = case["headers"].as_array().unwrap().iter();
        let headers =
            headers.map(|pair| (pair[0].as_str().unwrap().to_ascii_lowercase(), pair[1].as_str().unwrap().to_owned()));
        let (name, method, body, canonical) = (text("name"), text("method"), text("body"), text("canonical"));
        Case { name, method, path, query, headers: headers.collect(), body, canonical }
    }

    fn with<R>(&self, use_request: impl FnOnce(&HttpRequest<'_>) -> R) -> R {
        let headers: Vec<(&str, &[u8])> = self.headers.iter().map(|(n, v)| (n.as_str(), v.as_bytes())).collect();
        let (query, body) = (self.query.as_deref(), self.body.as_bytes());
        use_request(&HttpRequest { method: &self.method, path: &self.path, query, headers: &headers, body })
    }

    fn is_presigned(&self) -> bool {
        self.query.as_deref().is_some_and(|query| query.contains("X-Amz-Signature="))
    }
}

fn cases() -> (Credentials, Credentials, Vec<Case>) {
    let fixture: Value = serde_json::from_str(FIXTURE).unwrap();
    let text = |name: &str| fixture[name].as_str().unwrap();
    let (key, secret, token) = (text("key"), text("secret"), text("token"));
    let cases: Vec<Case> = fixture["cases"].as_array().unwrap().iter().map(Case::read).collect();
    assert!(cases.len() > 40, "only {} cases", cases.len());
    let of = |token| keys(&profiles(&[(key, secret, token)]));
    (of(None), of(Some(token)), cases)
}

#[test]
fn what_botocore_signed_is_right() {
    let (plain, session, cases) = cases();
    for case in cases {
        let credentials = if case.name.contains("sts-token") { &session } else { &plain };
        let identity = case.with(|request| identify(credentials, request, SQS, NOW_S));
        assert!(matches!(identity, Ok(Identity::Signed(_))), "{}: {identity:?}", case.name);
        // With the other kind of key it is not.
        let other = if case.name.contains("sts-token") { &plain } else { &session };
        let refused = case.with(|request| identify(other, request, SQS, NOW_S)).unwrap_err();
        assert_eq!(refused.kind.code(), "InvalidClientTokenId", "{}", case.name);
    }
}

#[test]
fn canonical_requests_are_those_of_botocore() {
    for case in cases().2 {
        let names: Vec<String> = case.canonical.rsplit('\n').nth(1).unwrap().split(';').map(str::to_owned).collect();
        let carrier = if case.is_presigned() { Carrier::Query { expires_s: 1 } } else { Carrier::Header };
        let canonical = case.with(|request| canonical_request(request, &names, carrier));
        assert_eq!(String::from_utf8(canonical).unwrap(), case.canonical, "{}", case.name);
    }
}

#[test]
fn a_request_that_is_not_the_signed_one_is_refused() {
    let (plain, session, cases) = cases();
    for mut case in cases {
        let credentials = if case.name.contains("sts-token") { &session } else { &plain };
        case.method = if case.method == "GET" { "POST" } else { "GET" }.to_owned();
        let refused = case.with(|request| identify(credentials, request, SQS, NOW_S)).unwrap_err();
        assert_eq!(refused.kind.code(), "SignatureDoesNotMatch", "{}", case.name);
    }
}

/// What the path and the query string say may be written in other ways: AWS decodes before it signs.
#[test]
fn a_query_string_may_be_written_in_other_ways() {
    let canonical = |path: &str, query: &str| {
        let request = HttpRequest { method: "GET", path, query: Some(query), headers: &[], body: b"" };
        let text = String::from_utf8(canonical_request(&request, &[], Carrier::Header)).unwrap();
        text.split('\n').nth(2).unwrap().to_owned()
    };
    for (query, expected) in [
        ("", ""),
        ("a", "a="),
        ("&&a=1&", "a=1"),
        ("a=b=c", "a=b%3Dc"),
        ("a=%2f&b=%2F", "a=%2F&b=%2F"),
        ("a=x+y", "a=x%20y"),
        ("a=%", "a=%25"),
        ("a=%zz", "a=%25zz"),
        ("a=1&A=1&%41=0", "A=0&A=1&a=1"),
        ("b=2&a=~", "a=~&b=2"),
    ] {
        assert_eq!(canonical("/", query), expected, "{query}");
    }
}
