//! Any bytes at the HTTP service: no panic, no answer that blames the server, and a well-formed body.
//!
//! An input is a request as it goes over the wire, or several with a line `=====` between them, so the recorded requests of
//! `tests/fixtures/captures` are a corpus as they stand. The head is read leniently: whatever cannot be told to hyper is left
//! out, for what hyper refuses never reaches the service.

#![no_main]

#[path = "../../tests/support/answers.rs"]
mod answers;

use answers::{answer, check};
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Method, Request, Uri};
use kew::Clock;
use kew::NamespaceMode;
use kew::internals::broker::{Broker, BrokerOptions};
use kew::internals::control::Control;
use kew::internals::http::{HttpOptions, Service};
use libfuzzer_sys::fuzz_target;
use std::cell::LazyCell;

const SEPARATOR: &[u8] = b"\n=====\n";
/// Requests of one input that are looked at.
const REQUESTS_MAX: usize = 16;

/// What the queues hold when an input comes: the names are those of the captures.
const BEFORE: &[&str] = &[
    "Action=CreateQueue&QueueName=cap-dead",
    "Action=CreateQueue&QueueName=cap-queue&Attribute.1.Name=RedrivePolicy&Attribute.1.Value=\
     %7B%22deadLetterTargetArn%22%3A%22arn%3Aaws%3Asqs%3Aus-east-1%3A000000000000%3Acap-dead%22%2C%22maxReceiveCount%22%3A1%7D",
    "Action=CreateQueue&QueueName=cap-queue.fifo&Attribute.1.Name=FifoQueue&Attribute.1.Value=true",
    "Action=SendMessage&QueueUrl=cap-queue&MessageBody=one&MessageAttribute.1.Name=a&\
     MessageAttribute.1.Value.DataType=String&MessageAttribute.1.Value.StringValue=v",
    "Action=SendMessage&QueueUrl=cap-queue&MessageBody=two&DelaySeconds=5",
    "Action=SendMessage&QueueUrl=cap-dead&MessageBody=dead",
    "Action=SendMessage&QueueUrl=cap-queue.fifo&MessageBody=f&MessageGroupId=g&MessageDeduplicationId=d",
];

thread_local! {
    /// For the limit on the time that a body may take, which needs a timer.
    static RUNTIME: LazyCell<tokio::runtime::Runtime> = const {
        LazyCell::new(|| tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap())
    };
}

fn service() -> Service {
    let options = BrokerOptions { namespace: NamespaceMode::Merged, cooldowns: false, auto_create: false };
    let broker = Broker::new(options, Clock::manual());
    let service = Service::new(Control::of_broker(broker), HttpOptions { threads: 1, ..HttpOptions::default() });
    for form in BEFORE {
        let request = Request::post("/").header("content-type", "application/x-www-form-urlencoded");
        let answer = answer(&service, request.body(Full::new(Bytes::from_static(form.as_bytes()))).unwrap());
        assert_eq!(answer.status(), 200, "{form}");
    }
    service
}

/// The part before and the part after the first place where `mark` stands.
fn cut<'a>(bytes: &'a [u8], mark: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = bytes.windows(mark.len()).position(|window| window == mark)?;
    Some((&bytes[..at], &bytes[at + mark.len()..]))
}

fn request(bytes: &[u8]) -> Request<Full<Bytes>> {
    let (head, body) = cut(bytes, b"\r\n\r\n").unwrap_or((bytes, b""));
    let mut lines = head.split(|&b| b == b'\n').map(<[u8]>::trim_ascii);
    let mut words = lines.next().unwrap_or_default().splitn(3, |&b| b == b' ');
    let mut request = Request::new(Full::new(Bytes::copy_from_slice(body)));
    *request.method_mut() = Method::from_bytes(words.next().unwrap_or_default()).unwrap_or(Method::POST);
    *request.uri_mut() = Uri::try_from(words.next().unwrap_or_default()).unwrap_or_default();
    for line in lines {
        let Some((name, value)) = cut(line, b":") else { continue };
        let (name, value) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value.trim_ascii()));
        if let (Ok(name), Ok(value)) = (name, value) {
            request.headers_mut().append(name, value);
        }
    }
    request
}

fuzz_target!(|input: &[u8]| {
    RUNTIME.with(|runtime| {
        let _inside = runtime.enter();
        let service = service();
        let mut rest = Some(input);
        for _ in 0..REQUESTS_MAX {
            let Some(bytes) = rest else { break };
            let one = match cut(bytes, SEPARATOR) {
                Some((one, others)) => {
                    rest = Some(others);
                    one
                }
                None => {
                    rest = None;
                    bytes
                }
            };
            check(answer(&service, request(one)));
        }
    });
});
