use proptest::prelude::*;

use super::*;

#[test]
fn pairs_are_sorted_and_the_last_of_one_name_wins() {
    let labels = Labels::from_pairs([("job", "a"), ("__name__", "up"), ("job", "b")]);
    assert_eq!(labels.to_string(), r#"{__name__="up", job="b"}"#);
}

#[test]
fn an_empty_value_is_no_label() {
    let labels = Labels::from_pairs([("a", ""), ("b", "x")]);
    assert_eq!(labels.to_string(), r#"{b="x"}"#);
    assert_eq!(labels.get("a"), None);
}

#[test]
fn the_encoding_is_that_of_remote_write() {
    let labels = Labels::from_pairs([("a", "bc")]);
    assert_eq!(labels.borrowed().as_encoded(), b"\x0A\x07\x0A\x01a\x12\x02bc");
}

proptest! {
    #[test]
    fn what_goes_in_comes_out(pairs in proptest::collection::btree_map("[a-z_]{1,200}", ".{1,300}", 0..8)) {
        let labels = Labels::from_pairs(&pairs);
        let read: std::collections::BTreeMap<String, String> =
            labels.iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
        prop_assert!(labels.borrowed().is_canonical());
        prop_assert_eq!(read, pairs);
    }
}
