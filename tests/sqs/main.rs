//! What users of SQS see, through the AWS SDK for Rust, against an embedded server whose clock only the test turns.
//!
//! Where the SDK cannot say a thing, or the bytes matter, a request is made by hand, in both protocols.

mod checklist;
mod dead_letters;
mod deduplication;
mod fifo;
mod limits;
mod long_polling;
mod messages;
mod support;
mod time_limits;
mod visibility;
