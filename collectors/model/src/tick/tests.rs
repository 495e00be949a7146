use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn ticks_are_one_interval_apart_whoever_asks_when(
        key: u64,
        interval in 1_u64..3_600_000,
        now in -1_000_000_i64..4_000_000_000_000,
        wait in 0_i64..3_600_000,
    ) {
        let first = next(key, interval, now);
        prop_assert!(first > now && first <= now + interval as i64);
        prop_assert_eq!(last(key, interval, now), first - interval as i64);
        let later = next(key, interval, now + wait);
        prop_assert_eq!((later - first).rem_euclid(interval as i64), 0);
    }
}

const KEY: u64 = 7;

/// One of its ticks at a pace of a second.
const TICK: i64 = 1_700_000_000_007;

#[test]
fn a_clock_that_is_set_back_a_little_repeats_no_tick() {
    let last = TICK + 5 * 1000;
    assert_eq!(following(KEY, 1000, last, last - 1500), (last + 1000, 0));
    // An hour is believed, or nothing would be scraped for an hour.
    let hour = 3_600_000;
    assert_eq!(following(KEY, 1000, last, last - hour + 1), (last - hour + 1000, 0));
}

#[test]
fn ticks_that_passed_are_missed_unless_they_just_did() {
    let last = TICK;
    assert_eq!(following(KEY, 1000, last, last + 500), (last + 1000, 0));
    assert_eq!(following(KEY, 1000, last, last + 1050), (last + 1000, 0));
    assert_eq!(following(KEY, 1000, last, last + 1200), (last + 2000, 1));
    assert_eq!(following(KEY, 1000, last, last + 3050), (last + 3000, 2));
    assert_eq!(following(KEY, 1000, last, last + 3500), (last + 4000, 3));
}

#[test]
fn who_has_collected_nothing_hands_on_what_may_have_been_collected_before_it() {
    // The owner before crashed: it may have gone on from 1,000 until the last tick before the first here.
    assert_eq!(before_first(7_000, 1_000, 1_000, false), 6_000);
    assert_eq!(before_first(7_000, 1_000, 1_000, true), 1_000);
    // Nobody is known to have collected anything.
    assert_eq!(before_first(7_000, 1_000, 0, false), 0);
    // It is the clock here that is behind.
    assert_eq!(before_first(7_000, 1_000, 6_500, false), 6_500);
}

#[test]
fn a_new_owner_makes_up_for_a_tick_only_if_nobody_can_have_collected_it() {
    let first =
        |late: i64, last_tick: i64, sure: bool| first(KEY, 1000, TICK + late, last_tick, sure);
    let before = TICK - 1000;
    assert_eq!(first(400, before, true), TICK);
    assert_eq!(first(600, before, true), TICK + 1000);
    assert_eq!(first(400, TICK, true), TICK + 1000, "it was collected");
    // The word of an owner that gave the target away, to one that crashed since, may be old.
    assert_eq!(first(50, before, false), TICK + 1000);
    assert_eq!(first(50, 0, true), TICK + 1000, "nobody knows of any");
    // The clock of the owner before was a little ahead.
    assert_eq!(first(-100, TICK, true), TICK + 1000);
}
