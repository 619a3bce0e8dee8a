//! No request makes the server hold more than four times its bytes: bodies made to cost memory, for every action in both protocols,
//! under an allocator that counts.
//!
//! A program of its own, because the allocator counts all that happens in a process, and one test at a time.

mod query;
#[path = "../support/mod.rs"]
mod support;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use kew::Clock;
use kew::NamespaceMode;
use kew::internals::broker::{Broker, BrokerOptions};
use kew::internals::control::Control;
use kew::internals::http::{HttpOptions, Service};
use peak_alloc::PeakAlloc;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Waker};
use support::answers::{answer, check};
use support::hostile::{self, Hostile};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Held by the test that measures.
static ALONE: Mutex<()> = Mutex::new(());

/// What a request may cost beside four times its bytes: what the limits of lists and maps, and of the texts of errors, allow.
const ALLOWANCE: usize = 160 * 1024;
/// What the form parameters of a request may cost: there may be 4096.
const FORM_ALLOWANCE: usize = 640 * 1024;
/// What a long poll may hold while it waits, whatever its request was.
const PARKED_ALLOWANCE: usize = 96 * 1024;

fn service() -> Service {
    let options = BrokerOptions { namespace: NamespaceMode::Merged, cooldowns: false, auto_create: false };
    let service = Service::new(
        Control::of_broker(Broker::new(options, Clock::manual())),
        HttpOptions { threads: 1, ..HttpOptions::default() },
    );
    for form in [
        "Action=CreateQueue&QueueName=q",
        "Action=CreateQueue&QueueName=q.fifo&Attribute.Name=FifoQueue&Attribute.Value=true",
    ] {
        assert_eq!(answer(&service, form_request(form.into())).status(), 200);
    }
    service
}

fn form_request(body: Vec<u8>) -> Request<Full<Bytes>> {
    let request = Request::post("/").header("content-type", "application/x-www-form-urlencoded");
    request.header("content-length", body.len()).body(Full::new(body.into())).unwrap()
}

fn json_request(action: &str, body: Vec<u8>) -> Request<Full<Bytes>> {
    let request = Request::post("/").header("content-type", "application/x-amz-json-1.0");
    let request = request.header("x-amz-target", format!("AmazonSQS.{action}")).header("content-length", body.len());
    request.body(Full::new(body.into())).unwrap()
}

/// Measures requests, and tells of those that cost too much.
#[derive(Default)]
struct Scales {
    measured: usize,
    too_much: Vec<String>,
}

impl Scales {
    fn weigh(&mut self, service: &Service, mut hostile: Hostile, json: bool) {
        hostile.body.shrink_to_fit();
        let (bytes, before) = (hostile.body.len(), MEMORY.current_usage() - hostile.body.len());
        let request = if json { json_request(hostile.action, hostile.body) } else { form_request(hostile.body) };
        MEMORY.reset_peak_usage();
        let answer = answer(service, request);
        let peak = MEMORY.peak_usage() - before;
        check(answer);
        let allowance = if json { ALLOWANCE } else { FORM_ALLOWANCE };
        if peak > 4 * bytes + allowance {
            let times = peak as f64 / bytes as f64;
            self.too_much.push(format!("{} of {bytes} bytes: {peak}, {times:.1} times", hostile.what));
        }
        self.measured += 1;
    }

    #[track_caller]
    fn verdict(self, at_least: usize) {
        assert!(self.measured >= at_least, "only {} requests", self.measured);
        let shown = self.too_much.iter().take(40).cloned().collect::<Vec<_>>().join("\n");
        assert!(self.too_much.is_empty(), "{} of {} requests:\n{shown}", self.too_much.len(), self.measured);
    }
}

#[test]
fn no_json_request_holds_more_than_four_times_its_bytes() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut scales = Scales::default();
    for action in hostile::operations() {
        let service = service();
        hostile::json_bodies(action, &mut |hostile| scales.weigh(&service, hostile, true));
    }
    scales.verdict(1500);
}

#[test]
fn no_query_request_holds_more_than_four_times_its_bytes() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut scales = Scales::default();
    for (action, members) in query::ACTIONS {
        let service = service();
        query::hostile(action, members, &mut |hostile| scales.weigh(&service, hostile, false));
    }
    scales.verdict(400);
}

#[test]
fn a_parked_receive_holds_no_more_than_its_limits() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut parked = 0;
    let mut too_much = Vec::new();
    hostile::long_polls(&mut |hostile| {
        let service = service();
        let before = MEMORY.current_usage() - hostile.body.capacity();
        let mut context = Context::from_waker(Waker::noop());
        let mut answer = pin!(service.answer(json_request(hostile.action, hostile.body), 9324));
        for _ in 0..3 {
            if answer.as_mut().poll(&mut context).is_ready() {
                return;
            }
        }
        assert_eq!(service.broker().waiting_receivers("000000000000", "us-east-1", "q"), 1);
        parked += 1;
        let held = MEMORY.current_usage() - before;
        if held > PARKED_ALLOWANCE {
            too_much.push(format!("{} holds {held}", hostile.what));
        }
    });
    assert!(parked >= 5, "only {parked}");
    assert!(too_much.is_empty(), "{too_much:#?}");
}
