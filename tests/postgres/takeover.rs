//! Two kews on one database: the second serves everything that the first has acknowledged, whatever becomes of the first.

use crate::http::{Peer, get, json, receive, send};
use crate::kew::{Kew, command};
use crate::server::Postgres;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Mutex;

/// Connections that send at the same time.
const SENDERS: usize = 4;
/// Messages that are acknowledged before something happens to the first.
const BEFORE: usize = 200;

/// How many kews are connected.
fn kews(postgres: &Postgres, database: &str) -> usize {
    let sql = "SELECT count(DISTINCT split_part(application_name, '/', 2)) FROM pg_stat_activity
               WHERE datname = current_database() AND application_name LIKE 'kew/%'";
    postgres.sql(database, sql)[0].parse().unwrap()
}

/// What was acknowledged, by body.
#[derive(Default)]
struct Book {
    sent: Mutex<BTreeSet<String>>,
    /// Those whose deletion was asked for: it may have taken place or not.
    doubtful: Mutex<BTreeSet<String>>,
    deleted: Mutex<BTreeSet<String>>,
}

/// Sends, and deletes some of what it sent, until the server is gone; takes down what was acknowledged.
fn work(address: SocketAddr, book: &Book, sender: usize) {
    let mut peer = Peer::at(address);
    for number in 0.. {
        let body = format!("{sender}-{number}");
        match peer.try_ask(send(&body)) {
            Ok(answer) if answer.status == 200 => drop(book.sent.lock().unwrap().insert(body)),
            _ => return,
        }
        if number % 5 == 0 {
            let Ok(answer) = peer.try_ask(receive(0)) else { return };
            if answer.status != 200 {
                return;
            }
            for message in answer.json()["Messages"].as_array().into_iter().flatten().take(3) {
                let body = message["Body"].as_str().unwrap().to_owned();
                book.doubtful.lock().unwrap().insert(body.clone());
                let delete = serde_json::json!({"QueueUrl": "q", "ReceiptHandle": message["ReceiptHandle"]});
                match peer.try_ask(json("DeleteMessage", delete.to_string())) {
                    Ok(answer) if answer.status == 200 => {
                        book.deleted.lock().unwrap().insert(body);
                    }
                    _ => return,
                }
            }
        }
    }
}

/// The bodies of all messages that can be received.
fn bodies(kew: &Kew) -> Vec<String> {
    let mut peer = kew.peer();
    let mut found = Vec::new();
    loop {
        let answer = peer.ask(receive(0)).ok().json();
        let Some(messages) = answer["Messages"].as_array().filter(|messages| !messages.is_empty()) else {
            return found;
        };
        found.extend(messages.iter().map(|message| message["Body"].as_str().unwrap().to_owned()));
    }
}

/// The bodies of messages that the database has, whatever their state.
fn stored(postgres: &Postgres, database: &str) -> Vec<String> {
    postgres.sql(database, "SELECT body FROM kew.messages")
}

fn check(postgres: &Postgres, database: &str, book: &Book, second: &Kew) {
    let (sent, deleted) = (book.sent.lock().unwrap(), book.deleted.lock().unwrap());
    let there = stored(postgres, database);
    let set: BTreeSet<&String> = there.iter().collect();
    assert_eq!(set.len(), there.len(), "a message is there twice");
    for body in sent.difference(&book.doubtful.lock().unwrap()) {
        assert!(set.contains(body), "{body} was acknowledged and is lost");
    }
    for body in deleted.iter() {
        assert!(!set.contains(body), "{body} was deleted and is back");
    }
    let visible = bodies(second);
    let unique: BTreeSet<&String> = visible.iter().collect();
    assert_eq!(unique.len(), visible.len(), "a message was handed out twice");
    assert!(unique.is_subset(&set));
    assert!(sent.len() >= BEFORE && !deleted.is_empty(), "{} sent, {} deleted", sent.len(), deleted.len());
}

/// Two kews of which the first serves, and work at the first until something happens to it. Then the second has everything.
fn with_two(happens: impl FnOnce(Kew) -> Option<Kew>, afterwards: impl FnOnce(Kew)) {
    let Some(postgres) = Postgres::start() else { return };
    let database = postgres.database();
    let url = postgres.url(&database);
    let first = Kew::start(&["--data", &url, "--queue", "q"]);
    let address = first.addresses()[0];
    let book = Book::default();
    let second = std::thread::scope(|threads| {
        let second = threads.spawn(|| Kew::run(&mut command(&["--listen", "127.0.0.1:0", "--data", &url])));
        let working: Vec<_> = (0..SENDERS)
            .map(|sender| {
                threads.spawn({
                    let book = &book;
                    move || work(address, book, sender)
                })
            })
            .collect();
        while kews(&postgres, &database) < 2 || book.sent.lock().unwrap().len() < BEFORE {
            assert!(!second.is_finished(), "there are two that serve");
            assert!(working.iter().any(|thread| !thread.is_finished()), "nobody sends any more");
            std::thread::yield_now();
        }
        let first = happens(first);
        let second = second.join().unwrap();
        // Whoever still waits for the first is told by its end.
        if let Some(first) = first {
            afterwards(first);
        }
        working.into_iter().for_each(|thread| thread.join().unwrap());
        second
    });
    check(&postgres, &database, &book, &second);
    assert_eq!(second.ask(get("/health")).status, 200);
    second.stop();
    assert_eq!(postgres.sql(&database, "SELECT count(*) FROM kew.node WHERE state <> 'gone'"), ["0"]);
}

#[test]
fn the_second_has_everything_when_the_first_is_killed() {
    with_two(
        |first| {
            first.signal("KILL");
            None
        },
        |_| (),
    );
}

#[test]
fn the_second_has_everything_when_the_first_is_stopped() {
    with_two(
        |first| {
            first.stop();
            None
        },
        |_| (),
    );
}

#[test]
fn one_that_was_frozen_is_fenced_and_ends() {
    with_two(
        |first| {
            first.signal("STOP");
            Some(first)
        },
        |first| {
            first.signal("CONT");
            let (status, log) = first.end();
            assert_eq!(status.code(), Some(74), "{log:?}");
            assert!(log.iter().any(|line| line.contains("served by another kew now")), "{log:?}");
        },
    );
}
