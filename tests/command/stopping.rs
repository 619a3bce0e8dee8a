//! Signals: a first one lets requests finish, a second one does not wait for them.

use crate::http::{Peer, json, receive, received};
use crate::kew::*;
use std::net::{TcpListener, TcpStream};

/// A process with one worker and the queue `q`, and a long poll that it has parked.
fn parked() -> (Kew, Peer) {
    let kew = Kew::start(&["--queue", "q", "--threads", "1", "--log", "debug"]);
    let mut poll = kew.peer();
    poll.assert_open();
    poll.send(receive(20));
    // One worker takes requests up in turn.
    let mut other = kew.peer();
    for _ in 0..5 {
        other.assert_open();
    }
    (kew, poll)
}

#[test]
fn a_signal_ends_it_and_a_parked_long_poll_gets_an_empty_answer() {
    for signal in ["TERM", "INT"] {
        let (kew, mut poll) = parked();
        let address = kew.addresses()[0];
        kew.signal(signal);
        assert_eq!(received(&poll.answer()), []);
        poll.assert_closed();
        let (status, log) = kew.end();
        assert_eq!(status.code(), Some(0), "SIG{signal} {log:?}");
        assert!(TcpStream::connect(address).is_err());
    }
}

#[test]
fn an_idle_process_ends_at_once() {
    let kew = Kew::start(&[]);
    let mut idle = kew.peer();
    idle.assert_open();
    kew.signal("TERM");
    idle.assert_closed();
    let (status, log) = kew.end();
    assert_eq!(status.code(), Some(0));
    assert!(log.iter().any(|line| line.contains("stopping; a second signal ends at once")), "{log:?}");
    assert!(!log.iter().any(|line| line.contains("cut off")), "{log:?}");
}

#[test]
fn a_second_signal_does_not_wait() {
    for (first, second) in [("TERM", "TERM"), ("INT", "INT"), ("TERM", "INT")] {
        // One worker: what another connection is told after this one has sent comes after it was read.
        let kew = Kew::start(&["--queue", "q", "--threads", "1"]);
        let mut stuck = kew.peer();
        stuck.assert_open();
        let whole = json("ListQueues", "{          }");
        // The body never ends, and so neither does the request.
        stuck.send(&whole[..whole.len() - 1]);
        let mut other = kew.peer();
        other.assert_open();
        other.assert_open();
        kew.signal(first);
        kew.line_with("stopping");
        kew.signal(second);
        let (status, log) = kew.end();
        assert_eq!(status.code(), Some(130), "{log:?}");
        stuck.assert_closed();
    }
}

#[test]
fn what_was_sent_before_the_signal_was_answered() {
    let kew = Kew::start(&["--queue", "q"]);
    let mut peer = kew.peer();
    for n in 0..20 {
        let members = serde_json::json!({"QueueUrl": "q", "MessageBody": n.to_string()}).to_string();
        peer.ask(json("SendMessage", members)).ok();
    }
    kew.signal("TERM");
    assert_eq!(kew.end().0.code(), Some(0));
    peer.assert_closed();
}

/// A data directory whose file another program holds: a start waits for it.
fn held_store() -> (tempfile::TempDir, rusqlite::Connection) {
    let dir = tempfile::tempdir().unwrap();
    Kew::start(&["--data", dir.path().to_str().unwrap(), "--queue", "q"]).stop();
    let holder = rusqlite::Connection::open(dir.path().join("kew.sqlite3")).unwrap();
    holder.pragma_update(None, "locking_mode", "EXCLUSIVE").unwrap();
    holder.execute_batch("BEGIN EXCLUSIVE").unwrap();
    (dir, holder)
}

/// A port that was free a moment ago.
fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

#[test]
fn a_signal_ends_it_while_a_store_is_loaded_and_until_then_connections_are_refused() {
    let (dir, holder) = held_store();
    for signal in ["TERM", "INT"] {
        let address = free_address();
        let data = dir.path().to_str().unwrap();
        let kew = Kew::begin(&mut command(&["--data", data, "--listen", &address, "--log", "debug"]));
        kew.line_with("loading");
        assert!(TcpStream::connect(&address).is_err(), "a client would hang until the store is loaded");
        kew.signal(signal);
        kew.line_with("stopping");
        assert_eq!(kew.end().0.code(), Some(0), "SIG{signal}");
    }
    drop(holder);
    // And nothing is the worse for it.
    Kew::start(&["--data", dir.path().to_str().unwrap()]).stop();
}

#[test]
fn a_port_in_use_is_noticed_before_a_store_is_loaded() {
    let (dir, _holder) = held_store();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ended = refused(&["--data", dir.path().to_str().unwrap(), "--listen", &address, "--log", "debug"]);
    assert!(ended.errors.contains("the port is in use") && !ended.errors.contains("loading"), "{ended:?}");
}
