//! The format of credentials files that AWS's tools share: profiles.

use super::key_entry::{Entry, Wrong, expiry};
use std::collections::HashMap;

/// A profile of the format that AWS's tools share, and on which lines its values stand.
#[derive(Default)]
struct Profile {
    line: usize,
    name: String,
    values: HashMap<String, (usize, String)>,
}

/// The keys of a file of profiles. Profiles without keys and other settings are for other tools.
pub(super) fn entries(text: &str) -> Result<Vec<Entry>, Wrong> {
    let mut profiles: Vec<Profile> = Vec::new();
    for (line, whole) in (1..).zip(text.lines()) {
        let content = whole.trim();
        // Indented lines are settings within a setting.
        let is_nested = whole.starts_with([' ', '\t']);
        if content.is_empty() || content.starts_with(['#', ';']) || is_nested {
            continue;
        }
        if let Some(rest) = content.strip_prefix('[') {
            let Some((name, _)) = rest.split_once(']') else {
                return Err((Some(line), "a profile begins with its name in brackets, as in [default]".to_owned()));
            };
            profiles.push(Profile { line, name: name.trim().to_owned(), ..Profile::default() });
            continue;
        }
        let Some((key, value)) = content.split_once('=') else {
            return Err((Some(line), "a profile has lines like aws_access_key_id = AKIAIOSFODNN7EXAMPLE".to_owned()));
        };
        let Some(profile) = profiles.last_mut() else {
            let what = "before this a profile has to begin, as in [default], or a [[key]] table";
            return Err((Some(line), what.to_owned()));
        };
        profile.values.insert(key.trim().to_ascii_lowercase(), (line, value.trim().to_owned()));
    }
    let mut entries: Vec<Entry> = Vec::new();
    for profile in profiles {
        let Some(entry) = entry_of(profile)? else { continue };
        // A profile is often there under two names.
        let same = |other: &Entry| (&other.access_key, &other.secret) == (&entry.access_key, &entry.secret);
        if !entries.iter().any(same) {
            entries.push(entry);
        }
    }
    Ok(entries)
}

fn entry_of(mut profile: Profile) -> Result<Option<Entry>, Wrong> {
    let mut take = |names: &[&str]| names.iter().find_map(|name| profile.values.remove(*name));
    let access_key = take(&["aws_access_key_id"]);
    let secret = take(&["aws_secret_access_key"]);
    let session_token = take(&["aws_session_token", "aws_security_token"]);
    let expires = take(&["aws_expiration", "expiration", "x_security_token_expires"]);
    let account = take(&["aws_account_id"]);
    let ((line, access_key), (_, secret)) = match (access_key, secret) {
        (Some(access_key), Some(secret)) => (access_key, secret),
        (None, None) => return Ok(None),
        (access_key, _) => {
            let missing = if access_key.is_some() { "aws_secret_access_key" } else { "aws_access_key_id" };
            return Err((Some(profile.line), format!("the profile {} has no {missing}", profile.name)));
        }
    };
    let expires_s = match expires {
        Some((line, text)) => Some(expiry(&text).map_err(|what| (Some(line), what))?),
        None => None,
    };
    let account = account.map(|(_, account)| account);
    let session_token = session_token.map(|(_, token)| token);
    Ok(Some(Entry { line, access_key, secret, session_token, expires_s, account, ..Entry::default() }))
}
