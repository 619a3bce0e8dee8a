//! What happened to a queue, as a list of facts from which it can be built again.

use std::sync::Arc;

use super::message::{Body, Extra, Message, MessageId};
use super::receipt::Receipt;
use super::time::Time;

/// The state of a message in a queue, in the words of SQS's counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageState {
    /// Can be received (in a FIFO queue: once it is at the head of its group).
    Visible,
    /// Received, hidden until its visibility timeout ends.
    InFlight,
    /// Waiting for its delay to end.
    Delayed,
}

/// The part of a message that changes while it is in a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageStatus {
    /// Its position among the visible ones: smaller goes first. Drawn from the same counter as the numbers.
    pub order: u64,
    /// Its state.
    pub state: MessageState,
    /// When that state ends: the visibility timeout, or the delay of a standard queue's message. `None` while visible,
    /// and for the delay of a FIFO queue, which follows from the time of sending and the queue's settings.
    pub deadline: Option<Time>,
    /// `ApproximateReceiveCount`.
    pub receive_count: u32,
    /// `ApproximateFirstReceiveTimestamp`.
    pub first_received: Option<Time>,
    /// When it was last received in this queue; the 12-hour limit of visibility counts from then.
    pub received_at: Option<Time>,
}

/// A message in a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredMessage {
    /// Its slot. Receipt handles name the slot, so it has to be the same after a restart.
    pub slot: u32,
    /// Its number, unique in its queue for good.
    pub number: u64,
    /// Its status; counts more than the same facts in `message`.
    pub status: MessageStatus,
    /// The message itself.
    pub message: Message,
}

/// Some of a queue's messages; see [`Queue::messages`](super::Queue::messages).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessagePage {
    /// The messages, by slot. The deadline of a delay is given for a FIFO queue too.
    pub messages: Vec<StoredMessage>,
    /// Where the next page begins; `None` after the last one. A page that is not the last may be short, or even empty.
    pub next: Option<u32>,
}

/// One thing that happened. Self-contained and cheap: long bodies and all rare parts are shared.
///
/// Replay wants the effects of one queue in the order in which they were recorded. A store that keeps one row for
/// each message may instead replay its rows as `Stored`, best in ascending number, then the remembered ids and
/// attempts in ascending time, then `Counter` with the highest [`Effect::next_number`] it has ever seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// A message entered the queue.
    Stored(Box<StoredMessage>),
    /// A message was received, hidden, made visible again or given back.
    Changed {
        /// Its slot.
        slot: u32,
        /// Its number.
        number: u64,
        /// Its status now.
        status: MessageStatus,
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

/// Why something happened to a queue. Every effect on a message has exactly one cause, and every cause but `Remembered`
/// and `Purged` stands for one event in the life of one message, so an observer that only counts may count causes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// SendMessage put it in, visible or delayed.
    Sent,
    /// It came from another queue: a dead letter, or moved by a message move task.
    Arrived,
    /// A receive handed it out, also one that repeats an earlier attempt. With a visibility timeout of 0 it is visible
    /// again at once; that is the same event.
    Received,
    /// ChangeMessageVisibility hid it anew, or made it visible.
    VisibilityChanged,
    /// Its visibility timeout ended.
    VisibilityTimeoutEnded,
    /// Its delay ended.
    DelayEnded,
    /// A receive was undone, because its client had gone before the answer.
    GivenBack,
    /// DeleteMessage took it out.
    Deleted,
    /// Its retention period ended.
    Expired,
    /// It was received as often as the redrive policy allows and leaves for the dead-letter queue.
    DeadLettered,
    /// A message move task took it out.
    Moved,
    /// PurgeQueue emptied the queue; one effect for all messages.
    Purged,
    /// A deduplication id or a receive attempt is remembered; goes with a `Sent` or with `Received`s before it.
    Remembered,
    /// It was made visible by hand, or a fault that was asked for lets it be received once more.
    Released,
    /// It was taken out by hand, to be thrown away or put into another queue.
    Removed,
    /// A SendMessage was a duplicate and put nothing in. No effect; observed only.
    Deduplicated,
    /// A DeleteMessage found its message gone, or its receipt handle expired. No effect; observed only.
    DeleteMissed,
    /// A receive ended with nothing. No effect; observed only.
    ReceivedNothing,
}

