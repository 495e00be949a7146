use super::*;
use crate::labels::Labels;

mod naive;
mod refused;

/// Reads `a=1 b=2`.
fn labels(text: &str) -> Labels {
    Labels::from_pairs(text.split_whitespace().filter_map(|pair| pair.split_once('=')))
}

/// What the rules make of the labels, as `a=1 b=2`; `dropped` when nothing is left of them.
fn relabel(input: &str, rules: Vec<RuleConfig>) -> String {
    let rules = Rules::compile(rules).unwrap();
    let input = labels(input);
    let mut scratch = Scratch::default();
    match rules.apply(input.borrowed(), &mut scratch).or_unchanged(input.borrowed()) {
        None => "dropped".to_owned(),
        Some(output) => {
            assert!(output.is_canonical(), "{output}");
            let pairs: Vec<_> = output.iter().map(|(n, v)| format!("{n}={v}")).collect();
            pairs.join(" ")
        }
    }
}

/// A rule of an action: source labels, pattern, target, replacement, where empty means not given.
fn rule(action: Action, source: &str, regex: &str, target: &str, replacement: &str) -> RuleConfig {
    let or = |text: &str, default: String| if text.is_empty() { default } else { text.to_owned() };
    let defaults = RuleConfig::default();
    RuleConfig {
        source_labels: source.split_whitespace().map(str::to_owned).collect(),
        regex: or(regex, defaults.regex),
        target_label: target.to_owned(),
        replacement: or(replacement, defaults.replacement),
        action,
        ..RuleConfig::default()
    }
}

fn hashmod(source: &str, target: &str, modulus: u64) -> RuleConfig {
    RuleConfig { modulus, ..rule(Action::HashMod, source, "", target, "") }
}

#[test]
fn replace_writes_where_the_whole_source_matches() {
    use Action::Replace;
    let cases = [
        // The source is joined with `;`, an absent label being empty.
        (
            "a=foo b=bar",
            rule(Replace, "a b", "f(.*);(.*)r", "c", "x${1}x${2}x"),
            "a=foo b=bar c=xooxbax",
        ),
        ("a=foo", rule(Replace, "a b", "foo;", "c", "yes"), "a=foo c=yes"),
        ("a=foo", rule(Replace, "a", "oo", "b", "no"), "a=foo"),
        ("a=foo", rule(Replace, "a", "f|foo", "b", "yes"), "a=foo b=yes"),
        // No source at all sets a constant.
        ("a=foo", rule(Replace, "", "", "b", "const"), "a=foo b=const"),
        // An empty result removes.
        ("a=foo b=x", rule(Replace, "a", "f(o*)(z*)", "b", "$2"), "a=foo"),
        ("a=foo", rule(Replace, "a", "f(o*)(z*)", "b", "$2"), "a=foo"),
        ("a=foo b=x", rule(Replace, "missing", "", "b", ""), "a=foo"),
        // The longest name is taken: `$1x` is not `$1` and `x`.
        ("a=foo", rule(Replace, "a", "(.*)", "b", "$1x-${1}x"), "a=foo b=-foox"),
        ("a=foo", rule(Replace, "a", "(.*)", "b", "$0.$1.$2.$$1"), "a=foo b=foo.foo..$1"),
        (
            "a=foo",
            rule(Replace, "a", "(?P<first>.)(?<2>.*)", "b", "${first}-$2-${2}"),
            "a=foo b=f-oo-oo",
        ),
        ("a=foo", rule(Replace, "a", "(.*)", "b", "${1-$-${}-$"), "a=foo b=${1-$-${}-$"),
        ("a=foo", rule(Replace, "a", "(.*)", "b", "x${01}y"), "a=foo b=xy"),
        ("a=foo", rule(Replace, "a", "(.*)", "b", "x$1é$é"), "a=foo b=x"),
        // The target may contain variables, and is ignored when it is no name in the end.
        ("a=foo b=1", rule(Replace, "a b", "(.*);(.*)", "x_${1}", "$2"), "a=foo b=1 x_foo=1"),
        ("a=9foo", rule(Replace, "a", "(.*)", "${1}", "x"), "a=9foo"),
        ("a=f-oo", rule(Replace, "a", "(.*)", "${1}", "x"), "a=f-oo"),
        ("a=foo", rule(Replace, "a", "(z?).*", "${1}", "x"), "a=foo"),
        // A group that took no part is empty.
        ("a=foo", rule(Replace, "a", "(foo)|(bar)", "b", "<$1$2>"), "a=foo b=<foo>"),
    ];
    for (input, rule, output) in cases {
        assert_eq!(relabel(input, vec![rule.clone()]), output, "{rule:?}");
    }
}

