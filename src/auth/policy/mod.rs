//! Policies: the documents that say who may do what with which queue, read and evaluated as AWS does. Pure.
//!
//! | file | what it holds, from the bottom up |
//! | --- | --- |
//! | `json.rs` `moment.rs` | JSON as policies have it; dates |
//! | `principal.rs` | who asks, and whom a policy means |
//! | `context.rs` | what is known of a request: condition keys |
//! | `pattern.rs` | wildcards and policy variables |
//! | `operator.rs` `condition.rs` | conditions |
//! | `document.rs` | a policy as a document, read and checked |
//! | `evaluate.rs` `wording.rs` | the decision; the decision in words |
//! | `usage.rs` | what was used, and the smallest policy for it |
//! | `enforcement.rs` | what a server does with decisions, and remembers of them |

mod condition;
mod context;
mod document;
mod enforcement;
mod evaluate;
mod json;
mod moment;
mod operator;
mod pattern;
mod principal;
mod usage;
mod wording;

pub use condition::Condition;
pub use context::{Context, HEADER_BYTES_MAX, KEYS};
pub use document::{Effect, IDENTITY_POLICY_BYTES_MAX, Kind, Policy, PolicyError, Statement};
pub use enforcement::{Enforcement, Mode};
pub use evaluate::{
    Deciding, Decision, Miss, NEVER_ACROSS_ACCOUNTS, Policies, Question, QueuePolicy, Reason, evaluate,
};
pub use principal::Requester;
pub use usage::{PRINCIPALS_MAX, QUEUES_MAX, Usage};
pub use wording::{action_of, as_json, explanation, refusal};
