//! What may stand before and after every action: policies, faults.

use super::context::Context;
use super::points::Points;
use crate::api::{Operation, Request, Response};
use crate::error::Error;
use std::any::Any;
use std::pin::Pin;

/// What a hook takes its time for.
pub type HookFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a hook wants to know again after the action.
pub type Ticket = Option<Box<dyn Any + Send + Sync>>;

/// Is asked before each action and told after it.
pub trait Hook: Send + Sync {
    /// Whether it wants to be asked and told at the moment; the answer holds for one action.
    fn is_wanted(&self) -> bool;

    /// What it may change inside the actions, if it wants to.
    fn points(&self) -> Option<&dyn Points> {
        None
    }

    /// Before the action, when its queue has been found. An error is the answer, and nothing has been done.
    fn permit<'a>(&'a self, context: &'a Context<'_>, request: &'a Request) -> HookFuture<'a, Result<Ticket, Error>>;

    /// After the action, when what it did is as durable as was asked for. What is given back is the answer.
    fn answer<'a>(
        &'a self,
        context: &'a Context<'_>,
        operation: Operation,
        ticket: Ticket,
        outcome: Result<Response, Error>,
    ) -> HookFuture<'a, Result<Response, Error>>;
}
