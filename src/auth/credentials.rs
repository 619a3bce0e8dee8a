//! The keys that are known: each with its secret, what it stands for, and when it ends.

use super::identity::Principal;
use super::secret::Secret;
use super::signature::SigningKeys;
use std::collections::HashMap;
use std::sync::Arc;

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
    /// What its secret gave for days, regions and services.
    pub signing_keys: SigningKeys,
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

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
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
    fn nothing_prints_a_secret_and_no_key_is_there_twice() {
        let key = || Key {
            secret: Secret::new("hidden-one"),
            session_token: Some(Secret::new("hidden-two")),
            expires_s: None,
            is_disabled: false,
            principal: Arc::new(Principal {
                access_key: "AKIDEXAMPLE".to_owned(),
                account: "123456789012".to_owned(),
                arn: "arn:aws:iam::123456789012:root".to_owned(),
                is_session: true,
                policies: Vec::new(),
            }),
            signing_keys: SigningKeys::default(),
        };
        let mut credentials = Credentials::default();
        assert!(credentials.add(key()) && !credentials.add(key()));
        let shown = format!("{credentials:?}{credentials:#?}");
        assert!(shown.contains("AKIDEXAMPLE") && !shown.contains("hidden"), "{shown}");
    }
}
