//! One queue among many: the engine behind its lock, the line of those who wait, and the single way to work on both.

use super::durability::{Done, Outbox, record};
use super::settings::QueueSettings;
use super::waiters::{Line, Order, Ticket};
use super::{Alarm, Broker, redrive};
use crate::engine::{self, Delivery, Message, Receipt, Received, Time, Want};
use crate::error::Error;
use crate::store::{Change, Ticket as StoreTicket};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

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
    /// Dead letters that wait for the lock to be let go of.
    dead: Vec<Burial>,
    /// What is on its way to the store.
    pub outbox: Outbox,
}

/// Messages that a receive found to have been received too often, on their way to the dead-letter queue.
pub(super) struct Burial {
    source: Arc<Queue>,
    target: Arc<Queue>,
    messages: Vec<Message>,
    /// That they left the source, for the store.
    departures: Vec<Change>,
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
                dead: Vec::new(),
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
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
        self.save(state);
    }

    /// Has the queue's record written anew.
    pub(super) fn save(&self, state: &mut State) {
        let State { outbox, purged, tags, .. } = state;
        outbox.put(|| [record(self, *purged, tags)]);
    }

    /// Locks a queue that nobody else has seen yet.
    pub(super) fn lock_new(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Locks the queue and brings it up to now. Many deadlines that fall due at once are worked off in small portions, and
    /// others get their turn in between.
    fn lock(&self, broker: &Broker) -> (MutexGuard<'_, State>, Time) {
        loop {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let now = broker.clock.now();
            let State { engine, outbox, .. } = &mut *state;
            let more = engine.tick(now, &mut outbox.journal);
            if !more {
                return (state, now);
            }
            broker.deliver(self, outbox);
        }
    }
}

impl Broker {
    /// The way to work on a queue: locks it, brings it up to now, lets `act` do its work, hands what is available to those
    /// who wait, unlocks it, and carries dead letters over.
    ///
    /// # Errors
    /// `QueueDoesNotExist` if the queue was deleted since it was looked up.
    pub(super) fn with<R>(
        &self,
        queue: &Arc<Queue>,
        act: impl FnOnce(&mut State, Time) -> R,
    ) -> Result<Done<R>, Error> {
        self.with_departures(queue, Vec::new(), act)
    }

    /// The same for messages that come from another queue; that they left it goes to the store together with their arrival.
    pub(super) fn with_departures<R>(
        &self,
        queue: &Arc<Queue>,
        departures: Vec<Change>,
        act: impl FnOnce(&mut State, Time) -> R,
    ) -> Result<Done<R>, Error> {
        let (done, mut burials) = self.with_one(queue, departures, act)?;
        // Burying may hand messages to those who wait at the dead-letter queue, which may bring up its own dead letters.
        while let Some(burial) = burials.pop() {
            burials.extend(self.bury(burial));
        }
        Ok(done)
    }

    fn with_one<R>(
        &self,
        queue: &Arc<Queue>,
        departures: Vec<Change>,
        act: impl FnOnce(&mut State, Time) -> R,
    ) -> Result<(Done<R>, Vec<Burial>), Error> {
        let (mut state, now) = queue.lock(self);
        if state.deleted {
            return Err(Error::no_queue());
        }
        state.outbox.put(|| departures);
        let result = act(&mut state, now);
        // Before anyone is handed a message: what is handed out must know what to wait for.
        self.deliver(queue, &mut state.outbox);
        self.hand_out(queue, &mut state, now);
        self.deliver(queue, &mut state.outbox);
        self.set_alarm(queue, &mut state);
        let dead = std::mem::take(&mut state.dead);
        Ok((Done::new(result, state.outbox.ticket()), dead))
    }

    /// Receives from a queue that the caller holds. Dead letters wait in the state until it is unlocked.
    pub(super) fn receive_from(&self, queue: &Arc<Queue>, state: &mut State, now: Time, order: &Order) -> Received {
        let settings = queue.settings();
        // Without its target a redrive policy moves nothing: the message stays and is delivered on.
        let target = settings.redrive.as_ref().and_then(|policy| Some((policy, policy.target(self, queue)?)));
        let want = Want {
            max: order.max,
            visibility_timeout_seconds: order.visibility_timeout_seconds.unwrap_or(settings.visibility_timeout_seconds),
            attempt_id: order.attempt_id.as_deref(),
            dead_letter_after: target.as_ref().map(|(policy, _)| policy.max_receive_count),
        };
        let mark = state.outbox.mark();
        let mut received = state.engine.receive(now, &want, &mut state.outbox.journal);
        if let Some((_, target)) = target.filter(|_| !received.dead.is_empty()) {
            let messages = std::mem::take(&mut received.dead);
            let departures = state.outbox.take_departures(mark, queue.uid);
            state.dead.push(Burial { source: queue.clone(), target, messages, departures });
        }
        received
    }

    /// Hands what is available to those who have waited longest. Who has gone in the meantime is passed over, and the
    /// messages are as if never received.
    fn hand_out(&self, queue: &Arc<Queue>, state: &mut State, now: Time) {
        while state.engine.has_ready() {
            let Some((ticket, order)) = state.line.first() else { return };
            let order = order.clone();
            let received = self.receive_from(queue, state, now, &order);
            if received.deliveries.is_empty() {
                if received.more_dead {
                    continue;
                }
                // Ready, but not to be had now: the limit of messages in flight.
                return;
            }
            let Some(waiter) = state.line.take(ticket) else { return };
            let handed = self.ready_to_show(queue, state, received.deliveries);
            if let Err(handed) = waiter.hand.send(handed) {
                give_back_to(state, now, &handed.deliveries);
            }
        }
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

    fn set_alarm(&self, queue: &Arc<Queue>, state: &mut State) {
        if state.line.is_empty() {
            return;
        }
        let Some(next) = state.engine.next_deadline() else { return };
        if state.alarm != Some(next) {
            self.timers.set(Alarm::Queue(queue.uid), state.alarm, next, queue);
            state.alarm = Some(next);
        }
    }

    /// What the alarm clock calls when a queue with someone waiting has a deadline.
    pub(super) fn alarm_rings(&self, queue: &Arc<Queue>) {
        // An error means that the queue is gone, and with it those who waited.
        let _ = self.with(queue, |state, _| state.alarm = None);
    }

    /// Moves dead letters into their queue; back into the source if the target has just been deleted.
    fn bury(&self, burial: Burial) -> Vec<Burial> {
        let Burial { source, target, messages, departures } = burial;
        let fifo = target.settings().fifo;
        let arn: Arc<str> =
            super::Arn { region: &source.region, account: &source.account, name: &source.name }.to_string().into();
        let mut waiting = Some((messages, departures));
        let moved = self.with_one(&target, Vec::new(), |state, now| {
            let (messages, departures) = waiting.take().unwrap_or_default();
            state.outbox.put(|| departures);
            for message in messages {
                let letter = redrive::as_dead_letter(message, &arn, fifo, now);
                state.engine.insert(now, letter, &mut state.outbox.journal);
            }
        });
        if let Ok((_, burials)) = moved {
            return burials;
        }
        let (messages, departures) = waiting.take().unwrap_or_default();
        let back = self.with_one(&source, departures, |state, now| {
            for message in messages {
                state.engine.insert(now, message, &mut state.outbox.journal);
            }
        });
        back.map(|(_, burials)| burials).unwrap_or_default()
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
