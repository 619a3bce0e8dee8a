//! The one file that reads or waits for time.
//!
//! The system clock follows the machine's wall clock but never goes back: where the wall clock is set back, it goes on at the
//! pace of the monotonic clock. The manual clock stands still until it is turned, and turning it wakes whoever waits.

use crate::engine::Time;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::watch;

/// Where a server takes the time from. Clones share one clock.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Source>);

#[derive(Debug)]
enum Source {
    System {
        started: Instant,
        /// Wall time minus monotonic time, in milliseconds; only ever grows.
        offset_ms: AtomicI64,
    },
    Manual(watch::Sender<Time>),
}

/// Where a manual clock starts when nothing else is said: 2026-01-01T00:00:00Z.
const MANUAL_START: Time = Time(1_767_225_600_000);

fn wall_ms() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}

impl Clock {
    /// The machine's time.
    pub fn system() -> Clock {
        Clock(Arc::new(Source::System { started: Instant::now(), offset_ms: AtomicI64::new(wall_ms()) }))
    }

    /// A clock that stands at 2026-01-01T00:00:00Z until [`Clock::advance`] turns it.
    ///
    /// For a server that goes by it an empty long poll lasts until somebody turns the clock. A server that is started again on the
    /// same data needs a clone of the same clock, for a new one begins again at that moment.
    pub fn manual() -> Clock {
        Clock(Arc::new(Source::Manual(watch::Sender::new(MANUAL_START))))
    }

    /// The time now, in milliseconds since the Unix epoch.
    pub fn now(&self) -> Time {
        match &*self.0 {
            Source::System { started, offset_ms } => {
                let monotonic = i64::try_from(started.elapsed().as_millis()).unwrap_or(i64::MAX);
                let offset = offset_ms.load(Ordering::Relaxed);
                // After a suspend, or when the wall clock is set forward, the offset grows; it never shrinks.
                let newest = wall_ms().saturating_sub(monotonic);
                if newest > offset {
                    offset_ms.fetch_max(newest, Ordering::Relaxed);
                }
                Time(u64::try_from(monotonic.saturating_add(offset.max(newest))).unwrap_or_default())
            }
            Source::Manual(time) => *time.borrow(),
        }
    }

    /// Turns a manual clock forward. Returns `false`, and does nothing, on the system clock.
    pub fn advance(&self, by: Duration) -> bool {
        let Source::Manual(time) = &*self.0 else { return false };
        let by_ms = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        time.send_modify(|now| now.0 = now.0.saturating_add(by_ms));
        true
    }

    /// Waits until the clock shows `until`.
    pub async fn sleep_until(&self, until: Time) {
        match &*self.0 {
            // The wall clock may have been set in the meantime, hence the loop.
            Source::System { .. } => loop {
                let left_ms = until.0.saturating_sub(self.now().0);
                if left_ms == 0 {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(left_ms)).await;
            },
            Source::Manual(time) => {
                // An error would mean that the sender is gone, and it lives in `self`.
                let _ = time.subscribe().wait_for(|now| *now >= until).await;
            }
        }
    }

    /// Real time passes on a real machine however the clock stands: for time limits on network peers, and for upkeep.
    pub async fn network_pause(limit: Duration) {
        tokio::time::sleep(limit).await;
    }
}

#[cfg(test)]
mod tests {
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
}
