use std::sync::Arc;

use crate::{
    Capsule, Host, Scope, Source, Stability, Type, Value, Variables, evaluate, parse_expression,
};

#[derive(Debug)]
struct Target;

impl Capsule for Target {
    fn type_name() -> &'static str {
        "target"
    }
    fn plain(&self) -> Option<Value> {
        Some(Value::object([("__address__", Value::string("a:1"))]))
    }
}

fn scope() -> Scope {
    let mut variables = Variables::new();
    variables.set(["component", "one"], Value::object([("content", Value::string("text"))]));
    variables.set(["component", "one", "inner"], Value::object([("x", Value::Bool(true))]));
    variables.set(["target"], Value::capsule(Arc::new(Target)));
    variables.set(["hush"], Value::Secret("s".into()));
    let later = [
        ("text", Type::String),
        ("content", Type::OptionalSecret),
        ("list", Type::array(Type::String)),
        ("labels", Type::map(Type::String)),
    ];
    variables.set(["later"], Value::object(later.map(|(name, kind)| (name, Value::Unknown(kind)))));
    variables.set(["anything"], Value::Unknown(Type::Any));
    variables.set(["max"], Value::Number(crate::Number::Uint(u64::MAX)));
    Scope::new(&Host::default(), Stability::GenerallyAvailable).child(variables)
}

fn run(text: &str) -> String {
    let expr = parse_expression(&Source::new("t", text));
    let expr = expr.unwrap_or_else(|diagnostics| panic!("{text}: {diagnostics}"));
    match evaluate(&expr, &scope()) {
        Ok(value) => value.to_string(),
        Err(problems) => {
            let messages: Vec<&str> =
                problems.iter().map(|problem| problem.message.as_str()).collect();
            format!("error: {}", messages.join("; "))
        }
    }
}

