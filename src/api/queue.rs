//! Requests and answers of the actions on queues: create, delete, find, list, attributes, tags and permissions.

use super::bounded::{List, Named};
use super::fields::{CoercedString, integer, text};
use super::{Map, Names, limits};
use serde::{Deserialize, Serialize};

/// Attributes that a queue is given.
pub type QueueAttributes = Named<CoercedString, { limits::QUEUE_ATTRIBUTES_MAX }>;

/// Tags that a queue is given.
pub type Tags = Named<CoercedString, { limits::TAGS_MAX }>;

/// DeleteQueue, PurgeQueue and ListQueueTags: nothing but a queue.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct QueueRequest {
    /// The queue.
    #[serde(deserialize_with = "text")]
    pub queue_url: Option<String>,
}

/// CreateQueue.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct CreateQueueRequest {
    /// Queue attributes; an absent value is an error that names it.
    #[serde(alias = "Attribute")]
    pub attributes: Option<QueueAttributes>,
    /// 1 to 80 letters, digits, `-` and `_`; with `.fifo` at the end for a FIFO queue.
    #[serde(deserialize_with = "text")]
    pub queue_name: Option<String>,
    /// Tags. The JSON member is lower case, unlike all others.
    #[serde(rename = "tags", alias = "Tags", alias = "Tag")]
    pub tags: Option<Tags>,
}

/// The answer of CreateQueue and GetQueueUrl.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct QueueUrlResult {
    /// Where the queue is found.
    pub queue_url: String,
}

/// GetQueueUrl.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct GetQueueUrlRequest {
    /// The queue's name.
    #[serde(deserialize_with = "text")]
    pub queue_name: Option<String>,
    /// The account that owns it; the caller's if absent.
    #[serde(rename = "QueueOwnerAWSAccountId", deserialize_with = "text")]
    pub queue_owner_aws_account_id: Option<String>,
}

/// ListQueues.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ListQueuesRequest {
    /// 1 to 1000; needed to get a `NextToken`.
    #[serde(deserialize_with = "integer")]
    pub max_results: Option<i64>,
    /// From the page before.
    #[serde(deserialize_with = "text")]
    pub next_token: Option<String>,
    /// Only names that begin so; case counts.
    #[serde(deserialize_with = "text")]
    pub queue_name_prefix: Option<String>,
}

/// The answer of ListQueues.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListQueuesResult {
    /// There is more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
    /// Absent when nothing matches.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub queue_urls: Vec<String>,
}

/// ListDeadLetterSourceQueues.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ListDeadLetterSourceQueuesRequest {
    /// 1 to 1000.
    #[serde(deserialize_with = "integer")]
    pub max_results: Option<i64>,
    /// From the page before.
    #[serde(deserialize_with = "text")]
    pub next_token: Option<String>,
    /// The dead-letter queue.
    #[serde(deserialize_with = "text")]
    pub queue_url: Option<String>,
}

/// The answer of ListDeadLetterSourceQueues.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ListDeadLetterSourceQueuesResult {
    /// There is more.
    #[serde(rename = "NextToken", skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
    /// The JSON member is lower case, unlike ListQueues'.
    #[serde(rename = "queueUrls", skip_serializing_if = "Vec::is_empty")]
    pub queue_urls: Vec<String>,
}

/// GetQueueAttributes.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct GetQueueAttributesRequest {
    /// Names, or `All`.
    #[serde(alias = "AttributeName")]
    pub attribute_names: Option<Names>,
    /// The queue.
    #[serde(deserialize_with = "text")]
    pub queue_url: Option<String>,
}

/// The answer of GetQueueAttributes.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetQueueAttributesResult {
    /// Absent when nothing was asked for.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub attributes: Map<String>,
}

/// SetQueueAttributes.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct SetQueueAttributesRequest {
    /// What to change; the rest stays.
    #[serde(alias = "Attribute")]
    pub attributes: Option<QueueAttributes>,
    /// The queue.
    #[serde(deserialize_with = "text")]
    pub queue_url: Option<String>,
}

/// TagQueue.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct TagQueueRequest {
    /// The queue.
    #[serde(deserialize_with = "text")]
    pub queue_url: Option<String>,
    /// At most 50.
    #[serde(alias = "Tag")]
    pub tags: Option<Tags>,
}

/// UntagQueue.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct UntagQueueRequest {
    /// The queue.
    #[serde(deserialize_with = "text")]
    pub queue_url: Option<String>,
    /// Which tags to take off.
    #[serde(alias = "TagKey")]
    pub tag_keys: Option<Names>,
}

/// The answer of ListQueueTags.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListQueueTagsResult {
    /// Absent when there is none.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub tags: Map<String>,
}

/// AddPermission.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct AddPermissionRequest {
    /// Who may.
    #[serde(rename = "AWSAccountIds", alias = "AWSAccountId")]
    pub aws_account_ids: Option<List<String, { limits::POLICY_PRINCIPALS_MAX }>>,
    /// What they may; at most 7.
    #[serde(rename = "Actions", alias = "ActionName")]
    pub actions: Option<List<String, { limits::POLICY_ACTIONS_MAX }>>,
    /// Names the statement.
    #[serde(rename = "Label", deserialize_with = "text")]
    pub label: Option<String>,
    /// The queue.
    #[serde(rename = "QueueUrl", deserialize_with = "text")]
    pub queue_url: Option<String>,
}

/// RemovePermission.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct RemovePermissionRequest {
    /// Names the statement.
    #[serde(deserialize_with = "text")]
    pub label: Option<String>,
    /// The queue.
    #[serde(deserialize_with = "text")]
    pub queue_url: Option<String>,
}
