//! A message outside any queue: on its way in, on its way out, or between two queues.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use uuid::Uuid;
use uuid::fmt::Hyphenated;

use super::receipt::Receipt;
use super::time::Time;

/// Bodies longer than this many bytes are shared by deliveries, shorter ones are copied.
///
/// Copying 4 KiB costs less than the two atomic counts and the extra allocation header of a shared one.
pub const BODY_SHARED_FROM: usize = 4096;

/// The id of a message: 16 bytes, shown as a lower-case UUID of 36 characters, as SQS does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(pub [u8; 16]);

/// Characters of a message id's text.
const ID_CHARACTERS: usize = Hyphenated::LENGTH;

impl MessageId {
    /// A UUID of version 4 out of 16 random bytes.
    #[must_use]
    pub fn from_random(bytes: [u8; 16]) -> MessageId {
        MessageId(uuid::Builder::from_random_bytes(bytes).into_uuid().into_bytes())
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(Uuid::from_bytes(self.0).hyphenated().encode_lower(&mut [0; ID_CHARACTERS]))
    }
}

/// The text is not a UUID of 36 characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseMessageIdError;

impl fmt::Display for ParseMessageIdError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a message id is a UUID of 36 characters")
    }
}

impl std::error::Error for ParseMessageIdError {}

impl FromStr for MessageId {
    type Err = ParseMessageIdError;

    fn from_str(text: &str) -> Result<MessageId, ParseMessageIdError> {
        // Other spellings of a UUID have other lengths.
        let id = (text.len() == ID_CHARACTERS).then(|| Uuid::try_parse_ascii(text.as_bytes()).ok()).flatten();
        id.map(|id| MessageId(id.into_bytes())).ok_or(ParseMessageIdError)
    }
}

/// A message body in one allocation of exactly its own size.
///
/// Made with `From<String>` or `From<&str>`, which choose the variant by [`BODY_SHARED_FROM`].
#[derive(Clone, Debug)]
pub enum Body {
    /// A short body; a delivery copies it.
    Owned(Box<str>),
    /// A long body; a delivery shares it.
    Shared(Arc<str>),
}

impl Body {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Body::Owned(text) => text,
            Body::Shared(text) => text,
        }
    }

    /// Length in bytes of UTF-8.
    #[must_use]
    pub fn len(&self) -> usize {
        self.as_str().len()
    }

    /// Whether there is no text at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.as_str().is_empty()
    }
}

impl From<String> for Body {
    fn from(text: String) -> Body {
        if text.len() <= BODY_SHARED_FROM { Body::Owned(text.into_boxed_str()) } else { Body::Shared(text.into()) }
    }
}

impl From<&str> for Body {
    fn from(text: &str) -> Body {
        if text.len() <= BODY_SHARED_FROM { Body::Owned(text.into()) } else { Body::Shared(text.into()) }
    }
}

impl PartialEq for Body {
    fn eq(&self, other: &Body) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Body {}

/// The user's message attributes, encoded by the caller; the engine only carries them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// The encoded attributes.
    pub encoded: Box<[u8]>,
    /// MD5 over all of them, as SQS computes it.
    pub md5: [u8; 16],
}

/// A message as it is handed to `Queue::send`.
#[derive(Clone, Debug)]
pub struct NewMessage {
    /// The id it will keep until a message move task renews it.
    pub id: MessageId,
    /// The body.
    pub body: Body,
    /// MD5 of the body, computed by the caller outside the queue's lock.
    pub body_md5: [u8; 16],
    /// The user's attributes, if any.
    pub attributes: Option<Attributes>,
    /// System attribute `AWSTraceHeader`, if sent.
    pub trace_header: Option<Box<str>>,
    /// System attribute `SenderId`; `None` stands for the owner of the queue.
    pub sender: Option<Box<str>>,
    /// `MessageGroupId`; always there on a FIFO queue, optional on a standard one (fair queues).
    pub group: Option<Box<str>>,
    /// `MessageDeduplicationId`, explicit or derived from the body; always there on a FIFO queue.
    pub deduplication_id: Option<Arc<str>>,
    /// Delay in seconds, 0 to 900; standard queues only, where the caller has already applied the queue's default.
    pub delay_seconds: u32,
}

