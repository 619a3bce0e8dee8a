//! What the clock shows, by table and by chance.

use super::*;
use proptest::prelude::*;

const SECOND: i64 = 1_000_000;
const HOUR: i64 = 3_600 * SECOND;
/// What the database's clock is ahead of the monotonic one.
const AHEAD: i64 = 1_000 * HOUR;

/// A round trip that ends at a moment and takes this long, with the database's clock read in the middle of it.
fn sample(ended_us: i64, took_us: i64, ahead_us: i64) -> Sample {
    Sample { began_us: ended_us - took_us, database_us: ended_us - took_us / 2 + ahead_us, ended_us }
}

fn at_the_start() -> Follower {
    Follower::new(sample(0, 2_000, AHEAD), 0)
}

#[test]
fn it_begins_with_the_middle_of_the_round_trip() {
    let follower = at_the_start();
    assert_eq!(follower.now_us(0), AHEAD);
    assert_eq!(follower.now_us(HOUR), AHEAD + HOUR, "and goes at the pace of the monotonic clock");
    assert_eq!(follower.ahead_us(HOUR), 0);
}

#[test]
fn what_is_within_the_bounds_of_a_round_trip_changes_nothing() {
    let mut follower = at_the_start();
    // It took three seconds, so nothing follows from a clock that seems to be off by one.
    assert_eq!(follower.observe(sample(10 * SECOND, 3 * SECOND, AHEAD + SECOND)), None);
    assert_eq!(follower.observe(sample(20 * SECOND, 3 * SECOND, AHEAD - SECOND)), None);
    assert_eq!(follower.now_us(60 * SECOND), AHEAD + 60 * SECOND);
}

#[test]
fn up_to_a_second_forward_is_taken_at_once() {
    for by_us in [2, 700, 999_000] {
        let mut follower = at_the_start();
        assert_eq!(follower.observe(sample(SECOND, 0, AHEAD + by_us)), None);
        assert_eq!(follower.now_us(SECOND), AHEAD + SECOND + by_us);
        assert_eq!(follower.ahead_us(SECOND), 0);
    }
}

#[test]
fn backward_it_goes_slower_until_it_is_right() {
    let mut follower = at_the_start();
    assert_eq!(follower.observe(sample(SECOND, 0, AHEAD - 1_000)), None);
    assert_eq!(follower.now_us(SECOND), AHEAD + SECOND, "never back");
    assert_eq!(follower.ahead_us(SECOND), 1_000);
    assert_eq!(follower.now_us(2 * SECOND), AHEAD + 2 * SECOND - 500);
    assert_eq!(follower.now_us(3 * SECOND), AHEAD + 3 * SECOND - 1_000);
    assert_eq!(follower.now_us(9 * SECOND), AHEAD + 9 * SECOND - 1_000);
    assert_eq!(follower.ahead_us(9 * SECOND), 0);
}

#[test]
fn a_jump_of_the_database_is_told_once_and_not_taken() {
    for by_us in [HOUR, -HOUR, 2 * SECOND] {
        let mut follower = at_the_start();
        let ahead_us = AHEAD + by_us;
        assert_eq!(follower.observe(sample(SECOND, 0, ahead_us)), Some(DatabaseJump { by_us }));
        for second in 2..100 {
            assert_eq!(follower.observe(sample(second * SECOND, 0, ahead_us)), None, "{second}");
            let slewed = by_us.signum() * (second - 1) * SLEW_PPM;
            assert_eq!(follower.now_us(second * SECOND), AHEAD + second * SECOND + slewed);
            assert_eq!(follower.ahead_us(second * SECOND), slewed - by_us);
        }
        // It is set right again.
        assert_eq!(follower.observe(sample(100 * SECOND, 0, AHEAD)), Some(DatabaseJump { by_us: -by_us }));
        let shown = follower.now_us(101 * SECOND) - 101 * SECOND - AHEAD;
        assert_eq!(shown, by_us.signum() * 98 * SLEW_PPM, "and goes back as slowly as it came");
    }
}

#[test]
fn small_steps_after_a_jump_do_not_make_up_for_it() {
    let mut follower = at_the_start();
    assert!(follower.observe(sample(SECOND, 0, AHEAD + HOUR)).is_some());
    assert_eq!(follower.observe(sample(2 * SECOND, 0, AHEAD + HOUR + 300)), None);
    assert_eq!(follower.now_us(2 * SECOND), AHEAD + 2 * SECOND + 500 + 300);
}

