//! A connection to the database, driven by the thread that uses it.

use std::collections::HashMap;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use rustls_tokio_postgres::MakeRustlsConnect;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::{Builder, Runtime};
use tokio::task::{JoinHandle, JoinSet};
use tokio_postgres::error::Severity;
use tokio_postgres::{AsyncMessage, Client, Config, Connection, NoTls, SimpleQueryMessage, Statement};

use super::errors;
use super::tls;
use super::url::Address;
use crate::clock::NetworkTime;
use crate::store::StoreError;

/// An answer that does not come within this time is not waited for any more.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// The pause between two looks for another server that has become the primary, and how long one look takes at most.
const LOOK: Duration = Duration::from_millis(500);

/// What a session of kew is set to.
///
/// Every statement finds its rows by their keys; plans that read whole tables are kept from it, which look cheap as
/// long as a table has never been analyzed. No commit may wait for less than the disk of the primary and of the
/// synchronous stand-by, whatever is set for others. A transaction whose kew stands still in the middle of it ends
/// before long, so that it holds up nobody who takes over. The last answer tells the server, and its process for the session.
const SESSION: &str = "SET client_min_messages = warning; SET jit = off; SET plan_cache_mode = force_generic_plan; \
    SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_sort = off; \
    SET enable_bitmapscan = off; SET enable_material = off; SET enable_memoize = off; \
    SET idle_in_transaction_session_timeout = '10s'; SET lock_timeout = 0; \
    SELECT set_config('synchronous_commit', 'on', false) \
    WHERE current_setting('synchronous_commit') NOT IN ('on', 'remote_apply'); SELECT pg_postmaster_start_time(), pg_backend_pid()";

/// What makes connections.
#[derive(Clone)]
pub(super) struct Connector {
    address: Address,
    tls: Option<MakeRustlsConnect>,
    pub time: NetworkTime,
}

/// A connection.
pub(super) struct Session {
    pub client: Client,
    /// What tells its server from others: when it was started.
    server: String,
    /// The process of the server that serves it.
    pub backend: String,
    warnings: Arc<Warnings>,
    /// By their text.
    statements: Mutex<HashMap<&'static str, Statement>>,
    driver: JoinHandle<()>,
}

/// Warnings that came with answers: a commit with one of them may not be on the synchronous stand-by.
#[derive(Debug, Default)]
struct Warnings {
    any: AtomicBool,
    last: Mutex<String>,
}

impl Connector {
    pub(super) fn new(url: &str, time: NetworkTime) -> Result<Connector, StoreError> {
        let address = Address::parse(url)?;
        let tls = tls::connector(&address)?;
        Ok(Connector { address, tls, time })
    }

    /// The URL without its password.
    pub(super) fn place(&self) -> &str {
        &self.address.place
    }

    /// A new connection, by which others can tell whose it is. Of several servers all are asked at the same time, and the first that
    /// takes writes has it: one whose machine is lost, or that stands still, does not answer at all, and would hold up those behind it.
    pub(super) async fn connect(&self, application_name: &str) -> Result<Session, tokio_postgres::Error> {
        let Address { config, servers, .. } = &self.address;
        let connecting = |config: &Config| connect(config.clone(), application_name.to_owned(), self.tls.clone());
        let mut attempts: JoinSet<_> = servers.iter().map(connecting).collect();
        let mut failed = None;
        while let Some(done) = attempts.join_next().await {
            match done {
                Ok(Ok(session)) => return Ok(session),
                Ok(Err(error)) => failed = Some(error),
                Err(ended) => std::panic::resume_unwind(ended.into_panic()),
            }
        }
        match failed {
            Some(error) => Err(error),
            None => connecting(config).await,
        }
    }

    /// Comes to an end when another server takes writes than that of this session.
    pub(super) async fn another_takes_writes(&self, session: &Session, application_name: &str) {
        loop {
            match self.within(LOOK, self.connect(application_name)).await {
                Some(Ok(found)) if found.server != session.server => return,
                Some(_) => self.time.pause(LOOK).await,
                None => {}
            }
        }
    }

    /// The same, for a start that it fails.
    pub(super) async fn connect_at_start(&self, application_name: &str) -> Result<Session, StoreError> {
        let connected = self.in_time(PATIENCE, self.connect(application_name)).await?;
        connected.map_err(|error| errors::at_start(self.place(), &error))
    }

