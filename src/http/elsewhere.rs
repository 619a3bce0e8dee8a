//! A request to SQS where there are several nodes: carried out here, or by the node that has the queue. The client does not see the
//! difference, nor that the queue changes its node meanwhile.

use super::answer::{Answer, AnswerBody};
use super::context::RequestContext;
use crate::actions::{Actions, Caller, Presence};
use crate::api::{Operation, ReceiveMessageResult, Request, Response, limits};
use crate::clock::NetworkTime;
use crate::cluster::link::{NOT_FOR_ME, OUTCOME, RECEIVED};
use crate::cluster::{Asker, Cluster, Forwarded, LinkError, Misled, Peer, Place};
use crate::error::{Error, ErrorKind};
use crate::wire;
use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::HeaderValue;
use std::future::pending;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long it may take until the node is found that has a queue and can carry a request out, the time in which a ReceiveMessage is
/// parked left out.
const TIME_LIMIT: Duration = Duration::from_secs(10);
/// How long a ReceiveMessage may take that waits at another node.
const RECEIVE_TIME_LIMIT: Duration =
    Duration::from_secs(TIME_LIMIT.as_secs() + limits::WAIT_TIME_SECONDS_MAX.unsigned_abs());
/// The pause before a request is tried again; each is twice the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
/// The longest of these pauses.
const PAUSE_MAX: Duration = Duration::from_millis(200);
/// After so long nobody asks any more whether a client is there that has ended its half of the connection: what takes no time is
/// answered to it too. Who asks for a long poll waits from the beginning.
const PRESENCE_PAUSE: Duration = Duration::from_millis(100);
/// How long another node may take to answer once it knows that nobody waits any more.
const LEAVING_TIME_LIMIT: Duration = Duration::from_secs(1);

/// A request that is to be carried out.
#[derive(Clone, Copy)]
pub(super) struct Work<'a> {
    /// As it came in.
    pub(super) context: &'a RequestContext<'a>,
    /// Its body.
    pub(super) body: &'a Bytes,
    /// The time that clients are granted.
    pub(super) time: &'a NetworkTime,
    /// What carries it out here.
    pub(super) actions: &'a Actions,
    /// Who asks.
    pub(super) caller: &'a Caller<'a>,
}

/// By whom a request was carried out, with which outcome.
#[allow(clippy::large_enum_variant, reason = "there is one for each request, and it is not passed on")]
pub(super) enum Carried {
    /// By this node, or by none.
    Here(Result<Response, Error>),
    /// By another, whose answer it is, with the error that it tells of.
    ByAnother(Answer, Option<ErrorKind>),
    /// By none: another node sent it here, and has to look for the right one.
    NotForMe(Answer),
}

fn without_lease() -> Error {
    Error::unavailable("the database has acknowledged no beat of this node for a while")
}

/// Carries a request out, wherever that is.
pub(super) async fn carry_out(node: &Cluster, work: Work<'_>, request: Request) -> Carried {
    let Work { context, caller, time, .. } = work;
    let asker = Asker { account: caller.account, region: caller.region };
    let (operation, is_repeatable) = (request.operation(), is_repeatable(&request));
    let (began_ms, sent_here) = (time.now_ms(), context.connection.waited_ms.is_some());
    let mut patience = Patience { began_ms, time, pause: FIRST_PAUSE };
    let mut request = Some(request);
    loop {
        if !node.has_lease() {
            return Carried::Here(Err(without_lease()));
        }
        let Some(decoded) = request.take().or_else(|| again(work)) else {
            return Carried::Here(Err(Error::unavailable("the request could not be read again")));
        };
        let place = tokio::select! {
            biased;
            place = node.place(asker, &decoded) => place,
            () = time.pause(patience.left()) => Err(Error::unavailable("it takes too long to find out who has the queue")),
        };
        let place = match place {
            Ok(place) => place,
            Err(error) => return Carried::Here(Err(error)),
        };
        let waited_ms = caller.waited_ms + time.now_ms().saturating_sub(began_ms);
        let attempt_ms = time.now_ms();
        match place {
            Place::There(_) if sent_here => return Carried::NotForMe(not_for_me(StatusCode::MISDIRECTED_REQUEST)),
            Place::Here(held) => {
                let outcome = work.actions.execute(&Caller { waited_ms, ..*caller }, decoded).await;
                if !outcome.as_ref().is_err_and(Error::is_moved) {
                    if tells_of_transfers(operation) {
                        node.sent(&held).await;
                    }
                    drop(held);
                    return Carried::Here(match node.has_lease() {
                        true => outcome,
                        false => Err(without_lease()),
                    });
                }
                if sent_here {
                    return Carried::NotForMe(not_for_me(StatusCode::MISDIRECTED_REQUEST));
                }
            }
            Place::There(peer) => match forward(node, work, &decoded, &peer, waited_ms, patience.left()).await {
                Attempt::Answered(answer, error) => return Carried::ByAnother(answer, error),
                Attempt::Stopped => return Carried::Here(Err(Error::unavailable("this node stops"))),
                Attempt::Ended => {
                    return Carried::Here(Ok(Response::ReceiveMessage(ReceiveMessageResult::default())));
                }
                Attempt::Failed(error) => {
                    tracing::debug!(action = operation.name(), node = peer.id.0, %error, "not carried out by its node");
                    node.misled(&peer, how(&error));
                    if matches!(error, LinkError::Unknown(_)) && !is_repeatable {
                        return Carried::Here(Err(Error::unavailable("another node may have carried it out, or not")));
                    }
                }
            },
        }
        if operation == Operation::ReceiveMessage {
            // It may have been parked for all of that time.
            patience.began_ms += time.now_ms().saturating_sub(attempt_ms);
        }
        if !patience.pause().await {
            return Carried::Here(Err(Error::unavailable("no node could be found that has the queue")));
        }
    }
}

