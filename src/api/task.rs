//! Requests and answers of the three message move task actions.

use super::fields::{integer, text};
use serde::{Deserialize, Serialize};

/// StartMessageMoveTask.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct StartMessageMoveTaskRequest {
    /// Where to; each message's own source queue if absent.
    #[serde(deserialize_with = "text")]
    pub destination_arn: Option<String>,
    /// 1 to 500 messages a second; as fast as it goes if absent.
    #[serde(deserialize_with = "integer")]
    pub max_number_of_messages_per_second: Option<i64>,
    /// A dead-letter queue.
    #[serde(deserialize_with = "text")]
    pub source_arn: Option<String>,
}

/// The answer of StartMessageMoveTask.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct StartMessageMoveTaskResult {
    /// Base64 of a JSON object with `taskId` and `sourceArn`.
    pub task_handle: String,
}

/// CancelMessageMoveTask.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct CancelMessageMoveTaskRequest {
    /// From StartMessageMoveTask.
    #[serde(deserialize_with = "text")]
    pub task_handle: Option<String>,
}

/// The answer of CancelMessageMoveTask.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct CancelMessageMoveTaskResult {
    /// So far.
    pub approximate_number_of_messages_moved: i64,
}

/// ListMessageMoveTasks.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ListMessageMoveTasksRequest {
    /// 1 to 10; 1 if absent.
    #[serde(deserialize_with = "integer")]
    pub max_results: Option<i64>,
    /// A dead-letter queue.
    #[serde(deserialize_with = "text")]
    pub source_arn: Option<String>,
}

/// The answer of ListMessageMoveTasks.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListMessageMoveTasksResult {
    /// Newest first; absent when there is none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub results: Vec<ListMessageMoveTasksResultEntry>,
}

/// One message move task.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListMessageMoveTasksResultEntry {
    /// So far.
    pub approximate_number_of_messages_moved: i64,
    /// Counted when the task began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approximate_number_of_messages_to_move: Option<i64>,
    /// Only if one was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination_arn: Option<String>,
    /// Only of a failed task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_reason: Option<String>,
    /// Only if one was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_number_of_messages_per_second: Option<i64>,
    /// The dead-letter queue.
    pub source_arn: String,
    /// Milliseconds since the epoch.
    pub started_timestamp: i64,
    /// `RUNNING`, `COMPLETED`, `CANCELLING`, `CANCELLED` or `FAILED`.
    pub status: &'static str,
    /// Only while the task runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_handle: Option<String>,
}
