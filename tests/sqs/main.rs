//! What users of SQS see, through the AWS SDK for Rust, against an embedded server whose clock only the test turns.
//!
//! Where the SDK cannot say a thing, or the bytes matter, a request is made by hand, in both protocols.

mod checklist;
mod support;
