//! A life of a kew process in the database: joining, waiting as a stand-by, taking over, the beat, leaving.
//!
//! One kew serves at a time. Another that is started waits, and looks once a second: the beat of the one that serves
//! goes up as long as it lives. A beat that stands still for some rounds makes it suspect; then it is set to 'gone',
//! which no commit of it gets past.
//!
//! **Invariant:** correctness does not depend on the judgement: a kew that was taken for dead wrongly learns it at its
//! next commit, and has acknowledged nothing that its successor did not load.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_postgres::Client;

use super::commit::application_name;
use super::connect::{Connector, PATIENCE, Session, runtime};
use super::errors;
use super::schema::ADVISORY_LOCK;
use crate::store::{StoreError, Wake};

/// How often a beat goes up, and how often a stand-by looks.
const ROUND: Duration = Duration::from_secs(1);
const ROUND_MS: u64 = 1_000;

/// A beat that stood still for so many rounds is that of a node to be taken over.
const ROUNDS: u32 = 6;

/// The same if the node has no session in the database any more, as after a crash of its process.
const ROUNDS_WITHOUT_SESSIONS: u32 = 2;

/// How long leaving may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// What is known of another node from looking at its beat.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Suspicion {
    beat: Option<i64>,
    /// Rounds in which it stood still.
    still: u32,
    looked_ms: u64,
}

impl Suspicion {
    /// Takes what a round has found, and says whether the node is to be taken over. Rounds that follow the one before
    /// within a second do not count; nor do those in which the database did not answer, which are not told.
    pub(super) fn look(&mut self, now_ms: u64, beat: i64, has_sessions: bool) -> bool {
        if self.beat != Some(beat) {
            *self = Suspicion { beat: Some(beat), still: 0, looked_ms: now_ms };
        } else if now_ms.saturating_sub(self.looked_ms) >= ROUND_MS {
            self.still += 1;
            self.looked_ms = now_ms;
        }
        self.still >= if has_sessions { ROUNDS } else { ROUNDS_WITHOUT_SESSIONS }
    }
}

/// Another node that has not gone.
struct Other {
    id: i64,
    name: String,
    beat: i64,
    has_sessions: bool,
}

/// A node that is about to join.
pub(super) struct Joining<'a> {
    pub connector: &'a Connector,
    pub id: i64,
    pub name: &'a str,
}

