//! When a target is due: a pure function of its key and its interval.
//!
//! Every node would collect a target at the same instants, so a move keeps the phase of its
//! series, and two nodes that overlap write the same timestamps.
//!
//! ```
//! use model::tick;
//!
//! let first = tick::next(7, 15_000, 1_700_000_000_000);
//! assert!(first > 1_700_000_000_000);
//! assert_eq!(tick::next(7, 15_000, first), first + 15_000);
//! ```

mod moves;
#[cfg(test)]
mod tests;

pub use moves::{after, before_first, first, following, is_at_hand, missed_between};

/// The first tick strictly after `now`. `interval` and the result are in milliseconds (the result
/// since the Unix epoch); an interval of 0 counts as 1.
pub fn next(key: u64, interval: u64, now: i64) -> i64 {
    let interval = interval.max(1);
    let phase = key % interval;
    // `now` may be before 1970 on a machine without a clock; the euclidean rest is right there too.
    let step = signed(interval);
    let phase = i64::try_from(phase).expect("a phase is smaller than its interval");
    let since = (now - phase).rem_euclid(step);
    now - since + step
}

/// The last tick at or before `now`.
pub fn last(key: u64, interval: u64, now: i64) -> i64 {
    next(key, interval, now) - signed(interval)
}

/// An interval as a difference of instants; 0 counts as 1.
fn signed(interval: u64) -> i64 {
    i64::try_from(interval.max(1)).unwrap_or(i64::MAX)
}
