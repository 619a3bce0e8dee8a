//! A life of a kew process in the database: joining, waiting as a stand-by, taking over, the beat, leaving.
//!
//! A kew that serves alone waits as long as any other lives, and looks once a second: the beat of one that serves goes up
//! as long as it lives. A beat that stands still for some rounds makes it suspect; then it is set to 'gone', which no
//! commit of it gets past. One of several waits in the same way for a kew that serves alone, and for nobody else; which
//! of the several have gone, the rounds of the others find out (`shared/`).
//!
//! **Invariant:** correctness does not depend on the judgement: a kew that was taken for dead wrongly learns it at its
//! next commit, and has acknowledged nothing that its successor did not load.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use tokio::sync::Notify;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::commit::application_name;
use super::connect::{Connector, PATIENCE, Session, runtime};
use super::errors;
use super::schema::{ADVISORY_LOCK, VERSION, newer, newer_than};
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

/// One of several kews that share the queues of a database.
#[derive(Clone)]
pub struct ClusterOptions {
    /// Where the others reach it: `http://HOST:PORT`.
    pub peer_url: String,
    /// What all of them know, and nobody else.
    pub secret: String,
}

impl fmt::Debug for ClusterOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClusterOptions").field("peer_url", &self.peer_url).finish_non_exhaustive()
    }
}

/// What is known of another node from looking at its beat.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Suspicion {
    beat: Option<i64>,
    /// Rounds in which it stood still.
    still: u32,
    looked_ms: u64,
}

impl Suspicion {
    /// Whether this beat is another than before.
    fn moved(&self, beat: i64) -> bool {
        self.beat.is_some_and(|before| before != beat)
    }

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
    /// Whether it serves alone.
    is_alone: bool,
}

