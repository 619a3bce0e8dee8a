//! What a node that has gone left in the journal becomes rows, by another node's hand.
//!
//! Whoever loads queues does this first; of several that do it at once, one does it, and the others wait for it. The
//! node that does it is held meanwhile, like in each commit: if it is declared gone, its transaction has ended.
//!
//! **Invariant:** rows of a queue are read by its owner when all its earlier owners have settled, or have been settled.

use tokio_postgres::Client;

use super::commit::{Call, execute};
use super::connect::{Connector, Session};
use super::entries;
use super::errors::{self, Trouble};
use super::statements::Statements;
use super::write::Queues;
use crate::store::StoreError;
use crate::store::compact::BatchSummary;

const UNSETTLED: &str = "SELECT id FROM kew.node WHERE state = 'gone' AND NOT settled ORDER BY id";

const READ: &str = "SELECT seq, payload FROM kew.journal WHERE node = $1 AND seq > $2 ORDER BY seq, part";

const RESERVED: &str = "SELECT uid, reserved FROM kew.queue WHERE uid = ANY ($1)";

/// Settles the journals of all nodes that have gone.
pub(super) struct Settling<'a> {
    pub connector: &'a Connector,
    pub session: &'a Session,
    /// The node that does it.
    pub node: i64,
}

impl Settling<'_> {
    /// # Errors
    ///
    /// If the database does not answer, does not hold what was written, or this node has gone.
    pub(super) async fn all(&self) -> Result<(), StoreError> {
        let rows = self.in_time(self.session.client.query(UNSETTLED, &[])).await?;
        if rows.is_empty() {
            return Ok(());
        }
        let statements = self.in_time(Statements::prepare(&self.session.client)).await?;
        for row in rows {
            self.one(&statements, row.get(0)).await?;
        }
        Ok(())
    }

    async fn one(&self, statements: &Statements, dead: i64) -> Result<(), StoreError> {
        let client = &self.session.client;
        self.in_time(client.batch_execute("BEGIN")).await?;
        let settled = self.inside(client, statements, dead).await;
        let end = if matches!(settled, Ok(true)) { "COMMIT" } else { "ROLLBACK" };
        self.in_time(client.batch_execute(end)).await?;
        settled.map(|_| ())
    }

    /// Inside a transaction. Whether it is to be committed.
    async fn inside(&self, client: &Client, statements: &Statements, dead: i64) -> Result<bool, StoreError> {
        let row = self.in_time(client.query_one("SELECT kew.settle($1, $2)", &[&self.node, &dead])).await?;
        let Some(behind) = row.get::<_, Option<i64>>(0) else { return Ok(false) };
        let sum = self.read(client, dead, behind).await?;
        let uids: Vec<i64> = sum.queues.keys().map(|uid| uid.cast_signed()).collect();
        let mut queues = Queues::default();
        for row in self.in_time(client.query(RESERVED, &[&uids])).await? {
            queues.add(row.get::<_, i64>(0).cast_unsigned(), row.get::<_, i64>(1).cast_unsigned());
        }
        let calls: Vec<Call<'_>> = queues.write(&sum);
        for done in self.in_time(async { Ok(execute(client, statements, self.node, &calls).await) }).await? {
            done.map_err(|error| self.error(&error))?;
        }
        let sql = "UPDATE kew.node SET settled = true WHERE id = $1";
        self.in_time(client.execute(sql, &[&dead])).await?;
        self.in_time(client.execute("DELETE FROM kew.journal WHERE node = $1", &[&dead])).await?;
        if sum.rows > 0 {
            tracing::info!("what node {dead} had in the journal alone is in {} rows now", sum.rows);
        }
        Ok(true)
    }

    /// What a node has in the journal behind a batch.
    async fn read(&self, client: &Client, dead: i64, behind: i64) -> Result<BatchSummary, StoreError> {
        let rows = self.in_time(client.query(READ, &[&dead, &behind])).await?;
        let mut sum = BatchSummary::default();
        for batch in rows.chunk_by(|one, next| one.get::<_, i64>(0) == next.get::<_, i64>(0)) {
            let bytes: Vec<u8> = batch.iter().flat_map(|row| row.get::<_, &[u8]>(1)).copied().collect();
            sum.add(entries::decode(&bytes).map_err(|error| {
                let seq: i64 = batch[0].get(0);
                let detail = format!("in kew.journal, batch {seq} of node {dead}: {error}");
                StoreError::Damaged { place: self.connector.place().into(), detail }
            })?);
        }
        Ok(sum)
    }

    async fn in_time<T>(
        &self,
        question: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, StoreError> {
        match self.connector.within(super::connect::PATIENCE, question).await {
            Some(answer) => answer.map_err(|error| self.error(&error)),
            None => Err(self.connector.silent()),
        }
    }

    fn error(&self, error: &tokio_postgres::Error) -> StoreError {
        match errors::judge(self.connector.place(), error) {
            Trouble::Fenced(by) => StoreError::Fenced { by },
            _ => errors::at_start(self.connector.place(), error),
        }
    }
}
