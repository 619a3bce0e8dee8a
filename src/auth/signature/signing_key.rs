//! The key of a day, a region and a service, which a secret access key gives; kept for a while, for it takes four rounds to find.

use super::super::secret::Secret;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;
use std::sync::{Mutex, PoisonError};

/// Signing keys that are kept of one access key: clients use one region or a few, today's and around midnight yesterday's.
const KEPT_MAX: usize = 16;

/// What signs for a day, a region and a service, ready to sign.
#[derive(Clone)]
pub struct SigningKey(Hmac<Sha256>);

impl SigningKey {
    /// The key for these parts of a scope.
    pub fn derive(secret: &Secret, scope: [&str; 4]) -> SigningKey {
        let first = hmac(format!("AWS4{}", secret.text()).as_bytes());
        SigningKey(scope.into_iter().fold(first, |mut key, part| {
            key.update(part.as_bytes());
            hmac(&key.finalize().into_bytes())
        }))
    }

    /// Whether a signature, in lower-case hexadecimal, is that of a text. The time that takes tells nothing about the right one.
    pub fn has_signed(&self, text: &str, signature: &str) -> bool {
        let mut given = [0; 32];
        let is_hexadecimal = !signature.bytes().any(|b| b.is_ascii_uppercase());
        if !is_hexadecimal || hex::decode_to_slice(signature, &mut given).is_err() {
            return false;
        }
        let mut mac = self.0.clone();
        mac.update(text.as_bytes());
        mac.verify_slice(&given).is_ok()
    }
}

fn hmac(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

/// The signing keys of one access key that were used last, by their scope.
#[derive(Default)]
pub struct SigningKeys(Mutex<Vec<(String, SigningKey)>>);

impl SigningKeys {
    /// The signing key of a scope, if it is kept.
    pub fn get(&self, scope: &str) -> Option<SigningKey> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().find(|(kept, _)| kept == scope).map(|(_, key)| key.clone())
    }

    /// Keeps one, and forgets the oldest if there are too many.
    pub fn keep(&self, scope: String, key: SigningKey) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.iter().any(|(other, _)| *other == scope) {
            return;
        }
        if kept.len() >= KEPT_MAX {
            kept.remove(0);
        }
        kept.push((scope, key));
    }
}

impl fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKeys(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the documentation "Deriving the signing key", signed with Python's `hmac`.
    #[test]
    fn a_signing_key_is_derived_as_documented() {
        let secret = Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
        let key = SigningKey::derive(&secret, ["20150830", "us-east-1", "iam", "aws4_request"]);
        let signature = "47e8dff75c264d02dd9075e1d160d1036c46d16500e36784e807c9d58fa22c3d";
        assert!(key.has_signed("text", signature));
        assert!(!key.has_signed("texu", signature));
        assert!(!key.has_signed("text", &signature.to_ascii_uppercase()), "a letter may not be turned");
        for wrong in ["", "00", &signature[1..], &format!("{signature}00"), "zz"] {
            assert!(!key.has_signed("text", wrong), "{wrong}");
        }
    }

    #[test]
    fn no_more_than_a_few_are_kept() {
        let secret = Secret::new("secret");
        let keys = SigningKeys::default();
        for region in 0..3 * KEPT_MAX {
            let region = format!("r-{region}");
            keys.keep(region.clone(), SigningKey::derive(&secret, ["20150830", &region, "sqs", "aws4_request"]));
        }
        let kept = |region: usize| keys.get(&format!("r-{region}")).is_some();
        assert!(kept(3 * KEPT_MAX - 1) && kept(2 * KEPT_MAX) && !kept(2 * KEPT_MAX - 1));
        assert!(!format!("{keys:?}").contains("r-"));
    }
}
