//! A move task heeds the store: what it has moved and what is not written yet is the work of a turn or two, and other
//! requests wait for that at most, not for all that it moves.

use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use kew::NamespaceMode;
use kew::internals::actions::{Actions, Caller};
use kew::internals::api::{Request, Response};
use kew::internals::broker::{Broker, BrokerOptions};
use kew::internals::engine::Time;
use kew::internals::store::{Change, Committer, Store, StoreError, StoredItem};
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::support::NOW;

const MESSAGES: usize = 96;
const BODY_BYTES: usize = 1 << 20;
/// A wait that lasts longer has failed.
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// A store that commits only as often as it may.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<Permits>, Condvar)>);

#[derive(Default)]
struct Permits {
    left: u64,
    /// A commit is being held back.
    waiting: bool,
}

impl Gate {
    fn permit(&self, commits: u64) {
        self.0.0.lock().unwrap().left = commits;
        self.0.1.notify_all();
    }

    fn holds_back(&self) -> bool {
        let permits = self.0.0.lock().unwrap();
        permits.waiting && permits.left == 0
    }
}

/// Opens the gate when the test ends, also by a panic: closing the broker waits for its commits.
struct Opening<'a>(&'a Gate);

impl Drop for Opening<'_> {
    fn drop(&mut self) {
        self.0.permit(u64::MAX);
    }
}

impl Store for Gate {
    fn load(&mut self, _: Time, _: &mut dyn FnMut(StoredItem)) -> Result<(), StoreError> {
        Ok(())
    }

    fn commit(&mut self, _: Time, _: Vec<Change>) -> Result<(), StoreError> {
        let mut permits = self.0.0.lock().unwrap();
        while permits.left == 0 {
            permits.waiting = true;
            permits = self.0.1.wait(permits).unwrap();
        }
        permits.waiting = false;
        permits.left -= 1;
        Ok(())
    }
}

const CALLER: Caller<'static> = Caller {
    account: "000000000000",
    identity: None,
    origin: None,
    region: "us-east-1",
    base_url: "http://localhost",
    trace_header: None,
    presence: None,
    fate: None,
    by: kew::internals::broker::By { client: 0, request: 0 },
    waited_ms: 0,
};

fn request<T: DeserializeOwned>(variant: impl Fn(T) -> Request, members: serde_json::Value) -> Request {
    variant(serde_json::from_value(members).unwrap())
}

fn arn(queue: &str) -> String {
    format!("arn:aws:sqs:us-east-1:000000000000:{queue}")
}

/// Lets everything that can run do so.
async fn settle() {
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
}

/// A broker on such a store, with the queue `dead` full of messages.
async fn filled(gate: &Gate) -> Arc<Actions> {
    let options = BrokerOptions { namespace: NamespaceMode::Merged, cooldowns: false, auto_create: false };
    let mut broker = Broker::new(options, kew::Clock::manual());
    broker.attach(Committer::start(Box::new(gate.clone()), Box::new(|| NOW)).unwrap());
    let actions = Actions::new(Arc::new(broker));
    for queue in ["dead", "other", "unrelated"] {
        let create = request(Request::CreateQueue, json!({"QueueName": queue}));
        actions.execute(&CALLER, create).await.unwrap();
    }
    let policy = json!({"deadLetterTargetArn": arn("dead"), "maxReceiveCount": 1}).to_string();
    let create = json!({"QueueName": "source", "Attributes": {"RedrivePolicy": policy}});
    actions.execute(&CALLER, request(Request::CreateQueue, create)).await.unwrap();
    let body = "x".repeat(BODY_BYTES);
    for _ in 0..MESSAGES {
        let send = request(Request::SendMessage, json!({"QueueUrl": "dead", "MessageBody": body}));
        actions.execute(&CALLER, send).await.unwrap();
    }
    Arc::new(actions)
}

fn spawn(actions: &Arc<Actions>, request: Request) -> tokio::task::JoinHandle<Response> {
    let actions = actions.clone();
    tokio::spawn(async move { actions.execute(&CALLER, request).await.unwrap() })
}

#[tokio::test]
async fn what_a_move_task_leaves_to_be_written_is_bounded() {
    let gate = Gate::default();
    gate.permit(u64::MAX);
    let actions = filled(&gate).await;
    let broker = actions.broker();
    let timers = tokio::spawn({
        let broker = broker.clone();
        async move { broker.run_timers().await }
    });
    gate.permit(0);
    let _opened_at_the_end = Opening(&gate);
    let start = json!({"SourceArn": arn("dead"), "DestinationArn": arn("other")});
    let started = spawn(&actions, request(Request::StartMessageMoveTask, start));
    settle().await;
    let store = broker.store().unwrap();
    // The turn of the request that started the task, and one of the wake-up.
    let bound = 16 * BODY_BYTES;
    let check = || assert!(store.pending_bytes() <= bound, "{} MiB wait to be written", store.pending_bytes() >> 20);
    check();
    // A request that comes now waits for some commits, not for those of all messages.
    let send = request(Request::SendMessage, json!({"QueueUrl": "unrelated", "MessageBody": "x"}));
    let sent = spawn(&actions, send);
    let (mut commits, give_up) = (0, Instant::now() + TIME_LIMIT);
    while !sent.is_finished() {
        settle().await;
        check();
        if gate.holds_back() {
            gate.permit(1);
            commits += 1;
        }
        assert!(Instant::now() < give_up, "SendMessage is not answered after {commits} commits");
    }
    assert!(commits <= 4, "SendMessage was answered after {commits} commits");
    gate.permit(u64::MAX);
    started.await.unwrap();
    loop {
        settle().await;
        check();
        let list = request(Request::ListMessageMoveTasks, json!({"SourceArn": arn("dead")}));
        let Response::ListMessageMoveTasks(list) = actions.execute(&CALLER, list).await.unwrap() else { panic!() };
        let moved = list.results[0].approximate_number_of_messages_moved;
        if list.results[0].status == "COMPLETED" {
            assert_eq!(moved, MESSAGES as i64);
            break;
        }
        assert!(Instant::now() < give_up, "{moved} messages were moved");
    }
    timers.abort();
}
