//! The tags of a queue.

use super::durability::Done;
use super::{Broker, Caller};
use crate::api::{ListQueueTagsResult, Nothing, QueueRequest, TagQueueRequest, Tags, UntagQueueRequest, limits, rules};
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

impl Broker {
    pub(super) fn tag_queue(&self, caller: &Caller<'_>, r: TagQueueRequest) -> Result<Done<Nothing>, Error> {
        let queue = self.find(caller, r.queue_url.as_deref())?;
        let tags = r.tags.filter(|tags| !tags.is_empty()).ok_or_else(|| Error::missing("Tags"))?;
        let tags = check(&tags, &queue.name)?;
        self.with(&queue, |state, _| {
            // Uncertain: whether the limit counts one call or all tags; a queue has at most 50 by the quotas page.
            let new = tags.keys().filter(|key| !state.tags.contains_key(*key)).count();
            if state.tags.len() + new > limits::TAGS_MAX {
                return Err(too_many(&queue.name));
            }
            state.tags.extend(tags);
            queue.save(state);
            Ok(Nothing {})
        })?
        .transpose()
    }

    pub(super) fn untag_queue(&self, caller: &Caller<'_>, r: UntagQueueRequest) -> Result<Done<Nothing>, Error> {
        let queue = self.find(caller, r.queue_url.as_deref())?;
        let keys = rules::all_names(r.tag_keys, "TagKeys")?;
        if keys.is_empty() {
            return Err(rules::tag_key_length());
        }
        keys.iter().try_for_each(|key| rules::check_tag_key(key))?;
        self.with(&queue, |state, _| {
            for key in &keys {
                state.tags.remove(key);
            }
            queue.save(state);
            Nothing {}
        })
    }

    pub(super) fn list_queue_tags(&self, caller: &Caller<'_>, r: QueueRequest) -> Result<ListQueueTagsResult, Error> {
        let queue = self.find(caller, r.queue_url.as_deref())?;
        Ok(self.with(&queue, |state, _| ListQueueTagsResult { tags: state.tags.clone() })?.unwaited())
    }
}
