//! The permit step: whether the policies of the principal and of the queue allow what a request does.

use super::ask::{Asker, Need, RequestTags, Target};
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
    let operation = request.operation();
    for need in needs(context, request) {
        asker.ask(need, tags_of(request)).map_err(|denied| match operation {
            Operation::GetQueueUrl => {
                let text = "The specified queue does not exist or you do not have access to it.";
                Error::new(ErrorKind::QueueDoesNotExist, text).with_detail(denied.detail.unwrap_or_default())
            }
            _ => denied,
        })?;
    }
    Ok(())
}

/// The permissions that a request needs: its own, those of a batch being those of the single action, and for some those
/// of what they do with messages.
fn needs<'a>(context: &Context<'_>, request: &'a Request) -> Vec<Need<'a>> {
    use Operation::{DeleteMessage, GetQueueAttributes, ReceiveMessage};
    let operation = match request.operation() {
        Operation::ChangeMessageVisibilityBatch => Operation::ChangeMessageVisibility,
        Operation::DeleteMessageBatch => DeleteMessage,
        Operation::SendMessageBatch => Operation::SendMessage,
        other => other,
    };
    let on_queue = |actions: &[Operation]| {
        let need = |queue: &Arc<Queue>| {
            actions.iter().map(|action| Need { action: *action, on: Target::Queue(queue.clone()) }).collect::<Vec<_>>()
        };
        context.queue.as_ref().map(need).unwrap_or_default()
    };
    match request {
        Request::ListQueues(_) => vec![Need { action: operation, on: Target::Name("") }],
        Request::CreateQueue(r) => {
            let name = r.queue_name.as_deref().unwrap_or_default();
            let tagged = r.tags.as_ref().is_some_and(|tags| !tags.is_empty());
            let actions = [Some(operation), tagged.then_some(Operation::TagQueue)];
            actions.into_iter().flatten().map(|action| Need { action, on: Target::Name(name) }).collect()
        }
        Request::StartMessageMoveTask(r) => {
            let mut needs = on_queue(&[operation, ReceiveMessage, DeleteMessage, GetQueueAttributes]);
            let destinations = destinations(context, r.destination_arn.as_deref());
            let send = |queue| Need { action: Operation::SendMessage, on: Target::Queue(queue) };
            needs.extend(destinations.into_iter().map(send));
            needs
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
