//! The connections by which a node looks at what it shares with others: one for small questions, one for loading.

use std::collections::HashMap;

use tokio_postgres::Client;

use super::super::commit::{application_name, settle_reading};
use super::super::connect::{Connector, PATIENCE, Session};
use super::super::errors::{self, Trouble};
use crate::store::StoreError;

const DISCLAIM: &str = "DELETE FROM kew.claim WHERE account = $1 AND region = $2 AND name = $3 AND node = $4";

/// What a node shares with the others of its database. All that is asked works on the runtime of who asks. When it
/// fails, or is given up by dropping it, its connection is given up as well and the next one makes a new one.
///
/// There may be more than one of a node, such as one for the rounds and one for loading, each with connections of its
/// own.
pub struct Shared {
    pub(super) connector: Connector,
    pub(super) node: i64,
    /// What this node is called.
    pub(super) name: String,
    control: Option<Session>,
    pub(super) loading: Option<Session>,
    /// The processes of the server behind the last of each.
    control_backend: Option<String>,
    pub(super) loading_backend: Option<String>,
    /// How many connections for small questions there have been.
    pub(super) connections: u64,
    /// How many there had been when the directory was read, and at the last round.
    pub(super) directory_read_by: Option<u64>,
    pub(super) round_read_by: Option<u64>,
    /// How many queues the nodes own.
    pub(super) counted: Option<Counted>,
    /// Claims that may be in the database and are to go.
    pub(super) unwanted_claims: Vec<[String; 3]>,
}

/// How many queues the nodes own.
pub(super) struct Counted {
    /// As of this change to the directory.
    pub rev: i64,
    pub at_ms: u64,
    /// By node.
    pub queues: HashMap<i64, u64>,
}

impl Shared {
    pub(in super::super) fn new(connector: Connector, node: i64, name: String) -> Shared {
        Shared {
            connector,
            node,
            name,
            control: None,
            loading: None,
            control_backend: None,
            loading_backend: None,
            connections: 0,
            directory_read_by: None,
            round_read_by: None,
            counted: None,
            unwanted_claims: Vec::new(),
        }
    }

    /// This node.
    #[must_use]
    pub fn node(&self) -> i64 {
        self.node
    }

    /// The connection for small questions. Whoever does not give it back has not ended well with it.
    pub(super) async fn take(&mut self) -> Result<Session, StoreError> {
        let session = match self.control.take().filter(|session| !session.is_lost()) {
            Some(session) => session,
            None => {
                let session = self.connect("round", self.control_backend.as_deref()).await?;
                self.control_backend = Some(session.backend.clone());
                self.connections += 1;
                session
            }
        };
        while let Some([account, region, name]) = self.unwanted_claims.last() {
            self.in_time(session.client.execute(DISCLAIM, &[account, region, name, &self.node])).await?;
            self.unwanted_claims.pop();
        }
        Ok(session)
    }

    /// A new connection, in the place of one that was given up. That one may wait for the stand-by in a commit, where PostgreSQL does
    /// not notice that nobody is there any more: it would keep its locks, and be one connection more at each attempt.
    pub(super) async fn connect(&self, purpose: &str, given_up: Option<&str>) -> Result<Session, StoreError> {
        let name = format!("{}/{purpose}", application_name(self.node));
        let session = self.connector.connect_at_start(&name).await?;
        if let Some(backend) = given_up {
            let terminate = format!(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                 WHERE pid = {backend} AND application_name = '{name}' AND datname = current_database()"
            );
            if let Err(error) = self.in_time(session.client.batch_execute(&terminate)).await {
                tracing::debug!("the session before was not ended: {error}");
            }
        }
        Ok(session)
    }

    pub(super) fn give_back(&mut self, session: Session) {
        self.control = Some(session);
    }

    /// What comes of a question, if it comes in time.
    pub(super) async fn in_time<T>(
        &self,
        question: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, StoreError> {
        self.connector.in_time(PATIENCE, question).await?.map_err(|error| self.error(&error))
    }

    /// Waits until what was read over a connection is as durable as the database promises, and so outlives its primary.
    pub(super) async fn settle(&self, session: &Session) -> Result<(), StoreError> {
        self.connector.in_time(PATIENCE, settle_reading(&self.connector, session, self.node)).await?
    }

    /// The same after a commit, which waits for that by itself unless its wait was cancelled.
    pub(super) async fn settle_commit(&self, session: &Session) -> Result<(), StoreError> {
        match session.take_warning() {
            Some(warning) => {
                tracing::warn!("{}: {warning}; once more", self.connector.place());
                self.settle(session).await
            }
            None => Ok(()),
        }
    }

    pub(super) fn error(&self, error: &tokio_postgres::Error) -> StoreError {
        match errors::judge(self.connector.place(), error) {
            Trouble::Fenced(by) => StoreError::Fenced { by },
            _ => errors::at_start(self.connector.place(), error),
        }
    }

    pub(super) fn damaged(&self, detail: String) -> StoreError {
        StoreError::Damaged { place: self.connector.place().into(), detail }
    }

    /// Begins a transaction that takes place only if this node has not gone, and holds its row until it ends.
    pub(super) async fn begin(&self, client: &Client) -> Result<(), tokio_postgres::Error> {
        client.batch_execute(&format!("BEGIN; SELECT kew.hold({}, NULL)", self.node)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Time;

    fn is_send<T: Send>(_: T) {}

    /// What is asked may be waited for by any thread of a runtime.
    #[test]
    fn questions_may_change_threads() {
        let connector = Connector::new("postgres://kew@localhost/kew", crate::clock::NetworkTime::manual()).unwrap();
        let mut shared = Shared::new(connector, 1, "one".into());
        is_send(shared.round(None, &|| 0));
        is_send(shared.directory(None));
        is_send(shared.fence(1, 1, &|_| Vec::new()));
        is_send(shared.assign(&[], &|_| Vec::new()));
        is_send(shared.load_queue(1, Time(0), &mut |_| ()));
        is_send(shared.transfers(1, 1));
        is_send(shared.claim("", "", ""));
        is_send(shared.disclaim("", "", ""));
        is_send(shared.drain());
    }
}
