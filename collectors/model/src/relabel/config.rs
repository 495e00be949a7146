//! Rules as a configuration gives them.

use std::fmt;
use std::str::FromStr;

/// One rule: the block `rule`, or `write_relabel_config`.
///
/// [`RuleConfig::default`] has the defaults of that block.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RuleConfig {
    /// The labels whose values, joined by the separator, are what the rule looks at. An absent
    /// label counts as empty.
    pub source_labels: Vec<String>,
    /// Joins the values of the source labels.
    pub separator: String,
    /// A Go pattern that has to match the whole of what the rule looks at.
    pub regex: String,
    /// The divisor of `hashmod`; 0 when not given.
    pub modulus: u64,
    /// The label to write, or to compare with. `$1` and the like are expanded by `replace` alone.
    pub target_label: String,
    /// The value to write, or the name in `labelmap`; `$1`, `${1}` and `${name}` stand for groups.
    pub replacement: String,
    /// What to do.
    pub action: Action,
}

impl RuleConfig {
    /// The separator when none is given.
    pub const DEFAULT_SEPARATOR: &str = ";";
    /// The pattern when none is given: everything, as group 1.
    pub const DEFAULT_REGEX: &str = "(.*)";
    /// The replacement when none is given.
    pub const DEFAULT_REPLACEMENT: &str = "$1";
}

impl Default for RuleConfig {
    fn default() -> Self {
        Self {
            source_labels: Vec::new(),
            separator: Self::DEFAULT_SEPARATOR.to_owned(),
            regex: Self::DEFAULT_REGEX.to_owned(),
            modulus: 0,
            target_label: String::new(),
            replacement: Self::DEFAULT_REPLACEMENT.to_owned(),
            action: Action::Replace,
        }
    }
}

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Action {
    /// Where the pattern matches, writes the expanded replacement into the target label.
    #[default]
    Replace,
    /// Drops what does not match.
    Keep,
    /// Drops what matches.
    Drop,
    /// Drops what differs from the target label.
    KeepEqual,
    /// Drops what equals the target label.
    DropEqual,
    /// Writes a hash modulo `modulus` into the target label.
    HashMod,
    /// Copies every label whose name matches to the expanded replacement.
    LabelMap,
    /// Removes every label whose name matches.
    LabelDrop,
    /// Removes every label whose name does not match.
    LabelKeep,
    /// Writes the source in lower case into the target label.
    Lowercase,
    /// Writes the source in upper case into the target label.
    Uppercase,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 11] = [
        Self::Replace,
        Self::Keep,
        Self::Drop,
        Self::KeepEqual,
        Self::DropEqual,
        Self::HashMod,
        Self::LabelMap,
        Self::LabelDrop,
        Self::LabelKeep,
        Self::Lowercase,
        Self::Uppercase,
    ];

    /// The name in a configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Replace => "replace",
            Self::Keep => "keep",
            Self::Drop => "drop",
            Self::KeepEqual => "keepequal",
            Self::DropEqual => "dropequal",
            Self::HashMod => "hashmod",
            Self::LabelMap => "labelmap",
            Self::LabelDrop => "labeldrop",
            Self::LabelKeep => "labelkeep",
            Self::Lowercase => "lowercase",
            Self::Uppercase => "uppercase",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Action {
    type Err = UnknownAction;

    fn from_str(name: &str) -> Result<Self, UnknownAction> {
        Self::ALL
            .into_iter()
            .find(|action| action.name() == name)
            .ok_or_else(|| UnknownAction(name.to_owned()))
    }
}

/// There is no action of this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no relabelling action {0:?}; there are replace, keep, drop, keepequal, dropequal, \
     hashmod, labelmap, labeldrop, labelkeep, lowercase and uppercase"
)]
pub struct UnknownAction(pub String);
