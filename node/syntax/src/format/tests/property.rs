//! Formatting is idempotent and keeps what is said, for any text that parses.

use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestRunner};

use crate::ast::{Body, Expr, ExprKind, File, Statement};
use crate::{Source, format, parse};

/// Space where a line may break.
fn gap() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        6 => Just(""),
        6 => Just(" "),
        2 => Just("\n"),
        1 => Just("\n\n\n\t"),
        1 => Just(" // trailing\n"),
        1 => Just("\n// own line\n\n"),
        1 => Just(" /* inline */ "),
        1 => Just("/* two\n lines */"),
    ]
}

/// Space where a line may not break.
fn tight() -> impl Strategy<Value = &'static str> {
    prop_oneof![6 => Just(""), 6 => Just(" "), 1 => Just(" /* inline */ ")]
}

fn line_end() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        6 => Just("\n"),
        2 => Just("\n\n"),
        1 => Just(" // trailing\n"),
        1 => Just("\n  // own line\n"),
        1 => Just("\n\n\n// own line\n\n// another\n"),
        1 => Just(" /* two\n lines */ "),
    ]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![Just("a"), Just("bcd"), Just("long_name"), Just("_")].prop_map(str::to_owned)
}

fn literal() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("1"),
        Just("1.5e3"),
        Just("\"text // no comment\""),
        Just("`raw\n\n  text`"),
        Just("true"),
        Just("null"),
    ]
    .prop_map(str::to_owned)
}

fn list(
    open: &'static str,
    close: &'static str,
    item: BoxedStrategy<String>,
) -> BoxedStrategy<String> {
    let items = prop::collection::vec((gap(), item, tight()), 0..4);
    (items, gap(), any::<bool>(), tight())
        .prop_map(move |(items, gap, trailing, tight)| {
            let empty = items.is_empty();
            let items: Vec<String> =
                items.into_iter().map(|(a, b, c)| format!("{a}{b}{c}")).collect();
            let end = match (empty, trailing) {
                (true, _) => gap.to_owned(),
                (false, true) => format!(",{gap}"),
                (false, false) => tight.to_owned(),
            };
            format!("{open}{}{end}{close}", items.join(","))
        })
        .boxed()
}

fn expr() -> BoxedStrategy<String> {
    prop_oneof![literal(), name()]
        .prop_recursive(3, 24, 4, |inner| {
            let inner = inner.boxed();
            let field = (name(), tight(), gap(), inner.clone())
                .prop_map(|(name, tight, gap, value)| format!("{name}{tight}={gap}{value}"));
            let operator = prop_oneof![Just("+"), Just("-"), Just("^"), Just("=="), Just("||")];
            prop_oneof![
                list("[", "]", inner.clone()),
                list("{", "}", field.boxed()),
                (name(), list("(", ")", inner.clone())).prop_map(|(name, call)| name + &call),
                (name(), gap(), name()).prop_map(|(a, gap, b)| format!("{a}.{gap}{b}")),
                (name(), gap(), inner.clone(), tight())
                    .prop_map(|(a, gap, at, tight)| format!("{a}[{gap}{at}{tight}]")),
                (gap(), inner.clone(), tight()).prop_map(|(a, b, c)| format!("({a}{b}{c})")),
                (gap(), inner.clone()).prop_map(|(gap, of)| format!("-{gap}{of}")),
                (inner.clone(), tight(), operator, gap(), inner.clone())
                    .prop_map(|(a, t, op, gap, b)| format!("{a}{t}{op}{gap}{b}")),
            ]
        })
        .boxed()
}

fn body() -> BoxedStrategy<String> {
    let attribute = (name(), tight(), gap(), expr())
        .prop_map(|(name, tight, gap, value)| format!("{name}{tight}={gap}{value}"));
    let attribute = attribute.boxed();
    let statements =
        prop::collection::vec((attribute.clone(), line_end()), 0..4).prop_map(joined).boxed();
    statements
        .prop_recursive(2, 12, 4, move |inner| {
            let label = prop_oneof![Just(""), Just("\"label\"")];
            let block = (name(), tight(), label, gap(), inner).prop_map(
                |(name, tight, label, gap, body)| format!("{name}.b{tight}{label}{{{gap}{body}}}"),
            );
            let statement = prop_oneof![attribute.clone(), block];
            prop::collection::vec((statement, line_end()), 0..4).prop_map(joined)
        })
        .boxed()
}