#[test]
fn keep_and_drop_decide_by_the_pattern() {
    use Action::{Drop, Keep};
    let cases = [
        (rule(Drop, "a", "foo", "", ""), "dropped"),
        (rule(Drop, "a", "fo", "", ""), "a=foo b=bar"),
        (rule(Drop, "a b", "foo;ba.", "", ""), "dropped"),
        (rule(Drop, "missing", "", "", ""), "dropped"),
        (rule(Drop, "missing", ".+", "", ""), "a=foo b=bar"),
        (rule(Keep, "a", "foo|bar", "", ""), "a=foo b=bar"),
        (rule(Keep, "a", "oo", "", ""), "dropped"),
        (rule(Keep, "missing", "", "", ""), "a=foo b=bar"),
        (rule(Keep, "a", ".*o", "", ""), "a=foo b=bar"),
        (rule(Keep, "a", "x.*", "", ""), "dropped"),
        (rule(Keep, "a", "(?i)FOO", "", ""), "a=foo b=bar"),
        (rule(Keep, "a", "^foo$", "", ""), "a=foo b=bar"),
    ];
    for (rule, output) in cases {
        assert_eq!(relabel("a=foo b=bar", vec![rule.clone()]), output, "{rule:?}");
    }
}

#[test]
fn equality_compares_the_joined_source_with_the_target() {
    use Action::{DropEqual, KeepEqual};
    let cases = [
        ("p=80 __port=80", rule(KeepEqual, "p", "", "__port", ""), true),
        ("p=80 __port=81", rule(KeepEqual, "p", "", "__port", ""), false),
        ("x=1", rule(KeepEqual, "p", "", "__port", ""), true),
        ("p=80 __port=80", rule(DropEqual, "p", "", "__port", ""), false),
        ("p=80 __port=81", rule(DropEqual, "p", "", "__port", ""), true),
        ("p=80 q=1 __port=80;1", rule(DropEqual, "p q", "", "__port", ""), false),
    ];
    for (input, rule, stays) in cases {
        assert_eq!(relabel(input, vec![rule.clone()]) != "dropped", stays, "{input} {rule:?}");
    }
}

#[test]
fn hashmod_gives_the_numbers_that_prometheus_gives() {
    assert_eq!(relabel("c=baz", vec![hashmod("c", "d", 1000)]), "c=baz d=976");
    let text = "foo\nbar";
    let input = Labels::from_pairs([("a", text)]);
    let rules = Rules::compile(vec![hashmod("a", "b", 1000)]).unwrap();
    let mut scratch = Scratch::default();
    let Outcome::Changed(output) = rules.apply(input.borrowed(), &mut scratch) else { panic!() };
    assert_eq!(output.get("b"), Some("734"));
}

#[test]
fn labelmap_copies_by_name_and_the_last_writer_wins() {
    use Action::{LabelMap, Replace};
    let cases = [
        (
            "a=foo b1=bar b2=baz",
            vec![rule(LabelMap, "", "b([0-9])", "", "m_$1")],
            "a=foo b1=bar b2=baz m_1=bar m_2=baz",
        ),
        (
            "__meta_x=1 __meta_y=2",
            vec![rule(LabelMap, "", "__meta_(.+)", "", "")],
            "__meta_x=1 __meta_y=2 x=1 y=2",
        ),
        ("a=1 b=2", vec![rule(LabelMap, "", "a|b", "", "c")], "a=1 b=2 c=2"),
        // A label that a rule has written comes after those of the input.
        (
            "a=1 b=2",
            vec![rule(Replace, "a", "", "a", "3"), rule(LabelMap, "", "a|b", "", "c")],
            "a=3 b=2 c=3",
        ),
        // Even where it wrote what was there.
        (
            "a=1 b=2",
            vec![rule(Replace, "a", "", "a", "$1"), rule(LabelMap, "", "a|b", "", "c")],
            "a=1 b=2 c=1",
        ),
        // What is copied is not copied again.
        ("a=1", vec![rule(LabelMap, "", "(a+)", "", "$1a")], "a=1"),
        ("a=1", vec![rule(LabelMap, "", "(a+)", "", "a${1}")], "a=1 aa=1"),
        // A name that comes out empty is no label; one that comes out invalid is left as it is.
        ("a=1", vec![rule(LabelMap, "", "a(.*)", "", "")], "a=1"),
        ("a_9=1", vec![rule(LabelMap, "", "a_(.*)", "", "")], "9=1 a_9=1"),
    ];
    for (input, rules, output) in cases {
        assert_eq!(relabel(input, rules.clone()), output, "{rules:?}");
    }
}

