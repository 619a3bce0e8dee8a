//! A client's way to the servers, and the auditor who listens.
//!
//! To one server it is one connection, and over once that is lost. To the nodes of a cluster each request goes to another one, and
//! what got no answer is asked again, as the SDKs do, if that cannot do harm.

use crate::audit::Audit;
use crate::client::{Answer, Client, Span, now_ms};
use crate::content::is_fifo;
use fastrand::Rng;
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Attempts of an SDK.
const ATTEMPTS: u32 = 3;
/// Attempts where every request is to be answered, over some seconds.
const ATTEMPTS_WHEN_WELL: u32 = 40;
/// An SDK waits about as long before its second attempt.
const BACKOFF_MS: std::ops::Range<u64> = 20..100;
/// Longer than a node keeps a request that it cannot place.
const PATIENCE: Duration = Duration::from_secs(12);
/// Of one who soon asks another node.
const LITTLE_PATIENCE: Duration = Duration::from_secs(4);

/// Who uses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum User {
    /// Of the only server, over when that is lost.
    Single,
    /// One of many, who goes on whatever happens.
    Worker,
    /// One who looks how soon it goes on.
    Prober,
    /// One who does not go on when something is in doubt.
    Careful,
    /// One who looks while all is well: each request has to be answered.
    Inspector,
}

/// See the module.
pub struct Line<'a> {
    clients: Vec<Client>,
    rng: Rng,
    user: User,
    /// Set when everybody is to stop.
    end: Option<&'a AtomicBool>,
    /// The nodes that are not asked: a bit for each.
    avoided: Option<&'a AtomicU64>,
    /// A request got no answer.
    in_doubt: bool,
    /// Attempts at what is being asked.
    attempts: u32,
    audit: &'a Mutex<Audit>,
}

impl<'a> Line<'a> {
    pub fn new(address: SocketAddr, audit: &'a Mutex<Audit>) -> Line<'a> {
        Line::with(vec![Client::new(address)], 0, User::Single, audit)
    }

    fn with(clients: Vec<Client>, seed: u64, user: User, audit: &'a Mutex<Audit>) -> Line<'a> {
        let rng = Rng::with_seed(seed);
        Line { clients, rng, user, end: None, avoided: None, in_doubt: false, attempts: 0, audit }
    }

    fn to(nodes: &[SocketAddr], seed: u64, user: User, audit: &'a Mutex<Audit>) -> Line<'a> {
        let patience = if user == User::Worker { LITTLE_PATIENCE } else { PATIENCE };
        Line::with(nodes.iter().map(|node| Client::again(*node, patience)).collect(), seed, user, audit)
    }

    /// To the nodes of a cluster, until the end.
    pub fn of_worker(nodes: &[SocketAddr], seed: u64, end: &'a AtomicBool, audit: &'a Mutex<Audit>) -> Line<'a> {
        Line { end: Some(end), ..Line::to(nodes, seed, User::Worker, audit) }
    }

    /// The same, over when a request got no answer.
    pub fn of_careful(nodes: &[SocketAddr], seed: u64, end: &'a AtomicBool, audit: &'a Mutex<Audit>) -> Line<'a> {
        Line { end: Some(end), ..Line::to(nodes, seed, User::Careful, audit) }
    }

    /// To those nodes of a cluster that nothing was done to, until the end.
    pub fn of_prober(
        nodes: &[SocketAddr],
        seed: u64,
        end: &'a AtomicBool,
        avoided: &'a AtomicU64,
        audit: &'a Mutex<Audit>,
    ) -> Line<'a> {
        Line { end: Some(end), avoided: Some(avoided), ..Line::to(nodes, seed, User::Prober, audit) }
    }

