use super::*;

#[test]
fn each_count_of_the_handover_is_told_under_its_own_name() {
    let measures = Arc::new(Measures::default());
    // Each of them, so that none can be forgotten.
    *measures.handover.lock().expect("nobody panicked") = HandoverCounters {
        claimed: 1,
        sealed: 2,
        idle: 3,
        kept: 4,
        followed: 5,
        timed_out: 6,
        given: 7,
        given_unsealed: 8,
        seal_bytes: 9,
        seals_cut: 10,
        offered: 11,
        doubled: 12,
        unknown: 13,
        covered: 14,
        malformed: 15,
        failed: 16,
        unsealed: 18,
    };
    measures.yielding(17);
    let registry = Registry::default();
    let told = Arc::clone(&measures);
    let _told = registry.register(&[], move |page| told.handovers(page));
    let text = registry.text();
    let told: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let expected = [
        "shoal_handover_claimed_total 1",
        "shoal_handover_covered_total 14",
        "shoal_handover_doubled_total 12",
        "shoal_handover_failed_total 16",
        "shoal_handover_followed_total 5",
        "shoal_handover_given_total 7",
        "shoal_handover_given_unsealed_total 8",
        "shoal_handover_idle_total 3",
        "shoal_handover_kept_total 4",
        "shoal_handover_malformed_total 15",
        "shoal_handover_offered_total 11",
        "shoal_handover_seal_bytes_total 9",
        "shoal_handover_sealed_total 2",
        "shoal_handover_seals_cut_total 10",
        "shoal_handover_timed_out_total 6",
        "shoal_handover_unknown_total 13",
        "shoal_handover_unsealed_total 18",
        "shoal_handover_yielding 17",
    ];
    let told: std::collections::BTreeSet<&str> = told.into_iter().collect();
    assert_eq!(told.into_iter().collect::<Vec<_>>(), expected);
}
