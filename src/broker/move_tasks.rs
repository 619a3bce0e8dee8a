//! Message move tasks: which there are, how far each has come, and by what rate it goes on.

use super::queue::Queue;
use crate::api::limits;
use crate::engine::Time;
use crate::error::{Error, ErrorKind};
use crate::store::{Change, MoveTaskRecord};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A task that fell behind its rate, because the machine slept or the store is slow, makes up for at most this much time.
const CATCH_UP_MS_MAX: u64 = 1_000;

/// `FailureReason`: the destination does not exist.
pub(super) const NO_DESTINATION: &str = "AWS.SimpleQueueService.NonExistentQueue";
/// `FailureReason`: a task without a destination found a message that is no dead letter.
pub(super) const NO_SOURCE: &str = "CouldNotDetermineMessageSource";

/// How far a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MoveTaskStatus {
    /// It moves messages, or waits until its rate lets it.
    Running,
    /// It found no more messages.
    Completed,
    /// CancelMessageMoveTask ended it.
    Cancelled,
    /// It cannot go on, with the `FailureReason` of the API.
    Failed(&'static str),
}

impl MoveTaskStatus {
    /// The word of the API.
    pub fn name(self) -> &'static str {
        match self {
            MoveTaskStatus::Running => "RUNNING",
            MoveTaskStatus::Completed => "COMPLETED",
            MoveTaskStatus::Cancelled => "CANCELLED",
            MoveTaskStatus::Failed(_) => "FAILED",
        }
    }

    /// `FailureReason`.
    pub fn failure(self) -> Option<&'static str> {
        match self {
            MoveTaskStatus::Failed(reason) => Some(reason),
            _ => None,
        }
    }

    fn of_record(status: &str, failure: Option<&str>) -> MoveTaskStatus {
        match (status, failure) {
            ("RUNNING", _) => MoveTaskStatus::Running,
            ("COMPLETED", _) => MoveTaskStatus::Completed,
            ("FAILED", Some(NO_SOURCE)) => MoveTaskStatus::Failed(NO_SOURCE),
            ("FAILED", _) => MoveTaskStatus::Failed(NO_DESTINATION),
            _ => MoveTaskStatus::Cancelled,
        }
    }
}

/// A message move task.
pub struct MoveTask {
    /// Found in its task handle.
    pub id: Arc<str>,
    /// The queue that it empties.
    pub source: Arc<Queue>,
    /// As the caller gave it.
    pub source_arn: String,
    /// As the caller gave it; each message's own source if absent.
    pub destination_arn: Option<String>,
    /// `MaxNumberOfMessagesPerSecond`, 1 to 500.
    pub rate: Option<u32>,
    /// When it was started.
    pub started: Time,
    /// How many messages could be moved at the start.
    pub to_move: u64,
    /// How many have arrived.
    pub moved: u64,
    /// How far it is.
    pub status: MoveTaskStatus,
    pub(super) pace: Pace,
}

/// How far a task has come by its rate: so many messages taken out since then.
pub(super) struct Pace {
    since: Time,
    pub(super) taken: u64,
}

impl MoveTask {
    /// A task that starts now.
    pub fn new(
        id: Arc<str>,
        source: Arc<Queue>,
        (source_arn, destination_arn): (String, Option<String>),
        rate: Option<u32>,
        (now, to_move): (Time, u64),
    ) -> MoveTask {
        let (started, moved, status) = (now, 0, MoveTaskStatus::Running);
        let pace = Pace { since: now, taken: 0 };
        MoveTask { id, source, source_arn, destination_arn, rate, started, to_move, moved, status, pace }
    }

    /// What the store keeps of it.
    pub(super) fn record(&self) -> Change {
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
            failure: self.status.failure().map(str::to_owned),
        }))
    }

    /// When it may move its next message, if it has a rate.
    pub(super) fn not_before(&mut self, now: Time) -> Option<Time> {
        let rate = u64::from(self.rate?);
        let next = |pace: &Pace| pace.since.plus_ms((pace.taken + 1).saturating_mul(1000) / rate);
        if now.ms_since(next(&self.pace)) > CATCH_UP_MS_MAX {
            self.pace = Pace { since: Time(now.0.saturating_sub(CATCH_UP_MS_MAX)), taken: 0 };
        }
        Some(next(&self.pace))
    }
}

