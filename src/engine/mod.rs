//! What one queue does: a pure, synchronous, deterministic state machine.
//!
//! A [`Queue`] is told the time and the ids, and answers with plain outcomes. It reads no clock, draws no random
//! number that could be observed, opens no file and knows neither HTTP nor the error texts of SQS. What happened is
//! handed to a [`Journal`] as [`Effect`]s; replaying those into a new queue gives the same queue again.
//!
//! How it is built, from the bottom up:
//!
//! | file | what it holds |
//! | --- | --- |
//! | `time.rs` `message.rs` `settings.rs` `receipt.rs` `effect.rs` | the words callers use |
//! | `arena.rs` `list.rs` `timers.rs` `sharded.rs` `expiring_map.rs` | containers whose operations never grow with what they hold |
//! | `slot.rs` `retention.rs` `groups.rs` | one message inside a queue, the order of expiry, the message groups |
//! | `standard.rs` `fifo.rs` | the order of delivery, for each type of queue |
//! | `dedup.rs` | deduplication ids and receive attempts |
//! | `contents.rs` | keeps all of the above consistent: `detach` a message, change it, `attach` it |
//! | `queue.rs` `receive.rs` `tick.rs` `replay.rs` `peek.rs` `by_hand.rs` | the operations |
//!
//! **Invariant:** every operation is O(1) or O(log n) in the number of messages, groups and remembered ids. Nothing
//! is scanned, and nothing stale is left behind to be skipped later.
//!
//! **Invariant:** each change of a message is one [`Effect`], recorded in the order in which it took place, also when
//! only time caused it (a visibility timeout that ended, a delay, retention), with its moment and [`Cause`]. Forgetting
//! deduplication ids and attempts is the exception: it follows from their time, so it is not recorded.

mod arena;
mod by_hand;
mod contents;
mod dedup;
mod effect;
mod expiring_map;
mod fifo;
mod groups;
mod list;
mod message;
mod peek;
mod queue;
mod receipt;
mod receive;
mod replay;
mod retention;
mod settings;
mod sharded;
mod slot;
mod standard;
mod tick;
mod time;
mod timers;

#[cfg(test)]
pub(crate) mod tests;

pub use by_hand::NextChange;
pub use contents::Discarded;
pub use dedup::{ATTEMPT_WINDOW_MS, DEDUPLICATION_WINDOW_MS};
pub use effect::{Cause, Effect, Fact, Journal, MessageFacts, MessagePage, MessageState, MessageStatus, StoredMessage};
pub use message::{
    Arrival, Attributes, BODY_SHARED_FROM, Body, Delivery, Extra, Message, MessageId, NewMessage, ParseMessageIdError,
    sequence_number,
};
pub use peek::{OLDEST_LOOKED_AT_MAX, SLOTS_PER_PAGE_MAX};
pub use queue::{Queue, VISIBILITY_TOTAL_MS_MAX};
pub use receipt::Receipt;
pub use receive::DEAD_LETTERS_PER_CALL_MAX;
pub use settings::{
    Counts, DeduplicationScope, Deleted, Movable, QueueType, ReceiveOptions, Received, Sent, Settings, VisibilityChange,
};
pub use standard::{NOISY_IDLE_MS, NOISY_IN_FLIGHT_MIN, NOISY_SHARE_DIVISOR};
pub use tick::TICK_EVENTS_MAX;
pub use time::Time;
