//! The lives of messages: which events belong together, in the order in which they are dropped when there are too many.

use super::kind::Kind;
use super::record::Record;
use crate::engine::MessageId;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

/// Stands for no life.
pub(super) const NONE: u32 = u32::MAX;

/// The list of lives that go on, the oldest first.
const OPEN: u32 = 0;
/// The list of those of them that were looked at since a queue was last emptied, also the oldest first, and older than the others.
const CHECKED: u32 = 1;
/// The list of lives that have ended, in the order of their ends.
const FINISHED: u32 = 2;
/// The list of lives that ended with all others of their queue, the oldest first.
const EMPTIED: u32 = 3;
const LISTS: u32 = 4;

/// Lives in a chunk of memory.
const CHUNK_LIVES: usize = 256;

/// Tables that the ids are spread over, so that no growth takes long.
const TABLES: usize = 16;

/// The life of one message, through all its queues; or one event that is about no message, which has ended with it.
#[derive(Debug)]
pub(super) struct Life {
    /// The id it has now; all zeros if it is about no message.
    pub(super) id: MessageId,
    /// The position of its first event that is known; `u64::MAX` while the slot is free.
    pub(super) first: u64,
    /// The position of its last event.
    pub(super) last: u64,
    /// Its number in its queue, as receipt handles name it.
    pub(super) number: u64,
    /// Its slot there.
    pub(super) slot: u32,
    before: u32,
    after: u32,
    /// How many events it has.
    pub(super) events: u32,
    /// The index of the queue that it is in, or was in last.
    pub(super) queue: u32,
    pub(super) receive_count: u32,
    /// How it left its last queue, if it did.
    pub(super) left: Option<Kind>,
    /// Whether earlier events of it were dropped.
    pub(super) is_cut: bool,
    /// Ids that it had before, each with the position at which it got the next one.
    #[allow(clippy::box_collection, reason = "few lives have any, and each has room for it")]
    pub(super) earlier_ids: Option<Box<Vec<(u64, MessageId)>>>,
}

/// The id of what is about no message.
const NO_ID: MessageId = MessageId([0; 16]);

const FREE: Life = Life {
    id: NO_ID,
    first: u64::MAX,
    last: 0,
    number: 0,
    slot: 0,
    before: NONE,
    after: NONE,
    events: 0,
    queue: NONE,
    receive_count: 0,
    left: None,
    is_cut: false,
    earlier_ids: None,
};

impl Life {
    /// Whether it was the life of the message with this id.
    #[cold]
    fn had_id(&self, id: MessageId) -> bool {
        self.earlier_ids.iter().flat_map(|ids| ids.iter()).any(|(_, earlier)| *earlier == id)
    }

    /// The id that it had at a position; none if it is about no message.
    pub(super) fn id_at(&self, position: u64) -> Option<MessageId> {
        let earlier = self.earlier_ids.iter().flat_map(|ids| ids.iter()).find(|(until, _)| position < *until);
        Some(earlier.map_or(self.id, |(_, id)| *id)).filter(|id| *id != NO_ID)
    }
}

/// Message ids are random and made by the server: they are hashes already.
#[inline]
fn hash(id: MessageId) -> u64 {
    let id = u128::from_le_bytes(id.0);
    (id >> 64) as u64 ^ id as u64
}

/// Which table an id is in. Byte 1 is random in every version of a UUID, and no part of what the tables look at first.
#[inline]
fn table_of(id: MessageId) -> usize {
    usize::from(id.0[1]) % TABLES
}

/// Hashes of ids, and the lives that they are of.
type Table = HashTable<(u64, u32)>;

/// All lives.
pub(super) struct Lives {
    chunks: Vec<Box<[Life; CHUNK_LIVES]>>,
    /// Slots from here on were never used.
    unused: u32,
    free: Vec<u32>,
    tables: Vec<Table>,
    /// Events of all lives.
    events: usize,
    /// Whether lives may have ended with all others of their queue, unnoticed.
    unnoticed_ends: bool,
}

