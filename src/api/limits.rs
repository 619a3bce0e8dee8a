//! Every number of SQS by name, with where it comes from. "Quotas" is the quotas page of the SQS developer guide.

/// Entries in one batch request. Quotas.
pub const BATCH_ENTRIES_MAX: usize = 10;
/// Bytes of all messages of one batch together, whatever the queue's own limit. Recorded from AWS, 2025-08.
pub const BATCH_BYTES_MAX: usize = 1_048_576;
/// Characters of a batch entry id. Recorded text of `InvalidBatchEntryId`.
pub const BATCH_ENTRY_ID_LENGTH_MAX: usize = 80;
/// User attributes of one message. Quotas.
pub const MESSAGE_ATTRIBUTES_MAX: usize = 10;
/// Characters of a message attribute's name. SendMessage, API reference.
pub const MESSAGE_ATTRIBUTE_NAME_LENGTH_MAX: usize = 256;
/// Characters of a message attribute's data type with its label. API reference.
pub const MESSAGE_ATTRIBUTE_TYPE_LENGTH_MAX: usize = 256;
/// Bytes of `AWSTraceHeader`, which does not count towards the size of a message. Uncertain: SQS documents no limit; it is the one
/// that AWS Lambda's API reference gives for the same header.
pub const TRACE_HEADER_BYTES_MAX: usize = 8192;
/// Significant digits of a Number attribute. Developer guide, message attributes.
pub const NUMBER_DIGITS_MAX: usize = 38;
/// Powers of ten between which a Number attribute lies. Developer guide, message attributes.
pub const NUMBER_EXPONENT: std::ops::RangeInclusive<i64> = -128..=126;
/// Characters of a queue name, `.fifo` included. CreateQueue, API reference.
pub const QUEUE_NAME_LENGTH_MAX: usize = 80;
/// Characters of a message group id, deduplication id or receive attempt id. API reference.
pub const TOKEN_LENGTH_MAX: usize = 128;
/// Bytes of an ARN. IAM, API reference.
pub const ARN_BYTES_MAX: usize = 2048;
/// Seconds of delay. Quotas.
pub const DELAY_SECONDS_MAX: i64 = 900;
/// Seconds of visibility timeout, also in total since the receive. Quotas.
pub const VISIBILITY_TIMEOUT_SECONDS_MAX: i64 = 43_200;
/// Seconds of a long poll. Quotas.
pub const WAIT_TIME_SECONDS_MAX: i64 = 20;
/// Messages of one receive. API reference.
pub const RECEIVE_MESSAGES_MAX: i64 = 10;
/// Messages in flight in one queue, standard and FIFO alike since November 2024. Quotas.
pub const IN_FLIGHT_MAX: usize = 120_000;
/// Seconds between two purges of a queue, and between deleting a queue and creating one of its name. Recorded texts.
pub const COOLDOWN_SECONDS: u64 = 60;
/// Results on one page of ListQueues and ListDeadLetterSourceQueues. API reference.
pub const LIST_PAGE_MAX: i64 = 1000;
/// Message move tasks that may be active in an account at one time (developer guide).
pub const MOVE_TASKS_ACTIVE_MAX: usize = 100;
/// Results of ListMessageMoveTasks, and how many ended tasks are remembered for a queue. API reference.
pub const MOVE_TASK_LIST_MAX: i64 = 10;
/// Messages a second that a message move task may be told to keep to. API reference.
pub const MOVE_TASK_RATE_MAX: i64 = 500;
/// Receives after which a redrive policy may move a message. API reference.
pub const MAX_RECEIVE_COUNT: std::ops::RangeInclusive<i64> = 1..=1000;
/// Source queues that a redrive allow policy may list. API reference.
pub const REDRIVE_SOURCE_ARNS_MAX: usize = 10;
/// Bytes of a queue's access policy. Quotas.
pub const POLICY_BYTES_MAX: usize = 8192;
/// Statements of a queue's access policy. Quotas.
pub const POLICY_STATEMENTS_MAX: usize = 20;
/// Principals in one statement. Quotas.
pub const POLICY_PRINCIPALS_MAX: usize = 50;
/// Actions in one statement. Quotas.
pub const POLICY_ACTIONS_MAX: usize = 7;
/// Names, keys or selectors that one list may ask for. Uncertain: SQS documents no limit; there are 21 queue attributes, a message
/// has ten attributes and a queue 50 tags.
pub const NAMES_MAX: usize = 128;
/// Attributes of one CreateQueue or SetQueueAttributes that are looked at. More than can be set, so that beyond it one is unknown.
pub const QUEUE_ATTRIBUTES_MAX: usize = 32;
/// Bytes of `KmsMasterKeyId`. KMS, API reference.
pub const KMS_KEY_ID_BYTES_MAX: usize = 2048;
/// Tags of one queue. Quotas.
pub const TAGS_MAX: usize = 50;
/// Characters of a tag's key. Quotas.
pub const TAG_KEY_LENGTH_MAX: usize = 128;
/// Characters of a tag's value. Quotas.
pub const TAG_VALUE_LENGTH_MAX: usize = 256;
