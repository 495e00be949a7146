//! Which tick comes next where a target changes hands, whatever the clock and the last scrape did.

use super::{last, next, signed};

/// A clock that was set back by more intervals than this is believed at once; ticks that were
/// collected already are not collected again otherwise.
const MAX_BACKWARDS: i64 = 2;

/// Ticks at hand are collected before a target is given away: a quarter of the interval, and a
/// second at most, is what a move may take, the difference of two clocks included.
const AT_HAND: i64 = 1000;

/// The instant after which the next tick may be: the clock, or the last tick if the clock is a
/// little behind it.
pub fn after(now: i64, last_tick: i64, interval: u64) -> i64 {
    let behind = last_tick.saturating_sub(now);
    if behind > signed(interval).saturating_mul(MAX_BACKWARDS) { now } else { now.max(last_tick) }
}

/// Whether a target that is to be given away should collect its next tick first.
pub fn is_at_hand(next: i64, interval: u64, now: i64) -> bool {
    next.saturating_sub(now) <= (signed(interval) / 4).min(AT_HAND)
}

/// Ticks between the last one of the owner before and the first one here. A `last_tick` of 0 means
/// that nobody knows of one.
pub fn missed_between(last_tick: i64, first: i64, interval: u64) -> usize {
    if last_tick <= 0 {
        return 0;
    }
    let half = signed(interval) / 2;
    let passed = first.saturating_sub(last_tick).saturating_add(half) / signed(interval);
    usize::try_from(passed - 1).unwrap_or_default()
}

/// The tick that a new owner begins with. If the last owner left a tick out, it is made up for, up to half of
/// the interval later; but only where `sure`, which is that nobody else can have collected it: what is
/// known of an owner that crashed may be old, and a tick that is stored twice is refused by backends.
pub fn first(key: u64, interval: u64, now: i64, last_tick: i64, sure: bool) -> i64 {
    let passed = last(key, interval, now);
    let left_out = sure && last_tick > 0 && last_tick < passed;
    if left_out && now - passed <= signed(interval) / 2 {
        return passed;
    }
    next(key, interval, after(now, last_tick, interval))
}

/// The last tick before `first`, which a new owner begins with, that is or may be collected: `last_tick`, unless
/// the owner before may have gone on after it. That is what whoever goes on next has to know, should this
/// one collect nothing.
pub fn before_first(first: i64, interval: u64, last_tick: i64, sure: bool) -> i64 {
    if sure || last_tick <= 0 { last_tick } else { last_tick.max(first - signed(interval)) }
}

/// The tick that follows one that was collected, and how many were missed on the way. One that is
/// less than a tenth of the interval ago is not missed yet.
pub fn following(key: u64, interval: u64, collected: i64, now: i64) -> (i64, usize) {
    let due = next(key, interval, after(collected.min(now), collected, interval));
    let late = now.saturating_sub(due);
    if late <= signed(interval) / 10 {
        return (due, 0);
    }
    let passed = last(key, interval, now);
    let mut missed = (passed - due) / signed(interval) + 1;
    let mut tick = next(key, interval, now);
    if now - passed <= signed(interval) / 10 {
        tick = passed;
        missed -= 1;
    }
    (tick, usize::try_from(missed).unwrap_or_default())
}
