//! The canonical request of Signature Version 4: the form of a request that its digest runs over.
//!
//! SQS's form of it: the path is normalised, and encoded once more than it was sent.

use sha2::{Digest, Sha256};

/// The value of `X-Amz-Content-Sha256` by which the body is not signed.
const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";
/// The parameter of the query string that is not signed, for it is the signature.
pub const SIGNATURE_PARAMETER: &str = "X-Amz-Signature";

/// A request as it came.
#[derive(Clone, Copy, Debug)]
pub struct HttpRequest<'a> {
    /// The method.
    pub method: &'a str,
    /// The path as it was sent, percent-encoded.
    pub path: &'a str,
    /// What follows the `?`.
    pub query: Option<&'a str>,
    /// Every header in the order in which they came, its name in lower case.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// The body as it was sent.
    pub body: &'a [u8],
}

impl<'a> HttpRequest<'a> {
    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        self.headers.iter().find(|(other, _)| *other == name).map(|(_, value)| *value)
    }

    /// The parameters of the query string, decoded.
    pub fn parameters(&self) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
        let pairs = self.query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        pairs.map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(name), decoded(value))
        })
    }
}

/// Where a signature stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// In the header `Authorization`.
    Header,
    /// In the query string, which holds for so many seconds: a presigned request.
    Query {
        /// The seconds.
        expires_s: u64,
    },
}

/// The canonical request, with these headers, whose names are in lower case and sorted.
pub fn canonical_request(request: &HttpRequest<'_>, signed_headers: &[String], carrier: Carrier) -> Vec<u8> {
    const ROOM: usize = 1024;
    let mut out = Vec::with_capacity(ROOM);
    out.extend_from_slice(request.method.as_bytes());
    out.push(b'\n');
    put_path(&mut out, request.path);
    out.push(b'\n');
    put_query(&mut out, request, carrier);
    out.push(b'\n');
    for name in signed_headers {
        out.extend_from_slice(name.as_bytes());
        out.push(b':');
        put_header(&mut out, request, name);
        out.push(b'\n');
    }
    out.push(b'\n');
    out.extend_from_slice(signed_headers.join(";").as_bytes());
    out.push(b'\n');
    if is_payload_unsigned(request, carrier) {
        out.extend_from_slice(UNSIGNED_PAYLOAD.as_bytes());
    } else {
        // Whatever a header says of it: a client that told another digest has signed that one.
        out.extend_from_slice(hex::encode(Sha256::digest(request.body)).as_bytes());
    }
    out
}

/// Whether the client says that it did not sign the body. The word stands in what is signed: nobody else can say so.
fn is_payload_unsigned(request: &HttpRequest<'_>, carrier: Carrier) -> bool {
    const NAME: &str = "x-amz-content-sha256";
    match carrier {
        Carrier::Header => request.header(NAME).is_some_and(|value| value.trim_ascii() == UNSIGNED_PAYLOAD.as_bytes()),
        Carrier::Query { .. } => {
            request.header(NAME).is_some_and(|value| value.trim_ascii() == UNSIGNED_PAYLOAD.as_bytes())
                || request.parameters().any(|(name, value)| {
                    name.eq_ignore_ascii_case(NAME.as_bytes()) && value == UNSIGNED_PAYLOAD.as_bytes()
                })
        }
    }
}

/// The path without `.`, `..` and repeated slashes, encoded once more.
fn put_path(out: &mut Vec<u8>, path: &str) {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/').filter(|segment| !segment.is_empty() && *segment != ".") {
        if segment == ".." {
            kept.pop();
        } else {
            kept.push(segment);
        }
    }
    for segment in &kept {
        out.push(b'/');
        put_encoded(out, segment.as_bytes());
    }
    if kept.is_empty() || path.ends_with('/') {
        out.push(b'/');
    }
}

/// The parameters, sorted by their encoded names and then values.
fn put_query(out: &mut Vec<u8>, request: &HttpRequest<'_>, carrier: Carrier) {
    let signed = |name: &[u8]| carrier == Carrier::Header || name != SIGNATURE_PARAMETER.as_bytes();
    let parameters = request.parameters().filter(|(name, _)| signed(name));
    let mut encoded: Vec<_> = parameters.map(|(name, value)| (encoded(&name), encoded(&value))).collect();
    encoded.sort_unstable();
    for (at, (name, value)) in encoded.iter().enumerate() {
        if at > 0 {
            out.push(b'&');
        }
        out.extend_from_slice(name.as_bytes());
        out.push(b'=');
        out.extend_from_slice(value.as_bytes());
    }
}

/// The values of all headers of a name in the order in which they came, with commas between; each without blanks at its ends, and
/// with one blank where there are several.
fn put_header(out: &mut Vec<u8>, request: &HttpRequest<'_>, name: &str) {
    let values = request.headers.iter().filter(|(other, _)| *other == name);
    for (at, (_, value)) in values.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        let words = value.split(|b| b.is_ascii_whitespace()).filter(|word| !word.is_empty());
        for (at, word) in words.enumerate() {
            if at > 0 {
                out.push(b' ');
            }
            out.extend_from_slice(word);
        }
    }
}

fn decoded(text: &str) -> Vec<u8> {
    // Forms write a blank as `+`, and so does the query string of a form.
    match text.contains('+') {
        true => percent_encoding::percent_decode_str(&text.replace('+', " ")).collect(),
        false => percent_encoding::percent_decode_str(text).collect(),
    }
}

/// Percent-encoded as signatures want it: all but letters, digits, `-`, `.`, `_` and `~`.
pub fn encoded(bytes: &[u8]) -> String {
    let mut out = Vec::with_capacity(bytes.len());
    put_encoded(&mut out, bytes);
    String::from_utf8_lossy(&out).into_owned()
}

fn put_encoded(out: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(byte);
        } else {
            out.extend_from_slice(&[b'%', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        }
    }
}