impl Lives {
    pub(super) fn new() -> Lives {
        let mut lives = Lives {
            chunks: Vec::new(),
            unused: 0,
            free: Vec::new(),
            tables: (0..TABLES).map(|_| Table::new()).collect(),
            events: 0,
            unnoticed_ends: false,
        };
        for list in 0..LISTS {
            lives.allocate();
            let sentinel = lives.get_mut(list);
            (sentinel.before, sentinel.after) = (list, list);
        }
        lives
    }

    /// Events of all lives.
    #[inline]
    pub(super) fn events(&self) -> usize {
        self.events
    }

    #[inline]
    pub(super) fn get(&self, life: u32) -> &Life {
        &self.chunks[life as usize / CHUNK_LIVES][life as usize % CHUNK_LIVES]
    }

    #[inline]
    pub(super) fn get_mut(&mut self, life: u32) -> &mut Life {
        &mut self.chunks[life as usize / CHUNK_LIVES][life as usize % CHUNK_LIVES]
    }

    /// Whether a record belongs to a life that was not dropped.
    #[inline]
    pub(super) fn has(&self, record: &Record) -> bool {
        // A slot that was used again has a life that began later.
        self.get(record.life).first <= record.position
    }

    /// The life of the message with this id.
    #[inline]
    pub(super) fn find(&self, id: MessageId) -> Option<u32> {
        let hash = hash(id);
        let found = self.tables[table_of(id)].find(hash, |(other, _)| *other == hash)?.1;
        let life = self.get(found);
        (life.id == id || life.had_id(id)).then_some(found)
    }

    /// From now on an id is of this life. With a seed an id may come again after a reset: the older life is then known no more.
    #[inline]
    fn enter(&mut self, id: MessageId, life: u32) {
        let hash = hash(id);
        match self.tables[table_of(id)].entry(hash, |(other, _)| *other == hash, |(hash, _)| *hash) {
            Entry::Occupied(mut entry) => *entry.get_mut() = (hash, life),
            Entry::Vacant(place) => {
                place.insert((hash, life));
            }
        }
    }

    /// An id is of this life no more.
    #[inline]
    fn leave(&mut self, id: MessageId, life: u32) {
        let hash = hash(id);
        if let Ok(entry) = self.tables[table_of(id)].find_entry(hash, |entry| *entry == (hash, life)) {
            entry.remove();
        }
    }

    #[inline]
    fn allocate(&mut self) -> u32 {
        if let Some(life) = self.free.pop() {
            return life;
        }
        let life = self.unused;
        if life as usize == self.chunks.len() * CHUNK_LIVES {
            // Never as a whole on the stack.
            let chunk: Box<[Life]> = std::iter::repeat_with(|| FREE).take(CHUNK_LIVES).collect();
            self.chunks.extend(chunk.try_into());
        }
        self.unused += 1;
        life
    }

    /// A life that begins at a position.
    #[inline]
    pub(super) fn begin(&mut self, id: MessageId, position: u64, queue: u32) -> u32 {
        let life = self.allocate();
        *self.get_mut(life) = Life { id, first: position, last: position, queue, ..FREE };
        self.append(OPEN, life);
        self.enter(id, life);
        life
    }

    /// A life of one event that is about no message.
    pub(super) fn begin_single(&mut self, position: u64, queue: u32) -> u32 {
        let life = self.allocate();
        *self.get_mut(life) = Life { first: position, last: position, queue, ..FREE };
        self.append(FINISHED, life);
        life
    }

    /// Counts an event of a life, and answers the life.
    #[inline]
    pub(super) fn count(&mut self, life: u32, position: u64) -> &mut Life {
        self.events += 1;
        let life = self.get_mut(life);
        life.last = position;
        life.events += 1;
        life
    }

