//! The way of every request once it is decoded: find the queue, ask whether it may be, carry it out, answer.

use super::caller::Caller;
use super::context::Context;
use super::hook::Hook;
use super::permit::permit;
use super::resolve::resolve;
use super::{
    attributes::*, create::*, move_tasks::*, permissions::*, queues::*, receipts::*, receive::*, send::*, tags::*,
};
use crate::api::{Request, Response, with_operations};
use crate::auth::policy::Enforcement;
use crate::broker::Broker;
use crate::error::Error;
use std::pin::pin;
use std::sync::Arc;

/// Carries out actions.
pub struct Actions {
    broker: Arc<Broker>,
    hook: Option<Arc<dyn Hook>>,
    enforcement: Option<Arc<Enforcement>>,
}

/// Calls the function of an action, and waits for it if the operations table says so.
macro_rules! call {
    ($function:ident($context:expr, $r:ident)) => {
        $function($context, $r)
    };
    ($function:ident($context:expr, $r:ident) waits) => {
        $function($context, $r).await
    };
}

/// Carries out a request: one arm for each row of the operations table.
macro_rules! act {
    (($context:expr, $request:ident)
    $($name:ident $function:ident $($waits:ident)?: $type:ty => $response:ty, $address:ident, $answers_urls:literal;)*) => {
        match $request {
            $(Request::$name(r) => match call!($function($context, r) $($waits)?) {
                // What changes something is told when it is as durable as was asked for.
                Ok(pending) => pending.durable().await.map(Response::$name),
                Err(error) => Err($context.failed(error)),
            },)*
        }
    };
}

impl Actions {
    /// Actions on the queues of a broker.
    pub fn new(broker: Arc<Broker>) -> Actions {
        Actions { broker, hook: None, enforcement: None }
    }

    /// Asks and tells a hook about every action.
    #[must_use]
    pub fn with_hook(mut self, hook: Arc<dyn Hook>) -> Actions {
        self.hook = Some(hook);
        self
    }

    /// Asks policies about every action of a caller whose identity is known.
    #[must_use]
    pub fn with_enforcement(mut self, enforcement: Option<Arc<Enforcement>>) -> Actions {
        self.enforcement = enforcement;
        self
    }

    /// The queues that the actions work on.
    pub fn broker(&self) -> &Arc<Broker> {
        &self.broker
    }

    /// Carries out one action.
    ///
    /// # Errors
    /// What SQS answers.
    pub async fn execute(&self, caller: &Caller<'_>, request: Request) -> Result<Response, Error> {
        let broker = &*self.broker;
        if !broker.has_room() {
            // In a box: a request that finds room does not pay for its size.
            Box::pin(broker.room()).await?;
        }
        let enforcement = self.enforcement.as_deref();
        let queue = resolve(broker, caller, request.address(), enforcement)?;
        if let Some(queue) = &queue {
            broker.catch_up(queue).await?;
        }
        let context = Context { broker, caller, queue, points: None };
        if let Some(enforcement) = enforcement {
            permit(enforcement, &context, &request)?;
        }
        // A request may also want it by itself.
        match self.hook.as_deref().filter(|hook| hook.is_wanted() || caller.fate.is_some()) {
            None => pin!(act(&context, request)).await,
            // In a box: without a hook nobody pays for its size.
            Some(hook) => Box::pin(act_with(hook, context, request)).await,
        }
    }
}

async fn act(context: &Context<'_>, request: Request) -> Result<Response, Error> {
    with_operations!(act(context, request))
}

async fn act_with(hook: &dyn Hook, mut context: Context<'_>, request: Request) -> Result<Response, Error> {
    let operation = request.operation();
    context.points = hook.points();
    let ticket = hook.permit(&context, &request).await.map_err(|error| context.failed(error))?;
    let outcome = act(&context, request).await;
    hook.answer(&context, operation, ticket, outcome).await.map_err(|error| context.failed(error))
}
