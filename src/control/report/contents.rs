//! What messages contain, as far as a report looks at it: whether two are the same, and which group they are in.

use crate::broker::{Broker, Queue};
use crate::control::history::{GONE_BODY_BYTES_MAX as ATTRIBUTES_BYTES_MAX, History};
use crate::engine::MessageId;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// Messages of a queue that are looked at; more than a history knows of by default.
const LOOKED_AT_MAX: usize = 100_000;

/// Messages that are looked at under the lock of their queue in one go.
const PAGE: usize = 1_000;

/// What a report wants to know of a message.
#[derive(Clone, Debug)]
pub(super) struct Content {
    /// Stands for body and attributes.
    pub(super) digest: u64,
    pub(super) body_md5: [u8; 16],
    pub(super) has_deduplication_id: bool,
    pub(super) group: Option<Arc<str>>,
}

/// The contents of messages that are known, by id.
pub(super) type Contents = HashMap<MessageId, Content>;

/// Equal for equal bodies with equal attributes.
fn digest(body_md5: &[u8; 16], attributes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    (body_md5, attributes).hash(&mut hasher);
    hasher.finish()
}

/// Adds the messages that have left their queues, those that are remembered.
pub(super) fn add_gone(contents: &mut Contents, history: &History) {
    for gone in history.all_gone_messages() {
        let content = Content {
            digest: digest(&gone.body_md5, &gone.attributes),
            body_md5: gone.body_md5,
            has_deduplication_id: gone.deduplication_id.is_some(),
            group: gone.group.map(Arc::from),
        };
        contents.insert(gone.id, content);
    }
}

/// Adds the messages that are in a queue.
pub(super) fn add_present(contents: &mut Contents, broker: &Broker, queue: &Arc<Queue>) {
    let remembered = |attributes: &&[u8]| attributes.len() <= ATTRIBUTES_BYTES_MAX;
    let (mut next, mut left) = (Some(0), LOOKED_AT_MAX);
    while let (Some(from), true) = (next, left > 0) {
        // It may be deleted meanwhile.
        let Ok(look) = broker.look(queue) else { return };
        let page = look.messages(from, PAGE.min(left));
        drop(look);
        for stored in page.messages {
            let message = stored.message;
            let extra = message.extra.as_deref();
            let attributes = extra.and_then(|extra| extra.attributes.as_ref()).map(|attributes| &*attributes.encoded);
            let content = Content {
                // What is not remembered of messages that are gone is not looked at here either.
                digest: digest(&message.body_md5, attributes.filter(remembered).unwrap_or(&[])),
                body_md5: message.body_md5,
                has_deduplication_id: extra.is_some_and(|extra| extra.deduplication_id.is_some()),
                group: message.group,
            };
            contents.insert(message.id, content);
        }
        left = left.saturating_sub(PAGE);
        next = page.next;
    }
}
