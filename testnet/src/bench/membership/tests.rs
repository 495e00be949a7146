use super::*;

#[test]
fn figures_are_median_and_nearly_the_worst() {
    let mut times: Vec<Duration> = [30, 10, 20].map(Duration::from_millis).to_vec();
    assert_eq!(figures(&mut times), "0.02 s | 0.03 s");
    assert_eq!(figures(&mut []), "- | -");
}
