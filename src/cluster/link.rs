//! Requests to other nodes, over HTTP/1.1 connections that are kept for the next one.
//!
//! An exchange drives its connection itself. So who drops an exchange ends the connection at once, and the other node learns that
//! nobody waits any more; and a kept connection takes no task. Each thread keeps connections of its own: they belong to its runtime.

use super::roll::NodeId;
use super::token::Tokens;
use crate::clock::NetworkTime;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode, Uri, Version};
use hyper_util::rt::TokioIo;
use std::collections::HashMap;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::thread::ThreadId;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;

/// How long a connection may take to be made.
const CONNECT_TIME_LIMIT: Duration = Duration::from_secs(2);
/// How long another node may take to be told that something has changed.
const LOOK_TIME_LIMIT: Duration = Duration::from_secs(2);
/// How long another node may take to be told that messages were not delivered.
const BACK_TIME_LIMIT: Duration = Duration::from_secs(2);
/// How long another node may take to give a queue away.
const GIVE_TIME_LIMIT: Duration = Duration::from_secs(15);
/// Connections to a node that a thread keeps for later.
const IDLE_CONNECTIONS_MAX: usize = 256;
/// How long a connection is kept that nobody uses: less than the other node would keep it.
const IDLE_MS_MAX: u64 = 30_000;
/// Bytes of an answer: ten messages of 1 MiB, of which JSON may write each byte as six.
const ANSWER_BYTES_MAX: usize = 96 * 1024 * 1024;
/// Nodes whose end is remembered: exchanges with them end when they are told of it, at once.
const GONE_MAX: usize = 64;

/// Where a node is told that something has changed.
pub const LOOK_PATH: &str = "/_kew/peer/look";
/// Where a node is told to give one of its queues away: `?uid=QUEUE&node=HEIR`.
pub const GIVE_PATH: &str = "/_kew/peer/give";
/// Where a node is told that messages have come for one of its queues; it answers when it has them.
pub const TAKE_PATH: &str = "/_kew/peer/take";
/// Where a node is told that messages that it has answered with were not delivered: [`RECEIVED`] says which.
pub const BACK_PATH: &str = "/_kew/peer/back";

/// Which node sends the request.
pub const FROM: HeaderName = HeaderName::from_static("kew-from");
/// That it may.
pub const TOKEN: HeaderName = HeaderName::from_static("kew-token");
/// The address of the client.
pub const CLIENT: HeaderName = HeaderName::from_static("kew-client");
/// The port that the client came to.
pub const PORT: HeaderName = HeaderName::from_static("kew-port");
/// That the client speaks TLS.
pub const SECURE: HeaderName = HeaderName::from_static("kew-secure");
/// For how long the client has waited already.
pub const WAITED_MS: HeaderName = HeaderName::from_static("kew-waited-ms");
/// In an answer: the code of the error that it tells of, or [`NOT_FOR_ME`].
pub const OUTCOME: HeaderName = HeaderName::from_static("kew-outcome");
/// The outcome of a request that is not for the node that got it.
pub const NOT_FOR_ME: &str = "not-for-me";
/// In an answer: the receipt handles of its messages, parted by commas, if they were waited for. In a request to [`BACK_PATH`] the same
/// of messages that nobody got.
pub const RECEIVED: HeaderName = HeaderName::from_static("kew-received");

/// What nodes say to each other, and nobody else to them.
pub const BETWEEN_NODES: [HeaderName; 8] = [FROM, TOKEN, CLIENT, PORT, SECURE, WAITED_MS, OUTCOME, RECEIVED];

/// Of a request that nobody leaves.
static NOBODY_LEAVES: AtomicBool = AtomicBool::new(false);

/// What is said of a connection, and not of what goes over it (RFC 9110 7.6.1); and an expectation that has been met.
const HOP_BY_HOP: [HeaderName; 9] = [
    header::CONNECTION,
    header::EXPECT,
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHENTICATE,
    HeaderName::from_static("proxy-connection"),
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Another node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Which one.
    pub id: NodeId,
    /// Where the others reach it: `http://HOST:PORT`.
    pub url: Arc<str>,
}

/// What became of requests that were forwarded: they were answered; the node had not got the queue; nothing reached it; or it may have
/// carried out the request and has not said so.
pub const OUTCOMES: [&str; 4] = ["answered", "not_there", "unreachable", "unknown"];

