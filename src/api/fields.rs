//! How single members are read: texts, numbers and blobs, with the leniency and the error texts of SQS's own JSON reader.
//!
//! The texts for wrong types are those reported for AWS's deserializer; the JSON reader's own position is cut off by `wire`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor};
use serde::{Deserialize, Serializer};
use std::fmt;

/// An object stands where a text or number should.
const STRUCTURE: &str = "Start of structure or map found where not expected.";
/// A list stands where a text or number should.
const LIST: &str = "Start of list found where not expected";

fn boolean_token(value: bool) -> &'static str {
    if value { "TRUE_VALUE" } else { "FALSE_VALUE" }
}

/// A list stands where the value of a queue attribute should.
const LIST_IN_MAP: &str = "Unrecognized collection type class java.lang.String";

/// The error of a text member that finds a number with a fraction, an exponent or too many digits. A reader that tries again has to give such
/// numbers as the bytes of what was sent.
pub const NUMBER_AS_WRITTEN: &str = "a number is wanted as it was written";

struct TextVisitor {
    lenient: bool,
    /// The text for a list in its place.
    list: &'static str,
}

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Option<String>;
    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a string")
    }
    fn visit_str<E: de::Error>(self, v: &str) -> Result<Self::Value, E> {
        Ok(Some(v.to_owned()))
    }
    fn visit_string<E: de::Error>(self, v: String) -> Result<Self::Value, E> {
        Ok(Some(v))
    }
    fn visit_bool<E: de::Error>(self, v: bool) -> Result<Self::Value, E> {
        if self.lenient {
            return Ok(Some(v.to_string()));
        }
        Err(E::custom(format_args!("{} can not be converted to a String", boolean_token(v))))
    }
    fn visit_i64<E: de::Error>(self, v: i64) -> Result<Self::Value, E> {
        self.number(v)
    }
    fn visit_u64<E: de::Error>(self, v: u64) -> Result<Self::Value, E> {
        self.number(v)
    }
    fn visit_f64<E: de::Error>(self, v: f64) -> Result<Self::Value, E> {
        // The digits that were sent cannot be told from the number.
        if self.lenient { Err(E::custom(NUMBER_AS_WRITTEN)) } else { self.number(v) }
    }
    fn visit_bytes<E: de::Error>(self, v: &[u8]) -> Result<Self::Value, E> {
        self.number(String::from_utf8_lossy(v))
    }
    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_none<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_any(self)
    }
    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
        Err(de::Error::custom(STRUCTURE))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
        Err(de::Error::custom(self.list))
    }
}

impl TextVisitor {
    fn number<E: de::Error>(self, v: impl fmt::Display) -> Result<Option<String>, E> {
        if self.lenient {
            return Ok(Some(v.to_string()));
        }
        Err(E::custom("NUMBER_VALUE can not be converted to a String"))
    }
}

/// A text member; `null` counts as absent.
pub fn text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    from.deserialize_any(TextVisitor { lenient: false, list: LIST })
}

/// A text member that SQS also takes as a number or boolean (message body, batch entry id, queue attribute values).
pub fn lenient_text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    from.deserialize_any(TextVisitor { lenient: true, list: LIST })
}

/// A text inside a list or map, read leniently; `null` is an absent value.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct CoercedString(pub Option<String>);

impl<'de> Deserialize<'de> for CoercedString {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(TextVisitor { lenient: true, list: LIST_IN_MAP }).map(CoercedString)
    }
}

/// An integer member; a numeric text is taken too (reported for AWS, and how the Query protocol sends all numbers).
pub fn integer<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    struct Integer;
    impl<'de> Visitor<'de> for Integer {
        type Value = Option<i64>;
        fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
            f.write_str("an integer")
        }
        fn visit_i64<E: de::Error>(self, v: i64) -> Result<Self::Value, E> {
            Ok(Some(v))
        }
        fn visit_u64<E: de::Error>(self, v: u64) -> Result<Self::Value, E> {
            Ok(Some(i64::try_from(v).unwrap_or(i64::MAX)))
        }
        fn visit_f64<E: de::Error>(self, v: f64) -> Result<Self::Value, E> {
            // Uncertain: what AWS does with a fraction. Its reader converts numbers, so the fraction is cut off.
            Ok(Some(v as i64))
        }
        fn visit_bytes<E: de::Error>(self, v: &[u8]) -> Result<Self::Value, E> {
            let number = std::str::from_utf8(v).unwrap_or_default();
            match number.parse() {
                Ok(whole) => Ok(Some(whole)),
                Err(_) => self.visit_f64(number.parse().unwrap_or_default()),
            }
        }
        fn visit_str<E: de::Error>(self, v: &str) -> Result<Self::Value, E> {
            v.trim().parse().map(Some).map_err(|_| E::custom("STRING_VALUE can not be converted to an Integer"))
        }
        fn visit_bool<E: de::Error>(self, v: bool) -> Result<Self::Value, E> {
            Err(E::custom(format_args!("{} can not be converted to an Integer", boolean_token(v))))
        }
        fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }
        fn visit_none<E: de::Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }
        fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
            from.deserialize_any(self)
        }
        fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
            Err(de::Error::custom(STRUCTURE))
        }
        fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
            Err(de::Error::custom(LIST))
        }
    }
    from.deserialize_any(Integer)
}

/// A blob member: bytes where the protocol has them, else base64 text.
pub fn blob<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<u8>>, D::Error> {
    struct Bytes;
    impl<'de> Visitor<'de> for Bytes {
        type Value = Option<Vec<u8>>;
        fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
            f.write_str("a byte string")
        }
        fn visit_byte_buf<E: de::Error>(self, v: Vec<u8>) -> Result<Self::Value, E> {
            Ok(Some(v))
        }
        fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }
    }
    if !from.is_human_readable() {
        return from.deserialize_byte_buf(Bytes);
    }
    struct Blob;
    impl<'de> Visitor<'de> for Blob {
        type Value = Option<Vec<u8>>;
        fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
            f.write_str("a string")
        }
        fn visit_str<E: de::Error>(self, v: &str) -> Result<Self::Value, E> {
            STANDARD.decode(v.trim_end()).map(Some).map_err(|_| E::custom("Unable to base64 decode the value"))
        }
        fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }
        fn visit_bytes<E: de::Error>(self, _: &[u8]) -> Result<Self::Value, E> {
            Err(de::Error::invalid_type(Unexpected::Float(0.0), &self))
        }
    }
    from.deserialize_any(Blob)
}

/// Writes a blob member, as bytes where the protocol has them.
pub fn write_blob<S: Serializer>(blob: &Option<Vec<u8>>, to: S) -> Result<S::Ok, S::Error> {
    match blob {
        Some(bytes) if !to.is_human_readable() => to.serialize_bytes(bytes),
        Some(bytes) => to.serialize_str(&STANDARD.encode(bytes)),
        None => to.serialize_none(),
    }
}

/// A list of which only the number of elements matters (the reserved list values of message attributes).
pub fn count<'de, D: Deserializer<'de>>(from: D) -> Result<usize, D::Error> {
    Ok(Option::<Vec<IgnoredAny>>::deserialize(from)?.map_or(0, |list| list.len()))
}
