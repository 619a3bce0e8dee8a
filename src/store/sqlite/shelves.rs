//! What is known of each queue between commits: its shelf, its counter, and which deduplication ids grow old.
//!
//! The messages of all queues share one tree. A queue's uid and a message number are too long to make one row id of
//! both, so each queue stands on a shelf, a small number that is free for another queue after it has been cleared.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::ops::RangeInclusive;

use rusqlite::Connection;

use super::columns;
use super::schema::{NUMBER_BITS, NUMBER_MAX, SHELF_MAX};
use crate::engine::{DEDUPLICATION_WINDOW_MS, Time};
use crate::store::QUEUES_MAX;

/// Deduplication ids of a queue are forgotten together if they were sent within this many milliseconds.
const MARK_MS: u64 = 1_000;

// A shelf for every queue that a broker takes.
const _: () = assert!(QUEUES_MAX as i64 <= SHELF_MAX);

/// One queue's place in the tables.
#[derive(Debug)]
pub(super) struct Shelf {
    pub number: i64,
    /// The next message number, from everything seen so far.
    pub next_number: u64,
    /// The same as the table `counters` has it. The rows of messages tell it as well, so it is only written when one
    /// that might be the last to tell is removed.
    pub counter: u64,
    /// When the newest mark was made.
    marked: Option<Time>,
}

/// All deduplication ids of a queue up to a number were accepted at this time or before.
#[derive(Debug)]
struct Mark {
    at: Time,
    queue: u64,
    number: u64,
}

/// All queues by uid, and the shelves that are free.
#[derive(Debug, Default)]
pub(super) struct Shelves {
    queues: HashMap<u64, Shelf>,
    free: BTreeSet<i64>,
    /// All shelves from here on are free.
    unused: i64,
    /// There are none beyond this one.
    max: i64,
    marks: VecDeque<Mark>,
}

impl Shelf {
    /// The row id of a message, or nothing if the number is beyond all that can be.
    pub(super) fn id(&self, number: u64) -> Option<i64> {
        let number = i64::try_from(number).ok().filter(|_| number <= NUMBER_MAX)?;
        Some(self.number << NUMBER_BITS | number)
    }

    /// The row ids of everything on the shelf.
    pub(super) fn ids(&self) -> RangeInclusive<i64> {
        ids_of(self.number)
    }
}

/// The row ids of everything on a shelf.
pub(super) fn ids_of(shelf: i64) -> RangeInclusive<i64> {
    let first = shelf << NUMBER_BITS;
    first..=first | NUMBER_MAX.cast_signed()
}

/// The shelf of a row, and whether a range of rows ends with the shelf.
pub(super) fn shelf_of(id: i64) -> i64 {
    id >> NUMBER_BITS
}

/// The message number of a row.
pub(super) fn number_of(id: i64) -> u64 {
    id.cast_unsigned() & NUMBER_MAX
}

impl Shelves {
    /// Reads which queues there are and which shelves wait to be cleared.
    pub(super) fn read(connection: &Connection, shelves_max: Option<i64>) -> rusqlite::Result<Shelves> {
        let mut shelves = Shelves { max: shelves_max.unwrap_or(SHELF_MAX), ..Shelves::default() };
        let mut queues = connection
            .prepare("SELECT uid, q.shelf, coalesce(next_number, 0) FROM queues q LEFT JOIN counters USING (shelf)")?;
        let queues = queues.query_map([], |row| Ok((row.get(0)?, columns::shelf(row, 1)?, columns::whole(row, 2)?)))?;
        let queues = queues.collect::<rusqlite::Result<Vec<(i64, i64, u64)>>>()?;
        let mut discarded = connection.prepare("SELECT first_id FROM discarded")?;
        let discarded = discarded.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<i64>>>()?;
        let queues = queues.into_iter().map(|(uid, shelf, counter)| (uid.cast_unsigned(), shelf, counter));
        shelves.set(queues, discarded);
        Ok(shelves)
    }

    /// Sets the queues, by uid, shelf and counter, and the first ids of what waits to be cleared.
    pub(super) fn set(&mut self, queues: impl IntoIterator<Item = (u64, i64, u64)>, discarded: Vec<i64>) {
        let mut taken: BTreeSet<i64> = discarded.into_iter().map(shelf_of).collect();
        self.queues.clear();
        for (uid, number, counter) in queues {
            taken.insert(number);
            self.queues.insert(uid, Shelf { number, next_number: counter, counter, marked: None });
        }
        self.free.clear();
        self.unused = 1;
        for number in taken {
            self.free.extend(self.unused..number);
            self.unused = number + 1;
        }
    }