#[test]
fn expressions_have_the_values_of_the_reference() {
    let cases = [
        // Precedence.
        ("1 + 2 * 3", "7"),
        ("(1 + 2) * 3", "9"),
        ("2 ^ 3 ^ 2", "512"),
        ("-2 ^ 2", "4"),
        ("10 - 4 - 3", "3"),
        ("100 / 10 % 4", "2"),
        ("1 + 1 == 2 && 3 < 2 || true", "true"),
        ("false && false || true", "true"),
        ("true || false && false", "true"),
        ("!true || true", "true"),
        // Numbers.
        ("7 / 2", "3"),
        ("7 / 2.0", "3.5"),
        ("-7 % 3", "-1"),
        ("7.5 % 2", "1.5"),
        ("2 ^ 0.5 > 1.41", "true"),
        ("2 ^ -1", "0.5"),
        ("0 ^ 0", "1"),
        ("(-3) ^ 3", "-27"),
        ("9223372036854775807 + 1", "-9223372036854775808"),
        ("max + 1", "0"),
        ("max > 1", "true"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("1 / 0", "error: division by zero"),
        ("1.0 % 0.0", "error: division by zero"),
        // Equality.
        ("3 == 3.0", "true"),
        ("3 == \"3\"", "false"),
        ("null == null", "true"),
        ("[1, {a = 2, b = 3}] == [1.0, {b = 3, a = 2}]", "true"),
        ("[1] != [2]", "true"),
        ("coalesce == coalesce", "false"),
        ("hush == hush", "true"),
        ("target == target", "true"),
        ("target == {__address__ = \"a:1\"}", "true"),
        // Order and concatenation.
        ("\"a\" < \"b\"", "true"),
        ("\"a\" + \"b\"", "\"ab\""),
        ("\"a\" + hush", "(secret)"),
        ("\"a\" < 1", "error: < takes two numbers, or two strings, not string and number"),
        (
            "\"a\" + 1",
            "error: + takes two numbers, or two strings (or secrets), not string and number",
        ),
        (
            "true + true",
            "error: + takes two numbers, or two strings (or secrets), not bool and bool",
        ),
        ("\"a\" - \"b\"", "error: - takes two numbers, not string and string"),
        ("1 && true", "error: && takes two bools, not number and bool"),
        ("-\"a\"", "error: - takes a number, not a string"),
        ("!1", "error: ! takes a bool, not a number"),
        // Fields and elements.
        ("{a = {b = 1}}.a.b", "1"),
        ("{a = 1}[\"b\"]", "null"),
        ("{a = 1}.b", "error: {a = 1} has no field \"b\""),
        ("{a = 1, a = 2}.a", "2"),
        ("[1, 2][1]", "2"),
        ("[1, 2][2]", "error: there is no element 2 in a list of 2"),
        ("[1, 2][-1]", "error: there is no element -1 in a list of 2"),
        ("[1][0.5]", "error: 0.5 is not a whole number"),
        ("[1][\"a\"]", "error: a list is indexed by a number, not by a string"),
        ("{}[0]", "error: an object is indexed by a string, not by a number"),
        ("1[0]", "error: a number cannot be indexed"),
        ("null.a", "error: a null has no fields"),
        ("target.__address__ + target[\"__address__\"]", "\"a:1a:1\""),
        ("component.one.content", "\"text\""),
        ("component.one.inner.x", "true"),
        // Calls, and names.
        ("missing", "error: \"missing\" does not exist"),
        ("true || missing", "error: \"missing\" does not exist"),
        ("1(2)", "error: a number is not a function"),
        ("string.nothing()", "error: string has no field \"nothing\""),
        ("[coalesce][0](null, 2)", "2"),
    ];
    for (text, expected) in cases {
        assert_eq!(run(text), expected, "{text}");
    }
}

#[test]
fn what_is_not_known_spreads_by_its_type() {
    let unknown = |kind: &str| format!("({kind}, known only when running)");
    let cases = [
        ("later.text", unknown("string")),
        ("later.text == \"a\"", unknown("bool")),
        ("later.text + \"a\"", unknown("string")),
        ("later.text + hush", unknown("secret")),
        ("later.content + \"a\"", unknown("string or secret")),
        ("anything + \"a\"", unknown("string or secret")),
        ("anything + 1", unknown("number")),
        ("anything + anything", unknown("any")),
        ("later.list == 1", unknown("bool")),
        ("anything < later.text", unknown("bool")),
        ("anything.field[0] * 2", unknown("number")),
        ("string.to_upper(later.text)", unknown("string")),
        ("string.to_upper(later.content)", unknown("string")),
        ("string.join(later.list, \",\")", unknown("string")),
        ("string.split(anything, \",\")", unknown("list(string)")),
        ("string.format(\"%s %d\", later.text, 1)", unknown("string")),
        ("array.concat([1], later.list)", unknown("list(any)")),
        ("coalesce(later.text, 1)", unknown("any")),
        ("!anything", unknown("bool")),
        ("[later.text]", format!("[{}]", unknown("string"))),
        ("later.text.field", "error: a string has no fields".to_owned()),
        ("later.text[0]", "error: a string cannot be indexed".to_owned()),
        ("later.list[anything]", unknown("string")),
        ("{a = 1}[later.text]", unknown("any")),
        ("[1][anything]", unknown("any")),
        ("later.list[\"a\"]", "error: a list is indexed by a number, not by a string".to_owned()),
        (
            "later.list[later.text]",
            "error: a list is indexed by a number, not by a string".to_owned(),
        ),
        ("[1][later.text]", "error: a list is indexed by a number, not by a string".to_owned()),
        (
            "{}[later.list]",
            "error: an object is indexed by a string, not by a list(string)".to_owned(),
        ),
        ("later.labels[0]", "error: an object is indexed by a string, not by a number".to_owned()),
        ("later.text()", "error: a string is not a function".to_owned()),
        ("-later.text", "error: - takes a number, not a string".to_owned()),
    ];
    for (text, expected) in cases {
        assert_eq!(run(text), expected, "{text}");
    }
}

#[test]
fn what_no_value_can_make_right_is_wrong_before_there_is_one() {
    let cases = [
        (
            "later.list + 1",
            "+ takes two numbers, or two strings (or secrets), not list(string) and number",
        ),
        (
            "later.content + 1",
            "+ takes two numbers, or two strings (or secrets), not string or secret and number",
        ),
        (
            "[anything] + later.list",
            "+ takes two numbers, or two strings (or secrets), not list and list(string)",
        ),
        ("later.text - anything", "- takes two numbers, not string and any"),
        ("later.text < 1", "< takes two numbers, or two strings, not string and number"),
        ("anything && later.text", "&& takes two bools, not any and string"),
        ("string.to_upper(later.list)", "string.to_upper: expected string, got list(string)"),
        ("string.to_upper(later.text, 1)", "string.to_upper: takes 1 arguments, not 2"),
        ("string.format()", "string.format: takes at least 1 arguments, not 0"),
        ("string.join(later.text, \",\")", "string.join: expected list(string), got string"),
        (
            "string.join([later.text, later.list], anything)",
            "string.join: element 1: expected string, got list(string)",
        ),
        ("array.concat(later.list, 3)", "array.concat: expected list(any), got number"),
        ("encoding.to_json(later.list)", "encoding.to_json: expected map(any), got list(string)"),
        ("string.to_upper(later.text).x", "a string has no fields"),
        ("string.split(later.text, \"\") * 2", "* takes two numbers, not list(string) and number"),
    ];
    for (text, expected) in cases {
        assert_eq!(run(text), format!("error: {expected}"), "{text}");
    }
}

#[test]
fn every_mistake_of_an_expression_is_told_and_nothing_that_follows_from_one() {
    let cases = [
        ("missing + absent", "\"missing\" does not exist; \"absent\" does not exist"),
        ("[missing, 1, -\"a\"]", "\"missing\" does not exist; - takes a number, not a string"),
        ("{a = missing, b = {c = 1 / 0}}", "\"missing\" does not exist; division by zero"),
        ("{a = encoding.from_json(1 / 0), b = sys.x}", "division by zero; sys has no field \"x\""),
        ("coalesce(missing, -true)", "\"missing\" does not exist; - takes a number, not a bool"),
        ("missing(1 / 0)", "\"missing\" does not exist; division by zero"),
        ("(missing.a[0](1) + 1) * 2", "\"missing\" does not exist"),
        // Whatever it is, it cannot be multiplied by that.
        ("missing * \"a\"", "\"missing\" does not exist; * takes two numbers, not any and string"),
        (
            "[missing][0] && {a = missing}.a",
            "\"missing\" does not exist; \"missing\" does not exist",
        ),
        ("{a = missing}[absent]", "\"missing\" does not exist; \"absent\" does not exist"),
        (
            "string.to_upper(missing, missing)",
            "string.to_upper: takes 1 arguments, not 2; \
             \"missing\" does not exist; \"missing\" does not exist",
        ),
        // Found later, written earlier.
        ("1[missing]", "a number cannot be indexed; \"missing\" does not exist"),
    ];
    for (text, expected) in cases {
        assert_eq!(run(text), format!("error: {expected}"), "{text}");
    }
}

#[test]
fn a_mistake_names_what_was_probably_meant() {
    let hint = |text: &str| {
        let expr = parse_expression(&Source::new("t", text)).expect("it parses");
        let problems = evaluate(&expr, &scope()).expect_err("it fails");
        problems.into_iter().next().and_then(|problem| problem.hint).expect("a hint")
    };
    assert_eq!(hint("coalesc(1)"), "did you mean \"coalesce\"?");
    assert_eq!(hint("string.jion([], \"\")"), "did you mean \"join\"?");
    assert_eq!(hint("sys.x"), "it has env");
}

#[test]
fn a_string_does_not_grow_without_bound() {
    let mut variables = Variables::new();
    variables.set(["big"], Value::string("x".repeat(40 << 20)));
    let scope = Scope::new(&Host::default(), Stability::GenerallyAvailable).child(variables);
    let expr = parse_expression(&Source::new("t", "big + big")).expect("it parses");
    assert!(evaluate(&expr, &scope).is_err());
}

#[test]
fn an_inner_scope_hides_the_outer_and_the_library() {
    let mut outer = Variables::new();
    outer.set(["coalesce"], Value::string("outer"));
    outer.set(["x"], Value::string("outer"));
    let mut inner = Variables::new();
    inner.set(["x"], Value::string("inner"));
    let outer = Scope::new(&Host::default(), Stability::GenerallyAvailable).child(outer);
    let inner = outer.child(inner);
    assert_eq!(inner.lookup("x").unwrap().to_string(), "\"inner\"");
    assert_eq!(outer.lookup("x").unwrap().to_string(), "\"outer\"");
    assert_eq!(inner.lookup("coalesce").unwrap().to_string(), "\"outer\"");
    assert!(inner.is_library("coalesce") && !inner.is_library("x"));
}
