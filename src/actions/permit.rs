//! The permit step: whether the policies of the principal and of the queue allow what a request does.

use super::ask::{Asker, RequestTags, Target};
use super::context::Context;
use super::queues::dead_letter_sources;
use super::resolve::by_arn;
use crate::api::{Operation, Request};
use crate::auth::policy::Enforcement;
use crate::broker::Queue;
use crate::error::{Error, ErrorKind};
use std::sync::Arc;

/// Asks the policies about a request whose queue has been found.
///
/// # Errors
/// `AccessDenied`; for GetQueueUrl `QueueDoesNotExist`, as on AWS.
pub(super) fn permit(enforcement: &Enforcement, context: &Context<'_>, request: &Request) -> Result<(), Error> {
    let Some(identity) = context.caller.identity else { return Ok(()) };
    let asker = Asker { enforcement, identity, broker: context.broker, caller: context.caller };
    ask_all(&asker, context, request).map_err(|denied| match request {
        Request::GetQueueUrl(_) => {
            let text = "The specified queue does not exist or you do not have access to it.";
            Error::new(ErrorKind::QueueDoesNotExist, text).with_detail(denied.detail.unwrap_or_default())
        }
        _ => denied,
    })
}

/// Asks for the permissions that a request needs: its own, those of a batch being those of the single action, and for some
/// those of what they do with messages.
fn ask_all(asker: &Asker<'_>, context: &Context<'_>, request: &Request) -> Result<(), Error> {
    use Operation::{DeleteMessage, GetQueueAttributes, ReceiveMessage};
    let operation = match request.operation() {
        Operation::ChangeMessageVisibilityBatch => Operation::ChangeMessageVisibility,
        Operation::DeleteMessageBatch => DeleteMessage,
        Operation::SendMessageBatch => Operation::SendMessage,
        other => other,
    };
    let ask = |action, on| asker.ask(action, on, tags_of(request));
    let on_queue = |actions: &[Operation]| match &context.queue {
        Some(queue) => actions.iter().try_for_each(|action| ask(*action, Target::Queue(queue))),
        None => Ok(()),
    };
    match request {
        Request::ListQueues(_) => ask(operation, Target::Name("")),
        Request::CreateQueue(r) => {
            let name = r.queue_name.as_deref().unwrap_or_default();
            ask(operation, Target::Name(name))?;
            let tagged = r.tags.as_ref().is_some_and(|tags| !tags.is_empty());
            if tagged { ask(Operation::TagQueue, Target::Name(name)) } else { Ok(()) }
        }
        Request::StartMessageMoveTask(r) => {
            on_queue(&[operation, ReceiveMessage, DeleteMessage, GetQueueAttributes])?;
            let destinations = destinations(context, r.destination_arn.as_deref());
            destinations.iter().try_for_each(|queue| ask(Operation::SendMessage, Target::Queue(queue)))
        }
        Request::CancelMessageMoveTask(_) | Request::ListMessageMoveTasks(_) => {
            on_queue(&[operation, ReceiveMessage, DeleteMessage, GetQueueAttributes])
        }
        _ => on_queue(&[operation]),
    }
}

/// Where the messages of a move task go: to the queue that is named, or back to their sources. What is wrong with a
/// name is for the action to say.
fn destinations(context: &Context<'_>, arn: Option<&str>) -> Vec<Arc<Queue>> {
    match (arn.filter(|arn| !arn.is_empty()), &context.queue) {
        (Some(arn), _) => by_arn(context.broker, context.caller, arn, "DestinationArn").into_iter().collect(),
        (None, Some(source)) => dead_letter_sources(context.broker, source),
        (None, None) => Vec::new(),
    }
}

fn tags_of(request: &Request) -> RequestTags<'_> {
    let tags = match request {
        Request::CreateQueue(r) => r.tags.as_ref(),
        Request::TagQueue(r) => r.tags.as_ref(),
        Request::UntagQueue(r) => {
            return r.tag_keys.iter().flat_map(|keys| keys.iter()).map(|key| (key.as_str(), None)).collect();
        }
        _ => None,
    };
    tags.into_iter().flat_map(|tags| tags.iter()).map(|(key, value)| (key.as_str(), value.0.as_deref())).collect()
}
