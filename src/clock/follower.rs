//! A clock that follows the clock of a database: what nodes go by that have to agree on deadlines.
//!
//! Everything in here is arithmetic on microseconds: of the caller's monotonic clock, and of the Unix epoch for the database's. Each
//! round trip to the database in which it tells its time proves that its clock is ahead of the monotonic one by something between
//! two bounds; the estimate of that offset moves into the bounds and no further, so a slow round trip, which proves little, moves
//! little.
//!
//! What is shown goes towards the estimate: at once where the estimate moved forward by up to a second, otherwise by half a
//! millisecond a second. So it never goes back, and a database whose clock jumps takes no node along: the jump is told, and the
//! nodes go on together.

/// By so much an estimate may move forward to be taken at once.
pub const STEP_US_MAX: i64 = 1_000_000;

/// How fast what is shown goes towards the estimate otherwise, in microseconds a second.
pub const SLEW_PPM: i64 = 500;

/// One round trip to the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// When it began, by the monotonic clock.
    pub began_us: i64,
    /// What the database's clock showed meanwhile.
    pub database_us: i64,
    /// When it ended, by the monotonic clock.
    pub ended_us: i64,
}

/// The database's clock went by more than a second more or less than time passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatabaseJump {
    /// By so much, forward or back.
    pub by_us: i64,
}

/// A clock that follows that of a database.
#[derive(Debug)]
pub struct Follower {
    /// What is shown, minus the monotonic time, as it was at `since_us`.
    offset_us: i64,
    since_us: i64,
    /// What is known of the database's clock, minus the monotonic time.
    estimate_us: i64,
    /// The last jump went no further. Until the estimate is above this, it may be finding out how far it went.
    jumped_to_us: i64,
}

impl Sample {
    /// The least and the most by which the database's clock can have been ahead of the monotonic one.
    fn bounds(self) -> (i64, i64) {
        let least = self.database_us.saturating_sub(self.ended_us);
        (least, self.database_us.saturating_sub(self.began_us).max(least))
    }
}

impl Follower {
    /// A clock that shows the database's time, or is ahead of it by as much as the other nodes are ([`Follower::ahead_us`]). The
    /// quickest of some round trips is best: until a quicker one corrects it, it is wrong by at most half of how long that took.
    #[must_use]
    pub fn new(sample: Sample, ahead_us: i64) -> Follower {
        let (least, most) = sample.bounds();
        let estimate_us = least.midpoint(most);
        Follower {
            offset_us: estimate_us.saturating_add(ahead_us),
            since_us: sample.ended_us,
            estimate_us,
            jumped_to_us: i64::MIN,
        }
    }

    /// The time, in microseconds since the Unix epoch. Never earlier than it was before, if the monotonic time is not.
    #[must_use]
    pub fn now_us(&self, monotonic_us: i64) -> i64 {
        monotonic_us.saturating_add(self.offset_us(monotonic_us))
    }

    /// By how much it is ahead of the database's clock: what is left of a jump, or of a correction. Other nodes have to know it, for
    /// one that joins begins with the same.
    #[must_use]
    pub fn ahead_us(&self, monotonic_us: i64) -> i64 {
        self.offset_us(monotonic_us).saturating_sub(self.estimate_us)
    }

    /// What the database's clock shows, as far as is known.
    #[must_use]
    pub fn database_us(&self, monotonic_us: i64) -> i64 {
        monotonic_us.saturating_add(self.estimate_us)
    }

    /// Takes what a round trip tells. It must have ended after those before.
    pub fn observe(&mut self, sample: Sample) -> Option<DatabaseJump> {
        self.offset_us = self.offset_us(sample.ended_us);
        self.since_us = self.since_us.max(sample.ended_us);
        let (least, most) = sample.bounds();
        let before = self.estimate_us;
        self.estimate_us = before.clamp(least, most);
        let by_us = self.estimate_us.saturating_sub(before);
        if by_us.saturating_abs() > STEP_US_MAX {
            self.jumped_to_us = most;
            return Some(DatabaseJump { by_us });
        }
        let step_us = self.estimate_us.saturating_sub(before.max(self.jumped_to_us));
        self.jumped_to_us = self.jumped_to_us.min(most);
        let behind_us = self.estimate_us.saturating_sub(self.offset_us);
        if step_us > 0 && behind_us > 0 {
            self.offset_us = self.offset_us.saturating_add(step_us.min(behind_us));
        }
        None
    }

    fn offset_us(&self, monotonic_us: i64) -> i64 {
        let passed_us = monotonic_us.saturating_sub(self.since_us).max(0);
        let most = passed_us / (1_000_000 / SLEW_PPM);
        let left = self.estimate_us.saturating_sub(self.offset_us);
        self.offset_us.saturating_add(left.clamp(-most, most))
    }
}

#[cfg(test)]
mod tests;
