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
    let hidden = "what is wrong here is not shown, because the text is secret";
    assert_eq!(shown, format!("lib:1:12: error: {hidden}"));
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

/// So many wrong parts at one place, each of which says something else.
fn crowd(source: &Source, many: usize) -> Diagnostics {
    let mut all = Diagnostics::default();
    for at in 0..many {
        all.push_part(Diagnostic::error(format!("{at} is odd"), &source.span(4..7)));
    }
    all
}

#[test]
fn of_many_wrong_parts_at_one_place_a_few_are_shown_and_the_others_counted() {
    let source = Source::new("c.alloy", "one two");
    let all = crowd(&source, 10_000);
    assert_eq!(all.len(), 5);
    let shown = all.to_string();
    assert!(shown.contains("4 is odd") && !shown.contains("5 is odd"), "{shown}");
    assert!(shown.ends_with("^^^\nand 9995 more here"), "{shown}");
    assert_eq!(shown.matches("more here").count(), 1);
    assert!(!crowd(&source, 5).to_string().contains("more"));
}

#[test]
fn the_same_words_at_one_place_are_shown_once() {
    let source = Source::new("c.alloy", "one two");
    let same = || Diagnostic::error("it is odd", &source.span(4..7)).hint("make it even");
    let mut all = Diagnostics::default();
    (0..300).for_each(|_| all.push_part(same()));
    all.push(same());
    all.push_part(Diagnostic::error("it is odd", &source.span(0..3)));
    all.push_part(Diagnostic::warning("it is odd", &source.span(4..7)));
    expect![[r#"
        c.alloy:1:1: error: it is odd
        1 | one two
          | ^^^

        c.alloy:1:5: error: it is odd
        1 | one two
          |     ^^^
        hint: make it even
        and 299 more here

        c.alloy:1:5: warning: it is odd
        1 | one two
          |     ^^^"#]]
    .assert_eq(&all.to_string());
}

#[test]
fn what_is_checked_twice_is_counted_once() {
    let source = Source::new("c.alloy", "one two");
    let mut all = crowd(&source, 8);
    all.extend(crowd(&source, 8));
    assert_eq!(all.to_string(), crowd(&source, 8).to_string());
    let mut other = Diagnostics::default();
    other.push_part(Diagnostic::error("it is even", &source.span(4..7)));
    all.extend(other);
    assert_eq!(all.len(), 5);
    assert!(all.to_string().ends_with("and 4 more here"), "{all}");
}

#[test]
fn of_a_block_everything_is_said_although_it_is_one_place() {
    let source = Source::new("c.alloy", "one two");
    let missing = |at: usize| Diagnostic::error(format!("{at} is missing"), &source.span(4..7));
    let all: Diagnostics = (0..20).chain(0..20).map(missing).collect();
    assert_eq!(all.len(), 20);
    assert!(!all.to_string().contains("more"), "{all}");
}

#[test]
fn an_error_is_not_lost_among_warnings() {
    let source = Source::new("c.alloy", "one two");
    let warning = |at: usize| Diagnostic::warning(format!("{at} is odd"), &source.span(4..7));
    let mut all = Diagnostics::default();
    (0..1000).for_each(|at| all.push_part(warning(at)));
    assert!(!all.has_errors());
    all.push_part(Diagnostic::error("too odd", &source.span(4..7)));
    assert!(all.has_errors() && all.to_string().contains("error: too odd"), "{all}");
}

#[test]
fn of_mistakes_at_very_many_places_the_end_says_how_many_are_not_shown() {
    let source = Source::new("c.alloy", "one ".repeat(700));
    let at = |at: usize| Diagnostic::error("odd", &source.span(4 * at..4 * at + 3));
    let some: Diagnostics = (0..500).map(at).collect();
    assert!(!some.to_string().contains("more"));
    let mut all: Diagnostics = (0..699).map(at).collect();
    (0..2).for_each(|_| all.push_part(at(699)));
    let shown = all.to_string();
    assert_eq!(shown.matches("error: odd").count(), 500);
    assert!(shown.ends_with("\n\nand 201 more mistakes, which are not shown"), "{shown}");
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

/// The lines that are shown of the mistakes of a text.
fn excerpts(text: &str) -> String {
    let (_, problems) = crate::parse(&Source::new("c.alloy", text));
    assert!(!problems.is_empty(), "{text}");
    problems.to_string()
}

#[test]
fn of_values_in_quotes_only_the_one_at_fault_is_shown() {
    let source = Source::new("c.alloy", "a = \"b\" + c.d(\"e\", `f`) b \"l\" { \"k\" = 1 }");
    let marked = |what: &str| {
        let at = source.text().find(what).expect("it is there");
        Diagnostic::error("odd", &source.span(at..at + what.len())).to_string()
    };
    expect![[r#"
        c.alloy:1:15: error: odd
        1 | a = "…" + c.d("e", `…`) b "l" { "k" = 1 }
          |               ^^^"#]]
    .assert_eq(&marked("\"e\""));
    expect![[r#"
        c.alloy:1:11: error: odd
        1 | a = "…" + c.d("…", `…`) b "l" { "k" = 1 }
          |           ^^^"#]]
    .assert_eq(&marked("c.d"));
    // A place within one that is not shown is that one.
    expect![[r#"
        c.alloy:1:21: error: odd
        1 | a = "…" + c.d("…", `…`) b "l" { "k" = 1 }
          |                    ^^"#]]
    .assert_eq(&marked("f"));
    let source = Source::new("c.alloy", "url = \"http://user:hunter2@host:1/p@q\"");
    let shown = Diagnostic::error("odd", &source.span(6..38)).to_string();
    assert!(shown.contains("1 | url = \"http://…@host:1/p@q\"\n"), "{shown}");
}

#[test]
fn no_way_to_break_a_text_shows_what_stands_in_its_quotes() {
    let secret = "hunter2";
    let right = format!(
        "a \"l\" {{\n  b = \"{secret}\"\n  c = [`{secret}`, \"{secret}\"]\n  d = \"{secret}\" + \
         f(\"{secret}\")\n  e = {{ \"k\" = \"{secret}\", k = \"{secret}\" }}\n}}\n"
    );
    let breaks = ["", "\"", "`", "'", "\\", "\n", "{", "}", "=", ":", ",", "#", "\u{e4}", "\"\n\""];
    for at in 0..=right.len() {
        for broken in breaks {
            let text = format!("{}{broken}{}", &right[..at], &right[at..]);
            let (_, problems) = crate::parse(&Source::new("c.alloy", text.clone()));
            for problem in problems.iter() {
                // The message quotes a word where it stands outside of quotes: then it is a name.
                let shown = problem.to_string().replace(&problem.message, "");
                assert!(!shown.contains(secret), "{text}\n{problem}");
            }
        }
    }
    let pasted = "a {\n  key = \"-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMG\nByqGSM49AgEG=\n-----END \
                  PRIVATE KEY-----\"\n}\n";
    let shown = excerpts(pasted);
    assert!(!shown.contains("| MIGH") && !shown.contains("| Byq"), "{shown}");
}
