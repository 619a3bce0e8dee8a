//! What a request says of its signature: in the header `Authorization`, or in the query string of a presigned request.

use super::canonical::{Carrier, HttpRequest, SIGNATURE_PARAMETER};
use super::date::{basic_date, parse_basic};
use crate::error::{Error, ErrorKind, shown};
use base64::Engine;
use sha2::{Digest, Sha256};
use std::time::UNIX_EPOCH;

/// The one algorithm that is understood.
pub const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// Seconds that the URL of a presigned request holds at most: a week.
const EXPIRES_S_MAX: u64 = 7 * 24 * 60 * 60;
/// Names of signed headers.
const SIGNED_HEADERS_MAX: usize = 100;
/// How Signature Version 4a begins, and all later than Version 3.
const VERSION_4A: &str = "AWS4-ECDSA-P256-SHA256";

/// What a request says of its signature.
pub struct Claim {
    /// Where it stands.
    pub carrier: Carrier,
    /// The access key id.
    pub access_key: String,
    /// The rest of the credential's scope: day, region, service, and what ends it.
    pub date: String,
    pub region: String,
    pub service: String,
    pub terminator: String,
    /// The moment of signing, as it was signed.
    pub timestamp: String,
    /// The same in seconds since the Unix epoch.
    pub signed_s: u64,
    /// The names of the signed headers, in lower case and sorted.
    pub signed_headers: Vec<String>,
    /// The signature in hexadecimal.
    pub signature: String,
    /// The session token.
    pub session_token: Option<String>,
}

/// The parts of a claim as they were sent.
#[derive(Default)]
struct Parts {
    credential: Option<String>,
    signed_headers: Option<String>,
    signature: Option<String>,
    date: Option<String>,
    session_token: Option<String>,
}

fn incomplete(text: impl Into<String>) -> Error {
    Error::new(ErrorKind::IncompleteSignature, text.into())
}

impl Claim {
    /// Reads what a request says of its signature; none if it is not signed.
    ///
    /// # Errors
    /// `IncompleteSignature` for what cannot be read, `SignatureDoesNotMatch` if the host is not signed, `InvalidSecurity` for older
    /// signatures.
    pub fn of(request: &HttpRequest<'_>) -> Result<Option<Claim>, Error> {
        if let Some(header) = request.header("authorization") {
            return Claim::of_header(request, &String::from_utf8_lossy(header)).map(Some);
        }
        let has = |names: &[&str]| {
            request.query.is_some() && request.parameters().any(|(name, _)| names.iter().any(|n| n.as_bytes() == name))
        };
        if has(&["X-Amz-Algorithm", "X-Amz-Credential", SIGNATURE_PARAMETER]) {
            return Claim::of_query(request).map(Some);
        }
        if has(&["SignatureVersion"]) { Err(older()) } else { Ok(None) }
    }

    fn of_header(request: &HttpRequest<'_>, header: &str) -> Result<Claim, Error> {
        let header = header.trim();
        let (algorithm, rest) = header.split_once(char::is_whitespace).unwrap_or((header, ""));
        check_algorithm(algorithm)?;
        let hashed = || base64::engine::general_purpose::STANDARD.encode(Sha256::digest(header));
        let mut parts = Parts::default();
        // AWS takes blanks for commas: a key that ends in a blank gives this error.
        for pair in rest.split(|c: char| c == ',' || c.is_whitespace()).filter(|pair| !pair.is_empty()) {
            let Some((name, value)) = pair.split_once('=') else {
                let text = "Invalid key=value pair (missing equal-sign) in Authorization header";
                return Err(incomplete(format!(
                    "{text} (hashed with SHA-256 and encoded with Base64): '{}'.",
                    hashed()
                )));
            };
            match name {
                "Credential" => parts.credential = Some(value.to_owned()),
                "SignedHeaders" => parts.signed_headers = Some(value.to_owned()),
                "Signature" => parts.signature = Some(value.to_owned()),
                _ => {}
            }
        }
        let text = |value: &[u8]| String::from_utf8_lossy(value).trim().to_owned();
        parts.session_token = request.header("x-amz-security-token").map(text);
        let date = request.header("x-amz-date").or_else(|| request.header("date")).map(text);
        parts.date = date.map(|date| basic_of_http_date(&date).unwrap_or(date));
        let missing: String = [
            ("requires 'Credential' parameter", &parts.credential),
            ("requires 'Signature' parameter", &parts.signature),
            ("requires 'SignedHeaders' parameter", &parts.signed_headers),
            ("requires existence of either a 'X-Amz-Date' or a 'Date' header", &parts.date),
        ]
        .into_iter()
        .filter(|(_, part)| part.as_ref().is_none_or(String::is_empty))
        .map(|(what, _)| format!("Authorization header {what}. "))
        .collect();
        if !missing.is_empty() {
            let hint = "(Hashed with SHA-256 and encoded with Base64)";
            return Err(incomplete(format!("{missing}{hint} Authorization={}", hashed())));
        }
        Claim::new(Carrier::Header, parts)
    }

