//! The lines of docs/network.md, each by what a client sees: who may ask, what is on the wire, web pages, the other routes, and
//! what is kept. Other lines are shown by the tests of their own area; `guide.rs` checks that each line names a test that is there.

#[path = "../auth/keys.rs"]
#[allow(dead_code, reason = "the signer alone is used")]
mod keys;
#[path = "../support/mod.rs"]
mod support;
#[path = "../tls/client.rs"]
#[allow(dead_code, reason = "only connecting is used")]
mod tls;

mod fixture;
mod guide;
mod pages;
mod routes;
mod stored;
mod who;
mod wire;
