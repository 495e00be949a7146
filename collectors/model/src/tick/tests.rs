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
