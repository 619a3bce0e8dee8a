//! What happened to a queue, as a list of facts from which it can be built again.

use std::sync::Arc;

use super::message::{Message, MessageId};
use super::receipt::Receipt;
use super::time::Time;

/// Where a message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Can be received (in a FIFO queue: once it is at the head of its group).
    Visible,
    /// Received, hidden until its visibility timeout ends.
    InFlight,
    /// Waiting for its delay to end.
    Delayed,
}

/// The part of a message that changes while it is in a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// Its place among the available ones: smaller goes first. Drawn from the same counter as the numbers.
    pub order: u64,
    /// Where it stands.
    pub state: State,
    /// When that ends: the visibility timeout, or the delay of a standard queue's message. `None` while visible, and
    /// for the delay of a FIFO queue, which follows from the time of sending and the queue's settings.
    pub deadline: Option<Time>,
    /// `ApproximateReceiveCount`.
    pub receive_count: u32,
    /// `ApproximateFirstReceiveTimestamp`.
    pub first_received: Option<Time>,
    /// When it was last received in this queue; the 12-hour limit of visibility is counted from here.
    pub received_at: Option<Time>,
}

/// A message and its place in a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The slot it sits in. Receipt handles name the slot, so it has to be the same after a restart.
    pub slot: u32,
    /// Its number, unique in its queue for good.
    pub number: u64,
    /// Where it stands; counts more than the same facts in `message`.
    pub status: Status,
    /// The message itself.
    pub message: Message,
}

/// One thing that happened. Self-contained and cheap: long bodies and all rare parts are shared.
///
/// Replay wants the effects of one queue in the order in which they were recorded. A store that keeps one row for
/// each message may instead replay its rows as `Stored`, best in ascending number, then the remembered ids and
/// attempts in ascending time, then `Counter` with the highest [`Effect::next_number`] it has ever seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// A message entered the queue.
    Stored(Box<Stored>),
    /// A message was received, hidden, made visible again or given back.
    Changed {
        /// Its slot.
        slot: u32,
        /// Its number.
        number: u64,
        /// Where it stands now.
        status: Status,
    },
    /// A message left the queue: deleted, expired, dead or moved.
    Removed {
        /// Its slot.
        slot: u32,
        /// Its number.
        number: u64,
    },
    /// All messages, remembered deduplication ids and attempts are gone.
    Purged {
        /// The next number to be given out.
        next_number: u64,
    },
    /// A deduplication id was accepted. It can be dropped
    /// [`DEDUPLICATION_WINDOW_MS`](super::DEDUPLICATION_WINDOW_MS) after `first_sent`; nothing tells so later.
    Remembered {
        /// The message group, if the id counts only there.
        group: Option<Arc<str>>,
        /// The deduplication id.
        deduplication_id: Arc<str>,
        /// When it was accepted.
        first_sent: Time,
        /// The id of the message.
        id: MessageId,
        /// The number of the message.
        number: u64,
    },
    /// A receive with a `ReceiveRequestAttemptId` handed out messages; replaces what was known of that id. It can be
    /// dropped [`ATTEMPT_WINDOW_MS`](super::ATTEMPT_WINDOW_MS) after `at`.
    Attempted {
        /// The attempt id.
        attempt_id: Arc<str>,
        /// When it was first used.
        at: Time,
        /// What it handed out, in order.
        receipts: Vec<Receipt>,
    },
    /// The next number to be given out is at least this. Never recorded by a queue; for a store that forgets removed
    /// messages and so cannot know the number from them.
    Counter {
        /// The next number.
        next_number: u64,
    },
}

impl Effect {
    /// The lowest number the queue may give out after this effect, as far as this effect tells.
    #[must_use]
    pub fn next_number(&self) -> u64 {
        match self {
            Effect::Stored(stored) => stored.number.max(stored.status.order).saturating_add(1),
            Effect::Changed { number, status, .. } => status.order.max(*number).saturating_add(1),
            Effect::Removed { number, .. } | Effect::Remembered { number, .. } => number.saturating_add(1),
            Effect::Purged { next_number } | Effect::Counter { next_number } => *next_number,
            Effect::Attempted { .. } => 0,
        }
    }
}

/// Takes down what happens to a queue.
pub trait Journal {
    /// Whether effects are wanted at all; if not, they are not even built.
    fn is_active(&self) -> bool;

    /// Takes one effect.
    fn record(&mut self, effect: Effect);
}

/// For a queue that lives in memory only.
impl Journal for () {
    fn is_active(&self) -> bool {
        false
    }

    fn record(&mut self, _: Effect) {}
}

impl Journal for Vec<Effect> {
    fn is_active(&self) -> bool {
        true
    }

    fn record(&mut self, effect: Effect) {
        self.push(effect);
    }
}

/// For a queue of which it is known only at run time whether anyone wants its effects.
impl Journal for Option<Vec<Effect>> {
    fn is_active(&self) -> bool {
        self.is_some()
    }

    fn record(&mut self, effect: Effect) {
        if let Some(effects) = self {
            effects.push(effect);
        }
    }
}