    /// To nodes of a cluster that are well.
    pub fn of_inspector(nodes: &[SocketAddr], seed: u64, audit: &'a Mutex<Audit>) -> Line<'a> {
        Line::to(nodes, seed, User::Inspector, audit)
    }

    pub fn audit(&self) -> MutexGuard<'a, Audit> {
        self.audit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there is nobody to ask any more.
    pub fn is_over(&self) -> bool {
        match self.user {
            User::Single => self.clients[0].is_lost(),
            User::Careful if self.in_doubt => true,
            _ => self.end.is_some_and(|end| end.load(Ordering::SeqCst)),
        }
    }

    /// Complains if the connection is gone; the server was not meant to be.
    pub fn must_stand(&self) {
        if self.user == User::Single && self.is_over() {
            self.audit().complain("a connection was lost while the server was to run".to_owned());
        }
    }

    /// One attempt at an action, at one of the nodes.
    pub fn call_once(&mut self, action: &str, request: &Value) -> (Answer, Span) {
        let avoided = self.avoided.map_or(0, |avoided| avoided.load(Ordering::SeqCst));
        let open: Vec<usize> = (0..self.clients.len()).filter(|node| avoided >> node & 1 == 0).collect();
        let chosen = *self.rng.choice(&open).unwrap_or(&0);
        self.attempts += 1;
        match self.clients[chosen].call(action, request) {
            // The node is not what it was: the request may have taken place or not.
            (Answer::Refused(error), span) if self.user != User::Single && error.starts_with("500 ") => {
                self.has_no_answer();
                (Answer::Lost, span)
            }
            (Answer::Lost, span) => {
                self.has_no_answer();
                (Answer::Lost, span)
            }
            answered => {
                self.attempts = 0;
                answered
            }
        }
    }

    fn has_no_answer(&mut self) {
        self.in_doubt = true;
        self.audit().unanswered += 1;
    }

    /// Whether what got no answer is to be asked again; waits until then.
    pub fn tries_again(&mut self) -> bool {
        let most = match self.user {
            User::Single | User::Careful | User::Prober => 1,
            User::Worker => ATTEMPTS,
            User::Inspector => ATTEMPTS_WHEN_WELL,
        };
        let again = self.attempts < most && !self.is_over();
        if self.user == User::Inspector && !again {
            self.audit().complain(format!("no answer in {} attempts, although all nodes are well", self.attempts));
        }
        if !again {
            self.attempts = 0;
        }
        if self.user != User::Single {
            std::thread::sleep(Duration::from_millis(self.rng.u64(BACKOFF_MS)));
        }
        again
    }

    /// Attempts at an action, more than one if it `repeats` without harm.
    fn call_with(&mut self, action: &str, request: &Value, repeats: bool) -> (Answer, Span) {
        let began_ms = now_ms();
        loop {
            let (answer, span) = self.call_once(action, request);
            let lost = matches!(answer, Answer::Lost);
            if !lost || !self.tries_again() || !repeats {
                self.attempts = 0;
                return (answer, Span { began_ms, ..span });
            }
        }
    }

    /// An action on a queue.
    pub fn call(&mut self, action: &str, queue: &str, request: &Value) -> (Answer, Span) {
        let repeats = match action {
            "DeleteMessage" | "DeleteMessageBatch" | "DeleteQueue" => true,
            "SendMessage" | "SendMessageBatch" => is_fifo(queue),
            // Where nobody else is at work.
            "ChangeMessageVisibility" | "ChangeMessageVisibilityBatch" => self.user == User::Inspector,
            _ => false,
        };
        self.call_with(action, request, repeats)
    }

    /// An action on a queue that is expected to succeed. `None` if there was no answer.
    pub fn must(&mut self, action: &'static str, queue: &'static str, request: &Value) -> Option<(Value, Span)> {
        match self.call(action, queue, request) {
            (Answer::Done(answer), span) => {
                self.audit().acknowledge(action, queue, span);
                Some((answer, span))
            }
            (Answer::Refused(error), _) => {
                self.audit().complain(format!("{action} on {queue} was refused: {error}"));
                None
            }
            (Answer::Lost, _) => None,
        }
    }

    /// A question, which changes nothing and makes nothing durable.
    pub fn ask(&mut self, action: &'static str, request: &Value) -> Option<(Value, Span)> {
        let asked = self.call_with(action, request, true);
        self.told(action, request, asked)
    }

    /// One attempt at it.
    pub fn ask_once(&mut self, action: &'static str, request: &Value) -> Option<(Value, Span)> {
        let asked = self.call_once(action, request);
        self.told(action, request, asked)
    }

    fn told(&self, action: &str, request: &Value, asked: (Answer, Span)) -> Option<(Value, Span)> {
        match asked {
            (Answer::Done(answer), span) => Some((answer, span)),
            (Answer::Refused(error), _) => {
                self.audit().complain(format!("{action} with {request} was refused: {error}"));
                None
            }
            (Answer::Lost, _) => None,
        }
    }
}
