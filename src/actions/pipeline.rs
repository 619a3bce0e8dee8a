//! The way of every request once it is decoded: find the queue, ask whether it may be, carry it out, answer.

use super::context::{Caller, Context};
use super::hook::Hook;
use super::resolve::resolve;
use super::{
    attributes::*, create::*, move_tasks::*, permissions::*, queues::*, receipts::*, receive::*, send::*, tags::*,
};
use crate::api::{Request, Response, with_operations};
use crate::broker::Broker;
use crate::error::Error;
use std::sync::Arc;

/// Carries out actions.
pub struct Actions {
    broker: Arc<Broker>,
    hook: Option<Box<dyn Hook>>,
}

/// The function of each action in the operations table, one arm each.
macro_rules! define_act {
    ($($name:ident $function:ident: $request:ty => $response:ty, $address:ident, $answers_urls:literal;)*) => {
        async fn act(context: &Context<'_>, request: Request) -> Result<Response, Error> {
            match request {
                // What changes something is told when it is as durable as was asked for.
                $(Request::$name(r) => $function(context, r).await?.durable().await.map(Response::$name),)*
            }
        }
    };
}

with_operations!(define_act);

impl Actions {
    /// Actions on the queues of a broker.
    pub fn new(broker: Arc<Broker>) -> Actions {
        Actions { broker, hook: None }
    }

    /// Asks and tells a hook about every action.
    #[must_use]
    pub fn with_hook(mut self, hook: Box<dyn Hook>) -> Actions {
        self.hook = Some(hook);
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
        broker.ready().await;
        let queue = resolve(broker, caller, request.address())?;
        if let Some(queue) = &queue {
            broker.catch_up(queue).await;
        }
        let context = Context { broker, caller, queue };
        match &self.hook {
            None => act(&context, request).await,
            Some(hook) => {
                let operation = request.operation();
                hook.permit(&context, operation).await?;
                let outcome = act(&context, request).await;
                hook.answer(&context, operation, outcome).await
            }
        }
    }
}
