//! For any operations, batches and restarts: the queues that come back behave as those in memory.
//!
//! Live queues run beside mirrors. At random moments what the live ones did is committed; at others the store is
//! closed, opened and loaded into new mirrors. Every operation is done to both and must have the same outcome.
//!
//! Three things may differ after a restart and are kept out of the way. Messages that become available in the same
//! millisecond: every step takes place in a millisecond of its own and takes one message out of a FIFO queue, so that
//! no two timeouts end together. Noisy tenants: too few messages are in flight for that. Slots of new messages: each
//! side gets its own receipts.

use std::collections::BTreeMap;

use kew::internals::engine::{
    Counts, DeduplicationScope, Deleted, Effect, MessageId, NewMessage, Queue, Receipt, ReceiveOptions, Received, Sent,
    Time,
};
use kew::internals::store::{Change, QueueRecord, Store};
use md5::{Digest, Md5};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::strategy::ValueTree as _;

use crate::place::Place;
use crate::support::*;

/// Two standard queues, and a FIFO queue for each deduplication scope.
const QUEUES: [(bool, DeduplicationScope); 4] = [
    (false, DeduplicationScope::Queue),
    (false, DeduplicationScope::Queue),
    (true, DeduplicationScope::Queue),
    (true, DeduplicationScope::MessageGroup),
];

#[derive(Clone, Debug)]
enum Step {
    Send { group: u8, deduplication: u8, delay: u32, long: bool },
    Receive { max: usize, timeout: u32, attempt: Option<u8>, dead: bool },
    Delete(Index),
    Hide(Index, u32),
    GiveBack(Index),
    PutBackDead,
    TakeOldest,
    Purge,
    Recreate,
    Jump(u32),
    Commit,
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let timeout = prop_oneof![Just(0_u32), 1..40_u32, Just(400)];
    prop_oneof![
        8 => (0..4_u8, 0..6_u8, prop_oneof![4 => Just(0), 1 => 1..30_u32], prop::bool::weighted(0.1))
            .prop_map(|(group, deduplication, delay, long)| Step::Send { group, deduplication, delay, long }),
        8 => (1..4_usize, timeout.clone(), prop::option::of(0..3_u8), any::<bool>())
            .prop_map(|(max, timeout, attempt, dead)| Step::Receive { max, timeout, attempt, dead }),
        4 => any::<Index>().prop_map(Step::Delete),
        3 => (any::<Index>(), timeout).prop_map(|(which, timeout)| Step::Hide(which, timeout)),
        1 => any::<Index>().prop_map(Step::GiveBack),
        2 => Just(Step::PutBackDead),
        1 => Just(Step::TakeOldest),
        1 => prop::bool::weighted(0.3).prop_map(|purge| if purge { Step::Purge } else { Step::Recreate }),
        3 => prop_oneof![0..60_u32, Just(310)].prop_map(Step::Jump),
        4 => Just(Step::Commit),
        2 => Just(Step::Reopen),
    ]
}

/// A live queue, its mirror, and what has been handed out of both.
struct Pair {
    live: Queue,
    mirror: Queue,
    handles: Vec<(Receipt, Receipt)>,
    /// So many of them were handed out before the last restart: nobody undoes those receives.
    of_before: usize,
    dead: Vec<kew::internals::engine::Message>,
}

struct Run<'a> {
    place: &'a Place,
    /// Always there, but for the moment between closing and opening.
    store: Option<Box<dyn Store>>,
    pairs: Vec<Pair>,
    pending: Vec<Change>,
    now: Time,
    made: u64,
}

