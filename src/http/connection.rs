//! One connection: hyper's HTTP/1.1 over a client's socket, from its first request to its end.

use super::answer::{Answer, AnswerBody, first_half, leaves_input_unread, raw_error};
use super::context::ConnectionInfo;
use super::idle_watch::TimedOut;
#[cfg(feature = "tls")]
use super::limits::HANDSHAKE_TIME_LIMIT;
use super::limits::{HEAD_BYTES_HARD_MAX, PEER_HEADER_FIELDS_MAX};
use super::service::Service;
use super::socket::{Client, Socket, Stream};
use super::tls::Tls;
use crate::actions::{Ending, Presence};
use crate::clock::NetworkTime;
use crate::error::ErrorKind;
use hyper::Request;
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::fmt;
use std::sync::{Arc, OnceLock};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

/// What all requests of a connection have in common.
struct Connection {
    service: Arc<Service>,
    client: Arc<Client>,
    /// That it ends without an answer on purpose, and what is written before.
    unanswered: OnceLock<(Ending, Vec<u8>)>,
}

/// An answer is not given, on purpose.
#[derive(Debug)]
struct Unanswered;

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection ends without an answer, as was asked for")
    }
}

impl std::error::Error for Unanswered {}

impl Connection {
    async fn answer(&self, request: Request<Incoming>) -> Result<Answer, Unanswered> {
        let client = &*self.client;
        client.state.request_begun();
        client.presence.begin();
        let info = ConnectionInfo {
            peer: Some(client.address),
            port: client.port,
            presence: Some(&client.presence),
            served: Some(&client.state.served),
            identity: &client.identity,
            secure: client.secure,
            waited_ms: None,
        };
        let mut answer = match client.is_peer {
            #[cfg(feature = "postgres")]
            true => Box::pin(self.service.answer_peer(request, info)).await,
            _ => self.service.answer_from(request, info).await,
        };
        if let Some(ending) = answer.extensions().get().copied() {
            return Err(self.end(ending, answer).await);
        }
        if leaves_input_unread(&answer) {
            client.state.input_is_unread();
        }
        match answer.body() {
            AnswerBody::Whole(_) => client.state.answer_begun(),
            AnswerBody::Stream(_) => {
                // Nobody can tell the silence after it from that in it.
                answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
                client.state.stream_begun();
            }
        }
        Ok(answer)
    }

    /// Ends the connection in place of an answer.
    async fn end(&self, ending: Ending, answer: Answer) -> Unanswered {
        let written = if ending == Ending::Truncate { first_half(answer).await } else { Vec::new() };
        let _ = self.unanswered.set((ending, written));
        if ending == Ending::Never {
            Presence::gone(Some(&self.client.presence)).await;
        }
        Unanswered
    }
}

/// Serves a connection until it ends: by itself, because its worker says that it has timed out, or, once the worker has dropped
/// the sender, after the request that is under way.
pub(super) async fn serve(
    stream: TcpStream,
    tls: Option<Arc<Tls>>,
    client: Arc<Client>,
    service: Arc<Service>,
    mut end: oneshot::Receiver<TimedOut>,
) {
    // Small answers must not wait for the client's acknowledgement of earlier ones; an error only makes that slower.
    let _ = stream.set_nodelay(true);
    let stream = match tls {
        None => Stream::Plain(stream),
        // On its own in memory, like an answer; and nobody waits for it.
        Some(tls) => match Box::pin(secured(stream, tls, &client, &service, &mut end)).await {
            Some(stream) => stream,
            None => return,
        },
    };
    let socket = Socket::new(stream, client.clone(), service.time().clone());
    let (address, is_peer) = (client.address, client.is_peer);
    let connection = Arc::new(Connection { service, client, unanswered: OnceLock::new() });
    let answering = connection.clone();
    let answer = service_fn(move |request| {
        let connection = answering.clone();
        // On its own in memory: it has over 4 KiB, and the connections of a thread then use the same few instead of each its own,
        // which with 1,000 connections takes 8 % off a request.
        Box::pin(async move { connection.answer(request).await })
    });
    let mut http = http1::Builder::new();
    if is_peer {
        http.max_headers(PEER_HEADER_FIELDS_MAX);
    }
    let mut http = http
        // The worker's idle watch does that.
        .header_read_timeout(None)
        // A client that has ended its half may read on. Of those that have gone, only a parked ReceiveMessage wants to
        // know.
        .half_close(true)
        .max_buf_size(HEAD_BYTES_HARD_MAX)
        .serve_connection(TokioIo::new(socket), answer);
    let ended = tokio::select! {
        // A last answer must say that it is the last.
        biased;
        end = end => match end {
            Ok(TimedOut::Silent) => return,
            Ok(TimedOut::InHead) => {
                let answer = raw_error(ErrorKind::RequestTimeout, "The request's headers did not arrive in time.");
                return http.into_parts().io.into_inner().end_with(&answer).await;
            }
            // Nothing is said until the client goes, or the server.
            Err(_) if connection.unanswered.get().is_some() => return,
            Err(_) => {
                std::pin::Pin::new(&mut http).graceful_shutdown();
                (&mut http).await
            }
        },
        ended = &mut http => ended,
    };
    if let Err(error) = ended {
        tracing::trace!(client = %address, %error, "connection ended");
        match connection.unanswered.get() {
            Some((Ending::Reset, _)) => return http.into_parts().io.into_inner().reset(),
            Some((_, written)) => return http.into_parts().io.into_inner().end_with(written).await,
            None => {}
        }
        if error.is_parse_version_h2() {
            let answer = raw_error(ErrorKind::Serialization, "HTTP/2 is not spoken here, only HTTP/1.1.");
            http.into_parts().io.into_inner().end_with(&answer).await;
        }
    }
}

/// Shakes hands with a client; nothing comes of it when that fails, takes too long, or the worker ends the connection.
#[cfg(feature = "tls")]
async fn secured(
    stream: TcpStream,
    tls: Arc<Tls>,
    client: &Client,
    service: &Service,
    end: &mut oneshot::Receiver<TimedOut>,
) -> Option<Stream> {
    tokio::select! {
        shaken = tls.accept(stream) => match shaken {
            Ok(stream) => Some(Stream::Tls(Box::new(stream))),
            Err(error) => {
                tracing::debug!(client = %client.address, %error, "no TLS with a client");
                None
            }
        },
        () = service.time().pause(HANDSHAKE_TIME_LIMIT) => {
            tracing::debug!(client = %client.address, "a TLS handshake took too long");
            None
        }
        _ = end => None,
    }
}

#[cfg(not(feature = "tls"))]
async fn secured(
    _: TcpStream,
    tls: Arc<Tls>,
    _: &Client,
    _: &Service,
    _: &mut oneshot::Receiver<TimedOut>,
) -> Option<Stream> {
    match *tls {}
}

/// Tells a client that there is no room for it, and lingers, so that the client comes to read this.
pub(super) async fn turn_away(stream: TcpStream, client: Client, time: NetworkTime) {
    let answer = raw_error(ErrorKind::ServiceUnavailable, "Too many connections.");
    Socket::new(Stream::Plain(stream), Arc::new(client), time).end_with(&answer).await;
}
