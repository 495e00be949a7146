use super::{Quoted, TokenKind, lex};
use crate::{Source, Value, parse_expression};

/// The tokens of a text as it is written; `;` for the end of a statement.
fn tokens(text: &str) -> String {
    let mut diagnostics = Vec::new();
    let lexed = lex(&Source::new("t", text), &mut diagnostics);
    let shown = lexed.tokens.iter().map(|token| match token.kind {
        TokenKind::Terminator => ";",
        TokenKind::End => "END",
        TokenKind::Invalid => "INVALID",
        _ => token.span.text(),
    });
    shown.collect::<Vec<_>>().join(" ")
}

fn literal(text: &str) -> Result<String, String> {
    match parse_expression(&Source::new("t", text)) {
        Ok(expr) => match expr.kind {
            crate::ast::ExprKind::Literal(Value::String(text)) => Ok(text.to_string()),
            crate::ast::ExprKind::Literal(value) => Ok(format!("{value:?}")),
            _ => Err("no literal".to_owned()),
        },
        Err(diagnostics) => Err(diagnostics.iter().next().expect("one").message.clone()),
    }
}

#[test]
fn a_line_ends_a_statement_only_after_what_can_end_one() {
    assert_eq!(tokens("a = 1\nb"), "a = 1 ; b ; END");
    assert_eq!(tokens("[\n1,\n]\n\n\n"), "[ 1 , ] ; END");
    assert_eq!(tokens("a /* c */ = // d\n true"), "a = true ; END");
    assert_eq!(tokens("a /* over\nlines */ b"), "a ; b ; END");
    assert_eq!(tokens("\u{feff}größe_1 \r\n"), "größe_1 ; END");
    assert_eq!(tokens("a<=b==!c||d"), "a <= b == ! c || d ; END");
    assert_eq!(tokens("1.5.a .5e-3 1e 2.e1"), "1.5 . a .5e-3 1 e 2.e1 ; END");
    assert_eq!(tokens("a ~ 'b c' $$$ d"), "a INVALID INVALID INVALID d ; END");
}

#[test]
fn numbers_are_go_s() {
    let cases = [
        ("0", "Number(Int(0))"),
        ("010", "Number(Int(8))"),
        ("08", "Number(Float(8.0))"),
        ("9223372036854775807", "Number(Int(9223372036854775807))"),
        ("9223372036854775808", "Number(Uint(9223372036854775808))"),
        ("18446744073709551616", "Number(Float(1.8446744073709552e19))"),
        ("1.50", "Number(Float(1.5))"),
        (".5", "Number(Float(0.5))"),
        ("1e3", "Number(Float(1000.0))"),
        ("1.", "Number(Float(1.0))"),
    ];
    for (text, expected) in cases {
        assert_eq!(literal(text).as_deref(), Ok(expected), "{text}");
    }
    assert!(literal("1e999").is_err());
}

#[test]
fn strings_have_go_s_escapes() {
    let cases = [
        (r#""a\a\b\f\n\r\t\v\\\"""#, "a\u{7}\u{8}\u{c}\n\r\t\u{b}\\\""),
        (r#""\101\x41\u00e4\U0001f980""#, "AAä🦀"),
        (r#""\xc3\xa4""#, "ä"),
        ("`raw\\n\r\nline`", "raw\\n\nline"),
        (r#""// no comment""#, "// no comment"),
    ];
    for (text, expected) in cases {
        assert_eq!(literal(text).as_deref(), Ok(expected), "{text}");
    }
    for wrong in [
        r#""\'""#,
        r#""\q""#,
        r#""\400""#,
        r#""\x4""#,
        r#""\ud800""#,
        r#""\xff""#,
        r#""\u12""#,
        "\"a\nb\"",
    ] {
        assert!(literal(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn what_a_string_shows_reads_back_as_the_same_string() {
    proptest::proptest!(|(text: String)| {
        let quoted = Value::string(&text).to_string();
        proptest::prop_assert_eq!(literal(&quoted), Ok(text));
    });
}

#[test]
fn quotes_that_are_never_closed_are_looked_through_once() {
    // Each of them goes on to the end, as far as anybody knows.
    let endless = |text: &str| Quoted::of(&Source::new("c.alloy", text)).endless;
    let text = "a = 'b\n".repeat(1000);
    assert_eq!(endless(&text), vec![4..text.len()]);
    assert_eq!(endless("a = \"b\nc = \"d\"\n"), vec![4..11]);
}
