use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const SESSION: SessionId = SessionId([1; 16]);

#[test]
fn order_does_not_matter_within_the_window_and_nothing_passes_twice() {
    let mut replays = Replays::default();
    for number in [5000, 5000 - WINDOW + 1, 4999] {
        assert_eq!(replays.admit(SESSION, number), Ok(false));
        assert_eq!(replays.admit(SESSION, number), Err(Refusal::Replayed));
    }
    assert_eq!(replays.admit(SESSION, 5000 - WINDOW), Err(Refusal::Stale));
    assert_eq!(replays.admit(SESSION, u64::MAX), Ok(false));
    assert_eq!(replays.admit(SESSION, 5001), Err(Refusal::Stale));
}

#[test]
fn the_session_heard_longest_ago_is_forgotten_first() {
    let mut replays = Replays::with_limit(2);
    let [a, b, c] = [1, 2, 3].map(|byte| SessionId([byte; 16]));
    assert_eq!(replays.admit(a, 1), Ok(false));
    assert_eq!(replays.admit(b, 1), Ok(false));
    assert_eq!(replays.admit(a, 2), Ok(false));
    assert_eq!(replays.admit(c, 1), Ok(true));
    assert_eq!(replays.admit(a, 1), Err(Refusal::Replayed));
    assert_eq!(replays.sessions.len(), 2);
    assert_eq!(replays.order.len(), 2);
}

proptest! {
    #[test]
    fn a_window_is_a_set_that_forgets_what_is_old(
        steps in prop::collection::vec((0u64..3 * WINDOW, any::<bool>()), 1..200)
    ) {
        let mut replays = Replays::default();
        let mut seen: BTreeSet<u64> = BTreeSet::new();
        let mut base = 0;
        for (offset, advance) in steps {
            if advance {
                base += offset / 4;
            }
            let number = base + offset;
            let newest = seen.last().copied().unwrap_or(number);
            let expected = if number + WINDOW <= newest {
                Err(Refusal::Stale)
            } else if seen.contains(&number) {
                Err(Refusal::Replayed)
            } else {
                Ok(false)
            };
            prop_assert_eq!(replays.admit(SESSION, number), expected);
            seen.insert(number);
        }
    }
}
