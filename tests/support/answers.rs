//! A request straight at the service, without a socket, and what every answer has to be; the fuzz target uses it too.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response};
use kew::internals::http::{AnswerBody, Service};
use quick_xml::events::Event;
use serde_json::Value;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

const PORT: u16 = 9324;
/// The longest that a long poll may last.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// Drives a request to its answer. A long poll ends because the clock, a manual one, is turned.
pub fn answer(service: &Service, request: Request<Full<Bytes>>) -> Response<AnswerBody> {
    let mut context = Context::from_waker(Waker::noop());
    let mut answer = pin!(service.answer(request, PORT));
    // A body takes another turn.
    for _ in 0..3 {
        if let Poll::Ready(answer) = answer.as_mut().poll(&mut context) {
            return answer;
        }
        assert!(service.broker().advance(LONGEST_WAIT));
    }
    panic!("no answer, though more time has passed than a long poll may take");
}

/// Asserts that an answer does not blame the server, and that its body is what its head says.
pub fn check(answer: Response<AnswerBody>) {
    let status = answer.status().as_u16();
    assert!(status < 500, "{status}");
    let is_cbor = answer.headers().contains_key("smithy-protocol");
    let kind = answer.headers().get("content-type").map(|value| value.as_bytes().to_owned());
    let body = body_of(answer);
    if is_cbor {
        return assert_cbor(status, kind.as_deref(), &body);
    }
    let text = std::str::from_utf8(&body).expect("UTF-8");
    match kind.as_deref() {
        Some(b"text/xml") => assert_xml(text),
        // Actions without a result have no body at all.
        Some(b"application/x-amz-json-1.0") if text.is_empty() => assert_eq!(status, 200),
        Some(b"application/x-amz-json-1.0" | b"application/json") => {
            assert!(serde_json::from_str::<Value>(text).expect("JSON").is_object(), "{text}");
        }
        Some(b"text/plain" | b"text/plain; version=0.0.4; charset=utf-8") => assert_eq!(status, 200),
        // A selection of metrics that there is not.
        Some(b"text/plain; charset=utf-8") => assert_eq!(status, 400),
        Some(kind) if kind.starts_with(b"application/openmetrics-text;") => {
            assert!(text.ends_with("# EOF\n"), "{text}")
        }
        // A browser is led to the console.
        None => assert_eq!((status, text), (302, "")),
        other => panic!("content type {other:?}"),
    }
}

/// Actions without a result have neither body nor content type.
fn assert_cbor(status: u16, kind: Option<&[u8]>, mut body: &[u8]) {
    if kind.is_none() {
        return assert_eq!((status, body.len()), (200, 0));
    }
    assert_eq!(kind, Some(&b"application/cbor"[..]));
    let item: ciborium::Value = ciborium::from_reader(&mut body).expect("CBOR");
    assert!(item.is_map() && body.is_empty(), "{item:?}");
}

fn body_of(answer: Response<AnswerBody>) -> Bytes {
    let mut body = pin!(answer.into_body().collect());
    match body.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(body) => body.unwrap().to_bytes(),
        Poll::Pending => panic!("the body of an answer is there at once"),
    }
}

/// Whether XML 1.0 allows a character.
fn in_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

fn assert_xml(text: &str) {
    assert!(text.chars().all(in_xml), "a character that XML does not allow: {text:?}");
    let mut reader = quick_xml::Reader::from_str(text);
    let mut depth = 0;
    loop {
        match reader.read_event().unwrap_or_else(|e| panic!("{e}: {text}")) {
            Event::Start(_) => depth += 1,
            Event::End(_) => depth -= 1,
            Event::GeneralRef(entity) => {
                let number = entity.resolve_char_ref().unwrap_or_else(|e| panic!("{e}: {text}"));
                let named = matches!(AsRef::<str>::as_ref(&*entity), "lt" | "gt" | "amp" | "quot" | "apos");
                assert!(named || number.is_some_and(in_xml), "{entity:?} in {text}");
            }
            Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!(depth, 0, "{text}");
}
