//! What faults do before and after every action.

use super::fault::Fault;
use super::faults::{Faults, asked_for};
use super::kind::{FaultKind, Stage};
use super::rules::{Place, Rule};
use super::subject::{self, Subject};
use crate::actions::{Context, Ending, Hook, HookFuture, Points, Ticket};
use crate::api::attributes::name;
use crate::api::{Operation, Request, Response};
use crate::engine::MessageId;
use crate::error::{Error, ErrorKind};
use std::borrow::Cow;
use std::time::Duration;

/// How old counts are if not said.
const LAG_DEFAULT: Duration = Duration::from_secs(2);

impl Hook for Faults {
    fn is_wanted(&self) -> bool {
        Faults::is_wanted(self)
    }

    fn points(&self) -> Option<&dyn Points> {
        Some(self)
    }

    fn permit<'a>(&'a self, context: &'a Context<'_>, request: &'a Request) -> HookFuture<'a, Result<Ticket, Error>> {
        Box::pin(async move {
            if let Some(Err(refusal)) = asked_for(context.caller) {
                return Err(Error::invalid(format!("Kew-Fault: {}. {}", refusal.error, refusal.hint)));
            }
            let at = place(context, request.operation());
            self.note_counts(&at, context.broker);
            let mut subjects = Vec::new();
            if self.wants_messages() {
                subjects = subject::of_request(context.broker, at.queue, request);
            }
            if let Some(rule) = self.pick_request(Stage::Before, &at, &subjects, |_| true) {
                self.record(&rule, &at, id_of(&rule.fault, &subjects));
                self.before(&rule, &at).await?;
            }
            Ok(Some(Box::new(subjects) as Box<_>))
        })
    }

    fn answer<'a>(
        &'a self,
        context: &'a Context<'_>,
        operation: Operation,
        ticket: Ticket,
        mut outcome: Result<Response, Error>,
    ) -> HookFuture<'a, Result<Response, Error>> {
        Box::pin(async move {
            let at = place(context, operation);
            self.note_counts(&at, context.broker);
            if let Ok(response) = &mut outcome {
                self.show_old_counts(&at, response);
            }
            let mut subjects = ticket.and_then(|ticket| ticket.downcast().ok()).map_or_else(Vec::new, |found| *found);
            if let (Ok(Response::ReceiveMessage(shown)), Some(queue), true) =
                (&outcome, at.queue, self.wants_messages())
            {
                subjects = subject::of_received(context.broker, queue, &shown.messages);
            }
            // Where nothing was done, nothing can be lost.
            let something = match &outcome {
                Ok(Response::ReceiveMessage(shown)) => !shown.messages.is_empty(),
                other => other.is_ok(),
            };
            let can = |fault: &Fault| fault.kind != FaultKind::LostAnswer || something;
            if let Some(rule) = self.pick_after(&at, &subjects, can) {
                let of_answer = outcome.as_ref().ok().and_then(id_in);
                self.record(&rule, &at, of_answer.or_else(|| id_of(&rule.fault, &subjects)));
                match (rule.fault.kind, context.caller.fate) {
                    (FaultKind::Latency, _) => self.pause(&rule).await,
                    (_, Some(fate)) => fate.end(rule.fault.how.map_or(Ending::Reset, Ending::from)),
                    _ => {}
                }
            }
            outcome
        })
    }
}

impl Faults {
    /// The rule that fires after an action. A receive is counted as such, whatever it shows.
    fn pick_after(
        &self,
        at: &Place<'_>,
        subjects: &[Subject],
        can: impl Fn(&Fault) -> bool,
    ) -> Option<std::sync::Arc<Rule>> {
        if at.operation != Operation::ReceiveMessage {
            return self.pick_request(Stage::After, at, subjects, can);
        }
        let entity = |rule: &Rule| self.draws.request(&rule.id, at.operation, at.queue.map(|queue| &**queue));
        self.pick(Stage::After, at, &subjects.iter().collect::<Vec<_>>(), can, entity)
    }