/// Which of the [`OUTCOMES`] this is.
fn outcome<T>(answered: &Result<T, LinkError>) -> usize {
    match answered {
        Ok(_) => 0,
        Err(LinkError::NotThere) => 1,
        Err(LinkError::Refused | LinkError::NotSent(_)) => 2,
        Err(LinkError::Unknown(_)) => 3,
    }
}

/// A client's request, as another node is to carry it out.
#[derive(Clone, Copy, Debug)]
pub struct Forwarded<'a> {
    /// Method, URL and headers as they came.
    pub parts: &'a Parts,
    /// The body.
    pub body: &'a Bytes,
    /// The client's address, if it came by a socket.
    pub client: Option<SocketAddr>,
    /// The port that the client came to.
    pub port: u16,
    /// Whether the client speaks TLS.
    pub secure: bool,
    /// For how long it has waited already, in milliseconds.
    pub waited_ms: u64,
    /// To be set when the client leaves. The other node is told so, and answers at once, with the messages that it had handed over by
    /// then or with none.
    pub leaves: &'a AtomicBool,
}

/// Why there is no answer of another node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkError {
    /// It has not got the queue, and has carried out nothing.
    NotThere,
    /// Nobody listens where it should, or another life of it does: it has carried out nothing.
    Refused,
    /// It has got nothing.
    NotSent(String),
    /// It may have carried out the request, or not.
    Unknown(String),
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LinkError::NotThere => f.write_str("it has not got the queue"),
            LinkError::Refused => f.write_str("nobody is there"),
            LinkError::NotSent(why) => write!(f, "the request could not be sent: {why}"),
            LinkError::Unknown(why) => write!(f, "there was no answer: {why}"),
        }
    }
}

impl std::error::Error for LinkError {}

/// The way to the other nodes.
pub struct Link {
    me: NodeId,
    tokens: Tokens,
    time: NetworkTime,
    idle: Mutex<HashMap<(NodeId, ThreadId), Vec<Idle>>>,
    /// The nodes that ended last.
    gone: watch::Sender<Vec<NodeId>>,
    forwarded: [AtomicU64; OUTCOMES.len()],
}

/// A connection that nobody uses, since then.
struct Idle {
    connection: Connection,
    since_ms: u64,
}

impl Link {
    /// That of this node.
    pub fn new(me: NodeId, secret: &str, time: NetworkTime) -> Link {
        let (gone, _) = watch::channel(Vec::new());
        let forwarded = Default::default();
        Link { me, tokens: Tokens::new(secret), time, idle: Mutex::default(), gone, forwarded }
    }

    /// Whether a token is that of a node for this one.
    pub fn is_of(&self, from: NodeId, token: &str) -> bool {
        self.tokens.is_right(from, self.me, token)
    }

    /// Has a client's request carried out by another node. Dropped, that ends at once, and the other node learns that the client has
    /// gone; an answer that is on its way is lost then, which [`Forwarded::leaves`] is for. There is no limit to its time, unless the
    /// node is [`Link::gone`].
    ///
    /// # Errors
    /// How much of it may have been done.
    pub async fn forward(&self, to: &Peer, request: Forwarded<'_>) -> Result<Response<Bytes>, LinkError> {
        let answered = self.exchange(to, request.for_peer(), request.leaves).await;
        self.forwarded[outcome(&answered)].fetch_add(1, Ordering::Relaxed);
        let mut answer = answered?;
        strip(answer.headers_mut());
        answer.headers_mut().remove(header::CONTENT_LENGTH);
        Ok(answer)
    }

    /// A request that was forwarded was given up, because its time was over.
    pub fn gave_up(&self) {
        self.forwarded[outcome(&Err::<(), _>(LinkError::Unknown(String::new())))].fetch_add(1, Ordering::Relaxed);
    }

    /// How many requests were forwarded, by the [`OUTCOMES`].
    pub fn forwarded(&self) -> [u64; OUTCOMES.len()] {
        std::array::from_fn(|index| self.forwarded[index].load(Ordering::Relaxed))
    }

