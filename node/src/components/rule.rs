//! `rule` and `write_relabel_config`.

use model::relabel::{Action, Field, RuleConfig, Rules};
use syntax::{Arguments, Choice, Problems};

#[cfg(test)]
mod tests;

/// One relabelling rule, as it is written.
#[derive(Debug, Clone, PartialEq, Arguments)]
#[arguments(validate = Self::validate)]
pub(super) struct Rule {
    /// The labels whose values, joined by `separator`, are what the rule looks at.
    #[arg(default = Vec::new())]
    source_labels: Vec<String>,
    /// What the values are joined with.
    #[arg(default = RuleConfig::DEFAULT_SEPARATOR.to_owned())]
    separator: String,
    /// A pattern in RE2 syntax that has to match the whole of it.
    #[arg(default = RuleConfig::DEFAULT_REGEX.to_owned())]
    regex: String,
    /// The divisor of `hashmod`.
    #[arg(default = 0)]
    modulus: u64,
    /// The label that is written or compared with.
    #[arg(default = String::new())]
    target_label: String,
    /// What is written; `$1` and `${name}` stand for what groups matched.
    #[arg(default = RuleConfig::DEFAULT_REPLACEMENT.to_owned())]
    replacement: String,
    /// What the rule does.
    #[arg(default = ActionName::Replace)]
    action: ActionName,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
enum ActionName {
    #[choice("replace")]
    Replace,
    #[choice("keep")]
    Keep,
    #[choice("drop")]
    Drop,
    #[choice("hashmod")]
    HashMod,
    #[choice("labelmap")]
    LabelMap,
    #[choice("labeldrop")]
    LabelDrop,
    #[choice("labelkeep")]
    LabelKeep,
    #[choice("lowercase")]
    Lowercase,
    #[choice("uppercase")]
    Uppercase,
    #[choice("keepequal")]
    KeepEqual,
    #[choice("dropequal")]
    DropEqual,
}

impl Rule {
    fn validate(&self, problems: &mut Problems<'_>) {
        let Err(error) = Rules::compile(vec![self.config()]) else { return };
        for mistake in error.mistakes {
            // All but the pattern is right or wrong for what the rule does.
            if mistake.field == Field::Regex || problems.are_known(&["action"]) {
                problems.field(mistake.field.name(), mistake.reason);
            }
        }
    }

    /// The rule as the relabeller takes it.
    pub(super) fn config(&self) -> RuleConfig {
        RuleConfig {
            source_labels: self.source_labels.clone(),
            separator: self.separator.clone(),
            regex: self.regex.clone(),
            modulus: self.modulus,
            target_label: self.target_label.clone(),
            replacement: self.replacement.clone(),
            action: match self.action {
                ActionName::Replace => Action::Replace,
                ActionName::Keep => Action::Keep,
                ActionName::Drop => Action::Drop,
                ActionName::HashMod => Action::HashMod,
                ActionName::LabelMap => Action::LabelMap,
                ActionName::LabelDrop => Action::LabelDrop,
                ActionName::LabelKeep => Action::LabelKeep,
                ActionName::Lowercase => Action::Lowercase,
                ActionName::Uppercase => Action::Uppercase,
                ActionName::KeepEqual => Action::KeepEqual,
                ActionName::DropEqual => Action::DropEqual,
            },
        }
    }
}

/// Compiles rules that have been decoded, each of which is then known to be right.
///
/// # Errors
///
/// When they are wrong all the same, which would be a gap in their validation.
pub(super) fn compile(rules: &[Rule]) -> Result<Rules, super::Refusal> {
    Rules::compile(rules.iter().map(Rule::config).collect()).map_err(super::Refusal::new)
}

/// Rules as a value of the language: what `rules` of `discovery.relabel` and `prometheus.relabel`
/// export.
#[derive(Debug)]
pub(super) struct ExportedRules(pub Rules);

impl syntax::Capsule for ExportedRules {
    fn type_name() -> &'static str {
        "RelabelRules"
    }

    fn equals(&self, other: &dyn syntax::Capsule) -> bool {
        let other: &dyn std::any::Any = other;
        other.downcast_ref::<Self>().is_some_and(|other| self.0 == other.0)
    }
}
