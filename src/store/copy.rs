//! Copies a store into another one, whatever kinds they are: what is loaded from the one is committed to the other.

use super::{Change, QueueRecord, Store, StoreError, StoredItem};
use crate::engine::{DeduplicationScope, Effect, Time};
use std::collections::BTreeMap;

/// Changes are committed in portions of so many bytes.
const PORTION_BYTES: usize = 4 << 20;

/// How much was copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// Queues.
    pub queues: u64,
    /// Messages in them.
    pub messages: u64,
}

/// Copies everything that counts at this time. Both stores are just open, and nobody else uses them. Tells from time to time how
/// far it has come.
///
/// # Errors
///
/// [`StoreError::Occupied`] if there is anything in the target, and what reading and writing gives. After one of writing a part
/// is in the target.
pub fn copy(
    from: &mut dyn Store,
    to: &mut dyn Store,
    now: Time,
    tell: &mut dyn FnMut(Copied),
) -> Result<Copied, StoreError> {
    let mut occupied = false;
    to.load(now, &mut |_| occupied = true)?;
    if occupied {
        return Err(StoreError::Occupied { path: "the target".into() });
    }
    let mut copied = Copied::default();
    let mut portion = Portion::new(to, now);
    from.load(now, &mut |item| {
        copied.queues += u64::from(matches!(item, StoredItem::Queue(_)));
        copied.messages += u64::from(item.is_message());
        if portion.add_item(item) {
            tell(copied);
        }
    })?;
    portion.finish()?;
    Ok(copied)
}

/// What is committed next of what was loaded elsewhere.
pub(super) struct Portion<'a> {
    store: &'a mut dyn Store,
    now: Time,
    changes: Vec<Change>,
    bytes: usize,
    /// The number of the last message of the queue.
    last: u64,
    /// Deleted names so far.
    names: u64,
    failed: Option<StoreError>,
}

impl Portion<'_> {
    pub(super) fn new(store: &mut dyn Store, now: Time) -> Portion<'_> {
        Portion { store, now, changes: Vec::new(), bytes: 0, last: 0, names: 0, failed: None }
    }

    /// Adds a thing in the order in which it was loaded. Returns whether a portion was committed.
    pub(super) fn add_item(&mut self, item: StoredItem) -> bool {
        match item {
            StoredItem::Queue(record) => {
                self.last = 0;
                self.add_change(Change::Queue(Box::new(record)))
            }
            StoredItem::Effect { queue, effect: Effect::Counter { next_number } } => {
                // What remembers the number of messages that are gone is their removal.
                let number = next_number.saturating_sub(1);
                number > self.last
                    && self.add_change(Change::Effect { queue, effect: Effect::Removed { slot: 0, number } })
            }
            StoredItem::Effect { queue, effect } => {
                if let Effect::Stored(stored) = &effect {
                    self.last = stored.number;
                }
                self.add_change(Change::Effect { queue, effect })
            }
            StoredItem::MoveTask(task) => self.add_change(Change::MoveTask(Box::new(task))),
            StoredItem::DeletedName { account, region, name, at } => {
                // Its number is forgotten with it; that of another queue it is not, as those are random.
                let uid = u64::MAX - self.names;
                self.names += 1;
                let record = QueueRecord {
                    uid,
                    account,
                    region,
                    fifo: name.ends_with(".fifo"),
                    name,
                    created: at,
                    modified: at,
                    purged: None,
                    deduplication_scope: DeduplicationScope::Queue,
                    attributes: BTreeMap::new(),
                    tags: BTreeMap::new(),
                };
                // Both in one portion, so that no queue is ever there.
                self.changes.push(Change::Queue(Box::new(record)));
                self.add_change(Change::QueueDeleted { uid, at })
            }
        }
    }

    fn add_change(&mut self, change: Change) -> bool {
        self.bytes += change.weight();
        self.changes.push(change);
        let is_full = self.bytes >= PORTION_BYTES;
        if is_full {
            self.commit();
        }
        is_full
    }

    fn commit(&mut self) {
        self.bytes = 0;
        let changes = std::mem::take(&mut self.changes);
        if self.failed.is_none()
            && !changes.is_empty()
            && let Err(error) =
                self.store.commit(self.now, changes).and_then(|()| self.store.upkeep(self.now).map(drop))
        {
            self.failed = Some(error);
        }
    }

    /// Commits what is left.
    pub(super) fn finish(mut self) -> Result<(), StoreError> {
        self.commit();
        self.failed.map_or(Ok(()), Err)
    }
}