#[test]
fn labeldrop_and_labelkeep_choose_by_name() {
    use Action::{LabelDrop, LabelKeep};
    let cases = [
        ("a=1 b1=2 b2=3", rule(LabelDrop, "", "b.*", "", ""), "a=1"),
        ("a=1 b1=2 b2=3", rule(LabelKeep, "", "b.*", "", ""), "b1=2 b2=3"),
        ("a=1", rule(LabelKeep, "", "b.*", "", ""), "dropped"),
        ("a=1", rule(LabelDrop, "", "a", "", ""), "dropped"),
        ("a=1", rule(LabelDrop, "", "b", "", ""), "a=1"),
    ];
    for (input, rule, output) in cases {
        assert_eq!(relabel(input, vec![rule.clone()]), output, "{rule:?}");
    }
}

#[test]
fn case_changes_one_character_into_one() {
    use Action::{Lowercase, Uppercase};
    let cases = [
        ("FooÄ", "fooä", "FOOÄ"),
        ("straße", "straße", "STRAßE"),
        ("İΣ", "iσ", "İΣ"),
        ("ᾳᾀ", "ᾳᾀ", "ᾼᾈ"),
        ("ŉǰﬁ", "ŉǰﬁ", "ŉǰﬁ"),
    ];
    for (text, lower, upper) in cases {
        let input = format!("a={text}");
        let expected = format!("a={text} l={lower}");
        assert_eq!(relabel(&input, vec![rule(Lowercase, "a", "", "l", "")]), expected);
        let expected = format!("a={text} u={upper}");
        assert_eq!(relabel(&input, vec![rule(Uppercase, "a", "", "u", "")]), expected);
    }
    let both = vec![rule(Uppercase, "a b", "", "u", "")];
    assert_eq!(relabel("a=x b=y", both), "a=x b=y u=X;Y");
    // Nothing in, nothing written: the target goes.
    assert_eq!(relabel("a=x u=y", vec![rule(Lowercase, "missing", "", "u", "")]), "a=x");
}

#[test]
fn rules_see_what_the_rules_before_them_wrote() {
    use Action::{Drop, Keep, LabelDrop, Replace};
    let chain = vec![
        rule(Replace, "a", "f(.*)", "tmp", "$1"),
        rule(Keep, "tmp", "oo", "", ""),
        rule(Replace, "tmp a", "(.*);(.*)", "b", "$2-$1"),
        rule(LabelDrop, "", "tmp", "", ""),
    ];
    assert_eq!(relabel("a=foo", chain.clone()), "a=foo b=foo-oo");
    assert_eq!(relabel("a=fo", chain), "dropped");
    let removed = vec![rule(LabelDrop, "", "a", "", ""), rule(Drop, "a", "foo", "", "")];
    assert_eq!(relabel("a=foo b=1", removed), "b=1");
}

#[test]
fn what_comes_out_as_it_went_in_is_unchanged() {
    use Action::{LabelDrop, Replace};
    let unchanged = [
        vec![],
        vec![rule(Replace, "a", "foo", "a", "foo")],
        vec![rule(Replace, "a", "(.*)", "b", ""), rule(LabelDrop, "", "b", "", "")],
        vec![rule(Replace, "missing", "(.*)", "b", "")],
    ];
    let input = labels("a=foo");
    let mut scratch = Scratch::default();
    for rules in unchanged {
        let rules = Rules::compile(rules).unwrap();
        let outcome = rules.apply(input.borrowed(), &mut scratch);
        assert_eq!(outcome, Outcome::Unchanged, "{:?}", rules.configs());
    }
}

#[test]
fn a_line_feed_is_a_character_like_any_other() {
    let input = Labels::from_pairs([("a", "x\ny")]);
    let rules = Rules::compile(vec![rule(Action::Keep, "a", "x.y", "", "")]).unwrap();
    let mut scratch = Scratch::default();
    let outcome = rules.apply(input.borrowed(), &mut scratch);
    assert_eq!(outcome, Outcome::Unchanged);
}

#[test]
fn under_utf8_any_target_will_do() {
    let config = rule(Action::Replace, "a", "(.*)", "x.$1", "yes");
    assert!(Rules::compile(vec![config.clone()]).is_err());
    let rules = Rules::compile_with(vec![config], Scheme::Utf8).unwrap();
    let mut scratch = Scratch::default();
    let input = labels("a=b-c");
    let Outcome::Changed(output) = rules.apply(input.borrowed(), &mut scratch) else { panic!() };
    assert_eq!(output.get("x.b"), None);
    assert_eq!(output.get("x.b-c"), Some("yes"));
}

#[test]
fn an_action_is_known_by_its_name_alone() {
    for action in Action::ALL {
        assert_eq!(action.name().parse(), Ok(action));
    }
    assert!("Replace".parse::<Action>().is_err());
}
