//! Row ids, and what is known of each queue between commits: its range of row ids, its counter, and which deduplication
//! ids expire when.
//!
//! The messages of all queues share one tree. A queue's uid and a message number are too long to make one row id of
//! both, so each queue has a range of row ids with a small number (the SQL column `shelf`), which is free for another
//! queue after the range has been cleared.

use std::collections::{BTreeSet, HashMap};
use std::ops::RangeInclusive;

use rusqlite::Connection;

use super::columns;
use super::layout::{NUMBER_BITS, NUMBER_MAX, RANGES_MAX};
use crate::engine::Time;
use crate::store::QUEUES_MAX;
use crate::store::expiry::{ExpiryMark, ExpiryMarks};

// A range for every queue that a broker takes.
const _: () = assert!(QUEUES_MAX as i64 <= RANGES_MAX);

/// One queue's range of row ids in the tables.
#[derive(Debug)]
pub(super) struct RowRange {
    pub number: i64,
    /// The next message number, from everything seen so far.
    pub next_number: u64,
    /// The same as the table `counters` has it. The rows of messages tell it as well, so it is only written when a row
    /// is removed that might be the last to tell.
    pub counter: u64,
    /// When the newest mark was made.
    marked: Option<Time>,
}

/// The ranges of all queues by uid, and those that are free.
#[derive(Debug, Default)]
pub(super) struct RowRanges {
    queues: HashMap<u64, RowRange>,
    free: BTreeSet<i64>,
    /// All ranges from here on are free.
    unused: i64,
    /// The highest one.
    max: i64,
    marks: ExpiryMarks,
}

impl RowRange {
    /// The row id of a message, or nothing if the number is beyond all that can be.
    pub(super) fn id(&self, number: u64) -> Option<i64> {
        let number = i64::try_from(number).ok().filter(|_| number <= NUMBER_MAX)?;
        Some(self.number << NUMBER_BITS | number)
    }

    /// All row ids of the range.
    pub(super) fn ids(&self) -> RangeInclusive<i64> {
        ids_in_range(self.number)
    }
}

/// All row ids of a range.
pub(super) fn ids_in_range(range: i64) -> RangeInclusive<i64> {
    let first = range << NUMBER_BITS;
    first..=first | NUMBER_MAX.cast_signed()
}

/// The range of a row id.
pub(super) fn range_of(id: i64) -> i64 {
    id >> NUMBER_BITS
}

/// The message number of a row.
pub(super) fn number_of(id: i64) -> u64 {
    id.cast_unsigned() & NUMBER_MAX
}

impl RowRanges {
    /// Reads which queues there are and which ranges are to be cleared.
    pub(super) fn read(connection: &Connection, ranges_max: Option<i64>) -> rusqlite::Result<RowRanges> {
        let mut ranges = RowRanges { max: ranges_max.unwrap_or(RANGES_MAX), ..RowRanges::default() };
        let mut queues = connection
            .prepare("SELECT uid, q.shelf, coalesce(next_number, 0) FROM queues q LEFT JOIN counters USING (shelf)")?;
        let queues = queues.query_map([], |row| Ok((row.get(0)?, columns::range(row, 1)?, columns::whole(row, 2)?)))?;
        let queues = queues.collect::<rusqlite::Result<Vec<(i64, i64, u64)>>>()?;
        let mut discarded = connection.prepare("SELECT first_id FROM discarded")?;
        let discarded = discarded.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<i64>>>()?;
        let queues = queues.into_iter().map(|(uid, range, counter)| (uid.cast_unsigned(), range, counter));
        ranges.set(queues, discarded);
        Ok(ranges)
    }

    /// Sets the queues, by uid, range and counter, and the first ids of the rows that are to be cleared.
    pub(super) fn set(&mut self, queues: impl IntoIterator<Item = (u64, i64, u64)>, discarded: Vec<i64>) {
        let mut taken: BTreeSet<i64> = discarded.into_iter().map(range_of).collect();
        self.queues.clear();
        for (uid, number, counter) in queues {
            taken.insert(number);
            self.queues.insert(uid, RowRange { number, next_number: counter, counter, marked: None });
        }
        self.free.clear();
        self.unused = 1;
        for number in taken {
            self.free.extend(self.unused..number);
            self.unused = number + 1;
        }
    }

