//! What a node that has gone left in the journal becomes rows, by another node's hand.
//!
//! Whoever loads queues does this first; of several that do it at once, one does it, and the others wait for it. The
//! node that does it is held meanwhile, like in each commit: if it is declared gone, its transaction has ended.
//!
//! **Invariant:** rows of a queue are read by its owner when all its earlier owners have settled, or have been settled.

use std::pin::pin;
use std::time::Duration;

use tokio_postgres::Client;
use tokio_postgres::types::ToSql;

use super::commit::{Call, execute};
use super::connect::{Connector, PATIENCE, Session};
use super::entries;
use super::errors::{self, Trouble};
use super::read::next;
use super::statements::Statements;
use super::write::Queues;
use crate::store::StoreError;
use crate::store::compact::BatchSummary;

const UNSETTLED: &str = "SELECT id FROM kew.node WHERE state = 'gone' AND NOT settled ORDER BY id";

const READ: &str = "SELECT seq, payload FROM kew.journal WHERE node = $1 AND seq > $2 ORDER BY seq, part";

const RESERVED: &str = "SELECT uid, reserved FROM kew.queue WHERE uid = ANY ($1)";

/// A database that takes less than that, even into its log alone, is given up. Who reads waits for one row at a time.
const BYTES_A_SECOND_MIN: usize = 500_000;

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
        let (end, limit) = match settled {
            Ok(Some(bytes)) => ("COMMIT", time_for(bytes)),
            _ => ("ROLLBACK", PATIENCE),
        };
        self.within(limit, client.batch_execute(end)).await?;
        settled.map(|_| ())
    }

    /// Inside a transaction. How many bytes became rows; `None` if that has been done.
    async fn inside(&self, client: &Client, statements: &Statements, dead: i64) -> Result<Option<usize>, StoreError> {
        let row = self.in_time(client.query_one("SELECT kew.settle($1, $2)", &[&self.node, &dead])).await?;
        let Some(behind) = row.get::<_, Option<i64>>(0) else { return Ok(None) };
        let (sum, bytes) = self.read(client, dead, behind).await?;
        let uids: Vec<i64> = sum.queues.keys().map(|uid| uid.cast_signed()).collect();
        let mut queues = Queues::default();
        for row in self.in_time(client.query(RESERVED, &[&uids])).await? {
            queues.add(row.get::<_, i64>(0).cast_unsigned(), row.get::<_, i64>(1).cast_unsigned());
        }
        let calls: Vec<Call<'_>> = queues.write(&sum);
        let written = async { Ok(execute(client, statements, self.node, &calls).await) };
        for done in self.within(time_for(bytes), written).await? {
            done.map_err(|error| self.error(&error))?;
        }
        let sql = "UPDATE kew.node SET settled = true WHERE id = $1";
        self.in_time(client.execute(sql, &[&dead])).await?;
        self.in_time(client.execute("DELETE FROM kew.journal WHERE node = $1", &[&dead])).await?;
        if sum.rows > 0 {
            tracing::info!("what node {dead} had in the journal alone is in {} rows now", sum.rows);
        }
        Ok(Some(bytes))
    }

    /// What a node has in the journal behind a batch, and how many bytes that are.
    async fn read(&self, client: &Client, dead: i64, behind: i64) -> Result<(BatchSummary, usize), StoreError> {
        let params: [&(dyn ToSql + Sync); 2] = [&dead, &behind];
        let mut rows = pin!(self.in_time(client.query_raw(READ, params)).await?);
        let mut batches: Vec<(i64, Vec<u8>)> = Vec::new();
        while let Some(row) = self.in_time(next(&mut rows)).await? {
            let (seq, part): (i64, &[u8]) = (row.get(0), row.get(1));
            match batches.last_mut() {
                Some((of, bytes)) if *of == seq => bytes.extend_from_slice(part),
                _ => batches.push((seq, part.to_vec())),
            }
        }
        let (mut sum, mut read) = (BatchSummary::default(), 0);
        for (seq, bytes) in batches {
            read += bytes.len();
            sum.add(entries::decode(&bytes).map_err(|error| {
                let detail = format!("in kew.journal, batch {seq} of node {dead}: {error}");
                StoreError::Damaged { place: self.connector.place().into(), detail }
            })?);
        }
        Ok((sum, read))
    }

    async fn in_time<T>(
        &self,
        question: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, StoreError> {
        self.within(PATIENCE, question).await
    }

    async fn within<T>(
        &self,
        limit: Duration,
        question: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, StoreError> {
        self.connector.in_time(limit, question).await?.map_err(|error| self.error(&error))
    }

    fn error(&self, error: &tokio_postgres::Error) -> StoreError {
        match errors::judge(self.connector.place(), error) {
            Trouble::Fenced(by) => StoreError::Fenced { by },
            _ => errors::at_start(self.connector.place(), error),
        }
    }
}

/// How long so many bytes may take to be written.
fn time_for(bytes: usize) -> Duration {
    PATIENCE + Duration::from_secs((bytes / BYTES_A_SECOND_MIN) as u64)
}
