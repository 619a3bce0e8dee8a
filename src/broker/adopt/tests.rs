//! A queue that goes from one broker to another with everything in it.

use crate::broker::move_tasks::MoveTask;
use crate::broker::tests::{TEN, broker, create, insert, park};
use crate::broker::{Adopting, Broker, Gone, Queue};
use crate::engine::{Deleted, Effect, Time};
use crate::error::ErrorKind;
use crate::store::{AdoptedQueue, Change, Committer, Store, StoreError, StoredItem, TransferRecordCause};
use std::sync::{Arc, Mutex};

/// Keeps what it is given.
#[derive(Clone, Default)]
struct Recording(Arc<Mutex<Vec<Change>>>);

impl Store for Recording {
    fn load(&mut self, _: Time, _: &mut dyn FnMut(StoredItem)) -> Result<(), StoreError> {
        Ok(())
    }

    fn commit(&mut self, _: Time, batch: Vec<Change>) -> Result<(), StoreError> {
        self.0.lock().expect("no panic").extend(batch);
        Ok(())
    }
}

fn recorded() -> (Broker, Recording) {
    let (mut broker, store) = (broker(), Recording::default());
    let clock = broker.clock.clone();
    broker.attach(Committer::start(Box::new(store.clone()), Box::new(move || clock.now())).expect("a thread"));
    (broker, store)
}

/// What the store has got by now.
fn stored(broker: Broker, store: &Recording) -> Vec<Change> {
    // Dropping it ends the committer, once everything is committed.
    drop(broker);
    std::mem::take(&mut *store.0.lock().expect("no panic"))
}

/// A queue with its record in the store.
fn saved(broker: &Broker, name: &str, attributes: &[(&str, &str)]) -> Arc<Queue> {
    let queue = create(broker, name, attributes);
    let mut open = broker.open(&queue).expect("the queue");
    open.save_new();
    open.close().without_waiting();
    queue
}

/// What a store says of a queue that it has loaded.
fn fresh(uid: u64) -> AdoptedQueue {
    AdoptedQueue { uid, ..AdoptedQueue::default() }
}

/// Takes in a queue of this uid from what a store has got.
fn adopting<'a>(broker: &'a Broker, uid: u64, changes: &[Change]) -> Adopting<'a> {
    let record = changes.iter().find_map(|change| match change {
        Change::Queue(record) if record.uid == uid => Some((**record).clone()),
        _ => None,
    });
    let mut adopting = broker.adopt(record.expect("the record"));
    for change in changes {
        match change {
            Change::Effect { queue, effect } if *queue == uid => adopting.apply(effect.clone()),
            _ => {}
        }
    }
    adopting
}

#[test]
fn a_queue_is_given_away_with_all_that_happened_in_it() {
    let (broker, store) = recorded();
    let queue = saved(&broker, "q", &[]);
    let parked = park(&broker, &queue, 1).remove(0);
    let count = insert(&broker, &queue, 3).len();
    let first = parked.blocking_recv().expect("a hand-off").without_waiting().remove(0);
    let mut open = broker.open(&queue).expect("the queue");
    assert_eq!(open.receive(&TEN).deliveries.len(), 2, "so that the next one has to wait");
    open.close().without_waiting();
    let waiting = park(&broker, &queue, 1).remove(0);
    let released = broker.release(&queue, 7).expect("the queue is there");
    assert!(released.is_some());
    // Whoever still holds it learns that it has moved.
    assert!(waiting.blocking_recv().is_err(), "it is dismissed");
    assert_eq!(queue.gone(), Some(Gone::Moved));
    assert_eq!(broker.open(&queue).err().expect("it is gone").kind, ErrorKind::ServiceUnavailable);
    assert_eq!(broker.release(&queue, 7).err().expect("it is gone").kind, ErrorKind::ServiceUnavailable);
    let known = broker.namespace.get("000000000000", "us-east-1", "q").expect("it is known by name");
    assert_eq!((known.uid, known.elsewhere()), (queue.uid, Some(7)));
    assert!(broker.namespace.all().is_empty(), "but it is not here");
    let changes = stored(broker, &store);
    assert_eq!(changes.last(), Some(&Change::Handed { uid: queue.uid, to: 7 }), "nothing comes after it");

    let (other, store) = recorded();
    let adopting = adopting(&other, queue.uid, &changes);
    assert!(other.namespace.get("000000000000", "us-east-1", "q").is_none(), "before it is whole nobody finds it");
    let adopted = adopting.finish(fresh(queue.uid)).ok().expect("its name is free");
    let mut open = other.open(&adopted).expect("it is there");
    assert_eq!(open.counts().visible + open.counts().in_flight, count);
    assert_eq!(open.delete(first.receipt), Deleted::Done, "a receipt handle from before is good here");
    open.close().without_waiting();
    let removed = |change: &Change| matches!(change, Change::Effect { effect: Effect::Removed { .. }, .. });
    assert_eq!(stored(other, &store).iter().filter(|change| removed(change)).count(), 1);
}