/// The request once more: to carry it out takes it.
fn again(work: Work<'_>) -> Option<Request> {
    wire::decode(&work.context.head(), work.body).ok().map(|call| call.request)
}

/// What came of sending a request to another node.
enum Attempt {
    Answered(Answer, Option<ErrorKind>),
    Failed(LinkError),
    /// The client of a ReceiveMessage has gone, or this node stops: what it would have received is not received.
    Ended,
    /// The same of one with an attempt id, which is to be repeated elsewhere: what an earlier one has received does not go back.
    Stopped,
}

/// Has another node carry a request out.
async fn forward(
    node: &Cluster,
    work: Work<'_>,
    request: &Request,
    peer: &Peer,
    waited_ms: u64,
    left: Duration,
) -> Attempt {
    let Work { context, body, time, .. } = work;
    let (parts, connection) = (context.parts, &context.connection);
    let (may_wait, is_long_poll, is_attempt) = match request {
        Request::ReceiveMessage(receive) => {
            let is_long_poll = receive.wait_time_seconds.is_some_and(|seconds| seconds > 0);
            (true, is_long_poll, receive.receive_request_attempt_id.is_some())
        }
        _ => (false, false, false),
    };
    let (client, port, secure) = (connection.peer, connection.port, connection.secure);
    let leaves = AtomicBool::new(false);
    let forwarded = Forwarded { parts, body, client, port, secure, waited_ms, leaves: &leaves };
    let mut answered = pin!(node.link().forward(peer, forwarded));
    let gone = async {
        match (may_wait, is_long_poll) {
            (_, true) => {}
            (true, _) => time.pause(PRESENCE_PAUSE).await,
            _ => pending().await,
        }
        Presence::gone(connection.presence).await;
    };
    let (first, mut is_gone) = tokio::select! {
        biased;
        answer = &mut answered => (Some(answer), false),
        () = gone => (None, true),
        () = work.actions.broker().closed(), if may_wait => (None, false),
        () = time.pause(if may_wait { RECEIVE_TIME_LIMIT } else { left }) => {
            node.link().gave_up();
            (Some(Err(LinkError::Unknown("it takes too long".to_owned()))), false)
        }
    };
    let answer = match first {
        Some(answer) => answer,
        None => {
            // Not dropped: what the other node has handed over by now comes back, or there is somebody yet who can have it.
            leaves.store(true, Ordering::Relaxed);
            let ended = if is_attempt && !is_gone { Attempt::Stopped } else { Attempt::Ended };
            tokio::select! {
                biased;
                answer = answered => match answer {
                    Ok(answer) => Ok(answer),
                    Err(_) => return ended,
                },
                () = time.pause(LEAVING_TIME_LIMIT) => return ended,
            }
        }
    };
    match answer {
        Ok(mut answer) => {
            if let Some(received) = answer.headers_mut().remove(RECEIVED) {
                is_gone = is_gone || Presence::is_gone_now(connection.presence).await;
                if is_gone {
                    if let Err(error) = node.link().back(peer, received).await {
                        tracing::debug!(node = peer.id.0, %error, "messages that nobody got wait for their visibility timeout");
                    }
                    return Attempt::Ended;
                }
            }
            let told = answer.headers_mut().remove(OUTCOME);
            let told = told.as_ref().and_then(|told| told.to_str().ok());
            let kind = told.and_then(|told| ErrorKind::ALL.iter().copied().find(|kind| kind.json_type().1 == told));
            // What is wrong with a request is told before it is carried out, without a name.
            let unnamed = (!answer.status().is_success()).then_some(ErrorKind::InvalidRequest);
            tracing::debug!(action = request.operation().name(), node = peer.id.0, status = answer.status().as_u16());
            Attempt::Answered(answer.map(AnswerBody::whole), kind.or(unnamed))
        }
        Err(error) => Attempt::Failed(error),
    }
}

