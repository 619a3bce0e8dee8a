//! A request straight at the control API, without a socket, and what every answer of it has to be; the fuzz target uses it too.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response};
use kew::internals::clock::NetworkTime;
use kew::internals::http::{AnswerBody, Service};
use serde_json::Value;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// Longer than any call may take.
const LONGEST: Duration = Duration::from_secs(11 * 60);
/// Pieces that are read of an answer without an end.
const PIECES_MAX: usize = 4;

/// Drives a request to its answer; what waits for real time gets it from the test.
pub fn answer(service: &Service, time: &NetworkTime, request: Request<Full<Bytes>>) -> Response<AnswerBody> {
    let mut context = Context::from_waker(Waker::noop());
    let mut answer = pin!(service.answer(request, 9324));
    for _ in 0..50 {
        if let Poll::Ready(answer) = answer.as_mut().poll(&mut context) {
            return answer;
        }
        assert!(time.advance(LONGEST));
        std::thread::yield_now();
    }
    panic!("no answer, though more time has passed than a call may take");
}

/// Asserts that an answer does not blame the server, and that what it says is well formed.
pub fn check(answer: Response<AnswerBody>) {
    let status = answer.status().as_u16();
    assert!([200, 201, 204, 302, 304, 400, 403, 404, 409].contains(&status), "{status}");
    let kind = answer.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned()).unwrap_or_default();
    let body = beginning(answer.into_body());
    let text = std::str::from_utf8(&body).expect("UTF-8");
    if kind != "application/json" {
        return;
    }
    let json: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    if status >= 400 && json.get("met").is_none() {
        let error = json["error"].as_str().unwrap_or_default();
        assert!(!error.is_empty() && json["hint"].is_string(), "{text}");
        assert!(text.len() < 16 * 1024, "an error repeats what it was sent: {} bytes", text.len());
    }
}

/// A body, or the first pieces of one without an end.
fn beginning(body: AnswerBody) -> Vec<u8> {
    let mut body = pin!(body);
    let mut bytes = Vec::new();
    for _ in 0..PIECES_MAX {
        match pin!(body.frame()).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Some(frame)) => bytes.extend_from_slice(&frame.unwrap().into_data().unwrap_or_default()),
            Poll::Ready(None) | Poll::Pending => break,
        }
    }
    bytes
}
