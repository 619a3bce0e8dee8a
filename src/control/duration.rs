//! Durations and moments as people write them: `15m`, `1h30m`, `PT15M`, seconds; `2026-01-01T00:00:00Z`, milliseconds.

use crate::engine::Time;
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Milliseconds of a hundred years: more is a mistake.
const SPAN_MS_MAX: u64 = 100 * 366 * 86_400_000;

/// A duration: `250ms`, `15m`, `1h30m`, `2d`, ISO 8601 as in `PT15M`, or a number of seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

impl Span {
    /// In milliseconds.
    pub fn as_ms(self) -> u64 {
        u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX)
    }
}

/// What a duration looks like, for errors.
const SPAN_HINT: &str = "a duration is written as in 250ms, 15m, 1h30m, PT15M, or as a number of seconds";

/// Milliseconds of a number with a unit; the number may have a fraction.
fn part(number: &str, unit: &str) -> Option<f64> {
    let ms = match unit {
        "ms" => 1.0,
        "s" | "sec" | "secs" | "second" | "seconds" | "" => 1_000.0,
        "m" | "min" | "mins" | "minute" | "minutes" => 60_000.0,
        "h" | "hour" | "hours" => 3_600_000.0,
        "d" | "day" | "days" => 86_400_000.0,
        "w" | "week" | "weeks" => 7.0 * 86_400_000.0,
        _ => return None,
    };
    let plain = number.bytes().all(|b| b.is_ascii_digit() || b == b'.') && number.bytes().any(|b| b.is_ascii_digit());
    plain.then(|| number.parse::<f64>().ok()).flatten().map(|number| number * ms)
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Span, String> {
        let wrong = || format!("`{}` is no duration: {SPAN_HINT}", text.chars().take(40).collect::<String>());
        let mut rest = text.trim().to_ascii_lowercase();
        if let Some(iso) = rest.strip_prefix('p') {
            // Days before the T, hours, minutes and seconds behind it.
            rest = iso.replacen('t', "", 1);
        }
        let mut total = 0.0;
        let mut left = rest.as_str();
        if left.is_empty() {
            return Err(wrong());
        }
        while !left.is_empty() {
            let number = left.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(left.len());
            let (digits, behind) = left.split_at(number);
            let unit = behind.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(behind.len());
            let (unit, behind) = behind.split_at(unit);
            // A number without a unit stands alone.
            if unit.is_empty() && left.len() != rest.len() {
                return Err(wrong());
            }
            total += part(digits, unit).ok_or_else(wrong)?;
            left = behind.trim_start();
        }
        Span::of_ms(total).ok_or_else(wrong)
    }
}

impl Span {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it was checked to be in range")]
    fn of_ms(ms: f64) -> Option<Span> {
        let fits = ms.is_finite() && (0.0..=SPAN_MS_MAX as f64).contains(&ms);
        fits.then(|| Span(Duration::from_millis(ms.round() as u64)))
    }
}

/// For people: the two largest units, as in `1h 30m`, `2.1s` or `250ms`.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.as_ms();
        let two = |f: &mut fmt::Formatter<'_>, large: u64, unit: &str, small: u64, below: &str| match small {
            0 => write!(f, "{large}{unit}"),
            small => write!(f, "{large}{unit} {small}{below}"),
        };
        match ms {
            0..1_000 => write!(f, "{ms}ms"),
            1_000..60_000 if ms % 1_000 < 100 => write!(f, "{}s", ms / 1_000),
            1_000..60_000 => write!(f, "{}.{}s", ms / 1_000, ms % 1_000 / 100),
            60_000..3_600_000 => two(f, ms / 60_000, "m", ms % 60_000 / 1_000, "s"),
            3_600_000..86_400_000 => two(f, ms / 3_600_000, "h", ms % 3_600_000 / 60_000, "m"),
            _ => two(f, ms / 86_400_000, "d", ms % 86_400_000 / 3_600_000, "h"),
        }
    }
}

struct SpanVisitor;

impl Visitor<'_> for SpanVisitor {
    type Value = Span;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SPAN_HINT)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Span, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<Span, E> {
        self.visit_f64(seconds as f64)
    }

    fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<Span, E> {
        self.visit_f64(seconds as f64)
    }

    fn visit_f64<E: de::Error>(self, seconds: f64) -> Result<Span, E> {
        Span::of_ms(seconds * 1_000.0).ok_or_else(|| E::custom(format!("`{seconds}` is no duration: {SPAN_HINT}")))
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Span, D::Error> {
        from.deserialize_any(SpanVisitor)
    }
}

