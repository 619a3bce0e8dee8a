//! A key as a credentials file describes it, and what may stand there.

use super::policy::{Policy, Requester};
use super::signature::parse_timestamp;
use crate::api::is_account_id;

/// Characters of an access key id; AWS's have 20, and may have 128.
const ACCESS_KEY_LENGTH_MAX: usize = 128;

/// Where something is wrong, and what.
pub(super) type Wrong = (Option<usize>, String);

/// Reads a file by its name, or says why it cannot.
pub type ReadFile<'a> = &'a dyn Fn(&str) -> Result<String, String>;

/// A key as a file describes it.
#[derive(Default)]
pub(super) struct Entry {
    /// The line on which it begins.
    pub line: usize,
    pub access_key: String,
    pub secret: String,
    pub session_token: Option<String>,
    pub expires_s: Option<u64>,
    pub is_disabled: bool,
    pub account: Option<String>,
    pub principal: Option<String>,
    pub policies: Vec<Policy>,
}

/// Reads the moment at which a key ends.
pub(super) fn expiry(text: &str) -> Result<u64, String> {
    parse_timestamp(text).ok_or_else(|| "when a key ends is a moment like 2026-12-31T23:59:59Z".to_owned())
}

/// Checks what a format does not say by itself.
pub(super) fn check(entry: &Entry) -> Result<(), Wrong> {
    let wrong = |what: &str| Err((Some(entry.line), what.to_owned()));
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"_-.".contains(&b);
    let id = &entry.access_key;
    if id.is_empty() || id.len() > ACCESS_KEY_LENGTH_MAX || !id.bytes().all(fits) {
        return wrong("an access key is 1 to 128 letters, digits, hyphens, underscores and dots");
    }
    let is_bare = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
    if !is_bare(&entry.secret) {
        return wrong("a secret is one word of ASCII characters without blanks");
    }
    if entry.session_token.as_deref().is_some_and(|token| !is_bare(token)) {
        return wrong("a session token is one word of ASCII characters without blanks");
    }
    Ok(())
}

/// Who a key stands for, and in which account: as it says, or else the root of its account, which may do everything there.
pub(super) fn principal_of(entry: &Entry, default_account: &str) -> Result<(String, String), String> {
    if let Some(account) = entry.account.as_deref().filter(|account| !is_account_id(account)) {
        return Err(format!("`{account}` is no account: 12 digits, as in 123456789012"));
    }
    if let Some(arn) = &entry.principal {
        let account = account_of(arn).ok_or_else(|| {
            let example = "arn:aws:iam::123456789012:user/anna";
            format!("`{arn}` is not the ARN of a root, a user, a role or a session of one, as in {example}")
        })?;
        return match &entry.account {
            Some(other) if other != account => {
                Err(format!("the account {other} is not that of the principal {arn}; leave the account out"))
            }
            _ => Ok((arn.clone(), account.to_owned())),
        };
    }
    // As without credentials, an access key of 12 digits names an account.
    let of_key = Some(&entry.access_key).filter(|key| is_account_id(key));
    let account = entry.account.as_ref().or(of_key).map_or(default_account, String::as_str);
    Ok((format!("arn:aws:iam::{account}:root"), account.to_owned()))
}

/// The account of a principal's ARN.
fn account_of(arn: &str) -> Option<&str> {
    Requester::of(arn)?.account()
}
