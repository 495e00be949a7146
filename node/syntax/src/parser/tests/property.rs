//! Whatever the text, parsing ends, does not panic, and points into the text.

use proptest::prelude::*;

use crate::{Evaluated, Host, Scope, Source, Stability, format, parse};

/// Does with a text all that can be done with it.
fn exercise(text: &str) {
    let source = Source::new("any", text);
    let (file, diagnostics) = parse(&source);
    assert!(diagnostics.to_string().len() < 1_000_000);
    let scope = Scope::new(&Host::default(), Stability::Experimental);
    for block in file.body.blocks() {
        let (evaluated, diagnostics) = Evaluated::new(block, &scope);
        let _shown = (diagnostics.to_string(), evaluated.is_unknown());
    }
    let references = crate::references(&file.body);
    assert!(references.iter().all(|one| one.span().end() <= text.len()));
    match format(&source) {
        Ok(formatted) => {
            let again = format(&Source::new("again", formatted.clone()));
            assert_eq!(again.expect("what was formatted parses"), formatted);
        }
        Err(_) => assert!(diagnostics.has_errors()),
    }
}

fn soup() -> impl Strategy<Value = String> {
    let token = prop::sample::select(vec![
        "a",
        "b.c",
        "x",
        " = ",
        "=",
        "{",
        "}",
        "[",
        "]",
        "(",
        ")",
        ",",
        ".",
        "\n",
        "\n\n",
        "1",
        "0x",
        "08",
        "1.5",
        ".5",
        "1e",
        "\"s\"",
        "\"",
        "`",
        "`r`",
        "true",
        "null",
        "+",
        "-",
        "*",
        "/",
        "^",
        "!",
        "==",
        "&&",
        "|",
        "//c\n",
        "/*c*/",
        "/*",
        "\\",
        "\"\\u12\"",
        "ä",
        "\u{feff}",
        "\r\n",
        "\t",
        " ",
        ":",
        ";",
        "'",
        "#",
        "string.format(\"%d\", ",
        "encoding.from_json(",
    ]);
    prop::collection::vec(token, 0..60).prop_map(|tokens| tokens.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_text_gets_an_answer(text in any::<String>()) {
        exercise(&text);
    }

    #[test]
    fn any_heap_of_tokens_gets_an_answer(text in soup()) {
        exercise(&text);
    }
}
