//! The line of long polls at one queue: first come, first served, one direct hand-off each.

use super::queue::Handed;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use tokio::sync::oneshot;

/// A place in the line. Tickets are given out in rising order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(u64);

/// What a receiver asked for; the visibility timeout is the queue's own at the moment of hand-off if it named none.
#[derive(Clone, Debug)]
pub struct Order {
    /// 1 to 10 messages.
    pub max: usize,
    /// Seconds, if the request named them.
    pub visibility_timeout_seconds: Option<u32>,
    /// `ReceiveRequestAttemptId` of FIFO queues.
    pub attempt_id: Option<String>,
}

/// Someone who waits.
pub(super) struct Waiter {
    /// What for.
    pub(super) order: Order,
    /// Where to hand it.
    pub(super) hand: oneshot::Sender<Handed>,
}

/// Those who wait at a queue, in the order in which they came.
#[derive(Default)]
pub struct Line {
    next: u64,
    waiting: BTreeMap<Ticket, Waiter>,
}

impl Line {
    /// Goes to the end of the line.
    pub(super) fn join(&mut self, order: Order) -> (Ticket, oneshot::Receiver<Handed>) {
        let (hand, receiver) = oneshot::channel();
        let ticket = Ticket(self.next);
        self.next += 1;
        self.waiting.insert(ticket, Waiter { order, hand });
        (ticket, receiver)
    }

    /// Leaves the line. `false` if the ticket has been called already.
    pub fn leave(&mut self, ticket: Ticket) -> bool {
        self.waiting.remove(&ticket).is_some()
    }

    /// The one who has waited longest.
    pub fn first(&self) -> Option<(Ticket, &Order)> {
        self.waiting.first_key_value().map(|(ticket, waiter)| (*ticket, &waiter.order))
    }

    /// Calls a ticket.
    pub(super) fn take(&mut self, ticket: Ticket) -> Option<Waiter> {
        self.waiting.remove(&ticket)
    }

    /// Sends everyone away with nothing.
    pub fn dismiss(&mut self) {
        self.waiting.clear();
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }
}

/// Whether the client of a parked ReceiveMessage is still there.
///
/// That is found out only while one is parked: what takes no time is answered also to a client that has ended its half
/// of the connection and reads on. Who finds out wakes the task of the request.
#[derive(Debug, Default)]
pub struct Presence {
    parked: AtomicBool,
    gone: AtomicBool,
}

impl Presence {
    /// A next request of the same client begins.
    pub fn begin(&self) {
        self.parked.store(false, Ordering::Relaxed);
    }

    /// Whether someone should look after the client now.
    pub fn is_wanted(&self) -> bool {
        self.parked.load(Ordering::Relaxed) && !self.gone.load(Ordering::Relaxed)
    }

    /// The client has gone, or will at least say no more.
    pub fn end(&self) {
        self.gone.store(true, Ordering::Relaxed);
    }

    /// Ends when a client has gone.
    pub(super) async fn gone(presence: Option<&Presence>) {
        std::future::poll_fn(|_| match presence {
            Some(presence) => {
                presence.parked.store(true, Ordering::Relaxed);
                if presence.gone.load(Ordering::Relaxed) { Poll::Ready(()) } else { Poll::Pending }
            }
            None => Poll::Pending,
        })
        .await;
    }
}
