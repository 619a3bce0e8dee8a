//! GetQueueAttributes and SetQueueAttributes.

use super::context::Context;
use super::redrive::check_redrive_target;
use crate::api::attributes::{QUEUE_ATTRIBUTES, find, name};
use crate::api::fields::CoercedString;
use crate::api::{
    Empty, GetQueueAttributesRequest, GetQueueAttributesResult, Map, RedrivePolicy, SetQueueAttributesRequest, rules,
};
use crate::broker::{Broker, By, Pending, Purpose, Queue, check_attributes};
use crate::error::Error;
use std::sync::Arc;

pub(super) fn get_queue_attributes(
    cx: &Context<'_>,
    r: GetQueueAttributesRequest,
) -> Result<Pending<GetQueueAttributesResult>, Error> {
    let queue = cx.queue()?;
    let wanted = rules::all_names(r.attribute_names, "AttributeNames")?;
    if let Some(unknown) = wanted.iter().find(|name| *name != "All" && find(name).is_none()) {
        return Err(Error::unknown_attribute(unknown));
    }
    let counts = cx.open(queue)?.counts();
    let settings = queue.settings();
    let all = wanted.iter().any(|name| name == "All");
    let shown = QUEUE_ATTRIBUTES.iter().map(|line| line.name).filter(|name| all || wanted.iter().any(|w| w == name));
    let value = |name: &str| match name {
        name::QUEUE_ARN => Some(cx.arn(queue)),
        name::APPROXIMATE_NUMBER_OF_MESSAGES => Some(counts.visible.to_string()),
        name::APPROXIMATE_NUMBER_OF_MESSAGES_NOT_VISIBLE => Some(counts.in_flight.to_string()),
        name::APPROXIMATE_NUMBER_OF_MESSAGES_DELAYED => Some(counts.delayed.to_string()),
        name::CREATED_TIMESTAMP => Some(settings.created.as_seconds().to_string()),
        name::LAST_MODIFIED_TIMESTAMP => Some(settings.modified.as_seconds().to_string()),
        name::REDRIVE_POLICY => settings.redrive.as_ref().map(|policy| cx.shown_redrive(policy)),
        name::REDRIVE_ALLOW_POLICY => settings.redrive_allow.as_ref().map(|policy| cx.shown_redrive_allow(policy)),
        _ => settings.value(name),
    };
    let attributes = shown.filter_map(|name| Some((name.to_owned(), value(name)?))).collect();
    Ok(Pending::nothing(GetQueueAttributesResult { attributes }))
}

pub(super) fn set_queue_attributes(cx: &Context<'_>, r: SetQueueAttributesRequest) -> Result<Pending<Empty>, Error> {
    let attributes = r.attributes.filter(|a| !a.is_empty()).ok_or_else(|| Error::missing("Attribute.Name"))?;
    Ok(set(cx.broker, cx.queue()?, &attributes, cx.caller.by)?.map(|()| Empty {}))
}

/// Sets attributes of a queue.
///
/// # Errors
/// Those of SetQueueAttributes.
pub(super) fn set(
    broker: &Broker,
    queue: &Arc<Queue>,
    attributes: &Map<CoercedString>,
    by: By,
) -> Result<Pending<()>, Error> {
    let changes = check_attributes(attributes, Purpose::Set(&queue.settings()))?;
    if let Some(Some(policy)) = changes.get(name::REDRIVE_POLICY) {
        let policy = RedrivePolicy::parse(policy)?;
        check_redrive_target(broker, &policy, (&queue.account, &queue.region, &queue.name), queue.fifo)?;
    }
    let mut open = broker.open_for(queue, by)?;
    open.set_settings(queue.settings().changed(&changes, open.now()));
    Ok(open.close())
}
