//! Message move tasks: the way back from a dead-letter queue.
//!
//! A task takes messages out of its source in small turns, as its rate allows, and `transfer.rs` brings them to their
//! destination. With a store, a turn waits until the one before it is durable, so that a long task never stands in front of
//! everybody else's requests.

use super::durability::Done;
use super::queue::Queue;
use super::send::new_message_id;
use super::transfer::{Cause, Transfer};
use super::{Arn, Broker, Caller, State};
use crate::api::{
    CancelMessageMoveTaskRequest, CancelMessageMoveTaskResult, ListMessageMoveTasksRequest, ListMessageMoveTasksResult,
    ListMessageMoveTasksResultEntry, StartMessageMoveTaskRequest, StartMessageMoveTaskResult, limits,
};
use crate::engine::{Message, Time};
use crate::error::{Error, ErrorKind};
use crate::store::{Change, Committer, MoveTaskRecord, Ticket};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Messages that are taken out under one lock of the source and put in under one lock of the destination.
const MESSAGES_PER_TRANSFER: usize = 64;

/// Transfers of a task before others get a turn.
const TRANSFERS_PER_TURN: usize = 4;

/// A transfer is full with this many bytes of bodies.
const TRANSFER_BYTES_MAX: usize = 1 << 20;

/// A task that fell behind its rate, because the machine slept or the store is slow, makes up for at most this much time.
const CATCH_UP_MS_MAX: u64 = 1_000;

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
    id: Arc<str>,
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
    pace: Pace,
}

/// How far a task has come by its rate: so many messages taken out since then.
struct Pace {
    since: Time,
    taken: u64,
}

/// The tasks of each source queue, newest first, at most ten remembered.
#[derive(Default)]
pub(super) struct MoveTasks {
    tasks: Mutex<HashMap<u64, VecDeque<MoveTask>>>,
}

impl MoveTasks {
    fn lock(&self) -> MutexGuard<'_, HashMap<u64, VecDeque<MoveTask>>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a task and gives the id of one that is no longer remembered.
    ///
    /// # Errors
    /// `InvalidParameterValue` if one runs for that source, or as many as may run in its account.
    fn add(&self, task: MoveTask) -> Result<Option<Arc<str>>, Error> {
        let mut tasks = self.lock();
        let running = tasks.values().flatten().filter(|task| task.status == Status::Running);
        let of_account = running.filter(|other| other.source.account == task.source.account).count();
        let of_source = tasks.entry(task.source.uid).or_default();
        if of_source.iter().any(|task| task.status == Status::Running) {
            return Err(Error::invalid(
                "There is already a task running. Only one active task is allowed for a source queue arn at a given time.",
            ));
        }
        if of_account >= limits::MOVE_TASKS_ACTIVE_MAX {
            // Uncertain: the limit is documented, the answer beyond it is not.
            return Err(Error::invalid(format!(
                "There are already {of_account} active tasks. Only {} active tasks are allowed for an account at a given time.",
                limits::MOVE_TASKS_ACTIVE_MAX
            )));
        }
        of_source.push_front(task);
        let too_many = of_source.len() > limits::MOVE_TASK_LIST_MAX as usize;
        Ok(too_many.then(|| of_source.pop_back().map(|task| task.id)).flatten())
    }

    /// Takes back a task of a queue that comes back from the store; they come oldest first. Its rate counts from now on: the
    /// time in which the server did not run is not made up for.
    pub(super) fn restore(&self, source: &Arc<Queue>, record: MoveTaskRecord, now: Time) {
        let status = match (record.status.as_str(), record.failure.as_deref()) {
            ("RUNNING", _) => Status::Running,
            ("COMPLETED", _) => Status::Completed,
            ("FAILED", Some(NO_SOURCE)) => Status::Failed(NO_SOURCE),
            ("FAILED", _) => Status::Failed(NO_DESTINATION),
            _ => Status::Cancelled,
        };
        self.lock().entry(source.uid).or_default().push_front(MoveTask {
            id: record.id.into(),
            source: source.clone(),
            source_arn: record.source_arn,
            destination_arn: record.destination_arn,
            rate: record.rate,
            started: record.started,
            to_move: record.to_move,
            moved: record.moved,
            status,
            pace: Pace { since: now, taken: 0 },
        });
    }

