use super::*;

const SECOND: i64 = 1000;

/// A target whose ticks are at full seconds and whose scrapes take 2 ms.
fn key() -> Key {
    let quick = |number: &u64| {
        let key = Key::from(*number);
        number.is_multiple_of(1000) && duration(key, 1000) == 2
    };
    let mut numbers = 1u64 << 20..;
    Key::from(numbers.find(quick).expect("one in 43,000 is such a key"))
}

fn at(clock: i64) -> Moment {
    Moment { now: Duration::from_millis(clock as u64), clock }
}

fn takeover(sealed: Option<i64>) -> Takeover {
    let component = ComponentId::from("c");
    Takeover { component, key: key(), sealed, overlap: false, from: None }
}

fn moved() -> End {
    End::Moved(Name::new("b").expect("a short name"))
}

/// A collector that began at an instant, with the seal of the owner before.
fn collector(began: i64, sealed: Option<i64>) -> Collector {
    let mut collector = Collector::new(Duration::from_secs(1));
    collector.start(takeover(sealed), at(began));
    collector
}

/// When a target has stopped that is given away at an instant, what it collected, and the seal.
fn given_away(mut collector: Collector, clock: i64) -> (i64, Option<(i64, i64)>, Option<i64>) {
    let done = collector.stop(key(), moved(), true, at(clock)).expect("it runs");
    let stopped = collector.finish(0, key(), at(done).now).expect("it was stopped");
    (done, stopped.hold.ticks, stopped.seal)
}

#[test]
fn what_was_collected_follows_from_when_it_began_and_stopped() {
    let (done, ticks, seal) = given_away(collector(500, None), 3 * SECOND + 500);
    assert_eq!((done, ticks, seal), (3500, Some((SECOND, 3 * SECOND)), Some(3 * SECOND)));
}

#[test]
fn a_tick_at_hand_is_collected_before_a_target_is_given_away() {
    let (done, ticks, _) = given_away(collector(500, None), 3 * SECOND + 800);
    assert_eq!((done, ticks), (4002, Some((SECOND, 4 * SECOND))));
    let (done, ticks, _) = given_away(collector(500, None), 3 * SECOND + 1);
    assert_eq!((done, ticks), (3002, Some((SECOND, 3 * SECOND))), "the scrape is under way");
}

#[test]
fn who_has_collected_nothing_hands_on_the_seal_that_it_got() {
    let (_, ticks, seal) = given_away(collector(3200, Some(3 * SECOND)), 3300);
    assert_eq!((ticks, seal), (None, Some(3 * SECOND)));
}

#[test]
fn a_tick_that_the_owner_before_left_out_is_made_up_for() {
    let (_, ticks, _) = given_away(collector(4050, Some(3 * SECOND)), 4500);
    assert_eq!(ticks, Some((4 * SECOND, 4 * SECOND)));
    let (_, ticks, _) = given_away(collector(4050, Some(4 * SECOND)), 4500);
    assert_eq!(ticks, None, "it was not left out");
}

#[test]
fn a_crash_loses_what_is_not_in_the_log_yet() {
    let ticks = |clock| {
        let holds = collector(500, None).end(0, &End::Crashed, at(clock));
        holds.first().expect("it ran").1.ticks
    };
    assert_eq!(ticks(3 * SECOND + 600), Some((SECOND, 3 * SECOND)));
    assert_eq!(ticks(3 * SECOND + 400), Some((SECOND, 2 * SECOND)));
    assert_eq!(ticks(SECOND + 400), None);
}

#[test]
fn a_start_while_it_stops_is_done_when_it_has_stopped() {
    let mut collector = collector(500, None);
    collector.stop(key(), moved(), true, at(2900)).expect("it runs");
    collector.start(takeover(Some(3 * SECOND)), at(2901));
    let stopped = collector.finish(0, key(), at(3003).now).expect("it was stopped");
    assert_eq!(stopped.restart.map(|again| again.sealed), Some(Some(3 * SECOND)));
}

#[test]
fn a_clock_that_was_set_is_followed_and_no_tick_of_the_time_before_is_waited_for() {
    for clock in [100 * SECOND + 500, 3 * SECOND + 500] {
        let set = || {
            let mut collector = collector(50 * SECOND + 500, None);
            collector.follow_clock(at(55 * SECOND), at(clock));
            collector
        };
        assert_eq!(given_away(set(), clock + 100), (clock + 100, None, Some(55 * SECOND)));
        let next = clock + 500;
        assert_eq!(given_away(set(), clock + 300), (next + 2, Some((next, next)), Some(next)));
    }
}
