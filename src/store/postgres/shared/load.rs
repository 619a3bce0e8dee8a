//! A queue is loaded by its owner, while other queues are served.

use super::super::connect::{PATIENCE, Session};
use super::super::read::{Found, Loading, Sink, Source};
use super::super::settling::Settling;
use super::control::Shared;
use crate::engine::Time;
use crate::store::expiry::{ExpiryMark, ExpiryMarks};
use crate::store::{AdoptedQueue, StoreError, StoredItem};

/// Takes what is read of one queue.
struct One<'a> {
    adopted: AdoptedQueue,
    marks: ExpiryMarks,
    marked: Option<Time>,
    visit: &'a mut (dyn FnMut(StoredItem) + Send),
}

impl Sink for One<'_> {
    fn queue(&mut self, uid: u64, reserved: u64) {
        (self.adopted.uid, self.adopted.reserved) = (uid, reserved);
    }

    fn note(&mut self, mark: ExpiryMark, last: bool) {
        self.marks.note(&mut self.marked, mark, last);
    }

    fn item(&mut self, item: StoredItem) -> Result<(), StoreError> {
        (self.visit)(item);
        Ok(())
    }
}

impl Shared {
    /// Visits a queue of this node with all that is in it, in the order of [`StoredItem`], and its move tasks. What is
    /// answered says what a later commit has to know, and that all that was visited is as durable as the database
    /// promises. `None`, and nothing was visited, if the queue is not this node's.
    ///
    /// # Errors
    /// When the database does not answer, or does not hold what was written. What was visited must not be used then;
    /// the queue is to be loaded again from the beginning.
    pub async fn load_queue(
        &mut self,
        uid: u64,
        now: Time,
        visit: &mut (dyn FnMut(StoredItem) + Send),
    ) -> Result<Option<AdoptedQueue>, StoreError> {
        let session = self.take_for_loading().await?;
        session.take_warning();
        let connector = &self.connector;
        self.in_time(self.begin(&session.client)).await?;
        let sink = One { adopted: AdoptedQueue::default(), marks: ExpiryMarks::default(), marked: None, visit };
        let source = Source { client: &session.client, connector, patience: Some(PATIENCE) };
        let mut loading = Loading { source, now, sink };
        let mut found = loading.queue_of(self.node, uid.cast_signed()).await?;
        while found == Found::Unsettled {
            self.in_time(session.client.batch_execute("ROLLBACK")).await?;
            Settling { connector, session: &session, node: self.node }.all().await?;
            self.in_time(self.begin(&session.client)).await?;
            found = loading.queue_of(self.node, uid.cast_signed()).await?;
        }
        let One { mut adopted, marks, .. } = loading.sink;
        // The locks of the rows are written to the log: this waits for the stand-by to have them, and with them all
        // that was read.
        self.in_time(session.client.batch_execute("COMMIT")).await?;
        self.settle_commit(&session).await?;
        self.loading = Some(session);
        adopted.expiring = marks.into_pairs();
        Ok((found == Found::All).then_some(adopted))
    }

    async fn take_for_loading(&mut self) -> Result<Session, StoreError> {
        match self.loading.take().filter(|session| !session.is_lost()) {
            Some(session) => Ok(session),
            None => {
                let session = self.connect("queue", self.loading_backend.as_deref()).await?;
                self.loading_backend = Some(session.backend.clone());
                Ok(session)
            }
        }
    }
}