    /// The range of a queue.
    pub(super) fn of(&mut self, queue: u64) -> Option<&mut RowRange> {
        self.queues.get_mut(&queue)
    }

    /// Gives a new queue a range, unless none is left.
    pub(super) fn add(&mut self, queue: u64) -> Option<i64> {
        let number = match self.free.pop_first() {
            Some(number) => number,
            None if self.unused > self.max => return None,
            None => {
                self.unused += 1;
                self.unused - 1
            }
        };
        self.queues.insert(queue, RowRange { number, next_number: 0, counter: 0, marked: None });
        Some(number)
    }

    /// Removes a queue; its range still has to be cleared.
    pub(super) fn remove(&mut self, queue: u64) -> Option<RowRange> {
        self.queues.remove(&queue)
    }

    /// A range without a queue has been cleared.
    pub(super) fn cleared(&mut self, range: i64) {
        self.free.insert(range);
    }

    /// Notes an accepted deduplication id, so that it can be deleted when it has expired; `last` says that no other of
    /// this queue is to follow.
    pub(super) fn note(&mut self, queue: u64, at: Time, number: u64, last: bool) {
        let Some(range) = self.queues.get_mut(&queue) else { return };
        self.marks.note(&mut range.marked, ExpiryMark { at, queue, number }, last);
    }

    /// The next row ids of deduplication ids that have expired.
    pub(super) fn expired(&mut self, now: Time) -> Option<RangeInclusive<i64>> {
        while let Some(mark) = self.marks.expired(now) {
            if let Some(range) = self.queues.get(&mark.queue)
                && let Some(last) = range.id(mark.number)
            {
                return Some(*range.ids().start()..=last);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges() -> RowRanges {
        RowRanges { unused: 1, max: RANGES_MAX, ..RowRanges::default() }
    }

    #[test]
    fn a_range_is_used_again_once_it_is_cleared() {
        let mut ranges = ranges();
        assert_eq!([ranges.add(70), ranges.add(71)], [Some(1), Some(2)]);
        ranges.remove(70);
        assert_eq!(ranges.add(72), Some(3), "range 1 is not cleared yet");
        ranges.cleared(1);
        assert_eq!([ranges.add(73), ranges.add(74)], [Some(1), Some(4)]);
        ranges.unused = RANGES_MAX;
        assert_eq!([ranges.add(75), ranges.add(76)], [Some(RANGES_MAX), None]);
    }

    #[test]
    fn a_row_id_tells_range_and_number() {
        let mut ranges = ranges();
        ranges.unused = RANGES_MAX;
        ranges.add(7);
        let range = ranges.of(7).unwrap();
        let id = range.id(NUMBER_MAX).unwrap();
        assert_eq!((range_of(id), number_of(id)), (RANGES_MAX, NUMBER_MAX));
        assert_eq!(range.ids(), range.id(0).unwrap()..=id);
        assert_eq!(range.id(NUMBER_MAX + 1), None);
        assert_eq!(range.id(u64::MAX), None);
    }

    #[test]
    fn deduplication_ids_are_forgotten_when_their_time_is_over_and_not_before() {
        let mut ranges = ranges();
        ranges.add(7);
        for (at, number) in [(0, 1), (999, 2), (1_000, 3)] {
            ranges.note(7, Time(at), number, false);
        }
        let first = 1 << NUMBER_BITS;
        assert_eq!(ranges.expired(Time(299_999)), None);
        assert_eq!(ranges.expired(Time(300_000)), Some(first..=first | 1));
        assert_eq!(ranges.expired(Time(300_999)), None);
        assert_eq!(ranges.expired(Time(301_000)), Some(first..=first | 3));
        ranges.note(7, Time(400_000), 4, false);
        ranges.remove(7);
        ranges.cleared(1);
        ranges.add(8);
        assert_eq!(ranges.expired(Time(900_000)), None, "the range is another queue's now");
    }
}
