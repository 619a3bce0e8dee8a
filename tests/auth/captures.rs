//! The requests that 28 real clients wrote: each is right with its key, and none when a byte of what is signed is turned.

use crate::keys::{keys, profiles};
use crate::support::{Raw, captures};
use kew::internals::auth::{Credentials, HttpRequest, Identity, Scope, identify};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The keys of the captures: their secrets are the access key ids but for the one of the session.
fn captured_keys() -> Credentials {
    keys(&profiles(&[
        ("test", "test", None),
        ("t", "t", None),
        ("root", "root", None),
        ("ASIATEST", "x", Some("tok/en+==")),
    ]))
}

/// A client that signs for S3, which AWS does not take for SQS.
fn service_of(raw: &Raw) -> &'static str {
    if raw.client.starts_with("perl") { "s3" } else { "sqs" }
}

/// When a capture was signed. Seconds of the day are enough: all are of one day.
fn signed_s(raw: &Raw) -> u64 {
    let date = raw.header("x-amz-date").unwrap();
    let number = |from: usize, to: usize| date[from..to].parse::<u64>().unwrap();
    assert_eq!(&date[..9], "20261120T");
    1_795_132_800 + number(9, 11) * 3600 + number(11, 13) * 60 + number(13, 15)
}

fn judge(raw: &Raw, credentials: &Credentials, now_s: u64) -> Result<Identity, String> {
    let headers: Vec<(&str, &[u8])> = raw.headers.iter().map(|(n, v)| (n.as_str(), v.as_bytes())).collect();
    let (query, body) = (raw.query.as_deref(), &*raw.body);
    let request = HttpRequest { method: &raw.method, path: &raw.path, query, headers: &headers, body };
    let scope = Scope { region: None, service: service_of(raw) };
    identify(credentials, &request, scope, now_s).map_err(|error| error.to_string())
}

#[test]
fn every_capture_is_right_with_its_key() {
    let credentials = captured_keys();
    let (mut signed, mut unsigned) = (0, 0);
    for raw in captures() {
        let name = format!("{}/{}", raw.client, raw.name);
        if raw.header("authorization").is_none() {
            assert!(matches!(judge(&raw, &credentials, 0), Ok(Identity::Anonymous)), "{name}");
            unsigned += 1;
            continue;
        }
        let identity = judge(&raw, &credentials, signed_s(&raw)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let principal = identity.principal().expect("somebody who signed");
        assert!(
            raw.header("authorization").unwrap().contains(&format!("Credential={}/", principal.access_key)),
            "{name}"
        );
        signed += 1;
    }
    assert_eq!((signed, unsigned), (478, 1));
}

#[test]
fn the_moment_of_the_captures_is_that_of_a_calendar() {
    let at = UNIX_EPOCH + Duration::from_secs(1_795_132_800);
    assert_eq!(httpdate::fmt_http_date(at), "Fri, 20 Nov 2026 00:00:00 GMT");
    assert!(at > SystemTime::UNIX_EPOCH);
}

/// What of a capture is signed, or says how: each place by a name and its length.
fn places(raw: &Raw) -> Vec<(String, usize)> {
    let signed = raw.header("authorization").unwrap().split("SignedHeaders=").nth(1).unwrap();
    let signed: Vec<&str> = signed.split(',').next().unwrap().split(';').collect();
    let mut places = vec![("method".to_owned(), raw.method.len()), ("body".to_owned(), raw.body.len())];
    places.push(("path".to_owned(), raw.path.len()));
    places.extend(raw.query.as_ref().map(|query| ("query".to_owned(), query.len())));
    for (name, value) in &raw.headers {
        if signed.contains(&name.as_str()) || name == "authorization" || name == "x-amz-date" {
            places.push((format!("value of {name}"), value.len()));
            places.push((format!("name of {name}"), name.len()));
        }
    }
    places
}

/// The capture with the lowest bit of one byte turned; none if that would leave what a request cannot be.
fn turned(raw: &Raw, place: &str, at: usize) -> Raw {
    let flip = |text: &str| {
        let mut bytes = text.as_bytes().to_vec();
        bytes[at] ^= 1;
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let mut other = Raw {
        client: raw.client.clone(),
        name: raw.name.clone(),
        method: raw.method.clone(),
        path: raw.path.clone(),
        query: raw.query.clone(),
        headers: raw.headers.clone(),
        body: raw.body.clone(),
    };
    match place {
        "method" => other.method = flip(&raw.method),
        "path" => other.path = flip(&raw.path),
        "query" => other.query = raw.query.as_deref().map(flip),
        "body" => other.body[at] ^= 1,
        header => {
            let (what, name) = header.split_once(" of ").unwrap();
            let header = other.headers.iter_mut().find(|(other, _)| other == name).unwrap();
            let part = if what == "name" { &mut header.0 } else { &mut header.1 };
            *part = flip(part);
        }
    }
    other
}

/// Turns every `stride`th byte of all captures.
fn turn(stride: usize) {
    let credentials = captured_keys();
    let all = captures();
    let signed: Vec<&Raw> = all.iter().filter(|raw| raw.header("authorization").is_some()).collect();
    let check = |raws: &[&Raw]| {
        let mut count = 0;
        for raw in raws {
            let now_s = signed_s(raw);
            for (place, length) in places(raw) {
                // A path of one slash has no other byte, and without it there is no path.
                if place == "path" && length == 1 {
                    continue;
                }
                for at in (count % stride..length).step_by(stride) {
                    let outcome = judge(&turned(raw, &place, at), &credentials, now_s);
                    assert!(!matches!(outcome, Ok(Identity::Signed(_))), "{}/{}: {place} {at}", raw.client, raw.name);
                    // Without the header's name nothing is signed, and nobody known.
                    assert!(
                        outcome.is_err() || place == "name of authorization",
                        "{}/{}: {place} {at}",
                        raw.client,
                        raw.name
                    );
                    count += 1;
                }
            }
        }
        count
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let turned: usize = std::thread::scope(|scope| {
        let chunks: Vec<_> =
            signed.chunks(signed.len().div_ceil(threads)).map(|raws| scope.spawn(move || check(raws))).collect();
        chunks.into_iter().map(|chunk| chunk.join().unwrap()).sum()
    });
    assert!(turned > 280_000 / stride, "only {turned} bytes were turned");
}

/// A prime: in each capture and each place it begins elsewhere.
#[test]
fn no_capture_is_right_when_a_byte_is_turned() {
    turn(7);
}

/// Every byte: `make signatures`.
#[test]
#[ignore = "280,000 signatures: a minute"]
fn no_capture_is_right_when_any_byte_is_turned() {
    turn(1);
}
