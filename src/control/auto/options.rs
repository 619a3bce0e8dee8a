//! How auto-advance is asked for: in JSON, in a query string, and from Rust.

use crate::broker::Broker;
use crate::control::duration::{Moment, Span};
use crate::control::refusal::{Refusal, nearest, shortened};
use crate::engine::Time;
use serde::de::{self, MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// The real time without a request that is quiet, unless said otherwise.
pub const SETTLE_DEFAULT: Duration = Duration::from_millis(100);
/// More than this is no quiet but a standstill.
pub const SETTLE_MAX: Duration = Duration::from_secs(5);
/// Jumps after which auto-advance stops, unless said otherwise.
pub const JUMPS_MAX_DEFAULT: u64 = 1_000;
/// More jumps than these are not to be had.
pub const JUMPS_MAX: u64 = 1_000_000;
/// Queues whose consumers are declared.
pub const CONSUMERS_MAX: usize = 1_000;

/// How auto-advance goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AutoOptions {
    /// For so long, in real time, no request may have begun or ended before the clock jumps.
    pub settle: Duration,
    /// The clock jumps no further than here.
    pub until: Option<Time>,
    /// After so many jumps it stops.
    pub max_jumps: u64,
    /// How many receives a queue's consumers park when none of them works on a message, by the name of the queue. The visibility
    /// timeouts of its messages may then be jumped over.
    pub consumers: BTreeMap<String, u64>,
}

impl Default for AutoOptions {
    fn default() -> AutoOptions {
        let (settle, max_jumps) = (SETTLE_DEFAULT, JUMPS_MAX_DEFAULT);
        AutoOptions { settle, until: None, max_jumps, consumers: BTreeMap::new() }
    }
}

/// Auto-advance as a request asks for it: `true`, or an object with the options that are not as usual.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AutoWanted {
    /// `false` asks for none.
    pub on: bool,
    /// `settle`.
    pub settle: Option<Span>,
    /// `until`: a moment, or a duration from now on.
    pub until: Option<Until>,
    /// `maxJumps`.
    pub max_jumps: Option<u64>,
    /// `consumers`.
    pub consumers: Option<Consumers>,
}

/// A moment, or a duration from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// A moment.
    At(Time),
    /// So much later than now.
    In(Duration),
}

/// A number for each of several queues.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Consumers(pub BTreeMap<String, u64>);

impl AutoWanted {
    /// The options, checked.
    ///
    /// # Errors
    /// 400 for what is out of bounds, 404 for a queue that is not there.
    pub fn options(&self, broker: &Broker) -> Result<AutoOptions, Refusal> {
        let mut options = AutoOptions::default();
        if let Some(settle) = self.settle {
            if settle.0 > SETTLE_MAX {
                return Err(Refusal::new(400, format!("settle is {settle}"), format!("at most {}", Span(SETTLE_MAX))));
            }
            options.settle = settle.0;
        }
        if let Some(jumps) = self.max_jumps {
            if !(1..=JUMPS_MAX).contains(&jumps) {
                return Err(Refusal::new(400, format!("maxJumps is {jumps}"), format!("1 to {JUMPS_MAX}")));
            }
            options.max_jumps = jumps;
        }
        options.until = self.until.map(|until| until.moment(broker.clock().now()));
        if let Some(Consumers(consumers)) = &self.consumers {
            check_consumers(consumers, broker)?;
            options.consumers.clone_from(consumers);
        }
        Ok(options)
    }
}

fn check_consumers(consumers: &BTreeMap<String, u64>, broker: &Broker) -> Result<(), Refusal> {
    if consumers.len() > CONSUMERS_MAX {
        return Err(Refusal::new(400, "too many queues in consumers", format!("at most {CONSUMERS_MAX}")));
    }
    let queues = broker.namespace().all();
    for (name, count) in consumers {
        if *count == 0 {
            let hint = "say how many receives are parked when no consumer works on a message, or leave the queue out";
            return Err(Refusal::new(400, format!("consumers of `{}` is 0", shortened(name)), hint));
        }
        if !queues.iter().any(|queue| *queue.name == **name) {
            let near = nearest(name, queues.iter().map(|queue| &*queue.name));
            let hint = near.map(|near| format!("did you mean `{near}`?")).unwrap_or_default();
            return Err(Refusal::new(404, format!("there is no queue `{}`", shortened(name)), hint));
        }
    }
    Ok(())
}

impl Until {
    /// The moment that it stands for.
    pub fn moment(self, now: Time) -> Time {
        match self {
            Until::At(at) => at,
            Until::In(span) => now.plus_ms(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)),
        }
    }
}

struct UntilVisitor;

