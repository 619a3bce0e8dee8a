//! The store of `--data postgres://...`, on a PostgreSQL.
#![cfg(unix)]

#[path = "../support/cbor.rs"]
mod cbor;
#[path = "../store/contract.rs"]
mod contract;
#[path = "../store/equal.rs"]
mod equal;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "../support/http.rs"]
mod http;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "../command/kew.rs"]
mod kew;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "../store/support.rs"]
mod support;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "../store/varied.rs"]
mod varied;

mod between;
mod by_hand;
mod copy;
mod cut;
mod joining;
mod journal;
mod nodes;
mod place;
#[allow(dead_code, reason = "the crash test uses the rest")]
mod proxy;
mod refusals;
mod replicated;
#[allow(dead_code, reason = "the crash test uses the rest")]
mod server;
mod stall;
mod store;
mod takeover;

/// A number in the environment, such as `SEED`.
fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}
