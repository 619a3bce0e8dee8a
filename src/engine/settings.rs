//! What a queue is told about itself, what a receive asks for, and what the operations answer.

use std::sync::Arc;

use super::message::{Delivery, Message, MessageId};
use super::time::Time;

/// The two types of queue. The type of a queue never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueType {
    /// Best-effort order, any number in flight per message group.
    Standard,
    /// Strict order per message group, deduplication of sends.
    Fifo,
}

/// Where a deduplication id counts (queue attribute `DeduplicationScope`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeduplicationScope {
    /// In the whole queue.
    Queue,
    /// Only within its message group.
    MessageGroup,
}

/// The part of the queue attributes that the engine needs; ranges are checked by the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Fixed at creation by the caller: recordings of SQS show that a later change has no effect.
    pub deduplication_scope: DeduplicationScope,
    /// `VisibilityTimeout` in seconds, 0 to 43 200, of receives that name none.
    pub visibility_timeout_seconds: u32,
    /// `MessageRetentionPeriod` in seconds, 60 to 1 209 600. A change applies to the messages already there.
    pub retention_seconds: u32,
    /// `DelaySeconds` of a FIFO queue, 0 to 900; a change also applies to the messages still waiting. Standard queues
    /// get the delay with each message.
    pub fifo_delay_seconds: u32,
    /// How many messages may be in flight at once (SQS: about 120 000).
    pub in_flight_max: usize,
    /// `maxReceiveCount` of the redrive policy, if there is one. Only used to decide whether a message that keeps
    /// coming back goes to the end of a standard queue (AWS: with a count above 3, after more than 3 receives).
    pub redrive_max_receive_count: Option<u32>,
}

/// What a ReceiveMessage asks for, also one that is parked until there is a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiveOptions {
    /// `MaxNumberOfMessages`, 1 to 10 in SQS.
    pub max: usize,
    /// `VisibilityTimeout` in seconds, 0 to 43 200; `None` for the queue's own at the moment of the receive. With 0 the
    /// messages are visible again as soon as the call is over.
    pub visibility_timeout_seconds: Option<u32>,
    /// `ReceiveRequestAttemptId`; heeded by FIFO queues only.
    pub attempt_id: Option<Arc<str>>,
}

/// The answer to a send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// The message is in the queue.
    Stored {
        /// Its number; see [`sequence_number`](super::sequence_number).
        number: u64,
    },
    /// A message with this deduplication id was accepted less than five minutes ago, so this one was dropped. The
    /// sender is told success with the first one's id and number.
    Duplicate {
        /// The id of the first one.
        id: MessageId,
        /// The number of the first one.
        number: u64,
    },
}

/// What a message move task has to know of a message before it takes it out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Movable {
    /// The ARN of the queue it died in, if it is a dead letter.
    pub dead_letter_source: Option<Arc<str>>,
}

/// The answer to a receive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// The messages, in the order of delivery.
    pub deliveries: Vec<Delivery>,
    /// Messages taken out because they had been received often enough; the caller moves them to the dead-letter queue.
    pub dead: Vec<Message>,
    /// A standard queue has its maximum of messages in flight, so nothing can be given. SQS answers a short poll
    /// with `OverLimit` and a long poll with nothing. Never set by a FIFO queue.
    pub over_limit: bool,
    /// The call stopped at [`DEAD_LETTERS_PER_CALL_MAX`](super::DEAD_LETTERS_PER_CALL_MAX) although more messages
    /// were waiting: move these, then ask again.
    pub more_dead: bool,
}

/// The answer to a delete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deleted {
    /// The message is gone now.
    Done,
    /// It was gone already: deleted, expired, purged or moved. SQS reports success.
    AlreadyGone,
    /// FIFO only: the visibility timeout of this receive is over, and with it the receipt handle; the message stays.
    ReceiptExpired,
}

/// The answer to a change of visibility.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VisibilityChange {
    /// Done.
    Changed,
    /// The message is gone, or (FIFO) not in flight by this receive any more.
    NotAvailable,
    /// The message would stay hidden for more than 12 hours after it was received.
    BeyondLimit,
}

/// Exact numbers of messages, kept rather than computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// `ApproximateNumberOfMessages`: in FIFO queues also those behind a message in flight of their group.
    pub visible: usize,
    /// `ApproximateNumberOfMessagesNotVisible`: received and neither deleted nor visible again.
    pub in_flight: usize,
    /// `ApproximateNumberOfMessagesDelayed`.
    pub delayed: usize,
    /// Message groups that have messages in the queue.
    pub groups: usize,
    /// FIFO: groups with at least one message in flight.
    pub groups_with_in_flight: usize,
    /// Standard: groups that count as noisy neighbours at present.
    pub noisy_groups: usize,
    /// Standard: visible messages that belong to no noisy group.
    pub quiet_visible: usize,
    /// Standard: messages in flight that belong to no noisy group.
    pub quiet_in_flight: usize,
    /// Standard: delayed messages that belong to no noisy group.
    pub quiet_delayed: usize,
    /// When the message that will expire first was sent.
    pub oldest_sent: Option<Time>,
}
