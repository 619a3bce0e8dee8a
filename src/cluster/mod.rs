//! Several nodes over one database: who is there, and who takes the queues of a node that is not any more.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `roll.rs` | the nodes as the database tells of them: who is thought dead, and for how long this node may answer from memory; pure |
//! | `node.rs` `link.rs` | this node as its requests see it; requests to other nodes |
//! | `shares.rs` | which node takes which queue; pure |
//!
//! **Invariant:** what is in here decides when to suspect a node and whom to give its queues. That nothing is lost or done twice
//! rests on the database alone: a node that was suspected by mistake finds itself `gone` at its next commit, and that costs time
//! and nothing else. The rules by which the database keeps a second owner out stand in `tests/cluster_model/rules.rs`, where each is
//! shown to be needed.

mod link;
mod node;
mod roll;
mod shares;

pub use link::Link;
pub use node::{Asker, Cluster, Misled, Peer, Place};
pub use roll::{LEASE_MS, Load, Member, NodeId, NodeState, ROUND_MS, Roll, Round, SUSPECT_ROUNDS, Suspect};
pub use shares::shares;
