//! The keys that are known: each with its secret, what it stands for, and when it ends.

use super::identity::Principal;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// A secret access key or a session token. Nothing prints it.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Keeps a secret.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// Whether what a client sent is the secret. The time that takes tells nothing about it: digests are compared.
    pub fn is(&self, given: &str) -> bool {
        Sha256::digest(given) == Sha256::digest(&self.0)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// What is known of an access key.
#[derive(Debug)]
pub struct Key {
    /// The secret access key that requests are signed with.
    pub secret: Secret,
    /// What a request has to carry beside the signature, if the key belongs to a session.
    pub session_token: Option<Secret>,
    /// When it ends, in seconds since the Unix epoch.
    pub expires_s: Option<u64>,
    /// Whether it is refused, as an inactive key on AWS.
    pub is_disabled: bool,
    /// Who it stands for.
    pub principal: Arc<Principal>,
}

/// All keys that are known, by access key id.
#[derive(Debug, Default)]
pub struct Credentials {
    keys: HashMap<String, Key>,
}

impl Credentials {
    /// Adds a key. False if its access key id is there already.
    pub fn add(&mut self, key: Key) -> bool {
        let id = key.principal.access_key.clone();
        let is_new = !self.keys.contains_key(&id);
        if is_new {
            self.keys.insert(id, key);
        }
        is_new
    }

    /// The key of this access key id.
    pub fn get(&self, access_key: &str) -> Option<&Key> {
        self.keys.get(access_key)
    }

    /// All principals, one for each key.
    pub fn principals(&self) -> impl Iterator<Item = &Arc<Principal>> {
        self.keys.values().map(|key| &key.principal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_prints_a_secret() {
        let principal = Principal {
            access_key: "AKIDEXAMPLE".to_owned(),
            account: "123456789012".to_owned(),
            arn: "arn:aws:iam::123456789012:root".to_owned(),
            is_session: true,
            policies: Vec::new(),
        };
        let secret = |text| Secret::new(text);
        let key = Key {
            secret: secret("hidden-one"),
            session_token: Some(secret("hidden-two")),
            expires_s: None,
            is_disabled: false,
            principal: Arc::new(principal),
        };
        let mut credentials = Credentials::default();
        assert!(credentials.add(key));
        let shown = format!("{credentials:?}{credentials:#?}");
        assert!(shown.contains("AKIDEXAMPLE") && !shown.contains("hidden"), "{shown}");
        assert!(credentials.get("AKIDEXAMPLE").unwrap().secret.is("hidden-one"));
        assert!(!credentials.get("AKIDEXAMPLE").unwrap().secret.is("hidden-two"));
    }
}
