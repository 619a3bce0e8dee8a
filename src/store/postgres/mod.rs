//! The store of `--data postgres://...`: a PostgreSQL that others operate, one row for each message that stays.
//!
//! kew replicates nothing itself. What survives what is what the database promises ([`Promise`]), and the start says
//! it in one sentence.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `schema.sql` `schema_2.sql` `schema_3.sql` `schema_4.sql` `schema.rs` | the tables, the view for people, and what is looked at before a database is used |
//! | `url.rs` `tls.rs` | the URL of a database; which certificates are taken |
//! | `errors.rs` | errors of a database, in the words of the store |
//! | `connect.rs` | a connection, its settings, its warnings |
//! | `promise.rs` | what survives what |
//! | `statements.rs` | the statements of commits |
//! | `commit.rs` | a commit: one round trip, and attempts until its outcome is certain |
//! | `journal.rs` | what has been committed and is not in rows yet, and when it will be |
//! | `entries.rs` | a batch as bytes |
//! | `settling.rs` | what a node that has gone left in the journal becomes rows |
//! | `node.rs` | a life of a kew process: joining, stand-by, taking over, the beat |
//! | `columns.rs` | what columns hold, both ways |
//! | `write.rs` | committing: the summary of a batch becomes statements |
//! | `read.rs` | loading: rows become effects |
//! | `upkeep.rs` | clearing away |
//! | `shared/` | what the nodes of one database know of each other |
//!
//! **Invariant:** a batch is in the database only if its node was not 'gone' at that commit, and whoever sets a node to
//! 'gone' sees all that it ever committed. That rests on the row of the node, which each commit holds, and on nothing
//! else: no clock, no time limit, no connection.
//!
//! **Invariant:** a request is answered only after a commit that the database acknowledged without a warning, or after
//! a barrier behind it (`commit.rs`).
//!
//! **Invariant:** no row that is written by each commit is updated in place, and no statement looks for work.

mod columns;
mod commit;
mod connect;
mod entries;
mod errors;
mod journal;
mod node;
mod promise;
mod read;
mod schema;
mod settling;
mod shared;
mod statements;
mod tls;
mod upkeep;
mod url;
mod write;

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};

use tokio::runtime::Runtime;

use super::{Change, Store, StoreError, StoredItem, Wake};
use crate::clock::NetworkTime;
use crate::engine::Time;
use commit::{Link, Work, application_name};
use connect::{Connector, PATIENCE, apart};
use journal::{Alarm, Journal};
use node::{Beat, Joining};
use schema::Looking;
use settling::Settling;
use upkeep::Upkeep;
use write::Queues;

pub use node::ClusterOptions;
pub use promise::Promise;
pub use shared::{Claimed, ClockLook, Directory, Give, Listed, NodeRow, NodeRowState, Orphan, RoundRead, Shared};

/// What is loaded waits in so many portions to be taken.
const PORTIONS: usize = 8;

/// Options for opening a store.
#[derive(Clone, Debug)]
pub struct Options {
    /// Refuses a database without a synchronous stand-by, unless its storage is replicated.
    pub require_replica: bool,
    /// The operator says that the storage below the database is replicated: what is acknowledged then survives the
    /// loss of a machine without a synchronous stand-by.
    pub replicated_by_storage: bool,
    /// How accounts and regions separate queues, as one word: all kews of a database must have the same.
    pub namespace: String,
    /// What this kew is called in the table of nodes and in the log of others; by default its process and machine.
    pub name: Option<String>,
    /// It is one of several that share the queues.
    pub cluster: Option<ClusterOptions>,
    /// The time for time limits and pauses.
    pub time: NetworkTime,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            require_replica: false,
            replicated_by_storage: false,
            namespace: "merged".into(),
            name: None,
            cluster: None,
            time: NetworkTime::real(),
        }
    }
}

/// The store of one database.
pub struct PostgresStore {
    /// Taken when the store is dropped: it must not be dropped where nothing may block.
    runtime: Option<Runtime>,
    link: Link,
    queues: Queues,
    /// Whether the queues of an earlier life are known.
    is_known: bool,
    journal: Journal,
    alarm: Alarm,
    upkeep: Upkeep,
    beat: Option<Beat>,
    /// What this node is called, if it is one of several.
    shares_as: Option<String>,
    promise: Promise,
    failed: Option<StoreError>,
}

