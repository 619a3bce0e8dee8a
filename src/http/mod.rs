//! The HTTP server: a request comes in, and the route that takes it answers.
//!
//! | file | what it is for, from the bottom up |
//! | --- | --- |
//! | `limits.rs` | every limit, by name |
//! | `identity.rs` | the client of a connection, as histories know it |
//! | `context.rs` | a request as every route sees it |
//! | `answer.rs` | what every answer has |
//! | `host.rs` | which names of this server browsers may use |
//! | `init_scripts.rs` | how far the scripts are that run at the start |
//! | `service.rs` | [`Service`] and its options |
//! | `body.rs` | reading bodies |
//! | `identify.rs` | who signed a request, where credentials are configured |
//! | `sqs.rs` `control.rs` `devapi.rs` `metrics.rs` `health.rs` `console.rs` | requests to SQS: decoded, carried out, encoded; to the control API; LocalStack's look at messages; metrics; health checks; the files of the web console |
//! | `elsewhere.rs` | a request to SQS where there are several nodes: carried out here, or by the one that has the queue (feature `postgres`) |
//! | `routes.rs` | the table of routes; all that no row takes is for SQS |
//! | `origin.rs` | which web pages may use the server |
//! | `pipeline.rs` | the way of a request through all of these |
//! | `peers.rs` | requests that other nodes send (feature `postgres`) |
//! | `tls.rs` | the certificate that is shown, and handshakes (feature `tls`) |
//! | `idle_watch.rs` `socket.rs` `connection.rs` | one connection: hyper over a socket, lingering, its end after too long a silence |
//! | `in_process.rs` | requests that come by no socket (feature `aws-sdk`) |
//! | `worker.rs` `server.rs` | a worker thread and its connections; listeners, accepting, stopping |
//!
//! Invariant: whatever request comes in, an answer in SQS's shape goes out. What is not HTTP at all, or beyond what hyper reads of a
//! head, gets hyper's bare 400, 414 or 431. Every limit on the way has a name in `limits.rs`.

mod answer;
mod body;
mod connection;
mod console;
mod context;
mod control;
mod devapi;
#[cfg(feature = "postgres")]
mod elsewhere;
mod health;
mod host;
mod identify;
mod identity;
mod idle_watch;
#[cfg(feature = "aws-sdk")]
mod in_process;
mod init_scripts;
mod limits;
mod metrics;
mod origin;
#[cfg(feature = "postgres")]
mod peers;
mod pipeline;
mod routes;
mod server;
mod service;
mod socket;
mod sqs;
mod tls;
mod worker;

pub use crate::config::{BODY_BYTES_MAX_DEFAULT, Hosts, Origins};
pub use answer::AnswerBody;
pub use context::{ConnectionInfo, KnownHeaders, RequestContext, RequestId};
pub use identity::Identity;
pub use idle_watch::IDLE_CHECKS;
#[cfg(feature = "aws-sdk")]
pub(crate) use in_process::{InProcess, Unanswered};
pub use init_scripts::{InitScriptState, InitScripts};
pub use limits::{
    BODY_TIME_LIMIT, HANDSHAKE_TIME_LIMIT, HANDSHAKES_MAX, HEAD_BYTES_HARD_MAX, HEADER_BYTES_MAX, HEADER_FIELDS_MAX,
    HEADER_TIME_LIMIT, LINGER_TIME_LIMIT, READ_AHEAD_BYTES_MAX, SHUTDOWN_TIME_LIMIT, URL_BYTES_MAX,
};
pub(crate) use server::Bound;
pub use server::{Listening, Running, ServeError};
pub use service::{HttpOptions, Service};
pub use tls::Tls;
#[cfg(feature = "tls")]
pub use tls::TlsError;
