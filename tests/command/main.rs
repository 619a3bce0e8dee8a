//! The real `kew` command, as a person or a container starts it.
#![cfg(unix)]

#[path = "../http/support.rs"]
#[allow(dead_code, reason = "the HTTP tests use the rest")]
mod http;
mod kew;

mod config_file;
mod damage;
mod data;
mod embedding;
mod logging;
mod other_times;
mod refusals;
mod settings;
mod starting;
mod stopping;