#[test]
fn a_queue_that_comes_back_finds_its_name_free_and_not_if_another_has_it() {
    let (broker, store) = recorded();
    let queue = saved(&broker, "q", &[]);
    broker.release(&queue, 7).expect("the queue is there").expect("at once").without_waiting();
    // Deleted at the other node, and another one of its name made.
    let known = broker.namespace.get("000000000000", "us-east-1", "q").expect("it is known by name");
    broker.namespace.forget(&known);
    let taken = create(&broker, "q", &[]);
    let changes = vec![Change::Queue(Box::new(record_of(&queue)))];
    let refused = adopting(&broker, queue.uid, &changes).finish(fresh(queue.uid)).err().expect("its name is taken");
    assert_eq!(refused.uid, taken.uid);
    broker.release(&taken, 7).expect("the queue is there").expect("at once").without_waiting();
    let adopted = adopting(&broker, queue.uid, &changes).finish(fresh(queue.uid)).ok();
    assert_eq!(adopted.expect("its name is free").uid, queue.uid);
    drop(stored(broker, &store));
}

#[test]
fn a_queue_that_comes_twice_keeps_what_it_has() {
    let (broker, store) = recorded();
    let queue = create(&broker, "q", &[]);
    let now = broker.clock.now();
    let task = MoveTask::new("task".into(), queue.clone(), ("arn".into(), None), None, (now, 1));
    broker.move_tasks.add(task).expect("the only one");
    let changes = vec![Change::Queue(Box::new(record_of(&queue)))];
    let refused = adopting(&broker, queue.uid, &changes).finish(fresh(queue.uid)).err().expect("it is here");
    assert!(Arc::ptr_eq(&refused, &queue));
    assert!(broker.move_tasks.is_running(&queue));
    assert_eq!(stored(broker, &store), [], "and the store hears nothing of it");
}

fn record_of(queue: &Queue) -> crate::store::QueueRecord {
    let settings = queue.settings();
    crate::store::QueueRecord {
        uid: queue.uid,
        account: queue.account.to_string(),
        region: queue.region.to_string(),
        name: queue.name.to_string(),
        created: settings.created,
        modified: settings.modified,
        purged: None,
        fifo: queue.fifo,
        deduplication_scope: settings.deduplication_scope,
        attributes: Default::default(),
        tags: Default::default(),
    }
}

#[test]
fn what_is_on_its_way_to_a_queue_that_moves_goes_by_the_store() {
    let (broker, store) = recorded();
    let dead = saved(&broker, "dead", &[]);
    let policy = r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead","maxReceiveCount":1}"#;
    let queue = saved(&broker, "q", &[("RedrivePolicy", policy), ("VisibilityTimeout", "0")]);
    let numbers = insert(&broker, &queue, 2);
    let mut open = broker.open(&queue).expect("the queue");
    let _ = open.receive(&TEN);
    // Received once too often: on their way, and not there yet.
    let _ = open.receive(&TEN);
    assert!(open.has_departures());
    broker.release(&dead, 7).expect("the queue is there").expect("nothing left it").without_waiting();
    open.close().without_waiting();
    let (source, target) = (queue.uid, dead.uid);
    let changes = stored(broker, &store);
    let sent = changes.iter().filter_map(|change| match change {
        Change::Sent(transfer) => {
            assert_eq!((transfer.source, transfer.target), (source, target));
            assert_eq!(transfer.cause, TransferRecordCause::DeadLetter);
            assert_eq!(&*transfer.source_arn, "arn:aws:sqs:us-east-1:000000000000:q");
            Some(transfer.number)
        }
        _ => None,
    });
    assert_eq!(sent.collect::<Vec<_>>(), numbers, "in the order in which they left");
    let removed =
        changes.iter().filter(|change| matches!(change, Change::Effect { effect: Effect::Removed { .. }, .. }));
    assert_eq!(removed.count(), 2);
}

#[test]
fn a_queue_stays_while_something_that_left_it_has_not_arrived() {
    let (broker, store) = recorded();
    saved(&broker, "dead", &[]);
    let policy = r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead","maxReceiveCount":1}"#;
    let queue = saved(&broker, "q", &[("RedrivePolicy", policy), ("VisibilityTimeout", "0")]);
    insert(&broker, &queue, 1);
    let mut open = broker.open(&queue).expect("the queue");
    let _ = open.receive(&TEN);
    let _ = open.receive(&TEN);
    // A guard that is dropped leaves them to the wake-up.
    drop(open);
    assert!(broker.release(&queue, 7).expect("the queue is there").is_none(), "they are brought to their target first");
    assert!(broker.release(&queue, 7).expect("the queue is there").is_some());
    assert!(matches!(stored(broker, &store).last(), Some(Change::Handed { to: 7, .. })));
}
