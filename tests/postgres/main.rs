//! The store of `--data postgres://...`, on a PostgreSQL.

#[path = "../store/contract.rs"]
mod contract;
mod databases;
#[path = "../store/equal.rs"]
mod equal;
mod place;
mod store;
#[path = "../store/support.rs"]
#[allow(dead_code)]
mod support;
