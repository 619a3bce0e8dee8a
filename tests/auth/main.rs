//! Signature Version 4: requests of real clients and of botocore's own signers, what is refused and how, and a server with keys.

mod captures;
mod keys;
mod properties;
mod refusals;
mod rules;
mod served;
#[path = "../support/mod.rs"]
mod support;
