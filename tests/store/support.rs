//! What the tests of the store share: making changes, opening and loading.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use kew::internals::engine::{
    Attributes, DeduplicationScope, Effect, Extra, Message, MessageId, MessageState, MessageStatus, Queue, QueueType,
    Receipt, Settings, StoredMessage, Time,
};
use kew::internals::store::{
    Change, Durability, MoveTaskRecord, QueueRecord, SqliteStore, Store, StoreError, StoredItem,
};
use md5::{Digest, Md5};

pub const NOW: Time = Time(1_700_000_000_000);

pub fn record(uid: u64) -> QueueRecord {
    QueueRecord {
        uid,
        account: "000000000000".into(),
        region: "eu-central-1".into(),
        name: format!("orders-{uid}"),
        created: NOW,
        modified: NOW,
        purged: None,
        fifo: false,
        deduplication_scope: DeduplicationScope::Queue,
        attributes: BTreeMap::new(),
        tags: BTreeMap::new(),
    }
}

pub fn queue(uid: u64) -> Change {
    Change::Queue(Box::new(record(uid)))
}

pub fn message(number: u64, body: &str) -> Message {
    let mut id = [0; 16];
    id[8..].copy_from_slice(&number.to_be_bytes());
    Message {
        id: MessageId(id),
        body: body.into(),
        body_md5: Md5::digest(body).into(),
        extra: None,
        group: None,
        sent: NOW,
        retained_from: NOW,
        first_received: None,
        receive_count: 0,
    }
}

pub fn store(uid: u64, number: u64, body: &str) -> Change {
    let slot = u32::try_from(number).unwrap();
    let status = MessageStatus {
        order: number,
        state: MessageState::Visible,
        deadline: None,
        receive_count: 0,
        first_received: None,
        received_at: None,
    };
    let stored = StoredMessage { slot, number, status, message: message(number, body) };
    Change::Effect { queue: uid, effect: Effect::Stored(Box::new(stored)) }
}

pub fn remove(uid: u64, number: u64) -> Change {
    let slot = u32::try_from(number).unwrap();
    Change::Effect { queue: uid, effect: Effect::Removed { slot, number } }
}

pub fn purge(uid: u64, next_number: u64) -> Change {
    Change::Effect { queue: uid, effect: Effect::Purged { next_number } }
}

pub fn effect(queue: u64, effect: Effect) -> Change {
    Change::Effect { queue, effect }
}

pub fn full_message() -> StoredMessage {
    let Change::Effect { effect: Effect::Stored(mut stored), .. } = store(7, 5, "naïve \u{1f600}\n\"body\"") else {
        unreachable!()
    };
    let encoded: &[u8] = b"\0\0\0\x06colour\0\0\0\x06String\x01\0\0\0\x04blau";
    stored.message.extra = Some(Arc::new(Extra {
        attributes: Some(Attributes { encoded: encoded.into(), md5: [9; 16] }),
        trace_header: Some("Root=1".into()),
        sender: Some("AIDA".into()),
        deduplication_id: Some("dedup".into()),
        dead_letter_source: Some("arn:aws:sqs:eu-central-1:000000000000:source".into()),
        retained_from: None,
        receive_count_on_arrival: 2,
        ..Extra::default()
    }));
    stored.message.group = Some("group".into());
    stored.message.retained_from = Time(NOW.0 + 5);
    stored.message.first_received = Some(Time(NOW.0 + 1));
    stored.message.receive_count = 3;
    stored.status = MessageStatus {
        order: 8,
        state: MessageState::InFlight,
        deadline: Some(Time(NOW.0 + 30_000)),
        receive_count: 3,
        first_received: Some(Time(NOW.0 + 1)),
        received_at: Some(Time(NOW.0 + 6)),
    };
    *stored
}

pub fn queue_type(fifo: bool) -> QueueType {
    if fifo { QueueType::Fifo } else { QueueType::Standard }
}

pub fn settings(deduplication_scope: DeduplicationScope) -> Settings {
    Settings {
        deduplication_scope,
        visibility_timeout_seconds: 30,
        retention_seconds: 3600,
        fifo_delay_seconds: 0,
        in_flight_max: 20,
        redrive_max_receive_count: None,
    }
}

/// Everything a store told, the effects replayed.
#[derive(Debug, Default)]
pub struct World {
    pub queues: BTreeMap<u64, (QueueRecord, Queue)>,
    pub tasks: Vec<MoveTaskRecord>,
    pub deleted: Vec<(String, Time)>,
    /// All message numbers with bodies, by uid.
    pub bodies: BTreeMap<u64, BTreeMap<u64, String>>,
    pub next_numbers: BTreeMap<u64, u64>,
    pub effects: Vec<Effect>,
}

pub fn load(store: &mut dyn Store, now: Time) -> Result<World, StoreError> {
    let mut world = World::default();
    let mut counted = true;
    store.load(now, &mut |loaded| match loaded {
        StoredItem::Queue(record) => {
            assert!(counted, "a counter ends each queue");
            counted = false;
            let queue = Queue::new(record.uid, queue_type(record.fifo), settings(record.deduplication_scope));
            world.bodies.insert(record.uid, BTreeMap::new());
            world.queues.insert(record.uid, (record, queue));
        }
        StoredItem::Effect { queue, effect } => {
            match &effect {
                Effect::Stored(stored) => {
                    let bodies = world.bodies.get_mut(&queue).unwrap();
                    assert!(bodies.keys().next_back().is_none_or(|&last| last < stored.number), "ascending");
                    bodies.insert(stored.number, stored.message.body.as_str().to_owned());
                }
                Effect::Counter { next_number } => {
                    counted = true;
                    world.next_numbers.insert(queue, *next_number);
                }
                _ => {}
            }
            world.effects.push(effect.clone());
            world.queues.get_mut(&queue).unwrap().1.replay(effect);
        }
        StoredItem::MoveTask(task) => world.tasks.push(task),
        StoredItem::DeletedName { name, at, .. } => world.deleted.push((name, at)),
    })?;
    Ok(world)
}

pub fn open(dir: &Path) -> SqliteStore {
    SqliteStore::open(dir, Durability::Process).unwrap()
}

/// Opens and loads.
pub fn reopen(dir: &Path) -> (SqliteStore, World) {
    let mut store = open(dir);
    let world = load(&mut store, NOW).unwrap();
    (store, world)
}

/// Upkeep until nothing is due.
pub fn tidy(store: &mut dyn Store, now: Time) {
    while store.upkeep(now).unwrap() {}
}

/// A small generator of random numbers, so that a run can be repeated.
#[derive(Clone)]
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut code = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        code = (code ^ code >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (code ^ code >> 31) % bound
    }
}

/// A queue that has accepted a deduplication id and answered a receive that can be repeated, each second for ten seconds.
pub fn remember_ten(written: &mut dyn Store) {
    written.commit(NOW, vec![queue(7)]).unwrap();
    for number in 1..=10 {
        let at = Time(NOW.0 + number * 1_000);
        let id = MessageId([1; 16]);
        let remembered = Effect::Remembered { group: None, deduplication_id: "d".into(), first_sent: at, id, number };
        let receipts = vec![Receipt { queue: 7, slot: 1, number, receive: 1 }];
        let attempted = Effect::Attempted { attempt_id: format!("a{number}").into(), at, receipts };
        written.commit(at, vec![effect(7, remembered), effect(7, attempted)]).unwrap();
    }
}
