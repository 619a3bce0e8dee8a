//! kew (say "queue") is an Amazon SQS-compatible message queue: one small binary, and this crate for Rust tests.
//!
//! Unmodified SQS clients run against it. This page is the map of the house; the README says how to use it.
//!
//! # In a test
//!
//! A [`Server`] starts in async code and in plain tests alike, on a free port. Dropping it cuts off what is under way and waits for
//! its threads; [`Server::shutdown`], and [`Server::shutdown_blocking`] in plain tests, let requests finish first:
//!
//! ```
//! let server = kew::Server::builder().queue("orders").start()?;
//! println!("AWS_ENDPOINT_URL={}", server.endpoint_url());
//! assert!(server.queue_url("orders").ends_with("/000000000000/orders"));
//! # Ok::<(), kew::StartError>(())
//! ```
//!
//! With a manual clock no test has to sleep: turning it ends delays and visibility timeouts, and wakes long polls:
//!
//! ```
//! # #[cfg(feature = "aws-sdk")] {
//! use std::time::Duration;
//!
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! let server = kew::Server::builder().queue("orders").manual_clock().start()?;
//! let (sqs, url) = (server.client(), server.queue_url("orders"));
//!
//! sqs.send_message().queue_url(&url).message_body("later").delay_seconds(60).send().await?;
//! let early = sqs.receive_message().queue_url(&url).send().await?;
//! assert!(early.messages().is_empty());
//!
//! server.advance(Duration::from_secs(60));
//! let now = sqs.receive_message().queue_url(&url).send().await?;
//! assert_eq!(now.messages()[0].body(), Some("later"));
//!
//! server.shutdown().await;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! # }
//! ```
//!
//! Nothing happens by itself on a manual clock: a long poll at an empty queue lasts until the test turns the clock or sends a
//! message, and so does a consumer under test that polls. [`Server::waiting_receivers`] tells when it has come to wait. A server that
//! is started again on the same data directory needs the same [`Clock`] (clones share one), for a new manual clock stands at
//! 2026-01-01 again, before everything that the data speaks of.
//!
//! With `default-features = false` the crate is a light test dependency without C code. The feature `aws-sdk` brings
//! `Server::client`, an `aws_sdk_sqs::Client` that is set up for the server; the default feature `bin` brings what only the `kew`
//! command needs, and with it the feature `store`, which `ServerBuilder::data` needs too.
//!
//! # One idea
//!
//! A queue is a pure, synchronous state machine. Time goes in as an argument; what happened comes out as a list of effects.
//! HTTP, waiting and disk are thin shells around it. That is why tests never sleep, why users can turn the clock, and why
//! there is one replay path for recovery.
//!
//! # The rooms
//!
//! | room | what it is for |
//! | --- | --- |
//! | `api/` | what SQS says: the 23 operations, their members, attributes, rules and limits; no bytes, no state |
//! | `error.rs` | the error table: type, code, status, fault |
//! | `wire/` | how SQS speaks: bytes to and from `api/`, in AWS JSON 1.0 and AWS Query; no state |
//! | `engine/` | what a queue does: pure, synchronous, deterministic |
//! | `broker/` | many queues: names, accounts and regions, locks, long polls, dead letters, move tasks |
//! | `store/` | what survives: one committer thread, and SQLite behind the feature `store` |
//! | `clock.rs` | the only file that reads or waits for time |
//! | `http/` | the front door: hyper service, limits, health, which names and web pages may, threads |
//! | `config/` | one definition of all settings, for file, environment, flags and code |
//! | `server/` | [`Server`] and its [`ServerBuilder`], which put the rooms together |
//! | `main.rs` `cli.rs` `logging.rs` | the command: arguments and environment to a [`Config`], signals, the log, and all that is printed |
//!
//! Where to change what: a member of a request is in `api/`, a text of an error beside the rule that gives it (`api/rules.rs`,
//! `broker/`), a header in `http/mod.rs`, a number in `api/limits.rs`, a queue attribute in the table of `api/attributes.rs`.
//!
//! Who may know whom, checked by `tests/layers.rs`: `main -> server -> http -> {wire, broker}`, `wire -> api`,
//! `broker -> {api, engine, store}`, `store -> engine`, `engine ->` nothing.
//!
//! # Invariants
//!
//! 1. `engine/` knows no tokio, hyper, file, socket, clock or random source (but for the keys of its hash maps, which nothing
//!    shows). `now` and ids are arguments.
//! 2. `wire/` knows no queue, `api/` knows no bytes, `engine/` knows no HTTP status.
//! 3. No lock is held across an `.await`; a thread holds at most one queue lock at a time.
//! 4. Correctness never depends on a background task: every operation first brings its queue up to `now`. Tasks only make
//!    things prompt.
//! 5. Nothing is acknowledged before it is as durable as the user asked for, and nothing is shown to a consumer that a crash
//!    could take back.
//! 6. Any bytes from the network give an answer in SQS's shape, never a panic, never unbounded memory. Every limit has a name.
//! 7. A message body is copied once, into an allocation of its own size; request buffers are never kept alive.
//! 8. Work under a lock is bounded and never grows with the depth of the queue: every operation is O(1) or O(log n).
//! 9. Waiting is free: no polling loops, no timer per message, one direct hand-off to the receiver who waited longest.
//! 10. Tests do not sleep; they turn the manual clock. (Only `tests/crash`, which kills kew at random moments, waits for them.)
//! 11. Messages leave one queue for another in one place (`broker/transfer.rs`), one mover at a time for each source, and leaving and
//!     arriving are one commit.
//!
//! # Words in comments
//!
//! "Recorded" marks a rule that was seen in exchanges with AWS itself; "uncertain" one for which no such exchange is known, with
//! the choice that was made.

#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(missing_docs)]

mod actions;
mod api;
mod broker;
mod clock;
mod config;
mod engine;
mod error;
mod http;
mod server;
mod store;
mod wire;

#[cfg(feature = "aws-sdk")]
pub use aws_sdk_sqs;
#[cfg(feature = "aws-sdk")]
pub use aws_types::SdkConfig;
pub use clock::Clock;
pub use config::{Config, Durability, Hosts, Mode, NamespaceMode, Origins, QueueConfig, SettingError};
pub use server::{Server, ServerBuilder, StartError};
pub use store::StoreError;

/// The rooms, for the `kew` command and the tests of this package. Not part of the crate's interface: anything in here may
/// change in any release.
#[doc(hidden)]
pub mod internals {
    pub mod actions {
        pub use crate::actions::*;
    }
    pub mod api {
        pub use crate::api::*;
    }
    pub mod broker {
        pub use crate::broker::*;
    }
    pub mod clock {
        pub use crate::clock::*;
    }
    pub mod config {
        pub use crate::config::*;
    }
    pub mod engine {
        pub use crate::engine::*;
    }
    pub mod error {
        pub use crate::error::*;
    }
    pub mod http {
        pub use crate::http::*;
    }
    pub mod store {
        pub use crate::store::*;
    }
    pub mod wire {
        pub use crate::wire::*;
    }
}
