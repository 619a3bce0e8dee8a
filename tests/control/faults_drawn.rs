//! Faults drawn from a seed under many threads, faults from Rust, and real clients that meet them.

use super::fixture::Kew;
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::config::{Credentials, Region};
use kew::Server;
use kew::internals::actions::{Actions, Caller, Fate};
use kew::internals::api::{Operation, Request, Response};
use kew::internals::broker::{Broker, BrokerOptions, By};
use kew::internals::clock::Clock;
use kew::internals::config::NamespaceMode;
use kew::internals::control::{Fault, Faults, How};
use kew::internals::error::{Error, ErrorKind};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const THREADS: usize = 8;
const RUNS: usize = 100;
/// Messages that each thread sends: some with a content of their own, some with the same as those of other threads.
const MESSAGES: usize = 6;

/// The actions of a broker of its own, and the faults that stand in their way.
struct Subject {
    actions: Actions,
    faults: Arc<Faults>,
    /// What was hit, as the clients saw it.
    hit: Mutex<BTreeMap<String, usize>>,
}

impl Subject {
    fn new(seed: u64) -> Subject {
        let options = BrokerOptions { namespace: NamespaceMode::Merged, cooldowns: false, auto_create: true };
        let faults = Arc::new(Faults::new(seed));
        let actions = Actions::new(Arc::new(Broker::new(options, Clock::manual()))).with_hook(faults.clone());
        Subject { actions, faults, hit: Mutex::default() }
    }

    fn ask(&self, operation: Operation, members: Value) -> Result<Response, Error> {
        let fate = Fate::new(None, None);
        let caller = Caller {
            account: "000000000000",
            identity: None,
            origin: None,
            region: "us-east-1",
            base_url: "",
            trace_header: None,
            presence: None,
            fate: Some(&fate),
            by: By::default(),
            waited_ms: 0,
        };
        let request = Request::deserialize(operation, members).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(self.actions.execute(&caller, request))
    }

    fn note(&self, what: &str, of: &str) {
        *self.hit.lock().unwrap().entry(format!("{what} {of}")).or_default() += 1;
    }

    /// Sends, again and again until it is not throttled.
    fn send(&self, body: &str) {
        while let Err(error) = self.ask(Operation::SendMessage, json!({"QueueUrl": "q", "MessageBody": body})) {
            assert_eq!(error.kind, ErrorKind::RequestThrottled);
            self.note("throttled", body);
        }
    }

    /// Receives and deletes until nothing is left; whether there was anything.
    fn work(&self) -> bool {
        let members = json!({"QueueUrl": "q", "MaxNumberOfMessages": 3, "AttributeNames": ["All"]});
        let Ok(Response::ReceiveMessage(got)) = self.ask(Operation::ReceiveMessage, members) else {
            panic!("another answer")
        };
        for message in &got.messages {
            // What makes a body corrupt is its first character.
            let body = message.body.as_str();
            let sent = format!("m{}", &body[1..]);
            let count = message.attributes.0.iter().find(|(name, _)| *name == "ApproximateReceiveCount").unwrap();
            self.note(if body == sent { "received" } else { "corrupt" }, &format!("{sent} {}", count.1));
            let members = json!({"QueueUrl": "q", "ReceiptHandle": message.receipt_handle});
            while let Err(error) = self.ask(Operation::DeleteMessage, members.clone()) {
                assert_eq!(error.kind, ErrorKind::ReceiptHandleIsInvalid);
                self.note("expired", &format!("{sent} {}", count.1));
            }
        }
        !got.messages.is_empty()
    }
}

/// What one workload on many threads hits.
fn hit_by(seed: u64) -> BTreeMap<String, usize> {
    let subject = Subject::new(seed);
    for fault in [
        Fault::throttle().on(Operation::SendMessage).probability(0.2),
        Fault::corrupt().probability(0.2),
        Fault::duplicate().probability(0.3),
        Fault::resurrect(Duration::ZERO).probability(0.2),
        Fault::handle_expired().probability(0.3),
    ] {
        subject.faults.add(fault).unwrap();
    }
    // The queue is there before it is asked for by all at once.
    subject.ask(Operation::CreateQueue, json!({"QueueName": "q"})).unwrap();
    let on_each_thread = |work: &(dyn Fn(usize) + Sync)| {
        std::thread::scope(|threads| (0..THREADS).for_each(|thread| drop(threads.spawn(move || work(thread)))));
    };
    on_each_thread(&|thread| {
        for message in 0..MESSAGES {
            let own = if message % 2 == 0 { thread } else { 0 };
            subject.send(&format!("m{message} of {own}"));
        }
    });
    on_each_thread(&|_| while subject.work() {});
    assert!(!subject.work(), "all was worked off");
    subject.hit.into_inner().unwrap()
}

#[test]
fn one_seed_hits_the_same_messages_however_threads_are_interleaved() {
    let first = hit_by(42);
    for what in ["throttled", "corrupt", "expired"] {
        assert!(first.keys().any(|hit| hit.starts_with(what)), "nothing was {what}: {first:?}");
    }
    let sent = THREADS * MESSAGES;
    let shown: usize = first
        .iter()
        .filter(|(hit, _)| !hit.starts_with("throttled") && !hit.starts_with("expired"))
        .map(|(_, n)| n)
        .sum();
    assert!(shown > sent, "nothing came twice: {first:?}");
    for run in 1..RUNS {
        assert_eq!(hit_by(42), first, "run {run}");
    }
    assert_ne!(hit_by(43), first);
}

