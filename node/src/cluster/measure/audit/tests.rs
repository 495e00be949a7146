use super::*;
use crate::telemetry::Registry;

#[test]
fn each_count_of_the_audit_is_told_under_its_own_name() {
    let figures = Figures {
        unowned: 1,
        doubled: 2,
        covered: 3,
        drifted: 4,
        divergent: 5,
        ..Figures::default()
    };
    let registry = Registry::default();
    let _told = registry.register(&[], move |told| page(told, &figures, None));
    let text = registry.text();
    for line in [
        "shoal_targets_unowned 1",
        "shoal_targets_double_owned 2",
        "shoal_targets_covered 3",
        "shoal_config_drift 4",
        "shoal_targets_divergent_peers 5",
    ] {
        assert!(text.lines().any(|told| told == line), "{line} is not in\n{text}");
    }
}
