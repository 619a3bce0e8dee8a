//! A moment, as the engine is told it.

use std::fmt;

/// A moment in milliseconds since the Unix epoch.
///
/// All arithmetic saturates, so a clock that jumps, in either direction, can never cause a panic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub u64);

impl Time {
    /// This moment and `seconds` more.
    #[must_use]
    pub const fn plus_seconds(self, seconds: u64) -> Time {
        self.plus_ms(seconds.saturating_mul(1000))
    }

    /// This moment and `ms` milliseconds more.
    #[must_use]
    pub const fn plus_ms(self, ms: u64) -> Time {
        Time(self.0.saturating_add(ms))
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn as_ms(self) -> u64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down.
    #[must_use]
    pub const fn as_seconds(self) -> u64 {
        self.0 / 1000
    }

    /// Milliseconds from `earlier` to this moment; 0 if `earlier` is in fact later.
    #[must_use]
    pub const fn ms_since(self, earlier: Time) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// For people: date and time of day in UTC, to the second.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DAYS_PER_400_YEARS: u64 = 146_097;
        let (days, of_day) = (self.as_seconds() / 86_400, self.as_seconds() % 86_400);
        // Counted from 1 March of the year 0, so that a leap day is the last of its year.
        let days = days + 719_468;
        let (era, day) = (days / DAYS_PER_400_YEARS, days % DAYS_PER_400_YEARS);
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let day = day - (153 * month + 2) / 5 + 1;
        let (year, month) = (400 * era + year + month / 10, (month + 2) % 12 + 1);
        let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

#[cfg(test)]
mod tests {
    use super::Time;

    #[test]
    fn people_read_dates() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_767_225_600, "2026-01-01T00:00:00Z"),
            (1_798_761_599, "2026-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(Time(seconds * 1000 + 999).to_string(), text);
        }
        assert!(Time(u64::MAX).to_string().ends_with('Z'));
    }

    #[test]
    fn arithmetic_saturates_at_both_ends() {
        assert_eq!(Time(5).ms_since(Time(7)), 0);
        assert_eq!(Time(u64::MAX - 1).plus_seconds(u64::MAX), Time(u64::MAX));
        assert_eq!(Time(1_999).as_seconds(), 1);
        assert_eq!(Time(1).plus_seconds(2), Time(2_001));
        assert_eq!(Time(1).plus_ms(2).as_ms(), 3);
    }
}
