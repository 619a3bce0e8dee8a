//! The records of events in the order of their positions, in chunks that are allocated as they are needed.

use super::lives::Lives;
use super::record::Record;
use std::collections::VecDeque;

/// Records in a chunk: 32 KiB.
const CHUNK_RECORDS: usize = 512;

/// Chunks that are cleared of dropped records, if there are many, each time one has been filled.
const SWEPT_CHUNKS: usize = 4;

/// The records. Those of a life that was dropped stay for a while, and are passed over.
#[derive(Default)]
pub(super) struct Log {
    /// None is empty but maybe the last.
    chunks: VecDeque<Vec<Record>>,
    /// Records in all chunks.
    records: usize,
    /// The chunk that is swept next, of all in turn.
    next_swept: usize,
}

impl Log {
    /// Adds a record behind all others. What was dropped is cleared away in portions, `live` being how many records are not.
    #[inline]
    pub(super) fn push(&mut self, record: &Record, live: usize, lives: &Lives, dropped: impl FnMut(&Record)) {
        match self.chunks.back_mut() {
            Some(chunk) if chunk.len() < chunk.capacity() => chunk.push(*record),
            _ => self.push_chunk(record, live, lives, dropped),
        }
        self.records += 1;
    }

    #[cold]
    fn push_chunk(&mut self, record: &Record, live: usize, lives: &Lives, mut dropped: impl FnMut(&Record)) {
        let is_enough = |log: &Log| log.records <= live + CHUNK_RECORDS;
        // Most lives end in the order in which they began: then all of the oldest chunk was dropped.
        let oldest = self.chunks.front().map(Vec::as_slice).unwrap_or_default();
        let ends = [oldest.first(), oldest.last()];
        if !is_enough(self) && ends.into_iter().flatten().all(|record| !lives.has(record)) {
            self.sweep(0, lives, &mut dropped);
        }
        for _ in 0..SWEPT_CHUNKS {
            if is_enough(self) {
                break;
            }
            if self.next_swept >= self.chunks.len() {
                self.next_swept = 0;
            }
            self.next_swept += 1;
            self.sweep(self.next_swept - 1, lives, &mut dropped);
        }
        let mut chunk = Vec::with_capacity(CHUNK_RECORDS);
        chunk.push(*record);
        self.chunks.push_back(chunk);
    }

    /// Clears one chunk of what was dropped; what is left of it goes to the chunk before it, if there is room.
    fn sweep(&mut self, at: usize, lives: &Lives, dropped: &mut impl FnMut(&Record)) {
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
            self.next_swept -= usize::from(at < self.next_swept);
        } else if left < before {
            self.chunks[at].shrink_to_fit();
        }
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
