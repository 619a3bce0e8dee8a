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
//! command needs, and with it the features `store`, which `ServerBuilder::data` needs too, `postgres` and `tls`.
//!
//! # One idea
//!
//! A queue is a pure, synchronous state machine. Time goes in as an argument; what happened comes out as a list of effects.
//! HTTP, waiting and disk are readers of those effects or thin shells around them. That is why tests never sleep, why users can
//! turn the clock, and why there is one replay path for recovery.
//!
//! And one way through the house. Every request goes through the same steps, each in one place:
//!
//! ```text
//! route     bytes, limits, rules for web pages       http/
//! decode    bytes to an api::Request                  wire/
//! identify  who signed it; nothing without keys       http/identify.rs, auth/signature/
//! resolve   which queue, by the operations table      actions/resolve.rs
//! permit    policies, then a hook may refuse          actions/permit.rs, auth/policy/, actions/hook.rs
//! act       open the queue, change it, close it       actions/ -> broker/ -> engine/
//! answer    durable as promised, a hook, encode       broker/journal.rs, store/, actions/hook.rs, wire/
//! ```
//!
//! # The rooms
//!
//! | room | what it is for |
//! | --- | --- |
//! | `api/` | what SQS says: the 23 operations as a table, their members, attributes, ARNs, queue URLs, rules and limits; no bytes, no state |
//! | `error.rs` | the error table: type, code, status, fault |
//! | `config/` | one definition of all settings, for file, environment, flags and code |
//! | `import/` | other people's configuration: ElasticMQ's, AWS's, CloudFormation's, Terraform's; text in, settings and queues out |
//! | `wire/` | how SQS speaks: bytes to and from `api/`, in AWS JSON 1.0, AWS Query and Smithy RPC v2 CBOR; no state |
//! | `auth/` | who may: keys, Signature Version 4, policies; pure |
//! | `engine/` | what a queue does: pure, synchronous, deterministic |
//! | `clock.rs` | the only file that reads or waits for time |
//! | `store/` | what survives: one committer thread, SQLite behind the feature `store`, PostgreSQL behind `postgres` |
//! | `cluster/` | several nodes over one database: who is thought dead, and who takes the queues of whom |
//! | `broker/` | many queues: names, locks, parked receives, wake-ups, the one transfer between queues |
//! | `actions/` | the 23 actions, and the one way to them |
//! | `control/` | the hand of a test: clock, awaits, faults, history, namespaces, over HTTP and from Rust |
//! | `histogram.rs` | histograms, plain and shared by threads |
//! | `metrics/` | metrics for Prometheus: the table of all, and what puts them together when somebody reads |
//! | `ui/` | the web console: the files that a browser loads, embedded as they are written |
//! | `http/` | connections, routes, limits, which names and web pages may, threads |
//! | `server/` | [`Server`] and its [`ServerBuilder`], which put the rooms together |
//! | `main.rs` `cli.rs` `logging.rs` `command/` | the command: arguments and environment to a [`Config`], the subcommands that ask a running kew, `kew run`, signals, the log, and all that is printed |
//!
//! Each room's `mod.rs` has a table of its files. Where to change what:
//!
//! | what | where |
//! | --- | --- |
//! | an action: its request, its answer, its address, its function | a row of `api/operation.rs`, and the function in `actions/` |
//! | a member of a request or an answer | `api/message.rs`, `api/queue.rs`, `api/task.rs` |
//! | the text of an error | beside the rule that gives it: `api/rules.rs`, `actions/` |
//! | the code or status of an error | a row of `error.rs` |
//! | a queue attribute | a row of `api/attributes.rs` |
//! | a number | `api/limits.rs`; for HTTP `http/limits.rs` |
//! | a setting | a field of `config/settings.rs` |
//! | a path that is not SQS's | a row of `http/routes.rs` |
//! | an answer to a wrong signature | `auth/signature/` |
//! | a key of the credentials file | `auth/credentials_toml.rs` |
//! | what a policy may say | `auth/policy/document.rs`, `auth/policy/operator.rs` |
//! | a condition key | `auth/policy/context.rs` |
//! | which permissions an action needs | `actions/permit.rs` |
//! | a header of every answer | `http/answer.rs` |
//! | who watches what happens | `Observer` of `broker/observer.rs` |
//! | an endpoint of the control API | a row in `control/endpoints/` |
//! | a page of the console | `ui/` |
//! | a metric | a row of `metrics/aws.rs` or `metrics/own.rs`; what is counted of a queue is in `broker/tally.rs` |
//!
//! Who may know whom, checked by `tests/layers.rs` (which also finds circles of files, of which there are none):
//! `main -> {server, import}`, `server -> http -> {wire, auth, control, metrics, ui, actions}`, `metrics -> {control, broker, store}`,
//! `control -> {actions, broker, auth}`, `actions -> {broker, auth, api}`, `broker -> {api, auth, engine, store}`, `import -> {config, api}`,
//! `wire -> api`, `auth -> api`, `store -> {engine, clock}`, `engine ->` nothing.
//!
//! # Four walks
//!
//! One SendMessage:
//!
//! | file | functions |
//! | --- | --- |
//! | `http/server.rs` `http/worker.rs` `http/connection.rs` | `accept`, `take`, `serve`: a connection on its thread, read by hyper |
//! | `http/pipeline.rs` `http/routes.rs` `http/origin.rs` | `answer_from`: `find` finds no route of its own, so it is for SQS; `judge` if it is of a browser |
//! | `http/body.rs` `http/sqs.rs` | `read`, `answer` |
//! | `wire/mod.rs` `wire/json.rs` | `decode`: a `Call` with the `Request` and the caller's `Credential` |
//! | `actions/pipeline.rs` `actions/resolve.rs` | `execute`: `resolve` finds the queue, and the table says which function acts |
//! | `actions/send.rs` | `send_message`: checks it, computes the digests |
//! | `broker/open.rs` `engine/queue.rs` | `open`, `send`: the message is in the queue, the effect in its journal |
//! | `broker/open.rs` `broker/journal.rs` `store/committer.rs` | `close`: `flush` gives the effect to the store by `submit`; `hand_out` |
//! | `broker/journal.rs` | `durable`: waits for the commit, if there is a store |
//! | `wire/reply.rs` `http/answer.rs` | `encode`, `of_reply` |
//!
//! One ReceiveMessage that finds nothing, is parked, and is woken:
//!
//! | file | functions |
//! | --- | --- |
//! | `actions/receive.rs` | `receive_message`, `deliveries`, `first_attempt` |
//! | `broker/open.rs` `engine/receive.rs` | `receive`: nothing there |
//! | `broker/open.rs` `broker/long_polls.rs` | `park` |
//! | `actions/receive.rs` `actions/presence.rs` | `wait`: for a hand-off, for the end of its time, and `gone` for the end of its client |
//! | `broker/wakeups.rs` `broker/timers.rs` `broker/open.rs` | `take_due`, `fire_due_queues`, `on_wakeup`: or any request that opens the queue |
//! | `broker/open.rs` | `close`, `hand_out`, `handoff`: to the receive that has been parked longest |
//! | `actions/receive.rs` `actions/presence.rs` | `deliver`, once it is durable and `look_again` found the client still there; `show` |
//!
//! One dead letter:
//!
//! | file | functions |
//! | --- | --- |
//! | `broker/open.rs` `engine/receive.rs` | `receive` with the count of the redrive policy, if `dead_letter_target` finds the queue |
//! | `broker/journal.rs` `broker/queue.rs` | `take_removals`, `push`: it stands among the departures of its source |
//! | `broker/open.rs` `broker/transfer.rs` | `close`, `transfer`: one mover for each source |
//! | `broker/transfer.rs` | `arrive`, `as_dead_letter`: opens the target |
//! | `broker/open.rs` `broker/journal.rs` | `insert`, `append`: leaving and arriving are one commit |
//!
//! One restart:
//!
//! | file | functions |
//! | --- | --- |
//! | `server/kept.rs` `store/sqlite/mod.rs` `store/sqlite/lock.rs` `store/sqlite/open.rs` | `with_store`, `open`: `take` the lock of the directory, `look` at the log, open the `database`, migrate |
//! | `store/sqlite/mod.rs` `store/sqlite/read.rs` | `load`, `run`: each row, with its checksum, is an item |
//! | `broker/restore.rs` `broker/skew.rs` | `apply`: queues before their messages; moments later than now are mended |
//! | `engine/replay.rs` | `replay` |
//! | `broker/restore.rs` `store/committer.rs` `broker/shared.rs` | `finish`, `start`, `attach` |
//! | `control/declare.rs` `actions/declare.rs` | `declare`: the queues that the configuration asks for |
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
//! 6. Any request from the network gives an answer in SQS's shape; what is not HTTP, or has a head beyond what is read, gets a bare
//!    400, 414 or 431; never a panic, never unbounded memory. Every limit has a name.
//! 7. A message body is copied once, into an allocation of its own size; request buffers are never kept alive.
//! 8. Work under a lock is bounded by a named constant and never grows with the depth of the queue: every operation is O(1) or O(log n).
//! 9. Waiting is free: no polling loops, no timer per message, one direct hand-off to the receiver who waited longest.
//! 10. Tests do not sleep; they turn the manual clock, and the time that clients on the network are granted. (Only `tests/crash`,
//!     which kills kew at random moments, waits for them.)
//! 11. Messages leave one queue for another in one place (`broker/transfer.rs`), one mover at a time for each source, and leaving and
//!     arriving are one commit.
//! 12. What nobody uses costs nothing: readers of effects, hooks, a store. Each is one branch on the way of a request, and
//!     `make instructions` shows it.
//! 13. No web page reaches kew unless its origin was allowed, by whatever name it calls the server.
//!
//! # Words
//!
//! SQS's own words are used as SQS uses them. These are the house's own, each with one meaning:
//!
//! | word | meaning |
//! | --- | --- |
//! | action, operation | one of SQS's 23; as carried out, and as a row of the table |
//! | effect, cause | one thing that happened to a queue, and why |
//! | journal | the effects of one queue that no reader has got yet |
//! | open, close | to lock a queue and bring it up to now; to hand on what happened and let go of it |
//! | parked receive, hand-off | a ReceiveMessage that waits (a long poll); what it is handed |
//! | wake-up | the moment at which a queue has something to do |
//! | departures, transfer | messages that left a queue and have not arrived yet; bringing them to their target |
//! | tally | what has happened in a queue, counted |
//! | mover | the thread that works through the departures of a queue |
//! | slot, number | where a message is in memory; its place in the order of sending, unique in its queue |
//! | ready | visible and next in line: what a receive would get |
//! | withheld | taken out of the order by a receive that goes on, and back before it ends |
//! | commit ticket | what stands for everything given to the store so far, to wait until it is durable |
//! | pending | an outcome that is told when its ticket is durable |
//! | row range | the row ids of one queue's messages in the SQLite store |
//! | upkeep | what a store does between commits: forgetting what is too old, giving space back |
//! | salvage | writing what can still be read of a damaged store into a new one |
//! | generation | a count that tells whether something is still the same: names, timers |
//! | merged | without regard to regions |
//!
//! "Recorded" marks a rule that was seen in exchanges with AWS itself; "uncertain" one for which no such exchange is known, with
//! the choice that was made.

