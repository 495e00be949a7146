//! A histogram with fixed buckets that many threads may observe into.

use std::sync::atomic::{AtomicU64, Ordering};

/// Upper bounds, in seconds, that suit requests and evaluations: from 1 ms to 10 s.
pub const SECONDS: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Counts of observations per bucket, and their sum.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [f64],
    /// One more than there are bounds: the last is what exceeds them all.
    counts: Box<[AtomicU64]>,
    /// The bits of an `f64`.
    sum: AtomicU64,
}

impl Histogram {
    /// An empty histogram with these upper bounds, which increase.
    pub fn new(bounds: &'static [f64]) -> Self {
        debug_assert!(bounds.is_sorted());
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self { bounds, counts, sum: AtomicU64::new(0.0_f64.to_bits()) }
    }

    /// Counts one observation.
    pub fn observe(&self, value: f64) {
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        let add = |bits| Some((f64::from_bits(bits) + value).to_bits());
        // The closure never declines, so the update cannot fail.
        let _ = self.sum.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }

    /// What was counted until now.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            bounds: self.bounds,
            counts: self.counts.iter().map(|count| count.load(Ordering::Relaxed)).collect(),
            sum: f64::from_bits(self.sum.load(Ordering::Relaxed)),
        }
    }
}

/// A histogram at one instant.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    bounds: &'static [f64],
    counts: Vec<u64>,
    /// The sum of all observations.
    pub sum: f64,
}

impl Snapshot {
    /// What somebody else has counted: how many were at most each bound, and how many there were.
    pub fn from_cumulative(
        bounds: &'static [f64],
        cumulative: impl IntoIterator<Item = u64>,
        sum: f64,
    ) -> Self {
        let mut seen = 0;
        let counts = cumulative.into_iter().map(|total| {
            let count = total.saturating_sub(seen);
            seen = total;
            count
        });
        Self { bounds, counts: counts.collect(), sum }
    }

    /// How many observations there were.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Upper bounds, infinity last, with how many observations were at most that.
    pub fn cumulative(&self) -> impl Iterator<Item = (f64, u64)> {
        let bounds = self.bounds.iter().copied().chain([f64::INFINITY]);
        bounds.zip(self.counts.iter().scan(0, |seen, count| {
            *seen += count;
            Some(*seen)
        }))
    }
}
