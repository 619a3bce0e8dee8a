//! Task handles: what CancelMessageMoveTask knows a message move task by.

use crate::error::Error;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

/// What a task handle says, in base64.
#[derive(Deserialize)]
pub(super) struct TaskHandle {
    #[serde(rename = "taskId")]
    pub(super) task_id: String,
    #[serde(rename = "sourceArn")]
    pub(super) source_arn: String,
}

impl TaskHandle {
    /// Reads the member `TaskHandle`.
    ///
    /// # Errors
    /// `MissingParameter`, or `InvalidParameterValue` for what is no handle.
    pub(super) fn decode(handle: Option<&str>) -> Result<TaskHandle, Error> {
        let handle = handle.filter(|handle| !handle.is_empty()).ok_or_else(|| Error::missing("TaskHandle"))?;
        let invalid = || Error::invalid("Value for parameter TaskHandle is invalid.");
        let json = STANDARD.decode(handle).map_err(|_| invalid())?;
        serde_json::from_slice(&json).map_err(|_| invalid())
    }

    /// Writes the handle of a task.
    pub(super) fn encode(task_id: &str, source_arn: &str) -> String {
        let [task_id, source_arn] = [task_id, source_arn].map(serde_json::Value::from);
        STANDARD.encode(format!("{{\"taskId\":{task_id},\"sourceArn\":{source_arn}}}"))
    }
}
