//! One commit: one round trip, and as many attempts as it takes to be certain. A batch goes into the journal by one
//! statement, or into rows, together with what the journal has of the batches before it:
//!
//! ```text
//! SELECT kew.append(node, seq, batch)    a transaction by itself
//!
//! BEGIN; SELECT kew.hold(node, seq)      one message: where BEGIN fails, hold is not called
//! INSERT ... UPDATE ... DELETE ...       prepared, each with a Sync of its own
//! COMMIT
//! ```
//!
//! | what comes back | what it means | what is done |
//! | --- | --- | --- |
//! | all well, no warning | durable as promised | the batch is settled |
//! | `KW001` | another kew has taken over | [`StoreError::Fenced`] |
//! | its number is there, as a mark or in the journal | a connection that was lost had committed it | a barrier, then it is settled |
//! | lost connection, server stopping, deadlock, nothing in time, a warning | unknown | new connection, same batch |
//! | `KW002` | a message or a queue is not where this kew believes it to be | as the next |
//! | anything else | not taken, nothing took place | once more, then the store has failed |
//! | what was acknowledged is missing | the database was replaced by a copy that was behind | [`StoreError::Lost`] |
//!
//! That a batch is found to be committed does not show that the synchronous stand-by has it: a primary that crashed
//! while a commit waited for its stand-by has that commit when it is back. Hence the barrier, an empty batch in the
//! journal, which is behind it in the log of the database. The same holds for a commit that came with a warning: someone
//! cancelled its wait for the stand-by.
//!
//! A barrier says something of the server that it was sent to, and nothing of another that has taken its place since
//! the batch was found. So it is sent over the connection that found the batch, and when that is lost, or the barrier
//! is uncertain itself, all begins again with the batch; therefore its number is kept until it is certain.
//!
//! **Invariant:** a batch is written by one transaction, which holds the row of the node. Its number is used for no
//! other batch, so it cannot be there twice, whatever becomes of lost connections.

use std::pin::{Pin, pin};
use std::time::Duration;

use tokio_postgres::Client;
use tokio_postgres::types::ToSql;

use super::columns::whole;
use super::connect::{Connector, PATIENCE, Session, together};
use super::entries::parts;
use super::errors::{self, Trouble};
use super::statements::{Statements, Which};
use crate::store::StoreError;

/// The first pause before another attempt; each is twice as long as the one before.
const PAUSE_MIN: Duration = Duration::from_millis(25);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// The first attempt at a batch waits as long for its answer: no longer than clients do before they are told that the
/// service is unavailable.
const PATIENCE_MIN: Duration = Duration::from_secs(3);

/// After so long without an answer it is looked for another server that has become the primary.
const LOOK_AFTER: Duration = Duration::from_secs(1);

/// A commit that was not heard of in time is given twice the time when it is attempted again, up to this.
const PATIENCE_MAX: Duration = Duration::from_secs(60);

/// As often the log says that the database is being waited for.
const COMPLAINT_MS: u64 = 10_000;

/// As often the same batch may be refused for what it holds.
const REFUSALS_MAX: u32 = 2;

/// A parameter of a statement.
pub(super) type Param<'a> = Box<dyn ToSql + Sync + Send + 'a>;

/// A statement of a transaction, with its parameters but the last.
pub(super) struct Call<'a> {
    pub which: Which,
    pub params: Vec<Param<'a>>,
}

/// What is committed.
#[derive(Clone, Copy)]
pub(super) enum Work<'a> {
    /// A batch for the journal, by [`entries::encode`](super::entries::encode).
    Append(&'a [u8]),
    /// Statements that put all batches into rows that are not yet in rows.
    Settle(&'a [Call<'a>]),
}

/// An empty batch in the journal.
const BARRIER: Work<'static> = Work::Append(&[]);

/// What comes of one statement: how many rows it touched.
type Answer<'f> = Pin<Box<dyn Future<Output = Result<u64, tokio_postgres::Error>> + Send + 'f>>;

/// What one exchange gives: how many rows each statement touched.
type Touched = Result<Vec<u64>, Trouble>;

/// The connection that commits, and how far it has come.
pub(super) struct Link {
    pub connector: Connector,
    pub node: i64,
    /// The number of the newest batch.
    seq: u64,
    /// The newest batch that was acknowledged.
    acknowledged: u64,
    /// All before this one are in rows.
    settled: u64,
    ready: Option<Ready>,
}

