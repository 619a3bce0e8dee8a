//! CBOR (RFC 8949) for serde, straight from the bytes of a request.
//!
//! A declared length is only how much is still to come: nothing is allocated ahead of bytes that are there, and whatever is
//! read is counted against [`CBOR_DEPTH_MAX`]. Strings, arrays and maps come with their length or in pieces up to a break; tags
//! say nothing that a member of SQS does not say itself, and are passed over. A byte string is read only where a member is a
//! blob: serde's own readers of texts would take one for a text.

use super::json::JSON_DEPTH_MAX;
use super::strict::MEMBER;
use serde::de::value::Error as ReadError;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Unexpected, Visitor};
use serde::forward_to_deserialize_any;

/// Arrays and maps inside each other before a body is refused, as in JSON.
pub const CBOR_DEPTH_MAX: usize = JSON_DEPTH_MAX;

/// The text for a body that is not CBOR. AWS's is not recorded.
const SYNTAX: &str = "The request body is not well-formed CBOR.";

/// Major types: the upper three bits of an item's first byte.
pub(super) const UNSIGNED: u8 = 0;
pub(super) const NEGATIVE: u8 = 1;
pub(super) const BYTES: u8 = 2;
pub(super) const TEXT: u8 = 3;
pub(super) const ARRAY: u8 = 4;
pub(super) const MAP: u8 = 5;
const TAG: u8 = 6;
pub(super) const SIMPLE: u8 = 7;

/// Values of the major type [`SIMPLE`].
pub(super) const FALSE: u8 = 0xF4;
pub(super) const TRUE: u8 = 0xF5;
pub(super) const NULL: u8 = 0xF6;
const UNDEFINED: u8 = 0xF7;
const HALF: u8 = 0xF9;
const SINGLE: u8 = 0xFA;
pub(super) const DOUBLE: u8 = 0xFB;
/// Ends what has no declared length.
pub(super) const BREAK: u8 = 0xFF;

fn syntax() -> ReadError {
    ReadError::custom(SYNTAX)
}

/// The first bytes of an item.
struct Start {
    byte: u8,
    /// A number, a length, or the bits of a float; none for an item in pieces, and for a break.
    argument: Option<u64>,
}

impl Start {
    fn major(&self) -> u8 {
        self.byte >> 5
    }
}

/// What of a body is not read yet.
pub(super) struct Reader<'de> {
    rest: &'de [u8],
    depth_left: usize,
}

impl<'de> Reader<'de> {
    pub(super) fn new(bytes: &'de [u8]) -> Reader<'de> {
        Reader { rest: bytes, depth_left: CBOR_DEPTH_MAX }
    }

    /// The major type of the next item, behind its tags.
    pub(super) fn next_major(&mut self) -> Result<u8, ReadError> {
        loop {
            match self.rest.first().map(|byte| byte >> 5) {
                Some(TAG) if self.start()?.argument.is_none() => return Err(syntax()),
                Some(TAG) => {}
                Some(major) => return Ok(major),
                None => return Err(syntax()),
            }
        }
    }

    /// Refuses bytes behind the last item.
    pub(super) fn end(&self) -> Result<(), ReadError> {
        if self.rest.is_empty() { Ok(()) } else { Err(syntax()) }
    }

    fn start(&mut self) -> Result<Start, ReadError> {
        let byte = self.take(1)?[0];
        let argument = match byte & 0x1F {
            small @ 0..=23 => Some(u64::from(small)),
            size @ 24..=27 => {
                let bytes = self.take(1 << (size - 24))?;
                Some(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
            }
            31 => None,
            _ => return Err(syntax()),
        };
        Ok(Start { byte, argument })
    }

    fn take(&mut self, count: u64) -> Result<&'de [u8], ReadError> {
        let count = usize::try_from(count).map_err(|_| syntax())?;
        let (taken, rest) = self.rest.split_at_checked(count).ok_or_else(syntax)?;
        self.rest = rest;
        Ok(taken)
    }

    fn text(&mut self, length: u64) -> Result<&'de str, ReadError> {
        std::str::from_utf8(self.take(length)?).map_err(|_| syntax())
    }

    fn take_break(&mut self) -> bool {
        let found = self.rest.first() == Some(&BREAK);
        self.rest = &self.rest[usize::from(found)..];
        found
    }

    /// Gives the lengths of a string's pieces to what reads them, up to the break.
    fn pieces(
        &mut self,
        major: u8,
        mut each: impl FnMut(&mut Reader<'de>, u64) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        while !self.take_break() {
            let piece = self.start()?;
            let length = piece.argument.filter(|_| piece.major() == major).ok_or_else(syntax)?;
            each(self, length)?;
        }
        Ok(())
    }

    fn text_of_pieces(&mut self) -> Result<String, ReadError> {
        let mut text = String::new();
        self.pieces(TEXT, |reader, length| {
            text.push_str(reader.text(length)?);
            Ok(())
        })?;
        Ok(text)
    }

    /// Reads the elements of an array or the entries of a map, all of them.
    fn inside<T>(
        &mut self,
        count: Option<u64>,
        read: impl FnOnce(&mut Items<'_, 'de>) -> Result<T, ReadError>,
    ) -> Result<T, ReadError> {
        self.depth_left = self.depth_left.checked_sub(1).ok_or_else(syntax)?;
        let mut items = Items { reader: self, left: count };
        let value = read(&mut items)?;
        if items.another()? {
            return Err(ReadError::custom(MEMBER));
        }
        self.depth_left += 1;
        Ok(value)
    }

