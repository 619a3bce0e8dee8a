//! The HTTP server under strain: raw sockets against an embedded server whose clock only the test turns.

mod any_request;
mod captures;
mod cbor;
mod cors;
mod garbage;
mod half_close;
mod health;
mod hosts;
mod http1;
mod limits;
mod long_polls;
mod queue_urls;
#[path = "../support/mod.rs"]
mod support;
mod timeouts;

use support::answers;
