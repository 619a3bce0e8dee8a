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
        let body = whole(service, pieces);
        of_body(format.content_type(), StatusCode::OK, body)
    })
}

/// The body of an answer: as a whole, or piece by piece if there is much of it.
fn whole(service: &Service, mut pieces: Pieces) -> AnswerBody {
    let mut text = String::new();
    while text.len() < WHOLE_BYTES_MAX {
        match pieces.next() {
            Some(piece) => text.push_str(&piece),
            None => return AnswerBody::whole(text),
        }
    }
    let (sender, receiver) = mpsc::channel(PIECES_AHEAD);
    let send = async move {
        for piece in std::iter::once(text).chain(pieces) {
            // An error means that nobody reads on.
            if sender.send(piece.into()).await.is_err() {
                return;
            }
        }
    };
    // Without a thread the answer ends at once, and the reader sees that it is not whole.
    if let Err(error) = service.control().home().shared().background.spawn(send) {
        tracing::warn!(%error, "no thread for metrics");
    }
    AnswerBody::Stream(receiver)
}

fn of_body(content_type: &'static str, status: StatusCode, body: AnswerBody) -> Answer {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
