//! CreateQueue, and queues that are created because they are asked for.

use super::caller::Caller;
use super::context::Context;
use super::redrive::{check_redrive_target, same_policy};
use super::tags;
use crate::api::attributes::name;
use crate::api::fields::CoercedString;
use crate::api::rules::{self, FIFO_SUFFIX};
use crate::api::{CreateQueueRequest, Map, QueueUrlResult, Tags};
use crate::broker::{Added, Broker, Changes, Pending, Purpose, Queue, QueueSettings, asks_for_fifo, check_attributes};
use crate::error::{Error, ErrorKind};
use std::sync::Arc;

pub(super) fn create_queue(cx: &Context<'_>, r: CreateQueueRequest) -> Result<Pending<QueueUrlResult>, Error> {
    let attributes = r.attributes.unwrap_or_default();
    let tags = r.tags.unwrap_or_default();
    let queue = create(cx.broker, cx.caller, r.queue_name.as_deref(), &attributes, &tags)?;
    Ok(queue.map(|queue| QueueUrlResult { queue_url: cx.url(&queue) }))
}

/// Creates a queue, or finds the one of that name if nothing that is asked for differs from it.
///
/// # Errors
/// Those of CreateQueue.
pub(super) fn create(
    broker: &Broker,
    caller: &Caller<'_>,
    name: Option<&str>,
    attributes: &Map<CoercedString>,
    tags: &Tags,
) -> Result<Pending<Arc<Queue>>, Error> {
    let fifo = asks_for_fifo(attributes);
    let name = rules::check_queue_name(name, fifo)?;
    let changes = check_attributes(attributes, Purpose::Create { fifo })?;
    let tags = tags::check(tags, name)?;
    let now = broker.clock().now();
    let settings = QueueSettings::new(fifo, &changes, now);
    let place = (caller.account, caller.region, name);
    if let Some(existing) = broker.namespace().get(caller.account, caller.region, name) {
        return same_or_conflict(broker, existing, &changes);
    }
    if let Some(policy) = &settings.redrive {
        check_redrive_target(broker, policy, place, fifo)?;
    }
    let queue = Arc::new(Queue::new(broker.ids().queue_uid(), place, settings, tags));
    // Held until its record is with the store, so that nothing that happens in it can come before.
    let mut open = broker.open_new(&queue, caller.by);
    match broker.namespace().add(&queue, now) {
        Added::New => {
            open.save_new();
            Ok(open.close().map(|()| queue.clone()))
        }
        Added::Existing(existing) => same_or_conflict(broker, existing, &changes),
        Added::TooSoon => Err(Error::new(
            ErrorKind::QueueDeletedRecently,
            "You must wait 60 seconds after deleting a queue before you can create another with the same name.",
        )),
        // Uncertain: AWS sets no such limit.
        Added::TooMany => Err(Error::new(
            ErrorKind::OverLimit,
            format!("The maximum number of queues, {}, has been reached.", broker.namespace().queues_max()),
        )),
    }
}

/// CreateQueue on a name that is taken: fine if every attribute that is given equals the queue's current one (recorded).
///
/// Tags are not compared (uncertain; they are not attributes).
fn same_or_conflict(broker: &Broker, existing: Arc<Queue>, given: &Changes) -> Result<Pending<Arc<Queue>>, Error> {
    match first_difference(broker, &existing, given) {
        None if existing.elsewhere().is_some() => Ok(Pending::nothing(existing)),
        // Its creation by another request may still be on its way to the store.
        None => {
            let pending = broker.open(&existing)?.close();
            Ok(pending.map(|()| existing))
        }
        Some(attribute) => Err(Error::new(
            ErrorKind::QueueNameExists,
            format!("A queue already exists with the same name and a different value for attribute {attribute}"),
        )),
    }
}

/// The first of these attributes that differs from what the queue is set to.
pub(super) fn first_difference(broker: &Broker, queue: &Queue, given: &Changes) -> Option<&'static str> {
    queue.settings().first_difference(given, |name, held, given| {
        same_policy(broker, &queue.account, name, held, given).unwrap_or(held == given)
    })
}

/// Creates a queue with default attributes because it was asked for; its name says whether it is a FIFO queue.
///
/// # Errors
/// Those of CreateQueue.
pub(super) fn auto_create(broker: &Broker, caller: &Caller<'_>, name: &str) -> Result<Arc<Queue>, Error> {
    let mut attributes = Map::new();
    if name.ends_with(FIFO_SUFFIX) {
        attributes.insert(name::FIFO_QUEUE.to_owned(), CoercedString(Some("true".to_owned())));
        attributes.insert(name::CONTENT_BASED_DEDUPLICATION.to_owned(), CoercedString(Some("true".to_owned())));
    }
    // What is asked of the queue next waits for the store itself.
    Ok(create(broker, caller, Some(name), &attributes, &Tags::default())?.without_waiting())
}
