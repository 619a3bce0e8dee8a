//! Requests and answers of the actions on messages: send, receive, delete, change visibility, and their batches.

use super::bounded::{List, Named};
use super::fields::{blob, count, integer, lenient_text, text, write_blob};
use super::limits;
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A map member, ordered by name.
pub type Map<V> = BTreeMap<String, V>;

/// The entries of a batch.
pub type Entries<E> = List<E, { limits::BATCH_ENTRIES_MAX }>;

/// Names, keys or selectors.
pub type Names = List<String, { limits::NAMES_MAX }>;

/// User or system attributes of a message that is sent.
pub type MessageAttributes = Named<MessageAttributeValue, { limits::MESSAGE_ATTRIBUTES_MAX }>;

/// The value of a user or system attribute of a message, in requests and answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct MessageAttributeValue {
    /// Raw bytes (base64 in JSON and XML); for `Binary` types.
    #[serde(
        default,
        deserialize_with = "blob",
        serialize_with = "write_blob",
        skip_serializing_if = "Option::is_none"
    )]
    pub binary_value: Option<Vec<u8>>,
    /// `String`, `Number` or `Binary`, each with an optional `.label`.
    #[serde(default, deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub data_type: Option<String>,
    /// For `String` and `Number` types.
    #[serde(default, deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub string_value: Option<String>,
    /// How many elements the reserved, unsupported `StringListValues` has.
    #[serde(default, deserialize_with = "count", alias = "StringListValue", skip_serializing)]
    pub string_list_values: usize,
    /// How many elements the reserved, unsupported `BinaryListValues` has.
    #[serde(default, deserialize_with = "count", alias = "BinaryListValue", skip_serializing)]
    pub binary_list_values: usize,
}

impl MessageAttributeValue {
    /// The data type without its label: it decides which member holds the value.
    pub fn base_type(&self) -> &str {
        let data_type = self.data_type.as_deref().unwrap_or_default();
        data_type.split_once('.').map_or(data_type, |(base, _)| base)
    }

    /// Whether the value is bytes.
    pub fn is_binary(&self) -> bool {
        self.base_type() == "Binary"
    }
}

/// SendMessage.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct SendMessageRequest {
    /// 0 to 900 s; the queue's own delay if absent.
    #[serde(deserialize_with = "integer")]
    pub delay_seconds: Option<i64>,
    /// User attributes, at most 10.
    #[serde(alias = "MessageAttribute")]
    pub message_attributes: Option<MessageAttributes>,
    /// 1 byte to 1 MiB together with the attributes.
    #[serde(deserialize_with = "lenient_text")]
    pub message_body: Option<String>,
    /// FIFO queues only; 1 to 128 characters.
    #[serde(deserialize_with = "text")]
    pub message_deduplication_id: Option<String>,
    /// Required on FIFO queues, a tenant on standard ones; 1 to 128 characters.
    #[serde(deserialize_with = "text")]
    pub message_group_id: Option<String>,
    /// `AWSTraceHeader` and nothing else.
    #[serde(alias = "MessageSystemAttribute")]
    pub message_system_attributes: Option<MessageAttributes>,
    /// The queue.
    #[serde(deserialize_with = "text")]
    pub queue_url: Option<String>,
}

/// The answer of SendMessage.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct SendMessageResult {
    /// Over all user attributes; absent without any.
    #[serde(rename = "MD5OfMessageAttributes", skip_serializing_if = "Option::is_none")]
    pub md5_of_message_attributes: Option<String>,
    /// Over the body in UTF-8.
    #[serde(rename = "MD5OfMessageBody")]
    pub md5_of_message_body: String,
    /// Over the system attributes of the request; absent without any.
    #[serde(rename = "MD5OfMessageSystemAttributes", skip_serializing_if = "Option::is_none")]
    pub md5_of_message_system_attributes: Option<String>,
    /// A UUID.
    #[serde(rename = "MessageId")]
    pub message_id: String,
    /// FIFO queues only: 20 digits.
    #[serde(rename = "SequenceNumber", skip_serializing_if = "Option::is_none")]
    pub sequence_number: Option<String>,
}

