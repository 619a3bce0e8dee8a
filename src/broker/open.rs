//! The single way to work on a queue: a guard that has it locked, brought up to now, and writes down what happens.

use super::journal::{Pending, not_durable};
use super::long_polls::{Handoff, LongPollId};
use super::observer::{By, FailedEntry, QueueEvent};
use super::queue::{Gone, Queue, QueueState, TargetCache, Transfer, TransferCause};
use super::settings::QueueSettings;
use super::shared::Broker;
use crate::engine::{
    Cause, Counts, Deleted, Delivery, Discarded, Fact, Journal as _, Message, MessageFacts, MessageId, NewMessage,
    Receipt, ReceiveOptions, Received, Sent, Time, VisibilityChange,
};
use crate::error::Error;
use crate::store::{Change, CommitTicket};
use std::collections::BTreeMap;
use std::sync::{Arc, MutexGuard};
use tokio::sync::oneshot;

/// Parked receives that are served in one go under the queue's lock; the wake-up that follows at once goes on.
pub const HANDOFFS_PER_TURN: usize = 64;

/// With more bytes than this waiting for the store, a queue that has much to catch up with does so later: what many
/// deadlines leave behind for the store must not stand in front of everybody else's requests.
pub(super) const CATCH_UP_BYTES_MAX: usize = 4 << 20;

/// A queue that the caller holds, at one moment of its clock.
///
/// [`OpenQueue::close`] hands what happened to its readers and available messages to parked receives, sets the wake-up, lets
/// go of the queue, and brings messages that left it to their target. A guard that is dropped does the same, and leaves
/// the last part to the wake-up.
#[must_use]
pub struct OpenQueue<'a> {
    pub(super) broker: &'a Broker,
    pub(super) queue: &'a Arc<Queue>,
    pub(super) state: MutexGuard<'a, QueueState>,
    now: Time,
    /// Whether something is left to catch up with.
    behind: bool,
    closed: bool,
}

impl Broker {
    /// Locks a queue and brings it up to now.
    ///
    /// # Errors
    /// `QueueDoesNotExist` if the queue was deleted since it was looked up, `ServiceUnavailable` if another node has it now.
    pub fn open<'a>(&'a self, queue: &'a Arc<Queue>) -> Result<OpenQueue<'a>, Error> {
        let (state, now, behind) = self.lock_up_to_now(queue);
        if let Some(gone) = state.gone {
            return Err(gone.error());
        }
        Ok(OpenQueue { broker: self, queue, state, now, behind, closed: false })
    }

    /// The same on behalf of somebody, for the observer.
    ///
    /// # Errors
    /// As [`Broker::open`].
    pub fn open_for<'a>(&'a self, queue: &'a Arc<Queue>, by: By) -> Result<OpenQueue<'a>, Error> {
        let mut open = self.open(queue)?;
        open.state.journal.act_for(by);
        Ok(open)
    }

    /// Locks a queue that no other thread knows yet. Whatever others do with it meanwhile comes after what is done here.
    pub fn open_new<'a>(&'a self, queue: &'a Arc<Queue>, by: By) -> OpenQueue<'a> {
        let mut state = queue.lock(&self.readers);
        let now = self.clock.now();
        state.journal.act_for(by);
        OpenQueue { broker: self, queue, state, now, behind: false, closed: false }
    }

    /// Waits until the store has taken what a queue has to catch up with, so that a request finds it as it is now.
    ///
    /// # Errors
    /// `ServiceUnavailable` if the store does not answer.
    pub async fn catch_up(&self, queue: &Arc<Queue>) -> Result<(), Error> {
        let Some(store) = self.store() else { return Ok(()) };
        while self.is_behind(queue) {
            store.room(CATCH_UP_BYTES_MAX).await.map_err(|error| not_durable(&error))?;
        }
        Ok(())
    }

