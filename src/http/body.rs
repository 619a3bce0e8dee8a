//! Reads a request's body, within the limits on its size and its time.

use super::context::RequestContext;
use super::limits::{BODY_TIME_LIMIT, HEADER_BYTES_MAX};
use super::service::Service;
use crate::error::{Error, ErrorKind};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body;
use std::pin::pin;
use std::task::Poll;

/// Reads the body of a request whose head is not too long.
///
/// # Errors
/// What the client is told: the head or the body is too long, came too slowly, or broke off.
pub(super) async fn read<B>(service: &Service, context: &RequestContext<'_>, body: B) -> Result<Bytes, Error>
where
    B: Body<Data = Bytes> + Unpin,
{
    if context.head_bytes() > HEADER_BYTES_MAX {
        let text = format!("The request's URL and headers are longer than {HEADER_BYTES_MAX} bytes.");
        return Err(Error::new(ErrorKind::RequestHeaderTooLarge, text));
    }
    let mut all = pin!(collect(body, service.options().body_bytes_max));
    if !context.headers.announces_body {
        return all.await;
    }
    let too_late = async {
        next_poll().await;
        service.time().pause(BODY_TIME_LIMIT).await;
    };
    tokio::select! {
        biased;
        body = &mut all => body,
        () = too_late => Err(Error::new(ErrorKind::RequestTimeout, "The request body did not arrive in time.")),
    }
}

/// All of a body, which may have so many bytes.
async fn collect<B>(mut body: B, bytes_max: usize) -> Result<Bytes, Error>
where
    B: Body<Data = Bytes> + Unpin,
{
    // Known beforehand: refused before the client sends it.
    if body.size_hint().lower() > bytes_max as u64 {
        return Err(too_large(bytes_max));
    }
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
                    rest.reserve(before.as_ref().map_or(0, Bytes::len) + data.len() + expected.min(bytes_max));
                }
                rest.extend_from_slice(before.as_deref().unwrap_or_default());
                rest.extend_from_slice(&data);
            }
        }
        if rest.len() > bytes_max || first.as_ref().is_some_and(|data| data.len() > bytes_max) {
            return Err(too_large(bytes_max));
        }
    }
    Ok(first.unwrap_or_else(|| rest.freeze()))
}

fn too_large(bytes_max: usize) -> Error {
    Error::new(ErrorKind::RequestTooLarge, format!("The request body is longer than {bytes_max} bytes."))
}

/// Ends at the second poll of its task. hyper hands over a body only when it was asked for it, one poll after the head, and no
/// timer is made for a body that comes with it. `tokio::task::yield_now` would cost each request a call of the system: it wakes
/// a task only after the runtime has looked for events.
async fn next_poll() {
    let mut polled = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut polled, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
