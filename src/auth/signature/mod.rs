//! Signature Version 4: what the signature of a request proves, in the order in which AWS looks at it.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `mod.rs` | [`identify`]: a request and the known keys to an identity |
//! | `claim.rs` | what a request says of its signature, in `Authorization` or in its query string |
//! | `canonical.rs` | the canonical request, whose digest is signed |
//! | `date.rs` | dates as they are written in signatures and in credentials files |
//! | `signing_key.rs` | the key of a day, a region and a service, kept for a while |
//!
//! Texts: those of `SignatureDoesNotMatch`, of a signature that expired and of a wrong region are recorded from SQS, with the blank
//! at the end of the latter; those of `IncompleteSignature` and of a wrong service from services that answer alike.

mod canonical;
mod claim;
mod date;
mod signing_key;

pub use canonical::{Carrier, HttpRequest, canonical_request};
pub use date::{basic_date, parse_timestamp};
pub use signing_key::SigningKeys;

use super::credentials::{Credentials, Key};
use super::identity::Identity;
use crate::error::{Error, ErrorKind};
use claim::{ALGORITHM, Claim};
use sha2::{Digest, Sha256};
use signing_key::SigningKey;

/// What ends the scope of a signature.
const TERMINATOR: &str = "aws4_request";
/// Seconds by which the clock of a client may differ.
pub const SKEW_S_MAX: u64 = 15 * 60;

/// What a signature has to be for.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// The region; any if absent.
    pub region: Option<&'a str>,
    /// The service.
    pub service: &'a str,
}

/// Finds out who sent a request, at this moment of real time in seconds since the Unix epoch.
///
/// # Errors
/// AWS's: `IncompleteSignature`, `InvalidClientTokenId`, `SignatureDoesNotMatch`, `ExpiredToken`, `InvalidSecurity`.
pub fn identify(
    credentials: &Credentials,
    request: &HttpRequest<'_>,
    scope: Scope<'_>,
    now_s: u64,
) -> Result<Identity, Error> {
    let Some(claim) = Claim::of(request)? else { return Ok(Identity::Anonymous) };
    check_scope(&claim, scope)?;
    check_time(&claim, now_s)?;
    let key = credentials.get(&claim.access_key).filter(|key| !key.is_disabled).ok_or_else(unknown_key)?;
    check_signature(&claim, key, request)?;
    check_session(&claim, key, now_s)?;
    Ok(Identity::Signed(key.principal.clone()))
}

/// What the scope of a signature may be. AWS says all that is wrong at once.
fn check_scope(claim: &Claim, wanted: Scope<'_>) -> Result<(), Error> {
    let mut wrong = String::new();
    let is_region =
        |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    if !is_region(&claim.region) || wanted.region.is_some_and(|region| region != claim.region) {
        wrong += &format!("Credential should be scoped to a valid region, not '{}'. ", claim.region);
    }
    if claim.service != wanted.service {
        wrong += &format!("Credential should be scoped to correct service: '{}'. ", wanted.service);
    }
    // Uncertain: as the documentation of Signature Version 4 words these two.
    if claim.terminator != TERMINATOR {
        wrong += &format!(
            "Credential should be scoped with a valid terminator: '{TERMINATOR}', not '{}'. ",
            claim.terminator
        );
    }
    let day = claim.timestamp.get(..8).unwrap_or_default();
    if claim.date != day {
        wrong += &format!(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{}' != '{day}', from '{}'. ",
            claim.date, claim.timestamp
        );
    }
    if wrong.is_empty() { Ok(()) } else { Err(Error::new(ErrorKind::InvalidSignature, wrong)) }
}

/// Whether the time of a signature is now. Recorded: a skewed clock is a wrong signature, not the documented `RequestExpired`.
fn check_time(claim: &Claim, now_s: u64) -> Result<(), Error> {
    let expired = |text: String| Err(Error::new(ErrorKind::InvalidSignature, text));
    let (timestamp, now) = (&claim.timestamp, basic_date(now_s));
    let valid_s = match claim.carrier {
        Carrier::Header => SKEW_S_MAX,
        Carrier::Query { expires_s } => expires_s,
    };
    if claim.signed_s.saturating_add(valid_s) < now_s {
        // Uncertain for presigned requests; minutes are the unit of the recorded text.
        let earliest = basic_date(now_s.saturating_sub(valid_s));
        let span = if valid_s % 60 == 0 { format!("{} min.", valid_s / 60) } else { format!("{valid_s} sec.") };
        return expired(format!("Signature expired: {timestamp} is now earlier than {earliest} ({now} - {span})"));
    }
    if claim.signed_s > now_s.saturating_add(SKEW_S_MAX) {
        let latest = basic_date(now_s + SKEW_S_MAX);
        let minutes = SKEW_S_MAX / 60;
        return expired(format!(
            "Signature not yet current: {timestamp} is still later than {latest} ({now} + {minutes} min.)"
        ));
    }
    Ok(())
}

fn unknown_key() -> Error {
    Error::new(ErrorKind::UnrecognizedClient, "The security token included in the request is invalid.")
}

/// Whether the request was signed with the secret of the key, and is still what was signed.
fn check_signature(claim: &Claim, key: &Key, request: &HttpRequest<'_>) -> Result<(), Error> {
    let canonical = canonical_request(request, &claim.signed_headers, claim.carrier);
    let scope = format!("{}/{}/{}/{TERMINATOR}", claim.date, claim.region, claim.service);
    let kept = key.signing_keys.get(&scope);
    let signing_key = kept
        .clone()
        .unwrap_or_else(|| SigningKey::derive(&key.secret, [&claim.date, &claim.region, &claim.service, TERMINATOR]));
    let digest = hex::encode(Sha256::digest(&canonical));
    let is_right = signing_key.has_signed(&[ALGORITHM, &claim.timestamp, &scope, &digest].join("\n"), &claim.signature);
    if !is_right {
        let text = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access \
                    Key and signing method. Consult the service documentation for details.";
        return Err(Error::new(ErrorKind::InvalidSignature, text).with_detail(shown(&canonical, claim)));
    }
    // Only one that was right: others may name any region.
    if kept.is_none() {
        key.signing_keys.keep(scope, signing_key);
    }
    Ok(())
}

/// The canonical request for the log, where it can be compared with that of the client; without the session token.
fn shown(canonical: &[u8], claim: &Claim) -> String {
    let text = String::from_utf8_lossy(canonical).into_owned();
    let text = match claim.session_token.as_deref() {
        Some(token) if !token.is_empty() => {
            text.replace(token, "***").replace(&canonical::encoded(token.as_bytes()), "***")
        }
        _ => text,
    };
    format!("the canonical request is {text:?}")
}

/// Whether a key goes with the session token of the request, and has not ended.
fn check_session(claim: &Claim, key: &Key, now_s: u64) -> Result<(), Error> {
    let goes_with = match (&key.session_token, &claim.session_token) {
        (None, None) => true,
        (Some(token), Some(given)) => token.is(given),
        (Some(_), None) | (None, Some(_)) => false,
    };
    if !goes_with {
        return Err(unknown_key());
    }
    match key.expires_s {
        Some(expires_s) if expires_s <= now_s => {
            Err(Error::new(ErrorKind::ExpiredToken, "The security token included in the request is expired"))
        }
        _ => Ok(()),
    }
}
