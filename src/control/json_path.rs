//! A path to values in JSON: `orderId`, `$.order.items[0].sku`, `$['a b']`, `items[*].sku`.

use super::refusal::shortened;
use serde::Deserialize;
use serde_json::Value;
use std::fmt;
use std::str::FromStr;

/// Bytes of a path.
const PATH_BYTES_MAX: usize = 512;

/// Values that one path may find.
const FOUND_MAX: usize = 10_000;

/// A dotted path, or JSONPath without filters, scripts, slices and `..`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct JsonPath {
    text: String,
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    /// The member with this name.
    Name(String),
    /// The element at this place; a negative one counts from the end.
    Index(i64),
    /// All members or elements.
    Each,
}

impl JsonPath {
    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The values that it leads to.
    pub fn find<'a>(&self, json: &'a Value) -> Vec<&'a Value> {
        let mut found = vec![json];
        for step in &self.steps {
            let next = found.into_iter().flat_map(|value| step.of(value));
            found = next.take(FOUND_MAX).collect();
        }
        found
    }
}

impl Step {
    fn of<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        match (self, value) {
            (Step::Name(name), Value::Object(members)) => members.get(name).into_iter().collect(),
            (Step::Index(index), Value::Array(elements)) => {
                let from_end = usize::try_from(index.unsigned_abs()).ok().and_then(|n| elements.len().checked_sub(n));
                let place = if *index < 0 { from_end } else { usize::try_from(*index).ok() };
                place.and_then(|place| elements.get(place)).into_iter().collect()
            }
            (Step::Each, Value::Array(elements)) => elements.iter().take(FOUND_MAX).collect(),
            (Step::Each, Value::Object(members)) => members.values().take(FOUND_MAX).collect(),
            _ => Vec::new(),
        }
    }
}

impl TryFrom<String> for JsonPath {
    type Error = String;

    fn try_from(text: String) -> Result<JsonPath, String> {
        text.parse()
    }
}

impl FromStr for JsonPath {
    type Err = String;

    fn from_str(text: &str) -> Result<JsonPath, String> {
        let wrong = || {
            format!(
                "`{}` is no path: a path is written as in orderId, $.order.items[0].sku, items[*].sku or $['a b']",
                shortened(text)
            )
        };
        if text.is_empty() || text.len() > PATH_BYTES_MAX {
            return Err(wrong());
        }
        let mut steps = Vec::new();
        // A plain path begins with a name; behind `$` each name has a dot before it.
        let (mut rest, mut name_may_follow) = match text.strip_prefix('$') {
            Some(rest) if rest.is_empty() || rest.starts_with(['.', '[']) => (rest, false),
            _ => (text, true),
        };
        while !rest.is_empty() {
            let (step, behind) = if let Some(inner) = rest.strip_prefix('[') {
                bracketed(inner)
            } else if let Some(inner) = rest.strip_prefix('.').filter(|_| !name_may_follow) {
                dotted(inner)
            } else if name_may_follow {
                dotted(rest)
            } else {
                None
            }
            .ok_or_else(wrong)?;
            steps.push(step);
            rest = behind;
            name_may_follow = false;
        }
        Ok(JsonPath { text: text.to_owned(), steps })
    }
}

/// A name up to the next dot or bracket, and what is behind it.
fn dotted(text: &str) -> Option<(Step, &str)> {
    let (name, behind) = text.split_at(text.find(['.', '[']).unwrap_or(text.len()));
    match name {
        "" => None,
        "*" => Some((Step::Each, behind)),
        name => Some((Step::Name(name.to_owned()), behind)),
    }
}

/// What stands in brackets, and what is behind them.
fn bracketed(text: &str) -> Option<(Step, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'));
    if let Some(quote) = quote {
        let (name, behind) = text[1..].split_once(quote)?;
        return Some((Step::Name(name.to_owned()), behind.strip_prefix(']')?));
    }
    let (inner, behind) = text.split_once(']')?;
    let step = if inner == "*" { Step::Each } else { Step::Index(inner.parse().ok()?) };
    Some((step, behind))
}

impl fmt::Display for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn paths_lead_to_values() {
        let json = json!({"a": {"b": [1, {"c d": 2}, 3]}, "$x": 4});
        for (path, found) in [
            ("$", vec![json.clone()]),
            ("a.b[0]", vec![json!(1)]),
            ("$.a.b[-1]", vec![json!(3)]),
            ("$['a']['b'][1][\"c d\"]", vec![json!(2)]),
            ("a.b[*]", vec![json!(1), json!({"c d": 2}), json!(3)]),
            ("*.b[0]", vec![json!(1)]),
            ("$x", vec![json!(4)]),
            ("a.b[7]", vec![]),
            ("a.b[-7]", vec![]),
            ("a.none.c", vec![]),
        ] {
            let found: Vec<&Value> = found.iter().collect();
            assert_eq!(path.parse::<JsonPath>().expect(path).find(&json), found, "{path}");
        }
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for path in ["", "$.", "a..b", "a[", "a[x]", "a['b]", "a['b'", "$..a", "a[?(@.b)]", "a.", "[1:2]"] {
            assert!(path.parse::<JsonPath>().is_err(), "{path}");
        }
        assert!("a".repeat(513).parse::<JsonPath>().is_err());
    }
}
