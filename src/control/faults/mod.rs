//! Failures on purpose: rules, what they hit, and the hook before and after the actions.

use crate::actions::{Context, Hook, HookFuture, Ticket};
use crate::api::{Operation, Request, Response};
use crate::error::Error;

/// The faults of a space.
pub struct Faults {
    seed: u64,
}

impl Faults {
    /// No faults so far; those with a probability are drawn from the seed.
    pub fn new(seed: u64) -> Faults {
        Faults { seed }
    }

    /// Whether there are any.
    pub fn is_wanted(&self) -> bool {
        false
    }

    /// What they are drawn from.
    pub fn seed(&self) -> u64 {
        self.seed
    }
}

impl Hook for Faults {
    fn is_wanted(&self) -> bool {
        false
    }

    fn permit<'a>(&'a self, _: &'a Context<'_>, _: &'a Request) -> HookFuture<'a, Result<Ticket, Error>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    fn answer<'a>(
        &'a self,
        _: &'a Context<'_>,
        _: Operation,
        _: Ticket,
        outcome: Result<Response, Error>,
    ) -> HookFuture<'a, Result<Response, Error>> {
        Box::pin(std::future::ready(outcome))
    }
}
