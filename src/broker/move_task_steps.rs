//! What a message move task does: it takes messages out of its source in small steps, as its rate allows.
//!
//! `transfer.rs` brings them to their destination. With a store, a turn waits until the one before it is durable, so that a
//! long task never stands in front of everybody else's requests.

use super::journal::Entry;
use super::move_tasks::{MoveTask, MoveTaskStatus, NO_DESTINATION, NO_SOURCE};
use super::open::OpenQueue;
use super::queue::{Queue, QueueState, Transfer, TransferCause};
use super::shared::Broker;
use crate::api::Arn;
use crate::engine::{Message, Time};
use crate::error::Error;
use crate::store::{Change, CommitTicket, Committer};
use std::sync::Arc;

/// Messages that are taken out under one lock of the source and put in under one lock of the destination.
const MESSAGES_PER_TRANSFER: usize = 64;

/// Transfers of a task before others get a turn.
const TRANSFERS_PER_TURN: usize = 4;

/// A transfer is full with this many bytes of bodies.
const TRANSFER_BYTES_MAX: usize = 1 << 20;

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
    /// Lets the task of a source move what it may move now, up to a limit, and sets the wake-up for the rest. What it gives
    /// back has to be durable before the next turn.
    pub fn move_task_turn(&self, source: &Arc<Queue>) -> Option<CommitTicket> {
        let mut next = Some(self.clock.now());
        for _ in 0..TRANSFERS_PER_TURN {
            // An error means that the source is gone, and its tasks with it.
            let mut open = self.open(source).ok()?;
            let step = open.move_task_step();
            open.close().without_waiting();
            match step {
                Step::Taken => continue,
                Step::Ended => next = None,
                Step::Next(at) => next = Some(at),
            }
            break;
        }
        if let Some(at) = next {
            self.move_task_wakeups.set(source, None, at);
        }
        self.store().map(Committer::newest)
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

impl OpenQueue<'_> {
    /// Starts a task with this queue as its source.
    ///
    /// # Errors
    /// `InvalidParameterValue` if one runs already, or as many as may run in the account.
    pub fn start_move_task(&mut self, task: MoveTask) -> Result<(), Error> {
        let record = task.record();
        let forgotten = self.broker.move_tasks.add(task)?.map(|id| Change::MoveTaskForgotten { id: id.to_string() });
        self.note(|_, _| [record].into_iter().chain(forgotten));
        Ok(())
    }

    /// Writes down how far a task of this queue has come, and tells how many messages it has moved.
    pub fn save_move_task(&mut self, id: &str) -> u64 {
        let (broker, source) = (self.broker, self.queue);
        let tasks = broker.move_tasks.lock();
        let task = tasks.of(source).find(|task| *task.id == *id);
        self.state.journal.note(|| task.map(MoveTask::record));
        task.map_or(0, |task| task.moved)
    }

    /// Takes out of the source what its task may move now, up to a limit. The destination is looked up first, so that a task
    /// that fails leaves everything as it is.
    fn move_task_step(&mut self) -> Step {
        let (broker, source, now) = (self.broker, self.queue, self.now());
        let QueueState { engine, journal, departures, .. } = &mut *self.state;
        let mut tasks = broker.move_tasks.lock();
        let Some(task) = tasks.running_mut(source) else { return Step::Ended };
        if engine.tick(now, journal) {
            // The queue has too much to catch up with: what looks like its oldest message may not be that.
            return Step::Next(now);
        }
        let mut batch = Batch::default();
        let end = loop {
            if let Some(at) = task.not_before(now).filter(|at| *at > now) {
                break Ok(Step::Next(at));
            }
            let Some(movable) = engine.peek_oldest_visible() else {
                break Err(MoveTaskStatus::Completed);
            };
            let target = match broker.move_target(task, movable.dead_letter_source.as_deref()) {
                Ok(target) => target,
                Err(reason) => break Err(MoveTaskStatus::Failed(reason)),
            };
            if !batch.has_room_for(&target) {
                break Ok(Step::Taken);
            }
            let mark = journal.mark();
            let Some(message) = engine.take_oldest_visible(now, journal) else {
                break Ok(Step::Taken);
            };
            task.pace.taken += 1;
            batch.bytes += message.body.len();
            batch.messages.push(message);
            batch.removals.extend(journal.take_removals(mark));
            batch.target = Some(target);
        };
        if let Some(target) = batch.target {
            let Batch { messages, removals, .. } = batch;
            departures.push(Transfer { target, cause: TransferCause::MoveTask(task.id.clone()), messages, removals });
            // Whatever ends the task does so in the next step, when all this has arrived.
            return Step::Taken;
        }
        match end {
            Ok(step) => step,
            // Another thread is moving the last ones.
            Err(_) if departures.are_under_way() => Step::Next(now),
            Err(status) => {
                task.status = status;
                journal.note(|| [task.record()]);
                Step::Ended
            }
        }
    }
}

/// Messages that a task takes out together.
#[derive(Default)]
struct Batch {
    target: Option<Arc<Queue>>,
    messages: Vec<Message>,
    removals: Vec<Entry>,
    bytes: usize,
}

impl Batch {
    fn has_room_for(&self, target: &Queue) -> bool {
        self.messages.len() < MESSAGES_PER_TRANSFER
            && self.bytes < TRANSFER_BYTES_MAX
            && self.target.as_ref().is_none_or(|own| own.uid == target.uid)
    }
}
