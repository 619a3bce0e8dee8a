//! What a hook may change inside the actions on messages.

use super::caller::Caller;
use crate::api::Operation;
use crate::broker::{Broker, Queue};
use crate::engine::{Delivery, Message, MessageFacts, NewMessage, Receipt};
use crate::error::Error;
use std::sync::Arc;

/// A request at a queue.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    /// Which action it is.
    pub operation: Operation,
    /// All queues.
    pub broker: &'a Broker,
    /// The caller.
    pub caller: &'a Caller<'a>,
    /// The queue.
    pub queue: &'a Arc<Queue>,
}

/// Is asked inside the actions on messages. No queue is locked then.
pub trait Points: Send + Sync {
    /// Before a receive that waits up to so many seconds takes anything from its queue.
    fn receiving<'a>(&'a self, scene: &Scene<'_>, wait_seconds: u32) -> Receiving<'a>;

    /// When a receive is about to show messages.
    fn received(&self, scene: &Scene<'_>, deliveries: &mut [Delivery]);

    /// Before the entries of a SendMessageBatch are sent; those that are wrong by themselves are absent. What is answered for an
    /// entry is what it fails with.
    fn sending(&self, scene: &Scene<'_>, messages: &[Option<&NewMessage>]) -> Vec<Option<Error>>;

    /// Before receipt handles are used to delete messages or to change their visibility; those that are wrong by themselves are
    /// absent.
    fn using(&self, scene: &Scene<'_>, receipts: &[Option<Receipt>]) -> Vec<HandleUse>;
}

/// How a receive finds its queue.
pub enum Receiving<'a> {
    /// As it is.
    AsUsual,
    /// As if it were empty.
    Empty,
    /// With the first so many visible messages in the order of their ranks.
    Reordered(usize, Rank<'a>),
}

/// What messages are ordered by.
pub type Rank<'a> = Box<dyn Fn(&MessageFacts<'_>) -> (u64, u64) + Send + Sync + 'a>;

/// What becomes of the use of a receipt handle.
#[derive(Debug)]
pub enum HandleUse {
    /// It does what it is used for.
    AsUsual,
    /// It fails.
    Fails(Error),
    /// The message is deleted, and comes back once after so many milliseconds.
    ComesBack(Box<Message>, u64),
}
