//! Failures on purpose: rules, what they hit, and the hook before, in and after the actions.
//!
//! | file | what it holds, from the bottom up |
//! | --- | --- |
//! | `kind.rs` `written.rs` `fault.rs` | which faults there are; how a rule is written; what it says |
//! | `builder.rs` `check.rs` | rules built in Rust; what a rule has to be |
//! | `bounded.rs` `subject.rs` `draw.rs` | a map that forgets; the messages of a request; chance out of a seed |
//! | `rules.rs` `stale.rs` | the rules of a space, and which fires; counts of a while ago |
//! | `faults.rs` | [`Faults`]: all of this, of one space |
//! | `hook.rs` `points.rs` | what it does before, after, and inside the actions |

mod bounded;
mod builder;
mod check;
mod draw;
mod fault;
#[allow(clippy::module_inception, reason = "it holds what the room is named for")]
mod faults;
mod hook;
mod kind;
mod points;
mod rules;
mod stale;
mod subject;
mod written;

pub use fault::{Fault, How};
pub use faults::Faults;
pub use kind::FaultKind;
pub use rules::RULES_MAX;
