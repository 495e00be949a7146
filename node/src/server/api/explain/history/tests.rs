use super::*;

/// With key 0, ticks are the multiples of the interval.
fn missed(last_tick: Option<i64>, at: i64, interval: u64) -> Option<u64> {
    let record = Recorded { last_tick, ..record("start", at, false) };
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

fn record(action: &str, at: i64, overlap: bool) -> Recorded {
    Recorded {
        at,
        action: action.to_owned(),
        from: String::new(),
        to: String::new(),
        cause: "crash".to_owned(),
        last_tick: None,
        took_micros: 0,
        overlap,
    }
}

#[test]
fn the_overlap_of_a_move_ends_when_one_of_both_stops() {
    let after = |doings: &[(&str, &str, i64)]| {
        let start = ("b".to_owned(), record("start", 1000, true));
        let later =
            doings.iter().map(|(node, what, at)| ((*node).to_owned(), record(what, *at, false)));
        let records: Vec<_> = std::iter::once(start).chain(later).collect();
        beside(&records, 0)
    };
    assert_eq!(after(&[("a", "stop", 3500)]), Some(2500));
    assert_eq!(after(&[("a", "stop", 3500), ("c", "stop", 4000)]), Some(3000));
    assert_eq!(after(&[]), None, "it goes on, or the other one is dead");
    assert_eq!(after(&[("b", "stop", 2000), ("a", "stop", 3500)]), None, "what a did is its own");
    assert_eq!(after(&[("a", "start", 2000), ("a", "stop", 3500)]), None, "a did not run at first");
    let sealed =
        [("b".to_owned(), record("start", 1, false)), ("a".to_owned(), record("stop", 2, false))];
    assert_eq!(beside(&sealed, 0), None);
}
