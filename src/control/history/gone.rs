//! What is known of messages that have left a queue: the beginning of the body, and why they left.

use super::kind::Kind;
use crate::engine::{MessageFacts, MessageId, Time};
use std::collections::VecDeque;

/// Messages that are remembered.
pub const GONE_MESSAGES_MAX: usize = 10_000;
/// Bytes of a body that are remembered.
pub const GONE_BODY_BYTES_MAX: usize = 1024;
/// Bytes of the beginnings of bodies, with message groups, deduplication ids and message attributes.
pub const GONE_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Bytes in a chunk of texts.
const CHUNK_BYTES: usize = 64 * 1024;
/// Texts of other kinds that are longer are not remembered.
const TEXT_BYTES_MAX: usize = GONE_BODY_BYTES_MAX;

/// A message that has left a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoneMessage {
    /// Its id.
    pub id: MessageId,
    /// The position of the event with which it left.
    pub position: u64,
    /// When it left.
    pub at: Time,
    /// How it left: deleted, expired, dead-lettered, moved or removed.
    pub how: Kind,
    /// How often it had been received.
    pub receive_count: u32,
    /// The beginning of its body: [`GONE_BODY_BYTES_MAX`] bytes at most.
    pub body: String,
    /// The bytes of the whole body.
    pub body_bytes: usize,
    /// MD5 of the whole body.
    pub body_md5: [u8; 16],
    /// Its message group.
    pub group: Option<String>,
    /// Its deduplication id.
    pub deduplication_id: Option<String>,
    /// Its message attributes, encoded; empty if there were none, or too many to be remembered.
    pub attributes: Vec<u8>,
}

/// Where the texts of a message are: one behind the other in one chunk.
#[derive(Clone, Copy, Debug)]
struct Entry {
    id: MessageId,
    position: u64,
    at: Time,
    chunk: u32,
    begin: u32,
    queue: u32,
    receive_count: u32,
    body_bytes: u32,
    body_md5: [u8; 16],
    body: u16,
    /// None is told from an empty text.
    group: Option<u16>,
    deduplication_id: Option<u16>,
    attributes: u16,
    how: Kind,
}

/// Messages that have left their queues, the one that left last at the end.
#[derive(Default)]
pub(super) struct Gone {
    entries: VecDeque<Entry>,
    /// The first of them has the number `first_chunk`.
    chunks: VecDeque<Vec<u8>>,
    first_chunk: u32,
}

/// The longest beginning of a text that has at most so many bytes.
fn beginning(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

impl Gone {
    /// Remembers a message; the oldest ones are forgotten if need be.
    pub(super) fn add(&mut self, queue: u32, position: u64, at: Time, how: Kind, facts: &MessageFacts<'_>) {
        let short = |text: &&str| text.len() <= TEXT_BYTES_MAX;
        let body = beginning(facts.body.as_str(), GONE_BODY_BYTES_MAX);
        let group = facts.group.as_deref().filter(short);
        let deduplication_id = facts.extra.and_then(|extra| extra.deduplication_id.as_deref()).filter(short);
        let attributes = facts.extra.and_then(|extra| extra.attributes.as_ref()).map(|attributes| &*attributes.encoded);
        let attributes = attributes.filter(|encoded| encoded.len() <= TEXT_BYTES_MAX).unwrap_or_default();
        let texts = [body.as_bytes(), text(group), text(deduplication_id), attributes];
        let (chunk, begin) = self.keep(&texts);
        if self.entries.capacity() == 0 {
            // Never to be copied to a larger place under the lock. The system gives pages as they are written.
            self.entries.reserve_exact(GONE_MESSAGES_MAX + 1);
        }
        let length = |text: &[u8]| text.len() as u16;
        self.entries.push_back(Entry {
            id: facts.id,
            position,
            at,
            chunk,
            begin,
            queue,
            receive_count: facts.receive_count,
            body_bytes: u32::try_from(facts.body.len()).unwrap_or(u32::MAX),
            body_md5: facts.body_md5,
            body: length(texts[0]),
            group: group.map(|_| length(texts[1])),
            deduplication_id: deduplication_id.map(|_| length(texts[2])),
            attributes: length(texts[3]),
            how,
        });
        if self.entries.len() > GONE_MESSAGES_MAX {
            self.forget_oldest();
        }
    }

    /// Copies texts to the end of the last chunk, or of a new one.
    fn keep(&mut self, texts: &[&[u8]]) -> (u32, u32) {
        let bytes: usize = texts.iter().map(|text| text.len()).sum();
        if self.chunks.back().is_none_or(|chunk| chunk.capacity() - chunk.len() < bytes) {
            while self.chunks.len() >= GONE_BYTES_MAX / CHUNK_BYTES {
                self.forget_oldest();
            }
            self.chunks.push_back(Vec::with_capacity(CHUNK_BYTES));
        }
        let number = self.first_chunk.wrapping_add(self.chunks.len() as u32 - 1);
        let Some(chunk) = self.chunks.back_mut() else { return (number, 0) };
        let begin = chunk.len();
        // Most messages have a body and nothing else.
        texts.iter().filter(|text| !text.is_empty()).for_each(|text| chunk.extend_from_slice(text));
        (number, begin as u32)
    }

    fn forget_oldest(&mut self) {
        let Some(oldest) = self.entries.pop_front() else {
            self.chunks.clear();
            return;
        };
        let chunk = self.entries.front().map_or(oldest.chunk.wrapping_add(1), |entry| entry.chunk);
        while self.first_chunk != chunk && !self.chunks.is_empty() {
            self.chunks.pop_front();
            self.first_chunk = self.first_chunk.wrapping_add(1);
        }
    }

    fn read(&self, entry: &Entry) -> GoneMessage {
        let chunk = self.chunks.get(entry.chunk.wrapping_sub(self.first_chunk) as usize);
        let mut rest = chunk.and_then(|chunk| chunk.get(entry.begin as usize..)).unwrap_or_default();
        let mut next = |bytes: u16| {
            let (text, behind) = rest.split_at_checked(bytes.into()).unwrap_or_default();
            rest = behind;
            text
        };
        let string = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        GoneMessage {
            id: entry.id,
            position: entry.position,
            at: entry.at,
            how: entry.how,
            receive_count: entry.receive_count,
            body: string(next(entry.body)),
            body_bytes: entry.body_bytes as usize,
            body_md5: entry.body_md5,
            group: entry.group.map(|bytes| string(next(bytes))),
            deduplication_id: entry.deduplication_id.map(|bytes| string(next(bytes))),
            attributes: next(entry.attributes).to_vec(),
        }
    }

    /// The message that left with the event at this position.
    pub(super) fn at(&self, position: u64) -> Option<GoneMessage> {
        let at = self.entries.binary_search_by_key(&position, |entry| entry.position).ok()?;
        self.entries.get(at).map(|entry| self.read(entry))
    }

    /// Up to `limit` messages that left a queue behind a position, in order; and the position up to which was looked.
    pub(super) fn page(&self, queue: u32, after: u64, limit: usize) -> (Vec<GoneMessage>, Option<u64>) {
        let first = self.entries.partition_point(|entry| entry.position <= after);
        let page = self.entries.range(first..).take(limit);
        let last = page.clone().next_back().map(|entry| entry.position);
        (page.filter(|entry| entry.queue == queue).map(|entry| self.read(entry)).collect(), last)
    }

    /// Up to `limit` messages that left any queue behind a position, in order.
    pub(super) fn all(&self, after: u64, limit: usize) -> Vec<GoneMessage> {
        let first = self.entries.partition_point(|entry| entry.position <= after);
        self.entries.range(first..).take(limit).map(|entry| self.read(entry)).collect()
    }

    /// Bytes that the texts take.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.chunks.iter().map(Vec::capacity).sum()
    }
}

