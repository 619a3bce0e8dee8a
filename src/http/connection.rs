//! One connection: hyper's HTTP/1.1 over a socket that also answers in SQS's shape where hyper alone would not.

use super::{
    HEAD_BYTES_HARD_MAX, HEADER_FIELDS_MAX, LINGER_TIME_LIMIT, READ_AHEAD_BYTES_MAX, Service, URL_BYTES_MAX, Via,
    raw_answer,
};
use crate::actions::Presence;
use crate::clock::Clock;
use crate::error::ErrorKind;
use hyper::header::{self, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;

/// Serves a connection until it ends. It has no time limit of its own for idleness and heads: see [`Peer`].
pub(super) async fn serve(stream: TcpStream, service: Arc<Service>, port: u16, peer: Arc<Peer>) {
    // Small answers must not wait for the peer's acknowledgement of earlier ones; an error only makes that slower.
    let _ = stream.set_nodelay(true);
    let socket = Socket::new(stream, peer.clone());
    let answer = service_fn(move |request| {
        let (service, peer) = (service.clone(), peer.clone());
        // On its own in memory: it has 3.4 KiB, and the connections of a thread then use the same few instead of each its own,
        // which with 1,000 connections takes 8 % off a request.
        Box::pin(async move {
            peer.enter(Stage::Answering);
            peer.presence.begin();
            let mut answer = service.answer_via(request, Via { port, presence: Some(&peer.presence) }).await;
            // The service ends a connection only when it has not read all of the request, which is an error.
            if !answer.status().is_success() && answer.headers().contains_key(header::CONNECTION) {
                peer.unread.store(true, Ordering::Relaxed);
            } else if service.broker().is_closing() {
                answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            peer.enter(Stage::Writing);
            Ok::<_, Infallible>(answer)
        })
    });
    let mut connection = http1::Builder::new()
        .header_read_timeout(None)
        // A client that has ended its half may read on. Of those that have gone, only a parked ReceiveMessage wants to
        // know.
        .half_close(true)
        .max_buf_size(HEAD_BYTES_HARD_MAX)
        .serve_connection(TokioIo::new(socket), answer);
    if let Err(error) = (&mut connection).await {
        tracing::trace!(%error, "connection ended");
        if error.is_parse_version_h2() {
            let answer = raw_answer(ErrorKind::Serialization, "HTTP/2 is not spoken here, only HTTP/1.1.");
            connection.into_parts().io.into_inner().end_with(&answer).await;
        }
    }
}

/// Where a connection is between two requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Stage {
    /// Nothing of a request has come.
    Idle,
    /// Some of a request's head has come.
    Head,
    /// A request is being answered; its body may still be coming, for which the service has a time limit.
    Answering,
    /// The answer is being written.
    Writing,
}

/// What a connection and the worker that it belongs to tell each other.
///
/// The worker looks at all its connections from time to time and ends those that have been silent for too long. That takes
/// nothing from a request but a few flags, where a timer for each would take 2 % of its time.
#[derive(Default)]
pub(super) struct Peer {
    /// The [`Stage`].
    stage: AtomicU8,
    /// How often the worker has looked since the last sign of life.
    silent_looks: AtomicU32,
    /// Say before closing that the head took too long.
    farewell: AtomicBool,
    /// The last answer went out before all of the request was read.
    unread: AtomicBool,
    presence: Presence,
}

impl Peer {
    fn stage(&self) -> Stage {
        [Stage::Idle, Stage::Head, Stage::Answering, Stage::Writing][usize::from(self.stage.load(Ordering::Relaxed))]
    }

    /// A sign of life.
    fn enter(&self, stage: Stage) {
        self.stage.store(stage as u8, Ordering::Relaxed);
        self.silent_looks.store(0, Ordering::Relaxed);
    }

    /// Some of an answer could be written: the peer is not silent, however slow it reads.
    fn reads_on(&self) {
        if self.stage() == Stage::Writing {
            self.enter(Stage::Writing);
        }
    }
}

/// How the worker sees one of its connections.
pub(super) struct Watched {
    pub(super) peer: Arc<Peer>,
    pub(super) task: AbortHandle,
}

impl Watched {
    /// Ends the connection if it has been silent for [`LOOKS`] times the pause between two looks.
    pub(super) fn look(&self) {
        let stage = self.peer.stage();
        // The first look may come right after the last sign of life.
        if stage != Stage::Answering && self.peer.silent_looks.fetch_add(1, Ordering::Relaxed) >= LOOKS {
            // A head that began and did not end in time. Who is idle, or does not read, is left without a word.
            self.peer.farewell.store(stage == Stage::Head, Ordering::Relaxed);
            self.task.abort();
        }
    }

    /// Ends the connection if nothing is under way on it.
    pub(super) fn end_if_idle(&self) {
        // One whose last request was not read to its end is closing already, and leaves its peer the time to read the answer.
        if self.peer.stage() == Stage::Idle && !self.peer.unread.load(Ordering::Relaxed) {
            self.task.abort();
        }
    }
}

/// How often a worker looks at its connections within the time limit of a silent one, which is kept to within one such part.
pub(super) const LOOKS: u32 = 8;

/// A socket that puts SQS-shaped answers in place of the bare ones hyper gives to what is not HTTP.
struct Socket {
    stream: TcpStream,
    peer: Arc<Peer>,
    /// What is being written in place of hyper's own answer, and how much of it is out.
    instead: Option<(Vec<u8>, usize)>,
    /// The end of the time for listening on after the last answer.
    linger: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    /// What was read while a ReceiveMessage was parked, for hyper to read next.
    ahead: Vec<u8>,
}

/// Tells the peer that there is no room for it, and listens on for a moment, so that the peer comes to read this.
pub(super) async fn turn_away(stream: TcpStream) {
    let mut socket = Socket::new(stream, Arc::default());
    socket.end_with(&raw_answer(ErrorKind::ServiceUnavailable, "Too many connections.")).await;
}

/// hyper's own answers, for requests that it could not read, and what stands for them.
fn in_place_of(head: &[u8]) -> Option<Vec<u8>> {
    // They have no body. The rest of a long answer of ours may look like one, but no answer with a body ends like this.
    if !head.ends_with(b"\r\n\r\n") {
        return None;
    }
    let status = head.strip_prefix(b"HTTP/1.1 ").or_else(|| head.strip_prefix(b"HTTP/1.0 "))?.get(..3)?;
    let ours = || head.windows(16).any(|w| w.eq_ignore_ascii_case(b"x-amzn-requestid"));
    match status {
        b"400" if !ours() => Some(raw_answer(ErrorKind::Serialization, "The request is not valid HTTP.")),
        b"414" if !ours() => {
            let text = format!("The request's URL is longer than {URL_BYTES_MAX} bytes.");
            Some(raw_answer(ErrorKind::RequestHeaderTooLarge, text))
        }
        b"431" if !ours() => {
            let (fields, bytes) = (HEADER_FIELDS_MAX, HEAD_BYTES_HARD_MAX);
            let text = format!("The request has more than {fields} header fields, or more than {bytes} bytes of them.");
            Some(raw_answer(ErrorKind::RequestHeaderTooLarge, text))
        }
        _ => None,
    }
}

impl Socket {
    fn new(stream: TcpStream, peer: Arc<Peer>) -> Socket {
        Socket { stream, peer, instead: None, linger: None, ahead: Vec::new() }
    }

    /// Reads on while a ReceiveMessage is parked: the end of the connection comes behind everything else.
    fn read_ahead(&mut self, cx: &mut Context<'_>) {
        while self.peer.presence.is_wanted() && self.ahead.len() < READ_AHEAD_BYTES_MAX {
            let mut piece = [0; 1024];
            let room = piece.len().min(READ_AHEAD_BYTES_MAX - self.ahead.len());
            let mut buf = ReadBuf::new(&mut piece[..room]);
            match Pin::new(&mut self.stream).poll_read(cx, &mut buf) {
                Poll::Pending => return,
                Poll::Ready(Ok(())) if !buf.filled().is_empty() => self.ahead.extend_from_slice(buf.filled()),
                Poll::Ready(_) => {
                    self.peer.presence.end();
                    cx.waker().wake_by_ref();
                }
            }
        }
    }

    /// Gives hyper what was read ahead.
    fn take_ahead(&mut self, buf: &mut ReadBuf<'_>) {
        let rest = self.ahead.split_off(self.ahead.len().min(buf.remaining()));
        buf.put_slice(&self.ahead);
        self.ahead = rest;
    }

    /// Sends a last answer, and listens on for a moment, so that the peer comes to read it.
    async fn end_with(&mut self, answer: &[u8]) {
        // If it does not fit into the socket's buffer at once, the peer learns from the end of the connection.
        let _ = self.stream.try_write(answer);
        self.peer.unread.store(true, Ordering::Relaxed);
        let _ = std::future::poll_fn(|cx| Pin::new(&mut *self).poll_shutdown(cx)).await;
    }

    /// Writes what stands in place of `replaced` bytes.
    fn poll_instead(&mut self, cx: &mut Context<'_>, replaced: usize) -> Poll<io::Result<usize>> {
        while let Some((bytes, done)) = &mut self.instead {
            if *done == bytes.len() {
                self.instead = None;
                return Poll::Ready(Ok(replaced));
            }
            *done += ready!(Pin::new(&mut self.stream).poll_write(cx, &bytes[*done..]))?;
        }
        Poll::Ready(Ok(replaced))
    }

    fn begin_instead(&mut self, head: &[u8]) -> bool {
        if self.instead.is_none() {
            self.instead = in_place_of(head).map(|bytes| (bytes, 0));
            if self.instead.is_some() {
                self.peer.unread.store(true, Ordering::Relaxed);
            }
        }
        self.instead.is_some()
    }

    /// Reads what the peer still sends and throws it away. Closing a socket with unread bytes would reset the connection, and
    /// the peer would lose the answer that tells it why.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let limit = self.linger.get_or_insert_with(|| Box::pin(Clock::network_pause(LINGER_TIME_LIMIT)));
        if limit.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        let mut thrown_away = [0; 8 * 1024];
        loop {
            let mut buf = ReadBuf::new(&mut thrown_away);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buf))?;
            if buf.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let result = if self.ahead.is_empty() {
            Pin::new(&mut self.stream).poll_read(cx, buf)
        } else {
            self.take_ahead(buf);
            Poll::Ready(Ok(()))
        };
        // What comes while an answer is on its way is the request's body, or a next request ahead of its time.
        if buf.filled().len() > before && self.peer.stage() == Stage::Idle {
            self.peer.enter(Stage::Head);
        }
        result
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.begin_instead(buf) {
            return self.poll_instead(cx, buf.len());
        }
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, buf))?;
        self.peer.reads_on();
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let all = bufs.iter().map(|buf| buf.len()).sum();
        let first = bufs.first().map_or(&[][..], |first| first);
        if self.begin_instead(if first.len() == all { first } else { &[] }) {
            return self.poll_instead(cx, all);
        }
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, bufs))?;
        self.peer.reads_on();
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // hyper asks for this when all it had to write is out, also when that was nothing.
        match self.peer.stage() {
            Stage::Writing => self.peer.enter(Stage::Idle),
            Stage::Answering => self.read_ahead(cx),
            Stage::Idle | Stage::Head => {}
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        if self.peer.unread.load(Ordering::Relaxed) { self.poll_linger(cx) } else { Poll::Ready(Ok(())) }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.peer.farewell.load(Ordering::Relaxed) {
            // If it cannot be written at once the peer has not even read earlier answers.
            let _ = self
                .stream
                .try_write(&raw_answer(ErrorKind::RequestTimeout, "The request's headers did not arrive in time."));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bare_error_of_hyper_is_replaced() {
        let bare = |status: &str| {
            format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\ndate: Fri, 20 Nov 2026 10:00:00 GMT\r\n\r\n")
        };
        let status = |bytes: Option<Vec<u8>>| bytes.map(|bytes| String::from_utf8(bytes[9..12].to_vec()).unwrap());
        assert_eq!(status(in_place_of(bare("400 Bad Request").as_bytes())).as_deref(), Some("400"));
        assert_eq!(status(in_place_of(bare("414 URI Too Long").as_bytes())).as_deref(), Some("431"));
        assert_eq!(status(in_place_of(bare("431 Request Header Fields Too Large").as_bytes())).as_deref(), Some("431"));
        for other in ["200 OK", "100 Continue", "413 Content Too Large", "500 Internal Server Error"] {
            assert_eq!(in_place_of(bare(other).as_bytes()), None, "{other}");
        }
        let ours = "HTTP/1.1 400 Bad Request\r\nX-Amzn-RequestId: a\r\ncontent-length: 0\r\n\r\n";
        assert_eq!(in_place_of(ours.as_bytes()), None);
    }

    #[test]
    fn the_rest_of_a_long_answer_is_never_replaced() {
        // A message may hold any text, and a piece of an answer may begin anywhere in it.
        let text = "HTTP/1.1 400 Bad Request\\r\\n\\r\\n".repeat(100);
        for end in ["", "\"}]}", "</Body></Message>"] {
            assert_eq!(in_place_of(format!("{text}{end}").as_bytes()), None);
        }
        for piece in ["", "H", "HTTP/1.1", "HTTP/1.1 400"] {
            assert_eq!(in_place_of(piece.as_bytes()), None);
        }
    }
}
