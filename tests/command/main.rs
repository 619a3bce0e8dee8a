//! The real `kew` command, as a person or a container starts it.
#![cfg(unix)]

#[path = "../door/support.rs"]
#[allow(dead_code, reason = "the tests of the front door use the rest")]
mod door;
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
