//! The front door: one request in, one answer out. Routes, limits, health, and the rule for web pages.
//!
//! Invariant: whatever bytes come in, an answer of SQS's shape goes out; every limit on the way has a name in this file.

mod connection;
mod head;
mod host;
mod origin;
mod server;

pub use crate::config::{BODY_BYTES_MAX_DEFAULT, Hosts, Origins};
pub(crate) use server::Bound;
pub use server::{Running, StartError};

use crate::actions::{Actions, Caller, Presence};
use crate::api::region_of_host;
use crate::broker::Broker;
use crate::clock::Clock;
use crate::config::Config;
use crate::engine::Time;
use crate::error::{Error, ErrorKind};
use crate::wire::{self, Call, Protocol, Rejection, Reply};
use bytes::{Bytes, BytesMut};
use head::{Headers, text};
use host::split_host;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Request, Response, StatusCode};
use std::borrow::Cow;
use std::num::NonZero;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use uuid::fmt::Hyphenated;

/// Bytes of a request's URL and header names and values together.
pub const HEADER_BYTES_MAX: usize = 128 * 1024;
/// Bytes of a request's URL; within [`HEADER_BYTES_MAX`]. It is hyper's own limit, and that of its `Uri`.
pub const URL_BYTES_MAX: usize = 65_534;
/// Bytes of a request's head that are read at all; of a longer one nothing is known, not even its protocol.
pub const HEAD_BYTES_HARD_MAX: usize = 512 * 1024;
/// Header fields of a request. It is hyper's own default: with any other it allocates for each request.
pub const HEADER_FIELDS_MAX: usize = 100;
/// Bytes that are read ahead of a parked ReceiveMessage, to notice that the client has gone behind further requests.
/// With more than that waiting it is not noticed.
pub const READ_AHEAD_BYTES_MAX: usize = 16 * 1024;
/// How long a request's head may take to come in, a connection be idle, and a peer read nothing of an answer; it may be an eighth
/// longer.
pub const HEADER_TIME_LIMIT: Duration = Duration::from_secs(75);
/// How long a request's body may take to come in.
pub const BODY_TIME_LIMIT: Duration = Duration::from_secs(60);
/// How long a connection is listened to after an answer that ended it early, so that the peer comes to read that answer.
pub const LINGER_TIME_LIMIT: Duration = Duration::from_secs(2);
/// How long a stopping server waits for requests that are under way.
pub const SHUTDOWN_TIME_LIMIT: Duration = Duration::from_secs(5);

/// What the front door is told.
#[derive(Clone, Debug)]
pub struct HttpOptions {
    /// The account of callers whose access key does not name one: 12 digits.
    pub account: String,
    /// The region of callers that do not sign for one.
    pub region: String,
    /// What queue URLs begin with; from the request's `Host` if absent.
    pub external_url: Option<String>,
    /// Web pages that may use the server.
    pub origins: Origins,
    /// Names by which browsers may reach the server, beside those that are safe anyway and that of the external URL.
    pub hosts: Hosts,
    /// Bytes of a request body.
    pub body_bytes_max: usize,
    /// Connections at one time; more are turned away with 503.
    pub connections_max: usize,
    /// Worker threads.
    pub threads: usize,
}

impl Default for HttpOptions {
    fn default() -> HttpOptions {
        HttpOptions::from(&Config::default())
    }
}

impl From<&Config> for HttpOptions {
    fn from(config: &Config) -> HttpOptions {
        HttpOptions {
            account: config.account.clone(),
            region: config.region.clone(),
            external_url: config.external_url.clone(),
            origins: config.cors.clone(),
            hosts: config.allow_host.clone(),
            body_bytes_max: config.body_bytes_max,
            connections_max: config.connections_max,
            threads: config.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, NonZero::get)),
        }
    }
}

/// What answers requests.
pub struct Service {
    actions: Actions,
    options: HttpOptions,
    hosts: Hosts,
    head_time_limit: Duration,
    body_time_limit: Duration,
}

