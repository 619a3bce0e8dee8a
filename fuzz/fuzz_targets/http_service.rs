//! Any bytes at the HTTP service: no panic, no answer that blames the server, and a well-formed body.
//!
//! What begins with `/_kew/` is left to the target `control`: there a body may be without an end, and a fault may be asked for. The
//! recorded requests of `tests/fixtures/captures` are a corpus as they stand; `fuzz/seeds/http_service` has some in CBOR.

#![no_main]

#[path = "../../tests/support/answers.rs"]
mod answers;
mod wire;

use answers::{answer, check};
use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use kew::Clock;
use kew::NamespaceMode;
use kew::internals::broker::{Broker, BrokerOptions};
use kew::internals::control::Control;
use kew::internals::http::{HttpOptions, Service};
use libfuzzer_sys::fuzz_target;
use std::cell::LazyCell;

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

fuzz_target!(|input: &[u8]| {
    RUNTIME.with(|runtime| {
        let _inside = runtime.enter();
        let service = service();
        let of_sqs = wire::requests(input).filter(|request| !request.uri().path().starts_with("/_kew/"));
        of_sqs.for_each(|request| check(answer(&service, request)));
    });
});