/// The tasks of each source queue.
#[derive(Default)]
pub struct MoveTasks {
    tasks: Mutex<BySource>,
}

/// The tasks by the uid of their source, the newest first, at most ten remembered of each.
#[derive(Default)]
pub struct BySource(HashMap<u64, VecDeque<MoveTask>>);

impl BySource {
    /// The tasks of a source, the newest first.
    pub fn of(&self, source: &Queue) -> impl Iterator<Item = &MoveTask> {
        self.0.get(&source.uid).into_iter().flatten()
    }

    fn of_mut(&mut self, source: &Queue) -> impl Iterator<Item = &mut MoveTask> {
        self.0.get_mut(&source.uid).into_iter().flatten()
    }

    /// The task of a source that runs; there is one at most.
    pub(super) fn running_mut(&mut self, source: &Queue) -> Option<&mut MoveTask> {
        self.of_mut(source).find(|task| task.status == MoveTaskStatus::Running)
    }
}

impl MoveTasks {
    /// The tasks, held.
    pub fn lock(&self) -> MutexGuard<'_, BySource> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a task and gives the id of one that is no longer remembered.
    ///
    /// # Errors
    /// `InvalidParameterValue` if one runs for that source, or as many as may run in its account.
    pub(super) fn add(&self, task: MoveTask) -> Result<Option<Arc<str>>, Error> {
        let mut tasks = self.lock();
        let running = tasks.0.values().flatten().filter(|task| task.status == MoveTaskStatus::Running);
        let of_account = running.filter(|other| other.source.account == task.source.account).count();
        if tasks.running_mut(&task.source).is_some() {
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
        let of_source = tasks.0.entry(task.source.uid).or_default();
        of_source.push_front(task);
        let too_many = of_source.len() > limits::MOVE_TASK_LIST_MAX as usize;
        Ok(too_many.then(|| of_source.pop_back().map(|task| task.id)).flatten())
    }

    /// Takes back a task of a queue that comes back from the store; they come oldest first. Its rate counts from now on: the
    /// time in which the server did not run is not made up for.
    pub(super) fn restore(&self, source: &Arc<Queue>, record: MoveTaskRecord, now: Time) {
        let status = MoveTaskStatus::of_record(&record.status, record.failure.as_deref());
        self.lock().0.entry(source.uid).or_default().push_front(MoveTask {
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
    pub(super) fn is_running(&self, source: &Queue) -> bool {
        self.lock().running_mut(source).is_some()
    }

    /// Counts messages that a task has moved; they count also if the task was cancelled meanwhile.
    pub(super) fn count(&self, source: &Queue, id: &str, messages: u64) -> Option<Change> {
        let mut tasks = self.lock();
        let task = tasks.of_mut(source).find(|task| *task.id == *id)?;
        task.moved += messages;
        Some(task.record())
    }

    /// Ends a task that runs.
    ///
    /// # Errors
    /// `ResourceNotFoundException` if there is no such task, `InvalidParameterValue` if it does not run.
    pub fn cancel(&self, source: &Queue, id: &str) -> Result<(), Error> {
        let mut tasks = self.lock();
        let task = tasks.of_mut(source).find(|task| *task.id == *id);
        let task = task.ok_or_else(|| Error::new(ErrorKind::ResourceNotFound, "Task does not exist."))?;
        if task.status != MoveTaskStatus::Running {
            return Err(Error::invalid("Only active tasks can be cancelled."));
        }
        task.status = MoveTaskStatus::Cancelled;
        Ok(())
    }

    /// Forgets the tasks of a queue that is deleted.
    pub fn forget(&self, source: &Queue) {
        self.lock().0.remove(&source.uid);
    }
}
