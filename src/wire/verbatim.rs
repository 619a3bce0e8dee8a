//! The second reading of a JSON body, for what the first cannot give: numbers as they were written, and halves of
//! surrogate pairs.
//!
//! SQS takes a number for the body of a message and keeps its digits, and it reads `\ud800` without its other half and
//! then refuses it as a character of a message. Neither goes through serde's numbers and texts. Both are rare, so the
//! ordinary reading only notices them, and this one, which takes longer, looks at each value's own text.

use super::strict::Reading;
use crate::api::rules::lone_surrogate;
use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// Reads each value out of its own text.
pub(super) struct Verbatim;

impl Reading for Verbatim {
    type Key = VerbatimKey;

    fn leaf<'de, D: Deserializer<'de>, V: Visitor<'de>>(from: D, visitor: V) -> Result<V::Value, D::Error> {
        let raw = <&RawValue>::deserialize(from)?.get();
        match raw.as_bytes().first() {
            Some(b'"') => {
                let text = serde_json::Deserializer::from_str(raw).deserialize_bytes(Text);
                visitor.visit_string(text.map_err(D::Error::custom)?)
            }
            // Neither is a leaf; the visitor says so, unless it passes over everything.
            Some(b'{') => visitor.visit_map(MapDeserializer::new(std::iter::empty::<((), ())>())),
            Some(b'[') => visitor.visit_seq(SeqDeserializer::new(std::iter::empty::<()>())),
            Some(b't') => visitor.visit_bool(true),
            Some(b'f') => visitor.visit_bool(false),
            Some(b'n') => visitor.visit_unit(),
            _ => visitor.visit_bytes(raw.as_bytes()),
        }
    }
}

/// Reads the names in an object.
pub(super) struct VerbatimKey;

impl Reading for VerbatimKey {
    type Key = VerbatimKey;

    fn leaf<'de, D: Deserializer<'de>, V: Visitor<'de>>(from: D, visitor: V) -> Result<V::Value, D::Error> {
        visitor.visit_string(from.deserialize_bytes(Text)?)
    }
}

/// Makes a text of the bytes of one, in which the halves of surrogate pairs stand as three bytes each.
struct Text;

impl Visitor<'_> for Text {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a string")
    }
    fn visit_bytes<E: Error>(self, mut bytes: &[u8]) -> Result<String, E> {
        // Each half takes three bytes more in the text than here.
        let halves = bytes.array_windows().filter(|pair| matches!(pair, [0xED, 0xA0..=0xBF])).count();
        let mut text = String::with_capacity(bytes.len() + 3 * halves);
        loop {
            let error = match std::str::from_utf8(bytes) {
                Ok(rest) => {
                    text.push_str(rest);
                    return Ok(text);
                }
                Err(error) => error,
            };
            let (before, after) = bytes.split_at(error.valid_up_to());
            text.push_str(std::str::from_utf8(before).unwrap_or_default());
            let [0xED, second @ 0xA0..=0xBF, third @ 0x80..=0xBF, rest @ ..] = after else {
                return Err(E::custom("not UTF-8"));
            };
            let unit = 0xD000 | u16::from(second & 0x3F) << 6 | u16::from(third & 0x3F);
            text.extend(lone_surrogate(unit));
            bytes = rest;
        }
    }
}
