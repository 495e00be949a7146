use super::*;

#[test]
fn escapes_are_removed_once() {
    assert_eq!(unescape(r#"a\\n\"b\nc\x\"#), "a\\n\"b\nc\\x\\");
    assert_eq!(unescape_help(r#"a\\\"b\n"#), "a\\\\\"b\n");
    assert!(matches!(unescape("plain"), Cow::Borrowed("plain")));
}

#[test]
fn text_that_is_no_series_is_refused() {
    for text in ["", "a b", "a{b=\"c\"}x", "a{b=\"c\"", "{b=\"c\"}", "1"] {
        assert!(parse_series(text, &mut LabelList::new()).is_err(), "{text}");
    }
    for text in ["", "x", "{\"a\"}", "{a=\"b\"}x", "{"] {
        assert!(parse_exemplar_labels(text, &mut LabelList::new()).is_err(), "{text}");
    }
}

#[test]
fn a_name_may_stand_in_the_braces() {
    let mut labels = LabelList::new();
    assert_eq!(parse_series("{a=\"1\",\"q\\\"q\"}", &mut labels), Ok("q\\\"q"));
    assert_eq!(labels[..], [Label { name: "a", value: "1" }]);
}
