//! A round: a node raises its beat, and looks at everything that may have changed.

use std::pin::Pin;

use tokio_postgres::{Row, Statement};

use super::super::connect::{Session, together};
use super::control::{Counted, Shared};
use crate::store::StoreError;

/// So many queues without an owner are told of in one round.
const ORPHANS_MAX: i64 = 10_000;

/// Of more queues than these, how many each node owns is counted only every so many milliseconds.
const MANY: u64 = 10_000;
const COUNT_MS: u64 = 10_000;

/// The numbers of the nodes' commits to the directory, and the time of the database.
const CLOCK: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::int8, rev FROM kew.meta";

/// Those that live, those that have gone in the last minutes, and this one. A beat that is older than from one round to
/// the next, by the clock of the database as it is now, says nothing of that clock.
const NODES: &str = "SELECT n.id, n.state, coalesce(b.beat, -1), n.name, n.peer_url, n.version, \
    CASE WHEN n.state <> 'gone' THEN b.ahead_us END, \
    coalesce(b.told BETWEEN clock_timestamp() - interval '1500 ms' AND clock_timestamp() + interval '500 ms', false), (SELECT count(*) FROM pg_stat_activity a WHERE a.datname = current_database() \
    AND (a.application_name = 'kew/' || n.id OR a.application_name LIKE 'kew/' || n.id || '/%')) \
    FROM kew.node n LEFT JOIN kew.beat b ON b.node = n.id \
    WHERE n.state <> 'gone' OR n.id = $1 OR n.gone > now() - interval '5 minutes'";

/// From one target to the next by the index, however many messages are on their way to each.
const TRANSFERS: &str = "WITH RECURSIVE t (target) AS ( \
    (SELECT x.target FROM kew.transfer x ORDER BY x.target LIMIT 1) UNION ALL \
    SELECT (SELECT x.target FROM kew.transfer x WHERE x.target > t.target ORDER BY x.target LIMIT 1) FROM t \
    WHERE t.target IS NOT NULL) \
    SELECT t.target FROM t WHERE (SELECT q.owner FROM kew.queue q WHERE q.uid = t.target) = $1";

/// From one owner to the next by the index, and the queues of those who are not there.
const ORPHANS: &str = "WITH RECURSIVE o (owner) AS ( \
    (SELECT x.owner FROM kew.queue x ORDER BY x.owner LIMIT 1) UNION ALL \
    SELECT (SELECT x.owner FROM kew.queue x WHERE x.owner > o.owner ORDER BY x.owner LIMIT 1) FROM o \
    WHERE o.owner IS NOT NULL), \
    dead AS MATERIALIZED (SELECT o.owner FROM o WHERE o.owner IS NOT NULL \
    AND NOT EXISTS (SELECT FROM kew.node n WHERE n.id = o.owner AND n.state <> 'gone')) \
    SELECT q.uid, q.owner FROM dead JOIN kew.queue q ON q.owner = dead.owner LIMIT $1";

/// By so much the clock of the database differs from what a node knows of it only after a jump.
const OFF_US_MAX: i64 = 1_000_000;

const COUNTS: &str = "SELECT owner, count(*) FROM kew.queue GROUP BY owner";

/// `kew.node.state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeRowState {
    /// It serves.
    Serving,
    /// It is about to stop and gives its queues away.
    Draining,
    /// It commits nothing any more.
    Gone,
}

/// A node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeRow {
    /// Its number.
    pub id: i64,
    /// Its state.
    pub state: NodeRowState,
    /// Its beat; -1 if it has none.
    pub beat: i64,
    /// How many queues it owns.
    pub queues: u64,
    /// What it is called.
    pub name: String,
    /// Where the others reach it; `None` if it serves alone.
    pub peer_url: Option<String>,
    /// The version of kew.
    pub version: String,
    /// By how much its clock is ahead of the one of the database; `None` if it has gone, or has not set its clock yet.
    pub ahead_us: Option<i64>,
    /// Whether that was said within the last moments, of the clock that the database has now.
    pub ahead_holds: bool,
    /// How many connections to the database it has.
    pub sessions: u64,
}

