//! The one way of messages from one queue to another: dead letters and message move tasks.
//!
//! A message is taken out of its source under the source's lock. It then stands among the source's departures, in the order
//! of leaving, until it is put into its target under the target's lock; no thread ever holds both. One mover at a time
//! works through the departures of a source, so that messages arrive in the order in which they left, however many threads
//! work on either queue. That a message left and that it arrived go to the store as one.
//!
//! The target is looked up before a message is taken out, under the same lock, so that a missing target changes nothing. A
//! target that is deleted after that takes along what was on its way to it, as if it had arrived the moment before; to one that is
//! given to another node after that, what is on its way goes by the store.

use super::journal::Entry;
use super::open::OpenQueue;
use super::queue::{Gone, Queue, QueueState, Transfer, TransferCause};
use super::shared::Broker;
use crate::api::Arn;
use crate::engine::{Arrival, Message, Time};
use crate::store::{Change, TransferRecord, TransferRecordCause};
use std::sync::Arc;

/// Transfers that one thread carries out in one go before it leaves the rest to the wake-up.
const TRANSFERS_PER_TURN: usize = 64;

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
                next = if left > 0 { state.departures.next() } else { self.leave_to_wakeup(&source, &mut state) };
            }
        }
    }

    /// Ends the caller's time as mover; the wake-up finds the next one.
    fn leave_to_wakeup(&self, source: &Arc<Queue>, state: &mut QueueState) -> Option<Transfer> {
        if state.departures.end_moving() {
            self.set_wakeup(source, state, Some(self.clock.now()));
        }
        None
    }

    /// Puts messages into their target; tells whether something in turn left the target.
    fn arrive(&self, source: &Arc<Queue>, transfer: Transfer) -> bool {
        let Transfer { target, cause, messages, removals } = transfer;
        let counted = match &cause {
            TransferCause::DeadLetter | TransferCause::ByHand(_) => None,
            TransferCause::MoveTask(task) => self.move_tasks.count(source, task, messages.len() as u64),
        };
        if self.goes_by_store(&target) && target.gone() != Some(Gone::Deleted) {
            return self.send_on(source, &target, cause, (messages, removals), counted);
        }
        let (mut open, messages) = match self.open(&target) {
            Ok(open) => (open, messages),
            Err(_) if target.gone() == Some(Gone::Moved) => {
                return self.send_on(source, &target, cause, (messages, removals), counted);
            }
            // The target is gone, and with it what was on its way.
            Err(_) => match self.open(source) {
                Ok(open) => (open, Vec::new()),
                Err(_) => return false,
            },
        };
        open.state.journal.append(removals);
        open.note(|_, _| counted);
        if let TransferCause::ByHand(by) = &cause {
            open.state.journal.act_for(*by);
        }
        let arn = arn_of(source).into();
        for message in messages {
            open.insert_from(&cause, message, &arn);
        }
        open.close_and_leave_departures().1
    }
}

impl Broker {
    /// Messages whose target is another node's now: that they left and where they are to go is one commit, and the other node takes
    /// them from the store. Tells whether more has left the source.
    fn send_on(
        &self,
        source: &Arc<Queue>,
        target: &Queue,
        cause: TransferCause,
        (messages, removals): (Vec<Message>, Vec<Entry>),
        counted: Option<Change>,
    ) -> bool {
        // An error means that the source was deleted, and its messages with it: it is not given away while some are on their way.
        let Ok(mut open) = self.open(source) else { return false };
        let source_arn: Arc<str> = arn_of(source).into();
        let cause = match cause {
            TransferCause::DeadLetter => TransferRecordCause::DeadLetter,
            TransferCause::MoveTask(task) => TransferRecordCause::MoveTask(task),
            TransferCause::ByHand(_) => TransferRecordCause::ByHand,
        };
        let numbers: Vec<u64> = removals.iter().filter_map(Entry::removed).collect();
        open.state.journal.append(removals);
        let sent = messages.into_iter().zip(numbers).map(|(message, number)| {
            let (source_arn, cause) = (source_arn.clone(), cause.clone());
            let (source, target) = (source.uid, target.uid);
            Change::Sent(Box::new(TransferRecord { source, number, target, source_arn, cause, message }))
        });
        open.note(|_, _| sent.chain(counted));
        let (ticket, departed) = open.close_and_leave_departures();
        self.tell_sent(source, target, ticket);
        departed
    }
}

fn arn_of(queue: &Queue) -> String {
    Arn { region: &queue.region, account: &queue.account, name: &queue.name }.to_string()
}

impl OpenQueue<'_> {
    /// Puts a message in that left another queue.
    pub(super) fn insert_from(&mut self, cause: &TransferCause, message: Message, source_arn: &Arc<str>) {
        let id = message.id;
        let message = self.changed_by(cause, message, source_arn);
        let renewed_from = Some(id).filter(|id| *id != message.id);
        self.insert_renewed(message, renewed_from);
    }

    /// A message as it enters this queue.
    fn changed_by(&self, cause: &TransferCause, message: Message, source_arn: &Arc<str>) -> Message {
        match cause {
            TransferCause::DeadLetter => as_dead_letter(message, source_arn, self.queue.fifo, self.now()),
            // What arrives is a new message with the old content (developer guide).
            TransferCause::ByHand(_) => as_moved_by_hand(message),
            TransferCause::MoveTask(_) => message.renewed(self.broker.ids.message_id(), self.now()),
        }
    }
}

/// A message that is moved by hand stays what it is, but for the redrive policy it has not been received in its new queue yet.
fn as_moved_by_hand(mut message: Message) -> Message {
    let received = message.receive_count;
    if received > 0 || message.extra.as_ref().is_some_and(|extra| extra.dead_letter_source.is_some()) {
        let extra = message.extra_mut();
        extra.dead_letter_source = None;
        extra.receive_count_on_arrival = received;
        extra.arrived = Arrival::default();
    }
    message
}

/// A message as it enters its dead-letter queue: the same, with where it came from. On a FIFO queue its id becomes its
/// deduplication id and its retention starts again (developer guide); on a standard queue retention goes on.
fn as_dead_letter(mut message: Message, source_arn: &Arc<str>, fifo: bool, now: Time) -> Message {
    let id = message.id;
    let received = message.receive_count;
    let extra = message.extra_mut();
    extra.dead_letter_source = Some(source_arn.clone());
    extra.receive_count_on_arrival = received;
    extra.arrived = Arrival(Some(now));
    if fifo {
        extra.deduplication_id = Some(id.to_string().into());
        message.retained_from = now;
    }
    message
}
