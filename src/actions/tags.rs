//! The tags of a queue.

use super::context::Context;
use crate::api::{Empty, ListQueueTagsResult, QueueRequest, TagQueueRequest, Tags, UntagQueueRequest, limits, rules};
use crate::broker::Pending;
use crate::error::Error;
use std::collections::BTreeMap;

/// Checks the tags of one request.
///
/// # Errors
/// `InvalidParameterValue`.
pub(super) fn check(tags: &Tags, queue: &str) -> Result<BTreeMap<String, String>, Error> {
    let checked: Result<BTreeMap<_, _>, Error> = tags
        .iter()
        .map(|(key, value)| {
            let value = value.0.as_deref().unwrap_or_default();
            rules::check_tag(key, value)?;
            Ok((key.clone(), value.to_owned()))
        })
        .collect();
    let checked = checked?;
    if tags.sent() > limits::TAGS_MAX { Err(too_many(queue)) } else { Ok(checked) }
}

fn too_many(queue: &str) -> Error {
    Error::invalid(format!("Too many tags added for queue {queue}."))
}

pub(super) fn tag_queue(cx: &Context<'_>, r: TagQueueRequest) -> Result<Pending<Empty>, Error> {
    let queue = cx.queue()?;
    let tags = r.tags.filter(|tags| !tags.is_empty()).ok_or_else(|| Error::missing("Tags"))?;
    let tags = check(&tags, &queue.name)?;
    let mut open = cx.open(queue)?;
    // Uncertain: whether the limit counts one call or all tags; a queue has at most 50 by the quotas page.
    let new = tags.keys().filter(|key| !open.tags().contains_key(*key)).count();
    if open.tags().len() + new > limits::TAGS_MAX {
        return Err(too_many(&queue.name));
    }
    open.edit_tags(|held| held.extend(tags));
    Ok(open.close().map(|()| Empty {}))
}

pub(super) fn untag_queue(cx: &Context<'_>, r: UntagQueueRequest) -> Result<Pending<Empty>, Error> {
    let queue = cx.queue()?;
    let keys = rules::all_names(r.tag_keys, "TagKeys")?;
    if keys.is_empty() {
        return Err(rules::tag_key_length());
    }
    keys.iter().try_for_each(|key| rules::check_tag_key(key))?;
    let mut open = cx.open(queue)?;
    open.edit_tags(|held| held.retain(|key, _| !keys.contains(key)));
    Ok(open.close().map(|()| Empty {}))
}

pub(super) fn list_queue_tags(cx: &Context<'_>, _: QueueRequest) -> Result<Pending<ListQueueTagsResult>, Error> {
    let open = cx.open(cx.queue()?)?;
    Ok(Pending::nothing(ListQueueTagsResult { tags: open.tags().clone() }))
}
