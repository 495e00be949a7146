//! Logs that were damaged between two processes.

use proptest::prelude::*;

use super::*;

/// A log of some segments, its files, and the names of its frames.
fn damaged(damage: impl FnOnce(&mut Vec<u8>), which: usize) -> (Vec<String>, Arc<Telemetry>) {
    let directory = tempfile::tempdir().unwrap();
    let config = LogConfig { segment_bytes: 1_000, ..LogConfig::default() };
    let (mut log, _) = open_with(directory.path(), config.clone());
    for name in names(0..50) {
        append(&mut log, &name);
    }
    drop(log);
    let firsts = Segment::list(directory.path()).unwrap();
    let path = Segment::path(directory.path(), firsts[which % firsts.len()]);
    let mut bytes = fs::read(&path).unwrap();
    damage(&mut bytes);
    fs::write(&path, bytes).unwrap();

    let (mut log, telemetry) = open_with(directory.path(), config);
    append(&mut log, "after");
    let found = drain(&mut log);
    assert!(log.is_empty(), "{:?}", log.queued());
    (found, telemetry)
}

fn lost(found: &[String]) -> usize {
    let mut expected = names(0..50);
    expected.push("after".to_owned());
    let mut rest = expected.iter();
    for name in found {
        assert!(rest.any(|other| other == name), "{name} is out of order or doubled");
    }
    assert_eq!(found.last().map(String::as_str), Some("after"));
    expected.len() - found.len()
}

#[test]
fn a_log_without_damage_loses_nothing() {
    let (found, telemetry) = damaged(|_| {}, 0);
    assert_eq!((lost(&found), telemetry.corruptions.get()), (0, 0));
}

#[test]
fn a_damaged_payload_is_counted_by_its_samples() {
    let (found, telemetry) = damaged(|bytes| bytes[32 + HEADER + 3] ^= 1, 2);
    assert_eq!(lost(&found), 1);
    assert_eq!(telemetry.dropped(DropReason::Corrupt).samples.get(), 2);
    assert_eq!(telemetry.corruptions.get(), 1);
}

#[test]
fn a_damaged_header_in_a_closed_segment_is_counted_by_its_samples() {
    let (found, telemetry) = damaged(|bytes| bytes[32 + 8] ^= 1, 2);
    assert_eq!(lost(&found), 1);
    assert_eq!(telemetry.dropped(DropReason::Corrupt).samples.get(), 2);
    assert_eq!(telemetry.corrupt_bytes.get(), HEADER as u64 + "frame 00".len() as u64);
}

#[test]
fn an_empty_file_costs_its_own_frames() {
    let (found, _) = damaged(Vec::clear, 1);
    assert!((1..=12).contains(&lost(&found)), "{}", lost(&found));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_flipped_bit_costs_one_frame_at_most(
        which in any::<usize>(),
        at in any::<prop::sample::Index>(),
        bit in 0..8,
    ) {
        let (found, _) = damaged(
            |bytes| {
                let at = at.index(bytes.len());
                bytes[at] ^= 1u8 << bit;
            },
            which,
        );
        prop_assert!(lost(&found) <= 1);
    }

    #[test]
    fn a_cut_costs_only_what_is_behind_it_in_its_segment(
        which in any::<usize>(),
        at in any::<prop::sample::Index>(),
    ) {
        let mut whole = 0;
        let mut all = 0;
        let (found, _) = damaged(
            |bytes| {
                let at = at.index(bytes.len());
                all = scan::frames(&bytes[32.min(bytes.len())..]).0.len();
                bytes.truncate(at);
                whole = scan::frames(&bytes[32.min(bytes.len())..]).0.len();
            },
            which,
        );
        prop_assert_eq!(lost(&found), all - whole);
    }

    #[test]
    fn a_spoilt_cursor_sends_again_and_loses_nothing(bytes in prop::collection::vec(any::<u8>(), 0..9000)) {
        let directory = tempfile::tempdir().unwrap();
        let (mut log, _) = open(directory.path());
        for name in names(0..5) {
            append(&mut log, &name);
        }
        drop(log);
        fs::write(directory.path().join("cursor"), bytes).unwrap();
        let (mut log, _) = open(directory.path());
        prop_assert_eq!(drain(&mut log), names(0..5));
    }
}

#[test]
fn a_segment_that_vanishes_is_damaged_and_read_no_further() {
    let directory = tempfile::tempdir().unwrap();
    let (mut log, _) = open(directory.path());
    append(&mut log, "x");
    drop(log);
    let (mut log, telemetry) = open(directory.path());
    for file in fs::read_dir(directory.path()).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "frames") {
            fs::remove_file(path).unwrap();
        }
    }
    assert!(log.take(Wanted::ALL, 1_000).unwrap().is_none());
    assert!(telemetry.corruptions.get() > 0);
}
