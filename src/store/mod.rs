//! What survives a restart: the words between the broker and a durable store, and the trait a store fulfils.
//!
//! A store is the mirror of the state in memory. The broker turns everything that happens into [`Change`]s and hands
//! them to the [`Committer`], whose one thread writes all that came together in one commit and then releases the
//! requests that wait for it. Reading takes place once, at the start: [`Store::load`] visits everything as a
//! [`StoredItem`].
//!
//! | file | what it holds |
//! | --- | --- |
//! | `committer.rs` | group commit: the thread, tickets, poisoning, the bound on what may pend |
//! | `compact.rs` | many changes become few: a message stored and removed in one batch is never written |
//! | `expiry.rs` | which deduplication ids expire when |
//! | `ticket.rs` | what requests wait by until their changes are durable |
//! | `stall.rs` `silence.rs` | whether the store answers, and for how long it has not |
//! | `copy.rs` | a store into another one |
//! | `error.rs` | what can go wrong, each with a sentence that says what to do |
//! | `sqlite/` | the store of `--data DIR` (feature `store`) |
//! | `postgres/` | the store of `--data postgres://...` (feature `postgres`) |
//!
//! **Invariant:** `store/` knows only the engine. It decides nothing about queues; it writes down what happened to
//! them.
//!
//! **Invariant:** batches are committed whole and in the order in which they were submitted, and after a commit has
//! failed nothing is ever acknowledged again.

mod committer;
pub mod compact;
#[cfg(feature = "store")]
mod copy;
mod error;
#[cfg(feature = "store")]
mod expiry;
#[cfg(feature = "postgres")]
pub mod postgres;
mod silence;
#[cfg(feature = "store")]
pub mod sqlite;
mod stall;
mod ticket;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use crate::config::Durability;
use crate::engine::{DeduplicationScope, Effect, Message, Time};

pub use committer::{COMMIT_BOUNDS, Committer, PENDING_BYTES_MAX};
#[cfg(feature = "store")]
pub use copy::{Copied, copy};
pub use error::StoreError;
#[cfg(feature = "postgres")]
pub use postgres::PostgresStore;
#[cfg(feature = "store")]
pub use sqlite::{Report, SqliteStore, backup, check, salvage};
pub use ticket::{CommitTicket, NotDurable, Poisoned};

/// For how long the name of a deleted queue is remembered, in milliseconds (AWS: "you must wait at least 60 seconds
/// after the queue is deleted before you can create another one with this name").
pub const DELETED_NAME_MS: u64 = 60_000;

/// As many queues are kept at one time; the rows of the SQLite store leave room for a few more.
pub const QUEUES_MAX: usize = 500_000;

/// A queue, without what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueRecord {
    /// The number that its receipt handles carry; no other queue's, ever.
    pub uid: u64,
    /// The account it belongs to, 12 digits.
    pub account: String,
    /// The region it was created in.
    pub region: String,
    /// Its name, `.fifo` included.
    pub name: String,
    /// `CreatedTimestamp`.
    pub created: Time,
    /// `LastModifiedTimestamp`.
    pub modified: Time,
    /// When it was last purged, for the rule of one purge in 60 seconds.
    pub purged: Option<Time>,
    /// Whether it is a FIFO queue.
    pub fifo: bool,
    /// `DeduplicationScope` as it was at creation, which is what counts.
    pub deduplication_scope: DeduplicationScope,
    /// The attributes that were set explicitly, by name.
    pub attributes: BTreeMap<String, String>,
    /// The tags of the queue.
    pub tags: BTreeMap<String, String>,
}

/// A message move task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MoveTaskRecord {
    /// The id inside its task handle.
    pub id: String,
    /// The uid of the source queue.
    pub queue: u64,
    /// `SourceArn`.
    pub source_arn: String,
    /// `DestinationArn`; `None` sends each message back to where it came from.
    pub destination_arn: Option<String>,
    /// `MaxNumberOfMessagesPerSecond`.
    pub rate: Option<u32>,
    /// `StartedTimestamp`.
    pub started: Time,
    /// `ApproximateNumberOfMessagesToMove`.
    pub to_move: u64,
    /// `ApproximateNumberOfMessagesMoved`.
    pub moved: u64,
    /// `Status`, as SQS writes it.
    pub status: String,
    /// `FailureReason`.
    pub failure: Option<String>,
}

/// A message that left a queue for one of another node, and has not been taken there yet. It is known by the queue that it left and
/// its number there, and those of one queue are taken in the order of their numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferRecord {
    /// The uid of the queue that it left.
    pub source: u64,
    /// Its number in that queue.
    pub number: u64,
    /// The uid of the queue that it goes to.
    pub target: u64,
    /// The ARN of the queue that it left.
    pub source_arn: Arc<str>,
    /// Why it left.
    pub cause: TransferRecordCause,
    /// The message, as it left.
    pub message: Message,
}

/// Why a message goes from one queue to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransferRecordCause {
    /// It was received as often as the redrive policy allows.
    DeadLetter,
    /// The message move task with this id moves it.
    MoveTask(Arc<str>),
    /// It is moved by hand.
    ByHand,
}

