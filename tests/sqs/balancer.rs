//! A balancer that sends each request to another node, also those of one connection. A real one is less blind, and cannot show more
//! than that.
//!
//! It knows just enough of HTTP/1.1: heads, bodies by their length or in chunks, and that a client may go away. As AWS's own do, it says
//! at which port the client came.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// It listens at a free port of this machine, until it is dropped.
pub struct Balancer {
    pub address: SocketAddr,
    _end: oneshot::Sender<()>,
}

impl Balancer {
    pub fn start(nodes: Vec<SocketAddr>) -> Balancer {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a socket");
        let address = listener.local_addr().expect("an address");
        let (end, ended) = oneshot::channel::<()>();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                tokio::select! {
                    () = accept(listener, nodes) => {}
                    _ = ended => {}
                }
            });
        });
        Balancer { address, _end: end }
    }
}

async fn accept(listener: std::net::TcpListener, nodes: Vec<SocketAddr>) {
    let listener = TcpListener::from_std(listener).expect("a socket");
    let (nodes, next) = (Arc::new(nodes), Arc::<AtomicUsize>::default());
    loop {
        let (client, _) = listener.accept().await.expect("a connection");
        let (nodes, next) = (nodes.clone(), next.clone());
        // How a connection ends is told to both ends of it, and to nobody else.
        tokio::spawn(async move { serve(Half::of(client), &nodes, &next).await });
    }
}

/// Serves a client until it goes, or an answer says that it is the last.
async fn serve(mut client: Half, nodes: &[SocketAddr], next: &AtomicUsize) -> io::Result<()> {
    let port = format!("\r\nX-Forwarded-Port: {}", client.stream.local_addr()?.port());
    while let Some(mut request) = client.message(Kind::Request).await? {
        // Else there is another one before it, which knows better.
        if header(&request, "x-forwarded-proto").is_none() {
            let line = memchr::memmem::find(&request, b"\r\n").unwrap_or_default();
            request.splice(line..line, port.bytes());
        }
        let node = nodes[next.fetch_add(1, Ordering::Relaxed) % nodes.len()];
        let mut upstream = Half::of(TcpStream::connect(node).await?);
        let kind = if request.starts_with(b"HEAD ") { Kind::AnswerToHead } else { Kind::Answer };
        let asked = async {
            // A node that answers before it has read everything may not read the rest.
            let _ = upstream.stream.write_all(&request).await;
            upstream.message(kind).await
        };
        let answer = tokio::select! {
            answer = asked => answer?,
            ended = client.ends() => return ended,
        };
        let Some(answer) = answer else { return Ok(()) };
        client.stream.write_all(&answer).await?;
        if header(&answer, "connection").is_some_and(|value| value == "close") {
            break;
        }
    }
    client.stream.shutdown().await
}

/// What is told apart by where its body ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Request,
    Answer,
    AnswerToHead,
}

/// A connection, with what was read and is not used yet.
struct Half {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Half {
    fn of(stream: TcpStream) -> Half {
        let _ = stream.set_nodelay(true);
        Half { stream, read: Vec::new() }
    }

    /// Reads more; `false` at the end.
    async fn more(&mut self) -> io::Result<bool> {
        self.read.reserve(64 << 10);
        Ok(self.stream.read_buf(&mut self.read).await? > 0)
    }

    /// Returns when the other end has nothing more to say.
    async fn ends(&mut self) -> io::Result<()> {
        while self.more().await? {}
        Ok(())
    }

    /// A whole request or answer as it came, or none at the end of the connection; what was cut off is none.
    async fn message(&mut self, kind: Kind) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some(end) = end_of_message(&self.read, kind) {
                let rest = self.read.split_off(end);
                let message = std::mem::replace(&mut self.read, rest);
                // 100 Continue is for whoever asked for it, and nobody does.
                if kind == Kind::Request || !message.starts_with(b"HTTP/1.1 100") {
                    return Ok(Some(message));
                }
            } else if !self.more().await? {
                return Ok(None);
            }
        }
    }
}

/// Where the first message ends, if all of it is there.
fn end_of_message(bytes: &[u8], kind: Kind) -> Option<usize> {
    let head = memchr::memmem::find(bytes, b"\r\n\r\n")? + 4;
    if kind == Kind::AnswerToHead {
        return Some(head);
    }
    if header(&bytes[..head], "transfer-encoding").is_some() {
        // No text of a test has this in it.
        return memchr::memmem::find(&bytes[head..], b"0\r\n\r\n").map(|end| head + end + 5);
    }
    let length = header(&bytes[..head], "content-length").and_then(|value| value.parse::<usize>().ok()).unwrap_or(0);
    Some(head + length).filter(|end| *end <= bytes.len())
}

/// The value of a header of a message.
fn header(message: &[u8], name: &str) -> Option<String> {
    let head = &message[..memchr::memmem::find(message, b"\r\n\r\n")?];
    let text = String::from_utf8_lossy(head).to_lowercase();
    let value = |line: &str| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim().to_owned());
    text.lines().find_map(value)
}
