//! By how much the clock of a peer differs.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::limits::{CLOCK_AGE, CLOCK_SAMPLES};

/// An estimate from the last exchanges: the one that was quickest bounds the error best.
#[derive(Debug, Clone, Default)]
pub(super) struct Clock {
    /// By when the answer came, oldest first.
    samples: VecDeque<(Instant, Skew)>,
}

/// How far another node's clock is ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Skew {
    /// In microseconds; negative when it is behind.
    pub micros: i64,
    /// The error is at most this: half of the round trip it was measured with.
    pub error: Duration,
}

impl Clock {
    /// Takes over that a peer read `theirs` on its clock while it answered a question that took
    /// `round_trip` until `mine` on this node's clock, both in microseconds since the Unix epoch.
    pub(super) fn note(&mut self, theirs: i64, mine: i64, round_trip: Duration, now: Instant) {
        let old = |at: Instant| now.saturating_duration_since(at) > CLOCK_AGE;
        while self.samples.front().is_some_and(|(at, _)| old(*at)) {
            self.samples.pop_front();
        }
        if self.samples.len() == CLOCK_SAMPLES {
            self.samples.pop_front();
        }
        let error = round_trip / 2;
        let half = i64::try_from(error.as_micros()).unwrap_or(i64::MAX);
        let micros = theirs.saturating_sub(mine.saturating_sub(half));
        self.samples.push_back((now, Skew { micros, error }));
    }

    pub(super) fn skew(&self) -> Option<Skew> {
        self.samples.iter().map(|(_, skew)| *skew).min_by_key(|skew| skew.error)
    }
}

impl Skew {
    /// Whether the clocks differ by more than `limit` for certain, whatever the error of the estimate.
    pub fn exceeds(&self, limit: Duration) -> bool {
        Duration::from_micros(self.micros.unsigned_abs()) > limit.saturating_add(self.error)
    }
}
