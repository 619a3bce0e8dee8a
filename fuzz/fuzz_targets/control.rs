//! Any calls of the control API, and requests to SQS in between: no panic, no answer that blames the server, and an error that says
//! what is wrong. Inputs are as those of `http_service`; `fuzz/seeds/control` has one of each endpoint.

#![no_main]

#[path = "../../tests/support/control_calls.rs"]
mod control_calls;
mod wire;

use control_calls::{answer, check};
use kew::internals::clock::NetworkTime;
use kew::{QueueConfig, Server};
use libfuzzer_sys::fuzz_target;
use std::cell::LazyCell;

thread_local! {
    static RUNTIME: LazyCell<tokio::runtime::Runtime> = const {
        LazyCell::new(|| tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap())
    };
}

fuzz_target!(|input: &[u8]| {
    RUNTIME.with(|runtime| {
        let _inside = runtime.enter();
        let time = NetworkTime::manual();
        let server = Server::builder()
            .queue(QueueConfig::new("orders").dead_letter("orders-dead", 2))
            .queue("jobs.fifo")
            .network_time(time.clone())
            .seed(1)
            .start()
            .unwrap();
        for request in wire::requests(input) {
            let of_control = request.uri().path().starts_with("/_kew/");
            let answer = answer(server.service(), &time, request);
            // What SQS answers may be a fault that was asked for.
            if of_control {
                check(answer);
            }
        }
    });
});