    /// Carries out a rule before the action.
    async fn before(&self, rule: &Rule, at: &Place<'_>) -> Result<(), Error> {
        let error = match rule.fault.kind {
            FaultKind::Latency => {
                self.pause(rule).await;
                return Ok(());
            }
            FaultKind::Throttle => error(rule, ErrorKind::RequestThrottled),
            FaultKind::Unavailable => error(rule, ErrorKind::ServiceUnavailable),
            FaultKind::Error => error(rule, rule.fault.code.unwrap_or(ErrorKind::InternalFailure)),
            _ => {
                if let Some(fate) = at.caller.fate {
                    fate.end(Ending::Reset);
                }
                error(rule, ErrorKind::InternalFailure)
            }
        };
        Err(error)
    }

    /// Waits as long as a rule says.
    async fn pause(&self, rule: &Rule) {
        let (ms, jitter) = (rule.fault.ms.unwrap_or(0), rule.fault.jitter.unwrap_or(0));
        let more = self.draws.hash(&rule.id, &rule.fired().to_be_bytes()) % (2 * jitter + 1);
        self.time.pause(Duration::from_millis((ms + more).saturating_sub(jitter))).await;
    }

    /// Puts the counts of a while ago into an answer.
    fn show_old_counts(&self, at: &Place<'_>, response: &mut Response) {
        let (Response::GetQueueAttributes(answer), Some(queue)) = (response, at.queue) else { return };
        let counts = [
            name::APPROXIMATE_NUMBER_OF_MESSAGES,
            name::APPROXIMATE_NUMBER_OF_MESSAGES_NOT_VISIBLE,
            name::APPROXIMATE_NUMBER_OF_MESSAGES_DELAYED,
        ];
        if !counts.iter().any(|name| answer.attributes.contains_key(*name)) {
            return;
        }
        let Some(rule) = self.pick_request(Stage::Counts, at, &[], |_| true) else { return };
        let lag = rule.fault.lag.map_or(LAG_DEFAULT, |lag| lag.0).as_millis();
        let then = self.time.now_ms().saturating_sub(u64::try_from(lag).unwrap_or(u64::MAX));
        let Some(old) = self.stale.at(queue.uid, then) else { return };
        for (name, count) in counts.into_iter().zip(old) {
            if let Some(shown) = answer.attributes.get_mut(name) {
                *shown = count.to_string();
            }
        }
        self.record(&rule, at, None);
    }
}

fn place<'a>(context: &'a Context<'_>, operation: Operation) -> Place<'a> {
    Place { operation, caller: context.caller, queue: context.queue.as_ref() }
}

/// The error that a rule asks for. The log says which rule that is.
pub(super) fn error(rule: &Rule, kind: ErrorKind) -> Error {
    let text: Cow<'static, str> = match (&rule.fault.text, kind) {
        (Some(text), _) => text.clone().into(),
        (None, ErrorKind::QueueDoesNotExist) => Error::no_queue().message,
        (None, ErrorKind::RequestThrottled) => "Request is throttled.".into(),
        (None, ErrorKind::ServiceUnavailable) => Error::unavailable("").message,
        (None, ErrorKind::InternalFailure) => "We encountered an internal error. Please try again.".into(),
        (None, ErrorKind::OverLimit) => "Too many messages have been received without being deleted.".into(),
        (None, _) => format!("The fault `{}` was asked for.", rule.id).into(),
    };
    let error = Error::new(kind, text).with_detail(format!("the fault {}", rule.id));
    match rule.fault.status {
        Some(status) => error.with_status(status),
        None => error,
    }
}

/// The message that a rule hit, of those of a request.
fn id_of(fault: &Fault, subjects: &[Subject]) -> Option<MessageId> {
    let meant = |subject: &&Subject| fault.on.message.as_ref().is_none_or(|matcher| subject.is(matcher));
    subjects.iter().find(meant).and_then(|subject| subject.id)
}

/// The message that an answer names.
fn id_in(response: &Response) -> Option<MessageId> {
    match response {
        Response::SendMessage(sent) => sent.message_id.parse().ok(),
        Response::ReceiveMessage(shown) => shown.messages.first()?.message_id.parse().ok(),
        _ => None,
    }
}
