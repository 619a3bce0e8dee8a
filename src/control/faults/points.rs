//! What faults do inside the actions on messages.

use super::fault::{Fault, Polls, While};
use super::faults::{Faults, locked};
use super::hook::error;
use super::kind::{FaultKind, Stage};
use super::rules::{Place, Rule};
use super::subject::{self, Subject};
use crate::actions::{HandleUse, Points, Rank, Receiving, Scene};
use crate::api::Operation;
use crate::engine::{Body, Delivery, Message, MessageFacts, NewMessage, Receipt};
use crate::error::{Error, ErrorKind, Fault as AtFault};
use std::cell::OnceCell;
use std::sync::Arc;

/// Within how many messages the order is another, if not said.
const WINDOW_DEFAULT: usize = 10;
/// Messages of a receive: the window goes on behind what it takes.
const RECEIVE_MAX: usize = 10;

impl Points for Faults {
    fn receiving<'a>(&'a self, scene: &Scene<'_>, wait_seconds: u32) -> Receiving<'a> {
        let wanted = self.rules.any(|fault| fault.stage() == Stage::Receiving) || asked(scene);
        let has_some = || scene.broker.look(scene.queue).is_ok_and(|look| look.counts().visible > 0);
        if !wanted || !has_some() {
            return Receiving::AsUsual;
        }
        let at = place(scene);
        let can = |fault: &Fault| fault.polls != Some(Polls::Short) || wait_seconds == 0;
        let Some(rule) = self.pick_request(Stage::Receiving, &at, &[], can) else { return Receiving::AsUsual };
        self.record(&rule, &at, None);
        match rule.fault.kind {
            FaultKind::EmptyReceive => Receiving::Empty,
            _ => {
                let window = rule.fault.window.unwrap_or(WINDOW_DEFAULT);
                Receiving::Reordered(window + RECEIVE_MAX, self.rank(rule, window))
            }
        }
    }

    fn received(&self, scene: &Scene<'_>, deliveries: &mut [Delivery]) {
        let at = place(scene);
        for delivery in deliveries {
            if self.is_copy(scene, delivery) {
                continue;
            }
            let subject = Subject::of_delivery(delivery);
            let Some(rule) = self.pick_one(Stage::Received, &at, Some(&subject), |_| true) else { continue };
            self.record(&rule, &at, Some(delivery.id));
            match rule.fault.kind {
                FaultKind::Corrupt => delivery.body = corrupted(&delivery.body),
                _ => self.duplicate(scene, &rule.fault, delivery),
            }
        }
    }

    fn sending(&self, scene: &Scene<'_>, messages: &[Option<&NewMessage>]) -> Vec<Option<Error>> {
        let subjects: Vec<_> = messages.iter().map(|message| message.map(Subject::of_new)).collect();
        let present: Vec<bool> = subjects.iter().map(Option::is_some).collect();
        self.failing(&place(scene), &present, |at, index| {
            self.pick_one(Stage::Entry, at, subjects[index].as_ref(), |_| true)
        })
    }

    fn using(&self, scene: &Scene<'_>, receipts: &[Option<Receipt>]) -> Vec<HandleUse> {
        let at = place(scene);
        let messages = subject::of_receipts(scene, receipts);
        let subject = |index: usize| messages[index].as_ref().map(|(subject, _)| subject);
        let present: Vec<bool> = receipts.iter().map(Option::is_some).collect();
        let failing = match scene.operation {
            Operation::DeleteMessage | Operation::ChangeMessageVisibility => present.iter().map(|_| None).collect(),
            _ => self.failing(&at, &present, |at, index| self.pick_one(Stage::Entry, at, subject(index), |_| true)),
        };
        let use_of = |(index, failing): (usize, Option<Error>)| match (failing, &receipts[index]) {
            (Some(error), _) => HandleUse::Fails(error),
            (None, Some(receipt)) => self.use_of(scene, *receipt, messages[index].as_ref()),
            (None, None) => HandleUse::AsUsual,
        };
        failing.into_iter().enumerate().map(use_of).collect()
    }
}

impl Faults {
    /// The rule that fires for one message, or for one use of a handle whose message is gone.
    fn pick_one(
        &self,
        stage: Stage,
        at: &Place<'_>,
        subject: Option<&Subject>,
        can: impl Fn(&Fault) -> bool,
    ) -> Option<Arc<Rule>> {
        let drawn = OnceCell::new();
        let entity = |rule: &Rule| match (subject, at.queue) {
            (Some(subject), Some(queue)) => {
                drawn.get_or_init(|| self.draws.message(at.operation, queue, subject)).clone()
            }
            _ => self.draws.request(&rule.id, at.operation, at.queue.map(|queue| &**queue)),
        };
        self.pick(stage, at, subject.as_slice(), can, entity)
    }

