//! The machine's time, manual and controlled clocks, and network time.

use super::*;

#[test]
fn the_manual_clock_stands_until_it_is_turned() {
    let clock = Clock::manual();
    assert_eq!(clock.now(), MANUAL_START);
    assert!(clock.advance(Duration::from_millis(1500)));
    assert_eq!(clock.now().0, MANUAL_START.0 + 1500);
}

#[test]
fn the_system_clock_is_near_wall_time_and_never_goes_back() {
    let clock = Clock::system();
    let before = wall_ms();
    let readings: Vec<_> = (0..1000).map(|_| clock.now()).collect();
    assert!(readings.is_sorted());
    assert!((readings[0].0 as i64 - before).abs() < 1000);
    assert!(!clock.advance(Duration::from_secs(1)));
}

#[test]
fn a_jump_of_the_wall_clock_is_told_once_with_both_times() {
    const HOUR: i64 = 3_600_000;
    let steady = Steady::new(10 * HOUR);
    assert_eq!(steady.read(10 * HOUR + 5, 5), (Time(36_000_005), None));
    // Forward, as after a suspend.
    let jump = Jump { from: Time(36_000_010), to: Time(72_000_010) };
    assert_eq!(steady.read(20 * HOUR + 10, 10), (Time(72_000_010), Some(jump)));
    assert_eq!(steady.read(20 * HOUR + 11, 11), (Time(72_000_011), None));
    // Back: time goes on.
    let jump = Jump { from: Time(72_000_020), to: Time(68_400_020) };
    assert_eq!(steady.read(19 * HOUR + 20, 20), (Time(72_000_020), Some(jump)));
    assert_eq!(steady.read(19 * HOUR + 21, 21), (Time(72_000_021), None));
    // Right again: no time passed for kew.
    let jump = Jump { from: Time(68_400_030), to: Time(72_000_030) };
    assert_eq!(steady.read(20 * HOUR + 30, 30), (Time(72_000_030), Some(jump)));
}

#[test]
fn a_wall_clock_that_drifts_or_is_corrected_by_little_is_not_told_of() {
    let steady = Steady::new(1_000_000);
    for step in 0..1_000 {
        // Ten minutes in the end, two seconds at a time, and up and down by four minutes.
        let wobble = if step % 2 == 0 { 240_000 } else { 0 };
        let (_, jump) = steady.read(1_000_000 + step * 3_000 + wobble, step * 1_000);
        assert_eq!(jump, None, "{step}");
    }
    assert_eq!(steady.read(i64::MAX, 0).0, Time(i64::MAX.unsigned_abs()), "no panic");
    let _ = steady.read(i64::MIN, i64::MAX);
}

#[test]
fn a_controlled_clock_goes_forward_only_and_stands_when_it_is_told_to() {
    let clock = Clock::controlled();
    assert_eq!((clock.mode(), clock.offset_ms()), (Some(ClockMode::Real), 0));
    assert!(clock.set_mode(ClockMode::Frozen));
    let stands = clock.now();
    assert!(clock.advance_to(stands.plus_ms(3_600_000)) && clock.advance_to(stands));
    assert_eq!(clock.now(), stands.plus_ms(3_600_000), "there is no way back");
    assert!(clock.set_mode(ClockMode::Real));
    assert_eq!(clock.mode(), Some(ClockMode::Running), "it is ahead by an hour");
    assert!(clock.offset_ms() > 3_500_000 && clock.now() >= stands.plus_ms(3_600_000));
    clock.reset();
    assert_eq!((clock.mode(), clock.offset_ms()), (Some(ClockMode::Real), 0));
}

#[test]
fn a_clock_that_stood_goes_on_behind_the_machine_s_and_real_catches_up() {
    let clock = Clock::controlled();
    clock.set_mode(ClockMode::Frozen);
    let Source::Controlled(controlled) = &*clock.0 else { unreachable!() };
    // As if it had been frozen an hour ago.
    controlled.change(|state, now| state.stands_at = Some(Time(now.0 - 3_600_000)));
    let stood = clock.now();
    clock.set_mode(ClockMode::Running);
    assert!(clock.now().ms_since(stood) < 60_000 && clock.offset_ms() < -3_500_000);
    clock.set_mode(ClockMode::Real);
    assert_eq!((clock.mode(), clock.offset_ms()), (Some(ClockMode::Real), 0));
    assert!(clock.now().ms_since(stood) >= 3_600_000);
}

#[test]
fn a_clock_is_turned_only_by_what_was_decided_with_it_held() {
    let clock = Clock::controlled();
    clock.set_mode(ClockMode::Frozen);
    let now = clock.now();
    assert_eq!(clock.advance_if(|_| None), None);
    assert_eq!(clock.advance_if(|now| Some(Time(now.0 - 1))), None);
    assert_eq!(clock.advance_if(|now| Some(now.plus_ms(5))), Some((now, now.plus_ms(5))));
    assert_eq!(clock.now(), now.plus_ms(5));
    assert_eq!(Clock::manual().advance_if(|now| Some(now.plus_ms(5))), None);
}

#[tokio::test]
async fn a_pause_on_manual_network_time_ends_when_that_has_passed() {
    let time = NetworkTime::manual();
    let pausing = tokio::spawn({
        let time = time.clone();
        async move { time.pause(Duration::from_secs(10)).await }
    });
    tokio::task::yield_now().await;
    assert!(time.advance(Duration::from_millis(9_999)));
    tokio::task::yield_now().await;
    assert!(!pausing.is_finished());
    assert!(time.advance(Duration::from_millis(1)));
    pausing.await.unwrap();
    assert!(!NetworkTime::real().advance(Duration::from_secs(1)));
}

#[tokio::test]
async fn turning_the_clock_wakes_those_who_wait() {
    let clock = Clock::manual();
    let until = Time(clock.now().0 + 10);
    let waiting = tokio::spawn({
        let clock = clock.clone();
        async move { clock.sleep_until(until).await }
    });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    clock.advance(Duration::from_millis(10));
    waiting.await.unwrap();
}

#[test]
fn the_cluster_s_clock_shows_the_machine_s_time_until_it_knows_the_database_s() {
    let clock = Clock::cluster();
    assert!(clock.now().0.abs_diff(wall_ms().unsigned_abs()) < 60_000);
    assert_eq!(clock.ahead_us(), 0);
    let began_us = clock.monotonic_us();
    let database_us = 4_000_000_000_000_000;
    clock.follow(Sample { began_us, database_us, ended_us: clock.monotonic_us() }, 7_000_000);
    let begins = Time(4_000_000_007_000);
    assert!(clock.now() >= begins && clock.now().ms_since(begins) < 60_000, "as far ahead as the other nodes");
    assert!((6_000_000..=7_000_000).contains(&clock.ahead_us()));
    assert!((0..1_000).map(|_| clock.now()).is_sorted());
    assert!(!clock.advance(Duration::from_secs(1)) && !clock.is_turned() && !clock.is_controlled());
    // A clock that follows none.
    let manual = Clock::manual();
    manual.follow(Sample { began_us: 0, database_us, ended_us: 0 }, 0);
    assert_eq!((manual.now(), manual.monotonic_us(), manual.ahead_us()), (MANUAL_START, 0, 0));
}
