//! Auto-advance: when nobody does anything and all wait for time, the clock of a space jumps to the next moment that matters.
//!
//! | file | what it holds, from the bottom up |
//! | --- | --- |
//! | `options.rs` | how it is asked for |
//! | `held.rs` | why it does not jump, and why it stopped |
//! | `lease.rs` | [`Auto`]: who wants it, and what holds it |

mod held;
mod lease;
mod options;

pub use held::{HeldBy, Stopped, Why};
pub use lease::{Auto, AutoLease, Hold};
pub use options::{AutoOptions, AutoWanted, Consumers, Until};
