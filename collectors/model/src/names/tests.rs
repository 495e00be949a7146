use super::*;

#[test]
fn legacy_names_are_words_and_only_metrics_may_have_colons() {
    let labels = [("a", true), ("_a9", true), ("A", true), ("", false), ("9a", false)];
    for (name, valid) in labels {
        assert_eq!(is_label_name(name, Scheme::Legacy), valid, "{name:?}");
        assert_eq!(is_metric_name(name, Scheme::Legacy), valid, "{name:?}");
    }
    for name in ["a:b", ":a"] {
        assert!(!is_label_name(name, Scheme::Legacy), "{name:?}");
        assert!(is_metric_name(name, Scheme::Legacy), "{name:?}");
    }
    for name in ["a-b", "a.b", "é", "a b"] {
        assert!(!is_label_name(name, Scheme::Legacy), "{name:?}");
        assert!(!is_metric_name(name, Scheme::Legacy), "{name:?}");
    }
}

#[test]
fn under_utf8_only_the_empty_name_is_invalid() {
    for name in ["a.b", "é", "9", " "] {
        assert!(is_label_name(name, Scheme::Utf8) && is_metric_name(name, Scheme::Utf8));
    }
    assert!(!is_label_name("", Scheme::Utf8) && !is_metric_name("", Scheme::Utf8));
}
