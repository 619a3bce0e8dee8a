//! Test control: time, failure, waiting and history under the hand of a test, over HTTP and from Rust.
//!
//! | file | what it holds, from the bottom up |
//! | --- | --- |
//! | `duration.rs` | durations and moments as people write them |
//! | `history/` | what happened, as events: the [`History`] that observes a broker |
//! | `faults/` | failures on purpose: the hook before and after the actions |
//! | `space.rs` | one [`Space`]: a broker with its clock, history and faults |
//! | `spaces.rs` | [`Control`]: the default space and the namespaces of tests beside it |
//! | `call.rs` | a call of the control API: its input, its answer, its errors |
//! | `endpoints/` | the table of endpoints under `/_kew`, and what each does |
//!
//! Nothing in here is known to the engine, the broker or the actions: it observes them, stands before and after them, and works
//! on them with what every action uses.

mod call;
mod duration;
mod endpoints;
mod faults;
mod history;
mod space;
mod spaces;

pub use call::{Content, Incoming, Method, Refusal, Reply};
pub use duration::{Moment, Span};
pub use endpoints::answer;
pub use faults::Faults;
pub use history::History;
pub use space::{Space, SpaceOptions};
pub use spaces::{Access, Control};
