//! Who watches what happens beside the store: a history, counters. It keeps no copy of the queues, and is told plain facts.

use crate::api::Operation;
use crate::engine::{Cause, Fact, Receipt, Time};
use std::sync::Arc;

/// Who asked for something: a number that the observer gave to the client, and the id of the request. The default stands for
/// nobody: time brought it about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct By {
    /// The client; 0 for none.
    pub client: u32,
    /// The request.
    pub request: u128,
}

/// What happened to a queue as such.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueEvent {
    /// It was created.
    Created,
    /// It was deleted.
    Deleted,
    /// Its attributes or tags were set.
    AttributesSet,
}

/// The names of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueNames {
    /// What receipt handles know it by; never given twice.
    pub uid: u64,
    /// The account that owns it.
    pub account: Arc<str>,
    /// The region in which it was created.
    pub region: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// Whether it is a FIFO queue.
    pub fifo: bool,
}

/// An entry of a batch that failed; the request itself succeeded.
#[derive(Clone, Copy, Debug)]
pub struct FailedEntry<'a> {
    /// The batch action.
    pub operation: Operation,
    /// The code that is answered for it.
    pub code: &'a str,
    /// Its receipt handle, if it had a good one.
    pub receipt: Option<Receipt>,
    /// MD5 of its body, if it was a good message.
    pub body_md5: Option<[u8; 16]>,
}

/// Watches what happens in a broker.
///
/// It is called while the queue is locked, for each queue in the order in which things take place: no queue may be opened in
/// here, and nothing waited for.
pub trait Observer: Send + Sync {
    /// Takes one thing that happened in the queue with this uid; `at` is the time of the operation, or the moment at which what
    /// time alone brought about was due.
    fn happened(&self, queue: u64, at: Time, cause: Cause, fact: &Fact<'_>, by: By);

    /// Takes that an entry of a batch failed.
    fn entry_failed(&self, queue: u64, at: Time, entry: &FailedEntry<'_>, by: By) {
        let _ = (queue, at, entry, by);
    }

    /// Takes what happened to a queue as such.
    fn queue_event(&self, queue: &QueueNames, at: Time, event: QueueEvent, by: By);
}
