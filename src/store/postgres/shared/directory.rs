//! The directory: which queues there are, what they are like, and whose they are. Read in portions by the number of the
//! last change, `kew.meta.rev`.

use std::pin::pin;
use std::time::Duration;

use tokio_postgres::{Client, Row};

use super::super::columns::RecordText;
use super::super::read::{get, next, unsigned};
use super::control::Shared;
use crate::engine::Time;
use crate::store::{QueueRecord, StoreError};

/// Reading all of it may take longer than a question.
const PATIENCE: Duration = Duration::from_secs(60);

const REV: &str = "SELECT rev, forgotten FROM kew.meta";

const QUEUES: &str = "SELECT uid, account, region, name, record::text, owner, epoch FROM kew.queue WHERE rev > $1";

const DELETED: &str = "SELECT uid FROM kew.gone_queue WHERE rev > $1";

const NAMES: &str = "SELECT account, region, name, at_ms FROM kew.deleted_queue";

/// Less than any number of a change: who has read nothing yet.
const NOTHING: i64 = -1;

/// A queue of any node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// What it is like.
    pub record: QueueRecord,
    /// The node that has it, or had it, if that has gone.
    pub owner: i64,
    /// Goes up whenever it is given to another.
    pub epoch: u64,
}

/// What has changed of the queues, or all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory {
    /// Changes up to this one are in it. Some later ones may be.
    pub rev: u64,
    /// All queues that there are; what is not here is not there.
    pub whole: bool,
    /// Queues that were made, changed or given away. One that is among the deleted ones as well was deleted after that.
    pub queues: Vec<Listed>,
    /// Queues that were deleted.
    pub deleted: Vec<u64>,
    /// Account, region and name of all queues that were deleted in the last minute or a little longer, and when.
    pub names: Vec<(String, String, String, Time)>,
}

impl Shared {
    /// What has changed since the directory of that number. All of it without one; when that is too long ago; and over
    /// a new connection, which may lead to a database that never knew of the last changes.
    ///
    /// # Errors
    /// When the database does not answer, or does not hold what was written.
    pub async fn directory(&mut self, since: Option<u64>) -> Result<Directory, StoreError> {
        self.read(since, false).await
    }

    /// The same with everything that any node has acknowledged by now, and nothing that may be lost with the primary. A server
    /// does not answer this whose place another has taken without its knowledge.
    ///
    /// # Errors
    /// The same.
    pub async fn directory_for_certain(&mut self, since: Option<u64>) -> Result<Directory, StoreError> {
        self.read(since, true).await
    }

    async fn read(&mut self, since: Option<u64>, for_certain: bool) -> Result<Directory, StoreError> {
        let session = self.take().await?;
        let since = since.filter(|_| self.directory_read_by == Some(self.connections));
        let directory = self.connector.in_time(PATIENCE, self.read_directory(&session.client, since)).await??;
        if for_certain {
            self.settle(&session).await?;
        }
        self.directory_read_by = Some(self.connections);
        self.give_back(session);
        Ok(directory)
    }

    async fn read_directory(&self, client: &Client, since: Option<u64>) -> Result<Directory, StoreError> {
        // One state of the database: what is forgotten meanwhile is not missed.
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        self.in_time(client.batch_execute(begin)).await?;
        let row = self.in_time(client.query_one(REV, &[])).await?;
        let (rev, forgotten): (i64, i64) = (row.get(0), row.get(1));
        let since = since.map(u64::cast_signed).filter(|since| (forgotten..=rev).contains(since));
        let mut directory = Directory {
            rev: rev.cast_unsigned(),
            whole: since.is_none(),
            queues: Vec::new(),
            deleted: Vec::new(),
            names: Vec::new(),
        };
        let changed = since.is_none_or(|since| since < rev);
        let since = since.unwrap_or(NOTHING);
        if changed {
            let params: [&(dyn tokio_postgres::types::ToSql + Sync); 1] = [&since];
            let rows = self.in_time(client.query_raw(QUEUES, params)).await?;
            let mut rows = pin!(rows);
            while let Some(row) = self.in_time(next(&mut rows)).await? {
                let listed = listed(&row).map_err(|error| {
                    let name = row.try_get::<_, String>(3).unwrap_or_default();
                    self.damaged(format!("the row of queue {name} in kew.queue: {error}"))
                })?;
                directory.queues.push(listed);
            }
        }
        if changed && !directory.whole {
            let rows = self.in_time(client.query(DELETED, &[&since])).await?;
            directory.deleted = rows.iter().map(|row| row.get::<_, i64>(0).cast_unsigned()).collect();
        }
        for row in self.in_time(client.query(NAMES, &[])).await? {
            let name = || Ok((get(&row, 0)?, get(&row, 1)?, get(&row, 2)?, Time(unsigned(&row, 3)?)));
            let name = name().map_err(|error: String| self.damaged(format!("in kew.deleted_queue: {error}")))?;
            directory.names.push(name);
        }
        self.in_time(client.batch_execute("COMMIT")).await?;
        Ok(directory)
    }
}

fn listed(row: &Row) -> Result<Listed, String> {
    let uid = get::<i64>(row, 0)?.cast_unsigned();
    let record = RecordText::read(get(row, 4)?, uid, (get(row, 1)?, get(row, 2)?, get(row, 3)?))?;
    Ok(Listed { record, owner: get(row, 5)?, epoch: unsigned(row, 6)? })
}