/// SendMessageBatch.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct SendMessageBatchRequest {
    /// 1 to 10 messages.
    #[serde(alias = "SendMessageBatchRequestEntry")]
    pub entries: Option<Entries<SendMessageBatchEntry>>,
    /// The queue.
    #[serde(deserialize_with = "text")]
    pub queue_url: Option<String>,
}

/// One message of a batch; the members mean what they mean in [`SendMessageRequest`].
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[allow(missing_docs, reason = "see SendMessageRequest")]
pub struct SendMessageBatchEntry {
    #[serde(deserialize_with = "lenient_text")]
    pub id: Option<String>,
    #[serde(deserialize_with = "integer")]
    pub delay_seconds: Option<i64>,
    #[serde(alias = "MessageAttribute")]
    pub message_attributes: Option<MessageAttributes>,
    #[serde(deserialize_with = "lenient_text")]
    pub message_body: Option<String>,
    #[serde(deserialize_with = "text")]
    pub message_deduplication_id: Option<String>,
    #[serde(deserialize_with = "text")]
    pub message_group_id: Option<String>,
    #[serde(alias = "MessageSystemAttribute")]
    pub message_system_attributes: Option<MessageAttributes>,
}

/// The answer of the three batch actions.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct BatchResult<E> {
    /// Entries that failed; absent when none did.
    #[serde(rename = "Failed", skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<BatchResultErrorEntry>,
    /// Entries that were carried out; absent when none was.
    #[serde(rename = "Successful", skip_serializing_if = "Vec::is_empty")]
    pub successful: Vec<E>,
}

/// An entry that failed.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct BatchResultErrorEntry {
    /// The legacy code, as in `x-amzn-query-error`.
    pub code: String,
    /// The entry's id.
    pub id: String,
    /// Why.
    pub message: String,
    /// Whether the client is at fault.
    pub sender_fault: bool,
}

/// A sent entry.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct SendMessageBatchResultEntry {
    /// The entry's id.
    #[serde(rename = "Id")]
    pub id: String,
    /// As in [`SendMessageResult`].
    #[serde(rename = "MD5OfMessageAttributes", skip_serializing_if = "Option::is_none")]
    pub md5_of_message_attributes: Option<String>,
    /// As in [`SendMessageResult`].
    #[serde(rename = "MD5OfMessageBody")]
    pub md5_of_message_body: String,
    /// As in [`SendMessageResult`].
    #[serde(rename = "MD5OfMessageSystemAttributes", skip_serializing_if = "Option::is_none")]
    pub md5_of_message_system_attributes: Option<String>,
    /// As in [`SendMessageResult`].
    #[serde(rename = "MessageId")]
    pub message_id: String,
    /// As in [`SendMessageResult`].
    #[serde(rename = "SequenceNumber", skip_serializing_if = "Option::is_none")]
    pub sequence_number: Option<String>,
}

/// A deleted or changed entry.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct BatchResultEntry {
    /// The entry's id.
    #[serde(rename = "Id")]
    pub id: String,
}

/// ReceiveMessage.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ReceiveMessageRequest {
    /// System attributes to return; the older name of `MessageSystemAttributeNames`.
    #[serde(alias = "AttributeName")]
    pub attribute_names: Option<Names>,
    /// 1 to 10; 1 if absent.
    #[serde(deserialize_with = "integer")]
    pub max_number_of_messages: Option<i64>,
    /// User attributes to return: names, `prefix.*`, or `All`, `.*`, `*`.
    #[serde(alias = "MessageAttributeName")]
    pub message_attribute_names: Option<Names>,
    /// System attributes to return, or `All`.
    #[serde(alias = "MessageSystemAttributeName")]
    pub message_system_attribute_names: Option<Names>,
    /// The queue.
    #[serde(deserialize_with = "text")]
    pub queue_url: Option<String>,
    /// FIFO queues only; 1 to 128 characters.
    #[serde(deserialize_with = "text")]
    pub receive_request_attempt_id: Option<String>,
    /// 0 to 43200 s; the queue's own if absent.
    #[serde(deserialize_with = "integer")]
    pub visibility_timeout: Option<i64>,
    /// 0 to 20 s; the queue's own if absent.
    #[serde(deserialize_with = "integer")]
    pub wait_time_seconds: Option<i64>,
}