/// What only some messages have, kept beside the message so that a plain one stays small.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extra {
    /// The user's attributes, if any.
    pub attributes: Option<Attributes>,
    /// System attribute `AWSTraceHeader`.
    pub trace_header: Option<Box<str>>,
    /// System attribute `SenderId`; `None` stands for the owner of the queue.
    pub sender: Option<Box<str>>,
    /// System attribute `MessageDeduplicationId` (FIFO).
    pub deduplication_id: Option<Arc<str>>,
    /// System attribute `DeadLetterQueueSourceArn`: the queue a dead letter came from.
    pub dead_letter_source: Option<Arc<str>>,
    /// Start of the retention period where it is not the time of sending (a dead letter in a FIFO queue).
    pub retained_from: Option<Time>,
    /// Its receive count when it arrived in this queue: receives in other queues. `ApproximateReceiveCount` goes on in
    /// a dead-letter queue, but the redrive policy of that queue counts only what happens there.
    pub receive_count_on_arrival: u32,
    /// When it arrived in this queue as a dead letter, if that is not known otherwise. No store keeps it.
    pub arrived: Arrival,
}

/// When a dead letter arrived in its queue. For counts of its age alone: two messages are the same whatever it is, and after a
/// restart it is not known any more.
#[derive(Clone, Copy, Debug, Default, Eq)]
pub struct Arrival(pub Option<Time>);

impl PartialEq for Arrival {
    fn eq(&self, _: &Arrival) -> bool {
        true
    }
}

/// A message taken out of one queue, or about to enter another: dead letters, move tasks, loading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The id; kept by a dead-letter move, renewed by a message move task.
    pub id: MessageId,
    /// The body.
    pub body: Body,
    /// MD5 of the body.
    pub body_md5: [u8; 16],
    /// What only some messages have; [`Message::extra_mut`] changes it. Its `retained_from` is ignored here: the
    /// field below counts.
    pub extra: Option<Arc<Extra>>,
    /// `MessageGroupId`, if any.
    pub group: Option<Arc<str>>,
    /// `SentTimestamp`: when it was first sent.
    pub sent: Time,
    /// Start of its retention period. Normally `sent`; on arrival in a FIFO dead-letter queue, that moment.
    pub retained_from: Time,
    /// `ApproximateFirstReceiveTimestamp`, if it was ever received.
    pub first_received: Option<Time>,
    /// `ApproximateReceiveCount`: how often it was received, in all queues since it was sent.
    pub receive_count: u32,
}

impl Message {
    /// A message that was sent at `sent` and never received. The delay is not part of it.
    #[must_use]
    pub fn new(new: NewMessage, sent: Time) -> Message {
        let (message, group) = Message::without_group(new, sent);
        let group = group.map(Arc::from);
        Message { group, ..message }
    }

    /// The same, but with the group's name handed back, so that a known group's name is not allocated again.
    pub(super) fn without_group(new: NewMessage, sent: Time) -> (Message, Option<Box<str>>) {
        let plain = new.attributes.is_none()
            && new.trace_header.is_none()
            && new.sender.is_none()
            && new.deduplication_id.is_none();
        let message = Message {
            id: new.id,
            body: new.body,
            body_md5: new.body_md5,
            extra: (!plain).then(|| {
                Arc::new(Extra {
                    attributes: new.attributes,
                    trace_header: new.trace_header,
                    sender: new.sender,
                    deduplication_id: new.deduplication_id,
                    ..Extra::default()
                })
            }),
            group: None,
            sent,
            retained_from: sent,
            first_received: None,
            receive_count: 0,
        };
        (message, new.group)
    }

    /// The parts that only some messages have, to be changed; copied first if a delivery still shares them.
    pub fn extra_mut(&mut self) -> &mut Extra {
        Arc::make_mut(self.extra.get_or_insert_default())
    }

    /// What a message move task delivers: a new message with the same content (developer guide). It has a new id and a
    /// new time of sending, its retention and receive count start again, and it has no dead-letter source.
    #[must_use]
    pub fn renewed(mut self, id: MessageId, now: Time) -> Message {
        if self
            .extra
            .as_ref()
            .is_some_and(|extra| extra.dead_letter_source.is_some() || extra.receive_count_on_arrival > 0)
        {
            let extra = self.extra_mut();
            extra.dead_letter_source = None;
            extra.receive_count_on_arrival = 0;
            extra.arrived = Arrival::default();
        }
        Message { id, sent: now, retained_from: now, first_received: None, receive_count: 0, ..self }
    }
}

