//! Requests as they go over the wire, read leniently: whatever cannot be told to hyper is left out, for what hyper refuses never
//! reaches the service. An input is one of them, or several with a line `=====` between them.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Method, Request, Uri};

const SEPARATOR: &[u8] = b"\n=====\n";
/// Requests of one input that are looked at.
const REQUESTS_MAX: usize = 16;

/// The requests of an input.
pub fn requests(input: &[u8]) -> impl Iterator<Item = Request<Full<Bytes>>> {
    let mut rest = Some(input);
    let parts = std::iter::from_fn(move || {
        let bytes = rest.take()?;
        let (one, others) = cut(bytes, SEPARATOR).map_or((bytes, None), |(one, others)| (one, Some(others)));
        rest = others;
        Some(request(one))
    });
    parts.take(REQUESTS_MAX)
}

/// The part before and the part after the first place where `mark` stands.
fn cut<'a>(bytes: &'a [u8], mark: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = bytes.windows(mark.len()).position(|window| window == mark)?;
    Some((&bytes[..at], &bytes[at + mark.len()..]))
}

fn request(bytes: &[u8]) -> Request<Full<Bytes>> {
    let (head, body) = cut(bytes, b"\r\n\r\n").or_else(|| cut(bytes, b"\n\n")).unwrap_or((bytes, b""));
    let mut lines = head.split(|&b| b == b'\n').map(<[u8]>::trim_ascii);
    let mut words = lines.next().unwrap_or_default().splitn(3, |&b| b == b' ');
    let mut request = Request::new(Full::new(Bytes::copy_from_slice(body)));
    *request.method_mut() = Method::from_bytes(words.next().unwrap_or_default()).unwrap_or(Method::POST);
    *request.uri_mut() = Uri::try_from(words.next().unwrap_or_default()).unwrap_or_default();
    for line in lines {
        let Some((name, value)) = cut(line, b":") else { continue };
        let (name, value) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value.trim_ascii()));
        if let (Ok(name), Ok(value)) = (name, value) {
            request.headers_mut().append(name, value);
        }
    }
    request
}