/// The answer of ReceiveMessage.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ReceiveMessageResult {
    /// Absent when there is none.
    #[serde(rename = "Messages", skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<ReceivedMessage>,
}

/// A received message.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReceivedMessage {
    /// The system attributes that were asked for.
    #[serde(rename = "Attributes", skip_serializing_if = "SystemAttributes::is_empty")]
    pub attributes: SystemAttributes,
    /// As it was sent.
    #[serde(rename = "Body")]
    pub body: Body,
    /// Over the body.
    #[serde(rename = "MD5OfBody")]
    pub md5_of_body: String,
    /// Over the returned user attributes.
    #[serde(rename = "MD5OfMessageAttributes", skip_serializing_if = "Option::is_none")]
    pub md5_of_message_attributes: Option<String>,
    /// The user attributes that were asked for.
    #[serde(rename = "MessageAttributes", skip_serializing_if = "Map::is_empty")]
    pub message_attributes: Map<MessageAttributeValue>,
    /// A UUID.
    #[serde(rename = "MessageId")]
    pub message_id: String,
    /// New on every receive.
    #[serde(rename = "ReceiptHandle")]
    pub receipt_handle: String,
}

/// A body on its way out: a copy of its own, or shared with the queue that still holds it.
#[derive(Clone, Debug)]
pub enum Body {
    /// A small body, copied.
    Owned(Box<str>),
    /// A large one, shared.
    Shared(Arc<str>),
}

impl Body {
    /// The text.
    pub fn as_str(&self) -> &str {
        match self {
            Body::Owned(text) => text,
            Body::Shared(text) => text,
        }
    }
}

impl PartialEq for Body {
    fn eq(&self, other: &Body) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Serialize for Body {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

/// System attributes of a received message, in the order they are written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SystemAttributes(pub Vec<(&'static str, String)>);

impl SystemAttributes {
    /// Whether none was asked for, or none of those exists.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for SystemAttributes {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// DeleteMessage.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DeleteMessageRequest {
    /// The queue.
    #[serde(deserialize_with = "text")]
    pub queue_url: Option<String>,
    /// From a receive.
    #[serde(deserialize_with = "text")]
    pub receipt_handle: Option<String>,
}

/// DeleteMessageBatch.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DeleteMessageBatchRequest {
    /// 1 to 10 handles.
    #[serde(alias = "DeleteMessageBatchRequestEntry")]
    pub entries: Option<Entries<DeleteMessageBatchEntry>>,
    /// The queue.
    #[serde(deserialize_with = "text")]
    pub queue_url: Option<String>,
}

/// One handle of a batch.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[allow(missing_docs, reason = "see DeleteMessageRequest")]
pub struct DeleteMessageBatchEntry {
    #[serde(deserialize_with = "lenient_text")]
    pub id: Option<String>,
    #[serde(deserialize_with = "text")]
    pub receipt_handle: Option<String>,
}

/// ChangeMessageVisibility.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ChangeMessageVisibilityRequest {
    /// The queue.
    #[serde(deserialize_with = "text")]
    pub queue_url: Option<String>,
    /// From a receive.
    #[serde(deserialize_with = "text")]
    pub receipt_handle: Option<String>,
    /// 0 to 43200 s from now.
    #[serde(deserialize_with = "integer")]
    pub visibility_timeout: Option<i64>,
}

/// ChangeMessageVisibilityBatch.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ChangeMessageVisibilityBatchRequest {
    /// 1 to 10 changes.
    #[serde(alias = "ChangeMessageVisibilityBatchRequestEntry")]
    pub entries: Option<Entries<ChangeMessageVisibilityBatchEntry>>,
    /// The queue.
    #[serde(deserialize_with = "text")]
    pub queue_url: Option<String>,
}

/// One change of a batch.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[allow(missing_docs, reason = "see ChangeMessageVisibilityRequest")]
pub struct ChangeMessageVisibilityBatchEntry {
    #[serde(deserialize_with = "lenient_text")]
    pub id: Option<String>,
    #[serde(deserialize_with = "text")]
    pub receipt_handle: Option<String>,
    #[serde(deserialize_with = "integer")]
    pub visibility_timeout: Option<i64>,
}