impl PostgresStore {
    /// Opens the store of a database, or makes a new one in it. While another kew serves from it, this waits.
    ///
    /// # Errors
    ///
    /// If the database cannot be reached or used, and if what is there is not a whole store of this version or an
    /// older one.
    pub fn open(url: &str, options: &Options) -> Result<PostgresStore, StoreError> {
        let connector = Connector::new(url, options.time.clone())?;
        let id = fastrand::i64(1..);
        let name = options.name.clone().unwrap_or_else(|| format!("kew {id} (process {})", std::process::id()));
        apart(|| {
            let runtime = connect::runtime()?;
            let opened = runtime.block_on(open(&connector, id, &name, options));
            let promise = match opened {
                Ok(promise) => promise,
                Err(error) => {
                    runtime.shutdown_background();
                    return Err(error);
                }
            };
            // The rounds of one of several nodes raise its beat.
            let alone = options.cluster.is_none();
            let beat = alone.then(|| Beat::start(connector.clone(), id)).transpose()?;
            let alarm = Alarm::start(&connector)?;
            let mut queues = Queues::default();
            // Others may have left something that is to be cleared away.
            queues.discarded = !alone;
            Ok(PostgresStore {
                runtime: Some(runtime),
                link: Link::new(connector, id),
                queues,
                // It has none before it adopts some.
                is_known: !alone,
                journal: Journal::default(),
                alarm,
                upkeep: Upkeep::default(),
                beat,
                shares_as: (!alone).then_some(name),
                promise,
                failed: None,
            })
        })
    }

    /// What survives what.
    #[must_use]
    pub fn promise(&self) -> &Promise {
        &self.promise
    }

    /// The number by which the database knows this kew: the column `kew.node.id`.
    #[must_use]
    pub fn node(&self) -> i64 {
        self.link.node
    }

    /// What it shares with other nodes. To be had more than once.
    ///
    /// # Errors
    /// If it was not opened as one of several.
    pub fn shared(&self) -> Result<Shared, StoreError> {
        let name = self.shares_as.clone().ok_or_else(|| StoreError::Internal {
            detail: format!("{}: this kew shares it with no other", self.link.connector.place()),
        })?;
        Ok(Shared::new(self.link.connector.clone(), self.link.node, name))
    }

    /// Puts all that was committed into rows, where people can see it. It takes place by itself a few seconds after a
    /// commit, and when the store is closed.
    ///
    /// # Errors
    ///
    /// As [`Store::commit`].
    pub fn settle_now(&mut self) -> Result<(), StoreError> {
        self.unless_failed()?;
        if self.journal.is_empty() {
            return Ok(());
        }
        self.settle(Vec::new()).map_err(|error| self.fail(error))
    }

    /// Commits a batch by the journal.
    fn append(&mut self, batch: Vec<Change>) -> Result<(), StoreError> {
        let Some(runtime) = &self.runtime else { return Ok(()) };
        let place = self.link.connector.place();
        let bytes = entries::encode(&batch).map_err(|error| StoreError::Internal {
            detail: format!("{place}: a batch could not be written down: {error}"),
        })?;
        runtime.block_on(self.link.commit(Work::Append(&bytes)))?;
        self.journal.appended(batch, bytes.len(), self.link.connector.time.now_ms());
        Ok(())
    }

    /// Commits a batch as rows, with all that the journal has.
    fn settle(&mut self, batch: Vec<Change>) -> Result<(), StoreError> {
        let Some(runtime) = &self.runtime else { return Ok(()) };
        let has_appended = !self.journal.is_empty();
        let summary = self.journal.settle(batch);
        let mut calls = self.queues.write(&summary);
        if has_appended {
            calls.push(self.link.forget_journal());
        }
        runtime.block_on(self.link.commit(Work::Settle(&calls)))
    }

    /// Remembers an error for good.
    fn fail(&mut self, error: StoreError) -> StoreError {
        self.failed = Some(error.clone());
        error
    }

    fn unless_failed(&self) -> Result<(), StoreError> {
        self.failed.clone().map_or(Ok(()), Err)
    }

    fn read(&mut self, now: Time, to: SyncSender<Vec<StoredItem>>) -> Result<(), StoreError> {
        if self.shares_as.is_some() {
            // One of several loads its queues one by one.
            return Ok(());
        }
        let PostgresStore { runtime: Some(runtime), link, queues, .. } = self else { return Ok(()) };
        runtime.block_on(async {
            let name = format!("{}/load", application_name(link.node));
            let session = link.connector.connect_at_start(&name).await?;
            Settling { connector: &link.connector, session: &session, node: link.node }.all().await?;
            let source = read::Source { client: &session.client, connector: &link.connector, patience: None };
            let sink = read::Portions { queues, to, items: Vec::new() };
            read::Loading { source, now, sink }.everything().await?;
            let waiting = session.client.query_one("SELECT EXISTS (SELECT FROM kew.transfer)", &[]).await;
            if waiting.map_err(|error| errors::at_start(link.connector.place(), &error))?.get(0) {
                tracing::warn!(
                    "{}: messages are on their way between queues of several nodes; they arrive when kew is started with \
                     --peer again",
                    link.connector.place()
                );
            }
            commit::settle_reading(&link.connector, &session, link.node).await
        })?;
        self.is_known = true;
        self.queues.discarded = true;
        Ok(())
    }

