//! The 23 actions, and the one way to them: find the queue, ask whether the request may be carried out, carry it out.
//!
//! | file | what it holds, from the bottom up |
//! | --- | --- |
//! | `presence.rs` `fate.rs` | whether a client is still there; what becomes of its answer on purpose |
//! | `caller.rs` `points.rs` | who asks; what may be changed inside the actions on messages |
//! | `context.rs` `hook.rs` | what an action is given; what may stand before and after an action |
//! | `batch.rs` `page.rs` `task_handle.rs` | what batches and listings have in common; task handles |
//! | `redrive.rs` | what a queue attribute may say about another queue |
//! | `send.rs` `receive.rs` `receipts.rs` | the actions on messages |
//! | `create.rs` `queues.rs` `attributes.rs` `tags.rs` `permissions.rs` | the actions on queues |
//! | `ask.rs` | policies, asked for one permission |
//! | `resolve.rs` | which queue a request means, by the address column of the operations table |
//! | `permit.rs` | whether policies allow what a request does |
//! | `move_tasks.rs` | the actions on message move tasks |
//! | `pipeline.rs` | [`Actions`]: resolve, permit, act, answer |
//! | `declare.rs` | queues that a configuration asks for |
//!
//! Each action checks its request, opens the queue, acts and answers. ReceiveMessage and CancelMessageMoveTask are the two
//! that wait for anything but the store.

mod ask;
mod attributes;
mod batch;
mod caller;
mod context;
mod create;
mod declare;
mod fate;
mod hook;
mod move_tasks;
mod page;
mod permissions;
mod permit;
mod pipeline;
mod points;
mod presence;
mod queues;
mod receipts;
mod receive;
mod redrive;
mod resolve;
mod send;
mod tags;
mod task_handle;

pub use caller::{Caller, Origin};
pub use context::Context;
pub use declare::{arn_of, declare, set_attribute};
pub use fate::{Ending, Fate};
pub use hook::{Hook, HookFuture, Ticket};
pub use pipeline::Actions;
pub use points::{HandleUse, Points, Rank, Receiving, Scene};
pub use presence::Presence;
pub use resolve::meant;

#[cfg(test)]
mod tests;