impl Joining<'_> {
    /// Joins as the node that serves; as long as another one does, this waits.
    pub(super) async fn join(&self, mut session: Session) -> Result<(), StoreError> {
        let mut known: HashMap<i64, Suspicion> = HashMap::new();
        let mut told = None;
        loop {
            match self.round(&session.client, &mut known, &mut told).await {
                Ok(true) => return Ok(()),
                Ok(false) => self.connector.time.pause(ROUND).await,
                // A stand-by outlives a database that is away for a while; a start does not wait for one.
                Err(error @ StoreError::Unreachable { .. }) if told.is_some() => {
                    tracing::warn!("{error}");
                    session = self.again().await;
                    // What stood still with the database has not stood still.
                    known.clear();
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn again(&self) -> Session {
        loop {
            self.connector.time.pause(ROUND).await;
            if let Ok(session) = self.connector.connect_at_start(&application_name(self.id)).await {
                return session;
            }
        }
    }

    /// Looks once. Returns whether this node serves now.
    async fn round(
        &self,
        client: &Client,
        known: &mut HashMap<i64, Suspicion>,
        told: &mut Option<i64>,
    ) -> Result<bool, StoreError> {
        let others = self.connector.within(PATIENCE, others(client, self.id)).await;
        let others = others.ok_or_else(|| self.connector.silent())?.map_err(|error| self.error(&error))?;
        let now_ms = self.connector.time.now_ms();
        let mut alive = None;
        for other in &others {
            let suspicion = known.entry(other.id).or_default();
            if !suspicion.look(now_ms, other.beat, other.has_sessions) {
                alive = Some(other);
            }
        }
        if let Some(other) = alive {
            if *told != Some(other.id) {
                *told = Some(other.id);
                tracing::info!("{} is served by {}; waiting as its stand-by", self.connector.place(), other.name);
            }
            return Ok(false);
        }
        let taken = self.connector.within(PATIENCE, self.take_over(client, &others)).await;
        match taken.ok_or_else(|| self.connector.silent())? {
            Ok(joined) => Ok(joined),
            Err(error) => {
                let _ = client.batch_execute("ROLLBACK").await;
                if error.code().is_some_and(|code| code.code() == "55P03") {
                    // One of its sessions holds the row, in the middle of a commit.
                    terminate(client, &others).await.map_err(|error| self.error(&error))?;
                    return Ok(false);
                }
                Err(self.error(&error))
            }
        }
    }

    fn error(&self, error: &tokio_postgres::Error) -> StoreError {
        errors::at_start(self.connector.place(), error)
    }

    /// Sets these nodes to 'gone' and joins, unless something has changed meanwhile.
    async fn take_over(&self, client: &Client, dead: &[Other]) -> Result<bool, tokio_postgres::Error> {
        let begin = format!("BEGIN; SET LOCAL lock_timeout = '500ms'; SELECT pg_advisory_xact_lock({ADVISORY_LOCK})");
        client.batch_execute(&begin).await?;
        for node in dead {
            // Its beat is held as well: one that goes on waits until it is told that it has gone.
            let still = "UPDATE kew.beat SET beat = beat WHERE node = $1 AND beat = $2";
            if client.execute(still, &[&node.id, &node.beat]).await? == 0 {
                continue;
            }
            let sql =
                "UPDATE kew.node SET state = 'gone', gone_by = $2, gone = now() WHERE id = $1 AND state <> 'gone'";
            client.execute(sql, &[&node.id, &self.name]).await?;
        }
        let left = "SELECT count(*) FROM kew.node WHERE state <> 'gone' AND id <> $1";
        if client.query_one(left, &[&self.id]).await?.get::<_, i64>(0) > 0 {
            client.batch_execute("ROLLBACK").await?;
            return Ok(false);
        }
        let version = env!("CARGO_PKG_VERSION");
        let sql =
            "INSERT INTO kew.node (id, state, name, version) VALUES ($1, 'serving', $2, $3) ON CONFLICT DO NOTHING";
        client.execute(sql, &[&self.id, &self.name, &version]).await?;
        let sql = "INSERT INTO kew.beat (node, beat) VALUES ($1, 0) ON CONFLICT DO NOTHING";
        client.execute(sql, &[&self.id]).await?;
        client.execute("UPDATE kew.queue SET owner = $1, epoch = epoch + 1 WHERE owner <> $1", &[&self.id]).await?;
        // Of those that have gone, nobody asks any more.
        let sql = "DELETE FROM kew.mark WHERE node IN (SELECT id FROM kew.node WHERE state = 'gone')";
        client.execute(sql, &[]).await?;
        let sql = "DELETE FROM kew.beat WHERE node IN (SELECT id FROM kew.node WHERE state = 'gone')";
        client.execute(sql, &[]).await?;
        client.batch_execute("COMMIT").await?;
        for node in dead {
            tracing::warn!("{} has gone without a word; its queues are taken over", node.name);
        }
        Ok(true)
    }
}

async fn others(client: &Client, id: i64) -> Result<Vec<Other>, tokio_postgres::Error> {
    let sql = "SELECT n.id, n.name, coalesce(b.beat, -1), EXISTS (SELECT FROM pg_stat_activity a \
        WHERE a.datname = current_database() \
        AND (a.application_name = 'kew/' || n.id OR a.application_name LIKE 'kew/' || n.id || '/%')) \
        FROM kew.node n LEFT JOIN kew.beat b ON b.node = n.id WHERE n.state <> 'gone' AND n.id <> $1";
    let rows = client.query(sql, &[&id]).await?;
    let other = |row: tokio_postgres::Row| Other {
        id: row.get(0),
        name: row.get(1),
        beat: row.get(2),
        has_sessions: row.get(3),
    };
    Ok(rows.into_iter().map(other).collect())
}

async fn terminate(client: &Client, nodes: &[Other]) -> Result<(), tokio_postgres::Error> {
    for node in nodes {
        let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() \
            AND (application_name = 'kew/' || $1::int8 OR application_name LIKE 'kew/' || $1::int8 || '/%')";
        client.execute(sql, &[&node.id]).await?;
    }
    Ok(())
}

/// Sets a node to 'gone' that has committed its last, so that a stand-by need not wait.
pub(super) async fn leave(connector: &Connector, id: i64) {
    let leaving = async {
        let session = connector.connect(&application_name(id)).await?;
        let sql = "WITH b AS (DELETE FROM kew.beat WHERE node = $1) \
            UPDATE kew.node SET state = 'gone', gone_by = 'itself', gone = now() WHERE id = $1 AND state <> 'gone'";
        session.client.execute(sql, &[&id]).await
    };
    match connector.within(FAREWELL, leaving).await {
        Some(Ok(_)) => {}
        Some(Err(error)) => tracing::debug!("a stand-by will have to notice: {}", errors::chain(&error)),
        None => tracing::debug!("a stand-by will have to notice: no answer"),
    }
}

/// Whether another node has set this one to 'gone', and who is to be told.
#[derive(Default)]
struct Gone {
    has_gone: AtomicBool,
    wake: OnceLock<Wake>,
}

impl Gone {
    fn tell(&self) {
        if let Some(wake) = self.wake.get().filter(|_| self.has_gone.load(Ordering::Acquire)) {
            wake();
        }
    }
}

/// The thread that lets the beat of a node go up.
pub(super) struct Beat {
    stop: Arc<Notify>,
    gone: Arc<Gone>,
    thread: Option<JoinHandle<()>>,
}

impl Beat {
    pub(super) fn start(connector: Connector, id: i64) -> Result<Beat, StoreError> {
        let runtime = runtime()?;
        let (stop, gone) = (Arc::new(Notify::new()), Arc::<Gone>::default());
        let (stopped, has_gone) = (Arc::clone(&stop), Arc::clone(&gone));
        let thread = std::thread::Builder::new().name("beat".into()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = beat(&connector, id) => has_gone.has_gone.store(true, Ordering::Release),
                    () = stopped.notified() => {}
                }
            });
            has_gone.tell();
            runtime.shutdown_background();
        });
        let thread =
            thread.map_err(|error| StoreError::Internal { detail: format!("no thread for the beat: {error}") })?;
        Ok(Beat { stop, gone, thread: Some(thread) })
    }

    /// Whether another node has set this one to 'gone'.
    pub(super) fn has_gone(&self) -> bool {
        self.gone.has_gone.load(Ordering::Acquire)
    }

    /// Has this called when that is heard of.
    pub(super) fn wakes(&self, wake: Wake) {
        // The first stays.
        let _ = self.gone.wake.set(wake);
        self.gone.tell();
    }
}

