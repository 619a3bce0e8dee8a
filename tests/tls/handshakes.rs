//! Handshakes that fail, that take too long, and many at once.

use crate::both;
use crate::client::{Client, trusting};
use crate::support::*;
use kew::internals::clock::NetworkTime;
use kew::internals::http::{HANDSHAKE_TIME_LIMIT, HANDSHAKES_MAX};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, ClientConnection};

#[test]
fn only_http_1_is_offered() {
    let server = both().start().unwrap();
    let mut config = trusting(&server, &[]);
    config.alpn_protocols = vec![b"h2".to_vec()];
    let address = server.addresses()[1];
    assert!(Client::try_connect(address, "localhost", config.clone()).is_err());
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    assert_eq!(Client::connect(&server, "localhost", config.clone()).protocol(), Some(&b"http/1.1"[..]));
    // Old clients offer nothing.
    config.alpn_protocols.clear();
    let mut client = Client::connect(&server, "localhost", config);
    assert_eq!(client.protocol(), None);
    client.ask(json("ListQueues", "{}")).ok();
}

#[test]
fn a_name_that_the_certificate_has_not_is_refused_by_the_client() {
    let server = both().start().unwrap();
    for name in ["localhost", "127.0.0.1", "::1", "host.docker.internal"] {
        let mut client = Client::connect(&server, name, trusting(&server, &[]));
        client.ask(json("ListQueues", "{}")).ok();
    }
    assert!(Client::try_connect(server.addresses()[1], "example.com", trusting(&server, &[])).is_err());
}

#[test]
fn what_is_no_handshake_ends_and_harms_nobody() {
    let server = both().start().unwrap();
    for garbage in [&json("ListQueues", "{}")[..], b"\x16\x03\x01\xff\xff", &[0; 4096]] {
        let mut socket = TcpStream::connect(server.addresses()[1]).unwrap();
        socket.write_all(garbage).unwrap();
        socket.shutdown(std::net::Shutdown::Write).unwrap();
        let mut said = Vec::new();
        // An alert at most; nothing of HTTP.
        let _ = socket.read_to_end(&mut said);
        assert!(!said.starts_with(b"HTTP"), "{said:?}");
    }
    Client::connect(&server, "localhost", trusting(&server, &[])).ask(json("ListQueues", "{}")).ok();
}

#[test]
fn a_handshake_that_does_not_come_ends_in_time_and_holds_up_nobody() {
    let time = NetworkTime::manual();
    let server = both().network_time(time.clone()).start().unwrap();
    let config = trusting(&server, &[]);
    // Nothing at all, and the beginning of a first record.
    let mut silent: Vec<TcpStream> = (0..50).map(|_| TcpStream::connect(server.addresses()[1]).unwrap()).collect();
    for socket in &mut silent[25..] {
        socket.write_all(b"\x16\x03\x01\x02\x00\x01").unwrap();
    }
    // They are accepted before this one, which is served all the same.
    Client::connect(&server, "localhost", config).ask(json("ListQueues", "{}")).ok();
    let_it_work(&server);
    for socket in &silent {
        socket.set_nonblocking(true).unwrap();
        let error = (&mut &*socket).read(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
        socket.set_nonblocking(false).unwrap();
    }
    assert!(time.advance(HANDSHAKE_TIME_LIMIT));
    for mut socket in silent {
        let mut said = Vec::new();
        let _ = socket.read_to_end(&mut said);
        assert!(said.is_empty(), "{said:?}");
    }
}

#[test]
fn so_many_handshakes_are_under_way_at_one_time_and_the_next_waits_for_its_turn() {
    let server = both().network_time(NetworkTime::manual()).start().unwrap();
    let begin = |bytes: &[u8]| {
        let mut socket = TcpStream::connect(server.addresses()[1]).unwrap();
        socket.write_all(bytes).unwrap();
        socket
    };
    let config = Arc::new(trusting(&server, &[]));
    let is_served =
        || Client::connect(&server, "localhost", ClientConfig::clone(&config)).ask(json("ListQueues", "{}")).ok();
    // Those that say nothing take no place.
    let silent: Vec<TcpStream> = (0..HANDSHAKES_MAX).map(|_| begin(b"")).collect();
    is_served();
    drop(silent);
    let mut begun: Vec<TcpStream> = (0..HANDSHAKES_MAX).map(|_| begin(b"\x16\x03\x01\x02\x00\x01")).collect();
    // Each is taken up in turn, a few dozen at a time.
    (0..5).for_each(|_| let_it_work(&server));
    let name = ServerName::try_from("localhost").unwrap();
    let mut hello = Vec::new();
    ClientConnection::new(config.clone(), name).unwrap().write_tls(&mut hello).unwrap();
    let mut next = begin(&hello);
    let_it_work(&server);
    next.set_nonblocking(true).unwrap();
    let error = next.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
    next.set_nonblocking(false).unwrap();
    drop(begun.pop());
    // Its turn has come: a record of the handshake.
    let mut record = [0];
    next.read_exact(&mut record).unwrap();
    assert_eq!(record, [0x16]);
    drop((begun, next));
    is_served();
}