/// A connection with its statements.
struct Ready {
    session: Session,
    statements: Statements,
}

/// Attempts at one batch.
struct Attempts {
    began_ms: u64,
    complained_ms: Option<u64>,
    pause: Duration,
    patience: Duration,
    refusals: u32,
}

impl Link {
    pub(super) fn new(connector: Connector, node: i64) -> Link {
        Link { connector, node, seq: 0, acknowledged: 0, settled: 0, ready: None }
    }

    /// All batches before this one are in rows, and it has a mark.
    pub(super) fn settled(&self) -> u64 {
        self.settled
    }

    /// Removes from the journal what is in rows with the next commit.
    pub(super) fn forget_journal(&self) -> Call<'static> {
        let params: Vec<Param<'_>> = vec![Box::new(whole(self.settled)), Box::new(whole(self.seq))];
        Call { which: Which::ForgetJournal, params }
    }

    /// Commits a batch, however long that takes.
    pub(super) async fn commit(&mut self, work: Work<'_>) -> Result<(), StoreError> {
        self.seq += 1;
        let batch = self.seq;
        let mut attempts = Attempts::new(self.connector.time.now_ms());
        loop {
            let mut outcome = self.attempt(batch, work, &attempts).await;
            if let Err(Trouble::There) = outcome {
                outcome = self.barrier(&attempts).await;
            }
            match outcome {
                Ok(_) => {
                    attempts.relieved(&self.connector);
                    self.acknowledged = self.seq;
                    if matches!(work, Work::Settle(_)) {
                        self.settled = batch;
                    }
                    return Ok(());
                }
                Err(trouble) => self.after(trouble, &mut attempts).await?,
            }
        }
    }

    /// Settles once, whatever comes of it: this node is about to leave.
    pub(super) async fn settle_at_last(&mut self, calls: &[Call<'_>], patience: Duration) {
        self.seq += 1;
        let attempts = Attempts { patience, ..Attempts::new(self.connector.time.now_ms()) };
        let _ = self.attempt(self.seq, Work::Settle(calls), &attempts).await;
    }

    /// An empty batch, over the connection that found the one before. One that is found to be there says no more than
    /// that did, so each has a new number.
    async fn barrier(&mut self, attempts: &Attempts) -> Touched {
        self.seq += 1;
        self.send(self.seq, BARRIER, attempts.patience).await
    }

    /// A transaction that may be lost, without a mark and without waiting for a disk. What it touched; `None` if it
    /// did not take place this time.
    pub(super) async fn tidy(&mut self, calls: &[Call<'_>]) -> Result<Option<Vec<u64>>, StoreError> {
        let begin = format!("BEGIN; SET LOCAL synchronous_commit = off; SELECT kew.hold({}, NULL)", self.node);
        let exchanged = match self.connected().await {
            Ok(()) => self.answers(Some(&begin), calls, PATIENCE).await,
            Err(trouble) => Err(trouble),
        };
        match exchanged {
            Ok(touched) => Ok(Some(touched)),
            Err(Trouble::Fenced(by)) => Err(StoreError::Fenced { by }),
            Err(Trouble::Unknown(_) | Trouble::Silence | Trouble::There) => {
                self.ready = None;
                Ok(None)
            }
            Err(Trouble::Refused(error)) => {
                self.ready = None;
                Err(error)
            }
        }
    }

    async fn attempt(&mut self, batch: u64, work: Work<'_>, attempts: &Attempts) -> Touched {
        self.connected().await?;
        self.send(batch, work, attempts.patience).await
    }

    async fn send(&self, batch: u64, work: Work<'_>, patience: Duration) -> Touched {
        match work {
            Work::Append(bytes) => {
                let params: Vec<Param<'_>> = vec![Box::new(whole(batch)), Box::new(parts(bytes))];
                self.answers(None, &[Call { which: Which::Append, params }], patience).await
            }
            Work::Settle(calls) => {
                let begin = format!("BEGIN; SELECT kew.hold({}, {batch})", self.node);
                self.answers(Some(&begin), calls, patience).await
            }
        }
    }

    /// Decides how to go on after an attempt that did not end well, and waits for a moment.
    async fn after(&mut self, trouble: Trouble, attempts: &mut Attempts) -> Result<(), StoreError> {
        // Whatever it was: what the connection still has to say belongs to this attempt.
        self.ready = None;
        let why = match trouble {
            Trouble::Fenced(by) => return Err(StoreError::Fenced { by }),
            Trouble::Refused(error @ StoreError::Lost { .. }) => return Err(error),
            Trouble::Refused(error) => {
                attempts.refusals += 1;
                if attempts.refusals >= REFUSALS_MAX {
                    return Err(error);
                }
                error.to_string()
            }
            Trouble::Unknown(why) => why,
            Trouble::Silence => {
                let seconds = attempts.patience.as_secs();
                attempts.patience = (attempts.patience * 2).min(PATIENCE_MAX);
                format!("no answer within {seconds} seconds")
            }
            Trouble::There => "the mark of this batch is there".to_owned(),
        };
        let connector = &self.connector;
        let now_ms = connector.time.now_ms();
        if attempts.complained_ms.is_none_or(|then| now_ms.saturating_sub(then) >= COMPLAINT_MS) {
            attempts.complained_ms = Some(now_ms);
            tracing::warn!("{}: {why}; nothing is acknowledged until a commit succeeds", connector.place());
        }
        connector.time.pause(attempts.pause).await;
        attempts.pause = (attempts.pause * 2).min(PAUSE_MAX);
        Ok(())
    }

    /// Sees to a connection.
    async fn connected(&mut self) -> Result<(), Trouble> {
        if self.ready.as_ref().is_none_or(|ready| ready.session.is_lost()) {
            self.ready = None;
            let connected = self.connector.within(PATIENCE, self.connect()).await;
            let silent = || Err(Trouble::Unknown("a new connection is not answered".into()));
            self.ready = Some(connected.unwrap_or_else(silent)?);
        }
        Ok(())
    }

    /// Sends statements over the connection that is there, each a transaction, or all of them one that begins in this
    /// way; and looks at every answer.
    async fn answers(&self, begin: Option<&str>, calls: &[Call<'_>], patience: Duration) -> Touched {
        let Some(Ready { session, statements }) = &self.ready else { return Err(Trouble::Silence) };
        let client = &session.client;
        // Of a time before.
        session.take_warning();
        let simple = |text| -> Answer<'_> { Box::pin(async move { client.batch_execute(text).await.map(|()| 0) }) };
        let held = self.node.to_string();
        let mut all: Vec<Answer<'_>> = begin.map(simple).into_iter().collect();
        all.extend(calls.iter().map(|call| call.execute(client, statements, &held)));
        all.extend(begin.map(|_| simple("COMMIT")));
        let answers = tokio::select! {
            biased;
            answers = together(all) => answers,
            trouble = self.given_up(session, patience) => return Err(trouble),
        };
        let place = self.connector.place();
        let touched = answers.into_iter().collect::<Result<Vec<u64>, _>>();
        let touched = touched.map_err(|error| errors::judge(place, &error))?;
        match session.take_warning() {
            Some(warning) => Err(Trouble::Unknown(warning)),
            None => Ok(touched),
        }
    }

    /// Why an answer is not waited for any more: its time is over; or it would never come, as the primary stands still and its
    /// stand-by was promoted.
    async fn given_up(&self, session: &Session, patience: Duration) -> Trouble {
        self.connector.time.pause(patience.min(LOOK_AFTER)).await;
        let name = application_name(self.node);
        let moved = self.connector.another_takes_writes(session, &name);
        match self.connector.within(patience.saturating_sub(LOOK_AFTER), moved).await {
            Some(()) => Trouble::Unknown("it does not answer, and another server has taken its place".into()),
            None => Trouble::Silence,
        }
    }

    /// A new connection, after which no older one of this node can commit any more.
    async fn connect(&self) -> Result<Ready, Trouble> {
        let place = self.connector.place();
        let name = application_name(self.node);
        let trouble = |error: tokio_postgres::Error| errors::judge(place, &error);
        // A database that refuses a connection is waited for, whatever it says.
        let session = self.connector.connect(&name).await.map_err(|error| Trouble::Unknown(errors::chain(&error)))?;
        let terminate = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE application_name = '{name}' AND datname = current_database() AND pid <> pg_backend_pid()"
        );
        // If that is not allowed, they end on their own; their marks decide in any case.
        if let Err(error) = session.client.batch_execute(&terminate).await {
            tracing::debug!("older sessions were not ended: {}", errors::chain(&error));
        }
        self.look_for_marks(&session).await?;
        let statements = Statements::prepare(&session.client).await.map_err(trouble)?;
        Ok(Ready { session, statements })
    }

    /// Whether all that was acknowledged is there.
    async fn look_for_marks(&self, session: &Session) -> Result<(), Trouble> {
        if self.acknowledged == 0 {
            return Ok(());
        }
        let sql = "SELECT greatest((SELECT max(seq) FROM kew.mark WHERE node = $1), \
            (SELECT max(seq) FROM kew.journal WHERE node = $1)), state = 'gone', gone_by FROM kew.node WHERE id = $1";
        let found = session.client.query_opt(sql, &[&self.node]).await;
        let found = found.map_err(|error| errors::judge(self.connector.place(), &error))?;
        let seq = self.acknowledged;
        let Some(row) = found else { return Err(Trouble::Refused(StoreError::Lost { seq, known: None })) };
        if row.get(1) {
            return Err(Trouble::Fenced(row.get::<_, Option<String>>(2).unwrap_or_default()));
        }
        let known = row.get::<_, Option<i64>>(0).map_or(0, i64::cast_unsigned);
        if known < seq { Err(Trouble::Refused(StoreError::Lost { seq, known: Some(known) })) } else { Ok(()) }
    }
}

impl Call<'_> {
    fn execute<'f>(&'f self, client: &'f Client, statements: &'f Statements, held: &'f String) -> Answer<'f> {
        let params = self.params.iter().map(|param| &**param as &(dyn ToSql + Sync)).chain([held as _]);
        let params: Vec<&(dyn ToSql + Sync)> = params.collect();
        let statement = statements.get(self.which);
        Box::pin(async move { client.execute(statement, &params).await })
    }
}

