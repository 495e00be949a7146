use super::*;

/// Patterns with what they match and what not, as Go's `regexp` answers.
fn check(pattern: &str, matching: &[&str], other: &[&str]) {
    let regex = Anchored::new(pattern).unwrap_or_else(|error| panic!("{error}"));
    for text in matching {
        assert!(regex.is_match(text), "{pattern} should match {text:?}");
    }
    for text in other {
        assert!(!regex.is_match(text), "{pattern} should not match {text:?}");
    }
}

fn refused(pattern: &str) -> Reason {
    match Anchored::new(pattern) {
        Ok(_) => panic!("{pattern} should be refused"),
        Err(error) => error.reason,
    }
}

#[test]
fn perl_classes_and_word_boundaries_are_ascii() {
    check(r"\d+", &["12"], &["١٢٣", ""]);
    check(r"\w+", &["aZ_9"], &["é"]);
    check(r"\s+", &[" \t\n\r\x0C"], &["\u{A0}", "\x0B"]);
    check(r"\D", &["é", "١"], &["1"]);
    check(r"\W", &["é", "-"], &["a", "_"]);
    check(r"\S", &["é", "\x0B"], &[" "]);
    check(r"é\bx", &["éx"], &[]);
    check(r"a\bé", &["aé"], &[]);
    check(r"a\Bb", &["ab"], &["a b"]);
    check(r"é\Bé", &["éé"], &[]);
    check(r"[\d\s-]+", &["1 -"], &["١"]);
    check(r"[^\w]", &["é"], &["a"]);
    check(r"[\W\d]+", &["1é"], &["a"]);
}

#[test]
fn ignoring_case_folds_classes_beyond_ascii() {
    // U+212A KELVIN SIGN and U+017F LATIN SMALL LETTER LONG S fold to ASCII letters.
    check(r"(?i)\w+", &["k", "\u{212A}", "\u{17F}"], &["é"]);
    check(r"(?i)k", &["K", "\u{212A}"], &[]);
    check(r"(?i:a)b", &["Ab", "ab"], &["aB"]);
}

#[test]
fn a_bracket_inside_a_class_stands_for_itself() {
    check("[^[]+", &["a]"], &["["]);
    check("[[]", &["["], &["]"]);
    check("[]a]+", &["]a"], &["["]);
    check("[^]a]", &["["], &["]", "a"]);
    check(r"[a\]]+", &["a]"], &["\\"]);
    check("[[:alpha:]_]+", &["ab_"], &["1", ":"]);
    check("[[:^alpha:]]", &["1", "é"], &["a"]);
    check("[[:word:]-]+", &["a-1"], &[":"]);
    check("[[:a]+", &["[:a"], &["b"]);
}

#[test]
fn classes_know_no_set_operations() {
    check("[a&&b]+", &["a&b"], &["c"]);
    check("[a~~b]+", &["a~b"], &[]);
    check("[+--]+", &["+,-"], &["."]);
    check("[a-]+", &["a-"], &["b"]);
    check("[-a]+", &["a-"], &["b"]);
    assert_eq!(refused("[a--b]"), Reason::InvalidRange);
}

#[test]
fn a_brace_that_is_no_repetition_stands_for_itself() {
    check("foo{bar}", &["foo{bar}"], &[]);
    check("{{.*}}", &["{{x}}"], &["x"]);
    check("x{2", &["x{2"], &["xx"]);
    check("a{,2}", &["a{,2}"], &["", "aa"]);
    check("a{01}", &["a{01}"], &["a"]);
    check("a{2}", &["aa"], &["a", "a{2}"]);
    check("a{2,}", &["aaa"], &["a"]);
    check("a{1,2}?", &["a", "aa"], &["aaa"]);
    check("{", &["{"], &[]);
    check("a}", &["a}"], &[]);
    check("a{ 2}", &["a{ 2}"], &[]);
    assert_eq!(refused("a{2,1}"), Reason::RepetitionTooLarge);
}

#[test]
fn what_is_quoted_stands_for_itself() {
    check(r"\Qa.b*\E.", &["a.b*x"], &["axb*x"]);
    check(r"\Qa[b", &["a[b"], &[]);
    check(r"\Qab\E+", &["abb"], &["abab"]);
    check(r"\Q\E", &[""], &["a"]);
    assert_eq!(refused(r"a\E"), Reason::InvalidEscape(r"\E".to_owned()));
}

#[test]
fn characters_can_be_written_as_numbers() {
    check(r"\101", &["A"], &[]);
    check(r"\0", &["\0"], &[]);
    check(r"\12", &["\n"], &[]);
    check(r"\1018", &["A8"], &[]);
    check(r"\x41\x{1F600}", &["A😀"], &[]);
    check(r"[\101-\103]", &["B"], &["D"]);
    check(r"\a\f\t\n\r\v", &["\x07\x0C\t\n\r\x0B"], &[]);
    for pattern in [r"\1", r"\8", r"\x4", r"\x{}", r"\x{110000}", r"\x{D800}", r"\xG0", r"\x{+1}"] {
        assert!(matches!(refused(pattern), Reason::InvalidEscape(_)), "{pattern}");
    }
}