impl Cause {
    /// How many causes there are, for who counts by cause.
    pub const COUNT: usize = Cause::ReceivedNothing as usize + 1;
}

/// What is known of something that happened, as plain facts and without a copy of the message.
#[derive(Clone, Debug)]
pub enum Fact<'a> {
    /// It happened to this message, and this is how the message is now (or was last, if it left the queue).
    Message(MessageFacts<'a>),
    /// A send was a duplicate of this message ([`Cause::Deduplicated`]).
    Duplicate {
        /// The id of the message that was sent first.
        of: MessageId,
        /// The number of that message.
        number: u64,
    },
    /// A receipt that no longer does anything ([`Cause::DeleteMissed`]).
    Receipt(Receipt),
    /// There was no message to receive ([`Cause::ReceivedNothing`]).
    NoMessage {
        /// Whether the receive had waited for one.
        waited: bool,
    },
    /// It happened to the queue as a whole ([`Cause::Purged`]).
    Queue,
}

/// A message as it is at one moment.
#[derive(Clone, Debug)]
pub struct MessageFacts<'a> {
    /// Its id.
    pub id: MessageId,
    /// The id under which it was known before it came to this queue, if that is another: a message move task renews ids.
    pub renewed_from: Option<MessageId>,
    /// Its slot.
    pub slot: u32,
    /// Its number, unique in its queue for good.
    pub number: u64,
    /// Its state now; `None` if it left the queue.
    pub state: Option<MessageState>,
    /// When that state ends; see [`MessageStatus::deadline`].
    pub deadline: Option<Time>,
    /// `ApproximateReceiveCount`.
    pub receive_count: u32,
    /// The receive whose receipt handle was used, for [`Cause::Deleted`] and [`Cause::VisibilityChanged`]; else the last one.
    pub receive: u32,
    /// When it was sent.
    pub sent: Time,
    /// Its body.
    pub body: &'a Body,
    /// MD5 of the body.
    pub body_md5: [u8; 16],
    /// All that few messages have: attributes, deduplication id.
    pub extra: Option<&'a Extra>,
    /// The message group, if it has one.
    pub group: Option<Arc<str>>,
}

/// Takes down what happens to a queue, for any number of readers: a store, a history, counters.
pub trait Journal {
    /// Takes one effect, with when and why it happened.
    ///
    /// `at` is the time of the operation; for an end of a delay, of a visibility timeout or of retention it is the
    /// moment at which that was due, however long before the operation that found it so. (If that operation came after
    /// a shorter retention period or delay was set, the moment may lie before that of an effect recorded earlier.)
    /// `effect` is built by calling it: a journal without readers, or with readers that only count, does not.
    fn record(&mut self, at: Time, cause: Cause, effect: impl FnOnce() -> Effect);

    /// Takes the facts of the same, and of what had no effect, for readers that keep no copy of the queue. Called in the order
    /// in which things happened. Nothing is put together for a journal that does not override this.
    fn observe<'a>(&mut self, at: Time, cause: Cause, fact: impl FnOnce() -> Fact<'a>) {
        let _ = (at, cause, fact);
    }
}

/// For a queue that lives in memory only.
impl Journal for () {
    fn record(&mut self, _: Time, _: Cause, _: impl FnOnce() -> Effect) {}
}

/// For a reader that wants to know what happened but neither when nor why, such as a store.
impl Journal for Vec<Effect> {
    fn record(&mut self, _: Time, _: Cause, effect: impl FnOnce() -> Effect) {
        self.push(effect());
    }
}

/// For a queue of which it is known only at run time whether its effects have a reader.
impl<J: Journal> Journal for Option<J> {
    fn record(&mut self, at: Time, cause: Cause, effect: impl FnOnce() -> Effect) {
        if let Some(journal) = self {
            journal.record(at, cause, effect);
        }
    }

    fn observe<'a>(&mut self, at: Time, cause: Cause, fact: impl FnOnce() -> Fact<'a>) {
        if let Some(journal) = self {
            journal.observe(at, cause, fact);
        }
    }
}
