//! What is on the wire: TLS, and what is seen without it.

use crate::fixture::*;
use crate::support::*;
use crate::tls::{Client, trusting};
use kew::Server;
use std::io::{Read, Write};
use std::net::TcpStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConnection, StreamOwned};

/// A socket, and all that was on the wire.
struct Tapped {
    socket: TcpStream,
    seen: Vec<u8>,
}

impl Tapped {
    fn connect(server: &Server) -> Tapped {
        Tapped { socket: TcpStream::connect(server.addresses()[0]).unwrap(), seen: Vec::new() }
    }

    fn has_seen(&self, text: &str) -> bool {
        memchr::memmem::find(&self.seen, text.as_bytes()).is_some()
    }
}

impl Read for Tapped {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let count = self.socket.read(into)?;
        self.seen.extend_from_slice(&into[..count]);
        Ok(count)
    }
}

impl Write for Tapped {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let count = self.socket.write(bytes)?;
        self.seen.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.socket.flush()
    }
}

fn by_tls() -> Server {
    Server::builder().queue("q").manual_clock().tls_self_signed().start().unwrap()
}

#[test]
fn whoever_is_on_the_wire_reads_everything_but_tls() {
    let words = ["the body of a message", "AmazonSQS.SendMessage", "MessageId"];
    let plain = server();
    let mut tapped = Tapped::connect(&plain);
    tapped.write_all(&send(words[0])).unwrap();
    Answer::read(&mut tapped).ok();
    assert!(words.iter().all(|word| tapped.has_seen(word)));

    let server = by_tls();
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(trusting(&server, &[]).into(), name).unwrap();
    let mut tls = StreamOwned::new(connection, Tapped::connect(&server));
    tls.write_all(&send(words[0])).unwrap();
    Answer::read(&mut tls).ok();
    assert!(tls.sock.seen.len() > 1000 && !words.iter().any(|word| tls.sock.has_seen(word)));
}

#[test]
fn a_server_with_a_certificate_of_its_own_is_known_by_it() {
    let (server, other) = (by_tls(), by_tls());
    let config = trusting(&server, &[]);
    Client::connect(&server, "localhost", config.clone()).ask(json("ListQueues", "{}")).ok();
    assert!(Client::try_connect(other.addresses()[0], "localhost", config).is_err());
}

#[test]
fn versions_before_tls_1_2_are_refused() {
    let server = by_tls();
    // ecdsa_secp256r1_sha256 among the signature algorithms.
    let extensions = [0, 8, 0, 13, 0, 4, 0, 2, 4, 3];
    for version in [[3, 0], [3, 1], [3, 2]] {
        // A ClientHello with one cipher suite.
        let hello = [&version[..], &[7; 32], &[0], &[0, 2, 0xc0, 0x13], &[1, 0], &extensions].concat();
        let handshake = [&[1, 0, 0, hello.len() as u8][..], &hello].concat();
        let record = [&[0x16, 3, 1, 0, handshake.len() as u8][..], &handshake].concat();
        let mut socket = TcpStream::connect(server.addresses()[0]).unwrap();
        socket.write_all(&record).unwrap();
        let mut said = Vec::new();
        let _ = socket.read_to_end(&mut said);
        // A fatal alert: protocol_version.
        assert_eq!((said.first(), said.last()), (Some(&0x15), Some(&70)), "{version:?} {said:?}");
    }
}

#[test]
fn plain_http_is_not_answered_where_tls_is_spoken() {
    let server = by_tls();
    let mut socket = TcpStream::connect(server.addresses()[0]).unwrap();
    socket.write_all(&send("in plain words")).unwrap();
    let mut said = Vec::new();
    let _ = socket.read_to_end(&mut said);
    assert!(!said.starts_with(b"HTTP"), "{said:?}");
    let received = Client::connect(&server, "localhost", trusting(&server, &[])).ask(receive(0));
    assert_eq!(crate::support::received(&received), []);
}

#[test]
fn queue_urls_name_the_host_that_the_client_says_unless_one_is_set() {
    let url = |kew: &Kew| {
        let mut signing = kew.unsigned(ROOT, "GetQueueUrl", r#"{"QueueName":"orders"}"#, 0);
        signing.headers[0].1 = "elsewhere.internal".to_owned();
        signing.sign();
        kew.ask(bytes(&signing)).ok().json()["QueueUrl"].as_str().unwrap().to_owned()
    };
    let port = |kew: &Kew| kew.address().port();
    let kew = Kew::new();
    assert_eq!(url(&kew), format!("http://elsewhere.internal:{}/000000000000/orders", port(&kew)));
    let kew = Kew::with(|config| config.external_url = Some("https://queues.example".to_owned()));
    assert_eq!(url(&kew), "https://queues.example/000000000000/orders");
}
