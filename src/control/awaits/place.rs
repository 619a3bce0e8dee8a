//! How many awaits are open, and by how much their time limits are stretched.

use crate::control::refusal::Refusal;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// Awaits that are open at one time.
pub const AWAITS_MAX: usize = 1_000;

/// The awaits of a space.
#[derive(Debug)]
pub struct Awaits {
    open: AtomicUsize,
    evaluations: AtomicU64,
    factor: f64,
}

/// One open await; its place is free again when this is dropped.
#[must_use = "the place is free again when it is dropped"]
pub struct AwaitPlace(Arc<Awaits>);

impl Awaits {
    /// None so far; their time limits are multiplied by a factor.
    pub fn new(factor: f64) -> Arc<Awaits> {
        Arc::new(Awaits { open: AtomicUsize::new(0), evaluations: AtomicU64::new(0), factor })
    }

    /// Takes a place, if there is one.
    pub fn enter(self: &Arc<Awaits>) -> Option<AwaitPlace> {
        let one_more = |open: usize| (open < AWAITS_MAX).then_some(open + 1);
        let entered = self.open.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more).is_ok();
        entered.then(|| AwaitPlace(self.clone()))
    }

    /// How many are open.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Acquire)
    }

    /// How often conditions were looked at.
    pub fn evaluations(&self) -> u64 {
        self.evaluations.load(Ordering::Acquire)
    }

    /// Counts that a condition was looked at.
    pub fn count_evaluation(&self) {
        self.evaluations.fetch_add(1, Ordering::AcqRel);
    }

    /// By what time limits are multiplied.
    pub fn factor(&self) -> f64 {
        self.factor
    }

    /// A time limit as it holds here.
    pub fn stretched(&self, limit: Duration) -> Duration {
        Duration::try_from_secs_f64(limit.as_secs_f64() * self.factor).unwrap_or(limit)
    }
}

/// What is answered when there is no place.
pub fn refusal() -> Refusal {
    Refusal::new(409, format!("{AWAITS_MAX} awaits are open already"), "await less at one time, with shorter timeouts")
}

impl Drop for AwaitPlace {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The largest factor of time limits.
const FACTOR_MAX: f64 = 1_000.0;

/// Reads the factor of time limits, as the environment says it.
///
/// # Errors
/// What would be right.
pub fn timeout_factor(text: Option<&str>) -> Result<f64, String> {
    let Some(text) = text else { return Ok(1.0) };
    let factor = text.trim().parse::<f64>().ok().filter(|factor| *factor > 0.0 && *factor <= FACTOR_MAX);
    factor.ok_or_else(|| format!("KEW_TIMEOUT_FACTOR is a number above 0, up to {FACTOR_MAX}, as in 3 or 0.5"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_limits_are_multiplied() {
        assert_eq!(Awaits::new(3.0).stretched(Duration::from_secs(10)), Duration::from_secs(30));
        assert_eq!((timeout_factor(None), timeout_factor(Some("0.5"))), (Ok(1.0), Ok(0.5)));
        for wrong in ["", "0", "-1", "x", "inf", "NaN", "1001"] {
            assert!(timeout_factor(Some(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_place_is_free_again_when_it_is_dropped() {
        let awaits = Awaits::new(1.0);
        let places: Vec<_> = (0..AWAITS_MAX).map_while(|_| awaits.enter()).collect();
        assert!(places.len() == AWAITS_MAX && awaits.enter().is_none());
        drop(places);
        assert_eq!(awaits.open(), 0);
    }
}
