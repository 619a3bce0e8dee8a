//! One queue among many: the engine behind its lock, the line of those who wait, and the single way to work on both.

use super::Broker;
use super::durability::{Done, Outbox, record};
use super::redrive::TargetCache;
use super::settings::QueueSettings;
use super::transfer::{Cause, Departures, Transfer};
use super::waiters::{Line, Order, Ticket};
use crate::engine::{self, Delivery, Receipt, Received, Time, Want};
use crate::error::Error;
use crate::store::Ticket as StoreTicket;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// Parked receives that are served in one go under the queue's lock; the wake-up that follows at once goes on.
pub(super) const HAND_OUTS_PER_TURN: usize = 64;

/// With more bytes than this waiting for the store, a queue that has much to catch up with does so later: what many
/// deadlines leave behind for the store must not stand in front of everybody else's requests.
pub(super) const CATCH_UP_BYTES_MAX: usize = 4 << 20;

/// A queue with its names, its settings and its state.
pub struct Queue {
    /// Told to the engine and found in receipt handles; never given twice.
    pub uid: u64,
    /// Who owns it.
    pub account: Arc<str>,
    /// The region in which it was created.
    pub region: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    settings: RwLock<Arc<QueueSettings>>,
    state: Mutex<State>,
}

/// What the queue's lock guards.
///
/// A `std` lock, held for microseconds and never across an `.await`; a thread holds at most one queue's.
pub struct State {
    /// What the queue does.
    pub engine: engine::Queue,
    /// Who waits for messages.
    pub line: Line,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Set once, by DeleteQueue; whoever still holds the queue sees it as gone.
    pub deleted: bool,
    /// When it was last purged.
    pub purged: Option<Time>,
    /// The alarm that is set for it.
    alarm: Option<Time>,
    /// Messages on their way to other queues.
    pub(super) departures: Departures,
    /// Its dead-letter queue, as last looked up.
    pub(super) dead_letter_target: TargetCache,
    /// What is on its way to the store.
    pub outbox: Outbox,
}

/// What a waiter is handed: messages, and what to wait for before they may be shown.
#[derive(Default)]
pub(super) struct Handed {
    pub(super) deliveries: Vec<Delivery>,
    pub(super) ticket: Option<StoreTicket>,
}

impl Queue {
    /// A queue with nothing in it.
    pub fn new(
        uid: u64,
        (account, region, name): (&str, &str, &str),
        settings: QueueSettings,
        tags: BTreeMap<String, String>,
        stored: bool,
    ) -> Queue {
        let engine = engine::Queue::new(uid, settings.for_engine());
        Queue {
            uid,
            account: account.into(),
            region: region.into(),
            name: name.into(),
            settings: RwLock::new(Arc::new(settings)),
            state: Mutex::new(State {
                engine,
                line: Line::default(),
                tags,
                deleted: false,
                purged: None,
                alarm: None,
                departures: Departures::default(),
                dead_letter_target: TargetCache::default(),
                outbox: Outbox::new(stored),
            }),
        }
    }

