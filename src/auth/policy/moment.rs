//! Dates and times of policies: ISO 8601 as W3C's profile has it, or seconds since 1970.

const MS_PER_DAY: i64 = 86_400_000;

/// Reads a moment in milliseconds since 1970: `2026`, `2026-01-31`, `2026-01-31T12:00:00Z`, `2026-01-31T12:00+01:00`,
/// `1767225600`.
pub fn read(text: &str) -> Option<i64> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    // Four digits are a year.
    if digits(text) && text.len() != 4 {
        return text.parse::<i64>().ok()?.checked_mul(1000);
    }
    let (date, time) = match text.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let mut parts = date.split('-');
    let mut next = |length: usize| match parts.next() {
        Some(part) if part.len() == length && digits(part) => part.parse::<i64>().ok().map(Some),
        Some(_) => None,
        None => Some(None),
    };
    let (year, month, day) = (next(4)??, next(2)?, next(2)?);
    if parts.next().is_some() || time.is_some() && day.is_none() {
        return None;
    }
    let (month, day) = (month.unwrap_or(1), day.unwrap_or(1));
    if !(1..=12).contains(&month) || !(1..=days_in(year, month)).contains(&day) {
        return None;
    }
    let midnight = days_before(year, month, day) * MS_PER_DAY;
    Some(midnight + time.map_or(Some(0), time_of_day)?)
}

/// Milliseconds from midnight UTC: `12:00Z`, `12:00:00.5+01:00`.
fn time_of_day(text: &str) -> Option<i64> {
    let two = |text: &str, most: i64| {
        let number = text.parse::<i64>().ok().filter(|_| text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit()));
        number.filter(|number| *number <= most)
    };
    let minutes = |text: &str| text.split_once(':').and_then(|(h, m)| Some(two(h, 23)? * 60 + two(m, 59)?));
    let zone_at = text.find(['Z', '+', '-'])?;
    let (time, zone) = text.split_at(zone_at);
    let zone = match zone.split_at(1) {
        ("Z", "") => 0,
        ("+", offset) => minutes(offset)?,
        ("-", offset) => -minutes(offset)?,
        _ => return None,
    };
    let (hm, seconds) = time.split_at_checked(5)?;
    let mut ms = (minutes(hm)? - zone) * 60_000;
    if let Some(seconds) = seconds.strip_prefix(':') {
        let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
        if fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let three: String = fraction.chars().chain("00".chars()).take(3).collect();
        ms += two(whole, 60)? * 1000 + three.parse::<i64>().ok()?;
    } else if !seconds.is_empty() {
        return None;
    }
    Some(ms)
}

/// A moment as ISO 8601, to the second.
pub fn shown(ms: u64) -> String {
    let seconds = ms / 1000;
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    let (mut year, mut left) = (1970, i64::try_from(days).unwrap_or(i64::MAX).min(3_000_000));
    let length = |year| if is_leap(year) { 366 } else { 365 };
    // At most some thousand rounds.
    while left >= length(year) {
        left -= length(year);
        year += 1;
    }
    let mut month = 1;
    while left >= days_in(year, month) {
        left -= days_in(year, month);
        month += 1;
    }
    let (hours, minutes, seconds) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{:02}T{hours:02}:{minutes:02}:{seconds:02}Z", left + 1)
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a date.
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    // Leap days before a year.
    let leap_days = |year: i64| (year - 1).div_euclid(4) - (year - 1).div_euclid(100) + (year - 1).div_euclid(400);
    let years = (year - 1970) * 365 + leap_days(year) - leap_days(1970);
    years + (1..month).map(|month| days_in(year, month)).sum::<i64>() + day - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_as_policies_write_them() {
        for (text, ms) in [
            ("1970", 0),
            ("2026", 1_767_225_600_000),
            ("2026-01", 1_767_225_600_000),
            ("2026-01-01", 1_767_225_600_000),
            ("2026-01-01T00:00Z", 1_767_225_600_000),
            ("2026-01-01T01:00:00.5+01:00", 1_767_225_600_500),
            ("2025-12-31T23:30:00-00:30", 1_767_225_600_000),
            ("2000-02-29T00:00:00Z", 951_782_400_000),
            ("1969-12-31T23:59:59Z", -1000),
            ("1767225600", 1_767_225_600_000),
            ("0", 0),
        ] {
            assert_eq!(read(text), Some(ms), "{text}");
        }
        for text in [
            "",
            "2026-1",
            "2026-13",
            "2026-02-29",
            "2026-01-01T",
            "2026-01-01T00:00:00",
            "2026-01T00:00Z",
            "2026-01-01T24:00Z",
            "2026-01-01T00:00:00.Z",
            "x",
            "-1",
            "2026-01-01T00Z",
            "2026-01-01-01",
            "99999999999999999999",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_shown_is_read_again() {
        for ms in [0, 1_000, 951_782_400_000, 1_767_225_599_000, 4_102_444_800_000, 253_402_300_799_000] {
            assert_eq!(read(&shown(ms)), i64::try_from(ms).ok(), "{}", shown(ms));
        }
        assert!(shown(u64::MAX).ends_with('Z'));
    }
}
