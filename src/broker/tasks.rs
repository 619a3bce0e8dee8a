//! Message move tasks: the way back from a dead-letter queue.
//!
//! A task moves one message at a time: out of its source, then into its destination, never holding both. How many it may have
//! moved by now follows from the time and its rate, so that nothing depends on when it gets its turn.

use super::durability::Done;
use super::queue::Queue;
use super::send::new_message_id;
use super::{Alarm, Arn, Broker, Caller};
use crate::api::{
    CancelMessageMoveTaskRequest, CancelMessageMoveTaskResult, ListMessageMoveTasksRequest, ListMessageMoveTasksResult,
    ListMessageMoveTasksResultEntry, StartMessageMoveTaskRequest, StartMessageMoveTaskResult, limits,
};
use crate::engine::{Message, Time};
use crate::error::{Error, ErrorKind};
use crate::store::{Change, MoveTaskRecord};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Messages a task without a rate moves before others get a turn.
const MESSAGES_PER_TURN: u64 = 256;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Running,
    Completed,
    Cancelled,
    Failed(&'static str),
}

impl Status {
    /// The word of the API.
    fn name(self) -> &'static str {
        match self {
            Status::Running => "RUNNING",
            Status::Completed => "COMPLETED",
            Status::Cancelled => "CANCELLED",
            Status::Failed(_) => "FAILED",
        }
    }
}

struct MoveTask {
    id: String,
    source: Arc<Queue>,
    /// As the caller gave it.
    source_arn: String,
    /// As the caller gave it; each message's own source if absent.
    destination_arn: Option<String>,
    /// Messages a second.
    rate: Option<u32>,
    started: Time,
    to_move: u64,
    moved: u64,
    status: Status,
}

/// The tasks of each source queue, newest first, at most ten remembered.
#[derive(Default)]
pub(super) struct MoveTasks {
    tasks: Mutex<HashMap<u64, VecDeque<MoveTask>>>,
    running: AtomicUsize,
}

impl MoveTasks {
    fn lock(&self) -> MutexGuard<'_, HashMap<u64, VecDeque<MoveTask>>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a task and gives the id of one that is no longer remembered.
    ///
    /// # Errors
    /// `InvalidParameterValue` if one runs for that source.
    fn add(&self, task: MoveTask) -> Result<Option<String>, Error> {
        let mut tasks = self.lock();
        let of_source = tasks.entry(task.source.uid).or_default();
        if of_source.iter().any(|task| task.status == Status::Running) {
            return Err(Error::invalid(
                "There is already a task running. Only one active task is allowed for a source queue arn at a given time.",
            ));
        }
        of_source.push_front(task);
        self.running.fetch_add(1, Ordering::SeqCst);
        let too_many = of_source.len() > limits::MOVE_TASK_LIST_MAX as usize;
        Ok(too_many.then(|| of_source.pop_back().map(|task| task.id)).flatten())
    }

    /// Takes back a task of a queue that comes back from the store; they come oldest first.
    pub(super) fn restore(&self, source: &Arc<Queue>, record: MoveTaskRecord) {
        let status = match (record.status.as_str(), record.failure.as_deref()) {
            ("RUNNING", _) => Status::Running,
            ("COMPLETED", _) => Status::Completed,
            ("FAILED", Some(NO_SOURCE)) => Status::Failed(NO_SOURCE),
            ("FAILED", _) => Status::Failed(NO_DESTINATION),
            _ => Status::Cancelled,
        };
        if status == Status::Running {
            self.running.fetch_add(1, Ordering::SeqCst);
        }
        self.lock().entry(source.uid).or_default().push_front(MoveTask {
            id: record.id,
            source: source.clone(),
            source_arn: record.source_arn,
            destination_arn: record.destination_arn,
            rate: record.rate,
            started: record.started,
            to_move: record.to_move,
            moved: record.moved,
            status,
        });
    }

    /// Whether a task of this source runs.
    pub(super) fn is_running(&self, uid: u64) -> bool {
        running_task(&self.lock(), uid).is_some()
    }

    /// Ends a task that runs.
    fn end(&self, task: &mut MoveTask, status: Status) {
        task.status = status;
        self.running.fetch_sub(1, Ordering::SeqCst);
    }

