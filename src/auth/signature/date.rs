//! Dates as signatures and credentials files write them, in seconds since the Unix epoch.

const DAY_S: u64 = 24 * 60 * 60;

/// Reads the basic format of ISO 8601 that signatures have: `20150830T123600Z`.
pub fn parse_basic(text: &str) -> Option<u64> {
    let bytes = text.as_bytes();
    let fits = bytes.len() == 16 && bytes[8] == b'T' && bytes[15] == b'Z';
    if !fits || !text.is_ascii() {
        return None;
    }
    let day = days(number(&text[..4])?, number(&text[4..6])?, number(&text[6..8])?)?;
    Some(day * DAY_S + seconds(number(&text[9..11])?, number(&text[11..13])?, number(&text[13..15])?)?)
}

/// Reads a moment of RFC 3339, as in `2026-12-31T23:59:59Z` or `2026-12-31 23:59:59+02:00`, or a day, which begins at 0:00 UTC.
pub fn parse_timestamp(text: &str) -> Option<u64> {
    let bytes = text.as_bytes();
    if !text.is_ascii() || bytes.len() < 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let day = days(number(&text[..4])?, number(&text[5..7])?, number(&text[8..10])?)? * DAY_S;
    if bytes.len() == 10 {
        return Some(day);
    }
    let fits = bytes.len() >= 20 && b"Tt ".contains(&bytes[10]) && bytes[13] == b':' && bytes[16] == b':';
    if !fits {
        return None;
    }
    let at = day + seconds(number(&text[11..13])?, number(&text[14..16])?, number(&text[17..19])?)?;
    // Fractions of a second say nothing that matters.
    let zone = match text[19..].strip_prefix('.') {
        Some(fraction) => fraction.trim_start_matches(|c: char| c.is_ascii_digit()),
        None => &text[19..],
    };
    if zone.eq_ignore_ascii_case("z") {
        return Some(at);
    }
    let zone = zone.as_bytes();
    if zone.len() != 6 || zone[3] != b':' {
        return None;
    }
    let part = |range: std::ops::Range<usize>| number(std::str::from_utf8(&zone[range]).ok()?);
    let offset = seconds(part(1..3)?, part(4..6)?, 0)?;
    match zone[0] {
        b'+' => at.checked_sub(offset),
        b'-' => at.checked_add(offset),
        _ => None,
    }
}

/// Writes a moment in the basic format of ISO 8601.
pub fn basic_date(at_s: u64) -> String {
    let (year, month, day) = date_of(at_s / DAY_S);
    let second = at_s % DAY_S;
    format!("{year:04}{month:02}{day:02}T{:02}{:02}{:02}Z", second / 3600, second / 60 % 60, second % 60)
}

fn number(digits: &str) -> Option<u64> {
    if digits.bytes().all(|b| b.is_ascii_digit()) { digits.parse().ok() } else { None }
}

fn seconds(hour: u64, minute: u64, second: u64) -> Option<u64> {
    (hour < 24 && minute < 60 && second < 60).then_some(hour * 3600 + minute * 60 + second)
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_of_month(year: u64, month: u64) -> u64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days before a year since 0000-01-01, and those before 1970.
fn days_before_year(year: u64) -> u64 {
    let before = |every: u64| year.div_ceil(every);
    365 * year + before(4) - before(100) + before(400)
}

/// Days since 1970-01-01.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    let fits = year >= 1970 && (1..=12).contains(&month) && (1..=days_of_month(year, month)).contains(&day);
    let before: u64 = (1..month).map(|month| days_of_month(year, month)).sum();
    fits.then(|| days_before_year(year) - days_before_year(1970) + before + day - 1)
}

/// Year, month and day of a day since 1970-01-01.
fn date_of(days: u64) -> (u64, u64, u64) {
    let since_0000 = days + days_before_year(1970);
    // At most one too late: a year has 365 days or more.
    let mut year = since_0000 / 365;
    while days_before_year(year) > since_0000 {
        year -= 1;
    }
    let mut day = since_0000 - days_before_year(year);
    let mut month = 1;
    while day >= days_of_month(year, month) {
        day -= days_of_month(year, month);
        month += 1;
    }
    (year, month, day + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The seconds are those of Python's `datetime`.
    #[test]
    fn dates_are_read_and_written() {
        for (text, at) in [
            ("19700101T000000Z", 0),
            ("20000229T235959Z", 951_868_799),
            ("20150830T123600Z", 1_440_938_160),
            ("20240229T000000Z", 1_709_164_800),
            ("20261120T072353Z", 1_795_159_433),
            ("21000301T000000Z", 4_107_542_400),
        ] {
            assert_eq!(parse_basic(text), Some(at), "{text}");
            assert_eq!(basic_date(at), text);
        }
        for day in 0..100_000 {
            let text = basic_date(day * DAY_S + 3661);
            assert_eq!(parse_basic(&text), Some(day * DAY_S + 3661), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "20150830",
            "20150830T123600",
            "20150830T123600ZZ",
            "20150830t123600Z",
            "20150230T000000Z",
            "20151301T000000Z",
            "20150830T240000Z",
            "20150830T126000Z",
            "2015083éT12360Z",
            "19691231T235959Z",
            "+2150830T123600Z",
            "Sun, 30 Aug 2015",
        ] {
            assert_eq!(parse_basic(text), None, "{text}");
        }
    }

    #[test]
    fn timestamps_are_read_with_and_without_a_zone() {
        for (text, at) in [
            ("2015-08-30T12:36:00Z", 1_440_938_160),
            ("2015-08-30 14:36:00.125+02:00", 1_440_938_160),
            ("2015-08-30T12:06:00-00:30", 1_440_938_160),
            ("2024-02-29", 1_709_164_800),
        ] {
            assert_eq!(parse_timestamp(text), Some(at), "{text}");
        }
        for text in
            ["", "2015", "2015-08-30T12:36", "2015-08-30T12:36:00", "2015-08-30T12:36:00+2:00", "2015-08-30X12:36:00Z"]
        {
            assert_eq!(parse_timestamp(text), None, "{text}");
        }
    }
}
