//! Secrets: nothing prints them, and to compare them takes the same time whatever was sent.

use sha2::{Digest, Sha256};
use std::fmt;

/// A secret access key or a session token.
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

    /// The secret itself.
    pub(super) fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_told_from_others_and_never_shown() {
        let secret = Secret::new("hidden");
        assert!(secret.is("hidden") && !secret.is("hidde") && !secret.is("") && !secret.is("hiddeN"));
        assert!(!format!("{secret:?}{secret:#?}").contains("hidden"));
    }
}