#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(missing_docs)]

mod actions;
mod api;
mod auth;
mod broker;
mod clock;
mod cluster;
mod config;
mod control;
mod engine;
mod error;
mod histogram;
mod http;
#[cfg(feature = "bin")]
mod import;
mod metrics;
mod server;
mod store;
mod ui;
mod wire;

pub use api::Operation as Action;
#[cfg(feature = "aws-sdk")]
pub use aws_sdk_sqs;
#[cfg(feature = "aws-sdk")]
pub use aws_types::SdkConfig;
pub use clock::{Clock, ClockMode};
pub use config::{
    ClusterSecret, Config, ControlMode, DatabaseUrl, Durability, Hosts, Mode, NamespaceMode, Origins, PolicyMode,
    QueueConfig, SettingError,
};
pub use control::{Fault, Finding, Report, Severity};
pub use server::{
    Auto, ClockControl, Count, Expect, FaultGuard, MessageHistory, Namespace, NamespaceError, NotMet, Peek,
    PeekedMessage, Server, ServerBuilder, StartError,
};
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
    pub mod auth {
        pub use crate::auth::*;
    }
    pub mod broker {
        pub use crate::broker::*;
    }
    pub mod clock {
        pub use crate::clock::*;
    }
    pub mod cluster {
        pub use crate::cluster::*;
    }
    pub mod config {
        pub use crate::config::*;
    }
    pub mod control {
        pub use crate::control::*;
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
    #[cfg(feature = "bin")]
    pub mod import {
        pub use crate::import::*;
    }
    pub mod metrics {
        pub use crate::metrics::*;
    }
    pub mod server {
        pub use crate::server::read_credentials;
        #[cfg(feature = "store")]
        pub use crate::server::{StoreOptions, open_store};
    }
    pub mod store {
        pub use crate::store::*;
    }
    pub mod wire {
        pub use crate::wire::*;
    }
}