#[test]
fn of_requests_without_a_message_it_is_fixed_how_many_th_are_hit() {
    let hit = |seed: u64| {
        let subject = Subject::new(seed);
        subject.faults.add(Fault::throttle().on(Operation::ListQueues).probability(0.3)).unwrap();
        let list = || subject.ask(Operation::ListQueues, json!({})).is_err();
        (0..50).filter(|_| list()).collect::<BTreeSet<u32>>()
    };
    assert_eq!(hit(1), hit(1));
    assert_ne!(hit(1), hit(2));
    let together = |seed: u64| {
        let subject = &Subject::new(seed);
        subject.faults.add(Fault::throttle().on(Operation::ListQueues).probability(0.3)).unwrap();
        let hits = |_| (0..10).filter(|_| subject.ask(Operation::ListQueues, json!({})).is_err()).count();
        std::thread::scope(|threads| {
            let threads: Vec<_> = (0..5).map(|thread| threads.spawn(move || hits(thread))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>()
        })
    };
    assert_eq!(together(1), hit(1).len());
}

/// A client that tries again by itself.
fn client(kew: &Kew) -> aws_sdk_sqs::Client {
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version_latest()
        .endpoint_url(kew.server.endpoint_url())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(1)))
        .build();
    aws_sdk_sqs::Client::from_conf(config)
}

fn faults(kew: &Kew) -> Arc<Faults> {
    kew.server.service().control().home().faults().clone()
}

#[tokio::test]
async fn a_client_that_lost_an_answer_sends_again_twice_on_a_standard_queue_and_once_on_a_fifo_queue() {
    for how in [How::Reset, How::Close, How::Truncate] {
        let kew = Kew::with(Server::builder().queue("orders").queue("jobs.fifo"));
        let rule = faults(&kew).add(Fault::lost_answer().on(Operation::SendMessage).how(how).first(1)).unwrap();
        let sdk = client(&kew);
        sdk.send_message().queue_url(kew.server.queue_url("orders")).message_body("x").send().await.unwrap();
        let visible = |queue: &str| kew.get(&format!("/queues/{queue}")).1["visible"].clone();
        assert_eq!(visible("orders"), 2, "{how:?}");
        faults(&kew).remove(&rule).unwrap();
        faults(&kew).add(Fault::lost_answer().on(Operation::SendMessage).how(how).first(1)).unwrap();
        let send = sdk.send_message().queue_url(kew.server.queue_url("jobs.fifo")).message_body("x");
        send.message_group_id("g").message_deduplication_id("d").send().await.unwrap();
        assert_eq!(visible("jobs.fifo"), 1, "{how:?}");
    }
}

#[tokio::test]
async fn the_history_tells_which_fault_hit_which_message() {
    let kew = Kew::with(Server::builder().queue("jobs.fifo"));
    faults(&kew).add(Fault::lost_answer().id("once").on(Operation::SendMessage).first(1)).unwrap();
    let send = client(&kew).send_message().queue_url(kew.server.queue_url("jobs.fifo")).message_body("x");
    let sent = send.message_group_id("g").message_deduplication_id("d").send().await.unwrap();
    let control = kew.server.service().control();
    let history = control.home().history().unwrap();
    let timeline = history.timeline(sent.message_id().unwrap().parse().unwrap()).unwrap();
    let told: Vec<Value> = timeline.events.iter().map(kew::internals::control::Event::json).collect();
    let types: Vec<&str> = told.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["sent", "faultFired", "deduplicated"], "{told:?}");
    assert_eq!((&told[1]["rule"], &told[1]["fault"]), (&json!("once"), &json!("lostAnswer")), "{told:?}");
}

/// Works through a queue: how often each message was processed, by its id.
async fn processed(sdk: &aws_sdk_sqs::Client, url: &str, knows_ids: bool) -> BTreeMap<String, usize> {
    let (mut processed, mut done) = (BTreeMap::new(), BTreeSet::new());
    loop {
        let got = sdk.receive_message().queue_url(url).max_number_of_messages(10).send().await.unwrap();
        if got.messages().is_empty() {
            return processed;
        }
        for message in got.messages() {
            let id = message.message_id().unwrap().to_owned();
            if !knows_ids || done.insert(id.clone()) {
                *processed.entry(id).or_default() += 1;
            }
            let delete = sdk.delete_message().queue_url(url).receipt_handle(message.receipt_handle().unwrap());
            delete.send().await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_consumer_that_is_idempotent_passes_where_deleted_messages_come_back() {
    for (knows_ids, times) in [(true, 1), (false, 2)] {
        let kew = Kew::with(Server::builder().queue("orders"));
        faults(&kew).add(Fault::resurrect(Duration::ZERO)).unwrap();
        for body in ["a", "b", "c"] {
            kew.send("orders", body);
        }
        let processed = processed(&client(&kew), &kew.server.queue_url("orders"), knows_ids).await;
        assert_eq!(processed.values().copied().collect::<Vec<_>>(), [times; 3]);
    }
}

#[test]
fn rules_come_from_the_configuration() {
    let rule = json!({"fault": "throttle", "on": {"action": "SendMessage"}, "when": {"nth": [1]}});
    let mut config = kew::Config::default();
    config.listen = vec!["127.0.0.1:0".parse().unwrap()];
    config.faults = vec![kew::internals::config::FaultConfig::new(rule)];
    let server = Server::start(&config, Clock::manual()).unwrap();
    assert!(server.service().control().home().faults().is_wanted());
    config.faults[0].rule = json!({"fault": "throtle"});
    config.faults[0].place = "kew.toml:7".to_owned();
    let error = Server::start(&config, Clock::manual()).unwrap_err();
    assert_eq!(error.to_string(), "kew.toml:7: there is no fault `throtle`: did you mean `throttle`?");
}
