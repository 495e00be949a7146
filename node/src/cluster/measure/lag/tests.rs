use super::*;

#[test]
fn the_longest_is_remembered_for_a_minute_by_whoever_asks() {
    let began = Instant::now();
    let at = |second| began + Duration::from_secs(second);
    let millis = Duration::from_millis;
    let mut lag = Lag::default();
    assert_eq!(lag.longest(at(0)), millis(0));
    lag.note(millis(10), at(0));
    lag.note(millis(300), at(5));
    lag.note(millis(100), at(6));
    lag.note(millis(200), at(25));
    for second in [6, 6, 30, 64, 69] {
        assert_eq!(lag.longest(at(second)), millis(300), "after {second} s");
    }
    assert_eq!(lag.longest(at(70)), millis(200));
    assert_eq!(lag.longest(at(89)), millis(200));
    assert_eq!(lag.longest(at(90)), millis(0));
    // A slot that is used again has forgotten what it held.
    lag.note(millis(1), at(95));
    assert_eq!(lag.longest(at(95)), millis(1));
}