#[test]
fn an_escaped_mark_stands_for_itself() {
    check(r"\<\>", &["<>"], &[""]);
    check(r"\_\-\.\%\{\}\/\ ", &["_-.%{}/ "], &[]);
    check(r"[\.\-\]]+", &[".-]"], &["a"]);
    for pattern in [r"\y", r"\e", r"\é", r"\Z", r"\C", r"[\b]", r"[\A]", r"\u0041"] {
        assert!(matches!(refused(pattern), Reason::InvalidEscape(_)), "{pattern}");
    }
    assert_eq!(refused("a\\"), Reason::TrailingBackslash);
}

#[test]
fn what_go_does_not_repeat_is_refused() {
    for pattern in ["a**", "a+*", "a*??", "a{2}{3}", "a*+", "(a)?*"] {
        assert_eq!(refused(pattern), Reason::StackedRepetition, "{pattern}");
    }
    for pattern in
        ["a{1001}", "(?:a{500}){3}", "((a{100}){2}){6}", "a{99999999999}", "(?:a{2}b){501}"]
    {
        assert_eq!(refused(pattern), Reason::RepetitionTooLarge, "{pattern}");
    }
    for pattern in ["*a", "(*)", "a|*", "(?:+)", "{2}"] {
        assert!(matches!(refused(pattern), Reason::NothingToRepeat(_)), "{pattern}");
    }
    check("(?:a*)*", &["", "aa"], &["b"]);
    check("(?:a{500}){2}", &[&"a".repeat(1000)], &["a"]);
    check("(?:a{10}){0}(?:b*){7}", &["", "bb"], &["a"]);
}

#[test]
fn groups_have_go_names_and_flags() {
    check("(?P<a>x)(?<b>y)", &["xy"], &[]);
    check("(?P<1>x)", &["x"], &[]);
    check("(?i)(?-i:a)b", &["aB"], &["Ab"]);
    check("(?ii)a", &["A"], &[]);
    check("(?i-i)a", &["a"], &["A"]);
    check("(?)a(?:)", &["a"], &[]);
    check("(?-s).", &["a"], &["\n"]);
    check("(?m)a$\nb", &["a\nb"], &[]);
    check("(?U)a*", &["aa"], &[]);
    for pattern in [
        "(?x)a", "(?u)a", "(?R)a", "(?=a)", "(?!a)", "(?<=a)b", "(?<!a)b", "(?i-)a", "(?--i)a",
        "(?P=a)", "(?#a)", "(?",
    ] {
        assert_eq!(refused(pattern), Reason::InvalidGroup, "{pattern}");
    }
    assert_eq!(refused("(?P<a.b>x)"), Reason::InvalidGroupName);
    assert_eq!(refused("(?P<a>x)(?P<a>y)"), Reason::DuplicateGroupName("a".to_owned()));
    assert_eq!(refused("(a"), Reason::MissingParenthesis);
    assert_eq!(refused("a)"), Reason::UnexpectedParenthesis);
    assert_eq!(refused("a)(b"), Reason::UnexpectedParenthesis);
}

#[test]
fn classes_that_are_no_classes_are_refused() {
    for pattern in ["[", "[]", "[^]", "[a", "[[:alpha:]"] {
        assert_eq!(refused(pattern), Reason::MissingBracket, "{pattern}");
    }
    for pattern in ["[[:foo:]]", "[b-a]", r"\p", r"\p{", r"\p{}", r"\p{Script=Greek}"] {
        assert_eq!(refused(pattern), Reason::InvalidRange, "{pattern}");
    }
    assert!(matches!(refused(r"\p{Nothing}"), Reason::Engine(_)));
}

#[test]
fn unicode_classes_have_their_names() {
    check(r"\pL+\p{Greek}\P{Greek}\p{^Greek}\PL", &["aßγaa1"], &["1"]);
    check(r"[\p{Lu}\d]+", &["Ä1"], &["ä"]);
}

#[test]
fn comments_and_space_mean_nothing_special() {
    check("a # b", &["a # b"], &["a"]);
    check("a&b~c-d", &["a&b~c-d"], &[]);
}

#[test]
fn an_alternative_is_anchored_as_a_whole() {
    check("a|b", &["a", "b"], &["ab", "xb", "ax"]);
    check("", &[""], &["a"]);
}

#[test]
fn what_would_grow_too_large_is_refused() {
    assert_eq!(refused(&"a".repeat(MAX_PATTERN_LEN + 1)), Reason::TooLong);
    assert!(matches!(refused(r"(?:\pL{100}){10}"), Reason::Engine(_)));
    assert!(matches!(
        refused(&format!("{}{}", "(".repeat(300), ")".repeat(300))),
        Reason::Engine(_)
    ));
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_or_refused_but_never_misread(pattern in r"[\[\](){}a\\|*+?.^$:,0-9&QEPpdx<>i-]{0,24}") {
        // What the scanner passes on, the engine understands, but for its own limits and names.
        if let Err(Error { reason: Reason::Engine(message), .. }) = parse(&pattern, true) {
            proptest::prop_assert!(message.contains("Unicode property"), "{pattern}: {message}");
        }
    }

    #[test]
    fn an_escaped_text_matches_itself_alone(text in ".{0,20}") {
        let escaped: String = text.chars().map(|c| if c.is_ascii_punctuation() { format!("\\{c}") } else { c.to_string() }).collect();
        let regex = Anchored::new(&escaped).unwrap();
        proptest::prop_assert!(regex.is_match(&text));
        let longer = format!("{text}x");
        proptest::prop_assert!(!regex.is_match(&longer));
    }
}
