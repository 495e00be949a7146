//! The same rules, done the obvious way: maps, strings and the `regex` crate.

use md5::{Digest, Md5};
use proptest::prelude::*;

use super::*;

/// Label sets as Prometheus' builder keeps them: those of the input that are untouched, in order
/// of their names, then those written, in order of their first writing.
struct Builder {
    base: Vec<(String, String)>,
    added: Vec<(String, String)>,
}

impl Builder {
    fn get(&self, name: &str) -> String {
        let mut all = self.added.iter().chain(&self.base);
        all.find(|(n, _)| n == name).map(|(_, v)| v.clone()).unwrap_or_default()
    }

    fn set(&mut self, name: &str, value: &str) {
        if value.is_empty() {
            self.base.retain(|(n, _)| n != name);
            self.added.retain(|(n, _)| n != name);
            return;
        }
        self.base.retain(|(n, _)| n != name);
        match self.added.iter_mut().find(|(n, _)| n == name) {
            Some((_, v)) => *v = value.to_owned(),
            None => self.added.push((name.to_owned(), value.to_owned())),
        }
    }

    fn all(&self) -> Vec<(String, String)> {
        self.base.iter().chain(&self.added).cloned().collect()
    }
}

/// Applies one rule; whether the labels stay.
fn apply(rule: &RuleConfig, labels: &mut Builder) -> bool {
    let values: Vec<String> = rule.source_labels.iter().map(|name| labels.get(name)).collect();
    let source = values.join(&rule.separator);
    let regex = regex::Regex::new(&format!("^(?s:{})$", rule.regex)).unwrap();
    match rule.action {
        Action::Keep => return regex.is_match(&source),
        Action::Drop => return !regex.is_match(&source),
        Action::KeepEqual => return labels.get(&rule.target_label) == source,
        Action::DropEqual => return labels.get(&rule.target_label) != source,
        Action::Replace => {
            let Some(captures) = regex.captures(&source) else { return true };
            let (mut target, mut value) = (String::new(), String::new());
            captures.expand(&rule.target_label, &mut target);
            captures.expand(&rule.replacement, &mut value);
            if regex::Regex::new("^[a-zA-Z_][a-zA-Z0-9_]*$").unwrap().is_match(&target) {
                labels.set(&target, &value);
            }
        }
        Action::HashMod => {
            let digest = Md5::digest(&source);
            let number =
                digest[8..].iter().fold(0u64, |number, byte| number << 8 | u64::from(*byte));
            labels.set(&rule.target_label, &(number % rule.modulus).to_string());
        }
        Action::LabelMap => {
            for (name, value) in labels.all() {
                if let Some(captures) = regex.captures(&name) {
                    let mut to = String::new();
                    captures.expand(&rule.replacement, &mut to);
                    if !to.is_empty() {
                        labels.set(&to, &value);
                    }
                }
            }
        }
        Action::LabelDrop | Action::LabelKeep => {
            let wanted = rule.action == Action::LabelDrop;
            for (name, _) in labels.all() {
                if regex.is_match(&name) == wanted {
                    labels.set(&name, "");
                }
            }
        }
        Action::Lowercase => labels.set(&rule.target_label, &source.to_lowercase()),
        Action::Uppercase => labels.set(&rule.target_label, &source.to_uppercase()),
    }
    true
}

fn name() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "ab", "a_1", "c", "__x", "A"]).prop_map(str::to_owned)
}

fn value() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "ab", "abc", "a;b", "", "1", "a\nb", "éa", "aab"])
        .prop_map(str::to_owned)
}

/// Patterns that mean the same in Go and in Rust, through every fast path and none.
fn pattern() -> impl Strategy<Value = String> {
    let patterns = [
        "(.*)",
        ".*",
        ".+",
        "(.+)",
        "a",
        "a|b",
        "(a|b)",
        "a.*",
        "a(.*)",
        "(a)(.*)",
        ".*b",
        "(.*)b",
        "a.+b",
        "a(.*)b",
        "(a+)(b?).*",
        "(?:a|ab)(.*)",
        "[ab]",
        "[^a]*",
        "a?b?",
        "",
        "(a)?(b)?.*",
        "(.*);(.*)",
        "__(.*)",
        "(?i)A",
        "(?i)a(.*)",
        "a$",
        "^a.*",
        "(.*?)b(.*)",
        "((a).*)",
        "a{2}b",
        "(?P<n>a+).*",
        "a||b",
        "(a|b|c|ab|abc|1|x|y|z)",
    ];
    prop::sample::select(patterns.to_vec()).prop_map(str::to_owned)
}

fn template() -> impl Strategy<Value = String> {
    let templates =
        ["$1", "${1}", "x", "a", "", "$2", "${1}_$2", "x$0", "$n", "$$", "${2}${1}", "$3a"];
    prop::sample::select(templates.to_vec()).prop_map(str::to_owned)
}

fn any_rule() -> impl Strategy<Value = RuleConfig> {
    let name_template =
        prop::sample::select(vec!["a", "b", "new", "$1", "${1}", "x_$1", "${1}$2", "${n}"]);
    let strategies = (
        prop::sample::select(Action::ALL.to_vec()),
        prop::collection::vec(name(), 0..3),
        prop::sample::select(vec![";", "", "ab"]),
        pattern(),
        (name(), name_template),
        template(),
        1u64..9,
    );
    strategies.prop_map(
        |(action, source_labels, separator, regex, (name, to), replacement, modulus)| {
            let given = RuleConfig {
                source_labels,
                separator: separator.to_owned(),
                regex,
                modulus,
                target_label: name,
                replacement,
                action,
            };
            // What the action refuses is not given.
            let defaults = RuleConfig { action, ..RuleConfig::default() };
            match action {
                Action::Replace => RuleConfig { target_label: to.to_owned(), ..given },
                Action::LabelMap => RuleConfig { replacement: to.to_owned(), ..given },
                Action::LabelDrop | Action::LabelKeep => {
                    RuleConfig { regex: given.regex, ..defaults }
                }
                Action::KeepEqual | Action::DropEqual => RuleConfig {
                    source_labels: given.source_labels,
                    target_label: given.target_label,
                    ..defaults
                },
                _ => given,
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn rules_do_what_the_obvious_implementation_does(
        input in prop::collection::btree_map(name(), value(), 0..6),
        rules in prop::collection::vec(any_rule(), 1..5),
    ) {
        let labels = Labels::from_pairs(&input);
        let base = labels.iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
        let mut builder = Builder { base, added: Vec::new() };
        let stays = rules.iter().all(|rule| apply(rule, &mut builder));
        let expected = Labels::from_pairs(builder.all());

        let compiled = Rules::compile(rules).unwrap();
        let mut scratch = Scratch::default();
        let output = compiled.apply(labels.borrowed(), &mut scratch).or_unchanged(labels.borrowed());
        let output = output.map(LabelsRef::to_labels);
        prop_assert_eq!(output, (stays && !expected.is_empty()).then_some(expected));
    }
}