/// What a node learns of another that did not carry a request out.
fn how(error: &LinkError) -> Misled {
    match error {
        LinkError::NotThere => Misled::NotThere,
        LinkError::Refused => Misled::Refused,
        LinkError::NotSent(_) | LinkError::Unknown(_) => Misled::Silent,
    }
}

/// How long the node of a queue is looked for.
struct Patience<'a> {
    began_ms: u64,
    time: &'a NetworkTime,
    pause: Duration,
}

impl Patience<'_> {
    /// What is left of the time.
    fn left(&self) -> Duration {
        let passed_ms = self.time.now_ms().saturating_sub(self.began_ms);
        TIME_LIMIT.saturating_sub(Duration::from_millis(passed_ms))
    }

    /// Waits for a next attempt; `false` if there is to be none.
    async fn pause(&mut self) -> bool {
        let is_time_left = !self.left().is_zero();
        if is_time_left {
            self.time.pause(self.pause).await;
            self.pause = (2 * self.pause).min(PAUSE_MAX);
        }
        is_time_left
    }
}

/// Whether a request may be carried out twice, and the second answer is as good as the first would have been. Where it is not, the
/// client decides: SDKs try again.
fn is_repeatable(request: &Request) -> bool {
    // In a FIFO queue each message has something that tells it from others, and is there once.
    let is_to_fifo =
        |url: &Option<String>| url.as_deref().is_some_and(|url| url.trim_end_matches('/').ends_with(".fifo"));
    match request {
        Request::SendMessage(r) => is_to_fifo(&r.queue_url),
        Request::SendMessageBatch(r) => is_to_fifo(&r.queue_url),
        // Once a message is visible again, or somebody else's, its receipt handle is refused, or ends what is not its own.
        Request::ChangeMessageVisibility(_) | Request::ChangeMessageVisibilityBatch(_) => false,
        Request::AddPermission(_)
        | Request::CancelMessageMoveTask(_)
        | Request::CreateQueue(_)
        | Request::DeleteQueue(_)
        | Request::PurgeQueue(_)
        | Request::RemovePermission(_)
        | Request::StartMessageMoveTask(_) => false,
        _ => true,
    }
}

/// Whether what is answered tells of messages that went from one queue to another.
fn tells_of_transfers(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::ReceiveMessage
            | Operation::StartMessageMoveTask
            | Operation::ListMessageMoveTasks
            | Operation::CancelMessageMoveTask
    )
}

/// The answer to another node that has sent what is not for this one.
#[cold]
pub(super) fn not_for_me(status: StatusCode) -> Answer {
    let mut answer = Answer::new(AnswerBody::whole(Bytes::new()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(OUTCOME, HeaderValue::from_static(NOT_FOR_ME));
    answer
}

/// Says in an answer to another node which error it tells of.
pub(super) fn tell_outcome(answer: &mut Answer, error: ErrorKind) {
    answer.headers_mut().insert(OUTCOME, HeaderValue::from_static(error.json_type().1));
}

/// The messages of an answer to another node, so that it can give them back; none if there are none.
pub(super) fn named(received: &ReceiveMessageResult) -> Option<HeaderValue> {
    let handles: Vec<&str> = received.messages.iter().map(|message| message.receipt_handle.as_str()).collect();
    HeaderValue::try_from(handles.join(",")).ok().filter(|_| !handles.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{
        ChangeMessageVisibilityBatchRequest, ChangeMessageVisibilityRequest, DeleteMessageRequest,
        ReceiveMessageRequest, SendMessageRequest,
    };

    #[test]
    fn what_is_repeated_is_as_good_the_second_time() {
        let url = |name: &str| Some(format!("http://localhost:9324/000000000000/{name}"));
        let send = |name| Request::SendMessage(SendMessageRequest { queue_url: url(name), ..Default::default() });
        assert!(is_repeatable(&send("q.fifo")) && !is_repeatable(&send("q")));
        assert!(is_repeatable(&Request::ReceiveMessage(ReceiveMessageRequest::default())));
        assert!(is_repeatable(&Request::DeleteMessage(DeleteMessageRequest::default())));
        // To make a message visible is refused once it is.
        assert!(!is_repeatable(&Request::ChangeMessageVisibility(ChangeMessageVisibilityRequest::default())));
        let batch = ChangeMessageVisibilityBatchRequest::default();
        assert!(!is_repeatable(&Request::ChangeMessageVisibilityBatch(batch)));
    }
}
