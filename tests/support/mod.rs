//! What the test programs share. Each takes it in by `#[path = "../support/mod.rs"] mod support;`.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `http.rs` | an HTTP connection that is nothing but a socket, requests byte for byte, answers read strictly |
//! | `client.rs` | an SQS client on such a connection, for servers that are killed |
//! | `cbor.rs` | CBOR for the JSON members of a request, and JSON for an answer in CBOR |
//! | `flatten.rs` | the members of a request as a flat list, read in three independent ways |
//! | `query.rs` | the form of the Query protocol for the JSON members of a request |
//! | `answers.rs` | requests at the HTTP service without a socket, and what every answer has to be |
//! | `captures.rs` | the requests that real clients wrote, and decoding of requests by hand |
//! | `hostile.rs` | hostile texts, values and JSON bodies for every action |
#![allow(dead_code, unused_imports, reason = "each test program uses a part")]

pub mod answers;
pub mod captures;
pub mod cbor;
pub mod client;
pub mod flatten;
pub mod hostile;
pub mod http;
pub mod query;

pub use captures::*;
pub use http::*;

/// A number in the environment, such as `ROUNDS` and `SEED`.
///
/// # Panics
/// If it is set to something else.
pub fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}