/// A slow round trip tells of a jump, and quicker ones how far it went: that is no time that has passed.
#[test]
fn how_far_a_jump_went_is_found_out_without_following_it() {
    for by_us in [HOUR, -HOUR] {
        let (mut slow, mut quick) = (at_the_start(), at_the_start());
        for (second, took_us, ahead_us) in
            [(1, 600_000, AHEAD + by_us), (2, 0, AHEAD + by_us), (4, 600_000, AHEAD), (5, 0, AHEAD)]
        {
            slow.observe(sample(second * SECOND, took_us, ahead_us));
            quick.observe(sample(second * SECOND, 0, ahead_us));
        }
        let apart = slow.now_us(6 * SECOND) - quick.now_us(6 * SECOND);
        assert!(apart.abs() <= 1_000, "{by_us}: {apart}");
        // What comes after that is followed.
        slow.observe(sample(7 * SECOND, 0, AHEAD + 5_000));
        let shown = slow.now_us(7 * SECOND) - 7 * SECOND - AHEAD;
        assert!((4_000..=6_000).contains(&shown), "{by_us}: {shown}");
    }
}

#[test]
fn a_node_that_joins_begins_where_the_others_are() {
    let mut old = at_the_start();
    assert!(old.observe(sample(SECOND, 0, AHEAD + HOUR)).is_some());
    let new = Follower::new(sample(50 * SECOND, 0, AHEAD + HOUR), old.ahead_us(50 * SECOND));
    for second in [50, 60, 3_600] {
        assert_eq!(new.now_us(second * SECOND), old.now_us(second * SECOND), "{second}");
    }
}

#[test]
fn no_numbers_make_it_panic() {
    for ended_us in [i64::MIN, -1, 0, i64::MAX] {
        for database_us in [i64::MIN, 0, i64::MAX] {
            let mut follower = Follower::new(Sample { began_us: i64::MAX, database_us, ended_us }, i64::MAX);
            for began_us in [i64::MIN, 0, i64::MAX] {
                let _ = follower.observe(Sample { began_us, database_us: -database_us.max(-1), ended_us });
                let _ = (follower.now_us(i64::MAX), follower.ahead_us(i64::MIN));
            }
        }
    }
}

/// The longest way there, or back.
const WAY_US_MAX: i64 = 3_000;

/// A database whose clock drifts, as a table of round trips: pause before, time there, time back, drift during all that.
fn drifting() -> impl Strategy<Value = Vec<(i64, i64, i64, i64)>> {
    let trip = || 10..WAY_US_MAX;
    proptest::collection::vec((900_000..20_000_000_i64, trip(), trip(), -300..300_i64), 1..60)
}

proptest! {
    #[test]
    fn it_never_goes_back_and_never_far_forward(
        jumps in proptest::collection::vec((0..30_000_000_i64, 0..2_000_000_i64, -9_000_000..9_000_000_i64), 1..60),
    ) {
        let mut follower = at_the_start();
        let (mut monotonic, mut ahead) = (0, AHEAD);
        for (pause, took, jump) in jumps {
            let before = follower.now_us(monotonic);
            let step = pause + took;
            for part in 1..=4 {
                let now = follower.now_us(monotonic + step * part / 4);
                prop_assert!(now >= follower.now_us(monotonic + step * (part - 1) / 4));
            }
            monotonic += step;
            let shown = follower.now_us(monotonic);
            let passed = shown - before;
            prop_assert!((passed - step).abs() <= step / 2_000 + 1, "{passed} in {step}");
            ahead += jump;
            let told = follower.observe(sample(monotonic, took, ahead));
            let stepped = follower.now_us(monotonic) - shown;
            prop_assert!((0..=STEP_US_MAX).contains(&stepped), "{stepped}");
            prop_assert!(told.is_none() || stepped == 0, "a jump is not taken");
        }
    }

    #[test]
    fn it_is_right_to_half_a_round_trip_however_the_database_drifts(trips in drifting()) {
        let mut follower = at_the_start();
        let (mut monotonic, mut ahead) = (0, AHEAD);
        for (pause, there, back, drift) in trips {
            // Drift is less than what can be made up for, so the clock keeps up.
            let began_us = monotonic + pause;
            ahead += drift;
            let sample = Sample { began_us, database_us: began_us + there + ahead, ended_us: began_us + there + back };
            monotonic = sample.ended_us;
            prop_assert_eq!(follower.observe(sample), None);
            let error = (follower.now_us(monotonic) - (monotonic + ahead)).abs();
            prop_assert!(error <= WAY_US_MAX + 300, "{} after a round trip of {}", error, there + back);
        }
    }
}
