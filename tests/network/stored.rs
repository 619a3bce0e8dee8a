//! What is kept, in memory and on disk.

use crate::fixture::*;
use crate::support::*;
use kew::Server;

#[test]
fn what_is_stored_can_be_read_by_whoever_can_read_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::builder().queue("q").data(dir.path(), Default::default()).start().unwrap();
    Peer::of(&server).ask(send("written in plain words")).ok();
    server.shutdown_blocking();
    let is_in = |file: std::fs::DirEntry| {
        file.path().is_file() && memchr::memmem::find(&std::fs::read(file.path()).unwrap(), b"in plain words").is_some()
    };
    assert!(std::fs::read_dir(dir.path()).unwrap().any(|file| is_in(file.unwrap())));
}

#[test]
fn a_message_has_a_largest_size_and_a_queue_has_none() {
    let kew = Kew::new();
    let send = |bytes: usize| {
        let body = "x".repeat(bytes);
        kew.said(ANN, "SendMessage", &format!(r#"{{"QueueUrl":"ORDERS","MessageBody":"{body}"}}"#))
    };
    assert_eq!((&*send(1024 * 1024), &*send(1024 * 1024 + 1)), ("ok", "InvalidParameterValue"));
    // Whoever may send can fill the memory: nothing tells one message too many from the others.
    assert!((0..1000).all(|_| kew.said(ANN, "SendMessage", SEND) == "ok"));
    assert_eq!(kew.count(), "1001");
}
