//! What the broker does under its locks: in bounded portions, whatever falls due at once; and what readers are told.

use super::open::CATCH_UP_BYTES_MAX;
use super::*;
use crate::api::Map;
use crate::api::fields::CoercedString;
use crate::clock::Clock;
use crate::config::NamespaceMode;
use crate::engine::tests::{self, message};
use crate::engine::{Cause, DEAD_LETTERS_PER_CALL_MAX, Fact, NewMessage, ReceiveOptions, TICK_EVENTS_MAX, Time};
use crate::store::{Change, Committer, Store, StoreError, StoredItem};
use std::pin::pin;
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::sync::oneshot;

pub(super) fn broker() -> Broker {
    let options = BrokerOptions { namespace: NamespaceMode::Merged, cooldowns: false, auto_create: false };
    Broker::new(options, Clock::manual())
}

pub(super) fn create(broker: &Broker, name: &str, attributes: &[(&str, &str)]) -> Arc<Queue> {
    let attributes =
        attributes.iter().map(|(name, value)| ((*name).to_owned(), CoercedString(Some((*value).to_owned()))));
    let changes = check_attributes(&Map::from_iter(attributes), Purpose::Create { fifo: false }).expect("attributes");
    let settings = QueueSettings::new(false, &changes, broker.clock.now());
    let place = ("000000000000", "us-east-1", name);
    let queue = Arc::new(Queue::new(broker.ids.queue_uid(), place, settings, Default::default()));
    assert!(matches!(broker.namespace.add(&queue, broker.clock.now()), Added::New));
    queue
}

pub(super) fn insert(broker: &Broker, queue: &Arc<Queue>, count: usize) -> Vec<u64> {
    let insert = |id| {
        let mut open = broker.open(queue).expect("the queue");
        let number = open.insert(message(id, broker.clock.now()));
        open.close().without_waiting();
        number
    };
    (0..count as u32).map(insert).collect()
}

pub(super) const TEN: ReceiveOptions = ReceiveOptions { max: 10, visibility_timeout_seconds: None, attempt_id: None };

pub(super) fn park(broker: &Broker, queue: &Arc<Queue>, count: usize) -> Vec<oneshot::Receiver<Handoff>> {
    let park = |_| broker.open(queue).expect("the queue").park(TEN, By::default()).1;
    (0..count).map(park).collect()
}

fn parked(queue: &Queue) -> usize {
    queue.lock_as_is().long_polls.len()
}

#[test]
fn parked_receives_are_served_in_bounded_portions() {
    let broker = broker();
    let queue = create(&broker, "q", &[("VisibilityTimeout", "60")]);
    let count = 3 * HANDOFFS_PER_TURN;
    insert(&broker, &queue, 10 * count);
    for _ in 0..count {
        assert_eq!(broker.open(&queue).expect("the queue").receive(&TEN).deliveries.len(), 10);
    }
    let handoffs = park(&broker, &queue, count);
    // All visibility timeouts end at one moment; a request takes its share of the work, the wake-up the rest.
    broker.clock.advance(Duration::from_secs(60));
    broker.open(&queue).expect("the queue").close().without_waiting();
    assert_eq!(parked(&queue), count - HANDOFFS_PER_TURN);
    broker.advance(Duration::ZERO);
    assert_eq!(parked(&queue), 0);
    for mut handoff in handoffs {
        assert_eq!(handoff.try_recv().expect("a hand-off").without_waiting().len(), 10);
    }
}

