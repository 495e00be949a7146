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
