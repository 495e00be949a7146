//! Which tick comes next, whatever the clock and the last scrape did.

use std::time::Duration;

use model::tick;

/// A clock that was set back by more intervals than this is believed at once; ticks that were
/// collected already are not collected again otherwise.
const MAX_BACKWARDS: i64 = 2;

pub(super) fn millis(interval: Duration) -> u64 {
    u64::try_from(interval.as_millis()).unwrap_or(u64::MAX).max(1)
}

pub(super) fn signed(interval: u64) -> i64 {
    i64::try_from(interval).unwrap_or(i64::MAX)
}

/// The instant after which the next tick may be: the clock, or the last tick if the clock is a
/// little behind it.
pub(super) fn after(now: i64, last_tick: i64, interval: u64) -> i64 {
    let behind = last_tick.saturating_sub(now);
    if behind > signed(interval).saturating_mul(MAX_BACKWARDS) { now } else { now.max(last_tick) }
}

/// The tick that a new owner begins with. If the last owner left a tick out and it is less than a
/// tenth of the interval ago, it is made up for.
pub(super) fn first_tick(key: u64, interval: u64, now: i64, last_tick: i64) -> i64 {
    let passed = tick::last(key, interval, now);
    let left_out = last_tick > 0 && last_tick < passed;
    if left_out && now - passed <= signed(interval) / 10 {
        return passed;
    }
    tick::next(key, interval, after(now, last_tick, interval))
}

/// The tick after a scrape, and how many were missed on the way. One that is less than a tenth of
/// the interval ago is not missed yet.
pub(super) fn next_tick(key: u64, interval: u64, last: i64, now: i64) -> (i64, usize) {
    let next = tick::next(key, interval, after(last.min(now), last, interval));
    let late = now.saturating_sub(next);
    if late <= signed(interval) / 10 {
        return (next, 0);
    }
    let passed = tick::last(key, interval, now);
    let mut missed = (passed - next) / signed(interval) + 1;
    let mut tick = tick::next(key, interval, now);
    if now - passed <= signed(interval) / 10 {
        tick = passed;
        missed -= 1;
    }
    (tick, usize::try_from(missed).unwrap_or_default())
}
