//! The one way of messages from one queue to another: dead letters and message move tasks.
//!
//! A message is taken out of its source under the source's lock. It then stands among the source's [`Departures`], in the
//! order of leaving, until it is put into its target under the target's lock; no thread ever holds both. One mover at a time
//! works through the departures of a source, so that messages arrive in the order in which they left, however many threads
//! work on either queue. That a message left and that it arrived go to the store as one.
//!
//! The target is looked up before a message is taken out, under the same lock, so that a missing target changes nothing. A
//! target that is deleted after that takes along what was on its way to it, as if it had arrived the moment before.

use super::queue::{Queue, State};
use super::redrive::as_dead_letter;
use super::send::new_message_id;
use super::{Arn, Broker};
use crate::engine::{Message, Time};
use crate::store::Change;
use std::collections::VecDeque;
use std::sync::Arc;

/// Transfers that one thread carries out in one go before it leaves the rest to the alarm clock.
const TRANSFERS_PER_TURN: usize = 64;

/// Messages on their way to one target, in the order in which they left.
pub(super) struct Transfer {
    pub(super) target: Arc<Queue>,
    pub(super) cause: Cause,
    pub(super) messages: Vec<Message>,
    /// That they left the source, for the store.
    pub(super) removals: Vec<Change>,
}

/// Why messages go to another queue, which decides what becomes of them there.
#[derive(Clone)]
pub(super) enum Cause {
    /// They were received as often as the redrive policy allows.
    DeadLetter,
    /// The message move task with this id moves them.
    MoveTask(Arc<str>),
}

/// What has left a queue and not yet arrived elsewhere.
#[derive(Default)]
pub(super) struct Departures {
    waiting: VecDeque<Transfer>,
    /// A thread works on them.
    moving: bool,
}

impl Departures {
    /// To be called under the same lock under which the messages were taken out.
    pub(super) fn push(&mut self, transfer: Transfer) {
        self.waiting.push_back(transfer);
    }

    /// Whether there is something to move and nobody who does.
    pub(super) fn need_a_mover(&self) -> bool {
        !self.moving && !self.waiting.is_empty()
    }

    /// Whether something that left has not arrived yet.
    pub(super) fn are_under_way(&self) -> bool {
        self.moving || !self.waiting.is_empty()
    }

    /// Makes the caller the mover, unless there is one or nothing to move.
    fn first(&mut self) -> Option<Transfer> {
        if self.moving { None } else { self.next() }
    }

    /// What the mover has to move next; if there is nothing, it is the mover no more.
    fn next(&mut self) -> Option<Transfer> {
        let next = self.waiting.pop_front();
        self.moving = next.is_some();
        next
    }
}

impl Broker {
    /// Brings what has left a queue to its targets, unless another thread is at it already. What arrives may be handed to
    /// a parked receive, which may in turn find dead letters in the target; they are seen to as well.
    pub(super) fn transfer(&self, source: &Arc<Queue>) {
        let mut sources = vec![source.clone()];
        let mut left = TRANSFERS_PER_TURN;
        while let Some(source) = sources.pop() {
            let mut next = source.lock_as_is().departures.first();
            while let Some(transfer) = next {
                let target = transfer.target.clone();
                if self.arrive(&source, transfer) && target.uid != source.uid {
                    sources.push(target);
                }
                left = left.saturating_sub(1);
                let mut state = source.lock_as_is();
                next = if left > 0 { state.departures.next() } else { self.leave_to_alarm(&source, &mut state) };
            }
        }
    }

    /// Ends the caller's time as mover; the alarm clock finds the next one.
    fn leave_to_alarm(&self, source: &Arc<Queue>, state: &mut State) -> Option<Transfer> {
        state.departures.moving = false;
        if state.departures.need_a_mover() {
            self.set_alarm(source, state, Some(self.clock.now()));
        }
        None
    }

    /// Puts messages into their target; tells whether something in turn left the target.
    fn arrive(&self, source: &Arc<Queue>, transfer: Transfer) -> bool {
        let Transfer { target, cause, messages, removals } = transfer;
        let counted = match &cause {
            Cause::DeadLetter => None,
            Cause::MoveTask(task) => self.move_tasks.count(source.uid, task, messages.len() as u64),
        };
        let mut departed = Some(removals.into_iter().chain(counted));
        let fifo = target.settings().fifo;
        let arn: Arc<str> =
            Arn { region: &source.region, account: &source.account, name: &source.name }.to_string().into();
        let arrived = self.with_one(&target, |state, now| {
            state.outbox.put(|| departed.take().into_iter().flatten());
            for message in messages {
                let message = changed_by(&cause, message, &arn, fifo, now);
                state.engine.insert(now, message, &mut state.outbox.journal);
            }
        });
        if let Ok((_, something_left)) = arrived {
            return something_left;
        }
        // The target is gone. An error here means that the source is gone too.
        let _ = self.with_one(source, |state, _| state.outbox.put(|| departed.take().into_iter().flatten()));
        false
    }
}

/// A message as it enters its target.
fn changed_by(cause: &Cause, message: Message, source_arn: &Arc<str>, fifo: bool, now: Time) -> Message {
    match cause {
        Cause::DeadLetter => as_dead_letter(message, source_arn, fifo, now),
        // What arrives is a new message with the old content (developer guide).
        Cause::MoveTask(_) => message.renewed(new_message_id(), now),
    }
}
