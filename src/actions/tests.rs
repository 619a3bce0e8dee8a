//! The one way to the actions: what a hook is asked and told, and what it can change.

use super::*;
use crate::api::{Operation, Request, Response, SendMessageRequest};
use crate::broker::{Broker, BrokerOptions, By};
use crate::clock::Clock;
use crate::config::NamespaceMode;
use crate::error::{Error, ErrorKind};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

const CALLER: Caller<'static> = Caller {
    account: "000000000000",
    identity: None,
    origin: None,
    region: "us-east-1",
    base_url: "http://kew",
    trace_header: None,
    presence: None,
    fate: None,
    by: By { client: 0, request: 0 },
    waited_ms: 0,
};

/// Takes down what it is asked and told. Refuses purges, and loses the answers of deletions.
#[derive(Clone, Default)]
struct Judge(Arc<Mutex<Vec<String>>>);

impl Judge {
    fn note(&self, what: &str, context: &Context<'_>, operation: Operation) {
        let queue = context.queue.as_ref().map_or("-", |queue| &queue.name);
        self.0.lock().expect("no panic").push(format!("{what} {} {queue}", operation.name()));
    }
}

impl Hook for Judge {
    fn is_wanted(&self) -> bool {
        true
    }

    fn permit<'a>(&'a self, context: &'a Context<'_>, request: &'a Request) -> HookFuture<'a, Result<Ticket, Error>> {
        let operation = request.operation();
        self.note("permit", context, operation);
        let refused = operation == Operation::PurgeQueue;
        let refusal = || Err(Error::new(ErrorKind::AccessDenied, "no"));
        Box::pin(async move { if refused { refusal() } else { Ok(None) } })
    }

    fn answer<'a>(
        &'a self,
        context: &'a Context<'_>,
        operation: Operation,
        _: Ticket,
        outcome: Result<Response, Error>,
    ) -> HookFuture<'a, Result<Response, Error>> {
        self.note(if outcome.is_ok() { "done" } else { "failed" }, context, operation);
        let lost = operation == Operation::DeleteQueue;
        Box::pin(async move { if lost { Err(Error::internal("the answer is lost".to_owned())) } else { outcome } })
    }
}

fn actions() -> (Actions, Judge) {
    let options = BrokerOptions { namespace: NamespaceMode::Merged, cooldowns: false, auto_create: false };
    let judge = Judge::default();
    let broker = Broker::new(options, Clock::manual());
    (Actions::new(Arc::new(broker)).with_hook(Arc::new(judge.clone())), judge)
}

async fn execute(actions: &Actions, operation: Operation, members: Value) -> Result<Response, Error> {
    let request = Request::deserialize(operation, members).expect("a request");
    actions.execute(&CALLER, request).await
}

#[tokio::test]
async fn a_hook_is_asked_when_the_queue_is_known_and_told_the_outcome() {
    let (actions, judge) = actions();
    execute(&actions, Operation::CreateQueue, json!({"QueueName": "q"})).await.expect("a queue");
    execute(&actions, Operation::SendMessage, json!({"QueueUrl": "q", "MessageBody": "x"})).await.expect("sent");
    execute(&actions, Operation::SendMessage, json!({"QueueUrl": "q"})).await.expect_err("no body");
    execute(&actions, Operation::GetQueueUrl, json!({"QueueName": "q"})).await.expect("its URL");
    let noted = judge.0.lock().expect("no panic").clone();
    let expected = [
        "permit CreateQueue -",
        "done CreateQueue -",
        "permit SendMessage q",
        "done SendMessage q",
        "permit SendMessage q",
        "failed SendMessage q",
        "permit GetQueueUrl q",
        "done GetQueueUrl q",
    ];
    assert_eq!(noted, expected);
}

#[tokio::test]
async fn a_hook_is_not_asked_about_a_queue_that_is_not_there() {
    let (actions, judge) = actions();
    let error = execute(&actions, Operation::PurgeQueue, json!({"QueueUrl": "q"})).await.expect_err("no queue");
    assert_eq!(error.kind, ErrorKind::QueueDoesNotExist);
    assert!(judge.0.lock().expect("no panic").is_empty());
}

#[tokio::test]
async fn what_a_hook_refuses_is_not_done_and_what_it_loses_is() {
    let (actions, _) = actions();
    execute(&actions, Operation::CreateQueue, json!({"QueueName": "q"})).await.expect("a queue");
    let send = SendMessageRequest {
        queue_url: Some("q".to_owned()),
        message_body: Some("x".to_owned()),
        ..SendMessageRequest::default()
    };
    actions.execute(&CALLER, Request::SendMessage(send)).await.expect("sent");
    let refused = execute(&actions, Operation::PurgeQueue, json!({"QueueUrl": "q"})).await.expect_err("refused");
    assert_eq!(refused.kind, ErrorKind::AccessDenied);
    let queue = actions.broker().namespace().get("000000000000", "us-east-1", "q").expect("the queue");
    assert_eq!(actions.broker().open(&queue).expect("the queue").counts().visible, 1);
    execute(&actions, Operation::DeleteQueue, json!({"QueueUrl": "q"})).await.expect_err("lost");
    assert!(actions.broker().open(&queue).is_err(), "it was carried out all the same");
}

#[tokio::test]
async fn a_client_that_is_found_gone_after_the_hand_off_consumes_nothing() {
    let (actions, _) = actions();
    execute(&actions, Operation::CreateQueue, json!({"QueueName": "q"})).await.expect("a queue");
    let presence = Presence::default();
    let caller = Caller { presence: Some(&presence), ..CALLER };
    let members = json!({"QueueUrl": "q", "WaitTimeSeconds": 20});
    let request = Request::deserialize(Operation::ReceiveMessage, members).expect("a request");
    let mut receive = std::pin::pin!(actions.execute(&caller, request));
    let mut task = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(receive.as_mut().poll(&mut task).is_pending(), "it is parked");
    execute(&actions, Operation::SendMessage, json!({"QueueUrl": "q", "MessageBody": "x"})).await.expect("sent");
    assert!(receive.as_mut().poll(&mut task).is_pending(), "the client is looked after before it is answered");
    presence.end();
    let std::task::Poll::Ready(Ok(Response::ReceiveMessage(answer))) = receive.as_mut().poll(&mut task) else {
        panic!("another answer")
    };
    assert!(answer.messages.is_empty());
    let all = json!({"QueueUrl": "q", "AttributeNames": ["All"]});
    let again = execute(&actions, Operation::ReceiveMessage, all).await.expect("an answer");
    let Response::ReceiveMessage(again) = again else { panic!("another answer") };
    let counted = again.messages[0].attributes.0.iter().find(|(name, _)| *name == "ApproximateReceiveCount");
    assert_eq!(counted.map(|(_, count)| count.as_str()), Some("1"), "as if never received");
}
