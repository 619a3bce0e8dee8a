//! What users of SQS see, through the AWS SDK for Rust, against an embedded server whose clock only the test turns.
//!
//! Where the SDK cannot say a thing, or the bytes matter, a request is made by hand, in both protocols.
//!
//! With `KEW_TEST_NODES=3` there are three nodes behind a balancer in the place of that server, and all has to be as with one.

mod addressing;
#[cfg(feature = "postgres")]
mod balancer;
mod batches;
mod by_hand;
mod checklist;
mod checks;
mod create_queue;
mod dead_letters;
mod deduplication;
mod fair_queues;
mod fifo;
mod fixture;
mod limits;
mod listing;
mod long_polling;
mod messages;
mod move_tasks;
#[cfg(feature = "postgres")]
mod nodes;
mod queue_attributes;
mod recorded;
mod regions;
#[cfg(feature = "postgres")]
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "../postgres/server.rs"]
mod server;
#[path = "../support/mod.rs"]
mod support;
mod time_limits;
mod transfers;
mod visibility;
#[cfg(feature = "store")]
mod wrong_clock;