/// A moment: RFC 3339 in UTC or with an offset, or milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub Time);

const MOMENT_HINT: &str = "a moment is written as in 2026-01-01T00:00:00Z, or in milliseconds since 1970";

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Moment, String> {
        let text = text.trim();
        let wrong = || format!("`{}` is no moment: {MOMENT_HINT}", text.chars().take(40).collect::<String>());
        if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
            return text.parse().map(|ms| Moment(Time(ms))).map_err(|_| wrong());
        }
        rfc3339(text).map(Moment).ok_or_else(wrong)
    }
}

fn rfc3339(text: &str) -> Option<Time> {
    let (date, rest) = text.split_at_checked(10)?;
    let time = rest.strip_prefix(['T', 't', ' '])?;
    let mut date = date.split('-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let zone = time.find(['Z', 'z', '+', '-'])?;
    let (clock, zone) = time.split_at(zone);
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let mut clock = clock.split(':').map(|part| part.parse::<i64>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next().unwrap_or(Some(0))?);
    let digits = fraction.bytes().all(|b| b.is_ascii_digit()) && !fraction.is_empty();
    let fits = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=days_of(year, month)).contains(&day)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..=60).contains(&second)
        && digits;
    if !fits {
        return None;
    }
    let ms: i64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    let offset_minutes = match zone.split_at_checked(1)? {
        ("Z" | "z", "") => 0,
        (sign, offset) => {
            let (hours, minutes) = offset.split_once(':')?;
            let minutes = hours.parse::<u8>().ok().map(i64::from)? * 60 + minutes.parse::<u8>().ok().map(i64::from)?;
            if sign == "-" { -minutes } else { minutes }
        }
    };
    // Counted from 1 March of the year 0, so that a leap day is the last of its year.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468;
    let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second - offset_minutes * 60;
    u64::try_from(seconds * 1_000 + ms).ok().map(Time)
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

struct MomentVisitor;

impl Visitor<'_> for MomentVisitor {
    type Value = Moment;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MOMENT_HINT)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Moment, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, ms: u64) -> Result<Moment, E> {
        Ok(Moment(Time(ms)))
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Moment, D::Error> {
        from.deserialize_any(MomentVisitor)
    }
}

/// A moment in RFC 3339 with milliseconds, for answers.
pub fn shown(time: Time) -> String {
    let seconds = time.to_string();
    format!("{}.{:03}Z", seconds.trim_end_matches('Z'), time.as_ms() % 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, ms) in [
            ("250ms", 250),
            ("15m", 900_000),
            ("1h30m", 5_400_000),
            ("1h 30m", 5_400_000),
            ("PT15M", 900_000),
            ("P1DT2H", 93_600_000),
            ("1.5s", 1_500),
            ("30", 30_000),
            ("0", 0),
        ] {
            assert_eq!(text.parse::<Span>().map(Span::as_ms), Ok(ms), "{text}");
        }
        for text in ["", "soon", "-5s", "1h30", "5 parsecs", "1e9d", "..s", "P", "9999999999999d"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
        assert_eq!(serde_json::from_str::<Span>("1.5").map(Span::as_ms).ok(), Some(1_500));
        assert!(serde_json::from_str::<Span>("-1").is_err() && serde_json::from_str::<Span>("true").is_err());
    }

    #[test]
    fn durations_are_shown_short() {
        for (ms, text) in [
            (0, "0ms"),
            (250, "250ms"),
            (2_100, "2.1s"),
            (900_000, "15m"),
            (5_430_000, "1h 30m"),
            (90_000_000, "1d 1h"),
        ] {
            assert_eq!(Span(Duration::from_millis(ms)).to_string(), text);
        }
    }

    #[test]
    fn moments_are_read_and_shown() {
        for text in ["2026-11-21T22:22:23.500Z", "2026-11-21T23:22:23.5+01:00", "1795299743500"] {
            assert_eq!(text.parse::<Moment>().map(|moment| shown(moment.0)), Ok("2026-11-21T22:22:23.500Z".to_owned()));
        }
        assert_eq!(
            "2024-02-29T00:00:00Z".parse::<Moment>().map(|m| m.0.to_string()),
            Ok("2024-02-29T00:00:00Z".to_owned())
        );
        for text in ["", "now", "2026-02-29T00:00:00Z", "2026-01-01", "2026-01-01T24:00:00Z", "2026-01-01T00:00:00"] {
            assert!(text.parse::<Moment>().is_err(), "{text}");
        }
    }
}