fn joined(statements: Vec<(String, &'static str)>) -> String {
    statements.into_iter().map(|(statement, end)| statement + end).collect()
}

/// What a file says, without where it says it.
fn meaning(file: &File) -> String {
    let mut text = String::new();
    body_meaning(&file.body, &mut text);
    text
}

fn body_meaning(body: &Body, text: &mut String) {
    for statement in &body.statements {
        match statement {
            Statement::Attribute(attribute) => {
                text.push_str(&format!("{} = ", attribute.name.name));
                expr_meaning(&attribute.value, text);
            }
            Statement::Block(block) => {
                text.push_str(&format!("{} {{", block.id()));
                body_meaning(&block.body, text);
                text.push('}');
            }
        }
        text.push(';');
    }
}

fn expr_meaning(expr: &Expr, text: &mut String) {
    match &expr.kind {
        ExprKind::Literal(value) => text.push_str(&format!("{value:?}")),
        ExprKind::Identifier(name) => text.push_str(name),
        ExprKind::Broken => text.push_str("broken"),
        ExprKind::Array(values) => {
            text.push_str("array(");
            values.iter().for_each(|value| expr_meaning(value, text));
            text.push(')');
        }
        ExprKind::Object(fields) => {
            text.push_str("object(");
            for field in fields {
                text.push_str(&format!("{} = ", field.key));
                expr_meaning(&field.value, text);
            }
            text.push(')');
        }
        ExprKind::Access(value, field) => {
            expr_meaning(value, text);
            text.push_str(&format!(" access {}", field.name));
        }
        ExprKind::Index(value, index) => {
            expr_meaning(value, text);
            text.push_str(" index ");
            expr_meaning(index, text);
        }
        ExprKind::Call(function, arguments) => {
            expr_meaning(function, text);
            text.push_str(" call(");
            arguments.iter().for_each(|argument| expr_meaning(argument, text));
            text.push(')');
        }
        ExprKind::Unary(operator, value) => {
            text.push_str(&format!("{operator:?} "));
            expr_meaning(value, text);
        }
        ExprKind::Binary(left, operator, _, right) => {
            text.push('<');
            expr_meaning(left, text);
            text.push_str(operator.symbol());
            expr_meaning(right, text);
            text.push('>');
        }
        ExprKind::Paren(inner) => {
            text.push_str("paren(");
            expr_meaning(inner, text);
            text.push(')');
        }
    }
    text.push(' ');
}

fn comments(file: &File) -> Vec<&str> {
    file.comments.iter().map(|comment| comment.span.text()).collect()
}

fn check(text: &str) -> Result<(), TestCaseError> {
    let (before, mistakes) = parse(&Source::new("before", text));
    prop_assert!(!mistakes.has_errors(), "{text}\n{mistakes}");

    let once = format(&Source::new("before", text)).expect("it parses");
    let (after, mistakes) = parse(&Source::new("after", once.clone()));
    prop_assert!(!mistakes.has_errors(), "{text}\n----\n{once}\n{mistakes}");
    prop_assert_eq!(meaning(&before), meaning(&after), "{}\n----\n{}", text, once);
    prop_assert_eq!(comments(&before), comments(&after), "{}\n----\n{}", text, once);

    let twice = format(&Source::new("after", once.clone())).expect("it parses");
    prop_assert_eq!(&once, &twice, "{}\n----\n{}----\n{}", text, once, twice);
    prop_assert!(!once.contains("\n\n\n"), "{}", once);
    Ok(())
}

#[test]
fn formatting_twice_is_formatting_once_and_changes_no_meaning() {
    let run = || {
        let config = ProptestConfig { cases: 400, failure_persistence: None, ..Default::default() };
        TestRunner::new(config).run(&body(), |text| check(&text))
    };
    // Generating nested texts needs more stack than formatting them.
    let thread = std::thread::Builder::new().stack_size(32 << 20).spawn(run).expect("a thread");
    let outcome = thread.join().expect("it does not panic");
    assert!(outcome.is_ok(), "{}", outcome.unwrap_err());
}
