//! The HTTP server: a request comes in, and the route that takes it answers.
//!
//! | file | what it is for |
//! | --- | --- |
//! | `server.rs` | threads and listeners: accepting connections, sharing them out, stopping |
//! | `connection.rs` `socket.rs` `idle_watch.rs` | one connection: hyper over a socket, lingering, and its end after too long a silence |
//! | `context.rs` | a request as every route sees it |
//! | `routes.rs` `health.rs` | the table of routes, and those for health checks |
//! | `sqs.rs` | all other requests: decoded, carried out, encoded |
//! | `body.rs` `answer.rs` | reading bodies; what every answer has |
//! | `host.rs` `origin.rs` | which names of this server browsers may use, and which web pages may |
//! | `limits.rs` | every limit, by name |
//!
//! Invariant: whatever request comes in, an answer in SQS's shape goes out. What is not HTTP at all, or beyond what hyper reads of a
//! head, gets hyper's bare 400, 414 or 431. Every limit on the way has a name in `limits.rs`.

mod answer;
mod body;
mod connection;
mod context;
mod health;
mod host;
mod idle_watch;
mod limits;
mod origin;
mod routes;
mod server;
mod socket;
mod sqs;

pub use crate::config::{BODY_BYTES_MAX_DEFAULT, Hosts, Origins};
pub use context::{ConnectionInfo, KnownHeaders, RequestContext, RequestId};
pub use idle_watch::IDLE_CHECKS;
pub use limits::{
    BODY_TIME_LIMIT, HEAD_BYTES_HARD_MAX, HEADER_BYTES_MAX, HEADER_FIELDS_MAX, HEADER_TIME_LIMIT, LINGER_TIME_LIMIT,
    READ_AHEAD_BYTES_MAX, SHUTDOWN_TIME_LIMIT, URL_BYTES_MAX,
};
pub(crate) use server::Bound;
pub use server::{Running, StartError};

use crate::actions::Actions;
use crate::broker::Broker;
use crate::clock::NetworkTime;
use crate::config::Config;
use crate::error::{Error, ErrorKind};
use answer::Answer;
use bytes::Bytes;
use hyper::Request;
use hyper::body::Body;
use hyper::header::{self, HeaderValue};
use origin::Verdict;
use routes::{Access, Route};
use std::num::NonZero;
use std::sync::Arc;

/// How the HTTP server is set.
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

/// Answers requests.
pub struct Service {
    actions: Actions,
    options: HttpOptions,
    hosts: Hosts,
    network_time: NetworkTime,
}

impl Service {
    /// Has requests to SQS carried out by these actions.
    pub fn new(actions: Actions, options: HttpOptions) -> Service {
        let mut hosts = options.hosts.clone();
        if let Some(url) = &options.external_url {
            hosts = hosts.with_url(url);
        }
        Service { actions, options, hosts, network_time: NetworkTime::real() }
    }

    /// Goes by another time than the real one in what it grants clients on the network.
    #[must_use]
    pub fn network_time(mut self, time: NetworkTime) -> Service {
        self.network_time = time;
        self
    }

    /// What carries out requests to SQS.
    pub fn actions(&self) -> &Actions {
        &self.actions
    }

    /// Where the queues are.
    pub fn broker(&self) -> &Arc<Broker> {
        self.actions.broker()
    }

    /// How it was set.
    pub fn options(&self) -> &HttpOptions {
        &self.options
    }

    /// Answers a request that came by no socket, as if it had come in on a port.
    pub async fn answer<B>(&self, request: Request<B>, port: u16) -> Answer
    where
        B: Body<Data = Bytes> + Unpin,
    {
        self.answer_from(request, ConnectionInfo { peer: None, port, presence: None }).await
    }

    /// Answers a request that came by a connection.
    async fn answer_from<B>(&self, request: Request<B>, connection: ConnectionInfo<'_>) -> Answer
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let (parts, body) = request.into_parts();
        let context = RequestContext::new(&parts, connection);
        if context.headers.several_hosts {
            return answer::refusal(&context, &Error::malformed("The request has more than one Host."));
        }
        let route = routes::find(&parts.method, &parts.uri);
        let page = match self.admit(&context, route) {
            Ok(page) => page,
            Err(answer) => return answer,
        };
        let mut answer = match body::read(self, &context, body).await {
            Err(error) => answer::refusal(&context, &error),
            Ok(body) => match route {
                Some(route) => (route.handler)(self, &context, body).await,
                None => sqs::answer(self, &context, body).await,
            },
        };
        if let Some(origin) = page {
            origin::expose(&mut answer, origin);
        }
        answer
    }

    /// The origin of the web page that a request acts for, if any.
    ///
    /// # Errors
    /// The answer, if the request goes no further.
    #[allow(clippy::result_large_err, reason = "it is the answer, and it is not passed on")]
    fn admit(&self, context: &RequestContext<'_>, route: Option<&Route>) -> Result<Option<HeaderValue>, Answer> {
        let reads = matches!(context.parts.method, hyper::Method::GET | hyper::Method::HEAD);
        if !reads && !context.headers.is_of_browser() {
            return Ok(None);
        }
        let access = route.map_or(Access::Guarded, |route| route.access);
        match self.options.origins.judge(&self.hosts, context, access) {
            Verdict::NoPage => Ok(None),
            Verdict::Allowed(origin) => Ok(Some(origin)),
            Verdict::Preflight(answer) => Err(answer),
            Verdict::Refused(why) => {
                let mut answer = answer::refusal(context, &Error::new(ErrorKind::AccessDenied, why));
                answer.headers_mut().insert(header::VARY, HeaderValue::from_static("Origin"));
                Err(answer)
            }
        }
    }
}
