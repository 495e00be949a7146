use super::*;

fn start(
    first_tick: impl Into<Option<i64>>,
    last_tick: Option<i64>,
    last_heard: Option<i64>,
    overlap: bool,
) -> Recorded {
    Recorded {
        at: 1_000_000,
        action: "start".to_owned(),
        from: "a".to_owned(),
        to: "b".to_owned(),
        cause: "crash".to_owned(),
        last_tick,
        first_tick: first_tick.into(),
        last_heard,
        took_micros: 0,
        overlap,
    }
}

/// With key 0 and this interval, ticks are the whole seconds.
fn gap(record: &Recorded) -> Option<Gap> {
    Gap::of(record, Key::from(0), NonZeroU64::new(1000).expect("it is not 0"))
}

#[test]
fn the_gap_of_a_move_with_a_seal_is_measured_from_its_last_tick_to_the_first_here() {
    let sealed = |first, last_tick| gap(&start(first, Some(last_tick), None, false));
    assert_eq!(sealed(1_001_000, 1_000_000), Some(Gap::Measured(0)));
    assert_eq!(sealed(1_002_000, 1_000_000), Some(Gap::Measured(1000)));
    assert_eq!(sealed(1_061_000, 1_000_000), Some(Gap::Measured(60_000)));
    // The other node was ahead.
    assert_eq!(sealed(1_000_000, 1_001_000), Some(Gap::Measured(0)));
}

#[test]
fn the_gap_of_a_crash_is_bounded_by_when_the_node_was_last_heard_from() {
    // Heard at 1000.2 s, so the tick of 1000 s may have been under way: that of 999 s is sure.
    let crash = gap(&start(1_004_000, None, Some(1_000_200), true));
    assert_eq!(crash, Some(Gap::AtMost(4000)));
    // A checkpoint tells of a tick, and the node may have gone on after it.
    let checkpoint = gap(&start(1_004_000, Some(1_000_000), None, true));
    assert_eq!(checkpoint, Some(Gap::AtMost(3000)));
    let both = gap(&start(1_004_000, Some(998_000), Some(1_000_200), true));
    assert_eq!(both, crash, "the later of what is known counts");
}

#[test]
fn where_nothing_is_known_of_the_node_before_there_is_no_gap_to_tell() {
    assert_eq!(gap(&start(1_001_000, None, None, true)), None);
    assert_eq!(gap(&start(1_001_000, None, None, false)), None);
    assert_eq!(gap(&start(1_001_000, Some(0), None, false)), None, "it was never collected");
    let stop = Recorded { action: "stop".to_owned(), ..start(None, Some(1), None, false) };
    assert_eq!(gap(&stop), None);
}

#[test]
fn a_gap_is_open_until_something_was_collected_unless_it_never_can_be_known() {
    assert_eq!(gap(&start(None, Some(1_000_000), None, false)), Some(Gap::Open));
    assert_eq!(gap(&start(None, None, Some(1_000_200), true)), Some(Gap::Open));
    assert_eq!(gap(&start(None, Some(0), None, false)), None);
    assert_eq!(Gap::Open.measured_seconds().or(Gap::Open.at_most_seconds()), None);
}
