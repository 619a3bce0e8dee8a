//! A stricter JSON reader around serde_json's: a list is no struct, and what is skipped keeps to the depth limit.
//!
//! Derived structs also read lists, by position, and serde_json skips unknown members without counting how deep they
//! go. Both are more than SQS takes. All other kinds of values go through as they come, unless a [`Reading`] says
//! otherwise; the wrapper costs nothing at run time.

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;
use std::fmt;
use std::marker::PhantomData;

/// The text for wrong members that AWS's reader has no recorded text for.
pub(super) const MEMBER: &str = "The request has a member of the wrong type, or one member twice.";

/// How what is neither a list nor a map is read.
pub(super) trait Reading {
    /// How the names in an object are read.
    type Key: Reading;

    /// Reads a text, a number, a boolean or `null`.
    fn leaf<'de, D: Deserializer<'de>, V: Visitor<'de>>(from: D, visitor: V) -> Result<V::Value, D::Error>;
}

/// As the JSON reader gives it.
pub(super) struct Plain;

impl Reading for Plain {
    type Key = Plain;

    fn leaf<'de, D: Deserializer<'de>, V: Visitor<'de>>(from: D, visitor: V) -> Result<V::Value, D::Error> {
        from.deserialize_any(visitor)
    }
}

/// Wraps a deserializer, and everything it hands out.
pub(super) struct Strict<T, R = Plain>(T, PhantomData<R>);

impl<T, R> Strict<T, R> {
    pub(super) fn new(of: T) -> Strict<T, R> {
        Strict(of, PhantomData)
    }
}

impl<'de, D: Deserializer<'de>, R: Reading> Deserializer<'de> for Strict<D, R> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        R::leaf(self.0, visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_option(Strict::<V, R>::new(visitor))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.deserialize_map(visitor)
    }

    // Not by `deserialize_map` and `deserialize_seq` of the reader inside: what they say of a text in the place of a
    // map quotes all of it, and a body that is nothing else would become many times as long.
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_any(Object::<V, R>(visitor, PhantomData))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_any(Strict::<V, R>::new(visitor))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        R::leaf(self.0, Skip)?;
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        newtype_struct tuple tuple_struct enum identifier
    }
}

/// What reads a map or a struct, and nothing else.
struct Object<V, R>(V, PhantomData<R>);

impl<'de, V: Visitor<'de>, R: Reading> Visitor<'de> for Object<V, R> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.0.expecting(f)
    }
    fn visit_str<E: Error>(self, _: &str) -> Result<V::Value, E> {
        Err(E::custom(MEMBER))
    }
    fn visit_map<A: MapAccess<'de>>(self, from: A) -> Result<V::Value, A::Error> {
        self.0.visit_map(Strict::<A, R>::new(from))
    }
}

/// What reads a list, or a value that may be absent.
impl<'de, V: Visitor<'de>, R: Reading> Visitor<'de> for Strict<V, R> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.0.expecting(f)
    }
    fn visit_str<E: Error>(self, _: &str) -> Result<V::Value, E> {
        Err(E::custom(MEMBER))
    }
    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.0.visit_none()
    }
    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<V::Value, D::Error> {
        self.0.visit_some(Strict::<D, R>::new(from))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, from: A) -> Result<V::Value, A::Error> {
        self.0.visit_seq(Strict::<A, R>::new(from))
    }
}

impl<'de, A: SeqAccess<'de>, R: Reading> SeqAccess<'de> for Strict<A, R> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.0.next_element_seed(Strict::<S, R>::new(seed))
    }
}

impl<'de, A: MapAccess<'de>, R: Reading> MapAccess<'de> for Strict<A, R> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.0.next_key_seed(Strict::<S, R::Key>::new(seed))
    }
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.0.next_value_seed(Strict::<S, R>::new(seed))
    }
}

impl<'de, S: DeserializeSeed<'de>, R: Reading> DeserializeSeed<'de> for Strict<S, R> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<S::Value, D::Error> {
        self.0.deserialize(Strict::<D, R>::new(from))
    }
}

/// Reads any value to its end and forgets it.
struct Skip;

impl<'de> Visitor<'de> for Skip {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("anything")
    }
    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
    /// A number as it was written, on a second reading.
    fn visit_bytes<E: Error>(self, _: &[u8]) -> Result<(), E> {
        Ok(())
    }
    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<(), A::Error> {
        while from.next_element_seed(Skip)?.is_some() {}
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<(), A::Error> {
        while from.next_key_seed(Skip)?.is_some() {
            from.next_value_seed(Skip)?;
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Skip {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(Skip)
    }
}
