use std::time::Duration;

use super::*;
use crate::sim::world::since_dawn;

/// A target whose ticks are at full seconds.
fn key() -> Key {
    Key::from(7000)
}

/// Ticks are counted in seconds from the beginning of the world.
fn tick_at(second: i64) -> i64 {
    since_dawn(Duration::ZERO) + 1000 * second
}

fn hold(host: usize, ticks: (i64, i64), end: End) -> Hold {
    let (first, last) = ticks;
    Hold {
        host,
        since: Duration::from_secs(first as u64),
        until: Duration::from_secs(last as u64) + Duration::from_millis(10),
        from: None,
        sealed: None,
        overlap: false,
        ticks: Some((tick_at(first), tick_at(last))),
        late: false,
        end,
    }
}

fn follow(holds: &[Hold], ends: bool) -> Course {
    // After the beginning, and until the tenth tick.
    let expected = Expected { keys: vec![key()], from: tick_at(0), until: tick_at(10) + 5, ends };
    course(key(), holds, &expected, 1000)
}

fn seconds(ranges: &[(i64, i64)]) -> Vec<(i64, i64)> {
    ranges.iter().map(|(from, to)| ((from - tick_at(0)) / 1000, (to - tick_at(0)) / 1000)).collect()
}

#[test]
fn a_move_without_a_gap_is_whole() {
    let course = follow(&[hold(0, (0, 4), End::Open), hold(1, (5, 12), End::Open)], false);
    assert_eq!((course.expected, course.gaps, course.extra, course.moves), (10, 0, 0, 1));
}

#[test]
fn gaps_are_found_at_the_ends_and_between() {
    let course = follow(&[hold(0, (2, 4), End::Open), hold(1, (7, 8), End::Open)], false);
    assert_eq!(seconds(&course.missing), [(1, 1), (5, 6), (9, 10)]);
    assert_eq!(course.gaps, 5);
    assert_eq!(follow(&[], false).gaps, 10);
}

#[test]
fn a_tick_that_was_collected_twice_and_once_late_has_two_times() {
    let late = |first| Hold { late: true, ..hold(1, (first, 12), End::Open) };
    let torn = |late| follow(&[hold(0, (0, 6), End::Open), late], false).torn;
    assert_eq!((torn(late(6)), torn(late(7)), torn(hold(1, (6, 12), End::Open))), (1, 0, 0));
}

#[test]
fn stretches_that_several_collected_are_found() {
    let course = follow(
        &[hold(0, (0, 6), End::Open), hold(1, (5, 12), End::Open), hold(2, (6, 6), End::Open)],
        false,
    );
    assert_eq!(seconds(&course.twice), [(5, 6), (6, 6)]);
    assert_eq!((course.extra, course.gaps), (3, 0));
}

#[test]
fn a_series_that_is_said_to_have_ended_must_not_go_on() {
    let going_on = follow(&[hold(0, (0, 4), End::Gone), hold(1, (5, 12), End::Open)], false);
    assert!(going_on.false_stale);
    let ended = follow(&[hold(0, (0, 10), End::Gone)], true);
    assert!(!ended.false_stale && !ended.unended);
    let taken_up = follow(&[hold(0, (0, 10), End::Gone), hold(1, (11, 15), End::Open)], true);
    assert!(taken_up.false_stale && taken_up.unended);
    assert!(follow(&[hold(0, (0, 10), End::Open)], true).unended);
}