impl Drop for Beat {
    fn drop(&mut self) {
        self.stop.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Goes on until another node has set this one to 'gone'.
async fn beat(connector: &Connector, id: i64) {
    let name = format!("{}/beat", application_name(id));
    let mut session: Option<Session> = None;
    loop {
        let round = async {
            let open = match session.take().filter(|session| !session.is_lost()) {
                Some(open) => open,
                None => {
                    let open = connector.connect(&name).await?;
                    open.client.batch_execute("SET synchronous_commit = off").await?;
                    open
                }
            };
            let sql = format!(
                "INSERT INTO kew.beat SELECT id, 0 FROM kew.node WHERE id = {id} AND state <> 'gone' \
                 ON CONFLICT (node) DO UPDATE SET beat = kew.beat.beat + 1 RETURNING beat"
            );
            let answers = open.client.simple_query(&sql).await?;
            let beats = answers.iter().any(|answer| matches!(answer, tokio_postgres::SimpleQueryMessage::Row(_)));
            Ok::<_, tokio_postgres::Error>((open, beats))
        };
        match connector.within(PATIENCE, round).await {
            Some(Ok((_, false))) => return,
            Some(Ok((open, true))) => session = Some(open),
            Some(Err(error)) => tracing::debug!("a beat was missed: {}", errors::chain(&error)),
            None => tracing::debug!("a beat was missed: no answer"),
        }
        connector.time.pause(ROUND).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beat_that_goes_up_is_never_suspect_and_one_that_stands_still_is_after_six_rounds() {
        let mut suspicion = Suspicion::default();
        for round in 0..100 {
            assert!(!suspicion.look(round * 1_000, i64::try_from(round / 6).unwrap(), true), "round {round}");
        }
        let mut suspicion = Suspicion::default();
        let found: Vec<bool> = (0..8).map(|round| suspicion.look(round * 1_000, 7, true)).collect();
        assert_eq!(found, [false, false, false, false, false, false, true, true]);
    }

    #[test]
    fn without_sessions_two_rounds_are_enough() {
        let mut suspicion = Suspicion::default();
        let found: Vec<bool> = (0..3).map(|round| suspicion.look(round * 1_000, 7, false)).collect();
        assert_eq!(found, [false, false, true]);
        // It was only away for a moment.
        assert!(!suspicion.look(3_000, 7, true));
    }

    #[test]
    fn looking_more_often_makes_nobody_suspect_earlier() {
        let mut suspicion = Suspicion::default();
        for ms in (0..6_000).step_by(100) {
            assert!(!suspicion.look(ms, 7, true), "after {ms} ms");
        }
        assert!(suspicion.look(6_000, 7, true));
    }
}
