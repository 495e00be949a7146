use std::time::{Duration, Instant};

use super::{CONTRADICTIONS, Contradictions};

#[test]
fn however_many_compare_their_state_within_a_second_contradictions_are_bounded() {
    let mut quota = Contradictions::default();
    let start = Instant::now();
    assert_eq!(quota.take(100, start), 100);
    assert_eq!(quota.take(100, start + Duration::from_millis(500)), CONTRADICTIONS - 100);
    assert_eq!(quota.take(100, start + Duration::from_millis(999)), 0);
    assert_eq!(quota.take(500, start + Duration::from_secs(1)), CONTRADICTIONS);
}
