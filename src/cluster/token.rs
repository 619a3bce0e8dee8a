//! The token by which two nodes know each other: it proves the secret of the cluster, and is good for one pair of lives.

use super::roll::NodeId;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// What the text that a token signs begins with.
const PURPOSE: &str = "kew peer 1";

/// The secret of a cluster, ready to sign.
#[derive(Clone)]
pub struct Tokens(Hmac<Sha256>);

impl Tokens {
    /// Those that a secret signs.
    pub fn new(secret: &str) -> Tokens {
        Tokens(Hmac::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length"))
    }

    /// What `from` sends to `to`, in hexadecimal.
    pub fn of(&self, from: NodeId, to: NodeId) -> String {
        hex::encode(self.mac(from, to).finalize().into_bytes())
    }

    /// Whether `from` has sent a right one to `to`. The time that takes tells nothing about the right one.
    pub fn is_right(&self, from: NodeId, to: NodeId, token: &str) -> bool {
        let mut given = [0; 32];
        hex::decode_to_slice(token, &mut given).is_ok() && self.mac(from, to).verify_slice(&given).is_ok()
    }

    fn mac(&self, NodeId(from): NodeId, NodeId(to): NodeId) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        mac.update(format!("{PURPOSE}\n{from}\n{to}").as_bytes());
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: NodeId = NodeId(1);
    const OTHER: NodeId = NodeId(i64::MAX);

    /// Made with `openssl dgst -sha256 -hmac`.
    #[test]
    fn a_token_is_what_is_documented() {
        let token = "287aaf67485bd8f6ca878bea86de6edd94df6334dabdb9a3a814ea02a75fbbab";
        assert_eq!(Tokens::new("0123456789abcdef").of(ONE, OTHER), token);
    }

    #[test]
    fn a_token_is_good_for_one_pair_in_one_direction() {
        let (tokens, others) = (Tokens::new("0123456789abcdef"), Tokens::new("0123456789abcdeg"));
        let token = tokens.of(ONE, OTHER);
        assert!(tokens.is_right(ONE, OTHER, &token));
        assert!(!tokens.is_right(OTHER, ONE, &token) && !tokens.is_right(ONE, ONE, &token));
        assert!(!others.is_right(ONE, OTHER, &token));
        for wrong in ["", "00", &token[1..], &format!("{token}00"), &token.replace(|c: char| c.is_ascii_digit(), "z")] {
            assert!(!tokens.is_right(ONE, OTHER, wrong), "{wrong}");
        }
    }
}
