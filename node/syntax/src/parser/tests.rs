mod property;

use expect_test::{Expect, expect};

use crate::{MAX_NESTING, Source, parse};

fn wrong(text: &str, expected: Expect) {
    let (_, diagnostics) = parse(&Source::new("c.alloy", text));
    expected.assert_eq(&format!("{diagnostics}\n"));
}

#[test]
fn all_mistakes_of_a_file_are_reported_at_once() {
    wrong(
        "good = 1
bad = = 2
a \"no name\" {
  x = [1, 2
  y = [
    1,
    2
  ]
  z = {a: 1}
  ok = \"fine\"
  w = 'single'
}
b.c \"l\"
d {
  x = (1 + ) # comment
  \"y\" = 1
  a.b = 3
  n = 12abc
  s = \"never closed
  t = \"\\z\"
}
}
e {",
        expect![[r#"
            c.alloy:2:7: error: expected a value, found "="
            2 | bad = = 2
              |       ^

            c.alloy:3:3: error: "no name" is not a name
            3 | a "…
              |   ^
            hint: a label is made of letters, digits and _, and does not begin with a digit

            c.alloy:4:12: error: expected "," or "]", found the end of the line
            4 |   x = [1, 2
              |            ^

            c.alloy:7:6: error: expected "," before the end of the line
            7 |     2
              |      ^

            c.alloy:9:9: error: expected "=", found ":"
            9 |   z = {a: 1}
              |         ^

            c.alloy:11:7: error: '\'' has no meaning here
            11 |   w = '……
               |       ^^
            hint: strings stand between double quotes

            c.alloy:13:8: error: expected "{", found the end of the line
            13 | b.c "………
               |       ^

            c.alloy:15:12: error: expected a value, found ")"
            15 |   x = (1 + ) # comment
               |            ^

            c.alloy:15:14: error: '#' has no meaning here
            15 |   x = (1 + ) # comment
               |              ^
            hint: a comment begins with //

            c.alloy:16:3: error: expected a name, found a string
            16 |   "……
               |   ^

            c.alloy:17:7: error: the name of an attribute has no dots
            17 |   a.b = 3
               |       ^

            c.alloy:18:9: error: expected the end of the line, found "abc"
            18 |   n = 12abc
               |         ^^^

            c.alloy:19:7: error: this string is never closed
            19 |   s = "……
               |       ^^
            hint: a string over several lines stands between backticks: `…`

            c.alloy:20:8: error: \z is no escape

            c.alloy:22:1: error: this brace closes nothing
            22 | }
               | ^

            c.alloy:23:3: error: the block "e" is never closed
            23 | e {
               |   ^
        "#]],
    );
}

#[test]
fn a_mistake_in_a_list_of_many_lines_is_one_mistake() {
    wrong(
        "a {\n  x = [\n    {a = 1},\n    {b 2},\n    f(1,\n  2),\n  ]\n  y = 1\n}",
        expect![[r#"
            c.alloy:4:8: error: expected "=", found "2"
            4 |     {b 2},
              |        ^
        "#]],
    );
}

#[test]
fn a_field_that_is_set_twice_is_a_warning() {
    let (_, diagnostics) = parse(&Source::new("c.alloy", "a { x = {k = 1, \"k\" = 2} }"));
    assert!(!diagnostics.has_errors());
    assert_eq!(diagnostics.len(), 1);
}

/// Runs on half the stack that threads get.
fn on_a_small_stack(test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(1 << 20).spawn(test).expect("a thread");
    thread.join().expect("it does not overflow the stack");
}

#[test]
fn nesting_is_bounded() {
    on_a_small_stack(|| {
        for (open, close) in
            [("[", "]"), ("(", ")"), ("{a=", "}"), ("f(", ")"), ("a[", "]"), ("-", ""), ("1^", "")]
        {
            let nested = |levels| {
                let text = format!("x = {}1{}\n", open.repeat(levels), close.repeat(levels));
                let source = Source::new("c.alloy", text);
                let (file, diagnostics) = parse(&source);
                // Walking it must be safe as well.
                let scope =
                    crate::Scope::new(&crate::Host::default(), crate::Stability::Experimental);
                crate::references(&file.body);
                file.body.attributes().for_each(|one| drop(crate::evaluate(&one.value, &scope)));
                let _ = crate::format(&source);
                diagnostics.has_errors()
            };
            assert!(!nested(MAX_NESTING / 2), "{open}");
            assert!(nested(MAX_NESTING + 1), "{open}");
            assert!(nested(10_000), "{open}");
        }
    });
}

#[test]
fn blocks_nest_to_a_bound() {
    on_a_small_stack(|| {
        let (_, diagnostics) = parse(&Source::new("c.alloy", "a {\n".repeat(100_000)));
        assert!(diagnostics.has_errors());
        let most = MAX_NESTING - 1;
        let text = format!("{}{}", "a {\n".repeat(most), "}\n".repeat(most));
        assert!(!parse(&Source::new("c.alloy", text)).1.has_errors());
    });
}

#[test]
fn chains_are_bounded() {
    on_a_small_stack(|| {
        for (first, link) in [("1", " + 1"), ("a", ".a"), ("a", "[0]"), ("a", "()")] {
            let errors = |links| {
                let source = Source::new("c.alloy", format!("x = {first}{}", link.repeat(links)));
                let (file, diagnostics) = parse(&source);
                let scope =
                    crate::Scope::new(&crate::Host::default(), crate::Stability::Experimental);
                crate::references(&file.body);
                file.body.attributes().for_each(|one| drop(crate::evaluate(&one.value, &scope)));
                diagnostics.has_errors()
            };
            assert!(!errors(200), "{link}");
            assert!(errors(10_000), "{link}");
        }
    });
}

#[test]
fn a_text_that_is_no_configuration_gets_a_bounded_answer() {
    for junk in ["= ", "( ", "\u{1f980}\n", "\"\n", "a = (\n", "a {\n b = [ )\n", "}\n"] {
        let (_, diagnostics) = parse(&Source::new("c.alloy", junk.repeat(10_000)));
        assert!(diagnostics.has_errors(), "{junk}");
        assert!(diagnostics.len() <= 101, "{junk}: {}", diagnostics.len());
        let last = diagnostics.iter().last().map(|last| last.message.as_str());
        let told = last == Some("there may be more mistakes than the first 100");
        assert_eq!(told, diagnostics.len() > 100, "{junk}");
    }
}

#[test]
fn a_text_that_is_too_long_is_not_read() {
    let (_, diagnostics) = parse(&Source::new("c.alloy", " ".repeat(crate::MAX_SOURCE + 1)));
    expect![
        "error: c.alloy: 16777217 bytes are too many for a configuration; at most 16777216 are read"
    ]
    .assert_eq(&diagnostics.to_string());
}
