//! Which faults there are, where in the life of a request each acts, and what may be said of it.

use crate::api::Operation;
use serde::{Deserialize, Serialize};

/// A fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FaultKind {
    /// `RequestThrottled`, and nothing is done.
    Throttle,
    /// Any error of SQS, and nothing is done.
    Error,
    /// 503 `ServiceUnavailable`, and nothing is done.
    Unavailable,
    /// The connection is reset, and nothing is done.
    LostRequest,
    /// All is done, and the answer does not arrive.
    LostAnswer,
    /// The answer is late.
    Latency,
    /// A received message is received once more by others.
    Duplicate,
    /// A deleted message comes back once.
    Resurrect,
    /// A receive finds nothing, though messages are there.
    EmptyReceive,
    /// Some entries of a batch fail.
    PartialBatch,
    /// Messages are received in another order.
    Reorder,
    /// A receipt handle is not valid any more.
    HandleExpired,
    /// The counts of a queue are those of a while ago.
    StaleCounts,
    /// The body of a received message is not that of its MD5.
    Corrupt,
    /// A profile: several of these, as rarely as on AWS.
    AwsLike,
}

/// Where in the life of a request a fault acts. At each of these points the first rule that matches and fires is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Before anything is done.
    Before,
    /// Before a receive takes anything.
    Receiving,
    /// For each message that a receive shows.
    Received,
    /// For a batch as a whole.
    Batch,
    /// For each entry of a batch.
    Entry,
    /// For each use of a receipt handle.
    Handle,
    /// When counts are shown.
    Counts,
    /// After all has been done.
    After,
}

use FaultKind as Kind;
use Operation as Op;

const RECEIVE: &[Op] = &[Op::ReceiveMessage];
const DELETES: &[Op] = &[Op::DeleteMessage, Op::DeleteMessageBatch];
const HANDLES: &[Op] =
    &[Op::DeleteMessage, Op::DeleteMessageBatch, Op::ChangeMessageVisibility, Op::ChangeMessageVisibilityBatch];
const BATCHES: &[Op] = &[Op::SendMessageBatch, Op::DeleteMessageBatch, Op::ChangeMessageVisibilityBatch];
/// Actions on messages, all of which are known before the action.
const KNOWN_BEFORE: &[Op] = &[
    Op::SendMessage,
    Op::SendMessageBatch,
    Op::DeleteMessage,
    Op::DeleteMessageBatch,
    Op::ChangeMessageVisibility,
    Op::ChangeMessageVisibilityBatch,
];
const ON_MESSAGES: &[Op] = &[
    Op::SendMessage,
    Op::SendMessageBatch,
    Op::ReceiveMessage,
    Op::DeleteMessage,
    Op::DeleteMessageBatch,
    Op::ChangeMessageVisibility,
    Op::ChangeMessageVisibilityBatch,
];

impl FaultKind {
    /// All faults that are not profiles.
    pub const SINGLE: &[FaultKind] = &[
        Kind::Throttle,
        Kind::Error,
        Kind::Unavailable,
        Kind::LostRequest,
        Kind::LostAnswer,
        Kind::Latency,
        Kind::Duplicate,
        Kind::Resurrect,
        Kind::EmptyReceive,
        Kind::PartialBatch,
        Kind::Reorder,
        Kind::HandleExpired,
        Kind::StaleCounts,
        Kind::Corrupt,
    ];

    /// The name by which rules call it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Throttle => "throttle",
            Kind::Error => "error",
            Kind::Unavailable => "unavailable",
            Kind::LostRequest => "lostRequest",
            Kind::LostAnswer => "lostAnswer",
            Kind::Latency => "latency",
            Kind::Duplicate => "duplicate",
            Kind::Resurrect => "resurrect",
            Kind::EmptyReceive => "emptyReceive",
            Kind::PartialBatch => "partialBatch",
            Kind::Reorder => "reorder",
            Kind::HandleExpired => "handleExpired",
            Kind::StaleCounts => "staleCounts",
            Kind::Corrupt => "corrupt",
            Kind::AwsLike => "awsLike",
        }
    }

    /// The arguments that it takes.
    pub(super) fn args(self) -> &'static [&'static str] {
        match self {
            Kind::Error => &["code", "status", "text"],
            Kind::LostAnswer => &["how"],
            Kind::Latency => &["ms", "jitter", "at"],
            Kind::Duplicate => &["copies", "while"],
            Kind::Resurrect => &["after"],
            Kind::EmptyReceive => &["polls"],
            Kind::PartialBatch => &["entries", "code", "text"],
            Kind::Reorder => &["window"],
            Kind::StaleCounts => &["lag"],
            _ => &[],
        }
    }

    /// The actions at which it acts; `None` stands for all.
    pub(super) fn actions(self) -> Option<&'static [Operation]> {
        match self {
            Kind::Duplicate | Kind::EmptyReceive | Kind::Reorder | Kind::Corrupt => Some(RECEIVE),
            Kind::Resurrect => Some(DELETES),
            Kind::HandleExpired => Some(HANDLES),
            Kind::PartialBatch => Some(BATCHES),
            Kind::StaleCounts => Some(&[Op::GetQueueAttributes]),
            _ => None,
        }
    }

    /// The actions whose messages it can tell apart.
    pub(super) fn actions_with_messages(self) -> &'static [Operation] {
        match self {
            Kind::EmptyReceive | Kind::Reorder | Kind::StaleCounts | Kind::AwsLike => &[],
            // What a receive shows is not known before it.
            Kind::Throttle | Kind::Error | Kind::Unavailable | Kind::LostRequest | Kind::Latency => KNOWN_BEFORE,
            _ => self.actions().unwrap_or(ON_MESSAGES),
        }
    }

    /// Whether AWS promises that it never happens on a FIFO queue.
    pub(super) fn is_for_standard_queues(self) -> bool {
        matches!(self, Kind::Duplicate | Kind::Resurrect | Kind::Reorder)
    }

    /// Whether it is carried out at the connection.
    pub(super) fn needs_connection(self) -> bool {
        matches!(self, Kind::LostRequest | Kind::LostAnswer)
    }
}
