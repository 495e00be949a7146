//! What validations see of fields that are not what was written.

use expect_test::{Expect, expect};

use super::{Receiver, block, scope};
use crate::{Arguments, Choice, Problems, check};
use std::sync::Arc;
use std::time::Duration;

/// Its check says something at each field.
#[derive(Arguments)]
#[expect(dead_code, reason = "read by nobody but the derived code")]
#[arguments(validate = Self::check)]
struct Outer {
    text: String,
    count: u32,
    mode: Option<Mode>,
    receivers: Vec<Arc<Receiver>>,
    #[arg(default = Duration::from_secs(1))]
    low: Duration,
    #[arg(default = Duration::from_secs(5))]
    high: Duration,
    #[arg(block)]
    inner: Inner,
    #[arg(block)]
    maybe: Option<Inner>,
    #[arg(block, rename = "many")]
    many: Vec<Inner>,
}

#[derive(Choice, Clone, Copy, Debug, PartialEq)]
enum Mode {
    Fast,
}

#[derive(Arguments)]
#[arguments(validate = Self::check)]
#[expect(dead_code, reason = "read by nobody but the derived code")]
struct Inner {
    #[arg(default = 1)]
    size: usize,
    note: String,
}

impl Outer {
    fn check(&self, problems: &mut Problems<'_>) {
        for name in ["text", "count", "mode", "receivers", "low", "high", "inner", "maybe"] {
            problems.field(name, format!("{name} is seen"));
        }
        if problems.are_known(&["low", "high"]) && self.low > self.high {
            problems.block("low is above high");
        }
        for (at, inner) in self.many.iter().enumerate() {
            problems.nth_block("many", at, format!("many {} is seen", inner.size));
        }
    }
}

impl Inner {
    fn check(&self, problems: &mut Problems<'_>) {
        if self.size == 0 {
            problems.field("size", "size is 0");
        }
        problems.field("note", "note is seen");
    }
}

fn told(body: &str, expected: Expect) {
    let lines: Vec<String> = check::<Outer>(&block(body), &scope())
        .iter()
        .map(|told| {
            let line = told.span.as_ref().map_or(0, |span| span.position().line);
            format!("{}: {}", line - 1, told.message)
        })
        .collect();
    expected.assert_eq(&lines.join("\n"));
}

#[test]
fn of_a_field_that_is_missing_or_wrong_or_not_known_nothing_more_is_said() {
    told(
        "",
        expect![[r#"
        0: missing required attribute "text"
        0: missing required attribute "count"
        0: missing required attribute "receivers"
        0: missing required block "inner"
        0: mode is seen
        0: low is seen
        0: high is seen
        0: maybe is seen"#]],
    );
    told(
        "text = []\ncount = missing\nmode = 5\nreceivers = [1, 2]\nlow = later.one.content\n\
         inner { }\nmaybe { note = [] }",
        expect![[r#"
            0: high is seen
            1: attribute "text": expected string, got list
            2: "missing" does not exist
            3: attribute "mode": expected one of "fast", got number
            4: attribute "receivers": expected Receiver, got number
            4: attribute "receivers": expected Receiver, got number
            6: missing required attribute "note"
            7: attribute "note": expected string, got list"#]],
    );
}

#[test]
fn of_the_others_everything_is_said() {
    told(
        "text = []\ncount = 1\nreceivers = []\nlow = \"9s\"\ninner {\nnote = []\nsize = 0\n}\n\
         many { note = \"a\" }\nmany {\nsize = 0\nnote = later.one.content\n}",
        expect![[r#"
            0: mode is seen
            0: high is seen
            0: maybe is seen
            0: low is above high
            1: attribute "text": expected string, got list
            2: count is seen
            3: receivers is seen
            4: low is seen
            6: attribute "note": expected string, got list
            7: size is 0
            9: many 1 is seen
            9: note is seen
            10: many 0 is seen
            11: size is 0"#]],
    );
}

#[test]
fn a_field_of_another_shape_is_not_held_against_others() {
    told(
        "text = \"a\"\ncount = 1\nreceivers = []\nlow = \"9s\"\nhigh { }\ninner { note = \"a\" }\nmaybe = 1",
        expect![[r#"
            0: mode is seen
            1: text is seen
            2: count is seen
            3: receivers is seen
            4: low is seen
            5: unknown block "high"
            6: inner is seen
            6: note is seen
            7: unknown attribute "maybe""#]],
    );
}
