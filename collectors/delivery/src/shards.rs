//! How many requests should be in flight: what the rate of samples and the time a request takes
//! call for.

use crate::config::QueueConfig;

/// Share of what is pending that should be caught up in a second.
const CATCH_UP: f64 = 0.05;
/// A change of less than this share of the shards is not worth dividing the series anew.
const TOLERANCE: f64 = 0.3;
/// Weight of the latest period against those before it.
const SMOOTHING: f64 = 0.2;

/// What has been counted since the beginning.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Load {
    /// Samples handed in.
    pub(crate) received: u64,
    /// Samples that the backend took or refused for good.
    pub(crate) answered: u64,
    /// Seconds that requests were in flight, in sum.
    pub(crate) busy_seconds: f64,
    /// Samples waiting now.
    pub(crate) pending: u64,
}

/// Decides on the number of shards.
#[derive(Debug)]
pub(crate) struct Resharder {
    min: usize,
    max: usize,
    shards: usize,
    last: Load,
    received_rate: Option<f64>,
    seconds_per_sample: Option<f64>,
    desired: f64,
}

impl Resharder {
    pub(crate) fn new(queue: &QueueConfig) -> Self {
        Self {
            min: queue.min_shards,
            max: queue.max_shards,
            shards: queue.min_shards,
            last: Load::default(),
            received_rate: None,
            seconds_per_sample: None,
            desired: queue.min_shards as f64,
        }
    }

    /// What the load calls for, before bounds and rounding.
    pub(crate) fn desired(&self) -> f64 {
        self.desired
    }

    /// Takes in what was counted up to now, `period` seconds after the last time; returns how many
    /// shards there should be.
    pub(crate) fn update(&mut self, load: Load, period: f64) -> usize {
        let received = load.received.saturating_sub(self.last.received) as f64;
        let answered = load.answered.saturating_sub(self.last.answered) as f64;
        let busy = load.busy_seconds - self.last.busy_seconds;
        self.last = load;
        smooth(&mut self.received_rate, received / period);
        if answered == 0.0 {
            // A backend that is away says nothing about how many requests it could take.
            return self.shards;
        }
        smooth(&mut self.seconds_per_sample, busy / answered);
        let (Some(rate), Some(cost)) = (self.received_rate, self.seconds_per_sample) else {
            return self.shards;
        };
        self.desired = cost * (rate + CATCH_UP * load.pending as f64);
        let now = self.shards as f64;
        if self.desired < now * (1.0 - TOLERANCE) || self.desired > now * (1.0 + TOLERANCE) {
            self.shards = (self.desired.ceil() as usize).clamp(self.min, self.max);
        }
        self.shards
    }
}

fn smooth(average: &mut Option<f64>, latest: f64) {
    *average = Some(match *average {
        None => latest,
        Some(before) => before + SMOOTHING * (latest - before),
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resharder(min: usize, max: usize) -> Resharder {
        let queue = QueueConfig { min_shards: min, max_shards: max, ..QueueConfig::default() };
        Resharder::new(&queue)
    }

    /// `rate` samples a second arrive and leave, each costing `cost` seconds of a request.
    fn run(resharder: &mut Resharder, rate: u64, cost: f64, pending: u64, periods: u64) -> usize {
        let mut load = resharder.last;
        for _ in 0..periods {
            load.received += rate * 10;
            load.answered += rate * 10;
            load.busy_seconds += (rate * 10) as f64 * cost;
            load.pending = pending;
            resharder.update(load, 10.0);
        }
        resharder.shards
    }

    #[test]
    fn a_fast_backend_needs_one_shard() {
        assert_eq!(run(&mut resharder(1, 50), 30_000, 2e-6, 2_000, 20), 1);
    }

    #[test]
    fn a_slow_backend_gets_as_many_as_it_needs_and_loses_them_again() {
        let mut resharder = resharder(1, 50);
        // 100 ms a request of 2,000 samples: 50 us a sample, so 100,000 a second keep 5 busy.
        let shards = run(&mut resharder, 100_000, 50e-6, 0, 50);
        assert!((5..=7).contains(&shards), "{shards}");
        assert_eq!(run(&mut resharder, 1_000, 50e-6, 0, 50), 1);
    }

    #[test]
    fn a_backlog_asks_for_more_within_the_bounds() {
        let mut resharder = resharder(2, 8);
        assert_eq!(run(&mut resharder, 10, 50e-6, 0, 10), 2);
        assert_eq!(run(&mut resharder, 10_000, 50e-6, 100_000_000, 10), 8);
    }

    #[test]
    fn a_backend_that_refuses_everything_sample_by_sample_gets_more_shards_too() {
        let mut resharder = resharder(1, 50);
        // A request of 2 ms for every sixth sample: ten thousand a second keep three or four busy.
        let shards = run(&mut resharder, 10_000, 2e-3 / 6.0, 0, 50);
        assert!((3..=5).contains(&shards), "{shards}");
    }

    #[test]
    fn a_backend_that_is_away_changes_nothing() {
        let mut resharder = resharder(1, 50);
        let shards = run(&mut resharder, 100_000, 50e-6, 0, 50);
        let mut load = resharder.last;
        for _ in 0..100 {
            load.received += 1_000_000;
            load.pending += 1_000_000;
            load.busy_seconds += 300.0;
            assert_eq!(resharder.update(load, 10.0), shards);
        }
    }
}
