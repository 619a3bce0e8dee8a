//! The socket under hyper. It notes what happens on it, reads ahead while a ReceiveMessage is parked, and lingers at the end.

use super::identity::Identity;
use super::idle_watch::ConnectionState;
use super::limits::{LINGER_TIME_LIMIT, READ_AHEAD_BYTES_MAX};
#[cfg(feature = "tls")]
use super::tls::TlsStream;
use crate::actions::Presence;
use crate::clock::NetworkTime;
use crate::control::{Connection, Doing};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A client, as far as its socket, its requests and the worker that it belongs to must agree on it.
#[derive(Debug)]
pub(super) struct Client {
    /// Its address.
    pub(super) address: SocketAddr,
    /// The port that it connected to.
    pub(super) port: u16,
    /// What has happened on its connection.
    pub(super) state: ConnectionState,
    /// Whether it is still there.
    pub(super) presence: Presence,
    /// Who it is to the history.
    pub(super) identity: Identity,
    /// Whether it speaks TLS.
    pub(super) secure: bool,
    /// Whether it is another node, if it can prove that.
    pub(super) is_peer: bool,
}

impl Client {
    /// A client that has just connected.
    pub(super) fn new(address: SocketAddr, port: u16, secure: bool) -> Client {
        Client {
            address,
            port,
            state: ConnectionState::default(),
            presence: Presence::default(),
            identity: Identity::default(),
            secure,
            is_peer: false,
        }
    }
}

impl Connection for Client {
    fn doing(&self) -> Doing {
        let (serves, changes) = self.state.served.read();
        Doing { serves, at: self.state.at(self.presence.is_wanted()), changes }
    }
}

/// What bytes go through: the socket itself, or TLS over it.
pub(super) enum Stream {
    Plain(TcpStream),
    #[cfg(feature = "tls")]
    Tls(Box<TlsStream>),
}

impl Stream {
    fn tcp(&self) -> &TcpStream {
        match self {
            Stream::Plain(stream) => stream,
            #[cfg(feature = "tls")]
            Stream::Tls(stream) => stream.get_ref().0,
        }
    }
}

/// Calls what has the same name in each kind of stream.
macro_rules! each_stream {
    ($self:ident, $method:ident($($argument:expr),*)) => {
        match $self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).$method($($argument),*),
            #[cfg(feature = "tls")]
            Stream::Tls(stream) => Pin::new(stream).$method($($argument),*),
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        each_stream!(self, poll_read(cx, buf))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        each_stream!(self, poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        each_stream!(self, poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each_stream!(self, poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each_stream!(self, poll_shutdown(cx))
    }
}

/// A client's socket.
pub(super) struct Socket {
    stream: Stream,
    client: Arc<Client>,
    time: NetworkTime,
    /// What was read while a ReceiveMessage was parked, for hyper to read next.
    ahead: Vec<u8>,
    /// The end of the time for lingering.
    linger: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Socket {
    pub(super) fn new(stream: Stream, client: Arc<Client>, time: NetworkTime) -> Socket {
        Socket { stream, client, time, ahead: Vec::new(), linger: None }
    }

    /// Writes a last answer, to what was not read to its end, and lingers.
    pub(super) async fn end_with(&mut self, answer: &[u8]) {
        // If it does not fit into the socket's buffer at once, the client learns from the end of the connection.
        std::future::poll_fn(|cx| {
            let _ = Pin::new(&mut self.stream).poll_write(cx, answer);
            Poll::Ready(())
        })
        .await;
        self.client.state.input_is_unread();
        let _ = std::future::poll_fn(|cx| Pin::new(&mut *self).poll_shutdown(cx)).await;
    }

    /// Has the connection reset when the socket is dropped.
    pub(super) fn reset(&self) {
        // If it cannot be had the client sees an orderly end.
        let _ = socket2::SockRef::from(self.stream.tcp()).set_linger(Some(Duration::ZERO));
    }

    /// Reads on while a ReceiveMessage is parked: the end of the connection comes behind everything else.
    fn read_ahead(&mut self, cx: &mut Context<'_>) {
        let presence = &self.client.presence;
        while presence.is_wanted() && self.ahead.len() < READ_AHEAD_BYTES_MAX {
            let mut piece = [0; 1024];
            let room = piece.len().min(READ_AHEAD_BYTES_MAX - self.ahead.len());
            let mut buf = ReadBuf::new(&mut piece[..room]);
            match Pin::new(&mut self.stream).poll_read(cx, &mut buf) {
                Poll::Pending => return,
                Poll::Ready(Ok(())) if !buf.filled().is_empty() => {
                    self.ahead.extend_from_slice(buf.filled());
                    self.client.state.read_ahead(true);
                }
                Poll::Ready(_) => {
                    presence.end();
                    cx.waker().wake_by_ref();
                }
            }
        }
    }

    /// Gives hyper what was read ahead.
    fn take_ahead(&mut self, buf: &mut ReadBuf<'_>) {
        let rest = self.ahead.split_off(self.ahead.len().min(buf.remaining()));
        buf.put_slice(&self.ahead);
        self.client.state.read_ahead(!rest.is_empty());
        self.ahead = rest;
    }

    /// Reads what the client still sends and throws it away. Closing a socket with unread bytes would reset the connection, and
    /// the client would lose the answer that tells it why.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut thrown_away = [0; 8 * 1024];
        loop {
            let mut buf = ReadBuf::new(&mut thrown_away);
            match Pin::new(&mut self.stream).poll_read(cx, &mut buf)? {
                Poll::Ready(()) if buf.filled().is_empty() => return Poll::Ready(Ok(())),
                Poll::Ready(()) => self.client.state.input_is_unread(),
                Poll::Pending => break,
            }
        }
        if !self.client.state.is_input_unread() {
            return Poll::Ready(Ok(()));
        }
        let time = self.time.clone();
        let limit = self.linger.get_or_insert_with(|| Box::pin(async move { time.pause(LINGER_TIME_LIMIT).await }));
        limit.as_mut().poll(cx).map(Ok)
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
        if buf.filled().len() > before {
            self.client.state.bytes_read();
        }
        result
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, buf))?;
        self.client.state.bytes_written();
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, bufs))?;
        self.client.state.bytes_written();
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // hyper asks for this when all it had to write is out, also when that was nothing. TLS may still hold some of it.
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        if flushed.is_ready() {
            self.client.state.all_written();
        }
        if self.client.state.is_answering() {
            self.read_ahead(cx);
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        self.poll_linger(cx)
    }
}
