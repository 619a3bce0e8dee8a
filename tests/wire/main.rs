//! The wire layer against raw bytes: requests of real clients, exact answers, and the service model.

mod answers;
mod captures;
mod errors;
mod hostile;
mod leaves;
mod members;
mod model;
mod recorded;
#[path = "../support/mod.rs"]
mod support;
