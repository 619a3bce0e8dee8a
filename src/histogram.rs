//! Histograms: how many values there were up to each of some bounds, and their sum. One is plain, one for several threads.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// How many values there were up to each of some bounds, and their sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Histogram<const BOUNDS: usize> {
    /// Values up to each bound and above the one before.
    pub buckets: [u64; BOUNDS],
    /// Values above the last bound.
    pub above: u64,
    /// The sum of all.
    pub sum: u64,
}

impl<const BOUNDS: usize> Default for Histogram<BOUNDS> {
    fn default() -> Self {
        Histogram { buckets: [0; BOUNDS], above: 0, sum: 0 }
    }
}

impl<const BOUNDS: usize> Histogram<BOUNDS> {
    /// Counts a value.
    pub fn add(&mut self, bounds: &[u64; BOUNDS], value: u64) {
        self.sum = self.sum.saturating_add(value);
        match bounds.iter().position(|bound| value <= *bound) {
            Some(bucket) => self.buckets[bucket] += 1,
            None => self.above += 1,
        }
    }

    /// How many values there were.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum::<u64>() + self.above
    }
}

/// The same, to be added to by several threads at once.
#[derive(Debug)]
pub struct SharedHistogram<const BOUNDS: usize> {
    buckets: [AtomicU64; BOUNDS],
    above: AtomicU64,
    sum: AtomicU64,
}

impl<const BOUNDS: usize> Default for SharedHistogram<BOUNDS> {
    fn default() -> Self {
        let buckets = std::array::from_fn(|_| AtomicU64::new(0));
        SharedHistogram { buckets, above: AtomicU64::new(0), sum: AtomicU64::new(0) }
    }
}

impl<const BOUNDS: usize> SharedHistogram<BOUNDS> {
    /// Counts a value.
    pub fn add(&self, bounds: &[u64; BOUNDS], value: u64) {
        self.sum.fetch_add(value, Relaxed);
        let bucket = bounds.iter().position(|bound| value <= *bound);
        bucket.map_or(&self.above, |bucket| &self.buckets[bucket]).fetch_add(1, Relaxed);
    }

    /// What there is now.
    pub fn read(&self) -> Histogram<BOUNDS> {
        let buckets = std::array::from_fn(|index| self.buckets[index].load(Relaxed));
        Histogram { buckets, above: self.above.load(Relaxed), sum: self.sum.load(Relaxed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_in_the_bucket_of_the_first_bound_that_it_does_not_exceed() {
        let (mut plain, shared) = (Histogram::default(), SharedHistogram::default());
        for value in [0, 10, 11, 20, 21] {
            plain.add(&[10, 20], value);
            shared.add(&[10, 20], value);
        }
        assert_eq!((plain.buckets, plain.above, plain.sum, plain.count()), ([2, 2], 1, 62, 5));
        assert_eq!(shared.read(), plain);
    }
}
