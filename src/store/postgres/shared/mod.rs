//! What the nodes of one database know of each other: beats, the directory of queues, queues that change their node,
//! messages between queues.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `control.rs` | the connections of this, apart from the one that commits |
//! | `round.rs` | a beat, and a look at everything |
//! | `directory.rs` | which queues there are, and whose |
//! | `takeover.rs` | queues of nodes that have gone are given to others |
//! | `load.rs` | a queue is loaded by its owner |
//! | `transfers.rs` | messages that are on their way |
//! | `claims.rs` | names of queues that are about to be made |
//!
//! **Invariant:** a queue changes its owner only in a commit of its owner's, in the transaction that sets its owner to
//! 'gone', or when its owner has gone. That rests on the rows that these transactions hold.

mod claims;
mod control;
mod directory;
mod load;
mod round;
mod takeover;
mod transfers;

pub use claims::Claimed;
pub use control::Shared;
pub use directory::{Directory, Listed};
pub use round::{ClockLook, NodeRow, NodeRowState, Orphan, RoundRead};
pub use takeover::Give;