impl Run<'_> {
    fn new(place: &Place) -> Run<'_> {
        let store = Some(place.open());
        let mut run = Run { place, store, pairs: Vec::new(), pending: Vec::new(), now: NOW, made: 0 };
        for index in 0..QUEUES.len() {
            let pair = run.create(index);
            run.pairs.push(pair);
        }
        run
    }

    fn create(&mut self, index: usize) -> Pair {
        self.made += 1;
        let (fifo, deduplication_scope) = QUEUES[index];
        let uid = self.made << 60 | self.made;
        let record = QueueRecord { fifo, deduplication_scope, ..record(uid) };
        self.pending.push(Change::Queue(Box::new(record)));
        let new = || Queue::new(uid, queue_type(fifo), settings(deduplication_scope));
        Pair { live: new(), mirror: new(), handles: Vec::new(), of_before: 0, dead: Vec::new() }
    }

    fn step(&mut self, index: usize, step: Step) {
        self.now = self.now.plus_ms(1);
        let now = self.now;
        match step {
            Step::Jump(seconds) => self.now = now.plus_seconds(u64::from(seconds)),
            Step::Commit => self.commit(),
            Step::Reopen => self.reopen(),
            Step::Recreate => {
                let uid = self.pairs[index].live.uid();
                self.pending.push(Change::QueueDeleted { uid, at: now });
                self.pairs[index] = self.create(index);
            }
            step => {
                self.made += 1;
                let mut effects = Vec::new();
                self.pairs[index].step(now, self.made, step, &mut effects);
                let uid = self.pairs[index].live.uid();
                self.pending.extend(effects.into_iter().map(|effect| Change::Effect { queue: uid, effect }));
            }
        }
        for pair in &self.pairs {
            pair.compare();
        }
    }

    fn commit(&mut self) {
        let store = self.store.as_mut().unwrap();
        store.commit(self.now, std::mem::take(&mut self.pending)).unwrap();
        store.upkeep(self.now).unwrap();
    }

    fn reopen(&mut self) {
        // What is due by now happens on both sides before one of them forgets the past.
        let now = self.now;
        for pair in &mut self.pairs {
            let mut effects = Vec::new();
            while pair.live.tick(now, &mut effects) {}
            let uid = pair.live.uid();
            self.pending.extend(effects.into_iter().map(|effect| Change::Effect { queue: uid, effect }));
        }
        self.commit();
        if let Some(store) = self.store.take() {
            self.place.end(store);
        }
        let store = self.store.insert(self.place.open());
        let mut world = load(&mut **store, self.now).unwrap();
        assert_eq!(world.queues.len(), self.pairs.len());
        for pair in &mut self.pairs {
            pair.mirror = world.queues.remove(&pair.live.uid()).unwrap().1;
            let next_number = pair.mirror.next_number();
            assert!(self.place.may_be_next(pair.live.next_number(), next_number));
            pair.live.replay(Effect::Counter { next_number });
            for (live, mirror) in &mut pair.handles {
                *mirror = *live;
            }
            pair.of_before = pair.handles.len();
        }
    }
}

impl Pair {
    fn compare(&self) {
        let counts = |queue: &Queue| Counts { noisy_groups: 0, ..queue.counts() };
        assert_eq!(counts(&self.live), counts(&self.mirror));
        assert_eq!(self.live.next_number(), self.mirror.next_number());
        assert_eq!(self.live.next_deadline(), self.mirror.next_deadline());
    }

    fn handle(&self, which: Index) -> Option<(Receipt, Receipt)> {
        (!self.handles.is_empty()).then(|| *which.get(&self.handles))
    }

    fn step(&mut self, now: Time, serial: u64, step: Step, effects: &mut Vec<Effect>) {
        let (live, mirror) = (&mut self.live, &mut self.mirror);
        match step {
            Step::Send { group, deduplication, delay, long } => {
                let fifo = live.queue_type() == kew::internals::engine::QueueType::Fifo;
                let new = || new_message(serial, fifo, group, deduplication, delay, long);
                let sent: Sent = live.send(now, new(), effects);
                assert_eq!(sent, mirror.send(now, new(), &mut ()));
            }
            Step::Receive { max, timeout, attempt, dead } => {
                let fifo = live.queue_type() == kew::internals::engine::QueueType::Fifo;
                let attempt = attempt.map(|number| format!("attempt-{number}"));
                let options = ReceiveOptions {
                    max: if fifo { 1 } else { max },
                    visibility_timeout_seconds: Some(timeout),
                    attempt_id: attempt.map(Into::into),
                };
                let dead_letter_after = dead.then_some(2);
                let one = live.receive(now, &options, dead_letter_after, effects);
                let other = mirror.receive(now, &options, dead_letter_after, &mut ());
                self.received(one, other);
            }
            Step::Delete(which) => {
                if let Some((one, other)) = self.handle(which) {
                    let deleted: Deleted = self.live.delete(now, one, effects);
                    assert_eq!(deleted, self.mirror.delete(now, other, &mut ()));
                }
            }
            Step::Hide(which, timeout) => {
                if let Some((one, other)) = self.handle(which) {
                    let changed = self.live.change_visibility(now, one, timeout, effects);
                    assert_eq!(changed, self.mirror.change_visibility(now, other, timeout, &mut ()));
                }
            }
            Step::GiveBack(which) => {
                let of_now = &self.handles[self.of_before..];
                if let Some((one, other)) = (!of_now.is_empty()).then(|| *which.get(of_now)) {
                    self.live.give_back(now, &[one], effects);
                    self.mirror.give_back(now, &[other], &mut ());
                }
            }
            Step::PutBackDead => {
                let Some(mut message) = self.dead.pop() else { return };
                message.retained_from = now;
                message.extra_mut().dead_letter_source = Some("arn:aws:sqs:eu-central-1:1:source".into());
                message.extra_mut().receive_count_on_arrival = message.receive_count;
                let number = live.insert(now, message.clone(), effects);
                assert_eq!(number, mirror.insert(now, message, &mut ()));
            }
            Step::TakeOldest => {
                let taken = live.take_oldest_visible(now, effects);
                assert_eq!(taken, mirror.take_oldest_visible(now, &mut ()));
            }
            Step::Purge => {
                drop(live.purge(now, effects));
                drop(mirror.purge(now, &mut ()));
            }
            Step::Recreate | Step::Jump(_) | Step::Commit | Step::Reopen => unreachable!("done above"),
        }
        // Time may have done more to one side than to the other; bring both up to now.
        while self.live.tick(now, effects) {}
        while self.mirror.tick(now, &mut ()) {}
    }