/// The connection a request came by.
#[derive(Clone, Copy)]
struct Via<'a> {
    /// The port that was connected to.
    port: u16,
    presence: Option<&'a Presence>,
}

/// An answer on its way to hyper.
type Answer = Response<Full<Bytes>>;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const QUERY_ERROR: HeaderName = HeaderName::from_static("x-amzn-query-error");

/// What ListQueues and health checks of LocalStack's users look for.
const LOCALSTACK_HEALTH: &str =
    concat!(r#"{"services":{"sqs":"running"},"edition":"kew","version":""#, env!("CARGO_PKG_VERSION"), r#""}"#);

impl Service {
    /// A front door to actions.
    pub fn new(actions: Actions, options: HttpOptions) -> Service {
        let mut hosts = options.hosts.clone();
        if let Some(url) = &options.external_url {
            hosts = hosts.with_url(url);
        }
        Service { actions, options, hosts, head_time_limit: HEADER_TIME_LIMIT, body_time_limit: BODY_TIME_LIMIT }
    }

    /// How long a request's head and its body may take to come in, in place of [`HEADER_TIME_LIMIT`] and [`BODY_TIME_LIMIT`].
    #[must_use]
    pub fn time_limits(mut self, head: Duration, body: Duration) -> Service {
        self.head_time_limit = head;
        self.body_time_limit = body;
        self
    }

    /// The actions behind the door.
    pub fn actions(&self) -> &Actions {
        &self.actions
    }

    /// The broker behind them.
    pub fn broker(&self) -> &Arc<Broker> {
        self.actions.broker()
    }

    /// What the door was told.
    pub fn options(&self) -> &HttpOptions {
        &self.options
    }

    /// Answers one request that came in on a port.
    pub async fn answer<B>(&self, request: Request<B>, port: u16) -> Answer
    where
        B: Body<Data = Bytes> + Unpin,
    {
        self.answer_via(request, Via { port, presence: None }).await
    }

    async fn answer_via<B>(&self, request: Request<B>, via: Via<'_>) -> Answer
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let (parts, body) = request.into_parts();
        let headers = Headers::read(&parts);
        if headers.hosts_differ {
            let error = Error::malformed("The request has more than one Host.");
            return refuse(&parts, &headers, &error);
        }
        let reads = matches!(parts.method, hyper::Method::GET | hyper::Method::HEAD);
        let health = if reads { health(&parts.uri) } else { None };
        let mut page = None;
        if reads || headers.is_of_browser() {
            match self.options.origins.judge(&self.hosts, &parts, &headers, health.is_some()) {
                origin::Verdict::NoPage => {}
                origin::Verdict::Allowed(origin) => page = Some(origin),
                origin::Verdict::Preflight(answer) => return answer,
                origin::Verdict::Refused(why) => {
                    let mut answer = refuse(&parts, &headers, &Error::new(ErrorKind::AccessDenied, why));
                    answer.headers_mut().insert(header::VARY, HeaderValue::from_static("Origin"));
                    return answer;
                }
            }
        }
        let mut answer = match health {
            Some(answer) => answer,
            None => self.sqs(&parts, &headers, body, via).await,
        };
        if let Some(origin) = page {
            origin::expose(&mut answer, origin);
        }
        answer
    }

    async fn sqs<B>(&self, parts: &Parts, headers: &Headers<'_>, body: B, via: Via<'_>) -> Answer
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let head = headers.head(parts);
        let mut uuid: UuidText = [0; _];
        let request_id = random_uuid(&mut uuid);
        let bytes = match self.read(parts, headers, body).await {
            Ok(bytes) => bytes,
            Err(error) => {
                let reply = wire::encode_error(wire::protocol_of(&head), &error, request_id);
                // What is left of the request cannot be told from a next one.
                return http(reply, request_id, true);
            }
        };
        let decoded = wire::decode(&head, &bytes);
        // A long poll must not hold what its request was made of.
        drop(bytes);
        match decoded {
            Ok(call) => self.call(call, headers, request_id, via).await,
            Err(Rejection::Error { protocol, error }) => {
                tracing::debug!(status = error.kind.status(), %error, "request refused");
                http(wire::encode_error(protocol, &error, request_id), request_id, false)
            }
            Err(Rejection::NotFound) => http(wire::not_found(), request_id, false),
        }
    }

    async fn call(&self, call: Call<'_>, headers: &Headers<'_>, request_id: &str, via: Via<'_>) -> Answer {
        let Call { protocol, operation, mut request, credential } = call;
        let options = &self.options;
        let access_key = credential.access_key.as_deref().filter(|key| is_account(key));
        let base_url = if operation.answers_urls() { self.base_url(headers, via.port) } else { String::new() };
        let caller = Caller {
            account: access_key.unwrap_or(&options.account),
            region: self.region(credential.region.as_deref(), headers.host()),
            base_url: &base_url,
            trace_header: text(headers.trace_id),
            presence: via.presence,
        };
        // The log line is made ready only if someone reads it.
        let log = tracing::enabled!(tracing::Level::DEBUG).then(|| {
            let queue = request.queue_url_mut().and_then(|url| url.clone()).unwrap_or_default();
            (queue, self.broker().clock().now())
        });
        let outcome = self.actions.execute(&caller, request).await;
        if let Some((queue, began)) = log {
            self.log(operation.name(), &queue, began, outcome.as_ref().err());
        }
        let reply = match outcome {
            Ok(response) => wire::encode(protocol, &response, request_id),
            Err(error) => {
                if error.kind == ErrorKind::InternalFailure {
                    tracing::error!(action = operation.name(), %error, "internal failure");
                }
                wire::encode_error(protocol, &error, request_id)
            }
        };
        http(reply, request_id, false)
    }

    fn log(&self, action: &str, queue: &str, began: Time, error: Option<&Error>) {
        let ms = self.broker().clock().now().ms_since(began);
        match error {
            None => tracing::debug!(action, queue, status = 200, ms),
            Some(error) => tracing::debug!(action, queue, status = error.kind.status(), ms, %error),
        }
    }

    /// Reads the body, within the limits.
    async fn read<B>(&self, parts: &Parts, headers: &Headers<'_>, mut body: B) -> Result<Bytes, Error>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let head_bytes = headers.bytes + parts.uri.path_and_query().map_or(0, |p| p.as_str().len());
        if head_bytes > HEADER_BYTES_MAX {
            let text = format!("The request's URL and headers are longer than {HEADER_BYTES_MAX} bytes.");
            return Err(Error::new(ErrorKind::RequestHeaderTooLarge, text));
        }
        let most = self.options.body_bytes_max;
        let too_large =
            || Error::new(ErrorKind::RequestTooLarge, format!("The request body is longer than {most} bytes."));
        // Known beforehand: refuse before the client sends it.
        if body.size_hint().lower() > most as u64 {
            return Err(too_large());
        }
        let all = async {
            // Nearly every body comes in one piece, which is then used as it is.
            let mut first: Option<Bytes> = None;
            let mut rest = BytesMut::new();
            while let Some(frame) = body.frame().await {
                let broken = |_| Error::malformed("The request body ended before its end.");
                let Ok(data) = frame.map_err(broken)?.into_data() else { continue };
                match first.take() {
                    None if rest.is_empty() => first = Some(data),
                    before => {
                        if rest.is_empty() {
                            let expected = usize::try_from(body.size_hint().lower()).unwrap_or(0);
                            rest.reserve(before.as_ref().map_or(0, Bytes::len) + data.len() + expected.min(most));
                        }
                        rest.extend_from_slice(before.as_deref().unwrap_or_default());
                        rest.extend_from_slice(&data);
                    }
                }
                if rest.len() > most || first.as_ref().is_some_and(|data| data.len() > most) {
                    return Err(too_large());
                }
            }
            Ok(first.unwrap_or_else(|| rest.freeze()))
        };
        if headers.body {
            let text = "The request body did not arrive in time.";
            let too_late = async {
                // Nearly every body has come by the next turn, and a timer costs more than a turn.
                another_turn().await;
                Clock::network_pause(self.body_time_limit).await;
            };
            tokio::select! {
                biased;
                read = all => read,
                () = too_late => Err(Error::new(ErrorKind::RequestTimeout, text)),
            }
        } else {
            all.await
        }
    }

    /// The region of a caller: the one that was signed for, or else the one that the host names.
    fn region<'a>(&'a self, signed: Option<&'a str>, host: Option<&'a str>) -> &'a str {
        signed.or_else(|| region_of_host(host?)).unwrap_or(&self.options.region)
    }

    /// What queue URLs begin with: the configured URL, or what the client calls this server.
    fn base_url(&self, headers: &Headers<'_>, port: u16) -> String {
        if let Some(url) = &self.options.external_url {
            return url.clone();
        }
        // Each proxy on the way adds to the list; the first entry is how the client came in.
        let proto = text(headers.forwarded_proto).and_then(|list| list.split(',').next()).unwrap_or_default();
        let scheme = if proto.trim().eq_ignore_ascii_case("https") { "https" } else { "http" };
        match headers.host().and_then(split_host) {
            Some((host, Some(port))) => format!("{scheme}://{host}:{port}"),
            // Some clients leave the port out of `Host`; without it in the URL they would go to port 80 next.
            Some((host, None)) if port != 80 && scheme == "http" => format!("{scheme}://{host}:{port}"),
            Some((host, None)) => format!("{scheme}://{host}"),
            None => format!("{scheme}://localhost:{port}"),
        }
    }
}

