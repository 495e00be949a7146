use super::*;

#[test]
fn figures_are_median_and_nearly_the_worst() {
    let mut times: Vec<Duration> = [30, 10, 20].map(Duration::from_millis).to_vec();
    assert_eq!(figures(&mut times), "0.02 s | 0.03 s");
    assert_eq!(figures(&mut []), "- | -");
}

#[test]
fn what_is_known_late_misses_the_goal() {
    let missed = |nodes, crash: u64, leave: u64, join: u64| {
        let mut goals = Goals::default();
        let [mut crashes, mut leaves, mut joins] =
            [crash, leave, join].map(|millis| vec![Duration::from_millis(millis)]);
        judge(nodes, [&mut crashes, &mut leaves, &mut joins], &mut goals);
        goals.met().err().map_or(0, |error| error.to_string().lines().skip(1).count())
    };
    assert_eq!(missed(30, 500, 300, 1000), 0);
    assert_eq!(missed(30, 510, 310, 1010), 3);
    assert_eq!(missed(30, 2010, 300, 1000), 2);
    assert_eq!(missed(31, 9000, 9000, 9000), 0);
}
