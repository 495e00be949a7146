use super::*;
use crate::Labels;

#[test]
fn the_stale_marker_is_not_an_ordinary_nan() {
    assert!(is_stale(STALE_NAN));
    assert!(!is_stale(f64::NAN));
    assert!(STALE_NAN.is_nan());
}

#[test]
fn a_sample_finds_its_labels_in_the_arena() {
    let mut batch = Batch::default();
    batch.push(Labels::from_pairs([("a", "1")]).borrowed(), 1, 1.0);
    batch.push(Labels::from_pairs([("b", "2")]).borrowed(), 1, 2.0);
    assert_eq!(batch.labels(batch.samples[1].labels).get("b"), Some("2"));
    assert_eq!(batch.sample_count(), 2);
}
