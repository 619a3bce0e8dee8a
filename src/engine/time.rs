//! A moment, as the engine is told it.

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

#[cfg(test)]
mod tests {
    use super::Time;

    #[test]
    fn arithmetic_saturates_at_both_ends() {
        assert_eq!(Time(5).ms_since(Time(7)), 0);
        assert_eq!(Time(u64::MAX - 1).plus_seconds(u64::MAX), Time(u64::MAX));
        assert_eq!(Time(1_999).as_seconds(), 1);
        assert_eq!(Time(1).plus_seconds(2), Time(2_001));
        assert_eq!(Time(1).plus_ms(2).as_ms(), 3);
    }
}