    /// Tells another node that something has changed.
    ///
    /// # Errors
    /// If it was not told.
    pub async fn look(&self, to: &Peer) -> Result<(), LinkError> {
        let answer = self.tell(to, post(Uri::from_static(LOOK_PATH)), LOOK_TIME_LIMIT).await?;
        match answer.status() {
            StatusCode::NO_CONTENT => Ok(()),
            status => Err(LinkError::Unknown(format!("it answered {status}"))),
        }
    }

    /// Has another node give one of its queues to a third one, or to this one.
    ///
    /// # Errors
    /// Why not, in words.
    pub async fn give(&self, to: &Peer, uid: u64, heir: NodeId) -> Result<(), String> {
        let path = format!("{GIVE_PATH}?uid={uid}&node={}", heir.0);
        let uri = Uri::try_from(path).map_err(|error| error.to_string())?;
        let answer = self.tell(to, post(uri), GIVE_TIME_LIMIT).await.map_err(|error| error.to_string())?;
        match answer.status() {
            StatusCode::NO_CONTENT => Ok(()),
            StatusCode::CONFLICT => Err(String::from_utf8_lossy(answer.body()).into_owned()),
            status => Err(format!("its node answered {status}")),
        }
    }

    /// Has another node take the messages that have come for one of its queues; it has them when this returns.
    ///
    /// # Errors
    /// If that is not certain; its next round tells it then.
    pub async fn take(&self, to: &Peer, uid: u64) -> Result<(), LinkError> {
        let uri =
            Uri::try_from(format!("{TAKE_PATH}?uid={uid}")).map_err(|error| LinkError::NotSent(error.to_string()))?;
        let answer = self.tell(to, post(uri), LOOK_TIME_LIMIT).await?;
        match answer.status() {
            StatusCode::NO_CONTENT => Ok(()),
            status => Err(LinkError::Unknown(format!("it answered {status}"))),
        }
    }

    /// Tells another node that messages which it has answered with were not delivered, by what it had said of them in [`RECEIVED`]. They
    /// are then as if they had never been received.
    ///
    /// # Errors
    /// If that is not certain; they come after their visibility timeout then.
    pub async fn back(&self, to: &Peer, received: HeaderValue) -> Result<(), LinkError> {
        let mut request = post(Uri::from_static(BACK_PATH));
        request.headers_mut().insert(RECEIVED, received);
        let answer = self.tell(to, request, BACK_TIME_LIMIT).await?;
        match answer.status() {
            StatusCode::NO_CONTENT => Ok(()),
            status => Err(LinkError::Unknown(format!("it answered {status}"))),
        }
    }

    /// A request of this node's own.
    async fn tell(
        &self,
        to: &Peer,
        request: Request<Full<Bytes>>,
        limit: Duration,
    ) -> Result<Response<Bytes>, LinkError> {
        tokio::select! {
            answer = self.exchange(to, request, &NOBODY_LEAVES) => answer,
            () = self.time.pause(limit) => Err(LinkError::Unknown("it takes too long".to_owned())),
        }
    }

