//! Awaits: a condition on queues and messages that is waited for, and what is told when it does not come to hold.
//!
//! | file | what it holds, from the bottom up |
//! | --- | --- |
//! | `place.rs` | how many awaits are open |
//! | `bounds.rs` `condition.rs` | how many there have to be; what is awaited |
//! | `input.rs` | what is awaited, as a query string or a body says it |
//! | `watched.rs` | the queues of a condition, watched and looked at |
//! | `judge.rs` | whether a condition holds in what was seen |
//! | `missed.rs` | an await that was not met, as JSON and as text |
//! | `hints.rs` `near.rs` | what may help; what came near |
//! | `wait.rs` | the await itself |

mod bounds;
mod condition;
mod hints;
mod input;
mod judge;
mod missed;
mod near;
mod place;
mod wait;
mod watched;

pub use bounds::Bounds;
pub use condition::{Clause, Condition, Counter, Gauge, MessageClause, State, TIMEOUT_DEFAULT, TIMEOUT_MAX};
pub use input::Input as AwaitInput;
pub use judge::{Row, Verdict};
pub use missed::{Missed, Near, Why as MissedWhy};
pub use place::{AWAITS_MAX, Awaits, timeout_factor};
pub use wait::{Met, wait};
pub use watched::{MessageSeen, Seen, WATCHED_QUEUES_MAX};