/// Sends statements inside a transaction that this node holds.
pub(super) async fn execute(
    client: &Client,
    statements: &Statements,
    node: i64,
    calls: &[Call<'_>],
) -> Vec<Result<u64, tokio_postgres::Error>> {
    let held = node.to_string();
    together(calls.iter().map(|call| call.execute(client, statements, &held)).collect()).await
}

impl Attempts {
    fn new(now_ms: u64) -> Attempts {
        Attempts { began_ms: now_ms, complained_ms: None, pause: PAUSE_MIN, patience: PATIENCE_MIN, refusals: 0 }
    }

    /// All is well; the log says so if it said otherwise.
    fn relieved(&self, connector: &Connector) {
        if self.complained_ms.is_some() {
            let after_ms = connector.time.now_ms().saturating_sub(self.began_ms);
            tracing::warn!("{} commits again, after {after_ms} ms; nothing is lost", connector.place());
        }
    }
}

/// Waits until what was read over a connection is as durable as the database promises.
///
/// It may be in the primary only, and lost with it. What is behind it in its log cannot be on the synchronous stand-by
/// without it: a commit over the same connection, for another one may lead to another server.
pub(super) async fn settle_reading(connector: &Connector, session: &Session, node: i64) -> Result<(), StoreError> {
    // The lock of a row is written to the log, so the commit waits for the stand-by.
    let sql = format!("BEGIN; SELECT kew.hold({node}, NULL); COMMIT");
    loop {
        session.take_warning();
        let mut committing = pin!(session.client.batch_execute(&sql));
        let settled = loop {
            match connector.within(PATIENCE, committing.as_mut()).await {
                Some(settled) => break settled,
                None => tracing::warn!("{}: a commit behind what was loaded is waited for", connector.place()),
            }
        };
        settled.map_err(|error| match errors::judge(connector.place(), &error) {
            Trouble::Fenced(by) => StoreError::Fenced { by },
            _ => errors::at_start(connector.place(), &error),
        })?;
        match session.take_warning() {
            Some(warning) => tracing::warn!("{}: {warning}; once more", connector.place()),
            None => return Ok(()),
        }
    }
}

/// What sessions of a node that commit are called.
pub(super) fn application_name(node: i64) -> String {
    format!("kew/{node}")
}
