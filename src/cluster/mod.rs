//! Several nodes over one database: who is there, and who takes the queues of a node that is not any more.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `roll.rs` | the nodes as the database tells of them: who is thought dead, and for how long this node may answer from memory; pure |
//! | `node.rs` | this node as its requests see it |
//! | `link.rs` `token.rs` | requests to other nodes, and how those know who sends them |
//! | `work.rs` | what a node is asked for by its requests |
//! | `start.rs` | a node begins: its threads, and the way of what is asked |
//! | `rounds.rs` | once a second: the beat, and a look at all others |
//! | `desk.rs` `directory.rs` | what is said to the database beside that; what it says of all queues |
//! | `loading.rs` `giving.rs` | queues that come, and that go |
//! | `shares.rs` | which node takes which queue; pure |
//!
//! All but `roll.rs` and `shares.rs` is there with the feature `postgres` alone.
//!
//! **Invariant:** what is in here decides when to suspect a node and whom to give its queues. That nothing is lost or done twice
//! rests on the database alone: a node that was suspected by mistake finds itself `gone` at its next commit, and that costs time
//! and nothing else. The rules by which the database keeps a second owner out stand in `tests/cluster_model/rules.rs`, where each is
//! shown to be needed.

#[cfg(feature = "postgres")]
mod desk;
#[cfg(feature = "postgres")]
mod directory;
#[cfg(feature = "postgres")]
mod giving;
#[cfg(feature = "postgres")]
pub mod link;
#[cfg(feature = "postgres")]
mod loading;
#[cfg(feature = "postgres")]
mod node;
mod roll;
#[cfg(feature = "postgres")]
mod rounds;
mod shares;
#[cfg(feature = "postgres")]
mod start;
#[cfg(feature = "postgres")]
mod token;
#[cfg(feature = "postgres")]
mod work;

#[cfg(feature = "postgres")]
pub use link::{Forwarded, Link, LinkError, Peer};
#[cfg(feature = "postgres")]
pub use node::{Asker, Cluster, Counts, Held, Misled, NodeLook, Parts, Place};
pub use roll::{LEASE_MS, Load, Member, NodeId, NodeState, ROUND_MS, Roll, Round, SUSPECT_ROUNDS, Suspect};
pub use shares::shares;
#[cfg(feature = "postgres")]
pub use start::Threads;

/// Without the feature `postgres` there is none.
#[cfg(not(feature = "postgres"))]
#[derive(Debug)]
pub enum Cluster {}