#[test]
fn dead_letters_are_taken_out_in_bounded_portions() {
    let broker = broker();
    let dead = create(&broker, "dead", &[]);
    let policy = r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead","maxReceiveCount":1}"#;
    let queue = create(&broker, "q", &[("RedrivePolicy", policy), ("VisibilityTimeout", "1")]);
    let count = 3 * DEAD_LETTERS_PER_CALL_MAX;
    insert(&broker, &queue, count);
    for _ in 0..count.div_ceil(10) {
        let _ = broker.open(&queue).expect("the queue").receive(&TEN);
    }
    let _handoffs = park(&broker, &queue, 1);
    broker.clock.advance(Duration::from_secs(1));
    broker.open(&queue).expect("the queue").close().without_waiting();
    let arrived = || dead.lock_as_is().engine.counts().visible;
    assert_eq!(arrived(), DEAD_LETTERS_PER_CALL_MAX);
    broker.advance(Duration::ZERO);
    assert_eq!(arrived(), count);
}

#[test]
fn a_guard_that_is_dropped_leaves_nothing_undone() {
    let broker = broker();
    let dead = create(&broker, "dead", &[]);
    let policy = r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead","maxReceiveCount":1}"#;
    let queue = create(&broker, "q", &[("RedrivePolicy", policy), ("VisibilityTimeout", "1")]);
    insert(&broker, &queue, 1);
    drop(broker.open(&queue).expect("the queue").receive(&TEN));
    broker.clock.advance(Duration::from_secs(1));
    // The receive takes the dead letter out, and nobody closes the guard.
    assert!(broker.open(&queue).expect("the queue").receive(&TEN).deliveries.is_empty());
    broker.advance(Duration::ZERO);
    assert_eq!(dead.lock_as_is().engine.counts().visible, 1);
    // What is put in goes to a parked receive.
    let mut handoff = park(&broker, &queue, 1).remove(0);
    broker.open(&queue).expect("the queue").insert(message(1, broker.clock.now()));
    assert_eq!(handoff.try_recv().expect("a hand-off").without_waiting().len(), 1);
}

/// A store that commits when it is told to.
struct Reluctant(mpsc::Receiver<()>);

impl Store for Reluctant {
    fn load(&mut self, _: Time, _: &mut dyn FnMut(StoredItem)) -> Result<(), StoreError> {
        Ok(())
    }

    fn commit(&mut self, _: Time, _: Vec<Change>) -> Result<(), StoreError> {
        let _ = self.0.recv();
        Ok(())
    }
}

/// A broker whose store commits a batch for each word on the channel.
fn reluctant_broker() -> (Broker, mpsc::Sender<()>) {
    let (go, store) = mpsc::channel();
    let mut broker = broker();
    let clock = broker.clock.clone();
    let committer = Committer::start(Box::new(Reluctant(store)), Box::new(move || clock.now()));
    broker.attach(committer.expect("a thread"));
    (broker, go)
}

#[test]
fn what_a_receive_waits_for_is_kept_by_batch_and_not_by_message() {
    let (broker, go) = reluctant_broker();
    let queue = create(&broker, "q", &[]);
    let numbers = insert(&broker, &queue, 1000);
    // One batch may be at the store already, all others are in the next.
    let state = queue.lock_as_is();
    assert!(state.journal.unsettled_batches() <= 2, "{}", state.journal.unsettled_batches());
    for number in numbers {
        assert!(state.journal.ticket_for(number).is_some_and(|ticket| !ticket.is_durable()));
    }
    drop(state);
    drop(go);
}

#[test]
fn a_queue_that_much_happens_to_at_once_waits_for_the_store() {
    let (broker, go) = reluctant_broker();
    let queue = create(&broker, "q", &[]);
    let count = 3 * CATCH_UP_BYTES_MAX / 256;
    for id in 0..count as u32 {
        // In one go: with a batch that grows and is never committed.
        let message = message(id, broker.clock.now());
        queue.lock_as_is().engine.insert(broker.clock.now(), message, &mut ());
    }
    broker.clock.advance(Duration::from_secs(4 * 86_400));
    broker.open(&queue).expect("the queue").close().without_waiting();
    let pending = || broker.store().map_or(0, Committer::pending_bytes);
    let portion = 256 * TICK_EVENTS_MAX;
    assert!((CATCH_UP_BYTES_MAX..=CATCH_UP_BYTES_MAX + portion).contains(&pending()), "{}", pending());
    assert!(queue.lock_as_is().engine.counts().visible > 0);
    // With the store at work again the wake-up does the rest.
    drop(go);
    broker.advance(Duration::ZERO);
    assert_eq!(queue.lock_as_is().engine.counts().visible, 0);
}