    /// A node's life is over: exchanges with it end, with an unknown outcome, and its connections are closed.
    pub fn gone(&self, id: NodeId) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).retain(|(of, _), _| *of != id);
        self.gone.send_modify(|gone| {
            gone.push(id);
            let too_many = gone.len().saturating_sub(GONE_MAX);
            gone.drain(..too_many);
        });
    }

    /// Closes connections that nobody has used for long; to be called from time to time.
    pub fn tidy(&self) {
        let now_ms = self.time.now_ms();
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, idle| {
            idle.retain(|idle| idle.is_fresh(now_ms));
            !idle.is_empty()
        });
    }

    /// Sends a request to a node, and gets its answer.
    async fn exchange(
        &self,
        to: &Peer,
        mut request: Request<Full<Bytes>>,
        leaves: &AtomicBool,
    ) -> Result<Response<Bytes>, LinkError> {
        let headers = request.headers_mut();
        headers.insert(FROM, HeaderValue::from(self.me.0));
        let token = HeaderValue::try_from(self.tokens.of(self.me, to.id));
        headers.insert(TOKEN, token.map_err(|error| LinkError::NotSent(error.to_string()))?);
        let (mut gone, sent) = (self.gone.subscribe(), AtomicBool::new(false));
        let answer = tokio::select! {
            biased;
            answer = self.exchange_with_life(to, request, &sent, leaves) => answer?,
            _ = gone.wait_for(|gone| gone.contains(&to.id)) => {
                let why = "it is gone".to_owned();
                return Err(if sent.into_inner() { LinkError::Unknown(why) } else { LinkError::NotSent(why) });
            }
        };
        if answer.headers().get(OUTCOME).is_none_or(|outcome| outcome != NOT_FOR_ME) {
            return Ok(answer);
        }
        // Its token is not known where another life of the node listens now, and this one does not listen any more.
        Err(if answer.status() == StatusCode::FORBIDDEN { LinkError::Refused } else { LinkError::NotThere })
    }

    /// The same for as long as the node is not known to be gone; `sent` says whether some of the request may have been written by then.
    async fn exchange_with_life(
        &self,
        to: &Peer,
        mut request: Request<Full<Bytes>>,
        sent: &AtomicBool,
        leaves: &AtomicBool,
    ) -> Result<Response<Bytes>, LinkError> {
        if let Some(mut kept) = self.take_idle(to.id).await {
            sent.store(true, Ordering::Relaxed);
            match kept.exchange(request, leaves).await {
                Ok(answer) => {
                    self.keep(to.id, kept).await;
                    return Ok(answer);
                }
                Err(Failed::NotSent(back, _)) => request = *back,
                Err(Failed::Unknown(why)) => return Err(LinkError::Unknown(why)),
            }
        }
        sent.store(false, Ordering::Relaxed);
        let mut new = tokio::select! {
            connected = Connection::to(&to.url) => connected?,
            () = self.time.pause(CONNECT_TIME_LIMIT) => {
                return Err(LinkError::NotSent("no connection could be made in time".to_owned()));
            }
        };
        sent.store(true, Ordering::Relaxed);
        match new.exchange(request, leaves).await {
            Ok(answer) => {
                self.keep(to.id, new).await;
                Ok(answer)
            }
            Err(Failed::NotSent(_, why)) => Err(LinkError::NotSent(why)),
            Err(Failed::Unknown(why)) => Err(LinkError::Unknown(why)),
        }
    }

    /// A connection that was kept, is fresh, and is not known to have ended. If one has, so have probably all others.
    async fn take_idle(&self, to: NodeId) -> Option<Connection> {
        let place = (to, std::thread::current().id());
        let Idle { mut connection, since_ms } =
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).get_mut(&place)?.pop()?;
        let is_fresh = self.time.now_ms().saturating_sub(since_ms) < IDLE_MS_MAX;
        if is_fresh && connection.is_ready().await {
            return Some(connection);
        }
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).remove(&place);
        None
    }

    /// Keeps a connection for later, if it can have a next request and there are not too many.
    async fn keep(&self, to: NodeId, mut connection: Connection) {
        if !connection.is_ready().await {
            return;
        }
        let place = (to, std::thread::current().id());
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = idle.entry(place).or_default();
        if idle.len() < IDLE_CONNECTIONS_MAX {
            idle.push(Idle { connection, since_ms: self.time.now_ms() });
        }
    }
}

impl Idle {
    fn is_fresh(&self, now_ms: u64) -> bool {
        now_ms.saturating_sub(self.since_ms) < IDLE_MS_MAX
    }
}

impl Forwarded<'_> {
    /// The request as another node gets it.
    fn for_peer(&self) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.parts.method.clone();
        *request.uri_mut() = self.parts.uri.clone();
        *request.version_mut() = Version::HTTP_11;
        let headers = request.headers_mut();
        headers.clone_from(&self.parts.headers);
        strip(headers);
        for name in BETWEEN_NODES {
            headers.remove(name);
        }
        let client = self.client.and_then(|client| HeaderValue::try_from(client.to_string()).ok());
        if let Some(client) = client {
            headers.insert(CLIENT, client);
        }
        headers.insert(PORT, HeaderValue::from(self.port));
        if self.secure {
            headers.insert(SECURE, HeaderValue::from_static("1"));
        }
        headers.insert(WAITED_MS, HeaderValue::from(self.waited_ms));
        request
    }
}

/// Takes away what is said of a connection.
fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|names| names.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

/// What reads and writes for a connection.
type Driver = http1::Connection<TokioIo<Way>, Full<Bytes>>;

