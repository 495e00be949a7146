use super::*;

#[test]
fn a_secret_is_not_in_its_debug_print() {
    let source = Source::Inline(Secret::new("hunter2"));
    assert_eq!(format!("{source:?}"), "Inline((secret))");
}