    /// What it is set to now.
    pub fn settings(&self) -> Arc<QueueSettings> {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes the settings; `state` shows that the caller holds the queue.
    pub(super) fn set_settings(&self, state: &mut State, settings: QueueSettings) {
        state.engine.configure(settings.for_engine());
        state.dead_letter_target = TargetCache::default();
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
        self.save(state);
    }

    /// Has the queue's record written anew.
    pub(super) fn save(&self, state: &mut State) {
        let State { outbox, purged, tags, .. } = state;
        outbox.put(|| [record(self, *purged, tags)]);
    }

    /// Locks the queue as it is. For a queue that nobody else has seen yet, and for what does not depend on the time.
    pub(super) fn lock_as_is(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Brings the queue up to now as far as the store keeps up, and tells whether something is left.
    pub(super) fn is_behind(&self, broker: &Broker) -> bool {
        let (mut state, _, behind) = self.lock(broker);
        broker.deliver(self, &mut state.outbox);
        behind
    }

    /// Locks the queue and brings it up to now, and tells whether something is left to catch up with. Many deadlines that
    /// fall due at once are worked off in small portions, and others get their turn in between. If the store cannot keep
    /// up, the rest has to wait: the engine hands out, deletes and hides by the rules all the same.
    fn lock(&self, broker: &Broker) -> (MutexGuard<'_, State>, Time, bool) {
        loop {
            let mut state = self.lock_as_is();
            let now = broker.clock.now();
            let State { engine, outbox, .. } = &mut *state;
            if !engine.tick(now, &mut outbox.journal) {
                return (state, now, false);
            }
            broker.deliver(self, outbox);
            if broker.store.as_ref().is_some_and(|store| store.pending_bytes() > CATCH_UP_BYTES_MAX) {
                return (state, now, true);
            }
        }
    }
}

impl Broker {
    /// The way to work on a queue: locks it, brings it up to now, lets `act` do its work, hands what is available to those
    /// who wait, unlocks it, and brings messages that left it to their target.
    ///
    /// # Errors
    /// `QueueDoesNotExist` if the queue was deleted since it was looked up.
    pub(super) fn with<R>(
        &self,
        queue: &Arc<Queue>,
        act: impl FnOnce(&mut State, Time) -> R,
    ) -> Result<Done<R>, Error> {
        let (done, departed) = self.with_one(queue, act)?;
        if departed {
            self.transfer(queue);
        }
        Ok(done)
    }

    /// The same, but what leaves the queue stays on its way; tells whether somebody has to see to it.
    pub(super) fn with_one<R>(
        &self,
        queue: &Arc<Queue>,
        act: impl FnOnce(&mut State, Time) -> R,
    ) -> Result<(Done<R>, bool), Error> {
        let (mut state, now, behind) = queue.lock(self);
        if state.deleted {
            return Err(Error::no_queue());
        }
        let result = act(&mut state, now);
        // Before anyone is handed a message: what is handed out must know what to wait for.
        self.deliver(queue, &mut state.outbox);
        let more = self.hand_out(queue, &mut state, now);
        self.deliver(queue, &mut state.outbox);
        self.set_alarm(queue, &mut state, (behind || more).then_some(now));
        Ok((Done::new(result, state.outbox.ticket()), state.departures.need_a_mover()))
    }

    /// Receives from a queue that the caller holds. Dead letters wait in the state until it is unlocked.
    pub(super) fn receive_from(&self, queue: &Arc<Queue>, state: &mut State, now: Time, order: &Order) -> Received {
        let settings = queue.settings();
        // Without its target a redrive policy moves nothing: the message stays and is delivered on.
        let target = self.dead_letter_target(queue, state, &settings);
        let want = Want {
            max: order.max,
            visibility_timeout_seconds: order.visibility_timeout_seconds.unwrap_or(settings.visibility_timeout_seconds),
            attempt_id: order.attempt_id.as_deref(),
            dead_letter_after: target.as_ref().map(|(max_receive_count, _)| *max_receive_count),
        };
        let mark = state.outbox.mark();
        let mut received = state.engine.receive(now, &want, &mut state.outbox.journal);
        if let Some((_, target)) = target.filter(|_| !received.dead.is_empty()) {
            let messages = std::mem::take(&mut received.dead);
            let removals = state.outbox.take_removals(mark, queue.uid);
            state.departures.push(Transfer { target, cause: Cause::DeadLetter, messages, removals });
        }
        received
    }

    /// Hands what is available to those who have waited longest, and tells whether there is more to hand out. Who has gone
    /// in the meantime is passed over, and the messages are as if never received.
    fn hand_out(&self, queue: &Arc<Queue>, state: &mut State, now: Time) -> bool {
        for _ in 0..HAND_OUTS_PER_TURN {
            if !state.engine.has_ready() {
                return false;
            }
            let Some((ticket, order)) = state.line.first() else { return false };
            let order = order.clone();
            let received = self.receive_from(queue, state, now, &order);
            if received.deliveries.is_empty() {
                // Either as many dead letters as may be taken out in one go, or messages that are ready but not to be had
                // now: the limit of messages in flight.
                return received.more_dead;
            }
            let Some(waiter) = state.line.take(ticket) else { return false };
            let handed = self.ready_to_show(queue, state, received.deliveries);
            if let Err(handed) = waiter.hand.send(handed) {
                give_back_to(state, now, &handed.deliveries);
            }
        }
        true
    }

    /// Messages with what to wait for before they may be shown: that they are there for good, and on a FIFO queue also that
    /// they were received, because a crash must not let a later message of the group overtake them.
    pub(super) fn ready_to_show(&self, queue: &Queue, state: &mut State, deliveries: Vec<Delivery>) -> Handed {
        let ticket = if queue.settings().fifo {
            self.deliver(queue, &mut state.outbox);
            state.outbox.ticket()
        } else {
            deliveries.iter().map(|delivery| delivery.number).max().and_then(|n| state.outbox.ticket_for(n))
        };
        Handed { deliveries, ticket }
    }

    /// Sets the alarm to `at`, or else to the next moment at which something happens for those who wait.
    pub(super) fn set_alarm(&self, queue: &Arc<Queue>, state: &mut State, at: Option<Time>) {
        let next = || state.engine.next_deadline().filter(|_| !state.line.is_empty());
        let Some(next) = at.or_else(next) else { return };
        if state.alarm != Some(next) {
            self.timers.set(queue, state.alarm, next);
            state.alarm = Some(next);
        }
    }

    /// What the alarm clock calls when a queue has something to do.
    pub(super) fn alarm_rings(&self, queue: &Arc<Queue>) {
        // An error means that the queue is gone, and with it those who waited.
        let _ = self.with(queue, |state, _| state.alarm = None);
    }

    /// Takes a receiver out of the line. If it has been handed messages meanwhile they come back.
    pub(super) fn leave_line(
        &self,
        queue: &Arc<Queue>,
        ticket: Ticket,
        handed: &mut tokio::sync::oneshot::Receiver<Handed>,
    ) -> Option<Handed> {
        let left = self.with(queue, |state, _| if state.line.leave(ticket) { None } else { handed.try_recv().ok() });
        left.ok().and_then(Done::unwaited)
    }

    /// Gives messages back as if they had never been received.
    pub(super) fn give_back(&self, queue: &Arc<Queue>, deliveries: &[Delivery]) {
        // An error means that the queue is gone, and its messages with it.
        let _ = self.with(queue, |state, now| give_back_to(state, now, deliveries));
    }
}

fn give_back_to(state: &mut State, now: Time, deliveries: &[Delivery]) {
    let receipts: Vec<Receipt> = deliveries.iter().map(|delivery| delivery.receipt).collect();
    state.engine.give_back(now, &receipts, &mut state.outbox.journal);
}
