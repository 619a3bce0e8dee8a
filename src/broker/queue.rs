//! One queue among many: the engine behind its lock, the line of those who wait, and the single way to work on both.

use super::settings::QueueSettings;
use super::waiters::{Line, Order, Ticket};
use super::{Alarm, Broker, redrive};
use crate::engine::{self, Delivery, Message, Receipt, Received, Time, Want};
use crate::error::Error;
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
}

/// Messages that a receive found to have been received too often, on their way to the dead-letter queue.
pub(super) struct Burial {
    source: Arc<Queue>,
    target: Arc<Queue>,
    messages: Vec<Message>,
}

impl Queue {
    /// A queue with nothing in it.
    pub fn new(
        uid: u64,
        (account, region, name): (&str, &str, &str),
        settings: QueueSettings,
        tags: BTreeMap<String, String>,
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
    }

    /// Locks the queue and brings it up to now. Many deadlines that fall due at once are worked off in small portions, and
    /// others get their turn in between.
    fn lock(&self, broker: &Broker) -> (MutexGuard<'_, State>, Time) {
        loop {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let now = broker.clock.now();
            if !state.engine.tick(now, &mut ()) {
                return (state, now);
            }
        }
    }
}

impl Broker {
    /// The way to work on a queue: locks it, brings it up to now, lets `act` do its work, hands what is available to those
    /// who wait, unlocks it, and carries dead letters over.
    ///
    /// # Errors
    /// `QueueDoesNotExist` if the queue was deleted since it was looked up.
    pub(super) fn with<R>(&self, queue: &Arc<Queue>, act: impl FnOnce(&mut State, Time) -> R) -> Result<R, Error> {
        let (result, mut burials) = self.with_one(queue, act)?;
        // Burying may hand messages to those who wait at the dead-letter queue, which may bring up its own dead letters.
        while let Some(burial) = burials.pop() {
            burials.extend(self.bury(burial));
        }
        Ok(result)
    }

    fn with_one<R>(
        &self,
        queue: &Arc<Queue>,
        act: impl FnOnce(&mut State, Time) -> R,
    ) -> Result<(R, Vec<Burial>), Error> {
        let (mut state, now) = queue.lock(self);
        if state.deleted {
            return Err(Error::no_queue());
        }
        let result = act(&mut state, now);
        self.hand_out(queue, &mut state, now);
        self.set_alarm(queue, &mut state);
        Ok((result, std::mem::take(&mut state.dead)))
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
        let mut received = state.engine.receive(now, &want, &mut ());
        if let Some((_, target)) = target.filter(|_| !received.dead.is_empty()) {
            let messages = std::mem::take(&mut received.dead);
            state.dead.push(Burial { source: queue.clone(), target, messages });
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
            if let Err(deliveries) = waiter.hand.send(received.deliveries) {
                let receipts: Vec<Receipt> = deliveries.iter().map(|delivery| delivery.receipt).collect();
                state.engine.give_back(now, &receipts, &mut ());
            }
        }
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
        let Burial { source, target, messages } = burial;
        let fifo = target.settings().fifo;
        let arn: Arc<str> =
            super::Arn { region: &source.region, account: &source.account, name: &source.name }.to_string().into();
        let mut waiting = Some(messages);
        let moved = self.with_one(&target, |state, now| {
            for message in waiting.take().into_iter().flatten() {
                state.engine.insert(now, redrive::as_dead_letter(message, &arn, fifo, now), &mut ());
            }
        });
        if let Ok(((), burials)) = moved {
            return burials;
        }
        let back = self.with_one(&source, |state, now| {
            for message in waiting.take().into_iter().flatten() {
                state.engine.insert(now, message, &mut ());
            }
        });
        back.map(|((), burials)| burials).unwrap_or_default()
    }

    /// Takes a receiver out of the line. If it has been handed messages meanwhile they come back.
    pub(super) fn leave_line(
        &self,
        queue: &Arc<Queue>,
        ticket: Ticket,
        handed: &mut tokio::sync::oneshot::Receiver<Vec<Delivery>>,
    ) -> Vec<Delivery> {
        let mut deliveries = Vec::new();
        let _ = self.with(queue, |state, _| {
            if !state.line.leave(ticket) {
                deliveries = handed.try_recv().unwrap_or_default();
            }
        });
        deliveries
    }

    /// Gives messages back as if they had never been received.
    pub(super) fn give_back(&self, queue: &Arc<Queue>, deliveries: &[Delivery]) {
        let receipts: Vec<Receipt> = deliveries.iter().map(|delivery| delivery.receipt).collect();
        let _ = self.with(queue, |state, now| state.engine.give_back(now, &receipts, &mut ()));
    }
}
