//! How many there have to be: a number, or from one to another.

use crate::control::refusal::shortened;
use serde::{Deserialize, Deserializer, de};
use serde_json::{Map, Value};
use std::fmt;

/// `3`, or `{"min": 1, "max": 5}` with one of them or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// At least so many.
    pub min: u64,
    /// At most so many.
    pub max: u64,
}

impl Bounds {
    /// Just so many.
    pub fn exactly(count: u64) -> Bounds {
        Bounds { min: count, max: count }
    }

    /// So many or more.
    pub fn at_least(count: u64) -> Bounds {
        Bounds { min: count, max: u64::MAX }
    }

    /// So many or fewer.
    pub fn at_most(count: u64) -> Bounds {
        Bounds { min: 0, max: count }
    }

    /// Whether it is so many.
    pub fn holds(self, count: u64) -> bool {
        (self.min..=self.max).contains(&count)
    }

    /// As it may be asked for.
    pub fn to_json(self) -> Value {
        if self.min == self.max {
            return self.min.into();
        }
        let mut members = Map::new();
        if self.min > 0 || self.max == u64::MAX {
            members.insert("min".to_owned(), self.min.into());
        }
        if self.max < u64::MAX {
            members.insert("max".to_owned(), self.max.into());
        }
        Value::Object(members)
    }

    /// Reads what [`Bounds::to_json`] gives, from the members of an object as far as they are its own.
    ///
    /// # Errors
    /// What would be right.
    pub fn of_json(value: &Value) -> Result<Bounds, String> {
        let wrong = || {
            let is = shortened(&value.to_string());
            format!("`{is}` is no count: a count is written as in 3, or {{\"min\": 1, \"max\": 5}}")
        };
        let bounds = match value {
            Value::Number(number) => Bounds::exactly(number.as_u64().ok_or_else(wrong)?),
            Value::Object(members) => {
                let bound = |name: &str, otherwise| match members.get(name) {
                    Some(bound) => bound.as_u64().ok_or_else(wrong),
                    None => Ok(otherwise),
                };
                if members.is_empty() || members.keys().any(|name| !matches!(name.as_str(), "min" | "max")) {
                    return Err(wrong());
                }
                Bounds { min: bound("min", 0)?, max: bound("max", u64::MAX)? }
            }
            _ => return Err(wrong()),
        };
        if bounds.min > bounds.max {
            return Err(format!("no count is at least {} and at most {}", bounds.min, bounds.max));
        }
        Ok(bounds)
    }
}

/// For people: `3`, `at least 3`, `at most 3`, `1 to 5`.
impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Bounds { min, max } if min == max => write!(f, "{min}"),
            Bounds { min, max: u64::MAX } => write!(f, "at least {min}"),
            Bounds { min: 0, max } => write!(f, "at most {max}"),
            Bounds { min, max } => write!(f, "{min} to {max}"),
        }
    }
}

impl<'de> Deserialize<'de> for Bounds {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Bounds, D::Error> {
        Bounds::of_json(&Value::deserialize(from)?).map_err(de::Error::custom)
    }
}

/// Bounds of what is counted since a position of the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BoundsSince {
    /// How many.
    pub bounds: Bounds,
    /// Behind this event; if not said, behind that of the whole condition.
    pub since: Option<u64>,
}

impl<'de> Deserialize<'de> for BoundsSince {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<BoundsSince, D::Error> {
        let mut value = Value::deserialize(from)?;
        let mut since = None;
        if let Value::Object(members) = &mut value
            && let Some(position) = members.remove("since")
        {
            let wrong = || de::Error::custom(format!("`{}` is no position", shortened(&position.to_string())));
            since = Some(position.as_u64().ok_or_else(wrong)?);
        }
        let bounds = Bounds::of_json(&value).map_err(de::Error::custom)?;
        Ok(BoundsSince { bounds, since })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn counts_are_read_and_shown() {
        for (value, words) in [
            (json!(3), "3"),
            (json!({"min": 3}), "at least 3"),
            (json!({"max": 3}), "at most 3"),
            (json!({"min": 1, "max": 5}), "1 to 5"),
            (json!({"min": 0}), "at least 0"),
        ] {
            let bounds = Bounds::of_json(&value).unwrap();
            assert_eq!((bounds.to_string().as_str(), bounds.to_json()), (words, value));
        }
        for wrong in
            [json!("3"), json!(-1), json!(1.5), json!({}), json!({"mn": 1}), json!({"min": 2, "max": 1}), json!([])]
        {
            assert!(Bounds::of_json(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_count_may_begin_at_a_position() {
        let read = |value| serde_json::from_value::<BoundsSince>(value).ok();
        assert_eq!(
            read(json!({"min": 3, "since": 812})),
            Some(BoundsSince { bounds: Bounds::at_least(3), since: Some(812) })
        );
        assert_eq!(read(json!({"since": 812})), None);
        assert_eq!(read(json!({"min": 3, "since": "x"})), None);
    }
}