/// What a node knows of the clock of the database, both in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockLook {
    /// By how much its own clock is ahead of it.
    pub ahead_us: i64,
    /// What it should show now, since the Unix epoch.
    pub database_us: i64,
}

/// A queue whose owner has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Orphan {
    /// The queue.
    pub uid: u64,
    /// The node that has gone, or was never there.
    pub owner: i64,
}

/// What a round has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoundRead {
    /// Those that live, this one, and those that have gone in the last minutes.
    pub nodes: Vec<NodeRow>,
    /// The number of the last change to the directory.
    pub rev: u64,
    /// When the database was asked for its time, by the caller's clock.
    pub began_us: i64,
    /// The time of the database.
    pub database_us: i64,
    /// When it had told its time.
    pub ended_us: i64,
    /// Whether it was another connection than in the round before.
    pub reconnected: bool,
    /// Queues of this node to which something is on its way.
    pub transfers: Vec<u64>,
    /// Queues whose owner has gone or is not there; not more than there are to be given away at a time.
    pub orphans: Vec<Orphan>,
}

/// What the database has answered.
struct Answers {
    began_us: i64,
    clock: Vec<Row>,
    ended_us: i64,
    nodes: Vec<Row>,
    transfers: Vec<Row>,
    orphans: Vec<Row>,
}

type Rows = Result<(Vec<Row>, i64), tokio_postgres::Error>;