    /// With what each entry of a batch fails. Entries that are wrong by themselves are not present.
    fn failing(
        &self,
        at: &Place<'_>,
        present: &[bool],
        entry: impl Fn(&Place<'_>, usize) -> Option<Arc<Rule>>,
    ) -> Vec<Option<Error>> {
        let of_batch = self.pick_request(Stage::Batch, at, &[], |_| true);
        let mut left = of_batch.as_ref().and_then(|rule| rule.fault.entries).unwrap_or(0);
        let rule_of = |(index, present): (usize, &bool)| {
            let rule = match &of_batch {
                _ if !present => None,
                Some(rule) => (left > 0).then(|| rule.clone()),
                None => entry(at, index),
            }?;
            left = left.saturating_sub(1);
            self.record(&rule, at, None);
            Some(failure(&rule))
        };
        present.iter().enumerate().map(rule_of).collect()
    }

    /// What becomes of the use of a receipt handle.
    fn use_of(&self, scene: &Scene<'_>, receipt: Receipt, message: Option<&(Subject, Message)>) -> HandleUse {
        let at = place(scene);
        let back = |message: &Message| locked(&self.back).get(&(scene.queue.uid, message.id)).is_some();
        // Only what is there can come back, and only once.
        let can =
            |fault: &Fault| fault.kind != FaultKind::Resurrect || message.is_some_and(|(_, message)| !back(message));
        let subject = message.map(|(subject, _)| subject);
        let Some(rule) = self.pick_one(Stage::Handle, &at, subject, can) else { return HandleUse::AsUsual };
        self.record(&rule, &at, subject.and_then(|subject| subject.id));
        match (rule.fault.kind, message) {
            (FaultKind::Resurrect, Some((_, message))) => {
                locked(&self.back).get_or_insert((scene.queue.uid, message.id), || ());
                HandleUse::ComesBack(Box::new(message.clone()), rule.fault.after.map_or(0, |after| after.as_ms()))
            }
            _ => HandleUse::Fails(Error::receipt_handle(&receipt.encode())),
        }
    }

    /// Whether a received message is a copy that a fault made, which is not copied again; or one that more receives get while
    /// it is in flight, which is then done.
    fn is_copy(&self, scene: &Scene<'_>, delivery: &Delivery) -> bool {
        let key = (scene.queue.uid, delivery.number);
        let left = {
            let mut copies = locked(&self.copies);
            let Some(left) = copies.get_mut(&key) else { return false };
            *left = left.saturating_sub(1);
            *left
        };
        if left > 0 {
            self.release(scene, delivery);
        }
        true
    }

    /// Lets more receives get a message.
    fn duplicate(&self, scene: &Scene<'_>, fault: &Fault, delivery: &Delivery) {
        let copies = fault.copies.unwrap_or(1);
        if fault.while_ == Some(While::InFlight) {
            locked(&self.copies).get_or_insert((scene.queue.uid, delivery.number), || copies);
            return self.release(scene, delivery);
        }
        // An error means that the queue is gone, and its messages with it.
        let Ok(mut open) = scene.broker.open_for(scene.queue, scene.caller.by) else { return };
        for copy in 0..copies {
            let number = open.repeat(message_of(delivery, copy), None);
            // Known before anybody can receive it, for the queue is still open.
            locked(&self.copies).get_or_insert((scene.queue.uid, number), || 0);
        }
        open.close().without_waiting();
    }

    /// Makes a message visible that is in flight.
    fn release(&self, scene: &Scene<'_>, delivery: &Delivery) {
        if let Ok(mut open) = scene.broker.open_for(scene.queue, scene.caller.by) {
            open.release((delivery.receipt.slot, delivery.number));
            open.close().without_waiting();
        }
    }

    /// Orders the messages of each window by a hash of their contents.
    fn rank(&self, rule: Arc<Rule>, window: usize) -> Rank<'_> {
        Box::new(move |facts: &MessageFacts<'_>| {
            let dedup_id = facts.extra.and_then(|extra| extra.deduplication_id.as_deref());
            let content = dedup_id.map_or(&facts.body_md5[..], str::as_bytes);
            (facts.number.saturating_sub(1) / window as u64, self.draws.hash(&rule.id, content))
        })
    }
}

fn place<'a>(scene: &'a Scene<'_>) -> Place<'a> {
    Place { operation: scene.operation, caller: scene.caller, queue: Some(scene.queue) }
}

fn asked(scene: &Scene<'_>) -> bool {
    scene.caller.fate.is_some_and(|fate| fate.asked.is_some())
}

/// The failure of an entry: the server's, whatever the error.
fn failure(rule: &Rule) -> Error {
    error(rule, rule.fault.code.unwrap_or(ErrorKind::InternalFailure)).with_fault(AtFault::Receiver)
}

/// A message like the one that was received, as if it had been received some more times already.
fn message_of(delivery: &Delivery, receives: u32) -> Message {
    let retained_from = delivery.extra.as_ref().and_then(|extra| extra.retained_from);
    Message {
        id: delivery.id,
        body: delivery.body.clone(),
        body_md5: delivery.body_md5,
        extra: delivery.extra.clone(),
        group: delivery.group.clone(),
        sent: delivery.sent,
        retained_from: retained_from.unwrap_or(delivery.sent),
        first_received: Some(delivery.first_received),
        receive_count: delivery.receive_count.saturating_add(receives),
    }
}

/// A body with another first character.
fn corrupted(body: &Body) -> Body {
    let mut characters = body.as_str().chars();
    let first = if characters.next() == Some('x') { 'y' } else { 'x' };
    Body::from(first.to_string() + characters.as_str())
}
