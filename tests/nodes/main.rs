//! Several servers over one PostgreSQL: whichever of them a client talks to, it cannot tell.
#![cfg(unix)]

mod fixture;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "../postgres/server.rs"]
mod server;
#[path = "../support/mod.rs"]
mod support;

mod any_node;
mod between_nodes;
mod creating;
mod long_polls;
mod signed;