    /// Passes over an item.
    fn skip(&mut self) -> Result<(), ReadError> {
        self.next_major()?;
        let start = self.start()?;
        match (start.major(), start.argument) {
            (UNSIGNED | NEGATIVE | SIMPLE, Some(_)) => Ok(()),
            (BYTES, Some(length)) => self.take(length).map(drop),
            (TEXT, Some(length)) => self.text(length).map(drop),
            (BYTES, None) => self.pieces(BYTES, |reader, length| reader.take(length).map(drop)),
            (TEXT, None) => self.pieces(TEXT, |reader, length| reader.text(length).map(drop)),
            (major @ (ARRAY | MAP), count) => self.inside(count, |items| {
                while items.another()? {
                    if major == MAP {
                        items.reader.skip()?;
                    }
                    items.reader.skip()?;
                }
                Ok(())
            }),
            _ => Err(syntax()),
        }
    }

    /// Refuses what is not of this major type; `null` too, for a member that may be absent was asked for it before.
    fn must_be<V: Visitor<'de>>(&mut self, wanted: u8, visitor: &V) -> Result<(), ReadError> {
        match self.next_major()? {
            found if found == wanted => Ok(()),
            ARRAY => Err(ReadError::invalid_type(Unexpected::Seq, visitor)),
            MAP => Err(ReadError::invalid_type(Unexpected::Map, visitor)),
            _ => Err(ReadError::custom(MEMBER)),
        }
    }

    fn is_null(&mut self) -> Result<bool, ReadError> {
        self.next_major()?;
        Ok(matches!(self.rest.first(), Some(&(NULL | UNDEFINED))))
    }
}

/// The value of a half-precision float.
fn half(bits: u64) -> f64 {
    let fraction = (bits & 0x3FF) as f64;
    let magnitude = match bits >> 10 & 0x1F {
        0 => fraction * 2f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        exponent => (1024.0 + fraction) * 2f64.powi(exponent as i32 - 25),
    };
    if bits >> 15 == 0 { magnitude } else { -magnitude }
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = ReadError;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.next_major()?;
        let Start { byte, argument } = self.start()?;
        match (byte >> 5, argument) {
            (UNSIGNED, Some(number)) => visitor.visit_u64(number),
            (NEGATIVE, Some(number)) => match i64::try_from(number) {
                Ok(number) => visitor.visit_i64(-1 - number),
                Err(_) => visitor.visit_f64(-1.0 - number as f64),
            },
            (BYTES, _) => Err(ReadError::invalid_type(Unexpected::Bytes(&[]), &visitor)),
            (TEXT, Some(length)) => visitor.visit_borrowed_str(self.text(length)?),
            (TEXT, None) => visitor.visit_string(self.text_of_pieces()?),
            (ARRAY, count) => self.inside(count, |items| visitor.visit_seq(items)),
            (MAP, count) => self.inside(count, |items| visitor.visit_map(items)),
            (SIMPLE, Some(value)) => match byte {
                FALSE | TRUE => visitor.visit_bool(byte == TRUE),
                NULL | UNDEFINED => visitor.visit_unit(),
                HALF => visitor.visit_f64(half(value)),
                SINGLE => visitor.visit_f64(f32::from_bits(value as u32).into()),
                DOUBLE => visitor.visit_f64(f64::from_bits(value)),
                _ => Err(ReadError::custom(MEMBER)),
            },
            _ => Err(syntax()),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        if self.is_null()? {
            self.skip()?;
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    // Derived structs also read arrays, by position.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        self.deserialize_map(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.must_be(MAP, &visitor)?;
        self.deserialize_any(visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.must_be(ARRAY, &visitor)?;
        self.deserialize_any(visitor)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        if self.is_null()? {
            self.skip()?;
            return visitor.visit_unit();
        }
        self.must_be(BYTES, &visitor)?;
        let bytes = match self.start()?.argument {
            Some(length) => self.take(length)?.to_vec(),
            None => {
                let mut bytes = Vec::new();
                self.pieces(BYTES, |reader, length| {
                    bytes.extend_from_slice(reader.take(length)?);
                    Ok(())
                })?;
                bytes
            }
        };
        visitor.visit_byte_buf(bytes)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.skip()?;
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes unit unit_struct
        newtype_struct tuple tuple_struct enum identifier
    }
}

/// The elements of an array, or the entries of a map.
struct Items<'r, 'de> {
    reader: &'r mut Reader<'de>,
    /// How many are to come; none if a break ends them.
    left: Option<u64>,
}

impl Items<'_, '_> {
    /// Whether another one follows; it is then to be read.
    fn another(&mut self) -> Result<bool, ReadError> {
        match &mut self.left {
            Some(0) => return Ok(false),
            Some(left) => *left -= 1,
            None if self.reader.take_break() => {
                self.left = Some(0);
                return Ok(false);
            }
            None => {}
        }
        Ok(true)
    }
}

impl<'de> SeqAccess<'de> for Items<'_, 'de> {
    type Error = ReadError;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, ReadError> {
        if self.another()? { seed.deserialize(&mut *self.reader).map(Some) } else { Ok(None) }
    }
}

impl<'de> MapAccess<'de> for Items<'_, 'de> {
    type Error = ReadError;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, ReadError> {
        if self.another()? { seed.deserialize(Key(self.reader)).map(Some) } else { Ok(None) }
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, ReadError> {
        seed.deserialize(&mut *self.reader)
    }
}

/// The name of a member or of a map's entry. Derived structs also know their members by number.
struct Key<'r, 'de>(&'r mut Reader<'de>);

impl<'de> Deserializer<'de> for Key<'_, 'de> {
    type Error = ReadError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        if self.0.next_major()? != TEXT {
            return Err(ReadError::custom(MEMBER));
        }
        self.0.deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}