/// One message as a receive hands it out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// `MessageId`.
    pub id: MessageId,
    /// The body; copied or shared, see [`Body`].
    pub body: Body,
    /// MD5 of the body.
    pub body_md5: [u8; 16],
    /// What only some messages have.
    pub extra: Option<Arc<Extra>>,
    /// `MessageGroupId`, if any.
    pub group: Option<Arc<str>>,
    /// `SentTimestamp`.
    pub sent: Time,
    /// `ApproximateFirstReceiveTimestamp`.
    pub first_received: Time,
    /// `ApproximateReceiveCount`, this receive included.
    pub receive_count: u32,
    /// The message's number in this queue; [`sequence_number`] shows it as SQS does.
    pub number: u64,
    /// What the receipt handle says.
    pub receipt: Receipt,
}

/// The number of the first message in a FIFO queue. With it sequence numbers have no run of zeros, which a tool that
/// masks account ids would take for one. Queues of an older store, which began with 1, go on from here: above all that
/// they have given out.
pub(super) const FIRST_FIFO_NUMBER: u64 = 483_529_671_345;

/// `SequenceNumber` of a FIFO message: 20 digits, increasing with the message's number.
///
/// The base and the step of 256 give the look of real ones, such as `18849496460467696128`. Neither may ever change: a
/// message keeps its sequence number for as long as a store keeps the message.
#[must_use]
pub fn sequence_number(number: u64) -> String {
    (18_850_000_000_000_000_000_u128 + u128::from(number) * 256).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_id_is_a_lower_case_uuid_of_36_characters() {
        let id =
            MessageId([0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10]);
        let text = id.to_string();
        assert_eq!(text, "01234567-89ab-cdef-fedc-ba9876543210");
        assert_eq!(text.parse(), Ok(id));
        assert_eq!(text.to_uppercase().parse(), Ok(id));
        for wrong in ["", "01234567-89ab-cdef-fedc-ba987654321", "01234567x89ab-cdef-fedc-ba9876543210"] {
            assert_eq!(wrong.parse::<MessageId>(), Err(ParseMessageIdError));
        }
        assert!("g1234567-89ab-cdef-fedc-ba9876543210".parse::<MessageId>().is_err());
        assert!("é1234567-89ab-cdef-fedc-ba987654321".parse::<MessageId>().is_err());
    }

    #[test]
    fn short_bodies_are_owned_and_long_ones_shared() {
        let short = "x".repeat(BODY_SHARED_FROM);
        let long = "x".repeat(BODY_SHARED_FROM + 1);
        assert!(matches!(Body::from(short.as_str()), Body::Owned(_)));
        assert!(matches!(Body::from(short.clone()), Body::Owned(_)));
        assert!(matches!(Body::from(long.as_str()), Body::Shared(_)));
        assert!(matches!(Body::from(long.clone()), Body::Shared(_)));
        assert_eq!(Body::from(long.as_str()).as_str(), long);
        assert_eq!(Body::from(short).len(), BODY_SHARED_FROM);
        assert!(Body::from("").is_empty());
    }

    #[test]
    fn a_sequence_number_has_20_digits_and_grows() {
        assert_eq!(sequence_number(0), "18850000000000000000");
        assert_eq!(sequence_number(1), "18850000000000000256");
        assert!(sequence_number(1 << 40) > sequence_number((1 << 40) - 1));
        assert_eq!(sequence_number(1 << 50).len(), 20);
    }

    #[test]
    fn a_renewed_message_starts_again_but_keeps_its_content() {
        let mut message = Message {
            id: MessageId([1; 16]),
            body: "hello".into(),
            body_md5: [2; 16],
            extra: None,
            group: Some("g".into()),
            sent: Time(5),
            retained_from: Time(6),
            first_received: Some(Time(7)),
            receive_count: 3,
        };
        message.extra_mut().dead_letter_source = Some("arn".into());
        message.extra_mut().trace_header = Some("Root=1".into());
        let renewed = message.renewed(MessageId([9; 16]), Time(100));
        assert_eq!(renewed.id, MessageId([9; 16]));
        assert_eq!((renewed.sent, renewed.retained_from), (Time(100), Time(100)));
        assert_eq!((renewed.first_received, renewed.receive_count), (None, 0));
        let extra = renewed.extra.expect("the trace header stays");
        assert_eq!(extra.dead_letter_source, None);
        assert_eq!(extra.trace_header.as_deref(), Some("Root=1"));
        assert_eq!(renewed.group.as_deref(), Some("g"));
    }
}
