//! Lists and maps of requests: they keep no more than their limit and count the rest, so that what a request makes the server hold
//! does not depend on how small its elements are.

use super::Map;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

/// A list of which at most `MAX` elements are kept, the first ones.
#[derive(Clone, Debug, PartialEq)]
pub struct List<T, const MAX: usize> {
    kept: Vec<T>,
    sent: usize,
}

impl<T, const MAX: usize> List<T, MAX> {
    /// How many elements were sent.
    pub fn sent(&self) -> usize {
        self.sent
    }

    /// All elements, or how many there were if some were not kept.
    ///
    /// # Errors
    /// The number of elements, which is more than `MAX`.
    pub fn all(self) -> Result<Vec<T>, usize> {
        if self.sent > MAX { Err(self.sent) } else { Ok(self.kept) }
    }
}

impl<T, const MAX: usize> Default for List<T, MAX> {
    fn default() -> Self {
        List { kept: Vec::new(), sent: 0 }
    }
}

/// What does not come out of a request is kept as it is.
impl<T, const MAX: usize> FromIterator<T> for List<T, MAX> {
    fn from_iter<I: IntoIterator<Item = T>>(elements: I) -> Self {
        let kept: Vec<T> = elements.into_iter().collect();
        List { sent: kept.len(), kept }
    }
}

/// What is kept.
impl<T, const MAX: usize> Deref for List<T, MAX> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.kept
    }
}

impl<T, const MAX: usize> DerefMut for List<T, MAX> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.kept
    }
}

impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for List<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Elements<T, const MAX: usize>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for Elements<T, MAX> {
            type Value = List<T, MAX>;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a list")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Self::Value, A::Error> {
                let mut kept = Vec::new();
                while kept.len() < MAX {
                    match from.next_element()? {
                        Some(element) => kept.push(element),
                        None => return Ok(List { sent: kept.len(), kept }),
                    }
                }
                let mut sent = kept.len();
                while from.next_element::<IgnoredAny>()?.is_some() {
                    sent += 1;
                }
                Ok(List { kept, sent })
            }
        }
        from.deserialize_seq(Elements(PhantomData))
    }
}

/// A map of which at most `MAX` names are kept, the first ones; of entries with the same name the last. Beyond the limit, names
/// that are sent again count again.
#[derive(Clone, Debug, PartialEq)]
pub struct Named<V, const MAX: usize> {
    kept: Map<V>,
    sent: usize,
}

impl<V, const MAX: usize> Named<V, MAX> {
    /// How many names were sent.
    pub fn sent(&self) -> usize {
        self.sent
    }
}

impl<V, const MAX: usize> Default for Named<V, MAX> {
    fn default() -> Self {
        Named { kept: Map::new(), sent: 0 }
    }
}

/// What does not come out of a request is kept as it is.
impl<V, const MAX: usize> From<Map<V>> for Named<V, MAX> {
    fn from(kept: Map<V>) -> Self {
        Named { sent: kept.len(), kept }
    }
}

/// What is kept.
impl<V, const MAX: usize> Deref for Named<V, MAX> {
    type Target = Map<V>;

    fn deref(&self) -> &Map<V> {
        &self.kept
    }
}

impl<'de, V: Deserialize<'de> + Default, const MAX: usize> Deserialize<'de> for Named<V, MAX> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Entries<V, const MAX: usize>(PhantomData<V>);

        impl<'de, V: Deserialize<'de> + Default, const MAX: usize> Visitor<'de> for Entries<V, MAX> {
            type Value = Named<V, MAX>;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a map")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Self::Value, A::Error> {
                let (mut kept, mut more) = (Map::new(), 0);
                while let Some(name) = from.next_key::<String>()? {
                    if kept.len() == MAX && !kept.contains_key(&name) {
                        from.next_value::<IgnoredAny>()?;
                        more += 1;
                    } else {
                        // `null` is no value (uncertain: in the place of any member it counts as absent).
                        kept.insert(name, from.next_value::<Option<V>>()?.unwrap_or_default());
                    }
                }
                Ok(Named { sent: kept.len() + more, kept })
            }
        }
        from.deserialize_map(Entries(PhantomData))
    }
}
