//! Rules that make no sense.

use super::*;

/// The fields at fault.
fn faults(config: RuleConfig) -> Vec<Field> {
    match Rules::compile(vec![config]) {
        Ok(_) => Vec::new(),
        Err(error) => error.mistakes.iter().map(|mistake| mistake.field).collect(),
    }
}

#[test]
fn a_rule_that_cannot_work_is_refused_by_the_field_at_fault() {
    use Action::{
        DropEqual, HashMod, Keep, KeepEqual, LabelDrop, LabelKeep, LabelMap, Lowercase, Replace,
        Uppercase,
    };
    let separator = |action, target: &str| RuleConfig {
        separator: ",".to_owned(),
        ..rule(action, "", "", target, "")
    };
    let cases = [
        (rule(Replace, "a", "", "", ""), vec![Field::TargetLabel]),
        (rule(Replace, "a", "", "9a", ""), vec![Field::TargetLabel]),
        (rule(Replace, "a", "", "a-b", ""), vec![Field::TargetLabel]),
        (rule(Replace, "a", "", "a$", ""), vec![Field::TargetLabel]),
        (rule(Replace, "a", "", "${}", ""), vec![Field::TargetLabel]),
        (rule(Replace, "a", "", "${1", ""), vec![Field::TargetLabel]),
        (rule(Replace, "a", "", "9$1", ""), vec![Field::TargetLabel]),
        (rule(Replace, "a", "", "$1", ""), vec![]),
        (rule(Replace, "a", "", "x${1}_$name", ""), vec![]),
        (rule(Replace, "a", "(", "b", ""), vec![Field::Regex]),
        (rule(Replace, "a", "a**", "", ""), vec![Field::TargetLabel, Field::Regex]),
        (rule(Keep, "a", "[", "", ""), vec![Field::Regex]),
        (rule(HashMod, "a", "", "", ""), vec![Field::Modulus, Field::TargetLabel]),
        (rule(HashMod, "a", "", "b", ""), vec![Field::Modulus]),
        (hashmod("a", "$1", 3), vec![Field::TargetLabel]),
        (rule(Lowercase, "a", "", "${1}", ""), vec![Field::TargetLabel]),
        (rule(Uppercase, "a", "", "", ""), vec![Field::TargetLabel]),
        (rule(KeepEqual, "a", "", "", ""), vec![Field::TargetLabel]),
        (rule(KeepEqual, "a", "x", "b", "y"), vec![Field::Regex, Field::Replacement]),
        (separator(DropEqual, "b"), vec![Field::Separator]),
        (rule(LabelMap, "", "(.*)", "", "a-$1"), vec![Field::Replacement]),
        (rule(LabelMap, "", "(.*)", "", "a_$1"), vec![]),
        (
            rule(LabelDrop, "a", "x", "b", "c"),
            vec![Field::SourceLabels, Field::TargetLabel, Field::Replacement],
        ),
        (separator(LabelKeep, ""), vec![Field::Separator]),
    ];
    for (config, fields) in cases {
        assert_eq!(faults(config.clone()), fields, "{config:?}");
    }
}

#[test]
fn every_mistake_of_every_rule_is_named() {
    let rules = vec![
        rule(Action::Replace, "a", "", "", ""),
        rule(Action::Keep, "a", "ok", "", ""),
        rule(Action::Drop, "a", "a{1001}", "", ""),
    ];
    let message = Rules::compile(rules).unwrap_err().to_string();
    assert_eq!(
        message,
        "rule 1: target_label: replace needs a target label; rule 3: regex: bad regular expression \
         `a{1001}`: a repetition is limited to 1000, nested ones multiplied at byte 1"
    );
}
