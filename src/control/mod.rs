//! Test control: time, failure, waiting and history under the hand of a test, over HTTP and from Rust.
//!
//! | file | what it holds, from the bottom up |
//! | --- | --- |
//! | `duration.rs` | durations and moments as people write them |
//! | `refusal.rs` | errors of the control API |
//! | `activity.rs` `background.rs` | what clients do, read by who wants to know; a thread for what goes on beside requests |
//! | `shared.rs` | what all spaces of a server share |
//! | `json_path.rs` `matcher.rs` | paths to values in JSON; which messages are meant |
//! | `declare.rs` | queues that are there from the start |
//! | `history/` | what happened, as events: the [`History`] that observes a broker |
//! | `faults/` | failures on purpose: the hook before and after the actions |
//! | `auto.rs` | auto-advance: when a space is quiet, and the jumps of its clock |
//! | `access.rs` | who may use the control API: its token |
//! | `awaits/` | conditions on queues and messages that are waited for |
//! | `report/` | the report on the consumer: [`Report`] |
//! | `space.rs` | one [`Space`]: a broker with its clock, history and faults |
//! | `clock.rs` | the clock of a space under a test's hand |
//! | `reset.rs` | a space as it was at its start |
//! | `namespaces.rs` | the namespaces of tests: by name, by account, by port |
//! | `spaces.rs` | [`Control`]: the default space and the namespaces beside it |
//! | `call.rs` | a call of the control API: its input, its answer, its errors |
//! | `devapi.rs` | the messages of a queue as LocalStack shows them |
//! | `endpoints/` | the table of endpoints under `/_kew`, and what each does |
//!
//! Nothing in here is known to the engine, the broker or the actions: it observes them, stands before and after them, and works
//! on them with what every action uses.

mod access;
mod activity;
mod auto;
pub mod awaits;
mod background;
mod call;
mod clock;
mod declare;
mod devapi;
mod duration;
mod endpoints;
mod faults;
mod history;
mod json_path;
mod matcher;
mod namespaces;
mod refusal;
mod report;
mod reset;
mod shared;
mod space;
mod spaces;

pub use access::{Access, Token};
pub use activity::{Activity, At, Connection, Doing, Joined, Sample, Served, Serves, Serving, Unconnected};
pub use auto::{
    Auto, AutoLease, AutoOptions, AutoStatus, AutoWanted, Consumers, HeldBy, Hold, Stopped, TurnedBy, Until, Why,
};
pub use background::Background;
pub use call::{Content, Incoming, Method, Refusal, Reply};
pub use clock::{ClockState, Goal, Next, STEP_SETTLE_MAX, Setting};
pub use declare::NotDeclared;
pub use devapi::{Show, messages_without_side_effects};
pub use duration::{Moment, Span};
pub use endpoints::answer;
pub use faults::{Fault, FaultKind, Faults, How, RULES_MAX};
pub use history::{
    Client, Detail, Dropped, Event, EventFilter, Events, GONE_BODY_BYTES_MAX, GoneMessage, History, Kind, Kinds,
    ShortPolls, Timeline, Totals, Whereabouts, listing,
};
pub use json_path::JsonPath;
pub use matcher::{MatchedContent, Matcher};
pub use namespaces::{Chosen, Namespace, NamespaceOptions, OwnPort};
pub use refusal::nearest;
pub use report::{Finding, Report, ReportOptions, Severity};
pub use reset::What;
pub use shared::Shared;
pub use space::{Space, SpaceOptions};
pub use spaces::Control;