/// One thing that is to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A queue was created, or something of its record changed.
    Queue(Box<QueueRecord>),
    /// A queue was deleted with everything in it. Its name is remembered for [`DELETED_NAME_MS`].
    QueueDeleted {
        /// The queue's uid.
        uid: u64,
        /// When.
        at: Time,
    },
    /// Something happened in a queue. Passed over if there is no such queue (any more).
    Effect {
        /// The queue's uid.
        queue: u64,
        /// What happened.
        effect: Effect,
    },
    /// A move task was started, went on or ended.
    MoveTask(Box<MoveTaskRecord>),
    /// A move task is of no interest any more.
    MoveTaskForgotten {
        /// Its id.
        id: String,
    },
    /// A message left a queue for one of another node. The batch has its `Removed` too.
    Sent(Box<TransferRecord>),
    /// A message that came from another node's queue is taken. The batch has its `Stored` too, and must be refused if the message is
    /// not on its way (any more).
    Taken {
        /// The uid of the queue that takes it.
        target: u64,
        /// The uid of the queue that it left.
        source: u64,
        /// Its number in that queue.
        number: u64,
    },
    /// A queue is another node's from here on. The batch has all that happened in it before, and nothing after that.
    Handed {
        /// The queue's uid.
        uid: u64,
        /// The id of the node.
        to: i64,
    },
    /// A queue that was loaded is this node's: what follows may be of it. Nothing is written.
    Adopted(Box<AdoptedQueue>),
    /// Nothing. That it is committed shows that no other node had the queues of this one when the commit began.
    Proof,
}

/// What a store has to know of a queue that it loaded by itself, to write what happens in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AdoptedQueue {
    /// The queue's uid.
    pub uid: u64,
    /// Message numbers below this one may have been given out.
    pub reserved: u64,
    /// Deduplication ids of messages up to which number had been accepted by when: they expire.
    pub expiring: Vec<(Time, u64)>,
}

impl Change {
    /// About how many bytes this holds on to while it waits to be committed.
    #[must_use]
    pub fn weight(&self) -> usize {
        /// What a change takes beside its texts; measured, and rounded up.
        const BASE: usize = 256;
        let of_message = |message: &Message| {
            let extra = message.extra.as_deref();
            let attributes = extra.and_then(|extra| extra.attributes.as_ref());
            message.body.len() + attributes.map_or(0, |attributes| attributes.encoded.len())
        };
        let texts = match self {
            Change::Effect { effect: Effect::Stored(stored), .. } => of_message(&stored.message),
            Change::Sent(transfer) => of_message(&transfer.message),
            Change::Effect { effect: Effect::Attempted { receipts, .. }, .. } => receipts.len() * 32,
            Change::Queue(queue) => {
                let length =
                    |map: &BTreeMap<String, String>| -> usize { map.iter().map(|(k, v)| k.len() + v.len()).sum() };
                length(&queue.attributes) + length(&queue.tags)
            }
            _ => 0,
        };
        BASE + texts
    }
}

/// One thing that a store holds.
///
/// The order: for each queue its record, its messages by ascending number (as `Stored`), what it remembers by
/// ascending time (`Remembered`, then `Attempted`) and its `Counter`; after all queues the move tasks, then the
/// deleted names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoredItem {
    /// A queue.
    Queue(QueueRecord),
    /// A queue of this name was deleted less than [`DELETED_NAME_MS`] ago.
    DeletedName {
        /// Its account.
        account: String,
        /// Its region.
        region: String,
        /// Its name.
        name: String,
        /// When it was deleted.
        at: Time,
    },
    /// An effect to be replayed into the queue whose record came last.
    Effect {
        /// The queue's uid.
        queue: u64,
        /// What to replay.
        effect: Effect,
    },
    /// A move task.
    MoveTask(MoveTaskRecord),
}

impl StoredItem {
    /// Whether this is a message.
    #[must_use]
    pub fn is_message(&self) -> bool {
        matches!(self, StoredItem::Effect { effect: Effect::Stored(_), .. })
    }
}

/// Has [`Store::upkeep`] called soon, also when nothing is to be committed.
pub type Wake = Box<dyn Fn() + Send + Sync>;

/// Where state survives. Narrow on purpose: load everything, commit a batch.
pub trait Store: Send {
    /// Visits everything there is, in the order described at [`StoredItem`]. `now` decides what is too old to count.
    ///
    /// To be called once, before the first commit.
    ///
    /// # Errors
    ///
    /// If anything cannot be read; what was visited so far is then incomplete and must not be used.
    fn load(&mut self, now: Time, visit: &mut dyn FnMut(StoredItem)) -> Result<(), StoreError>;

    /// Takes the write lock for the next commit. Without it the commit takes the lock itself.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`] if another program has held it for a moment: nothing was written, and this may be called
    /// again. After any other nothing must be committed.
    fn begin(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Makes a batch as durable as the store promises: all of it, or nothing. Blocks for as long as it takes to be sure,
    /// which with a database that is away may be long.
    ///
    /// # Errors
    ///
    /// If it cannot be sure. Nothing must be committed after that.
    fn commit(&mut self, now: Time, batch: Vec<Change>) -> Result<(), StoreError>;

    /// One small step of upkeep: deleting what has expired, giving space back. Called between commits, after the
    /// requests that waited for the last one have been released. Returns whether more is due.
    ///
    /// # Errors
    ///
    /// As [`Store::commit`].
    fn upkeep(&mut self, now: Time) -> Result<bool, StoreError> {
        let _ = now;
        Ok(false)
    }

    /// Hands over what a store calls that has noticed by itself that it cannot go on: its upkeep then fails, and
    /// nobody is answered any more by a server that only looks as if it had a store.
    fn wakes(&mut self, wake: Wake) {
        let _ = wake;
    }
}
