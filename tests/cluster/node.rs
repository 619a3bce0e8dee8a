//! Another node that is nothing but a socket: it reads requests, and answers what the test says.

use kew::internals::cluster::{NodeId, Peer};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::Duration;

/// After this a test fails: something hangs. No test waits for it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Which node it is.
pub const ID: NodeId = NodeId(77);

/// Listens, and has a script carried out for whoever connects; the thread's end is that of the script.
pub fn node<T: Send + 'static>(script: impl FnOnce(TcpListener) -> T + Send + 'static) -> (Peer, JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = peer(listener.local_addr().unwrap().port());
    (peer, std::thread::spawn(move || script(listener)))
}

/// The node at a port of this machine.
pub fn peer(port: u16) -> Peer {
    Peer { id: ID, url: format!("http://127.0.0.1:{port}").into() }
}

/// A connection as the node has it.
pub struct Accepted {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Accepted {
    pub fn by(listener: &TcpListener) -> Accepted {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Accepted { stream, read: Vec::new() }
    }

    fn more(&mut self) -> usize {
        let mut piece = [0; 4096];
        let count = self.stream.read(&mut piece).unwrap_or_else(|error| match error.kind() {
            std::io::ErrorKind::ConnectionReset => 0,
            _ => panic!("{error}"),
        });
        self.read.extend_from_slice(&piece[..count]);
        count
    }

    /// A whole request: its head, line by line, and its body.
    pub fn request(&mut self) -> (Vec<String>, String) {
        let end = loop {
            match self.read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                Some(end) => break end,
                None => assert!(self.more() > 0, "the connection ended in a head"),
            }
        };
        let head = String::from_utf8(self.read[..end].to_vec()).unwrap();
        let lines: Vec<String> = head.lines().map(str::to_owned).collect();
        let length = lines.iter().find_map(|line| line.strip_prefix("content-length: "));
        let length = length.map_or(0, |length| length.parse().unwrap());
        while self.read.len() < end + 4 + length {
            assert!(self.more() > 0, "the connection ended in a body");
        }
        let body = String::from_utf8(self.read[end + 4..end + 4 + length].to_vec()).unwrap();
        self.read.drain(..end + 4 + length);
        (lines, body)
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    /// Answers with 200 and a body.
    pub fn answer(&mut self, body: &str) {
        self.send(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()));
    }

    /// Waits until the other end has closed the connection.
    pub fn assert_ends(mut self) {
        self.assert_says_no_more();
    }

    /// Waits until the other end has closed the connection, or its half of it.
    pub fn assert_says_no_more(&mut self) {
        assert_eq!(self.more(), 0, "{:?}", String::from_utf8_lossy(&self.read));
    }
}
