use super::*;

#[test]
fn a_seal_opens_to_what_was_sealed() {
    let (seal, complete) = seal(42, &Known::default());
    assert!(complete);
    assert_eq!(seal.last_tick, 42);
    assert_eq!(open(&seal).unwrap().len(), 0);
}

#[test]
fn a_seal_of_another_version_opens_to_nothing() {
    let (mut seal, _) = seal(42, &Known::default());
    seal.version += 1;
    assert!(open(&seal).is_none());
}