impl Shared {
    /// Raises the beat of this node, and looks at everything. That this node has gone is told by its row, which says
    /// so or is not there. `look` is what it knows of the clock of the database, if it has set its own by that;
    /// `monotonic_us` is the clock for which the time of the database is asked.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn round(
        &mut self,
        look: Option<ClockLook>,
        monotonic_us: &(dyn Fn() -> i64 + Sync),
    ) -> Result<RoundRead, StoreError> {
        let session = self.take().await?;
        session.take_warning();
        let answers = self.in_time(self.questions(&session, look, monotonic_us)).await?;
        if let Some(warning) = session.take_warning() {
            return Err(StoreError::Unreachable { detail: format!("{}: {warning}", self.connector.place()) });
        }
        let clock = answers.clock.first().ok_or_else(|| self.damaged("the table kew.meta is empty".into()))?;
        let (database_us, rev): (i64, i64) = (clock.get(0), clock.get(1));
        self.count(&session, rev).await?;
        self.give_back(session);
        let before = self.round_read_by.replace(self.connections);
        let reconnected = before.is_some_and(|before| before != self.connections);
        Ok(RoundRead {
            nodes: answers.nodes.iter().map(|row| self.node_row(row)).collect(),
            rev: rev.cast_unsigned(),
            began_us: answers.began_us,
            database_us,
            ended_us: answers.ended_us,
            reconnected,
            transfers: answers.transfers.iter().map(|row| row.get::<_, i64>(0).cast_unsigned()).collect(),
            orphans: answers
                .orphans
                .iter()
                .map(|row| Orphan { uid: row.get::<_, i64>(0).cast_unsigned(), owner: row.get(1) })
                .collect(),
        })
    }

    /// Counts the queues of all nodes, if that may have changed. Many are not counted at each change.
    async fn count(&mut self, session: &Session, rev: i64) -> Result<(), StoreError> {
        let now_ms = self.connector.time.now_ms();
        let is_recent = |counted: &Counted| {
            let many = counted.queues.values().sum::<u64>() > MANY;
            counted.rev == rev || (many && now_ms.saturating_sub(counted.at_ms) < COUNT_MS)
        };
        if !self.counted.as_ref().is_some_and(is_recent) {
            let counts = self.in_time(session.prepared(COUNTS)).await?;
            let rows = self.in_time(session.client.query(&counts, &[])).await?;
            let queues = rows.iter().map(|row| (row.get(0), row.get::<_, i64>(1).cast_unsigned())).collect();
            self.counted = Some(Counted { rev, at_ms: now_ms, queues });
        }
        Ok(())
    }

    /// One round trip once the statements are known, and two transactions: the time, and all that comes with the beat.
    ///
    /// What is read of the nodes comes behind the beat, and sees what was committed until then: who was declared gone
    /// by then is told so. The beat is the only row that is locked, and what follows it waits for no row: whoever
    /// declares this node gone waits for the COMMIT, and finds a beat that has gone on. None of it counts unless that
    /// COMMIT is acknowledged.
    ///
    /// It waits for the stand-by like any other: a node has a lease only from a primary whose place none has taken. Else it
    /// would answer with what it knows while others, who know of the new one, declare it gone there.
    async fn questions(
        &self,
        session: &Session,
        look: Option<ClockLook>,
        monotonic_us: &(dyn Fn() -> i64 + Sync),
    ) -> Result<Answers, tokio_postgres::Error> {
        let client = &session.client;
        // All before the first of them is asked: one that had to be prepared in between would come behind the COMMIT.
        let clock = session.prepared(CLOCK).await?;
        let nodes = session.prepared(NODES).await?;
        let transfers = session.prepared(TRANSFERS).await?;
        let orphans = session.prepared(ORPHANS).await?;
        let (ahead_us, told) = match look {
            None => ("NULL".to_owned(), "'-infinity'".to_owned()),
            Some(ClockLook { ahead_us, database_us }) => {
                let off_us = format!("abs((extract(epoch FROM clock_timestamp()) * 1000000)::int8 - {database_us})");
                let told = format!("CASE WHEN {off_us} < {OFF_US_MAX} THEN clock_timestamp() ELSE '-infinity' END");
                (ahead_us.to_string(), told)
            }
        };
        let beat = format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED; \
             INSERT INTO kew.beat (node, beat, ahead_us, told) SELECT id, 0, {ahead_us}::int8, {told} FROM kew.node \
             WHERE id = {} AND state <> 'gone' ON CONFLICT (node) DO UPDATE \
             SET beat = kew.beat.beat + 1, ahead_us = excluded.ahead_us, told = excluded.told",
            self.node
        );
        let ask = |statement: Statement, param: Option<i64>| -> Pin<Box<dyn Future<Output = Rows> + Send + '_>> {
            Box::pin(async move {
                let rows = match param {
                    Some(param) => client.query(&statement, &[&param]).await?,
                    None => client.query(&statement, &[]).await?,
                };
                Ok((rows, monotonic_us()))
            })
        };
        let say = |text: String| -> Pin<Box<dyn Future<Output = Rows> + Send + '_>> {
            Box::pin(async move { client.batch_execute(&text).await.map(|()| (Vec::new(), 0)) })
        };
        let began_us = monotonic_us();
        let answers = together(vec![
            // Alone and first, so that nothing else is between the two looks at the clock.
            ask(clock, None),
            say(beat),
            ask(nodes, Some(self.node)),
            ask(transfers, Some(self.node)),
            ask(orphans, Some(ORPHANS_MAX)),
            say("COMMIT".into()),
        ])
        .await;
        // A COMMIT behind an error says nothing of it: each answer counts.
        let mut answers = answers.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter();
        let mut next = || answers.next().unwrap_or_default();
        let ((clock, ended_us), _) = (next(), next());
        Ok(Answers { began_us, clock, ended_us, nodes: next().0, transfers: next().0, orphans: next().0 })
    }

    fn node_row(&self, row: &Row) -> NodeRow {
        let id: i64 = row.get(0);
        NodeRow {
            id,
            state: match row.get(1) {
                "serving" => NodeRowState::Serving,
                "draining" => NodeRowState::Draining,
                _ => NodeRowState::Gone,
            },
            beat: row.get(2),
            queues: self.counted.as_ref().and_then(|counted| counted.queues.get(&id)).copied().unwrap_or(0),
            name: row.get(3),
            peer_url: row.get(4),
            version: row.get(5),
            ahead_us: row.get(6),
            ahead_holds: row.get(7),
            sessions: row.get::<_, i64>(8).cast_unsigned(),
        }
    }

    /// Says to the others that this node is about to stop and is not to be given queues.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn drain(&mut self) -> Result<(), StoreError> {
        let session = self.take().await?;
        let sql = "UPDATE kew.node SET state = 'draining' WHERE id = $1 AND state = 'serving'";
        self.in_time(session.client.execute(sql, &[&self.node])).await?;
        self.give_back(session);
        Ok(())
    }
}
