use super::*;

#[test]
fn suspicion_and_transmissions_follow_the_size_of_the_cluster() {
    let config = Config::default();
    let table: Vec<(usize, u64, u8)> = [1, 3, 10, 100, 1000, 10_000]
        .map(|size| (size, config.suspicion(size).as_millis() as u64, transmissions(size).get()))
        .to_vec();
    assert_eq!(
        table,
        [
            (1, 1000, 14),
            (3, 1000, 16),
            (10, 1500, 17),
            (100, 3000, 19),
            (1000, 4500, 21),
            (10_000, 6000, 24)
        ]
    );
}

#[test]
fn state_syncs_become_rarer_as_they_become_larger() {
    let config = Config::default();
    let seconds = |size| config.sync_after(size).as_secs();
    assert_eq!([1, 32, 33, 64, 65, 1000].map(seconds), [30, 30, 60, 60, 90, 180]);
}
