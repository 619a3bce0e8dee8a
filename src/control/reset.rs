//! A space as it was at its start: new queues, a real clock, no faults; what waits there ends.

use super::declare::NotDeclared;
use super::refusal::{Refusal, nearest, shortened};
use super::space::Space;
use crate::broker::{By, Pending};
use crate::clock::ClockMode;

/// A part of a space that can be reset by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// What is in the queues. Deduplication ids are forgotten with it, as by PurgeQueue.
    Messages,
    /// The queues themselves, and what is in them: those that are there from the start come back, empty and with new identities.
    Queues,
    /// The clock is real again.
    Clock,
    /// No faults any more.
    Faults,
    /// Nothing has happened; positions go on.
    History,
    /// Deduplication ids and receive attempts.
    Dedup,
}

impl What {
    /// All parts.
    pub const ALL: &[What] = &[What::Messages, What::Queues, What::Clock, What::Faults, What::History, What::Dedup];

    /// The part of this name.
    ///
    /// # Errors
    /// 400 with the nearest right name.
    pub fn named(name: &str) -> Result<What, Refusal> {
        What::ALL.iter().copied().find(|part| part.name() == name).ok_or_else(|| {
            let names = What::ALL.iter().map(|part| part.name());
            let hint = match nearest(name, names.clone()) {
                Some(other) => format!("did you mean `{other}`?"),
                None => format!("there are {}", names.collect::<Vec<_>>().join(", ")),
            };
            Refusal::new(400, format!("`{}` is nothing that can be reset", shortened(name)), hint)
        })
    }

    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            What::Messages => "messages",
            What::Queues => "queues",
            What::Clock => "clock",
            What::Faults => "faults",
            What::History => "history",
            What::Dedup => "dedup",
        }
    }
}

impl Space {
    /// Resets parts of the space. Requests that come meanwhile wait; those that are under way find their queue gone, or nothing in
    /// it if they receive.
    ///
    /// # Errors
    /// 409, and nothing is done, if the clock would go back and leave messages behind that are ahead of it.
    pub async fn reset(&self, what: &[What], by: By) -> Result<(), Refusal> {
        let is_wanted = |part: What| what.contains(&part);
        let _alone = self.resetting().write().await;
        // No jump of the clock in between.
        let _turning = self.auto().turning().await;
        let (broker, queues) = (self.broker(), self.broker().namespace().all());
        if is_wanted(What::Clock) && !is_wanted(What::Queues) && self.is_ahead() && !queues.is_empty() {
            let error = "the clock is ahead of real time, and so are the queues and what is in them";
            return Err(Refusal::new(409, error, "reset the queues too: {\"what\": [\"clock\", \"queues\"]}"));
        }
        if is_wanted(What::Faults) {
            self.faults().clear();
        }
        let mut last = Pending::nothing(());
        for queue in &queues {
            if is_wanted(What::Queues) {
                last = broker.take_away(queue);
            } else if is_wanted(What::Messages) {
                last = broker.empty(queue);
            } else if is_wanted(What::Dedup) {
                broker.forget_deduplication(queue);
            }
        }
        if is_wanted(What::Clock) {
            self.auto().reset();
            broker.clock().reset();
        }
        if is_wanted(What::Queues) {
            broker.namespace().open_all_names();
            self.declare(by).map_err(|NotDeclared { queue, reason }| {
                Refusal::new(409, format!("the queue `{queue}` could not be created again: {reason}"), "")
            })?;
            if let Some(queue) = broker.namespace().all().first() {
                last = broker.saved(queue);
            }
        }
        if let Some(history) = self.history() {
            if is_wanted(What::History) {
                history.forget();
            }
            let names: Vec<&str> = what.iter().map(|part| part.name()).collect();
            history.record_control(&format!("reset {}", names.join(", ")), None, None, by);
        }
        // The newest change vouches for those before it.
        last.durable().await.map_err(|error| Refusal::new(409, error.message, "the store has failed"))
    }

    /// Whether the clock was turned ahead of real time.
    fn is_ahead(&self) -> bool {
        let clock = self.broker().clock();
        clock.mode().is_some_and(|mode| mode != ClockMode::Real) && clock.now() > clock.real_now()
    }
}
