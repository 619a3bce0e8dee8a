//! The actions on message move tasks: start, list and cancel the way back from a dead-letter queue.

use super::context::Context;
use super::queues::dead_letter_sources;
use super::resolve::by_arn;
use super::task_handle::TaskHandle;
use crate::api::{
    CancelMessageMoveTaskRequest, CancelMessageMoveTaskResult, ListMessageMoveTasksRequest, ListMessageMoveTasksResult,
    ListMessageMoveTasksResultEntry, StartMessageMoveTaskRequest, StartMessageMoveTaskResult, limits,
};
use crate::broker::{MoveTask, MoveTaskStatus, Pending};
use crate::error::Error;
use std::sync::Arc;

pub(super) fn start_message_move_task(
    cx: &Context<'_>,
    r: StartMessageMoveTaskRequest,
) -> Result<Pending<StartMessageMoveTaskResult>, Error> {
    let source = cx.queue()?;
    if dead_letter_sources(cx.broker, source).is_empty() {
        return Err(Error::invalid("Source queue must be configured as a Dead Letter Queue."));
    }
    let destination_arn = r.destination_arn.filter(|arn| !arn.is_empty());
    if let Some(arn) = &destination_arn {
        let destination = by_arn(cx.broker, cx.caller, arn, "DestinationArn")?;
        if destination.uid == source.uid {
            return Err(Error::invalid("Source queue arn and destination queue arn cannot be the same."));
        }
        if destination.fifo != source.fifo {
            return Err(Error::invalid("The source queue and destination queue must be of the same queue type."));
        }
    }
    let rate = r.max_number_of_messages_per_second;
    if rate.is_some_and(|rate| !(1..=limits::MOVE_TASK_RATE_MAX).contains(&rate)) {
        return Err(Error::invalid_parameter(
            "MaxNumberOfMessagesPerSecond",
            "You must enter a number that's between 1 and 500.",
        ));
    }
    let rate = rate.and_then(|rate| u32::try_from(rate).ok());
    let id: Arc<str> = cx.broker.ids().message_id().to_string().into();
    let source_arn = r.source_arn.unwrap_or_default();
    let task_handle = TaskHandle::encode(&id, &source_arn);
    let mut open = cx.open(source)?;
    let start = (open.now(), open.counts().visible as u64);
    open.start_move_task(MoveTask::new(id, source.clone(), (source_arn, destination_arn), rate, start))?;
    let pending = open.close();
    cx.broker.move_task_turn(source);
    Ok(pending.map(|()| StartMessageMoveTaskResult { task_handle }))
}

pub(super) fn list_message_move_tasks(
    cx: &Context<'_>,
    r: ListMessageMoveTasksRequest,
) -> Result<Pending<ListMessageMoveTasksResult>, Error> {
    let source = cx.queue()?;
    let max = r.max_results.unwrap_or(1);
    if !(1..=limits::MOVE_TASK_LIST_MAX).contains(&max) {
        return Err(Error::invalid_parameter("MaxResults", "You must enter a number that's between 1 and 10."));
    }
    let show = |task: &MoveTask| ListMessageMoveTasksResultEntry {
        approximate_number_of_messages_moved: task.moved as i64,
        approximate_number_of_messages_to_move: Some(task.to_move as i64),
        destination_arn: task.destination_arn.as_ref().map(|arn| cx.shown_arn(arn)),
        failure_reason: task.status.failure().map(str::to_owned),
        max_number_of_messages_per_second: task.rate.map(i64::from),
        source_arn: cx.shown_arn(&task.source_arn),
        started_timestamp: task.started.as_ms() as i64,
        status: task.status.name(),
        task_handle: (task.status == MoveTaskStatus::Running).then(|| TaskHandle::encode(&task.id, &task.source_arn)),
    };
    let results = cx.broker.move_tasks().lock().of(source).take(max as usize).map(show).collect();
    Ok(Pending::nothing(ListMessageMoveTasksResult { results }))
}

pub(super) async fn cancel_message_move_task(
    cx: &Context<'_>,
    r: CancelMessageMoveTaskRequest,
) -> Result<Pending<CancelMessageMoveTaskResult>, Error> {
    let source = cx.queue()?;
    let id = TaskHandle::decode(r.task_handle.as_deref())?.task_id;
    let open = cx.open(source)?;
    cx.broker.move_tasks().cancel(source, &id)?;
    open.close().without_waiting();
    // What the task has taken out arrives, and is counted, before it is said that it moves no more. Another thread is
    // at it right now.
    while cx.open(source)?.has_departures() {
        tokio::task::yield_now().await;
    }
    let mut open = cx.open(source)?;
    let moved = open.save_move_task(&id) as i64;
    Ok(open.close().map(|()| CancelMessageMoveTaskResult { approximate_number_of_messages_moved: moved }))
}
