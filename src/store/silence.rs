//! For how long a store has not answered: counted in what it has finished, with time as an argument.

/// That no batch was finished, for as long as that was seen.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Silence {
    /// How many batches were finished when it began.
    finished: u64,
    /// Milliseconds: when it was seen first, and when last.
    since_ms: u64,
    seen_ms: u64,
}

impl Silence {
    /// For how many milliseconds nothing was finished, seen now: so many batches are finished, and there are more or not.
    /// Where there are none nothing is silent, and what comes later is counted from when it is seen.
    pub(super) fn lasts(&mut self, finished: u64, is_pending: bool, now_ms: u64) -> u64 {
        if !is_pending {
            *self = Silence::default();
            return 0;
        }
        if finished != self.finished || self.since_ms == 0 {
            // No time is 0 in here, which stands for never.
            *self = Silence { finished, since_ms: now_ms.max(1), seen_ms: now_ms.max(1) };
        }
        self.seen_ms = self.seen_ms.max(now_ms);
        self.lasted_ms()
    }

    /// For how many milliseconds nothing was finished when that was looked at last.
    pub(super) fn lasted_ms(&self) -> u64 {
        self.seen_ms - self.since_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_lasts_while_something_is_pending_and_nothing_is_finished() {
        let mut silence = Silence::default();
        let looks = [
            // Finished so far, whether more is pending, now, and how long it has been silent.
            (0, true, 0, 0),
            (0, true, 2_999, 2_998),
            (1, true, 3_000, 0),
            (1, true, 4_500, 1_500),
            (1, false, 5_000, 0),
            // Something has come just now: that there was nothing to do for so long is no silence.
            (1, true, 9_000, 0),
            (1, true, 13_000, 4_000),
            (1, true, 12_000, 4_000),
            (2, false, 13_000, 0),
            (2, true, 99_000, 0),
        ];
        for (finished, is_pending, now_ms, expected_ms) in looks {
            assert_eq!(silence.lasts(finished, is_pending, now_ms), expected_ms, "{finished} {is_pending} {now_ms}");
            assert_eq!(silence.lasted_ms(), expected_ms);
        }
    }
}
