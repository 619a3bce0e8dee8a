//! The messages that a request is about, as far as rules want to know them.

use crate::actions::Scene;
use crate::api::digest::{self, encode_attributes};
use crate::api::{MessageAttributes, ReceivedMessage, Request, SendMessageBatchEntry};
use crate::broker::{Broker, Queue};
use crate::control::matcher::{MatchedContent, Matcher};
use crate::engine::{Attributes, Delivery, Message, MessageId, NewMessage, Receipt};
use std::sync::Arc;

/// A message that a request sends, receives, deletes or changes.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    /// Its id; not known while it is being sent.
    pub(super) id: Option<MessageId>,
    /// Its slot and number, and the receive whose handle is used.
    pub(super) receipt: Option<Receipt>,
    body: String,
    attributes: Vec<u8>,
    group: Option<String>,
    dedup_id: Option<String>,
    /// What tells messages apart whatever their ids: the deduplication id, or else the digests of body and attributes.
    pub(super) content: Vec<u8>,
}

impl Subject {
    fn new(
        (id, receipt): (Option<MessageId>, Option<Receipt>),
        (body, body_md5): (&str, digest::Md5Digest),
        attributes: Option<&Attributes>,
        group: Option<&str>,
        dedup_id: Option<&str>,
    ) -> Subject {
        let content = match dedup_id {
            Some(id) => id.as_bytes().to_vec(),
            None => [body_md5, attributes.map(|attributes| attributes.md5).unwrap_or_default()].concat(),
        };
        Subject {
            id,
            receipt,
            body: body.to_owned(),
            attributes: attributes.map(|attributes| attributes.encoded.to_vec()).unwrap_or_default(),
            group: group.map(str::to_owned),
            dedup_id: dedup_id.map(str::to_owned),
            content,
        }
    }

    /// A message on its way in.
    pub(super) fn of_new(new: &NewMessage) -> Subject {
        let body = (new.body.as_str(), new.body_md5);
        let group = new.group.as_deref();
        Subject::new((None, None), body, new.attributes.as_ref(), group, new.deduplication_id.as_deref())
    }

    /// A message as it was asked to be sent.
    fn of_request(
        body: Option<&str>,
        attributes: Option<&MessageAttributes>,
        group: Option<&str>,
        dedup_id: Option<&str>,
    ) -> Subject {
        let body = body.unwrap_or_default();
        let attributes = attributes.filter(|attributes| !attributes.is_empty()).map(|attributes| {
            let encoded = encode_attributes(attributes);
            Attributes { md5: digest::md5(&encoded), encoded: encoded.into() }
        });
        Subject::new((None, None), (body, digest::md5(body.as_bytes())), attributes.as_ref(), group, dedup_id)
    }

    /// A message that is received.
    pub(super) fn of_delivery(delivery: &Delivery) -> Subject {
        let extra = delivery.extra.as_deref();
        Subject::new(
            (Some(delivery.id), Some(delivery.receipt)),
            (delivery.body.as_str(), delivery.body_md5),
            extra.and_then(|extra| extra.attributes.as_ref()),
            delivery.group.as_deref(),
            extra.and_then(|extra| extra.deduplication_id.as_deref()),
        )
    }

    /// A message in a queue whose receipt handle is used.
    pub(super) fn of_message(message: &Message, receipt: Receipt) -> Subject {
        let extra = message.extra.as_deref();
        Subject::new(
            (Some(message.id), Some(receipt)),
            (message.body.as_str(), message.body_md5),
            extra.and_then(|extra| extra.attributes.as_ref()),
            message.group.as_deref(),
            extra.and_then(|extra| extra.deduplication_id.as_deref()),
        )
    }

    /// Whether it is meant.
    pub(super) fn is(&self, matcher: &Matcher) -> bool {
        if matcher.id.is_some() && self.id.is_none() {
            return false;
        }
        matcher.matches(&MatchedContent {
            id: self.id.unwrap_or(MessageId([0; 16])),
            body: &self.body,
            body_is_cut: false,
            attributes: &self.attributes,
            group: self.group.as_deref(),
            dedup_id: self.dedup_id.as_deref(),
        })
    }
}

/// The messages of a request that is not a receive.
pub(super) fn of_request(broker: &Broker, queue: Option<&Arc<Queue>>, request: &Request) -> Vec<Subject> {
    let used = |handle: Option<&str>| {
        let queue = queue?;
        let receipt = handle.and_then(Receipt::decode).filter(|receipt| receipt.queue == queue.uid)?;
        Some(Subject::of_message(&message_of(broker, queue, receipt)?, receipt))
    };
    match request {
        Request::SendMessage(r) => vec![Subject::of_request(
            r.message_body.as_deref(),
            r.message_attributes.as_ref(),
            r.message_group_id.as_deref(),
            r.message_deduplication_id.as_deref(),
        )],
        Request::SendMessageBatch(r) => {
            let entries = r.entries.iter().flat_map(|entries| entries.iter());
            let subject = |e: &SendMessageBatchEntry| {
                let (group, dedup_id) = (e.message_group_id.as_deref(), e.message_deduplication_id.as_deref());
                Subject::of_request(e.message_body.as_deref(), e.message_attributes.as_ref(), group, dedup_id)
            };
            entries.map(subject).collect()
        }
        Request::DeleteMessage(r) => used(r.receipt_handle.as_deref()).into_iter().collect(),
        Request::ChangeMessageVisibility(r) => used(r.receipt_handle.as_deref()).into_iter().collect(),
        Request::DeleteMessageBatch(r) => {
            let entries = r.entries.iter().flat_map(|entries| entries.iter());
            entries.filter_map(|entry| used(entry.receipt_handle.as_deref())).collect()
        }
        Request::ChangeMessageVisibilityBatch(r) => {
            let entries = r.entries.iter().flat_map(|entries| entries.iter());
            entries.filter_map(|entry| used(entry.receipt_handle.as_deref())).collect()
        }
        _ => Vec::new(),
    }
}

/// The messages that a receive shows.
pub(super) fn of_received(broker: &Broker, queue: &Arc<Queue>, messages: &[ReceivedMessage]) -> Vec<Subject> {
    let subject = |message: &ReceivedMessage| {
        let receipt = Receipt::decode(&message.receipt_handle)?;
        Some(Subject::of_message(&message_of(broker, queue, receipt)?, receipt))
    };
    messages.iter().filter_map(subject).collect()
}

/// The messages whose receipt handles are used; absent where they are gone.
pub(super) fn of_receipts(scene: &Scene<'_>, receipts: &[Option<Receipt>]) -> Vec<Option<(Subject, Message)>> {
    let found = |receipt: &Option<Receipt>| {
        let message = message_of(scene.broker, scene.queue, (*receipt)?)?;
        Some((Subject::of_message(&message, (*receipt)?), message))
    };
    receipts.iter().map(found).collect()
}

fn message_of(broker: &Broker, queue: &Arc<Queue>, receipt: Receipt) -> Option<Message> {
    broker.look(queue).ok()?.message_of(receipt)
}