    /// Counts a message that a task has moved; it counts also if the task was cancelled meanwhile.
    fn count(&self, uid: u64, id: &str) -> Option<Change> {
        let mut tasks = self.lock();
        let task = tasks.get_mut(&uid)?.iter_mut().find(|task| task.id == id)?;
        task.moved += 1;
        Some(task.record())
    }

    /// Forgets the tasks of a queue that is deleted.
    pub(super) fn forget(&self, uid: u64) {
        let gone = self.lock().remove(&uid);
        let running = gone.iter().flatten().filter(|task| task.status == Status::Running).count();
        self.running.fetch_sub(running, Ordering::SeqCst);
    }
}

/// What a task handle says, in base64.
#[derive(Deserialize)]
struct Handle {
    #[serde(rename = "taskId")]
    task_id: String,
    #[serde(rename = "sourceArn")]
    source_arn: String,
}

fn handle(task_id: &str, source_arn: &str) -> String {
    let [task_id, source_arn] = [task_id, source_arn].map(serde_json::Value::from);
    STANDARD.encode(format!("{{\"taskId\":{task_id},\"sourceArn\":{source_arn}}}"))
}

fn no_resource(name: &str) -> Error {
    Error::new(
        ErrorKind::ResourceNotFound,
        format!("The resource that you specified for the {name} parameter doesn't exist."),
    )
}

/// How a look at a task went on.
enum Turn {
    /// The task has ended.
    Ended,
    /// It may move the next message at this time.
    Next(Time),
}

impl Broker {
    fn queue_by_arn(&self, caller: &Caller<'_>, text: &str, name: &str) -> Result<Arc<Queue>, Error> {
        let arn = Arn::parse(text).map_err(|_| {
            Error::invalid(format!(
                "You must use this format to specify the {name}: arn:<partition>:<service>:<region>:<account-id>:<resource-id>"
            ))
        })?;
        self.namespace.resolve_arn(&arn, caller.account).ok_or_else(|| no_resource(name))
    }