    /// Brings a queue up to now as far as the store keeps up, and tells whether something is left.
    fn is_behind(&self, queue: &Arc<Queue>) -> bool {
        let (mut state, _, behind) = self.lock_up_to_now(queue);
        state.journal.flush(&self.readers);
        behind
    }

    /// Locks a queue and brings it up to now, and tells whether something is left to catch up with. Many deadlines that
    /// fall due at once are worked off in small portions, and others get their turn in between. If the store cannot keep
    /// up, the rest has to wait: the engine hands out, deletes and hides by the rules all the same.
    pub(super) fn lock_up_to_now<'a>(&self, queue: &'a Arc<Queue>) -> (MutexGuard<'a, QueueState>, Time, bool) {
        loop {
            let mut state = queue.lock(&self.readers);
            let now = self.clock.now();
            let QueueState { engine, journal, .. } = &mut *state;
            journal.tally.begin(now, self.period_ms);
            if !engine.tick(now, journal) {
                return (state, now, false);
            }
            journal.flush(&self.readers);
            if self.store().is_some_and(|store| store.pending_bytes() > CATCH_UP_BYTES_MAX) {
                return (state, now, true);
            }
        }
    }

    /// Serves a queue whose wake-up is due. Of many deadlines that are due at once it takes a portion; the next wake-up, which
    /// follows at once, goes on, so that other queues are served meanwhile.
    pub(super) fn on_wakeup(&self, queue: &Arc<Queue>) {
        let mut state = queue.lock(&self.readers);
        state.wakeup = None;
        // Its parked receives went with it.
        if state.gone.is_some() {
            return;
        }
        let now = self.clock.now();
        let QueueState { engine, journal, counters, .. } = &mut *state;
        let hidden = |counts: Counts| (counts.delayed + counts.in_flight) as u64;
        let before = hidden(engine.counts());
        journal.tally.begin(now, self.period_ms);
        let behind = engine.tick(now, journal);
        counters.ended += before.saturating_sub(hidden(engine.counts()));
        OpenQueue { broker: self, queue, state, now, behind, closed: false }.close().without_waiting();
    }

    /// Sets the wake-up of a queue to `at`, or else to the next moment at which something happens for its parked
    /// receives, or for those who await something.
    pub(super) fn set_wakeup(&self, queue: &Arc<Queue>, state: &mut QueueState, at: Option<Time>) {
        let next = || state.engine.next_deadline().filter(|_| !state.long_polls.is_empty() || state.is_watched());
        let Some(next) = at.or_else(next) else { return };
        if state.wakeup != Some(next) {
            self.wakeups.set(queue, state.wakeup, next);
            state.wakeup = Some(next);
        }
    }
}