    /// Without loading: the queues of an earlier life.
    fn know(&mut self) -> Result<(), StoreError> {
        if self.is_known {
            return Ok(());
        }
        let PostgresStore { runtime: Some(runtime), link, queues, .. } = self else { return Ok(()) };
        runtime.block_on(async {
            let name = format!("{}/load", application_name(link.node));
            let session = link.connector.connect_at_start(&name).await?;
            Settling { connector: &link.connector, session: &session, node: link.node }.all().await?;
            let rows = session.client.query("SELECT uid, reserved FROM kew.queue", &[]).await;
            for row in rows.map_err(|error| errors::at_start(link.connector.place(), &error))? {
                queues.add(row.get::<_, i64>(0).cast_unsigned(), row.get::<_, i64>(1).cast_unsigned());
            }
            Ok::<_, StoreError>(())
        })?;
        self.is_known = true;
        self.queues.discarded = true;
        Ok(())
    }
}

/// Looks at the database, makes the schema if need be, and joins as the node that serves.
async fn open(connector: &Connector, id: i64, name: &str, options: &Options) -> Result<Promise, StoreError> {
    let session = connector.connect_at_start(&application_name(id)).await?;
    let looking = Looking { client: &session.client, place: connector.place() };
    let mut promise = looking.server().await?;
    promise.replicated_by_storage = options.replicated_by_storage;
    promise.refuse(connector.place(), options.require_replica)?;
    looking.schema(&options.namespace).await?;
    Joining { connector, id, name, cluster: options.cluster.as_ref() }.join(session).await?;
    Ok(promise)
}

impl Store for PostgresStore {
    fn load(&mut self, now: Time, visit: &mut dyn FnMut(StoredItem)) -> Result<(), StoreError> {
        let (to, portions) = sync_channel(PORTIONS);
        std::thread::scope(|scope| {
            let reading = scope.spawn(|| self.read(now, to));
            portions.into_iter().flatten().for_each(visit);
            match reading.join() {
                Ok(read) => read,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }

    fn commit(&mut self, _: Time, batch: Vec<Change>) -> Result<(), StoreError> {
        self.unless_failed()?;
        self.know().map_err(|error| self.fail(error))?;
        let committed = if self.journal.takes(&batch) { self.append(batch) } else { self.settle(batch) };
        committed.map_err(|error| self.fail(error))
    }

    fn upkeep(&mut self, now: Time) -> Result<bool, StoreError> {
        self.unless_failed()?;
        self.know().map_err(|error| self.fail(error))?;
        if self.journal.is_due(self.link.connector.time.now_ms()) {
            self.settle(Vec::new()).map_err(|error| self.fail(error))?;
        } else if !self.journal.is_empty() {
            self.alarm.set();
        }
        let PostgresStore { runtime: Some(runtime), link, queues, upkeep, beat, .. } = self else { return Ok(false) };
        let has_gone = beat.as_ref().is_some_and(Beat::has_gone);
        let done = runtime.block_on(async {
            if has_gone {
                // The database says for certain, and by whom.
                link.tidy(&[]).await?;
            }
            upkeep.step(link, queues, now).await
        });
        done.map_err(|error| self.fail(error))
    }

    fn wakes(&mut self, wake: Wake) {
        let wake = Arc::new(wake);
        self.alarm.wakes(Arc::clone(&wake));
        if let Some(beat) = &self.beat {
            beat.wakes(wake);
        }
    }
}

impl Drop for PostgresStore {
    fn drop(&mut self) {
        // No beat of a node that has left.
        self.beat = None;
        let Some(runtime) = self.runtime.take() else { return };
        let summary = (self.failed.is_none() && !self.journal.is_empty()).then(|| self.journal.settle(Vec::new()));
        let PostgresStore { link, queues, .. } = self;
        apart(|| {
            runtime.block_on(async {
                if let Some(summary) = &summary {
                    let mut calls = queues.write(summary);
                    calls.push(link.forget_journal());
                    link.settle_at_last(&calls, PATIENCE).await;
                }
                node::leave(&link.connector, link.node).await;
            });
            runtime.shutdown_background();
        });
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore").field("place", &self.link.connector.place()).finish_non_exhaustive()
    }
}
