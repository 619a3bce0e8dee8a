//! The messages of a queue as LocalStack's developer endpoint shows them: a ReceiveMessage without side effects.

use super::space::Space;
use crate::api::attributes::MESSAGE_SYSTEM_ATTRIBUTES;
use crate::api::digest::{decode_attributes, hexadecimal};
use crate::api::{Body, Map, ReceiveMessageResult, ReceivedMessage, SystemAttributes};
use crate::broker::Queue;
use crate::engine::{self, MessageState, StoredMessage, sequence_number};
use crate::error::Error;
use std::collections::HashSet;
use std::sync::Arc;

/// The receipt handle of all of them, which no action takes.
const RECEIPT_HANDLE: &str = "SQS/BACKDOOR/ACCESS";
/// Messages that are copied under a queue's lock in one go.
const MESSAGES_PER_TURN: usize = 64;
/// Messages in an answer at most. LocalStack has no limit.
const MESSAGES_MAX: usize = 10_000;
/// Bytes of their bodies, after which no more messages come.
const BODIES_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What is wanted beside visible messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Show {
    /// Messages in flight, and on a FIFO queue all others of their groups.
    pub invisible: bool,
    /// Delayed messages.
    pub delayed: bool,
}

/// The messages of a queue: those in flight first, then visible ones, then delayed ones.
///
/// # Errors
/// `QueueDoesNotExist` if the queue was deleted just now.
pub fn messages_without_side_effects(
    space: &Space,
    queue: &Arc<Queue>,
    show: Show,
) -> Result<ReceiveMessageResult, Error> {
    let mut found = Vec::new();
    // The groups of a FIFO queue that wait for a message in flight.
    let mut locked = HashSet::new();
    let (mut next, mut bytes) = (Some(0), 0);
    while let Some(from) = next.filter(|_| found.len() < MESSAGES_MAX && bytes < BODIES_BYTES_MAX) {
        let page = space.broker().look(queue)?.messages(from, MESSAGES_PER_TURN);
        next = page.next;
        for stored in page.messages {
            if queue.fifo && stored.status.state == MessageState::InFlight {
                locked.extend(stored.message.group.clone());
            }
            let wanted = match stored.status.state {
                MessageState::Visible => true,
                MessageState::InFlight => show.invisible,
                MessageState::Delayed => show.delayed,
            };
            if wanted {
                bytes += stored.message.body.len();
                found.push(stored);
            }
        }
    }
    let is_locked = |stored: &StoredMessage| stored.message.group.as_ref().is_some_and(|group| locked.contains(group));
    found.retain(|stored| show.invisible || stored.status.state != MessageState::Visible || !is_locked(stored));
    let place = |stored: &StoredMessage| match stored.status.state {
        MessageState::InFlight => 0,
        MessageState::Visible if is_locked(stored) => 1,
        MessageState::Visible => 2,
        MessageState::Delayed => 3,
    };
    found.sort_by_key(|stored| (place(stored), stored.number));
    Ok(ReceiveMessageResult { messages: found.into_iter().map(|stored| shown(queue, stored, show)).collect() })
}

fn shown(queue: &Queue, stored: StoredMessage, show: Show) -> ReceivedMessage {
    let value = |name: &&'static str| Some((*name, system_attribute(name, queue, &stored)?));
    let mut attributes: Vec<_> = MESSAGE_SYSTEM_ATTRIBUTES.iter().filter_map(value).collect();
    if show.invisible {
        attributes.push(("IsVisible", (stored.status.state != MessageState::InFlight).to_string()));
    }
    if show.delayed {
        attributes.push(("IsDelayed", (stored.status.state == MessageState::Delayed).to_string()));
    }
    let encoded = stored.message.extra.as_ref().and_then(|extra| extra.attributes.as_ref());
    let mut message_attributes = Map::new();
    for attribute in encoded.into_iter().flat_map(|encoded| decode_attributes(&encoded.encoded)) {
        message_attributes.insert(attribute.name.to_owned(), attribute.to_value());
    }
    ReceivedMessage {
        attributes: SystemAttributes(attributes),
        md5_of_body: hexadecimal(&stored.message.body_md5),
        md5_of_message_attributes: encoded.map(|encoded| hexadecimal(&encoded.md5)),
        message_attributes,
        message_id: stored.message.id.to_string(),
        receipt_handle: RECEIPT_HANDLE.to_owned(),
        body: match stored.message.body {
            engine::Body::Owned(text) => Body::Owned(text),
            engine::Body::Shared(text) => Body::Shared(text),
        },
    }
}

fn system_attribute(name: &str, queue: &Queue, stored: &StoredMessage) -> Option<String> {
    let StoredMessage { status, message, number, .. } = stored;
    let extra = message.extra.as_deref();
    match name {
        "SenderId" => Some(extra.and_then(|extra| extra.sender.as_deref()).unwrap_or(&queue.account).to_owned()),
        // 0 for a message that was never received.
        "ApproximateFirstReceiveTimestamp" => Some(status.first_received.unwrap_or_default().as_ms().to_string()),
        "ApproximateReceiveCount" => Some(status.receive_count.to_string()),
        "SentTimestamp" => Some(message.sent.as_ms().to_string()),
        "SequenceNumber" => queue.fifo.then(|| sequence_number(*number)),
        "MessageDeduplicationId" => extra?.deduplication_id.as_deref().map(str::to_owned),
        "MessageGroupId" => message.group.as_deref().map(str::to_owned),
        "AWSTraceHeader" => extra?.trace_header.as_deref().map(str::to_owned),
        "DeadLetterQueueSourceArn" => extra?.dead_letter_source.as_deref().map(str::to_owned),
        _ => None,
    }
}
