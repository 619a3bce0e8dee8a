//! Queues that a configuration asks for: a command line, a file, a test.

use super::attributes;
use super::caller::Caller;
use super::create::{create, first_difference};
use super::tags;
use crate::api::attributes::name;
use crate::api::fields::CoercedString;
use crate::api::rules::FIFO_SUFFIX;
use crate::api::{Arn, Map};
use crate::broker::{Broker, By, Purpose, Queue, check_attributes};
use crate::error::Error;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The ARN of a queue of the caller, whether it is there or not.
pub fn arn_of(caller: &Caller<'_>, name: &str) -> String {
    Arn { region: caller.region, account: caller.account, name }.to_string()
}

/// Creates a queue from a plain description. If it came back from the store, what is described holds again and the rest stays
/// as it was.
///
/// # Errors
/// Those of CreateQueue and SetQueueAttributes.
pub fn declare(
    broker: &Broker,
    caller: &Caller<'_>,
    name: &str,
    attributes: &BTreeMap<String, String>,
    tags: &BTreeMap<String, String>,
) -> Result<(), Error> {
    let coerced = |map: &BTreeMap<String, String>| -> Map<CoercedString> {
        map.iter().map(|(key, value)| (key.clone(), CoercedString(Some(value.clone())))).collect()
    };
    let tags = coerced(tags).into();
    let Some(queue) = broker.namespace().get(caller.account, caller.region, name) else {
        let mut attributes = coerced(attributes);
        if name.ends_with(FIFO_SUFFIX) {
            attributes.entry(name::FIFO_QUEUE.to_owned()).or_insert(CoercedString(Some("true".to_owned())));
        }
        create(broker, caller, Some(name), &attributes, &tags)?.without_waiting();
        return Ok(());
    };
    for (key, value) in attributes.iter().filter(|(key, _)| *key != name::FIFO_QUEUE) {
        set(broker, &queue, key, value)?;
    }
    let tags = tags::check(&tags, name)?;
    let mut open = broker.open(&queue)?;
    open.edit_tags(|held| held.extend(tags));
    open.close().without_waiting();
    Ok(())
}

/// Sets one attribute of a queue, unless it is set so already.
///
/// # Errors
/// `QueueDoesNotExist`, and those of SetQueueAttributes.
pub fn set_attribute(broker: &Broker, caller: &Caller<'_>, name: &str, key: &str, value: &str) -> Result<(), Error> {
    let queue = broker.namespace().get(caller.account, caller.region, name).ok_or_else(Error::no_queue)?;
    set(broker, &queue, key, value)
}

fn set(broker: &Broker, queue: &Arc<Queue>, key: &str, value: &str) -> Result<(), Error> {
    let attributes = Map::from([(key.to_owned(), CoercedString(Some(value.to_owned())))]);
    let changes = check_attributes(&attributes, Purpose::Set(&queue.settings()))?;
    if first_difference(broker, queue, &changes).is_some() {
        attributes::set(broker, queue, &attributes, By::default())?.without_waiting();
    }
    Ok(())
}