    pub(super) fn start_message_move_task(
        &self,
        caller: &Caller<'_>,
        r: StartMessageMoveTaskRequest,
    ) -> Result<Done<StartMessageMoveTaskResult>, Error> {
        let source_arn = r.source_arn.filter(|arn| !arn.is_empty()).ok_or_else(|| Error::missing("SourceArn"))?;
        let source = self.queue_by_arn(caller, &source_arn, "SourceArn")?;
        if self.dead_letter_sources(&source).is_empty() {
            return Err(Error::invalid("Source queue must be configured as a Dead Letter Queue."));
        }
        let destination_arn = r.destination_arn.filter(|arn| !arn.is_empty());
        if let Some(arn) = &destination_arn {
            let destination = self.queue_by_arn(caller, arn, "DestinationArn");
            if destination.as_ref().is_ok_and(|destination| destination.uid == source.uid) {
                return Err(Error::invalid("Source queue arn and destination queue arn cannot be the same."));
            }
            if destination?.settings().fifo != source.settings().fifo {
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
        let id = new_message_id().to_string();
        let task_handle = handle(&id, &source_arn);
        let started = self.with(&source, |state, now| {
            let task = MoveTask {
                id,
                source: source.clone(),
                source_arn,
                destination_arn,
                rate: rate.and_then(|rate| u32::try_from(rate).ok()),
                started: now,
                to_move: state.engine.counts().visible as u64,
                moved: 0,
                status: Status::Running,
            };
            let record = task.record();
            let forgotten = self.move_tasks.add(task)?.map(|id| Change::MoveTaskForgotten { id });
            state.outbox.put(|| [record].into_iter().chain(forgotten));
            Ok(StartMessageMoveTaskResult { task_handle })
        })?;
        let started = started.transpose()?;
        self.move_task_rings(&source);
        Ok(started)
    }

    pub(super) fn list_message_move_tasks(
        &self,
        caller: &Caller<'_>,
        r: ListMessageMoveTasksRequest,
    ) -> Result<ListMessageMoveTasksResult, Error> {
        let source_arn = r.source_arn.filter(|arn| !arn.is_empty()).ok_or_else(|| Error::missing("SourceArn"))?;
        let source = self.queue_by_arn(caller, &source_arn, "SourceArn")?;
        let max = r.max_results.unwrap_or(1);
        if !(1..=limits::MOVE_TASK_LIST_MAX).contains(&max) {
            return Err(Error::invalid_parameter("MaxResults", "You must enter a number that's between 1 and 10."));
        }
        let tasks = self.move_tasks.lock();
        let show = |task: &MoveTask| ListMessageMoveTasksResultEntry {
            approximate_number_of_messages_moved: task.moved as i64,
            approximate_number_of_messages_to_move: Some(task.to_move as i64),
            destination_arn: task.destination_arn.clone(),
            failure_reason: match task.status {
                Status::Failed(reason) => Some(reason.to_owned()),
                _ => None,
            },
            max_number_of_messages_per_second: task.rate.map(i64::from),
            source_arn: task.source_arn.clone(),
            started_timestamp: task.started.as_ms() as i64,
            status: task.status.name(),
            task_handle: (task.status == Status::Running).then(|| handle(&task.id, &task.source_arn)),
        };
        let of_source = tasks.get(&source.uid).into_iter().flatten();
        Ok(ListMessageMoveTasksResult { results: of_source.take(max as usize).map(show).collect() })
    }

    pub(super) fn cancel_message_move_task(
        &self,
        caller: &Caller<'_>,
        r: CancelMessageMoveTaskRequest,
    ) -> Result<Done<CancelMessageMoveTaskResult>, Error> {
        let given = r.task_handle.filter(|handle| !handle.is_empty()).ok_or_else(|| Error::missing("TaskHandle"))?;
        let invalid = || Error::invalid("Value for parameter TaskHandle is invalid.");
        let json = STANDARD.decode(given).map_err(|_| invalid())?;
        let handle: Handle = serde_json::from_slice(&json).map_err(|_| invalid())?;
        let source =
            self.queue_by_arn(caller, &handle.source_arn, "SourceArn").map_err(|_| no_resource("SourceArn"))?;
        let cancelled = self.with(&source, |state, _| {
            let mut tasks = self.move_tasks.lock();
            let mut of_source = tasks.get_mut(&source.uid).into_iter().flatten();
            let task = of_source.find(|task| task.id == handle.task_id);
            let task = task.ok_or_else(|| Error::new(ErrorKind::ResourceNotFound, "Task does not exist."))?;
            if task.status != Status::Running {
                return Err(Error::invalid("Only active tasks can be cancelled."));
            }
            self.move_tasks.end(task, Status::Cancelled);
            state.outbox.put(|| [task.record()]);
            Ok(CancelMessageMoveTaskResult { approximate_number_of_messages_moved: task.moved as i64 })
        })?;
        cancelled.transpose()
    }

    /// Lets running tasks move what they may have moved by now. Called before every operation; costs one load if none runs.
    pub(super) fn move_tasks_due(&self) {
        if self.move_tasks.running.load(Ordering::Relaxed) == 0 {
            return;
        }
        let running = |task: &&MoveTask| task.status == Status::Running;
        let sources: Vec<Arc<Queue>> = {
            let tasks = self.move_tasks.lock();
            tasks.values().flatten().filter(running).map(|task| task.source.clone()).collect()
        };
        for source in sources {
            self.move_task_turn(&source);
        }
    }

    /// What the alarm clock calls.
    pub(super) fn move_task_rings(&self, source: &Arc<Queue>) {
        if let Turn::Next(at) = self.move_task_turn(source) {
            self.timers.set(Alarm::MoveTask(source.uid), None, at, source);
        }
    }

    /// Moves what the task of a source may move now, up to a limit.
    fn move_task_turn(&self, source: &Arc<Queue>) -> Turn {
        for _ in 0..MESSAGES_PER_TURN {
            let now = self.clock.now();
            let (id, destination_arn) = {
                let tasks = self.move_tasks.lock();
                let Some(task) = running_task(&tasks, source.uid) else { return Turn::Ended };
                if let Some(at) = task.not_before().filter(|at| *at > now) {
                    return Turn::Next(at);
                }
                (task.id.clone(), task.destination_arn.clone())
            };
            let end = match self.move_one(source, &id, destination_arn.as_deref()) {
                Ok(true) => continue,
                Ok(false) => Status::Completed,
                Err(reason) => Status::Failed(reason),
            };
            // An error means that the source is gone, and its tasks with it.
            let _ = self.with(source, |state, _| {
                let mut tasks = self.move_tasks.lock();
                let mut of_source = tasks.get_mut(&source.uid).into_iter().flatten();
                // It may have been cancelled meanwhile.
                if let Some(task) = of_source.find(|task| task.id == id && task.status == Status::Running) {
                    self.move_tasks.end(task, end);
                    state.outbox.put(|| [task.record()]);
                }
            });
        }
        Turn::Next(self.clock.now())
    }

    /// Moves the oldest message that is visible. `false` if there is none, an error with the failure reason of the API.
    fn move_one(&self, source: &Arc<Queue>, task: &str, destination: Option<&str>) -> Result<bool, &'static str> {
        let resolve = |text: &str| {
            let arn = Arn::parse(text).ok()?;
            self.namespace.resolve_arn(&arn, &source.account)
        };
        let fixed = destination.map(|arn| resolve(arn).ok_or(NO_DESTINATION)).transpose()?;
        let taken = self.with(source, |state, now| {
            let mark = state.outbox.mark();
            let message = state.engine.take_oldest_visible(now, &mut state.outbox.journal)?;
            Some((message, state.outbox.take_departures(mark, source.uid)))
        });
        let Some((message, departures)) = taken.ok().and_then(Done::unwaited) else { return Ok(false) };
        let found = match fixed {
            Some(queue) => Ok(queue),
            None => {
                let origin = message.extra.as_ref().and_then(|extra| extra.dead_letter_source.as_deref());
                origin.ok_or(NO_SOURCE).and_then(|arn| resolve(arn).ok_or(NO_DESTINATION))
            }
        };
        let back = |message: Message, departures: Vec<Change>| {
            // An error means that the source has been deleted, and its messages with it.
            let _ = self.with_departures(source, departures, |state, now| {
                state.engine.insert(now, message, &mut state.outbox.journal);
            });
        };
        let queue = match found {
            Ok(queue) => queue,
            Err(reason) => {
                back(message, departures);
                return Err(reason);
            }
        };
        // What arrives is a new message with the old content (developer guide).
        let mut original = Some((message, departures));
        let moved = self.with(&queue, |state, now| {
            if let Some((message, departures)) = original.take() {
                // Leaving, arriving and being counted go to the store as one.
                let counted = self.move_tasks.count(source.uid, task);
                state.outbox.put(|| departures.into_iter().chain(counted));
                let message = message.renewed(new_message_id(), now);
                state.engine.insert(now, message, &mut state.outbox.journal);
            }
        });
        if moved.is_err() {
            if let Some((message, departures)) = original {
                back(message, departures);
            }
            return Err(NO_DESTINATION);
        }
        Ok(true)
    }
}

/// The failure reasons of the API.
const NO_DESTINATION: &str = "AWS.SimpleQueueService.NonExistentQueue";
const NO_SOURCE: &str = "CouldNotDetermineMessageSource";

fn running_task(tasks: &HashMap<u64, VecDeque<MoveTask>>, uid: u64) -> Option<&MoveTask> {
    tasks.get(&uid)?.iter().find(|task| task.status == Status::Running)
}

impl MoveTask {
    /// What the store keeps of it.
    fn record(&self) -> Change {
        let failure = match self.status {
            Status::Failed(reason) => Some(reason.to_owned()),
            _ => None,
        };
        Change::MoveTask(Box::new(MoveTaskRecord {
            id: self.id.clone(),
            queue: self.source.uid,
            source_arn: self.source_arn.clone(),
            destination_arn: self.destination_arn.clone(),
            rate: self.rate,
            started: self.started,
            to_move: self.to_move,
            moved: self.moved,
            status: self.status.name().to_owned(),
            failure,
        }))
    }

    /// When it may move its next message, if it has a rate.
    fn not_before(&self) -> Option<Time> {
        let rate = u64::from(self.rate?);
        Some(self.started.plus_ms((self.moved + 1).saturating_mul(1000) / rate))
    }
}
