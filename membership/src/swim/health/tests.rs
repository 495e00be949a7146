use super::*;

#[test]
fn it_stays_between_well_and_the_worst() {
    let mut health = Health::new(true);
    health.probe_answered();
    assert_eq!(health.score(), 0);
    for _ in 0..20 {
        health.probe_failed(true);
    }
    assert_eq!(health.score(), WORST);
    assert_eq!(health.stretch(Duration::from_secs(1)), Duration::from_secs(9));
    health.probe_answered();
    assert_eq!(health.score(), WORST - 1);
}

#[test]
fn failing_while_nobody_is_heard_counts_twice() {
    let mut health = Health::new(true);
    health.probe_failed(false);
    assert_eq!(health.score(), 1);
    health.probe_failed(true);
    assert_eq!(health.score(), 3);
    health.refuted();
    assert_eq!(health.score(), 4);
}

#[test]
fn switched_off_it_never_changes() {
    let mut health = Health::new(false);
    health.probe_failed(true);
    health.refuted();
    assert_eq!(
        (health.score(), health.stretch(Duration::from_secs(1))),
        (0, Duration::from_secs(1))
    );
}
