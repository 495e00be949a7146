use super::*;

/// 1970-01-02T00:00:00.250Z and each second thereafter, in microseconds.
fn scrapes() -> Vec<i64> {
    (0..3).map(|n| (DAY + 250 + n * 1000) * 1000).collect()
}

#[test]
fn the_first_scrape_after_a_move_is_found_across_midnight() {
    let scrapes = scrapes();
    let after = |at: &str| first_after(of_day(at).expect("a time"), &scrapes);
    assert_eq!(after("1970-01-01T23:59:59.900Z"), Some(scrapes[0]));
    assert_eq!(after("1970-01-02T00:00:00.250Z"), Some(scrapes[0]));
    assert_eq!(after("1970-01-02T00:00:00.251Z"), Some(scrapes[1]));
    assert_eq!(after("1970-01-02T00:00:02.500Z"), None);
    assert_eq!(of_day("yesterday"), None);
}

#[test]
fn a_move_is_known_again_though_the_clock_says_something_else() {
    let took = Duration::ZERO;
    let moved = |at| Move { at, cause: String::new(), took, late: None, gap: Some(0.0) };
    assert!(moved(DAY - 1).is_at(0) && moved(0).is_at(DAY - 1) && moved(7).is_at(8));
    assert!(!moved(1000).is_at(2000));
}

#[test]
fn a_scrape_is_late_by_what_has_passed_since_its_tick() {
    let late = |began| lateness(200, 1000, began).as_micros();
    assert_eq!(late(DAY * 1000 + 200_000), 0);
    assert_eq!(late(DAY * 1000 + 203_500), 3_500);
    assert_eq!(late(DAY * 1000 + 199_999), 999_999);
}

#[test]
fn nothing_seen_meets_no_goal() {
    assert_eq!(Spread::of(std::iter::empty()).median, Duration::MAX);
    let spread = Spread::of([3, 1, 2].map(Duration::from_millis).into_iter());
    assert_eq!(spread.to_string(), "2.0 ms in the median, 2.0 ms p99, 3.0 ms at most");
}
