//! What every answer has: its headers, its request id, and whether it ends the connection.

use super::context::{RequestContext, RequestId};
use crate::error::{Error, ErrorKind};
use crate::wire::{self, Protocol, Reply};
use bytes::Bytes;
use http_body_util::{BodyExt, Collected, Full};
use hyper::body::{Body, Frame, SizeHint};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use std::borrow::Cow;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::mpsc;

/// An answer on its way to hyper.
pub(super) type Answer = Response<AnswerBody>;

/// The body of an answer.
pub enum AnswerBody {
    /// All of it.
    Whole(Full<Bytes>),
    /// Pieces as they come.
    Stream(mpsc::Receiver<Bytes>),
}

impl AnswerBody {
    /// A body that is there.
    pub(super) fn whole(bytes: impl Into<Bytes>) -> AnswerBody {
        AnswerBody::Whole(Full::new(bytes.into()))
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            AnswerBody::Whole(body) => Pin::new(body).poll_frame(cx),
            AnswerBody::Stream(pieces) => pieces.poll_recv(cx).map(|piece| piece.map(|piece| Ok(Frame::data(piece)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            AnswerBody::Whole(body) => body.is_end_stream(),
            AnswerBody::Stream(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            AnswerBody::Whole(body) => body.size_hint(),
            AnswerBody::Stream(_) => SizeHint::default(),
        }
    }
}

/// An answer that a route's handler is working on.
pub(super) type Answering<'a> = Pin<Box<dyn Future<Output = Answer> + Send + 'a>>;

/// What becomes of the connection behind an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AfterAnswer {
    /// It serves a next request.
    KeepAlive,
    /// It is closed, because some of the request was not read: the rest cannot be told from a next request.
    Close,
}

pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const QUERY_ERROR: HeaderName = HeaderName::from_static("x-amzn-query-error");
pub(super) const SMITHY_PROTOCOL: HeaderName = HeaderName::from_static("smithy-protocol");

/// Gives a reply the headers that all answers of SQS have.
pub(super) fn of_reply(reply: Reply, request_id: &str, after: AfterAnswer) -> Answer {
    let mut answer = Response::new(AnswerBody::whole(reply.body));
    *answer.status_mut() = status(reply.status);
    let headers = answer.headers_mut();
    if !reply.content_type.is_empty() {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(reply.content_type));
    }
    if let Some(protocol) = reply.smithy_protocol {
        headers.insert(SMITHY_PROTOCOL, HeaderValue::from_static(protocol));
    }
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, id);
    }
    if let Some(error) = reply.query_error.and_then(|error| HeaderValue::try_from(error).ok()) {
        headers.insert(QUERY_ERROR, error);
    }
    if after == AfterAnswer::Close {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

/// Refuses a request whose body was not read, or not to its end.
pub(super) fn refusal(context: &RequestContext<'_>, error: &Error) -> Answer {
    let mut room = RequestId::ROOM;
    let request_id = context.request_id.text(&mut room);
    let after = if context.headers.announces_body { AfterAnswer::Close } else { AfterAnswer::KeepAlive };
    of_reply(wire::encode_error(wire::protocol_of(&context.head()), error, request_id), request_id, after)
}

/// The head of an answer and half of its body, as bytes.
pub(super) async fn first_half(answer: Answer) -> Vec<u8> {
    let (parts, body) = answer.into_parts();
    let body = body.collect().await.map(Collected::to_bytes).unwrap_or_default();
    let mut bytes = format!("HTTP/1.1 {}\r\n", parts.status).into_bytes();
    for (name, value) in &parts.headers {
        bytes.extend_from_slice(&[name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    bytes.extend_from_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
    bytes.extend_from_slice(&body[..body.len() / 2]);
    bytes
}

/// An answer of fixed text that is the same for everyone.
pub(super) fn fixed(content_type: &'static str, text: &'static str) -> Answer {
    let mut answer = Response::new(AnswerBody::whole(text));
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}

/// Whether an answer ends the connection before all of its request was read; only errors do.
pub(super) fn leaves_input_unread(answer: &Answer) -> bool {
    !answer.status().is_success() && answer.headers().contains_key(header::CONNECTION)
}

/// An error as bytes, status line and headers included, for a client that never comes as far as a request. It is in the newer
/// protocol, for which one the client speaks is not known.
pub(super) fn raw_error(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Vec<u8> {
    let mut room = RequestId::ROOM;
    let request_id = RequestId::random().text(&mut room);
    let reply = wire::encode_error(Protocol::Json, &Error::new(kind, message), request_id);
    let mut bytes = format!(
        "HTTP/1.1 {}\r\ncontent-type: {}\r\nx-amzn-requestid: {}\r\nx-amzn-query-error: {}\r\nconnection: close\r\n\
         content-length: {}\r\n\r\n",
        status(reply.status),
        reply.content_type,
        request_id,
        reply.query_error.unwrap_or_default(),
        reply.body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(&reply.body);
    bytes
}

fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