    fn received(&mut self, one: Received, mut other: Received) {
        assert_eq!(one.deliveries.len(), other.deliveries.len());
        for (delivery, twin) in one.deliveries.iter().zip(&mut other.deliveries) {
            self.handles.push((delivery.receipt, twin.receipt));
            // New messages may sit in other slots.
            twin.receipt.slot = delivery.receipt.slot;
        }
        assert_eq!(one, other);
        self.dead.extend(one.dead);
    }
}

fn new_message(serial: u64, fifo: bool, group: u8, deduplication: u8, delay: u32, long: bool) -> NewMessage {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&serial.to_be_bytes());
    let body = format!("message {serial} ").repeat(if long { 500 } else { 1 });
    let text = |text: String| text.into_boxed_str();
    NewMessage {
        id: MessageId(id),
        body_md5: Md5::digest(&body).into(),
        body: body.into(),
        attributes: (group == 1)
            .then(|| kew::internals::engine::Attributes { encoded: [1, 2, 3].into(), md5: [4; 16] }),
        trace_header: (deduplication == 1).then(|| text(format!("Root={serial}"))),
        sender: (deduplication == 2).then(|| text("AIDA".into())),
        group: (fifo || group > 1).then(|| text(format!("group-{group}"))),
        deduplication_id: fifo.then(|| {
            // Some ids come again, most do not.
            let id = if deduplication < 2 { u64::from(deduplication) } else { serial + 9 };
            format!("deduplication-{id}").into()
        }),
        delay_seconds: if fifo { 0 } else { delay },
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn queues_come_back_as_they_were(steps in prop::collection::vec((0..4_usize, step()), 1..120)) {
        let Some(place) = Place::new() else { return Ok(()) };
        let mut run = Run::new(&place);
        run.commit();
        for (index, step) in steps {
            run.step(index, step);
        }
        run.reopen();
        for pair in &run.pairs {
            pair.compare();
        }
        let uids: BTreeMap<u64, ()> = run.pairs.iter().map(|pair| (pair.live.uid(), ())).collect();
        prop_assert_eq!(uids.len(), QUEUES.len());
    }
}

/// The engine tells by a mark on the wait whether a message was touched since an attempt; the store has no such mark.
#[test]
fn an_attempt_whose_message_was_hidden_for_longer_is_not_repeated_after_a_restart() {
    for touched in [false, true] {
        let Some(place) = Place::new() else { return };
        let mut run = Run::new(&place);
        let receive = Step::Receive { max: 1, timeout: 20, attempt: Some(1), dead: false };
        let mut steps = vec![Step::Send { group: 0, deduplication: 5, delay: 0, long: false }, receive.clone()];
        if touched {
            steps.push(Step::Hide(any_index(), 40));
        }
        steps.extend([Step::Commit, Step::Reopen, receive]);
        for step in steps {
            run.step(2, step);
        }
        let repeated = run.pairs[2].handles.len() - 1;
        assert_eq!(repeated, usize::from(!touched));
    }
}

/// For lists of one.
fn any_index() -> Index {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    any::<Index>().new_tree(&mut runner).unwrap().current()
}
