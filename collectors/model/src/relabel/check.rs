//! Which rules make sense.

use std::fmt;

use super::config::{Action, RuleConfig};
use super::template;
use crate::names::{self, Scheme};

/// Rules that cannot be compiled, with every mistake in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// At least one, in order of the rules.
    pub mistakes: Vec<Mistake>,
}

/// One mistake in one rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("rule {}: {field}: {reason}", rule + 1)]
pub struct Mistake {
    /// Index of the rule, from 0; the message counts from 1.
    pub rule: usize,
    /// The argument at fault.
    pub field: Field,
    /// Why.
    pub reason: String,
}

/// An argument of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the fields of `RuleConfig` by name")]
pub enum Field {
    SourceLabels,
    Separator,
    Regex,
    Modulus,
    TargetLabel,
    Replacement,
}

impl Field {
    /// The argument's name in a configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::SourceLabels => "source_labels",
            Self::Separator => "separator",
            Self::Regex => "regex",
            Self::Modulus => "modulus",
            Self::TargetLabel => "target_label",
            Self::Replacement => "replacement",
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.mistakes.iter().enumerate() {
            let between = if index == 0 { "" } else { "; " };
            write!(f, "{between}{mistake}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// Finds the mistakes of one rule, other than those of its pattern.
pub(super) fn check(index: usize, rule: &RuleConfig, scheme: Scheme, mistakes: &mut Vec<Mistake>) {
    let action = rule.action;
    let mut mistake = |field, reason| mistakes.push(Mistake { rule: index, field, reason });
    if action == Action::HashMod && rule.modulus == 0 {
        mistake(Field::Modulus, "hashmod needs a modulus other than zero".to_owned());
    }
    if writes_target(action) {
        let target = &rule.target_label;
        if target.is_empty() {
            mistake(Field::TargetLabel, format!("{action} needs a target label"));
        } else if !target_is_valid(rule, scheme) {
            mistake(Field::TargetLabel, format!("{target:?} is no valid label name for {action}"));
        }
    }
    if action == Action::LabelMap && !name_template_is_valid(&rule.replacement, scheme) {
        let reason = format!("{:?} is no valid label name for labelmap", rule.replacement);
        mistake(Field::Replacement, reason);
    }
    for field in superfluous(rule) {
        mistake(field, format!("{action} takes no {field}"));
    }
}

fn writes_target(action: Action) -> bool {
    use Action::{DropEqual, HashMod, KeepEqual, Lowercase, Replace, Uppercase};
    matches!(action, Replace | KeepEqual | DropEqual | HashMod | Lowercase | Uppercase)
}

fn target_is_valid(rule: &RuleConfig, scheme: Scheme) -> bool {
    if rule.action == Action::Replace && template::has_variable(&rule.target_label) {
        name_template_is_valid(&rule.target_label, scheme)
    } else {
        names::is_label_name(&rule.target_label, scheme)
    }
}

/// Whether a template can become a label name: under the legacy scheme letters, digits and
/// underscores with `$name` or `${name}` among them.
fn name_template_is_valid(template: &str, scheme: Scheme) -> bool {
    if scheme == Scheme::Utf8 {
        return names::is_label_name(template, scheme);
    }
    let word = |c: char| c == '_' || c.is_ascii_alphanumeric();
    let mut rest = template;
    if rest.starts_with(|c: char| c.is_ascii_digit()) || rest.is_empty() {
        return false;
    }
    while let Some(next) = rest.chars().next() {
        rest = &rest[next.len_utf8()..];
        if word(next) {
            continue;
        }
        let after = rest.trim_start_matches(word);
        let name_len = rest.len() - after.len();
        rest = match rest.strip_prefix('{') {
            _ if next != '$' => return false,
            Some(braced) => {
                let after = braced.trim_start_matches(word);
                if after.len() == braced.len() || !after.starts_with('}') {
                    return false;
                }
                &after[1..]
            }
            None if name_len == 0 => return false,
            None => after,
        };
    }
    true
}

/// The arguments that are given and that the action has no use for, where Prometheus refuses them.
fn superfluous(rule: &RuleConfig) -> Vec<Field> {
    let defaults = RuleConfig::default();
    let names_only = matches!(rule.action, Action::LabelDrop | Action::LabelKeep);
    let equality = matches!(rule.action, Action::KeepEqual | Action::DropEqual);
    let given = [
        (Field::SourceLabels, names_only && !rule.source_labels.is_empty()),
        (Field::TargetLabel, names_only && !rule.target_label.is_empty()),
        (Field::Regex, equality && rule.regex != defaults.regex),
        (Field::Separator, (names_only || equality) && rule.separator != defaults.separator),
        (Field::Modulus, (names_only || equality) && rule.modulus != defaults.modulus),
        (Field::Replacement, (names_only || equality) && rule.replacement != defaults.replacement),
    ];
    given.into_iter().filter_map(|(field, given)| given.then_some(field)).collect()
}
