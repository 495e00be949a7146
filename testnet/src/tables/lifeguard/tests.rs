use super::*;

#[test]
fn nodes_that_were_stuck_together_condemn_nobody_who_was_not() {
    let [plain, .., shoal] = VARIANTS.map(|(_, parts)| config(parts));
    let stuck =
        Anomaly { sufferers: 8, lasts: Duration::from_secs(20), pause: None, pace: Pace::Blocked };
    let verdicts = |config: &Config| -> u64 {
        let one =
            |seed| experiment(seed, 40, config.clone(), stuck).expect("the cluster forms").all;
        (0..2).map(one).sum()
    };
    assert!(verdicts(&plain) > 0, "the experiment would show it");
    assert_eq!(verdicts(&shoal), 0);
}

/// What one of them holds against others may be about incarnations that everybody else knows to be
/// contradicted. Alone with it, it has to ask.
#[test]
fn a_quarter_of_128_that_was_stuck_for_eight_seconds_condemns_nobody_who_was_not() {
    let [.., shoal] = VARIANTS.map(|(_, parts)| config(parts));
    let lasts = Duration::from_millis(8192);
    let stuck = Anomaly { sufferers: 32, lasts, pause: None, pace: Pace::Blocked };
    // With this seed four did, when they waited to be contradicted.
    let outcome = experiment(2, NODES, shoal, stuck).expect("the cluster forms");
    assert_eq!(outcome.all, 0);
}

#[test]
fn one_wrong_verdict_of_what_runs_misses_the_goal_and_those_of_the_others_do_not() {
    let missed = |verdicts: [u64; 6]| {
        let sums = verdicts.map(|all| Outcome { all, ..Outcome::default() });
        let mut goals = Goals::default();
        judge("stuck once", &sums, &mut goals);
        goals.met().is_err()
    };
    assert!(!missed([7, 6, 5, 4, 3, 0]));
    assert!(missed([0, 0, 0, 0, 0, 1]));
}
