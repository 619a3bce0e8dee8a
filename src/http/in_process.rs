//! Requests that come by no socket: a client in the same process hands them over, and the way of each is otherwise that of any.

use super::answer::Answer;
use super::context::ConnectionInfo;
use super::identity::Identity;
use super::service::Service;
use super::worker::Phase;
use crate::actions::{Ending, Presence};
use crate::control::{At, Connection, Doing, Served};
use bytes::Bytes;
use hyper::Request;
use hyper::body::Body;
use std::fmt;
use std::future::pending;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::watch;

/// A client in the same process as its server, which it does not keep running.
pub(crate) struct InProcess {
    service: Weak<Service>,
    phase: watch::Receiver<Phase>,
    port: u16,
    identity: Identity,
}

impl fmt::Debug for InProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InProcess").field("port", &self.port).finish_non_exhaustive()
    }
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unanswered {
    /// A fault: the connection would have ended.
    OnPurpose,
    /// The client did not want to wait any longer.
    TooLate,
    /// The server is gone, or about to stop.
    ServerEnded,
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unanswered::OnPurpose => "the connection ended without an answer, as was asked for",
            Unanswered::TooLate => "there was no answer in time",
            Unanswered::ServerEnded => "the server has ended",
        })
    }
}

impl std::error::Error for Unanswered {}

/// What stands for a connection of one request.
#[derive(Default)]
struct OneRequest {
    presence: Presence,
    served: Served,
}

impl Connection for OneRequest {
    fn doing(&self) -> Doing {
        let (serves, changes) = self.served.read();
        Doing { serves, at: if self.presence.is_wanted() { At::Parked } else { At::Serving }, changes }
    }
}

impl InProcess {
    /// A client that calls the server by this port.
    pub(super) fn new(service: &Arc<Service>, phase: watch::Receiver<Phase>, port: u16) -> InProcess {
        InProcess { service: Arc::downgrade(service), phase, port, identity: Identity::default() }
    }

    /// Has a request answered, on the task of the caller, who may set a limit to the time that takes. Who drops this has gone, and
    /// what it was to receive goes back.
    ///
    /// # Errors
    /// When a client at a socket would see its connection end, and when it takes too long.
    pub(crate) async fn answer<B>(&self, request: Request<B>, limit: Option<Duration>) -> Result<Answer, Unanswered>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let mut phase = self.phase.clone();
        let service = self.service.upgrade().filter(|_| *phase.borrow() == Phase::Serving);
        let service = service.ok_or(Unanswered::ServerEnded)?;
        let one = Arc::new(OneRequest::default());
        let _joined = service.control().home().shared().activity.join(one.clone());
        let connection = ConnectionInfo {
            peer: None,
            port: self.port,
            presence: Some(&one.presence),
            served: Some(&one.served),
            identity: &self.identity,
            secure: false,
            waited_ms: None,
        };
        let answering = async {
            let answer = service.answer_from(request, connection).await;
            match answer.extensions().get() {
                None => Ok(answer),
                Some(Ending::Never) => pending().await,
                // Half of an answer is none.
                Some(Ending::Reset | Ending::Close | Ending::Truncate) => Err(Unanswered::OnPurpose),
            }
        };
        let too_late = async {
            match limit {
                Some(limit) => service.time().pause(limit).await,
                None => pending().await,
            }
        };
        tokio::select! {
            biased;
            answer = answering => answer,
            () = too_late => Err(Unanswered::TooLate),
            // An error means that it has ended too.
            _ = phase.wait_for(|phase| *phase == Phase::Stopped) => Err(Unanswered::ServerEnded),
        }
    }
}
