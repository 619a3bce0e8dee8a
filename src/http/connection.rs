//! One connection: hyper's HTTP/1.1 over a client's socket, from its first request to its end.

use super::answer::{Answer, leaves_input_unread, raw_error};
use super::context::ConnectionInfo;
use super::idle_watch::TimedOut;
use super::limits::HEAD_BYTES_HARD_MAX;
use super::service::Service;
use super::socket::{Client, Socket};
use crate::clock::NetworkTime;
use crate::error::ErrorKind;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio::sync::oneshot;

/// What all requests of a connection have in common.
struct Connection {
    service: Arc<Service>,
    client: Arc<Client>,
}

impl Connection {
    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let client = &*self.client;
        client.state.request_begun();
        client.presence.begin();
        let info = ConnectionInfo { peer: Some(client.address), port: client.port, presence: Some(&client.presence) };
        let answer = self.service.answer_from(request, info).await;
        if leaves_input_unread(&answer) {
            client.state.input_is_unread();
        }
        client.state.answer_begun();
        answer
    }
}

/// Serves a connection until it ends: by itself, because its worker says that it has timed out, or, once the worker has dropped
/// the sender, after the request that is under way.
pub(super) async fn serve(
    stream: TcpStream,
    client: Arc<Client>,
    service: Arc<Service>,
    end: oneshot::Receiver<TimedOut>,
) {
    // Small answers must not wait for the client's acknowledgement of earlier ones; an error only makes that slower.
    let _ = stream.set_nodelay(true);
    let socket = Socket::new(stream, client.clone(), service.time().clone());
    let address = client.address;
    let connection = Arc::new(Connection { service, client });
    let answer = service_fn(move |request| {
        let connection = connection.clone();
        // On its own in memory: it has over 4 KiB, and the connections of a thread then use the same few instead of each its own,
        // which with 1,000 connections takes 8 % off a request.
        Box::pin(async move { Ok::<_, Infallible>(connection.answer(request).await) })
    });
    let mut http = http1::Builder::new()
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
            Err(_) => {
                std::pin::Pin::new(&mut http).graceful_shutdown();
                (&mut http).await
            }
        },
        ended = &mut http => ended,
    };
    if let Err(error) = ended {
        tracing::trace!(client = %address, %error, "connection ended");
        if error.is_parse_version_h2() {
            let answer = raw_error(ErrorKind::Serialization, "HTTP/2 is not spoken here, only HTTP/1.1.");
            http.into_parts().io.into_inner().end_with(&answer).await;
        }
    }
}

/// Tells a client that there is no room for it, and lingers, so that the client comes to read this.
pub(super) async fn turn_away(stream: TcpStream, client: Client, time: NetworkTime) {
    let answer = raw_error(ErrorKind::ServiceUnavailable, "Too many connections.");
    Socket::new(stream, Arc::new(client), time).end_with(&answer).await;
}