/// Takes down when and why, and of which queue.
#[derive(Default)]
struct Told(Mutex<Vec<(u64, Time, Cause)>>);

impl Observer for Told {
    fn happened(&self, queue: u64, at: Time, cause: Cause, _: &Fact<'_>, _: By) {
        self.0.lock().expect("no panic").push((queue, at, cause));
    }

    fn queue_event(&self, _: &QueueNames, _: Time, _: QueueEvent, _: By) {}
}

#[test]
fn an_observer_is_told_the_life_of_a_message_without_a_store() {
    let told = Arc::new(Told::default());
    let broker = broker().with_observer(told.clone());
    let dead = create(&broker, "dead", &[]);
    let policy = r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead","maxReceiveCount":1}"#;
    let queue = create(&broker, "q", &[("RedrivePolicy", policy), ("VisibilityTimeout", "5")]);
    let began = broker.clock.now();
    insert(&broker, &queue, 1);
    for _ in 0..2 {
        let mut open = broker.open(&queue).expect("the queue");
        let _ = open.receive(&TEN);
        open.close().without_waiting();
        broker.advance(Duration::from_secs(7));
    }
    let (timeout, found) = (began.plus_seconds(5), began.plus_seconds(7));
    let expected = [
        (queue.uid, began, Cause::Arrived),
        (queue.uid, began, Cause::Received),
        (queue.uid, timeout, Cause::VisibilityTimeoutEnded),
        (queue.uid, found, Cause::DeadLettered),
        (dead.uid, found, Cause::Arrived),
    ];
    assert_eq!(*told.0.lock().expect("no panic"), expected);
}

/// The steps and the portions that a turn takes over so many messages whose delays end at one moment. In between the portions
/// another queue is worked on.
fn turn_over(count: u32) -> (u64, u64) {
    let broker = broker();
    let (queue, other) = (create(&broker, "q", &[]), create(&broker, "other", &[]));
    let mut open = broker.open(&queue).expect("the queue");
    for number in 0..count {
        open.send(NewMessage { delay_seconds: 900, ..tests::new(number) });
    }
    open.close().without_waiting();
    let _watched = broker.watch(&queue);
    let turn = Turn { to: broker.clock.now().plus_seconds(900), jump: false, settle: None };
    let mut turning = pin!(broker.turn(&turn));
    let mut context = Context::from_waker(Waker::noop());
    let (mut portions, mut steps) = (0, 0);
    loop {
        let (taken, polled) = tests::steps::of(|| turning.as_mut().poll(&mut context));
        (portions, steps) = (portions + 1, steps + taken);
        if let Poll::Ready(turned) = polled {
            let turned = turned.expect("a clock that can be turned");
            assert!(turned.reached && turned.steps.len() == 1);
            assert_eq!(turned.steps[0].messages, u64::from(count));
            return (steps, portions);
        }
        insert(&broker, &other, 1);
    }
}

#[test]
fn a_turn_is_linear_in_what_is_due_and_other_queues_are_served_meanwhile() {
    const FEW: u32 = 20_000;
    const MANY: u32 = 1_000_000;
    let (few, _) = turn_over(FEW);
    let (many, portions) = turn_over(MANY);
    assert!(portions > u64::from(MANY) / TICK_EVENTS_MAX as u64, "{portions} portions");
    // The timers are a heap, which is six levels higher.
    let (per_few, per_many) = (few / u64::from(FEW), many / u64::from(MANY));
    assert!(per_few > 0 && per_many <= 2 * per_few + 20, "{per_few} steps a message, {per_many} with many");
}
