//! The real `kew` command, as a person or a container starts it.
#![cfg(unix)]

mod kew;
#[path = "../support/mod.rs"]
mod support;

mod alerts;
mod config_file;
mod control;
mod credentials;
mod damage;
mod data;
mod embedding;
mod import;
mod init_scripts;
mod localstack;
mod logging;
mod other_times;
mod policy;
mod refusals;
mod run;
mod settings;
mod starting;
mod stopping;
mod tls;

use support::http;
