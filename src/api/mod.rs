//! What SQS says: the 23 operations as one table, their requests, answers and rules. No bytes, no state.
//!
//! Invariant: nothing here knows a protocol's syntax or a queue's contents. One `serde` derive on each struct serves both
//! protocols: the field's name is the JSON member, its aliases are the spellings of the Query protocol.

pub mod address;
pub mod arn;
pub mod attributes;
pub mod bounded;
pub mod digest;
pub mod fields;
pub mod limits;
pub mod message;
pub mod operation;
pub mod queue;
pub mod redrive;
pub mod rules;
pub mod task;

pub use address::{QueueAddress, fill_in, region_of_host};
pub use arn::{Arn, ArnError, is_account_id};
pub use bounded::{List, Named};
pub use message::*;
pub(crate) use operation::with_operations;
pub use operation::{Address, Empty, Operation, Request, Response};
pub use queue::*;
pub use redrive::{RedriveAllowPolicy, RedrivePolicy};
pub use task::*;
