//! What only the primary has is nothing to build on: a stand-by that takes its place does not know of it.
//!
//! A commit that waits for the stand-by can be seen by nobody. When its wait is cancelled, or the primary was restarted meanwhile, it
//! can, and is in the primary only.

use crate::http::{Peer, get, json};
use crate::nodes::{Node, value};
use crate::proxy::Proxy;
use crate::server::{Postgres, free_port};
use crate::support::*;
use kew::Server;
use kew::internals::clock::NetworkTime;
use kew::internals::store::postgres::Claimed;
use kew::internals::store::{Change, StoreError, TransferRecord, TransferRecordCause};
use std::time::{Duration, Instant};

/// After this a test fails. No test waits for it.
const PATIENCE: Duration = Duration::from_secs(60);
/// For so long a node answers after its last beat.
const LEASE: Duration = Duration::from_secs(4);
const STEP: Duration = Duration::from_millis(50);

/// A primary with two nodes, a stand-by that each commit waits for, and the way from the stand-by to it.
struct Database {
    primary: Postgres,
    name: String,
    way: Proxy,
    _standby: Postgres,
}

/// Sessions by which a node asks small questions.
fn asking(node: &Node) -> String {
    format!("application_name = 'kew/{}/round'", node.id())
}

impl Database {
    fn start() -> Option<(Database, [Node; 2])> {
        let database = Database::alone()?;
        let mut nodes = ["one", "two"].map(|node| Node::join(&database.primary.url(&database.name), node));
        nodes.iter_mut().for_each(|node| drop(node.round()));
        Some((database, nodes))
    }

    /// Without nodes.
    fn alone() -> Option<Database> {
        let primary = Postgres::start()?;
        if !primary.has("pg_basebackup") {
            return None;
        }
        let name = primary.database();
        let way = Proxy::to(primary.port());
        let standby = primary.standby_through(way.port());
        Some(Database { primary, name, way, _standby: standby })
    }

    fn count(&self, sessions: &str) -> String {
        value(&self.primary.url(&self.name), &format!("SELECT count(*) FROM pg_stat_activity WHERE {sessions}"))
    }

    /// Comes to an end when such a session waits for the stand-by, or it is over without that. Whether one waits.
    fn waits(&self, sessions: &str, is_over: impl Fn() -> bool) -> bool {
        loop {
            if self.count(&format!("wait_event = 'SyncRep' AND {sessions}")) != "0" {
                return true;
            }
            if is_over() {
                return false;
            }
        }
    }

    /// Somebody cancels the wait of such a session for the stand-by.
    fn cancel(&self, sessions: &str) {
        let sql =
            format!("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND {sessions}");
        while self.primary.sql(&self.name, &sql).is_empty() {
            std::thread::yield_now();
        }
    }
}

#[test]
fn messages_on_their_way_are_taken_when_the_stand_by_has_them() {
    let Some((database, [mut one, mut two])) = Database::start() else { return };
    one.commit([queue(7), store(7, 1, "m1")]);
    two.commit([queue(8)]);
    assert_eq!(two.transfers(8), []);
    let (reader, writer) = (asking(&two), format!("application_name = 'kew/{}'", one.id()));
    let record = TransferRecord {
        source: 7,
        number: 1,
        target: 8,
        source_arn: "arn:aws:sqs:eu-central-1:000000000000:orders-7".into(),
        cause: TransferRecordCause::DeadLetter,
        message: message(1, "m1"),
    };
    let changes = [remove(7, 1), Change::Sent(Box::new(record.clone()))];
    database.way.stall();
    std::thread::scope(|threads| {
        let sending = threads.spawn(|| one.commit(changes));
        database.cancel(&writer);
        while database.primary.sql(&database.name, "SELECT 1 FROM kew.transfer").is_empty() {
            std::thread::yield_now();
        }
        let reading = threads.spawn(|| two.transfers(8));
        let waited = database.waits(&reader, || reading.is_finished());
        let acknowledged = sending.is_finished();
        database.way.go_on();
        assert!(waited, "they were taken, and may be lost");
        assert!(!acknowledged);
        sending.join().unwrap();
        let read = reading.join().unwrap();
        assert_eq!(read, std::slice::from_ref(&record));
    });
}