    /// Whether a task of this source runs.
    pub(super) fn is_running(&self, uid: u64) -> bool {
        running_task(&self.lock(), uid).is_some()
    }

    /// Counts messages that a task has moved; they count also if the task was cancelled meanwhile.
    pub(super) fn count(&self, uid: u64, id: &str, messages: u64) -> Option<Change> {
        let mut tasks = self.lock();
        let task = tasks.get_mut(&uid)?.iter_mut().find(|task| *task.id == *id)?;
        task.moved += messages;
        Some(task.record())
    }

    /// Forgets the tasks of a queue that is deleted.
    pub(super) fn forget(&self, uid: u64) {
        self.lock().remove(&uid);
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

/// What a task does next.
enum Step {
    /// Nothing: it has ended, now or before.
    Ended,
    /// It goes on at this time.
    Next(Time),
    /// It has taken messages out of its source.
    Taken,
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
        let id: Arc<str> = new_message_id().to_string().into();
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
                pace: Pace { since: now, taken: 0 },
            };
            let record = task.record();
            let forgotten = self.move_tasks.add(task)?.map(|id| Change::MoveTaskForgotten { id: id.to_string() });
            state.outbox.put(|| [record].into_iter().chain(forgotten));
            Ok(StartMessageMoveTaskResult { task_handle })
        })?;
        let started = started.transpose()?;
        self.move_task_turn(&source);
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
            destination_arn: task.destination_arn.as_ref().map(|arn| self.shown_arn(caller, arn)),
            failure_reason: match task.status {
                Status::Failed(reason) => Some(reason.to_owned()),
                _ => None,
            },
            max_number_of_messages_per_second: task.rate.map(i64::from),
            source_arn: self.shown_arn(caller, &task.source_arn),
            started_timestamp: task.started.as_ms() as i64,
            status: task.status.name(),
            task_handle: (task.status == Status::Running).then(|| handle(&task.id, &task.source_arn)),
        };
        let of_source = tasks.get(&source.uid).into_iter().flatten();
        Ok(ListMessageMoveTasksResult { results: of_source.take(max as usize).map(show).collect() })
    }

    pub(super) async fn cancel_message_move_task(
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
        let cancelled = self.with(&source, |_, _| {
            let mut tasks = self.move_tasks.lock();
            let mut of_source = tasks.get_mut(&source.uid).into_iter().flatten();
            let task = of_source.find(|task| *task.id == *handle.task_id);
            let task = task.ok_or_else(|| Error::new(ErrorKind::ResourceNotFound, "Task does not exist."))?;
            if task.status != Status::Running {
                return Err(Error::invalid("Only active tasks can be cancelled."));
            }
            task.status = Status::Cancelled;
            Ok(())
        })?;
        cancelled.unwaited()?;
        // What the task has taken out arrives, and is counted, before it is said that it moves no more. Another thread is
        // at it right now.
        while self.with(&source, |state, _| state.departures.are_under_way())?.unwaited() {
            tokio::task::yield_now().await;
        }
        self.with(&source, |state, _| {
            let tasks = self.move_tasks.lock();
            let task = tasks.get(&source.uid).into_iter().flatten().find(|task| *task.id == *handle.task_id);
            state.outbox.put(|| task.map(MoveTask::record));
            let moved = task.map_or(0, |task| task.moved) as i64;
            CancelMessageMoveTaskResult { approximate_number_of_messages_moved: moved }
        })
    }

    /// Lets the task of a source move what it may move now, up to a limit, and sets the alarm for the rest. What it gives
    /// back has to be durable before the next turn.
    pub(super) fn move_task_turn(&self, source: &Arc<Queue>) -> Option<Ticket> {
        let mut next = Some(self.clock.now());
        for _ in 0..TRANSFERS_PER_TURN {
            // An error means that the source is gone, and its tasks with it.
            let step = self.with(source, |state, now| self.move_task_step(source, state, now)).ok()?;
            match step.unwaited() {
                Step::Taken => continue,
                Step::Ended => next = None,
                Step::Next(at) => next = Some(at),
            }
            break;
        }
        if let Some(at) = next {
            self.move_task_timers.set(source, None, at);
        }
        self.store.as_ref().map(Committer::newest)
    }

    /// Takes out of the source what its task may move now, up to a limit. The destination is looked up first, so that a task
    /// that fails leaves everything as it is.
    fn move_task_step(&self, source: &Arc<Queue>, state: &mut State, now: Time) -> Step {
        let mut tasks = self.move_tasks.lock();
        let of_source = tasks.get_mut(&source.uid).into_iter().flatten();
        let Some(task) = of_source.into_iter().find(|task| task.status == Status::Running) else { return Step::Ended };
        if state.engine.tick(now, &mut state.outbox.journal) {
            // The queue has too much to catch up with: what looks like its oldest message may not be that.
            return Step::Next(now);
        }
        let mut batch = Batch::default();
        let end = loop {
            if let Some(at) = task.not_before(now).filter(|at| *at > now) {
                break Ok(Step::Next(at));
            }
            let Some(movable) = state.engine.peek_oldest_visible() else {
                break Err(Status::Completed);
            };
            let target = match self.move_target(task, movable.dead_letter_source.as_deref()) {
                Ok(target) => target,
                Err(reason) => break Err(Status::Failed(reason)),
            };
            if !batch.has_room_for(&target) {
                break Ok(Step::Taken);
            }
            let mark = state.outbox.mark();
            let Some(message) = state.engine.take_oldest_visible(now, &mut state.outbox.journal) else {
                break Ok(Step::Taken);
            };
            task.pace.taken += 1;
            batch.bytes += message.body.len();
            batch.messages.push(message);
            batch.removals.extend(state.outbox.take_removals(mark, source.uid));
            batch.target = Some(target);
        };
        if let Some(target) = batch.target {
            let Batch { messages, removals, .. } = batch;
            state.departures.push(Transfer { target, cause: Cause::MoveTask(task.id.clone()), messages, removals });
            // Whatever ends the task does so in the next step, when all this has arrived.
            return Step::Taken;
        }
        match end {
            Ok(step) => step,
            // Another thread is moving the last ones.
            Err(_) if state.departures.are_under_way() => Step::Next(now),
            Err(status) => {
                task.status = status;
                state.outbox.put(|| [task.record()]);
                Step::Ended
            }
        }
    }

    /// Where a task moves a message.
    ///
    /// # Errors
    /// The failure reason of the API.
    fn move_target(&self, task: &MoveTask, dead_letter_source: Option<&str>) -> Result<Arc<Queue>, &'static str> {
        let arn = task.destination_arn.as_deref().or(dead_letter_source).ok_or(NO_SOURCE)?;
        let arn = Arn::parse(arn).map_err(|_| NO_DESTINATION)?;
        self.namespace.resolve_arn(&arn, &task.source.account).ok_or(NO_DESTINATION)
    }
}

/// Messages that a task takes out together.
#[derive(Default)]
struct Batch {
    target: Option<Arc<Queue>>,
    messages: Vec<Message>,
    removals: Vec<Change>,
    bytes: usize,
}

impl Batch {
    fn has_room_for(&self, target: &Queue) -> bool {
        self.messages.len() < MESSAGES_PER_TRANSFER
            && self.bytes < TRANSFER_BYTES_MAX
            && self.target.as_ref().is_none_or(|own| own.uid == target.uid)
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
            id: self.id.to_string(),
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
    fn not_before(&mut self, now: Time) -> Option<Time> {
        let rate = u64::from(self.rate?);
        let next = |pace: &Pace| pace.since.plus_ms((pace.taken + 1).saturating_mul(1000) / rate);
        if now.ms_since(next(&self.pace)) > CATCH_UP_MS_MAX {
            self.pace = Pace { since: Time(now.0.saturating_sub(CATCH_UP_MS_MAX)), taken: 0 };
        }
        Some(next(&self.pace))
    }
}