impl OpenQueue<'_> {
    /// The moment at which everything in here takes place.
    pub fn now(&self) -> Time {
        self.now
    }

    /// Puts a new message in.
    pub fn send(&mut self, message: NewMessage) -> Sent {
        let QueueState { engine, journal, .. } = &mut *self.state;
        let bytes = message.body.len() + message.attributes.as_ref().map_or(0, |attributes| attributes.encoded.len());
        let sent = engine.send(self.now, message, journal);
        match sent {
            Sent::Stored { .. } => journal.tally.sent(bytes),
            Sent::Duplicate { .. } => self.prove(),
        }
        sent
    }

    /// Puts in a message that comes from another queue.
    pub fn insert(&mut self, message: Message) -> u64 {
        self.insert_renewed(message, None)
    }

    /// The same for a message that had another id until now.
    pub fn insert_renewed(&mut self, message: Message, renewed_from: Option<MessageId>) -> u64 {
        let QueueState { engine, journal, .. } = &mut *self.state;
        engine.insert_renewed(self.now, message, renewed_from, journal)
    }

    /// Takes a message out by its slot and number, in whatever state it is.
    pub fn take(&mut self, message: (u32, u64)) -> Option<Message> {
        let QueueState { engine, journal, .. } = &mut *self.state;
        engine.take(self.now, message, journal)
    }

    /// Takes a message out by its slot and number, and puts it into another queue; whether it was there.
    pub fn move_to(&mut self, target: &Arc<Queue>, message: (u32, u64), by: By) -> bool {
        let QueueState { engine, journal, departures, .. } = &mut *self.state;
        let mark = journal.mark();
        let Some(message) = engine.take(self.now, message, journal) else { return false };
        let removals = journal.take_removals(mark);
        let (target, cause) = (target.clone(), TransferCause::ByHand(by));
        departures.push(Transfer { target, cause, messages: vec![message], removals });
        true
    }

    /// Makes a message visible, by its slot and number; whether it was hidden.
    pub fn release(&mut self, message: (u32, u64)) -> bool {
        let QueueState { engine, journal, .. } = &mut *self.state;
        engine.release(self.now, message, journal)
    }

    /// Puts a message of a standard queue in once more, hidden until a moment if one is given; its new number.
    pub fn repeat(&mut self, message: Message, until: Option<Time>) -> u64 {
        let QueueState { engine, journal, .. } = &mut *self.state;
        engine.repeat(self.now, message, until, journal)
    }

    /// Puts the first so many visible messages of a standard queue into the order of their ranks.
    pub fn reorder(&mut self, messages: usize, rank: &dyn Fn(&MessageFacts<'_>) -> (u64, u64)) {
        let QueueState { engine, journal, .. } = &mut *self.state;
        engine.reorder(self.now, messages, rank, journal);
    }

    /// Forgets all deduplication ids and receive attempts.
    pub fn forget_deduplication(&mut self) {
        self.state.engine.forget_deduplication();
    }

    /// Tells the observer that an entry of a batch failed.
    pub fn entry_failed(&mut self, entry: &FailedEntry<'_>) {
        self.state.journal.entry_failed(self.now, entry);
    }

    /// Tells the observer that a receive ended with nothing, and whether it had waited.
    pub fn received_nothing(&mut self, waited: bool) {
        self.state.journal.observe(self.now, Cause::ReceivedNothing, || Fact::NoMessage { waited });
    }

    /// Takes messages out of sight. Messages that were received too often are on their way to the dead-letter queue then.
    pub fn receive(&mut self, options: &ReceiveOptions) -> Received {
        let settings = self.queue.settings();
        let delay_ms = u64::from(settings.delay_seconds) * 1000;
        // Without its target a redrive policy moves nothing: the message stays and is delivered on.
        let target = self.dead_letter_target(&settings);
        let dead_letter_after = target.as_ref().map(|(max_receive_count, _)| *max_receive_count);
        let QueueState { engine, journal, departures, .. } = &mut *self.state;
        let mark = journal.mark();
        let mut received = engine.receive(self.now, options, dead_letter_after, journal);
        journal.tally.delivered(self.now, delay_ms, &received.deliveries);
        if let Some((_, target)) = target.filter(|_| !received.dead.is_empty()) {
            let messages = std::mem::take(&mut received.dead);
            let removals = journal.take_removals(mark);
            journal.tally.dead_letters(&target.name, messages.len() as u64);
            departures.push(Transfer { target, cause: TransferCause::DeadLetter, messages, removals });
        }
        received
    }

    /// The maximum receive count and the dead-letter queue, if there are both.
    fn dead_letter_target(&mut self, settings: &QueueSettings) -> Option<(u32, Arc<Queue>)> {
        let policy = settings.redrive.as_ref()?;
        let cache = &mut self.state.dead_letter_target;
        let generation = self.broker.namespace.generation();
        if cache.generation != generation {
            let target = self.broker.redrive_target(policy, self.queue).as_ref().map(Arc::downgrade);
            *cache = TargetCache { generation, target };
        }
        Some((policy.max_receive_count, cache.target.as_ref()?.upgrade()?))
    }

    /// Deletes a message.
    pub fn delete(&mut self, receipt: Receipt) -> Deleted {
        let QueueState { engine, journal, .. } = &mut *self.state;
        let received = engine.received_at(receipt);
        let deleted = engine.delete(self.now, receipt, journal);
        journal.tally.deleted(self.now, received, deleted != Deleted::ReceiptExpired);
        if deleted == Deleted::AlreadyGone {
            self.prove();
        }
        deleted
    }

    /// Hides a received message for so many seconds from now on.
    pub fn change_visibility(&mut self, receipt: Receipt, seconds: u32) -> VisibilityChange {
        let QueueState { engine, journal, .. } = &mut *self.state;
        engine.change_visibility(self.now, receipt, seconds, journal)
    }

    /// Gives messages back as if they had never been received.
    pub fn give_back(&mut self, deliveries: &[Delivery]) {
        let receipts: Vec<Receipt> = deliveries.iter().map(|delivery| delivery.receipt).collect();
        self.give_back_by(&receipts);
    }

    /// The same by receipts. Those of messages that are not in flight any more, or were received again, are passed over.
    pub(super) fn give_back_by(&mut self, receipts: &[Receipt]) {
        let QueueState { engine, journal, .. } = &mut *self.state;
        engine.give_back(self.now, receipts, journal);
    }

    /// How many messages there are in each state.
    pub fn counts(&self) -> Counts {
        self.state.engine.counts()
    }

    /// When it was last purged.
    pub fn purged(&self) -> Option<Time> {
        self.state.purged
    }

    /// Takes everything out. What is answered may be large: to be dropped when the queue is closed.
    pub fn purge(&mut self) -> Discarded {
        self.state.purged = Some(self.now);
        self.save();
        self.empty()
    }

    /// The same, but it does not count as a purge.
    pub fn empty(&mut self) -> Discarded {
        let QueueState { engine, journal, .. } = &mut *self.state;
        engine.purge(self.now, journal)
    }

    /// Takes the queue itself away, with everything in it. What is answered may be large, as of [`OpenQueue::purge`].
    pub fn delete_queue(&mut self) -> Discarded {
        self.state.gone = Some(Gone::Deleted);
        self.note_deleting();
        self.broker.count_gone(&self.state.journal.tally);
        self.state.long_polls.dismiss();
        // Those who await something here find the queue gone.
        self.state.tell_watchers();
        self.broker.namespace.remove(self.queue, self.now);
        self.note(|queue, now| [Change::QueueDeleted { uid: queue.uid, at: now }]);
        self.state.journal.tell(self.now, QueueEvent::Deleted, || self.queue.names());
        self.state.engine.purge(self.now, &mut ())
    }

    /// Its tags.
    pub fn tags(&self) -> &BTreeMap<String, String> {
        &self.state.tags
    }

    /// Changes its tags.
    pub fn edit_tags(&mut self, edit: impl FnOnce(&mut BTreeMap<String, String>)) {
        edit(&mut self.state.tags);
        self.save();
        self.state.journal.tell(self.now, QueueEvent::AttributesSet, || self.queue.names());
    }

    /// Changes its settings.
    pub fn set_settings(&mut self, settings: QueueSettings) {
        self.queue.set_settings(&mut self.state, settings, self.now);
    }

    /// Has the record of a new queue written, and tells the observer that it was created.
    pub fn save_new(&mut self) {
        self.save();
        self.state.journal.tell(self.now, QueueEvent::Created, || self.queue.names());
    }

    /// Has the queue's record written anew.
    pub fn save(&mut self) {
        self.queue.save(&mut self.state);
    }

    /// Takes down what changed beside the messages, if anyone reads it.
    pub(super) fn note<I: IntoIterator<Item = Change>>(&mut self, changes: impl FnOnce(&Queue, Time) -> I) {
        let (queue, now) = (self.queue, self.now);
        self.state.journal.note(|| changes(queue, now));
    }

    /// Parks a receive until it is handed something.
    pub fn park(&mut self, options: ReceiveOptions, by: By) -> (LongPollId, oneshot::Receiver<Handoff>) {
        self.state.long_polls.park(options, by)
    }

    /// Ends a parked receive. `false` if it has been handed something already.
    pub fn unpark(&mut self, id: LongPollId) -> bool {
        self.state.long_polls.remove(id).is_some()
    }

    /// Ends all parked receives with nothing.
    pub fn dismiss_long_polls(&mut self) {
        self.state.long_polls.dismiss();
    }

    /// How many receives are parked.
    pub fn parked_receives(&self) -> usize {
        self.state.long_polls.len()
    }

    /// Whether messages that left this queue have not yet arrived in another.
    pub fn has_departures(&self) -> bool {
        self.state.departures.are_under_way()
    }

    /// Messages with what to wait for before they may be shown: that they are there for good, and on a FIFO queue also that
    /// they were received, because a crash must not let a later message of the group overtake them.
    pub fn handoff(&mut self, deliveries: Vec<Delivery>) -> Handoff {
        let journal = &mut self.state.journal;
        let ticket = if self.queue.fifo {
            journal.flush(&self.broker.readers);
            journal.ticket()
        } else {
            deliveries.iter().map(|delivery| delivery.number).max().and_then(|number| journal.ticket_for(number))
        };
        Pending::new(deliveries, ticket)
    }

    /// Lets go of the queue; what is answered has to be waited for before a client is told what was done.
    pub fn close(self) -> Pending<()> {
        let (broker, queue) = (self.broker, self.queue);
        let (ticket, departed) = self.close_and_leave_departures();
        if departed {
            broker.transfer(queue);
        }
        Pending::new((), ticket)
    }

    /// The same, but what left the queue stays on its way; tells whether a thread has to see to it.
    pub(super) fn close_and_leave_departures(mut self) -> (Option<CommitTicket>, bool) {
        self.finish();
        self.closed = true;
        (self.state.journal.ticket(), self.state.departures.need_a_mover())
    }

    /// All that has to be done before the queue is let go of.
    fn finish(&mut self) {
        // Before anything is handed out: what is handed out must know what to wait for.
        self.state.journal.flush(&self.broker.readers);
        let more = self.hand_out();
        self.state.journal.flush(&self.broker.readers);
        self.state.tell_watchers();
        let at = (self.behind || more).then_some(self.now);
        self.broker.set_wakeup(self.queue, &mut self.state, at);
    }

    /// Hands available messages to the receives that have been parked longest, and tells whether there is more to hand out.
    /// If the client of a receive has gone in the meantime, the messages are as if never received.
    fn hand_out(&mut self) -> bool {
        for _ in 0..HANDOFFS_PER_TURN {
            if !self.state.engine.has_ready() {
                return false;
            }
            let Some((id, poll)) = self.state.long_polls.first() else { return false };
            let (options, by) = (poll.options.clone(), poll.by);
            let before = self.state.journal.act_for(by);
            let received = self.receive(&options);
            self.state.journal.act_for(before);
            if received.deliveries.is_empty() {
                // Either as many dead letters as may be taken out in one go, or messages that are ready but not to be had
                // now: the limit of messages in flight.
                return received.more_dead;
            }
            let Some(poll) = self.state.long_polls.remove(id) else { return false };
            let count = received.deliveries.len() as u64;
            let handoff = self.handoff(received.deliveries);
            match poll.handoff.send(handoff) {
                Ok(()) => self.state.counters.handed_out += count,
                Err(handoff) => self.give_back(&handoff.without_waiting()),
            }
        }
        true
    }
}

impl Drop for OpenQueue<'_> {
    fn drop(&mut self) {
        if !self.closed {
            self.finish();
            if self.state.departures.need_a_mover() {
                self.broker.set_wakeup(self.queue, &mut self.state, Some(self.now));
            }
        }
    }
}
