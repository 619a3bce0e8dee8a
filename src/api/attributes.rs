//! The queue attributes as one table: name, default, range, and who may set them.

/// What values an attribute takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    /// Decimal text between two numbers, both included.
    Integer(i64, i64),
    /// `true` or `false` in any case; kept in lower case.
    Boolean,
    /// One of these, exactly so.
    OneOf(&'static [&'static str]),
    /// JSON or free text with rules of its own.
    Text,
}

/// On which queues an attribute can be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settable {
    /// On every queue.
    Always,
    /// On FIFO queues.
    FifoOnly,
    /// Never: the server computes it.
    Never,
}

/// One line of the table.
#[derive(Debug)]
pub struct QueueAttribute {
    /// As on the wire.
    pub name: &'static str,
    /// Who may set it.
    pub settable: Settable,
    /// What it may be.
    pub syntax: Syntax,
    /// What a fresh queue of that kind shows; `None` if it does not show the attribute.
    pub default: Option<&'static str>,
}

const fn line(name: &'static str, settable: Settable, syntax: Syntax, default: Option<&'static str>) -> QueueAttribute {
    QueueAttribute { name, settable, syntax, default }
}

use Settable::{Always, FifoOnly, Never};
use Syntax::{Boolean, Integer, OneOf, Text};

/// Names used in code, so that a typing error does not compile.
#[allow(missing_docs, reason = "each constant is its own name")]
pub mod name {
    pub const DELAY_SECONDS: &str = "DelaySeconds";
    pub const MAXIMUM_MESSAGE_SIZE: &str = "MaximumMessageSize";
    pub const MESSAGE_RETENTION_PERIOD: &str = "MessageRetentionPeriod";
    pub const RECEIVE_MESSAGE_WAIT_TIME_SECONDS: &str = "ReceiveMessageWaitTimeSeconds";
    pub const VISIBILITY_TIMEOUT: &str = "VisibilityTimeout";
    pub const POLICY: &str = "Policy";
    pub const REDRIVE_POLICY: &str = "RedrivePolicy";
    pub const REDRIVE_ALLOW_POLICY: &str = "RedriveAllowPolicy";
    pub const KMS_MASTER_KEY_ID: &str = "KmsMasterKeyId";
    pub const KMS_DATA_KEY_REUSE_PERIOD_SECONDS: &str = "KmsDataKeyReusePeriodSeconds";
    pub const SQS_MANAGED_SSE_ENABLED: &str = "SqsManagedSseEnabled";
    pub const FIFO_QUEUE: &str = "FifoQueue";
    pub const CONTENT_BASED_DEDUPLICATION: &str = "ContentBasedDeduplication";
    pub const DEDUPLICATION_SCOPE: &str = "DeduplicationScope";
    pub const FIFO_THROUGHPUT_LIMIT: &str = "FifoThroughputLimit";
    pub const QUEUE_ARN: &str = "QueueArn";
    pub const APPROXIMATE_NUMBER_OF_MESSAGES: &str = "ApproximateNumberOfMessages";
    pub const APPROXIMATE_NUMBER_OF_MESSAGES_NOT_VISIBLE: &str = "ApproximateNumberOfMessagesNotVisible";
    pub const APPROXIMATE_NUMBER_OF_MESSAGES_DELAYED: &str = "ApproximateNumberOfMessagesDelayed";
    pub const CREATED_TIMESTAMP: &str = "CreatedTimestamp";
    pub const LAST_MODIFIED_TIMESTAMP: &str = "LastModifiedTimestamp";
}

/// All queue attributes. Ranges and defaults as AWS shows them since August 2025 (recorded); units are seconds or bytes.
pub static QUEUE_ATTRIBUTES: &[QueueAttribute] = &[
    line(name::DELAY_SECONDS, Always, Integer(0, 900), Some("0")),
    line(name::MAXIMUM_MESSAGE_SIZE, Always, Integer(1024, 1_048_576), Some("1048576")),
    line(name::MESSAGE_RETENTION_PERIOD, Always, Integer(60, 1_209_600), Some("345600")),
    line(name::RECEIVE_MESSAGE_WAIT_TIME_SECONDS, Always, Integer(0, 20), Some("0")),
    line(name::VISIBILITY_TIMEOUT, Always, Integer(0, 43_200), Some("30")),
    line(name::POLICY, Always, Text, None),
    line(name::REDRIVE_POLICY, Always, Text, None),
    line(name::REDRIVE_ALLOW_POLICY, Always, Text, None),
    line(name::KMS_MASTER_KEY_ID, Always, Text, None),
    line(name::KMS_DATA_KEY_REUSE_PERIOD_SECONDS, Always, Integer(60, 86_400), None),
    line(name::SQS_MANAGED_SSE_ENABLED, Always, Boolean, Some("true")),
    line(name::FIFO_QUEUE, FifoOnly, Boolean, Some("true")),
    line(name::CONTENT_BASED_DEDUPLICATION, FifoOnly, Boolean, Some("false")),
    line(name::DEDUPLICATION_SCOPE, FifoOnly, OneOf(&["queue", "messageGroup"]), Some("queue")),
    line(name::FIFO_THROUGHPUT_LIMIT, FifoOnly, OneOf(&["perQueue", "perMessageGroupId"]), Some("perQueue")),
    line(name::QUEUE_ARN, Never, Text, None),
    line(name::APPROXIMATE_NUMBER_OF_MESSAGES, Never, Text, None),
    line(name::APPROXIMATE_NUMBER_OF_MESSAGES_NOT_VISIBLE, Never, Text, None),
    line(name::APPROXIMATE_NUMBER_OF_MESSAGES_DELAYED, Never, Text, None),
    line(name::CREATED_TIMESTAMP, Never, Text, None),
    line(name::LAST_MODIFIED_TIMESTAMP, Never, Text, None),
];

/// Finds an attribute of the table.
pub fn find(name: &str) -> Option<&'static QueueAttribute> {
    QUEUE_ATTRIBUTES.iter().find(|line| line.name == name)
}

impl QueueAttribute {
    /// The value as it is kept, or `None` if it does not follow the syntax. [`Syntax::Text`] takes everything.
    pub fn normalise(&self, value: &str) -> Option<String> {
        match self.syntax {
            Integer(least, most) => {
                // Decimal digits only: no sign, no space, no fraction.
                let digits = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
                let number: i64 = digits.then(|| value.parse().ok()).flatten()?;
                (least..=most).contains(&number).then(|| number.to_string())
            }
            Boolean => {
                let lower = value.to_ascii_lowercase();
                (lower == "true" || lower == "false").then_some(lower)
            }
            OneOf(values) => values.contains(&value).then(|| value.to_owned()),
            Text => Some(value.to_owned()),
        }
    }
}

/// The system attributes of a message, in the order they are written.
pub static MESSAGE_SYSTEM_ATTRIBUTES: &[&str] = &[
    "SenderId",
    "ApproximateFirstReceiveTimestamp",
    "ApproximateReceiveCount",
    "SentTimestamp",
    "SequenceNumber",
    "MessageDeduplicationId",
    "MessageGroupId",
    "AWSTraceHeader",
    "DeadLetterQueueSourceArn",
];
