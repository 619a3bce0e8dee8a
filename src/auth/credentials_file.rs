//! Credentials files, in either of two formats, and the keys that they make. What is wrong is told with its line, and never with
//! a secret.

use super::credentials::{Credentials, Key};
use super::credentials_profiles;
#[cfg(feature = "bin")]
use super::credentials_toml;
use super::identity::Principal;
use super::key_entry::{Entry, ReadFile, Wrong, check, principal_of};
use super::policy::Policy;
use super::secret::Secret;
use super::signature::SigningKeys;
use std::collections::HashMap;
use std::sync::Arc;

/// Bytes of a credentials file.
pub const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// A credentials file, and what is needed beside its text.
pub struct CredentialsFile<'a> {
    /// The file, for what is said of it.
    pub name: &'a str,
    /// Its text.
    pub text: &'a str,
    /// The account of keys that name none.
    pub account: &'a str,
    /// Reads a file that the text names, by its path relative to the credentials file.
    pub read_file: ReadFile<'a>,
}

impl CredentialsFile<'_> {
    /// Reads all keys.
    ///
    /// # Errors
    /// What is wrong, with file and line, and what would be right.
    pub fn read(&self) -> Result<Credentials, String> {
        let placed = |(line, what): Wrong| match line {
            Some(line) => format!("{}:{line}: {what}", self.name),
            None => format!("{}: {what}", self.name),
        };
        let is_toml = self.text.lines().any(|line| line.trim_start().starts_with("[["));
        let entries = if is_toml { self.toml_entries() } else { credentials_profiles::entries(self.text) };
        self.keys(entries.map_err(placed)?).map_err(placed)
    }

    #[cfg(feature = "bin")]
    fn toml_entries(&self) -> Result<Vec<Entry>, Wrong> {
        credentials_toml::entries(self.name, self.text, self.read_file)
    }

    #[cfg(not(feature = "bin"))]
    fn toml_entries(&self) -> Result<Vec<Entry>, Wrong> {
        Err((
            None,
            "TOML is read only with the feature `bin`; the format of ~/.aws/credentials is read without it".to_owned(),
        ))
    }

    fn keys(&self, entries: Vec<Entry>) -> Result<Credentials, Wrong> {
        let mut of_principal: HashMap<String, Vec<Policy>> = HashMap::new();
        let mut principals = Vec::with_capacity(entries.len());
        for entry in &entries {
            let wrong = |what| (Some(entry.line), what);
            let (arn, account) = principal_of(entry, self.account).map_err(wrong)?;
            of_principal.entry(arn.clone()).or_default().extend(entry.policies.iter().cloned());
            principals.push((arn, account));
        }
        let mut credentials = Credentials::default();
        for (entry, (arn, account)) in entries.into_iter().zip(principals) {
            check(&entry)?;
            let line = entry.line;
            // A policy is the principal's, with whichever of its keys it stands.
            let policies = of_principal.get(&arn).cloned().unwrap_or_default();
            let is_session = entry.session_token.is_some();
            let principal = Principal { access_key: entry.access_key, account, arn, is_session, policies };
            let twice = format!("the access key {} is there twice", principal.access_key);
            let key = Key {
                secret: Secret::new(entry.secret),
                session_token: entry.session_token.map(Secret::new),
                expires_s: entry.expires_s,
                is_disabled: entry.is_disabled,
                principal: Arc::new(principal),
                signing_keys: SigningKeys::default(),
            };
            if !credentials.add(key) {
                return Err((Some(line), twice));
            }
        }
        if credentials.is_empty() {
            let what = "no key is in it; [[key]] tables are wanted, or profiles as in ~/.aws/credentials";
            return Err((None, what.to_owned()));
        }
        Ok(credentials)
    }
}

#[cfg(test)]
#[path = "credentials_tests.rs"]
mod tests;
