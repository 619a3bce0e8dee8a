//! Auto-advance: when nobody does anything and all wait for time, the clock of a space jumps to the next moment that matters.
//!
//! | file | what it holds, from the bottom up |
//! | --- | --- |
//! | `options.rs` | how it is asked for |
//! | `held.rs` | why it does not jump, and why it stopped |
//! | `state.rs` | [`Auto`]: who wants it, what holds it, and what has been seen |
//! | `look.rs` | looks whether all is quiet, and jumps |
//! | `lease.rs` | the mode `auto`, and an [`AutoLease`] for as long as an await is open |

mod held;
mod lease;
mod look;
mod options;
mod state;

pub use held::{HeldBy, Stopped, Why};
pub use lease::{AutoLease, not_turnable};
pub use options::{AutoOptions, AutoWanted, Consumers, Until};
pub use state::{Auto, AutoStatus, Hold, TurnedBy};
