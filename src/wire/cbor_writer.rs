//! A serde Serializer that writes CBOR (RFC 8949) straight into the reply: lengths as they are known beforehand, numbers as
//! short as they go.

use super::cbor_reader::{ARRAY, BREAK, BYTES, DOUBLE, FALSE, MAP, NEGATIVE, NULL, TEXT, TRUE, UNSIGNED};
use serde::ser::{Error as _, Impossible, Serialize, SerializeMap, SerializeSeq, SerializeStruct, Serializer};

/// Never met: SQS answers hold nothing that cannot be written.
type WriteError = serde::de::value::Error;

/// Writes one item at the end of a buffer.
pub(super) struct Writer<'o>(pub(super) &'o mut Vec<u8>);

impl<'o> Writer<'o> {
    /// The first bytes of an item: its major type, and a number or a length.
    fn start(&mut self, major: u8, argument: u64) {
        let major = major << 5;
        let [.., c2, c1, b1, a1] = argument.to_be_bytes();
        match argument {
            0..=23 => self.0.push(major | a1),
            24..=0xFF => self.0.extend([major | 24, a1]),
            0x100..=0xFFFF => self.0.extend([major | 25, b1, a1]),
            0x1_0000..=0xFFFF_FFFF => self.0.extend([major | 26, c2, c1, b1, a1]),
            _ => {
                self.0.push(major | 27);
                self.0.extend(argument.to_be_bytes());
            }
        }
    }

    fn integer(mut self, v: i64) -> Result<(), WriteError> {
        match u64::try_from(v) {
            Ok(v) => self.start(UNSIGNED, v),
            Err(_) => self.start(NEGATIVE, !v as u64),
        }
        Ok(())
    }

    /// The members of a list or map; without their number they end with a break.
    fn members(mut self, major: u8, count: Option<usize>) -> Result<Members<'o>, WriteError> {
        match count {
            Some(count) => self.start(major, count as u64),
            None => self.0.push(major << 5 | 31),
        }
        Ok(Members { to: self.0, ends_with_break: count.is_none() })
    }
}

fn unwritable<T>() -> Result<T, WriteError> {
    Err(WriteError::custom("no answer of SQS holds a value of this kind"))
}

macro_rules! integers {
    ($($method:ident: $type:ty),*) => {$(
        fn $method(self, v: $type) -> Result<(), WriteError> { self.integer(v.into()) }
    )*};
}

impl<'o> Serializer for Writer<'o> {
    type Ok = ();
    type Error = WriteError;
    type SerializeSeq = Members<'o>;
    type SerializeTuple = Impossible<(), WriteError>;
    type SerializeTupleStruct = Impossible<(), WriteError>;
    type SerializeTupleVariant = Impossible<(), WriteError>;
    type SerializeMap = Members<'o>;
    type SerializeStruct = Members<'o>;
    type SerializeStructVariant = Impossible<(), WriteError>;

    fn is_human_readable(&self) -> bool {
        false
    }

    integers! {
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32
    }

    fn serialize_u64(mut self, v: u64) -> Result<(), WriteError> {
        self.start(UNSIGNED, v);
        Ok(())
    }
    fn serialize_bool(self, v: bool) -> Result<(), WriteError> {
        self.0.push(if v { TRUE } else { FALSE });
        Ok(())
    }
    fn serialize_f32(self, v: f32) -> Result<(), WriteError> {
        self.serialize_f64(v.into())
    }
    fn serialize_f64(self, v: f64) -> Result<(), WriteError> {
        self.0.push(DOUBLE);
        self.0.extend(v.to_be_bytes());
        Ok(())
    }
    fn serialize_char(self, v: char) -> Result<(), WriteError> {
        self.serialize_str(v.encode_utf8(&mut [0; 4]))
    }
    fn serialize_str(mut self, v: &str) -> Result<(), WriteError> {
        self.start(TEXT, v.len() as u64);
        self.0.extend_from_slice(v.as_bytes());
        Ok(())
    }
    fn serialize_bytes(mut self, v: &[u8]) -> Result<(), WriteError> {
        self.start(BYTES, v.len() as u64);
        self.0.extend_from_slice(v);
        Ok(())
    }
    fn serialize_none(self) -> Result<(), WriteError> {
        self.serialize_unit()
    }
    fn serialize_some<T: ?Sized + Serialize>(self, v: &T) -> Result<(), WriteError> {
        v.serialize(self)
    }
    fn serialize_unit(self) -> Result<(), WriteError> {
        self.0.push(NULL);
        Ok(())
    }
    fn serialize_unit_struct(self, _: &'static str) -> Result<(), WriteError> {
        self.serialize_unit()
    }
    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), WriteError> {
        self.serialize_str(variant)
    }
    fn serialize_newtype_struct<T: ?Sized + Serialize>(self, _: &'static str, v: &T) -> Result<(), WriteError> {
        v.serialize(self)
    }
    fn serialize_newtype_variant<T: ?Sized + Serialize>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), WriteError> {
        unwritable()
    }
    fn serialize_seq(self, count: Option<usize>) -> Result<Members<'o>, WriteError> {
        self.members(ARRAY, count)
    }
    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, WriteError> {
        unwritable()
    }
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeTupleStruct, WriteError> {
        unwritable()
    }
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, WriteError> {
        unwritable()
    }
    fn serialize_map(self, count: Option<usize>) -> Result<Members<'o>, WriteError> {
        self.members(MAP, count)
    }
    fn serialize_struct(self, _: &'static str, count: usize) -> Result<Members<'o>, WriteError> {
        self.members(MAP, Some(count))
    }
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, WriteError> {
        unwritable()
    }
}

/// What follows the first bytes of a list or map.
pub(super) struct Members<'o> {
    to: &'o mut Vec<u8>,
    ends_with_break: bool,
}

impl Members<'_> {
    fn item<T: ?Sized + Serialize>(&mut self, v: &T) -> Result<(), WriteError> {
        v.serialize(Writer(self.to))
    }

    fn finish(self) -> Result<(), WriteError> {
        if self.ends_with_break {
            self.to.push(BREAK);
        }
        Ok(())
    }
}

impl SerializeSeq for Members<'_> {
    type Ok = ();
    type Error = WriteError;

    fn serialize_element<T: ?Sized + Serialize>(&mut self, v: &T) -> Result<(), WriteError> {
        self.item(v)
    }
    fn end(self) -> Result<(), WriteError> {
        self.finish()
    }
}

impl SerializeMap for Members<'_> {
    type Ok = ();
    type Error = WriteError;

    fn serialize_key<T: ?Sized + Serialize>(&mut self, key: &T) -> Result<(), WriteError> {
        self.item(key)
    }
    fn serialize_value<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), WriteError> {
        self.item(value)
    }
    fn end(self) -> Result<(), WriteError> {
        self.finish()
    }
}

impl SerializeStruct for Members<'_> {
    type Ok = ();
    type Error = WriteError;

    fn serialize_field<T: ?Sized + Serialize>(&mut self, member: &'static str, v: &T) -> Result<(), WriteError> {
        self.item(member)?;
        self.item(v)
    }
    fn end(self) -> Result<(), WriteError> {
        self.finish()
    }
}
