//! The records of events in the order of their positions, in chunks that are allocated as they are needed.

use super::kind::Kind;
use super::lives::Lives;
use crate::engine::{MessageState, Time};
use std::collections::VecDeque;

/// Records in a chunk: 32 KiB.
const CHUNK_RECORDS: usize = 512;

/// Chunks that are cleared of dropped records each time one has been filled.
const SWEPT_CHUNKS: usize = 4;

/// Stands for no deadline.
const NO_DEADLINE: u32 = u32::MAX;

/// One event as it is kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    pub(super) position: u64,
    pub(super) at: Time,
    pub(super) real: Time,
    pub(super) request: [u64; 2],
    /// The life that it belongs to.
    pub(super) life: u32,
    /// The index of its queue.
    pub(super) queue: u32,
    pub(super) client: u32,
    pub(super) receive_count: u32,
    /// Milliseconds from `at` on; the longest, of a visibility timeout, is 12 hours.
    pub(super) deadline_ms: u32,
    /// The receive that it is about, at most 65,535.
    pub(super) receive: u16,
    pub(super) kind: Kind,
    /// The state of the message after it.
    pub(super) state: Option<MessageState>,
}

const _: () = assert!(size_of::<Record>() == 64);

impl Record {
    /// A record that is not about a message.
    pub(super) fn new(kind: Kind, at: Time) -> Record {
        Record {
            position: 0,
            at,
            real: at,
            request: [0; 2],
            life: 0,
            queue: u32::MAX,
            client: 0,
            receive_count: 0,
            deadline_ms: NO_DEADLINE,
            receive: 0,
            kind,
            state: None,
        }
    }

    #[must_use]
    pub(super) fn with_deadline(mut self, deadline: Option<Time>) -> Record {
        if let Some(deadline) = deadline {
            let ms = deadline.ms_since(self.at);
            self.deadline_ms = u32::try_from(ms).unwrap_or(NO_DEADLINE).min(NO_DEADLINE - 1);
        }
        self
    }

    pub(super) fn deadline(&self) -> Option<Time> {
        (self.deadline_ms != NO_DEADLINE).then(|| self.at.plus_ms(self.deadline_ms.into()))
    }

    #[must_use]
    pub(super) fn with_request(mut self, request: u128) -> Record {
        self.request = [(request >> 64) as u64, request as u64];
        self
    }

    pub(super) fn request(&self) -> u128 {
        u128::from(self.request[0]) << 64 | u128::from(self.request[1])
    }
}

/// The records. Those of a life that was dropped stay for a while, and are passed over.
#[derive(Default)]
pub(super) struct Log {
    /// None is empty but maybe the last.
    chunks: VecDeque<Vec<Record>>,
    /// Records in all chunks.
    records: usize,
    /// The chunk that is swept next.
    next_swept: usize,
}

impl Log {
    /// Adds a record behind all others. What was dropped is cleared away in portions, `live` being how many records are not.
    pub(super) fn push(&mut self, record: Record, live: usize, lives: &Lives, dropped: impl FnMut(&Record)) {
        match self.chunks.back_mut() {
            Some(chunk) if chunk.len() < chunk.capacity() => chunk.push(record),
            _ => self.push_chunk(record, live, lives, dropped),
        }
        self.records += 1;
    }

    #[cold]
    fn push_chunk(&mut self, record: Record, live: usize, lives: &Lives, mut dropped: impl FnMut(&Record)) {
        if self.records > live + CHUNK_RECORDS {
            for _ in 0..SWEPT_CHUNKS {
                self.sweep(lives, &mut dropped);
            }
        }
        let mut chunk = Vec::with_capacity(CHUNK_RECORDS);
        chunk.push(record);
        self.chunks.push_back(chunk);
    }

    /// Clears one chunk of what was dropped; what is left of it goes to the chunk before it, if there is room.
    fn sweep(&mut self, lives: &Lives, dropped: &mut impl FnMut(&Record)) {
        if self.next_swept >= self.chunks.len() {
            self.next_swept = 0;
        }
        let at = self.next_swept;
        let Some(chunk) = self.chunks.get_mut(at) else { return };
        let before = chunk.len();
        chunk.retain(|record| {
            let keep = lives.has(record);
            if !keep {
                dropped(record);
            }
            keep
        });
        let left = chunk.len();
        self.records -= before - left;
        let has_room = at > 0 && self.chunks[at - 1].len() + left <= CHUNK_RECORDS;
        if left == 0 || has_room {
            let rest = self.chunks.remove(at).unwrap_or_default();
            if let Some(chunk) = at.checked_sub(1).and_then(|before| self.chunks.get_mut(before)) {
                chunk.extend(rest);
            }
            return;
        }
        if left < before {
            self.chunks[at].shrink_to_fit();
        }
        self.next_swept += 1;
    }

    /// The records behind a position, in order.
    pub(super) fn after(&self, position: u64) -> impl Iterator<Item = &Record> {
        let chunk = self.chunks.partition_point(|chunk| chunk.last().is_some_and(|last| last.position <= position));
        let first = self.chunks.get(chunk).map_or(0, |chunk| chunk.partition_point(|r| r.position <= position));
        let (head, rest) = (self.chunks.get(chunk), chunk + 1);
        let head = head.into_iter().flat_map(move |chunk| &chunk[first..]);
        head.chain(self.chunks.range(rest.min(self.chunks.len())..).flatten())
    }

    /// The records before a position, the last first.
    pub(super) fn before(&self, position: u64) -> impl Iterator<Item = &Record> {
        let chunks = self.chunks.iter().rev();
        let chunks = chunks.skip_while(move |chunk| chunk.first().is_some_and(|first| first.position >= position));
        chunks.flat_map(|chunk| chunk.iter().rev()).skip_while(move |record| record.position >= position)
    }

    /// Bytes that the records take.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.capacity() * size_of::<Record>()).sum()
    }
}
