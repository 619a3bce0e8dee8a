//! Asks the policies of a caller and of a queue for one permission.

use super::caller::{Caller, Origin};
use super::context::Context;
use crate::api::{Arn, Operation};
use crate::auth::policy::{self, Decision, Enforcement, Mode, Policies, Question, QueuePolicy, Requester};
use crate::auth::{Identity, not_signed};
use crate::broker::{Broker, Queue};
use crate::error::{Error, ErrorKind};
use std::sync::Arc;

/// Tags of a request, as policies see them.
pub(super) type RequestTags<'a> = Vec<(&'a str, Option<&'a str>)>;

/// What a permission is about.
pub(super) enum Target<'a> {
    /// This queue.
    Queue(&'a Arc<Queue>),
    /// The caller's queue of this name, which need not be there.
    Name(&'a str),
}

/// Whether a caller may create a queue of this name because it was asked for.
pub(super) fn may_create(enforcement: &Enforcement, broker: &Broker, caller: &Caller<'_>, name: &str) -> bool {
    let Some(identity) = caller.identity else { return true };
    let asker = Asker { enforcement, identity, broker, caller };
    asker.ask(Operation::CreateQueue, Target::Name(name), Vec::new()).is_ok()
}

/// Asks on behalf of one caller.
pub(super) struct Asker<'a> {
    pub(super) enforcement: &'a Enforcement,
    pub(super) identity: &'a Identity,
    pub(super) broker: &'a Broker,
    pub(super) caller: &'a Caller<'a>,
}

impl Asker<'_> {
    /// Asks for the permission for an action.
    ///
    /// # Errors
    /// `AccessDenied`.
    pub(super) fn ask(&self, action: Operation, on: Target<'_>, request_tags: RequestTags<'_>) -> Result<(), Error> {
        let (resource, owner, queue) = match on {
            Target::Queue(queue) => {
                let context = Context { broker: self.broker, caller: self.caller, queue: None, points: None };
                (context.arn(queue), &*queue.account, Some(queue))
            }
            Target::Name(name) => {
                let Caller { account, region, .. } = *self.caller;
                (Arn { region, account, name }.to_string(), account, None)
            }
        };
        let principal = self.identity.principal();
        let identity = principal.map(|principal| &principal.policies[..]).unwrap_or_default();
        let settings = queue.map(|queue| queue.settings());
        let policies = Policies {
            identity,
            queue: settings.as_ref().map_or(QueuePolicy::Absent, |settings| settings.queue_policy()),
        };
        let tags = queue.filter(|_| policies.ask_for_tags()).and_then(|queue| self.broker.look(queue).ok());
        let tags = tags.map(|look| look.tags().clone());
        let Origin { source_ip, secure, user_agent, referer, .. } = self.origin();
        let context = policy::Context {
            requester: principal.and_then(|principal| Requester::of(&principal.arn)).unwrap_or_default(),
            time_ms: Some(self.broker.clock().real_now().as_ms()),
            source_ip,
            secure: Some(secure),
            user_agent,
            referer,
            region: Some(self.caller.region),
            resource_account: Some(owner),
            resource_tags: tags.as_ref(),
            request_tags,
            ..policy::Context::default()
        };
        let question = Question { action: action.permission(), resource: &resource, owner, context };
        self.settle(action, &question, &policy::evaluate(&question, &policies))
    }

    fn origin(&self) -> Origin<'_> {
        self.caller.origin.copied().unwrap_or_default()
    }

    /// Logs, counts and remembers a decision.
    fn settle(&self, action: Operation, question: &Question<'_>, decision: &Decision<'_>) -> Result<(), Error> {
        let Question { action: permission, resource, context, .. } = question;
        let who = &context.requester;
        let allows = decision.reason.allows();
        tracing::debug!(%who, action = permission, resource, decision = decision.line(), "policies");
        // A warning is for those who are known: signatures are asked for in every mode.
        let goes_on = allows || self.enforcement.mode() == Mode::Warn && *who != Requester::Anonymous;
        if let Some(principal) = who.principal().filter(|_| goes_on) {
            self.enforcement.usage().note(&principal.principal_arn(), action.permission(), resource);
        }
        if allows {
            return Ok(());
        }
        self.enforcement.count_denied(action);
        let denied = match who {
            // Nobody has no name that the text could say.
            Requester::Anonymous => not_signed(self.origin().host),
            _ => Error::new(ErrorKind::AccessDenied, policy::refusal(question, decision.reason)),
        };
        if goes_on {
            tracing::warn!("would be denied: {}", denied.message);
            return Ok(());
        }
        Err(denied.with_detail(decision.line()))
    }
}
