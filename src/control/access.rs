//! Who may use the control API, and the token of those who need one.

use sha2::{Digest, Sha256};
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hasher};

/// Who may use the control API.
#[derive(Clone, Debug)]
pub enum Access {
    /// Nobody.
    Off,
    /// All that reach the server.
    On,
    /// Those that send this token.
    Token(Token),
}

/// A secret that a client shows. It is printed only by who asks for its text.
#[derive(Clone)]
pub struct Token(String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

impl Token {
    /// A token that somebody chose.
    pub fn new(text: String) -> Token {
        Token(text)
    }

    /// A token that nobody can guess: 128 bits.
    pub fn random() -> Token {
        // Keyed with 128 bits of the system's own random source, which is what keeps attackers from guessing hashes.
        let keys = RandomState::new();
        let words = (0..4_u64).map(|number| {
            let mut hasher = keys.build_hasher();
            hasher.write_u64(number);
            hasher.finish().to_be_bytes()
        });
        let digest = Sha256::digest(words.collect::<Vec<_>>().concat());
        Token(hex::encode(&digest[..16]))
    }

    /// Whether what a client sent is the token. The time that takes tells nothing about it: digests are compared.
    pub fn is(&self, given: &str) -> bool {
        Sha256::digest(given) == Sha256::digest(&self.0)
    }

    /// The token itself.
    pub fn text(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_told_from_others_and_never_shown_by_itself() {
        let (one, other) = (Token::random(), Token::random());
        assert!(one.is(one.text()) && !one.is(other.text()) && !one.is("") && !one.is(&one.text()[1..]));
        assert_eq!(one.text().len(), 32);
        assert!(!format!("{:?}", Access::Token(one.clone())).contains(one.text()));
    }
}
