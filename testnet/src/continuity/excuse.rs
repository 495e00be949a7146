//! What a crash may cost a target of the node that crashed: pure.

use std::time::Duration;

/// What came to an endpoint so shortly before may be in memory alone.
const UNSEALED: Duration = delivery::QueueConfig::MAX_UNSEALED;

/// The ticks of one target that one crash may cost. Instants are in milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Excuse {
    /// The first instant at which such a tick may be due.
    first: i64,
    /// The last one.
    last: i64,
    /// How many they may be.
    most: u64,
}

impl Excuse {
    /// Of a crash at an instant, of which every other node knew so much later. `interval` is in
    /// milliseconds.
    pub(crate) fn of(at: i64, detection: Duration, interval: i64) -> Self {
        let interval = interval.max(1);
        let millis = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        let detection = millis(detection);
        // A scrape may take as long as the interval, and what it brings waits for the seal; who takes
        // over begins with the next tick.
        let first = at.saturating_sub(interval).saturating_sub(millis(UNSEALED));
        let last = at.saturating_add(detection).saturating_add(interval);
        let most = detection.unsigned_abs().div_ceil(interval.unsigned_abs()).saturating_add(1);
        Self { first, last, most }
    }

    /// How many ticks it may cost.
    pub(crate) fn most(&self) -> u64 {
        self.most
    }
}

/// How many of a target's missing ticks are excused by the crashes of those who held it.
pub(crate) fn excused(excuses: &[Excuse], missing: impl Iterator<Item = i64>) -> u64 {
    let mut left = excuses.to_vec();
    let mut excuse = |due: &i64| {
        let covers = |left: &&mut Excuse| left.most > 0 && (left.first..=left.last).contains(due);
        left.iter_mut().find(covers).map(|left| left.most -= 1).is_some()
    };
    missing.filter(|due| excuse(due)).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_is_excused_by_a_crash_about_its_time_and_so_many_are_by_each() {
        let crash = |at| Excuse::of(at, Duration::from_millis(1500), 1000);
        let ticks = |from: i64, to: i64| (from..=to).map(|second| second * 1000);
        assert_eq!(crash(20_000).most(), 3);
        for (due, expected) in [(18_499, 0), (18_500, 1), (22_500, 1), (22_501, 0)] {
            assert_eq!(excused(&[crash(20_000)], [due].into_iter()), expected, "at {due}");
        }
        assert_eq!(excused(&[crash(20_000)], ticks(0, 17)), 0, "long before");
        assert_eq!(excused(&[crash(20_000)], ticks(0, 99)), 3);
        assert_eq!(excused(&[crash(20_000), crash(50_000)], ticks(0, 99)), 6);
        assert_eq!(excused(&[], ticks(0, 99)), 0);
    }
}
