use expect_test::expect;

use super::{Diagnostic, Diagnostics, did_you_mean};
use crate::Source;

#[test]
fn the_caret_stands_below_the_mistake() {
    let source = Source::new("c.alloy", "first\n\täö = [überall, wrong]\r\nlast");
    let at = source.text().find("wrong").unwrap();
    let diagnostic = Diagnostic::error("no such thing", &source.span(at..at + 5))
        .note("it was here", &source.span(0..5))
        .hint("remove it");
    expect![[r#"
        c.alloy:2:17: error: no such thing
        2 | 	äö = [überall, wrong]
          | 	               ^^^^^
        c.alloy:1:1: note: it was here
        hint: remove it"#]]
    .assert_eq(&diagnostic.to_string());
}

#[test]
fn a_secret_line_is_not_shown() {
    let source = Source::new("c.alloy", "password = [\"hunter2\"]");
    let shown =
        Diagnostic::error("odd", &source.span(11..22)).secret().hint("quote it").to_string();
    assert_eq!(shown, "c.alloy:1:12: error: odd\nhint: quote it");

    let source = Source::secret("lib", "password = [\"hunter2\"]");
    let shown = Diagnostic::error("odd", &source.span(11..22)).to_string();
    assert_eq!(shown, "lib:1:12: error: odd");
}

#[test]
fn a_place_of_many_lines_is_marked_on_its_first() {
    let source = Source::new("c.alloy", "x = [\n1,\n]");
    let shown = Diagnostic::warning("odd", &source.span(4..11)).to_string();
    expect![[r#"
        c.alloy:1:5: warning: odd
        1 | x = [
          |     ^"#]]
    .assert_eq(&shown);
}

#[test]
fn the_end_of_a_text_is_a_place() {
    let source = Source::new("c.alloy", "x = ");
    let shown = Diagnostic::error("more", &source.span(4..4)).to_string();
    assert!(shown.starts_with("c.alloy:1:5: error: more\n1 | x = \n  |     ^"), "{shown}");
    let beyond = Diagnostic::error("more", &source.span(99..999));
    assert!(beyond.to_string().starts_with("c.alloy:1:5:"));
}

#[test]
fn a_long_line_is_cut_around_the_mistake() {
    let source = Source::new("c.alloy", format!("{}wrong{}", "a".repeat(5000), "b".repeat(5000)));
    let shown = Diagnostic::error("here", &source.span(5000..5005)).to_string();
    assert!(shown.len() < 500 && shown.contains("wrong"), "{shown}");
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines[1].find("wrong"), lines[2].find("^^^^^"));
}

#[test]
fn mistakes_are_in_the_order_of_the_text() {
    let source = Source::new("c.alloy", "one two");
    let mut all = Diagnostics::default();
    all.push(Diagnostic::error("second", &source.span(4..7)));
    all.push(Diagnostic::error("first", &source.span(0..3)));
    all.push(Diagnostic::unplaced("a file is missing"));
    let all = all.into_result(Some(())).expect_err("there are errors");
    let messages: Vec<_> = all.iter().map(|one| one.message.as_str()).collect();
    assert_eq!(messages, ["a file is missing", "first", "second"]);
}

#[test]
fn a_warning_alone_is_no_failure() {
    let source = Source::new("c.alloy", "x");
    let all = Diagnostics::from(Diagnostic::warning("odd", &source.span(0..1)));
    assert_eq!(all.into_result(Some(1)).ok(), Some(1));
}

#[test]
fn only_a_close_word_is_suggested() {
    let known = ["forward_to", "targets", "honor_labels"];
    let guess = |word| did_you_mean(word, known);
    assert_eq!(guess("forwardto").as_deref(), Some("did you mean \"forward_to\"?"));
    assert_eq!(guess("tagrets").as_deref(), Some("did you mean \"targets\"?"));
    assert_eq!(guess("Targets").as_deref(), Some("did you mean \"targets\"?"));
    assert_eq!(guess("url"), None);
    assert_eq!(guess(""), None);
    assert_eq!(guess(&"x".repeat(1000)), None);
}
