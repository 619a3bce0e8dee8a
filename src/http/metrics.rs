//! `GET /metrics`: the metrics, in the format that is asked for.

use super::answer::{Answer, AnswerBody, Answering};
use super::context::{RequestContext, text};
use super::service::Service;
use super::sqs;
use crate::metrics::{Format, Pieces, Selection};
use bytes::Bytes;
use hyper::header::{self, HeaderValue};
use hyper::{Response, StatusCode};
use tokio::sync::mpsc;

/// Up to so many bytes an answer is put together before it goes out.
const WHOLE_BYTES_MAX: usize = 4 << 20;
/// Pieces that wait for a slow reader.
const PIECES_AHEAD: usize = 4;

/// Answers with the metrics; where they are switched off, as SQS answers what it does not know.
pub(super) fn answer<'a>(service: &'a Service, context: &'a RequestContext<'a>, body: Bytes) -> Answering<'a> {
    if !service.options().metrics {
        return Box::pin(sqs::answer(service, context, body));
    }
    Box::pin(async move {
        let selection = match Selection::read(context.parts.uri.query().unwrap_or_default()) {
            Ok(selection) => selection,
            Err(wrong) => {
                let body = AnswerBody::whole(format!("{wrong}\n"));
                return of_body("text/plain; charset=utf-8", StatusCode::BAD_REQUEST, body);
            }
        };
        let format = Format::accepted(text(context.headers.accept));
        let pieces = service.metrics().read(service.control(), selection, format).await;
        match body_of(service, pieces) {
            Some(body) => of_body(format.content_type(), StatusCode::OK, body),
            None => {
                let body = AnswerBody::whole("Too many large answers with metrics are on their way.\n");
                of_body("text/plain; charset=utf-8", StatusCode::SERVICE_UNAVAILABLE, body)
            }
        }
    })
}

/// The body of an answer: as a whole, or piece by piece if there is much of it; none if there are too many of that kind.
fn body_of(service: &Service, mut pieces: Pieces) -> Option<AnswerBody> {
    let mut text = String::new();
    while text.len() < WHOLE_BYTES_MAX {
        match pieces.next() {
            Some(piece) => text.push_str(&piece),
            None => return Some(AnswerBody::whole(text)),
        }
    }
    let permit = service.metrics().large_answers.clone().try_acquire_owned().ok()?;
    let (sender, receiver) = mpsc::channel(PIECES_AHEAD);
    let send = async move {
        let _permit = permit;
        for piece in std::iter::once(text).chain(pieces) {
            // An error means that nobody reads on.
            if sender.send(piece.into()).await.is_err() {
                return;
            }
        }
    };
    let spawned = service.control().home().shared().background.spawn(send);
    spawned.inspect_err(|error| tracing::warn!(%error, "no thread for metrics")).ok()?;
    Some(AnswerBody::Stream(receiver))
}

fn of_body(content_type: &'static str, status: StatusCode, body: AnswerBody) -> Answer {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