fn text(text: Option<&str>) -> &[u8] {
    text.unwrap_or_default().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Body;

    fn add(gone: &mut Gone, number: u64, body: &str, group: Option<&str>) {
        let facts = MessageFacts {
            id: MessageId(u128::from(number).to_be_bytes()),
            renewed_from: None,
            slot: 0,
            number,
            state: None,
            deadline: None,
            receive_count: 1,
            receive: 1,
            sent: Time(0),
            body: &Body::from(body),
            body_md5: [0; 16],
            extra: None,
            group: group.map(Into::into),
        };
        gone.add(7, number, Time(number), Kind::Deleted, &facts);
    }

    #[test]
    fn the_beginning_of_a_body_is_kept_whole_characters_only() {
        let mut gone = Gone::default();
        add(&mut gone, 1, &"é".repeat(1000), Some("g"));
        add(&mut gone, 2, "short", None);
        let long = gone.at(1).unwrap();
        assert_eq!((long.body.as_str(), long.body_bytes), ("é".repeat(512).as_str(), 2000));
        assert_eq!(long.group.as_deref(), Some("g"));
        let short = gone.at(2).unwrap();
        assert_eq!((short.body.as_str(), short.body_bytes, short.group), ("short", 5, None));
        add(&mut gone, 3, &format!("x{}", "é".repeat(1000)), None);
        assert_eq!(gone.at(3).unwrap().body.len(), 1023, "no half of a character");
    }

    #[test]
    fn messages_and_bytes_are_bounded_and_the_oldest_go_first() {
        let mut gone = Gone::default();
        (1..=25_000).for_each(|number| add(&mut gone, number, &"x".repeat(2000), None));
        assert!(gone.bytes() <= GONE_BYTES_MAX);
        let held = (GONE_BYTES_MAX / CHUNK_BYTES) as u64 * (CHUNK_BYTES / GONE_BODY_BYTES_MAX) as u64;
        assert!(gone.at(25_000 - held + 64).is_some() && gone.at(25_000 - held).is_none());
        assert_eq!(gone.at(25_000).unwrap().body.len(), GONE_BODY_BYTES_MAX);
        (25_001..=60_000).for_each(|number| add(&mut gone, number, "x", None));
        assert!(gone.at(50_001).is_some() && gone.at(50_000).is_none());
        assert!(gone.bytes() <= 3 * CHUNK_BYTES, "{} bytes for so little", gone.bytes());
    }

    #[test]
    fn pages_go_on_where_the_one_before_ended() {
        let mut gone = Gone::default();
        (1..=10).for_each(|number| add(&mut gone, number, "x", None));
        let (page, last) = gone.page(7, 0, 4);
        assert_eq!((page.len(), last), (4, Some(4)));
        assert_eq!(gone.page(7, 8, 4).0.iter().map(|m| m.position).collect::<Vec<_>>(), [9, 10]);
        assert_eq!(gone.page(8, 0, 4), (Vec::new(), Some(4)), "nothing of that queue on this page");
        assert_eq!(gone.page(7, 10, 4), (Vec::new(), None));
    }
}