impl Visitor<'_> for UntilVisitor {
    type Value = Until;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a moment as in 2026-01-01T00:00:00Z or in milliseconds since 1970, or a duration as in 15m")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Until, E> {
        let moment = text.parse::<Moment>().map(|moment| Until::At(moment.0));
        let until = moment.or_else(|_| text.parse::<Span>().map(|span| Until::In(span.0)));
        until.map_err(|_| E::invalid_value(de::Unexpected::Str(&shortened(text)), &self))
    }

    fn visit_u64<E: de::Error>(self, ms: u64) -> Result<Until, E> {
        Ok(Until::At(Time(ms)))
    }
}

impl<'de> Deserialize<'de> for Until {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Until, D::Error> {
        from.deserialize_any(UntilVisitor)
    }
}

/// In a query string the dot of `orders.fifo` makes an object inside; it is put together again.
impl<'de> Deserialize<'de> for Consumers {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Consumers, D::Error> {
        fn flatten<E: de::Error>(name: String, value: &Value, into: &mut BTreeMap<String, u64>) -> Result<(), E> {
            match value {
                Value::Object(inner) if !name.is_empty() => {
                    inner.iter().try_for_each(|(part, value)| flatten(format!("{name}.{part}"), value, into))
                }
                Value::Object(inner) => inner.iter().try_for_each(|(part, value)| flatten(part.clone(), value, into)),
                _ => {
                    let count = value.as_u64().ok_or_else(|| {
                        let expected =
                            "consumers names queues, each with the number of receives that its consumers park";
                        E::custom(format!("{expected}, as in {{\"orders\": 1}}"))
                    })?;
                    into.insert(name, count);
                    Ok(())
                }
            }
        }
        let mut consumers = BTreeMap::new();
        flatten(String::new(), &Value::deserialize(from)?, &mut consumers)?;
        Ok(Consumers(consumers))
    }
}

/// The members of an object that asks for auto-advance.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
#[derive(Default)]
struct Members {
    settle: Option<Span>,
    until: Option<Until>,
    max_jumps: Option<u64>,
    consumers: Option<Consumers>,
}

struct AutoVisitor;

impl<'de> Visitor<'de> for AutoVisitor {
    type Value = AutoWanted;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true, or an object with settle, until, maxJumps and consumers")
    }

    fn visit_bool<E: de::Error>(self, on: bool) -> Result<AutoWanted, E> {
        Ok(AutoWanted { on, ..AutoWanted::default() })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<AutoWanted, A::Error> {
        let Members { settle, until, max_jumps, consumers } = Members::deserialize(MapAccessDeserializer::new(map))?;
        Ok(AutoWanted { on: true, settle, until, max_jumps, consumers })
    }
}

impl<'de> Deserialize<'de> for AutoWanted {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<AutoWanted, D::Error> {
        from.deserialize_any(AutoVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(value: Value) -> Result<AutoWanted, String> {
        serde_json::from_value(value).map_err(|error| error.to_string())
    }

    #[test]
    fn auto_is_true_or_an_object() {
        assert!(read(json!(true)).unwrap().on && read(json!({})).unwrap().on && !read(json!(false)).unwrap().on);
        let wanted =
            read(json!({"settle": "50ms", "until": "15m", "maxJumps": 3, "consumers": {"orders": 1}})).unwrap();
        assert_eq!(wanted.settle.map(Span::as_ms), Some(50));
        assert_eq!(wanted.until, Some(Until::In(Duration::from_secs(900))));
        assert_eq!(wanted.consumers.unwrap().0, BTreeMap::from([("orders".to_owned(), 1)]));
        assert!(read(json!({"setle": 1})).unwrap_err().contains("unknown field `setle`"));
        assert!(read(json!("yes")).unwrap_err().contains("true, or an object"));
        assert!(read(json!({"consumers": {"orders": "x"}})).unwrap_err().contains("as in {\"orders\": 1}"));
    }

    #[test]
    fn a_queue_with_a_dot_in_its_name_survives_a_query_string() {
        let members = crate::control::call::members_of_query("consumers.orders.fifo=2&consumers.orders=1");
        let consumers: Consumers = serde_json::from_value(members["consumers"].clone()).unwrap();
        assert_eq!(consumers.0, BTreeMap::from([("orders".to_owned(), 1)]), "the last one counts");
        let members = crate::control::call::members_of_query("consumers.orders.fifo=2&consumers.other=1");
        let consumers: Consumers = serde_json::from_value(members["consumers"].clone()).unwrap();
        assert_eq!(consumers.0, BTreeMap::from([("orders.fifo".to_owned(), 2), ("other".to_owned(), 1)]));
    }

    #[test]
    fn until_is_a_moment_or_a_duration() {
        let now = Time(1_000);
        let read = |value: Value| serde_json::from_value::<Until>(value).map(|until| until.moment(now).as_ms());
        assert_eq!(read(json!("2s")).ok(), Some(3_000));
        assert_eq!(read(json!(5_000)).ok(), Some(5_000));
        assert_eq!(read(json!("1970-01-01T00:00:07Z")).ok(), Some(7_000));
        assert!(read(json!("soon")).is_err());
    }
}
