use expect_test::{Expect, expect};
use model::Labels;
use model::relabel::{Action, Outcome, RuleConfig, Rules, Scratch};
use syntax::go::case;

use super::Rule;
use crate::components::testing::decode;

fn mistakes(body: &str, expected: Expect) {
    expected.assert_eq(&decode::<Rule>(body).expect_err("the rule is wrong"));
}

/// Two crates that may not know each other have the same table.
#[test]
fn rules_and_functions_change_the_case_of_every_character_alike() {
    type Change = fn(&str) -> String;
    let changes: [(Action, Change); 2] =
        [(Action::Lowercase, case::lower), (Action::Uppercase, case::upper)];
    let text: String = ('\0'..=char::MAX).collect();
    for (action, changed) in changes {
        let rule = RuleConfig {
            source_labels: vec!["a".to_owned()],
            target_label: "b".to_owned(),
            action,
            ..RuleConfig::default()
        };
        let rules = Rules::compile(vec![rule]).expect("the rule is right");
        let (labels, mut scratch) =
            (Labels::from_pairs([("a", text.as_str())]), Scratch::default());
        let Outcome::Changed(labels) = rules.apply(labels.borrowed(), &mut scratch) else {
            panic!("{action:?} changes nothing")
        };
        assert!(labels.get("b") == Some(changed(&text).as_str()), "{action:?}");
    }
}

#[test]
fn every_argument_reaches_the_rule() {
    let rule: Rule = decode(
        r#"
            source_labels = ["a", "b"]
            separator     = "-"
            regex         = "x(.*)"
            modulus       = 8
            target_label  = "t"
            action        = "hashmod"
        "#,
    )
    .expect("the rule is right");
    let expected = RuleConfig {
        source_labels: vec!["a".to_owned(), "b".to_owned()],
        separator: "-".to_owned(),
        regex: "x(.*)".to_owned(),
        modulus: 8,
        target_label: "t".to_owned(),
        action: Action::HashMod,
        ..RuleConfig::default()
    };
    assert_eq!(rule.config(), expected);
}

#[test]
fn every_action_has_its_name() {
    for action in Action::ALL {
        let rest = match action {
            Action::Keep | Action::Drop => "source_labels = [\"a\"]",
            Action::LabelMap | Action::LabelDrop | Action::LabelKeep => "regex = \"a\"",
            Action::HashMod => "source_labels = [\"a\"]\ntarget_label = \"b\"\nmodulus = 2",
            _ => "source_labels = [\"a\"]\ntarget_label = \"b\"",
        };
        let rule: Rule = decode(&format!("action = {:?}\n{rest}", action.name()))
            .unwrap_or_else(|mistakes| panic!("{action}: {mistakes}"));
        assert_eq!(rule.config().action, action);
    }
}

#[test]
fn what_makes_no_sense_is_refused_where_it_is_written() {
    mistakes(
        "regex = \"(\"\ntarget_label = \"a\"",
        expect!["1: bad regular expression `(`: a group is not closed, `)` is missing at byte 0"],
    );
    mistakes(
        "action = \"hashmod\"\ntarget_label = \"a\"",
        expect!["0: hashmod needs a modulus other than zero"],
    );
    mistakes(
        "action = \"replaced\"",
        expect![[
            r#"1: attribute "action": expected one of "replace", "keep", "drop", "hashmod", "labelmap", "labeldrop", "labelkeep", "lowercase", "uppercase", "keepequal", "dropequal", got "replaced""#
        ]],
    );
    mistakes(
        "source_label = [\"a\"]",
        expect![[r#"
        0: replace needs a target label
        1: unknown attribute "source_label""#]],
    );
}
