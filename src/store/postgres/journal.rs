//! The journal: batches are written down as they come, and become rows some seconds later.
//!
//! A message that is sent, received and deleted changes a row three times, which is most of what a commit costs the
//! database. So a batch that holds nothing but effects is appended to `kew.journal` as it is, and kept here, summed up
//! with those before it. Now and then the sum is *settled*: written as rows, in one transaction with the mark that says
//! how far it went. By then most messages have gone, and leave nothing to write.
//!
//! | settled | why then |
//! | --- | --- |
//! | [`SETTLE_MS`] after the first batch | what a successor would have to read stays short |
//! | when there are [`ROWS_MAX`] rows to write | nobody waits long behind it |
//! | when [`BYTES_MAX`] were appended | the same as the first |
//! | with a batch that holds anything else | queues, tasks and transfers are rows that other nodes read |
//!
//! When a node has gone, what it had not settled is settled by whoever loads queues next ([`super::settling`]), so that
//! loading is always the same.
//!
//! **Invariant:** a mark of a node says that all its batches with smaller numbers are in rows, and those behind its last
//! mark are in the journal.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::Notify;

use super::connect::{Connector, runtime};
use crate::store::compact::BatchSummary;
use crate::store::{Change, StoreError, Wake};

/// For so many milliseconds batches stay in the journal alone.
const SETTLE_MS: u64 = 5_000;

/// So many rows are settled at once, which takes about as many hundredths of a millisecond.
const ROWS_MAX: usize = 2_000;

/// So many bytes of the journal are unsettled; a successor reads them in some tenths of a second.
const BYTES_MAX: usize = 32 << 20;

/// What the journal has that is not in rows.
#[derive(Debug, Default)]
pub(super) struct Journal {
    sum: BatchSummary,
    bytes: usize,
    /// When the first of it was appended.
    since_ms: Option<u64>,
}

impl Journal {
    /// Whether a batch may be appended: there is room, and rows that others read are not changed by it.
    pub(super) fn takes(&self, batch: &[Change]) -> bool {
        !self.is_full() && batch.iter().all(|change| matches!(change, Change::Effect { .. } | Change::Proof))
    }

    fn is_full(&self) -> bool {
        self.sum.rows >= ROWS_MAX || self.bytes >= BYTES_MAX
    }

    /// A batch of so many bytes has been appended.
    pub(super) fn appended(&mut self, batch: Vec<Change>, bytes: usize, now_ms: u64) {
        self.sum.add(batch);
        self.bytes += bytes;
        self.since_ms.get_or_insert(now_ms);
    }

    /// Whether there is anything to settle.
    pub(super) fn is_empty(&self) -> bool {
        self.since_ms.is_none()
    }

    /// Whether it is to be settled now.
    pub(super) fn is_due(&self, now_ms: u64) -> bool {
        let Some(since_ms) = self.since_ms else { return false };
        self.is_full() || now_ms.saturating_sub(since_ms) >= SETTLE_MS
    }

    /// What is to be settled, together with this batch.
    pub(super) fn settle(&mut self, with: Vec<Change>) -> BatchSummary {
        let Journal { mut sum, .. } = std::mem::take(self);
        sum.add(with);
        sum
    }
}

/// The thread that has the store's upkeep called when the journal is due and nothing is committed any more.
pub(super) struct Alarm {
    shared: Arc<AlarmShared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct AlarmShared {
    set: Notify,
    stop: Notify,
    wake: OnceLock<Arc<Wake>>,
}

impl Alarm {
    pub(super) fn start(connector: &Connector) -> Result<Alarm, StoreError> {
        let runtime = runtime()?;
        let shared = Arc::<AlarmShared>::default();
        let (time, of_thread) = (connector.time.clone(), Arc::clone(&shared));
        let thread = std::thread::Builder::new().name("settle".into()).spawn(move || {
            let ringing = async {
                loop {
                    of_thread.set.notified().await;
                    time.pause(Duration::from_millis(SETTLE_MS)).await;
                    if let Some(wake) = of_thread.wake.get() {
                        wake();
                    }
                }
            };
            runtime.block_on(async {
                tokio::select! {
                    () = ringing => {}
                    () = of_thread.stop.notified() => {}
                }
            });
            runtime.shutdown_background();
        });
        let thread =
            thread.map_err(|error| StoreError::Internal { detail: format!("no thread to settle: {error}") })?;
        Ok(Alarm { shared, thread: Some(thread) })
    }

    /// Has this called when it rings.
    pub(super) fn wakes(&self, wake: Arc<Wake>) {
        // The first stays.
        let _ = self.shared.wake.set(wake);
    }

    /// It is to ring once, after the time for which batches stay in the journal.
    pub(super) fn set(&self) {
        self.shared.set.notify_one();
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.shared.stop.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Alarm").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Body, Effect, Message, MessageId, MessageState, MessageStatus, StoredMessage, Time};

    fn stored(number: u64) -> Change {
        let status = MessageStatus {
            order: number,
            state: MessageState::Visible,
            deadline: None,
            receive_count: 0,
            first_received: None,
            received_at: None,
        };
        let message = Message {
            id: MessageId([1; 16]),
            body: Body::from("hello"),
            body_md5: [0; 16],
            extra: None,
            group: None,
            sent: Time(5),
            retained_from: Time(5),
            first_received: None,
            receive_count: 0,
        };
        let effect = Effect::Stored(Box::new(StoredMessage { slot: 1, number, status, message }));
        Change::Effect { queue: 7, effect }
    }

    fn removed(number: u64) -> Change {
        Change::Effect { queue: 7, effect: Effect::Removed { slot: 1, number } }
    }

    #[test]
    fn it_takes_what_no_other_node_reads() {
        let journal = Journal::default();
        assert!(journal.takes(&[stored(1), removed(1), Change::Proof]));
        assert!(!journal.takes(&[stored(1), Change::QueueDeleted { uid: 7, at: Time(1) }]));
        assert!(!journal.takes(&[Change::Handed { uid: 7, to: 2 }]));
    }

    #[test]
    fn it_is_due_by_time_rows_or_bytes() {
        let mut journal = Journal::default();
        assert!(!journal.is_due(1_000_000));
        journal.appended(vec![Change::Proof], 5, 1_000);
        assert!(!journal.is_empty() && !journal.is_due(5_999) && journal.is_due(6_000));
        assert!(journal.settle(Vec::new()).queues.is_empty());
        assert!(journal.is_empty() && !journal.is_due(1_000_000));

        let last = ROWS_MAX as u64;
        journal.appended((1..last).map(stored).collect(), 5, 0);
        assert!(!journal.is_due(0));
        assert!(journal.takes(&[stored(last)]));
        journal.appended(vec![stored(last)], 5, 0);
        assert!(journal.is_due(0) && !journal.takes(&[stored(last + 1)]), "who never has it settled fills no memory");
        journal.appended((1..=last).map(removed).collect(), 5, 0);
        assert!(!journal.is_due(0), "what has gone again is not to be written");
        assert!(journal.settle(Vec::new()).queues[&7].messages.is_empty());

        journal.appended(vec![stored(1)], BYTES_MAX - 1, 0);
        assert!(!journal.is_due(0));
        journal.appended(vec![removed(1)], 1, 0);
        assert!(journal.is_due(0));
    }
}
