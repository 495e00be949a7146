use super::*;

#[test]
fn leaps_double_while_the_same_death_is_told_and_begin_anew_afterwards() {
    let mut leap = Leap::default();
    let start = Instant::now();
    let lengths: Vec<u64> =
        (0..30).map(|turn| leap.next(start + Duration::from_millis(2 * turn))).collect();
    assert_eq!(lengths[..5], [1, 2, 4, 8, 16]);
    assert_eq!(lengths[29], LEAP_MAX);
    // A clock that is a day behind is made up for in seventeen messages.
    assert!(lengths[..17].iter().sum::<u64>() > 86_400);
    assert_eq!(leap.next(start + Duration::from_secs(1)), 1);
}
