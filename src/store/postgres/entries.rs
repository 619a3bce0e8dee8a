//! The journal's own format: a batch of effects as bytes.
//!
//! ```text
//! 1 byte     the version: 1
//! entries    one behind the other, as postcard writes them
//! 4 bytes    CRC-32 of all before, little-endian
//! ```
//!
//! A batch is read by whoever takes over from the node that wrote it, which may be of a later version: an entry never
//! changes, and new ones come at the end.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::engine::{
    Arrival, Attributes, Body, Effect, Extra, Message, MessageId, MessageState, MessageStatus, Receipt, StoredMessage,
    Time,
};
use crate::store::Change;

const VERSION: u8 = 1;

/// Bytes of the checksum.
const CHECKSUM: usize = 4;

/// So many bytes are in one row of the journal, which is in one page.
const PART: usize = 8_000;

/// An effect in a queue.
#[derive(Deserialize, Serialize)]
enum Entry<'a> {
    Stored {
        queue: u64,
        slot: u32,
        number: u64,
        status: Status,
        #[serde(borrow)]
        message: Box<Content<'a>>,
    },
    Changed {
        queue: u64,
        slot: u32,
        number: u64,
        status: Status,
    },
    Removed {
        queue: u64,
        slot: u32,
        number: u64,
    },
    Purged {
        queue: u64,
        next_number: u64,
    },
    Remembered {
        queue: u64,
        group: Option<&'a str>,
        deduplication_id: &'a str,
        first_sent_ms: u64,
        id: [u8; 16],
        number: u64,
    },
    Attempted {
        queue: u64,
        attempt_id: &'a str,
        at_ms: u64,
        /// Slot, number and receive of each.
        receipts: Vec<(u32, u64, u32)>,
    },
    Counter {
        queue: u64,
        next_number: u64,
    },
}

#[derive(Deserialize, Serialize)]
struct Status {
    order: u64,
    state: State,
    deadline_ms: Option<u64>,
    receive_count: u32,
    first_received_ms: Option<u64>,
    received_ms: Option<u64>,
}

#[derive(Deserialize, Serialize)]
enum State {
    Visible,
    InFlight,
    Delayed,
}

/// A message, but for what its status says.
#[derive(Deserialize, Serialize)]
struct Content<'a> {
    id: [u8; 16],
    body: &'a str,
    body_md5: [u8; 16],
    group: Option<&'a str>,
    sent_ms: u64,
    retained_ms: Option<u64>,
    #[serde(borrow)]
    extra: Option<Rare<'a>>,
}

#[derive(Deserialize, Serialize)]
struct Rare<'a> {
    attributes: Option<(&'a [u8], [u8; 16])>,
    trace_header: Option<&'a str>,
    sender: Option<&'a str>,
    deduplication_id: Option<&'a str>,
    dead_letter_source: Option<&'a str>,
    received_elsewhere: u32,
}

/// Writes the effects of a batch; of other changes it can have [`Change::Proof`] alone.
pub(super) fn encode(batch: &[Change]) -> Result<Vec<u8>, String> {
    let mut bytes = vec![VERSION];
    for change in batch {
        let Change::Effect { queue, effect } = change else { continue };
        bytes = postcard::to_extend(&Entry::of(*queue, effect), bytes).map_err(|error| error.to_string())?;
    }
    let checksum = crc32fast::hash(&bytes);
    bytes.extend(checksum.to_le_bytes());
    Ok(bytes)
}

/// A batch as the rows of the journal have it; an empty one has a row as well.
pub(super) fn parts(batch: &[u8]) -> Vec<&[u8]> {
    if batch.is_empty() { vec![batch] } else { batch.chunks(PART).collect() }
}

/// The batch for which [`encode`] gave these bytes, or what is wrong with them. Nothing at all is a barrier.
pub(super) fn decode(bytes: &[u8]) -> Result<Vec<Change>, String> {
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let (entries, checksum) = bytes.split_last_chunk::<CHECKSUM>().ok_or("it has no checksum")?;
    if crc32fast::hash(entries) != u32::from_le_bytes(*checksum) {
        return Err("its checksum differs".into());
    }
    let (version, mut left) = entries.split_first().ok_or("it has no version")?;
    if *version != VERSION {
        return Err(format!("it is of version {version}, and this kew knows version {VERSION}"));
    }
    let mut batch = Vec::new();
    while !left.is_empty() {
        let (entry, behind) = postcard::take_from_bytes::<Entry<'_>>(left).map_err(|error| error.to_string())?;
        batch.push(entry.change());
        left = behind;
    }
    Ok(batch)
}

