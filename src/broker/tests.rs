//! What a broker does under its locks: in bounded portions, whatever falls due at once.

use super::*;
use crate::api::{CreateQueueRequest, ReceiveMessageRequest, SendMessageRequest};
use crate::engine::Time;
use crate::store::{Change, Loaded, Store, StoreError};
use std::collections::BTreeMap;
use std::sync::mpsc;
use tokio::task::JoinHandle;

const CALLER: Caller<'static> =
    Caller { account: "000000000000", region: "us-east-1", base_url: "http://kew", trace_header: None, presence: None };

fn broker() -> Broker {
    let options = BrokerOptions { namespace: NamespaceMode::Merged, cooldowns: false, auto_create: false };
    Broker::new(options, Clock::manual())
}

async fn create(broker: &Broker, name: &str, attributes: &[(&str, &str)]) -> Arc<Queue> {
    let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let attributes: BTreeMap<String, String> = attributes.collect();
    let json = serde_json::json!({"QueueName": name, "Attributes": attributes});
    let request: CreateQueueRequest = serde_json::from_value(json).expect("a request");
    broker.execute(&CALLER, Request::CreateQueue(request)).await.expect("a queue");
    broker.namespace.get(CALLER.account, CALLER.region, name).expect("the queue")
}

fn sending(queue: &str, delay_seconds: i64) -> Request {
    let json = serde_json::json!({"QueueUrl": queue, "MessageBody": "x", "DelaySeconds": delay_seconds});
    Request::SendMessage(serde_json::from_value::<SendMessageRequest>(json).expect("a request"))
}

fn receiving(queue: &str, wait_seconds: i64) -> Request {
    let json = serde_json::json!({"QueueUrl": queue, "MaxNumberOfMessages": 10, "WaitTimeSeconds": wait_seconds});
    Request::ReceiveMessage(serde_json::from_value::<ReceiveMessageRequest>(json).expect("a request"))
}

/// Parks receives at a queue until so many wait there.
async fn park(broker: &Arc<Broker>, queue: &Arc<Queue>, count: usize) -> Vec<JoinHandle<Response>> {
    let receive = |broker: Arc<Broker>, name: Arc<str>| async move {
        broker.execute(&CALLER, receiving(&name, 20)).await.expect("an answer")
    };
    let parked = (0..count).map(|_| tokio::spawn(receive(broker.clone(), queue.name.clone()))).collect();
    while waiting(queue) < count {
        tokio::task::yield_now().await;
    }
    parked
}

fn waiting(queue: &Queue) -> usize {
    queue.lock_as_is().line.len()
}

#[tokio::test]
async fn parked_receives_are_served_in_bounded_portions() {
    let broker = Arc::new(broker());
    let queue = create(&broker, "q", &[]).await;
    let count = 3 * queue::HAND_OUTS_PER_TURN;
    for _ in 0..10 * count {
        broker.execute(&CALLER, sending("q", 60)).await.expect("sent");
    }
    let parked = park(&broker, &queue, count).await;
    // All delays end at one moment; a request takes its share of the work, the alarm clock the rest.
    broker.clock.advance(Duration::from_secs(60));
    broker.with(&queue, |_, _| ()).expect("the queue").unwaited();
    assert_eq!(waiting(&queue), count - queue::HAND_OUTS_PER_TURN);
    broker.advance(Duration::ZERO);
    assert_eq!(waiting(&queue), 0);
    for answer in parked {
        let Response::ReceiveMessage(result) = answer.await.expect("no panic") else { panic!("another answer") };
        assert_eq!(result.messages.len(), 10);
    }
}

#[tokio::test]
async fn dead_letters_are_taken_out_in_bounded_portions() {
    let broker = Arc::new(broker());
    let dead = create(&broker, "dead", &[]).await;
    let policy = r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead","maxReceiveCount":1}"#;
    let queue = create(&broker, "q", &[("RedrivePolicy", policy), ("VisibilityTimeout", "1")]).await;
    let count = 3 * crate::engine::DEAD_LETTERS_PER_CALL_MAX;
    for _ in 0..count {
        broker.execute(&CALLER, sending("q", 0)).await.expect("sent");
    }
    for _ in 0..count.div_ceil(10) {
        broker.execute(&CALLER, receiving("q", 0)).await.expect("received");
    }
    let parked = park(&broker, &queue, 1).await;
    broker.clock.advance(Duration::from_secs(1));
    broker.with(&queue, |_, _| ()).expect("the queue").unwaited();
    let arrived = || dead.lock_as_is().engine.counts().visible;
    assert_eq!(arrived(), crate::engine::DEAD_LETTERS_PER_CALL_MAX);
    broker.advance(Duration::ZERO);
    assert_eq!(arrived(), count);
    parked.iter().for_each(JoinHandle::abort);
}

/// A store that commits when it is told to.
struct Reluctant(mpsc::Receiver<()>);

impl Store for Reluctant {
    fn load(&mut self, _: Time, _: &mut dyn FnMut(Loaded)) -> Result<(), StoreError> {
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

#[tokio::test]
async fn what_a_receive_waits_for_is_kept_by_batch_and_not_by_message() {
    let (broker, go) = reluctant_broker();
    go.send(()).expect("the store");
    let queue = create(&broker, "q", &[]).await;
    let message = || crate::engine::tests::message(1, broker.clock.now());
    let insert = |_| broker.with(&queue, |state, now| state.engine.insert(now, message(), &mut state.outbox.journal));
    let numbers: Vec<u64> = (0..1000).map(|n| insert(n).expect("the queue").unwaited()).collect();
    // One batch may be at the store already, all others are in the next.
    let state = queue.lock_as_is();
    assert!(state.outbox.unsettled_batches() <= 2, "{}", state.outbox.unsettled_batches());
    for number in numbers {
        assert!(state.outbox.ticket_for(number).is_some_and(|ticket| !ticket.is_durable()));
    }
    drop(state);
    drop(go);
}

#[tokio::test]
async fn a_queue_that_much_happens_to_at_once_waits_for_the_store() {
    let (broker, go) = reluctant_broker();
    go.send(()).expect("the store");
    let queue = create(&broker, "q", &[]).await;
    let count = 3 * CATCH_UP_BYTES_MAX / 256;
    for id in 0..count as u32 {
        // In one go: with a batch that grows and is never committed.
        let message = crate::engine::tests::message(id, broker.clock.now());
        queue.lock_as_is().engine.insert(broker.clock.now(), message, &mut ());
    }
    broker.clock.advance(Duration::from_secs(4 * 86_400));
    broker.with(&queue, |_, _| ()).expect("the queue").unwaited();
    let pending = || broker.store.as_ref().map_or(0, Committer::pending_bytes);
    let portion = 256 * crate::engine::TICK_EVENTS_MAX;
    assert!((CATCH_UP_BYTES_MAX..=CATCH_UP_BYTES_MAX + portion).contains(&pending()), "{}", pending());
    assert!(queue.lock_as_is().engine.counts().visible > 0);
    // With the store at work again the alarm clock does the rest.
    drop(go);
    broker.advance(Duration::ZERO);
    assert_eq!(queue.lock_as_is().engine.counts().visible, 0);
}