#[test]
fn a_name_is_claimed_when_the_stand_by_has_the_claim() {
    let Some((database, [_, mut two])) = Database::start() else { return };
    let claimer = asking(&two);
    database.way.stall();
    std::thread::scope(|threads| {
        let claiming = threads.spawn(|| two.claim("orders"));
        database.cancel(&claimer);
        let waited = database.waits(&format!("{claimer} AND query LIKE 'BEGIN;%'"), || claiming.is_finished());
        database.way.go_on();
        assert!(waited, "it was claimed, and the claim may be lost");
        assert_eq!(claiming.join().unwrap(), Claimed::Mine);
    });
}

/// Else a node that goes on with a primary which is none any more would have a lease there for good.
#[test]
fn a_beat_counts_when_the_stand_by_has_it() {
    let Some((database, [mut one, two])) = Database::start() else { return };
    let beating = asking(&one);
    database.way.stall();
    std::thread::scope(|threads| {
        let round = threads.spawn(|| one.try_round().map(drop));
        let waited = database.waits(&beating, || round.is_finished());
        let cancelled = waited.then(|| {
            database.cancel(&beating);
            round.join().unwrap()
        });
        database.way.go_on();
        let error = cancelled.expect("it waits").unwrap_err();
        assert!(matches!(&error, StoreError::Unreachable { detail } if detail.contains("replicat")), "{error}");
    });
    assert!(one.round().reconnected);
    drop(two);
}

#[test]
fn without_the_stand_by_nothing_is_answered_from_memory() {
    let Some(database) = Database::alone() else { return };
    let time = NetworkTime::manual();
    let url = format!("{}?sslmode=disable", database.primary.url(&database.name));
    let server = Server::builder().queue("q").database(url.parse().unwrap()).network_time(time.clone());
    let server =
        server.peer(format!("http://127.0.0.1:{}", free_port())).cluster_secret("0123456789abcdef").start().unwrap();
    let ask = |request: Vec<u8>| Peer::of(&server).ask(request);
    let whereabouts = || json("GetQueueUrl", r#"{"QueueName":"q"}"#);
    let turn = || {
        time.advance(STEP);
        ask(get("/health")).status
    };
    let turn_by = |duration: Duration| {
        for _ in 0..duration.as_millis() / STEP.as_millis() {
            turn();
        }
    };
    // Rounds go on, and their beats count.
    turn_by(3 * LEASE);
    while turn() != 200 {}
    assert_eq!(ask(whereabouts()).status, 200);
    database.way.stall();
    turn_by(LEASE);
    assert_eq!(ask(get("/health")).status, 503);
    ask(whereabouts()).json_error(503, "ServiceUnavailable", "ServiceUnavailable");
    database.way.go_on();
    while turn() != 200 {}
    assert_eq!(ask(whereabouts()).status, 200);
}

/// Nor is one told that a queue is not there by a primary that may not know of it any more.
#[test]
fn what_is_asked_for_certain_is_answered_by_who_is_the_primary() {
    let Some((database, [mut one, mut two])) = Database::start() else { return };
    let reader = asking(&two);
    one.commit([queue(7)]);
    let known = two.directory(None);
    database.way.stall();
    // It does without what others do.
    assert_eq!(two.directory(Some(known.rev)).rev, known.rev);
    std::thread::scope(|threads| {
        let reading = threads.spawn(|| two.directory_for_certain(Some(known.rev)));
        let waited = database.waits(&reader, || reading.is_finished());
        database.way.go_on();
        assert!(waited, "it was answered");
        assert_eq!(reading.join().unwrap().rev, known.rev);
    });
}

/// PostgreSQL does not notice that nobody waits any more for a commit that waits for the stand-by.
#[test]
fn a_session_that_was_given_up_ends_with_the_next() {
    let Some((database, [_, mut two])) = Database::start() else { return };
    let sessions = asking(&two);
    database.way.stall();
    for _ in 0..3 {
        let (given_up, gives_up) = tokio::sync::oneshot::channel();
        std::thread::scope(|threads| {
            let reading = threads.spawn(|| two.directory_until(gives_up));
            let waited = database.waits(&sessions, || reading.is_finished());
            let _ = given_up.send(());
            assert!(waited);
            assert_eq!(reading.join().unwrap(), None);
        });
        two.directory(None);
        let began = Instant::now();
        while database.count(&sessions) != "1" {
            assert!(began.elapsed() < PATIENCE, "there are {}", database.count(&sessions));
        }
    }
}