impl<'a> Entry<'a> {
    fn of(queue: u64, effect: &'a Effect) -> Entry<'a> {
        match effect {
            Effect::Stored(stored) => {
                let StoredMessage { slot, number, status, message } = &**stored;
                let message = Box::new(Content::of(message));
                Entry::Stored { queue, slot: *slot, number: *number, status: Status::of(status), message }
            }
            Effect::Changed { slot, number, status } => {
                Entry::Changed { queue, slot: *slot, number: *number, status: Status::of(status) }
            }
            &Effect::Removed { slot, number } => Entry::Removed { queue, slot, number },
            &Effect::Purged { next_number } => Entry::Purged { queue, next_number },
            Effect::Remembered { group, deduplication_id, first_sent, id, number } => Entry::Remembered {
                queue,
                group: group.as_deref(),
                deduplication_id,
                first_sent_ms: first_sent.as_ms(),
                id: id.0,
                number: *number,
            },
            Effect::Attempted { attempt_id, at, receipts } => {
                let receipts = receipts.iter().map(|receipt| (receipt.slot, receipt.number, receipt.receive));
                Entry::Attempted { queue, attempt_id, at_ms: at.as_ms(), receipts: receipts.collect() }
            }
            &Effect::Counter { next_number } => Entry::Counter { queue, next_number },
        }
    }

    fn change(self) -> Change {
        let (queue, effect) = match self {
            Entry::Stored { queue, slot, number, status, message } => {
                let status = status.read();
                let message = message.read(&status);
                (queue, Effect::Stored(Box::new(StoredMessage { slot, number, status, message })))
            }
            Entry::Changed { queue, slot, number, status } => {
                (queue, Effect::Changed { slot, number, status: status.read() })
            }
            Entry::Removed { queue, slot, number } => (queue, Effect::Removed { slot, number }),
            Entry::Purged { queue, next_number } => (queue, Effect::Purged { next_number }),
            Entry::Remembered { queue, group, deduplication_id, first_sent_ms, id, number } => {
                let (group, deduplication_id) = (group.map(Arc::from), Arc::from(deduplication_id));
                let (first_sent, id) = (Time(first_sent_ms), MessageId(id));
                (queue, Effect::Remembered { group, deduplication_id, first_sent, id, number })
            }
            Entry::Attempted { queue, attempt_id, at_ms, receipts } => {
                let receipt = |(slot, number, receive)| Receipt { queue, slot, number, receive };
                let receipts = receipts.into_iter().map(receipt).collect();
                (queue, Effect::Attempted { attempt_id: attempt_id.into(), at: Time(at_ms), receipts })
            }
            Entry::Counter { queue, next_number } => (queue, Effect::Counter { next_number }),
        };
        Change::Effect { queue, effect }
    }
}

impl Status {
    fn of(status: &MessageStatus) -> Status {
        Status {
            order: status.order,
            state: match status.state {
                MessageState::Visible => State::Visible,
                MessageState::InFlight => State::InFlight,
                MessageState::Delayed => State::Delayed,
            },
            deadline_ms: status.deadline.map(Time::as_ms),
            receive_count: status.receive_count,
            first_received_ms: status.first_received.map(Time::as_ms),
            received_ms: status.received_at.map(Time::as_ms),
        }
    }

    fn read(self) -> MessageStatus {
        MessageStatus {
            order: self.order,
            state: match self.state {
                State::Visible => MessageState::Visible,
                State::InFlight => MessageState::InFlight,
                State::Delayed => MessageState::Delayed,
            },
            deadline: self.deadline_ms.map(Time),
            receive_count: self.receive_count,
            first_received: self.first_received_ms.map(Time),
            received_at: self.received_ms.map(Time),
        }
    }
}

impl<'a> Content<'a> {
    fn of(message: &'a Message) -> Content<'a> {
        Content {
            id: message.id.0,
            body: message.body.as_str(),
            body_md5: message.body_md5,
            group: message.group.as_deref(),
            sent_ms: message.sent.as_ms(),
            retained_ms: (message.retained_from != message.sent).then_some(message.retained_from.as_ms()),
            extra: message.extra.as_deref().map(Rare::of),
        }
    }

    fn read(self, status: &MessageStatus) -> Message {
        let sent = Time(self.sent_ms);
        Message {
            id: MessageId(self.id),
            body: Body::from(self.body),
            body_md5: self.body_md5,
            extra: self.extra.map(|extra| Arc::new(extra.read())),
            group: self.group.map(Arc::from),
            sent,
            retained_from: self.retained_ms.map_or(sent, Time),
            first_received: status.first_received,
            receive_count: status.receive_count,
        }
    }
}

impl<'a> Rare<'a> {
    fn of(extra: &'a Extra) -> Rare<'a> {
        Rare {
            attributes: extra.attributes.as_ref().map(|attributes| (&*attributes.encoded, attributes.md5)),
            trace_header: extra.trace_header.as_deref(),
            sender: extra.sender.as_deref(),
            deduplication_id: extra.deduplication_id.as_deref(),
            dead_letter_source: extra.dead_letter_source.as_deref(),
            received_elsewhere: extra.receive_count_on_arrival,
        }
    }

    fn read(self) -> Extra {
        Extra {
            attributes: self.attributes.map(|(encoded, md5)| Attributes { encoded: encoded.into(), md5 }),
            trace_header: self.trace_header.map(Box::from),
            sender: self.sender.map(Box::from),
            deduplication_id: self.deduplication_id.map(Arc::from),
            dead_letter_source: self.dead_letter_source.map(Arc::from),
            retained_from: None,
            receive_count_on_arrival: self.received_elsewhere,
            arrived: Arrival::default(),
        }
    }
}

#[cfg(test)]
mod tests;
