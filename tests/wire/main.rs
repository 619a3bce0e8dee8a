//! The wire layer against raw bytes: requests of real clients, exact answers, and the service model.

mod answers;
mod captures;
mod cbor;
mod errors;
mod hostile;
mod members;
mod model;
mod recorded;
#[path = "../support/mod.rs"]
mod support;