/// A node that is about to join.
pub(super) struct Joining<'a> {
    pub connector: &'a Connector,
    pub id: i64,
    pub name: &'a str,
    /// If it is to be one of several.
    pub cluster: Option<&'a ClusterOptions>,
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
        let others = self.connector.in_time(PATIENCE, others(client, self.id)).await?;
        let others = others.map_err(|error| self.error(&error))?;
        let now_ms = self.connector.time.now_ms();
        let (schema, is_stranger) = self.tables(client).await?;
        if schema > VERSION {
            // Made newer while this one waited.
            return Err(newer(self.connector.place(), schema));
        }
        let is_older = schema < VERSION;
        let (mut alive, mut dead) = (None, Vec::new());
        for other in others.iter().filter(|other| self.waits_for(other) || is_stranger || is_older) {
            let suspicion = known.entry(other.id).or_default();
            if is_stranger && suspicion.moved(other.beat) {
                return Err(self.stranger(other));
            }
            if suspicion.look(now_ms, other.beat, other.has_sessions) {
                dead.push(other);
            } else {
                alive = Some(other);
            }
        }
        if let Some(other) = alive {
            if *told != Some(other.id) {
                *told = Some(other.id);
                let (place, name) = (self.connector.place(), &other.name);
                if is_older && !self.waits_for(other) {
                    tracing::warn!(
                        "the tables of {place} are of an older kew, and {name} serves with them: waiting until all that \
                         do have been stopped"
                    );
                } else {
                    tracing::info!("{place} is served by {name}; waiting as its stand-by");
                }
            }
            return Ok(false);
        }
        match self.connector.in_time(PATIENCE, self.take_over(client, &dead)).await? {
            Ok(joined) => Ok(joined),
            Err(error) => {
                let _ = client.batch_execute("ROLLBACK").await;
                match error.code() {
                    Some(&SqlState::LOCK_NOT_AVAILABLE) => {
                        // One of its sessions holds the row, in the middle of a commit; or somebody holds a table.
                        tracing::info!("{}: {}", self.connector.place(), errors::chain(&error));
                        let ids = dead.iter().map(|other| other.id);
                        terminate(client, ids).await.map_err(|error| self.error(&error))?;
                        Ok(false)
                    }
                    Some(&SqlState::INSUFFICIENT_PRIVILEGE) => Err(StoreError::Unusable {
                        place: self.connector.place().into(),
                        detail: errors::chain(&error),
                        cure: "start this version once as the user who made the schema kew, who can make it newer"
                            .into(),
                    }),
                    _ => Err(self.error(&error)),
                }
            }
        }
    }

    fn error(&self, error: &tokio_postgres::Error) -> StoreError {
        errors::at_start(self.connector.place(), error)
    }

    /// Whether it has to be waited until this one has gone.
    fn waits_for(&self, other: &Other) -> bool {
        self.cluster.is_none() || other.is_alone
    }

    /// The version of the tables, and whether nodes that may live have another secret than this one.
    async fn tables(&self, client: &Client) -> Result<(i32, bool), StoreError> {
        let secret = self.digest();
        let sql = "SELECT m.schema, EXISTS (SELECT FROM kew.node n WHERE n.state <> 'gone' \
            AND to_json(n) ->> 'peer_url' IS NOT NULL) AND to_json(m) ->> 'secret' IS DISTINCT FROM $1::bytea::text FROM kew.meta m";
        let asked = self.connector.in_time(PATIENCE, client.query_one(sql, &[&secret])).await?;
        let row = asked.map_err(|error| self.error(&error))?;
        Ok((row.get(0), secret.is_some() && row.get(1)))
    }

    fn stranger(&self, other: &Other) -> StoreError {
        StoreError::Unusable {
            place: self.connector.place().into(),
            detail: format!("{} serves from it with another --cluster-secret", other.name),
            cure: "start all kews of a database with the same one; to change it, stop all of them first".into(),
        }
    }

    /// What the database keeps of the secret, to tell another one.
    fn digest(&self) -> Option<Vec<u8>> {
        let secret = &self.cluster?.secret;
        let mut digest = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
        digest.update(b"kew cluster");
        Some(digest.finalize().into_bytes().to_vec())
    }

    /// Sets these nodes to 'gone' and joins, unless something has changed meanwhile.
    async fn take_over(&self, client: &Client, dead: &[&Other]) -> Result<bool, tokio_postgres::Error> {
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
        if !self.may_join(client).await? {
            client.batch_execute("ROLLBACK").await?;
            return Ok(false);
        }
        self.enter(client).await?;
        // Of those that have gone, nobody asks any more.
        let sql = "DELETE FROM kew.mark WHERE node IN (SELECT id FROM kew.node WHERE state = 'gone' AND settled)";
        client.execute(sql, &[]).await?;
        let sql = "DELETE FROM kew.beat WHERE node IN (SELECT id FROM kew.node WHERE state = 'gone')";
        client.execute(sql, &[]).await?;
        client.batch_execute("COMMIT").await?;
        for node in dead {
            tracing::warn!("{} has gone without a word; its queues are taken over", node.name);
        }
        Ok(true)
    }

    /// Whether nobody is left who does not go with this one. Makes the schema newer if it is not of this version.
    async fn may_join(&self, client: &Client) -> Result<bool, tokio_postgres::Error> {
        let sql = "SELECT count(*) FILTER (WHERE to_json(n) ->> 'peer_url' IS NULL), count(*) FROM kew.node n \
            WHERE n.state <> 'gone' AND n.id <> $1";
        let row = client.query_one(sql, &[&self.id]).await?;
        let (alone, all): (i64, i64) = (row.get(0), row.get(1));
        let schema: i32 = client.query_one("SELECT schema FROM kew.meta", &[]).await?.get(0);
        // Nodes of an older kew would not know what the tables have become under them.
        let goes_with_others = self.cluster.is_some() && schema == VERSION;
        if (if goes_with_others { alone } else { all }) > 0 || schema > VERSION {
            return Ok(false);
        }
        if schema < VERSION {
            for sql in newer_than(schema) {
                client.batch_execute(sql).await?;
            }
            tracing::info!("the schema kew in {} is of version {VERSION} now", self.connector.place());
        }
        let Some(secret) = self.digest() else { return Ok(true) };
        let sql = "UPDATE kew.meta SET secret = $1 WHERE secret = $1 OR $2";
        Ok(client.execute(sql, &[&secret, &(all == 0)]).await? == 1)
    }

    /// Joins; one that serves alone has all queues then.
    async fn enter(&self, client: &Client) -> Result<(), tokio_postgres::Error> {
        let version = env!("CARGO_PKG_VERSION");
        let peer_url = self.cluster.map(|cluster| &cluster.peer_url);
        let sql = "INSERT INTO kew.node (id, state, name, version, peer_url) VALUES ($1, 'serving', $2, $3, $4) \
            ON CONFLICT DO NOTHING";
        client.execute(sql, &[&self.id, &self.name, &version, &peer_url]).await?;
        let sql = "INSERT INTO kew.beat (node, beat) VALUES ($1, 0) ON CONFLICT DO NOTHING";
        client.execute(sql, &[&self.id]).await?;
        if self.cluster.is_none() {
            client.batch_execute("UPDATE kew.meta SET rev = rev + 1").await?;
            let sql = "UPDATE kew.queue SET owner = $1, epoch = epoch + 1, rev = (SELECT m.rev FROM kew.meta m) \
                WHERE owner <> $1";
            client.execute(sql, &[&self.id]).await?;
        }
        Ok(())
    }
}

async fn others(client: &Client, id: i64) -> Result<Vec<Other>, tokio_postgres::Error> {
    let sql = "SELECT n.id, n.name, coalesce(b.beat, -1), EXISTS (SELECT FROM pg_stat_activity a \
        WHERE a.datname = current_database() \
        AND (a.application_name = 'kew/' || n.id OR a.application_name LIKE 'kew/' || n.id || '/%')), \
        to_json(n) ->> 'peer_url' IS NULL FROM kew.node n LEFT JOIN kew.beat b ON b.node = n.id WHERE n.state <> 'gone' AND n.id <> $1";
    let rows = client.query(sql, &[&id]).await?;
    let other = |row: tokio_postgres::Row| Other {
        id: row.get(0),
        name: row.get(1),
        beat: row.get(2),
        has_sessions: row.get(3),
        is_alone: row.get(4),
    };
    Ok(rows.into_iter().map(other).collect())
}

/// Ends the sessions of nodes.
pub(super) async fn terminate(
    client: &Client,
    nodes: impl IntoIterator<Item = i64>,
) -> Result<(), tokio_postgres::Error> {
    for node in nodes {
        let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() \
            AND (application_name = 'kew/' || $1::int8 OR application_name LIKE 'kew/' || $1::int8 || '/%')";
        client.execute(sql, &[&node]).await?;
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
    wake: OnceLock<Arc<Wake>>,
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
    pub(super) fn wakes(&self, wake: Arc<Wake>) {
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
