//! The store of `--data DIR`: what it brings back, what it does when something is wrong, and what a loss of power can
//! take.

#[path = "../support/cbor.rs"]
mod cbor;
mod contract;
mod damage;
mod equal;
mod faults;
mod flips;
mod growth;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "../support/http.rs"]
mod http;
mod migration;
mod move_task;
mod place;
mod power;
mod records;
mod stall;
mod support;
mod varied;