    /// The shelf of a queue.
    pub(super) fn of(&mut self, queue: u64) -> Option<&mut Shelf> {
        self.queues.get_mut(&queue)
    }

    /// Gives a new queue a shelf, unless none is left.
    pub(super) fn add(&mut self, queue: u64) -> Option<i64> {
        let number = match self.free.pop_first() {
            Some(number) => number,
            None if self.unused > self.max => return None,
            None => {
                self.unused += 1;
                self.unused - 1
            }
        };
        self.queues.insert(queue, Shelf { number, next_number: 0, counter: 0, marked: None });
        Some(number)
    }

    /// Forgets a queue; its shelf still has to be cleared.
    pub(super) fn remove(&mut self, queue: u64) -> Option<Shelf> {
        self.queues.remove(&queue)
    }

    /// A shelf without a queue has been cleared.
    pub(super) fn cleared(&mut self, shelf: i64) {
        self.free.insert(shelf);
    }

    /// Takes note of an accepted deduplication id, so that it can be forgotten when its time is over. Ids that follow
    /// a marked one within [`MARK_MS`] wait for the next mark; `last` says that there will be none.
    pub(super) fn remember(&mut self, queue: u64, at: Time, number: u64, last: bool) {
        let Some(shelf) = self.queues.get_mut(&queue) else { return };
        if last || shelf.marked.is_none_or(|marked| at.ms_since(marked) >= MARK_MS) {
            shelf.marked = Some(at);
            self.marks.push_back(Mark { at, queue, number });
        }
    }

    /// The next ids of deduplication rows whose time is over.
    pub(super) fn faded(&mut self, now: Time) -> Option<RangeInclusive<i64>> {
        loop {
            self.marks.front().filter(|mark| now.ms_since(mark.at) >= DEDUPLICATION_WINDOW_MS)?;
            let mark = self.marks.pop_front()?;
            if let Some(shelf) = self.queues.get(&mark.queue)
                && let Some(last) = shelf.id(mark.number)
            {
                return Some(*shelf.ids().start()..=last);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shelves() -> Shelves {
        Shelves { unused: 1, max: SHELF_MAX, ..Shelves::default() }
    }

    #[test]
    fn a_shelf_is_used_again_once_it_is_cleared() {
        let mut shelves = shelves();
        assert_eq!([shelves.add(70), shelves.add(71)], [Some(1), Some(2)]);
        shelves.remove(70);
        assert_eq!(shelves.add(72), Some(3), "shelf 1 is not cleared yet");
        shelves.cleared(1);
        assert_eq!([shelves.add(73), shelves.add(74)], [Some(1), Some(4)]);
        shelves.unused = SHELF_MAX;
        assert_eq!([shelves.add(75), shelves.add(76)], [Some(SHELF_MAX), None]);
    }

    #[test]
    fn a_row_id_tells_shelf_and_number() {
        let mut shelves = shelves();
        shelves.unused = SHELF_MAX;
        shelves.add(7);
        let shelf = shelves.of(7).unwrap();
        let id = shelf.id(NUMBER_MAX).unwrap();
        assert_eq!((shelf_of(id), number_of(id)), (SHELF_MAX, NUMBER_MAX));
        assert_eq!(shelf.ids(), shelf.id(0).unwrap()..=id);
        assert_eq!(shelf.id(NUMBER_MAX + 1), None);
        assert_eq!(shelf.id(u64::MAX), None);
    }

    #[test]
    fn deduplication_ids_are_forgotten_when_their_time_is_over_and_not_before() {
        let mut shelves = shelves();
        shelves.add(7);
        for (at, number) in [(0, 1), (999, 2), (1_000, 3)] {
            shelves.remember(7, Time(at), number, false);
        }
        let first = 1 << NUMBER_BITS;
        assert_eq!(shelves.faded(Time(299_999)), None);
        assert_eq!(shelves.faded(Time(300_000)), Some(first..=first | 1));
        assert_eq!(shelves.faded(Time(300_999)), None);
        assert_eq!(shelves.faded(Time(301_000)), Some(first..=first | 3));
        shelves.remember(7, Time(400_000), 4, false);
        shelves.remove(7);
        shelves.cleared(1);
        shelves.add(8);
        assert_eq!(shelves.faded(Time(900_000)), None, "the shelf is another queue's now");
    }
}