    fn of_query(request: &HttpRequest<'_>) -> Result<Claim, Error> {
        let (mut parts, mut algorithm, mut expires) = (Parts::default(), None, None);
        for (name, value) in request.parameters() {
            let place = match name.as_slice() {
                b"X-Amz-Algorithm" => &mut algorithm,
                b"X-Amz-Credential" => &mut parts.credential,
                b"X-Amz-Date" => &mut parts.date,
                b"X-Amz-Expires" => &mut expires,
                b"X-Amz-Security-Token" => &mut parts.session_token,
                b"X-Amz-Signature" => &mut parts.signature,
                b"X-Amz-SignedHeaders" => &mut parts.signed_headers,
                _ => continue,
            };
            // Of several the first counts; all but the signature itself are signed.
            place.get_or_insert(String::from_utf8_lossy(&value).into_owned());
        }
        let missing: String = [
            ("X-Amz-Algorithm", &algorithm),
            ("X-Amz-Credential", &parts.credential),
            ("X-Amz-Signature", &parts.signature),
            ("X-Amz-SignedHeaders", &parts.signed_headers),
            ("X-Amz-Date", &parts.date),
        ]
        .into_iter()
        .filter(|(_, part)| part.as_ref().is_none_or(String::is_empty))
        .map(|(name, _)| format!("AWS query-string parameters must include '{name}'. "))
        .collect();
        if !missing.is_empty() {
            return Err(incomplete(format!("{missing}Re-examine the query-string parameters.")));
        }
        check_algorithm(&algorithm.unwrap_or_default())?;
        Claim::new(Carrier::Query { expires_s: expiry(expires.as_deref())? }, parts)
    }

    fn new(carrier: Carrier, parts: Parts) -> Result<Claim, Error> {
        let credential = parts.credential.unwrap_or_default();
        let scope: Vec<&str> = credential.split('/').collect();
        let [access_key, date, region, service, terminator] = scope[..] else {
            let what = "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term";
            return Err(incomplete(format!("{what}, got '{}'", shown(&credential))));
        };
        let timestamp = parts.date.unwrap_or_default();
        let signed_s = parse_basic(&timestamp).ok_or_else(|| {
            let got = shown(&timestamp);
            incomplete(format!(
                "Date must be in ISO-8601 'basic format'. Got '{got}'. See http://en.wikipedia.org/wiki/ISO_8601"
            ))
        })?;
        Ok(Claim {
            carrier,
            access_key: access_key.to_owned(),
            date: date.to_owned(),
            region: region.to_owned(),
            service: service.to_owned(),
            terminator: terminator.to_owned(),
            signed_s,
            signed_headers: signed_headers(&parts.signed_headers.unwrap_or_default())?,
            timestamp,
            signature: parts.signature.unwrap_or_default(),
            session_token: parts.session_token,
        })
    }
}

fn signed_headers(list: &str) -> Result<Vec<String>, Error> {
    let mut names: Vec<String> =
        list.split(';').take(SIGNED_HEADERS_MAX + 1).map(|name| name.trim().to_ascii_lowercase()).collect();
    if names.len() > SIGNED_HEADERS_MAX {
        return Err(incomplete(format!("The request has more than {SIGNED_HEADERS_MAX} signed headers.")));
    }
    names.sort_unstable();
    if !names.iter().any(|name| name == "host") {
        let text = "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.";
        return Err(Error::new(ErrorKind::InvalidSignature, text));
    }
    Ok(names)
}

fn check_algorithm(algorithm: &str) -> Result<(), Error> {
    match algorithm {
        ALGORITHM => Ok(()),
        "AWS" | "AWS3" | "AWS3-HTTPS" => Err(older()),
        VERSION_4A => {
            let text = "Signature Version 4a is not supported; sign with AWS4-HMAC-SHA256.";
            Err(incomplete(format!("Unsupported AWS 'algorithm': '{VERSION_4A}'. {text}")))
        }
        other => Err(incomplete(format!("Unsupported AWS 'algorithm': '{}'. ", shown(other)))),
    }
}

/// Uncertain: that a signature of another version gives this error is documented, its text is not.
fn older() -> Error {
    Error::new(ErrorKind::InvalidSecurity, "The request was not signed with Signature Version 4.")
}

/// For how long the query string is right. Uncertain: the texts are those of S3, the code is not.
fn expiry(given: Option<&str>) -> Result<u64, Error> {
    let Some(given) = given else {
        let text = "AWS query-string parameters must include 'X-Amz-Expires'. Re-examine the query-string parameters.";
        return Err(incomplete(text));
    };
    let is_number = !given.is_empty() && given.bytes().all(|b| b.is_ascii_digit());
    match given.parse::<u64>() {
        Ok(0) => Err(incomplete("X-Amz-Expires must be at least 1 second.")),
        Ok(seconds) if is_number && seconds <= EXPIRES_S_MAX => Ok(seconds),
        Ok(_) | Err(_) if is_number => {
            let text = "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than";
            Err(incomplete(format!("{text} {EXPIRES_S_MAX} seconds")))
        }
        _ => Err(incomplete("X-Amz-Expires should be a number")),
    }
}

/// A date as `Date` has it, in the format that is signed.
fn basic_of_http_date(date: &str) -> Option<String> {
    let at = httpdate::parse_http_date(date).ok()?;
    Some(basic_date(at.duration_since(UNIX_EPOCH).ok()?.as_secs()))
}