/// A connection to another node, which whoever has an exchange on it drives.
struct Connection {
    sender: http1::SendRequest<Full<Bytes>>,
    /// None once it has ended.
    driver: Option<Pin<Box<Driver>>>,
    /// That of its [`Way`].
    leaves: Arc<AtomicBool>,
}

/// A socket whose own half can be ended while an answer is waited for. That is how the other node learns of a client's end from a client
/// too.
struct Way {
    stream: TcpStream,
    /// Set when nothing more is to be said.
    leaves: Arc<AtomicBool>,
    has_left: bool,
}

impl AsyncRead for Way {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        // What drives the connection comes here whenever it is driven, for as long as there is no answer.
        if !self.has_left && self.leaves.load(Ordering::Relaxed) {
            self.has_left = true;
            // An error means that it has ended altogether, which reading tells.
            let _ = Pin::new(&mut self.stream).poll_shutdown(cx);
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Way {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Why an exchange has no answer.
enum Failed {
    /// The connection had ended before any of the request was written.
    NotSent(Box<Request<Full<Bytes>>>, String),
    Unknown(String),
}

impl Connection {
    async fn to(url: &str) -> Result<Connection, LinkError> {
        let not_sent = |error: &dyn fmt::Display| LinkError::NotSent(error.to_string());
        let place = url.trim_start_matches("http://").trim_end_matches('/');
        let stream = TcpStream::connect(place).await.map_err(|error| match error.kind() {
            io::ErrorKind::ConnectionRefused => LinkError::Refused,
            _ => not_sent(&error),
        })?;
        // Small requests must not wait for the acknowledgement of earlier ones; an error only makes that slower.
        let _ = stream.set_nodelay(true);
        let leaves = Arc::<AtomicBool>::default();
        let way = Way { stream, leaves: leaves.clone(), has_left: false };
        let (sender, driver) = http1::handshake(TokioIo::new(way)).await.map_err(|error| not_sent(&error))?;
        Ok(Connection { sender, driver: Some(Box::pin(driver)), leaves })
    }

    /// Whether it is there, and free for a request.
    async fn is_ready(&mut self) -> bool {
        let Some(driver) = self.driver.as_mut().filter(|_| !self.leaves.load(Ordering::Relaxed)) else { return false };
        if poll_fn(|cx| Poll::Ready(driver.as_mut().poll(cx).is_ready())).await {
            self.driver = None;
        }
        self.driver.is_some() && self.sender.is_ready()
    }

    async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
        leaves: &AtomicBool,
    ) -> Result<Response<Bytes>, Failed> {
        let Connection { sender, driver, leaves: way_leaves } = self;
        let mut answered = pin!(async {
            let sent = sender.try_send_request(request).await;
            let answer = sent.map_err(|mut error| match error.take_message() {
                Some(request) => Failed::NotSent(Box::new(request), error.error().to_string()),
                None => Failed::Unknown(error.error().to_string()),
            })?;
            whole(answer).await
        });
        if let Some(running) = driver {
            tokio::select! {
                biased;
                answer = &mut answered => return answer,
                () = poll_fn(|_| {
                    if leaves.load(Ordering::Relaxed) {
                        way_leaves.store(true, Ordering::Relaxed);
                    }
                    Poll::Pending
                }) => {}
                // Whether it ended well is told by the answer.
                _ = running.as_mut() => {}
            }
        }
        // What it still holds comes back when it is dropped.
        *driver = None;
        answered.await
    }
}

/// A request of this node's own, without a body.
fn post(uri: Uri) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::default());
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri;
    request
}

/// An answer with all of its body.
async fn whole(answer: Response<Incoming>) -> Result<Response<Bytes>, Failed> {
    let too_long = || Failed::Unknown(format!("its answer is longer than {ANSWER_BYTES_MAX} bytes"));
    let (parts, body) = answer.into_parts();
    if body.size_hint().lower() > ANSWER_BYTES_MAX as u64 {
        return Err(too_long());
    }
    match Limited::new(body, ANSWER_BYTES_MAX).collect().await {
        Ok(body) => Ok(Response::from_parts(parts, body.to_bytes())),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => Err(too_long()),
        Err(error) => Err(Failed::Unknown(error.to_string())),
    }
}