/// Lets everything else of this task have a turn.
async fn another_turn() {
    let mut waited = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// An access key of 12 digits names an account.
fn is_account(key: &str) -> bool {
    key.len() == 12 && key.bytes().all(|b| b.is_ascii_digit())
}

/// Answers that are the same for all.
fn health(uri: &hyper::Uri) -> Option<Answer> {
    let (content_type, body) = match uri.path() {
        "/" if uri.query().is_none_or(str::is_empty) => ("text/plain", "kew is running.\n"),
        "/health" => ("text/plain", "ok\n"),
        "/_localstack/health" => ("application/json", LOCALSTACK_HEALTH),
        _ => return None,
    };
    let mut answer = Response::new(Full::new(Bytes::from_static(body.as_bytes())));
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    Some(answer)
}

/// Refuses a request by its head alone. Its body is not looked at.
fn refuse(parts: &Parts, headers: &Headers<'_>, error: &Error) -> Answer {
    let mut uuid: UuidText = [0; _];
    let request_id = random_uuid(&mut uuid);
    let reply = wire::encode_error(wire::protocol_of(&headers.head(parts)), error, request_id);
    http(reply, request_id, headers.body)
}

/// Gives a reply the headers that all answers have.
fn http(reply: Reply, request_id: &str, close: bool) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(reply.body)));
    *answer.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(reply.content_type));
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, id);
    }
    if let Some(error) = reply.query_error.and_then(|error| HeaderValue::try_from(error).ok()) {
        headers.insert(QUERY_ERROR, error);
    }
    if close {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

/// Room for the text of a UUID.
type UuidText = [u8; Hyphenated::LENGTH];

/// The text of a random UUID, for request ids.
fn random_uuid(text: &mut UuidText) -> &str {
    let random = uuid::Builder::from_random_bytes(fastrand::u128(..).to_be_bytes()).into_uuid();
    random.hyphenated().encode_lower(text)
}

/// The protocol-shaped bytes for a peer that never gets as far as a request: status line, headers and body.
fn raw_answer(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Vec<u8> {
    let mut uuid: UuidText = [0; _];
    let request_id = random_uuid(&mut uuid);
    let reply = wire::encode_error(Protocol::Json, &Error::new(kind, message), request_id);
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut bytes = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {}\r\nx-amzn-requestid: {}\r\nx-amzn-query-error: {}\r\nconnection: close\r\n\
         content-length: {}\r\n\r\n",
        reply.content_type,
        request_id,
        reply.query_error.unwrap_or_default(),
        reply.body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(&reply.body);
    bytes
}

/// The body type that hyper reads from a socket.
pub type NetworkBody = Incoming;