    /// What comes of it, if it comes in time. The work is boxed: each future around it would hold it twice, and the callers of
    /// this are nested deeply enough to fill the stack of a thread in a debug build.
    pub(super) fn within<T>(&self, limit: Duration, work: impl Future<Output = T>) -> impl Future<Output = Option<T>> {
        let work = Box::pin(work);
        async move {
            tokio::select! {
                biased;
                done = work => Some(done),
                () = self.time.pause(limit) => None,
            }
        }
    }

    /// The same, where a database that was not heard of in time is an error.
    pub(super) fn in_time<T>(
        &self,
        limit: Duration,
        work: impl Future<Output = T>,
    ) -> impl Future<Output = Result<T, StoreError>> {
        let done = self.within(limit, work);
        async move {
            done.await.ok_or_else(|| {
                let detail = format!("{} did not answer within {} seconds", self.place(), limit.as_secs());
                StoreError::Unreachable { detail }
            })
        }
    }
}

/// A connection to a server, or the first of several that takes writes.
async fn connect(
    mut config: Config,
    application_name: String,
    tls: Option<MakeRustlsConnect>,
) -> Result<Session, tokio_postgres::Error> {
    config.application_name(application_name);
    let warnings = Arc::<Warnings>::default();
    let (client, driver) = match tls {
        Some(tls) => {
            let (client, connection) = config.connect(tls).await?;
            (client, drive(connection, Arc::clone(&warnings)))
        }
        None => {
            let (client, connection) = config.connect(NoTls).await?;
            (client, drive(connection, Arc::clone(&warnings)))
        }
    };
    let told = client.simple_query(SESSION).await?;
    let last = told.iter().rev().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let column = |at| last.and_then(|row| row.get(at)).unwrap_or_default().to_owned();
    let (server, backend) = (column(0), column(1));
    Ok(Session { client, server, backend, warnings, statements: Mutex::default(), driver })
}

impl Session {
    /// Whether it is of no more use.
    pub(super) fn is_lost(&self) -> bool {
        self.client.is_closed()
    }

    /// A statement that is asked for again and again.
    pub(super) async fn prepared(&self, text: &'static str) -> Result<Statement, tokio_postgres::Error> {
        let known = || self.statements.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known().get(text).cloned();
        if let Some(statement) = found {
            return Ok(statement);
        }
        let statement = self.client.prepare(text).await?;
        known().insert(text, statement.clone());
        Ok(statement)
    }

    /// The last warning since this was asked.
    pub(super) fn take_warning(&self) -> Option<String> {
        self.warnings.any.swap(false, Ordering::AcqRel).then(|| {
            let mut last = self.warnings.last.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *last)
        })
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // It would otherwise wait for answers that nobody wants any more.
        self.driver.abort();
    }
}

/// Has the connection work whenever its thread waits for something.
fn drive<S, T>(mut connection: Connection<S, T>, warnings: Arc<Warnings>) -> JoinHandle<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    tokio::spawn(async move {
        // Its errors are those of the statements that wait for it.
        while let Some(Ok(message)) = std::future::poll_fn(|context| connection.poll_message(context)).await {
            if let AsyncMessage::Notice(notice) = message
                && !matches!(notice.parsed_severity(), Some(Severity::Notice | Severity::Info | Severity::Log))
            {
                *warnings.last.lock().unwrap_or_else(PoisonError::into_inner) = errors::said(&notice);
                warnings.any.store(true, Ordering::Release);
            }
        }
    })
}

/// A runtime for one thread.
pub(super) fn runtime() -> Result<Runtime, StoreError> {
    let built = Builder::new_current_thread().enable_all().build();
    built.map_err(|error| StoreError::Internal { detail: format!("no runtime for the database: {error}") })
}

/// Work that blocks, on a thread of its own: the caller's may be one that must not.
pub(super) fn apart<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| match scope.spawn(work).join() {
        Ok(done) => done,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}

/// Polls all together and in their order, so that all are on their way before the first is answered.
pub(super) async fn together<F: Future + ?Sized>(mut all: Vec<Pin<Box<F>>>) -> Vec<F::Output> {
    let mut done: Vec<Option<F::Output>> = all.iter().map(|_| None).collect();
    let mut polled = pin!(std::future::poll_fn(move |context| {
        let mut waits = false;
        for (future, done) in all.iter_mut().zip(&mut done) {
            if done.is_none() {
                match future.as_mut().poll(context) {
                    Poll::Ready(output) => *done = Some(output),
                    Poll::Pending => waits = true,
                }
            }
        }
        if waits { Poll::Pending } else { Poll::Ready(done.iter_mut().filter_map(Option::take).collect()) }
    }));
    polled.as_mut().await
}
