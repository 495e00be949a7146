use super::*;

/// With key 0, ticks are the multiples of the interval.
fn missed(last_tick: Option<i64>, at: i64, interval: u64) -> Option<u64> {
    let record = Recorded {
        at,
        action: "start".to_owned(),
        from: "a".to_owned(),
        to: "b".to_owned(),
        cause: "join".to_owned(),
        last_tick,
        took_micros: 0,
        overlap: false,
    };
    ticks_missed(&record, Key::from(0), NonZeroU64::new(interval))
}

#[test]
fn the_gap_of_a_move_is_what_lies_between_the_last_tick_and_the_next() {
    assert_eq!(missed(Some(1_000_000), 1_000_500, 1000), Some(0));
    // Less than a tenth late: it is made up for.
    assert_eq!(missed(Some(1_000_000), 1_001_090, 1000), Some(0));
    assert_eq!(missed(Some(1_000_000), 1_001_500, 1000), Some(1));
    assert_eq!(missed(Some(1_000_000), 1_060_500, 1000), Some(60));
    // The other node was ahead and has collected the next tick already.
    assert_eq!(missed(Some(1_001_000), 1_000_990, 1000), Some(0));
    assert_eq!(missed(None, 1_000_500, 1000), None);
    assert_eq!(missed(Some(1_000_000), 1_000_500, 0), None);
}
