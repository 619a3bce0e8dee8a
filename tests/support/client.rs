//! A tiny blocking SQS client: one connection, JSON bodies, and the exact moments between which an answer was given.

use super::http::{self, Peer};
use serde_json::Value;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Wall time in milliseconds, which is what the server goes by, too.
pub fn now_ms() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
}

/// From just before a request was written until just after its answer was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub began_ms: u64,
    pub ended_ms: u64,
}

/// What came of a request.
#[derive(Debug)]
pub enum Answer {
    /// Acknowledged.
    Done(Value),
    /// An error in SQS's shape.
    Refused(String),
    /// No answer, or none that tells the outcome: either is fine.
    Lost,
}

/// One connection. Once it is lost every further request is, too, but for one that connects again.
pub struct Client {
    connection: Option<Peer>,
    /// Where to connect again, and for how long an answer is waited for.
    again: Option<(SocketAddr, Duration)>,
}

impl Client {
    pub fn new(address: SocketAddr) -> Client {
        Client { connection: Peer::connect(address).ok(), again: None }
    }

    /// One that connects when it is asked first, and again after its connection was lost. An answer that takes longer than this
    /// is none.
    pub fn again(address: SocketAddr, patience: Duration) -> Client {
        Client { connection: None, again: Some((address, patience)) }
    }

    /// Whether the server is known to be gone.
    pub fn is_lost(&self) -> bool {
        self.connection.is_none()
    }

    /// Carries out one action.
    pub fn call(&mut self, action: &str, request: &Value) -> (Answer, Span) {
        let began_ms = now_ms();
        let request = http::json(action, request.to_string());
        if let (None, Some((address, patience))) = (&self.connection, self.again) {
            self.connection = Peer::connect_within(address, patience).ok();
        }
        let answered = self.connection.as_mut().and_then(|connection| connection.try_ask(request).ok());
        let answer = match answered {
            Some(answer) => Answer::of(&answer),
            None => {
                self.connection = None;
                Answer::Lost
            }
        };
        (answer, Span { began_ms, ended_ms: now_ms() })
    }
}

impl Answer {
    fn of(answer: &http::Answer) -> Answer {
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        match answer.status {
            200 if text.is_empty() => Answer::Done(Value::Null),
            200 => serde_json::from_str(&text).map_or_else(|_| Answer::Refused(text), Answer::Done),
            // The store does not answer: it may take place yet.
            503 => Answer::Lost,
            status => Answer::Refused(format!("{status} {text}")),
        }
    }
}
