//! Policies: read and evaluated against a slow and obvious evaluator, any text that claims to be one, and what a server does with
//! them.

mod any_text;
mod differential;
mod fixture;
mod naive;
mod permit;
#[cfg(unix)]
mod server;
#[path = "../support/mod.rs"]
mod support;
mod words;