    /// Gives a message a new id from a position on.
    pub(super) fn rename(&mut self, life: u32, id: MessageId, position: u64) {
        let known = self.get_mut(life);
        let before = std::mem::replace(&mut known.id, id);
        known.earlier_ids.get_or_insert_default().push((position, before));
        self.enter(id, life);
    }

    /// Puts a life among those that have ended.
    #[inline]
    pub(super) fn finish(&mut self, life: u32) {
        self.unlink(life);
        self.append(FINISHED, life);
    }

    /// Puts a life that had ended among those that go on.
    pub(super) fn reopen(&mut self, life: u32) {
        self.unlink(life);
        self.append(OPEN, life);
    }

    /// Everything in some queue ended at once: whose lives they are is found out when room is wanted.
    pub(super) fn many_ended(&mut self) {
        self.unnoticed_ends = true;
        // The checked ones are the older ones: they go before the open ones.
        let (first, last) = (self.get(CHECKED).after, self.get(CHECKED).before);
        if first != CHECKED {
            let next = self.get(OPEN).after;
            self.link(last, next);
            self.link(OPEN, first);
            self.link(CHECKED, CHECKED);
        }
    }

    /// Looks at one life that may have ended with all others of its queue; whether there may be more.
    fn check_one(&mut self, has_ended: impl Fn(&Life) -> bool) -> bool {
        let life = self.get(OPEN).after;
        if life == OPEN {
            self.unnoticed_ends = false;
            return false;
        }
        let ended = has_ended(self.get(life));
        self.unlink(life);
        self.append(if ended { EMPTIED } else { CHECKED }, life);
        true
    }

    /// Drops the life that ended first, or else the oldest; answers its last position.
    pub(super) fn drop_one(&mut self, has_ended: impl Fn(&Life) -> bool) -> Option<u64> {
        // More than come in, so that all have been looked at before long.
        const LOOKS_PER_DROP: usize = 8;
        for _ in 0..LOOKS_PER_DROP {
            if !self.unnoticed_ends || !self.check_one(&has_ended) {
                break;
            }
        }
        let ended = match (self.first_of(FINISHED), self.first_of(EMPTIED)) {
            (Some(one), Some(other)) if self.get(other).last < self.get(one).last => Some(other),
            (one, other) => one.or(other),
        };
        let life = ended.or_else(|| self.first_of(CHECKED)).or_else(|| self.first_of(OPEN))?;
        self.unlink(life);
        let dropped = self.get_mut(life);
        dropped.first = FREE.first;
        let Life { id, last, events, .. } = *dropped;
        let earlier_ids = dropped.earlier_ids.take();
        self.events -= events as usize;
        if id != NO_ID {
            self.leave(id, life);
        }
        for (_, id) in earlier_ids.into_iter().flat_map(|ids| *ids) {
            self.leave(id, life);
        }
        self.free.push(life);
        Some(last)
    }

    #[inline]
    fn first_of(&self, list: u32) -> Option<u32> {
        Some(self.get(list).after).filter(|life| *life >= LISTS)
    }

    /// The lives that ended last and those that began last, up to so many of each.
    pub(super) fn newest(&self, limit: usize) -> impl Iterator<Item = (u32, &Life)> {
        [FINISHED, OPEN, CHECKED, EMPTIED].into_iter().flat_map(move |list| {
            let before = |life: &u32| Some(self.get(*life).before);
            let lives = std::iter::successors(before(&list), before).take_while(|life| *life >= LISTS);
            lives.take(limit).map(|life| (life, self.get(life)))
        })
    }

    #[inline]
    fn link(&mut self, before: u32, after: u32) {
        self.get_mut(before).after = after;
        self.get_mut(after).before = before;
    }

    #[inline]
    fn unlink(&mut self, life: u32) {
        let Life { before, after, .. } = *self.get(life);
        self.link(before, after);
    }

    #[inline]
    fn append(&mut self, list: u32, life: u32) {
        let last = self.get(list).before;
        self.link(last, life);
        self.link(life, list);
    }
}
