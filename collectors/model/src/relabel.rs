//! Relabelling: rules that keep, drop and rewrite label sets, as Prometheus applies them.
//!
//! ```
//! use model::Labels;
//! use model::relabel::{Outcome, RuleConfig, Rules, Scratch};
//!
//! let rules = Rules::compile(vec![RuleConfig {
//!     source_labels: vec!["__address__".into()],
//!     regex: "([^:]+):.*".into(),
//!     target_label: "host".into(),
//!     ..RuleConfig::default()
//! }])?;
//!
//! let mut scratch = Scratch::default();
//! let target = Labels::from_pairs([("__address__", "db-1:9100")]);
//! let Outcome::Changed(labels) = rules.apply(target.borrowed(), &mut scratch) else { panic!() };
//! assert_eq!(labels.get("host"), Some("db-1"));
//! # Ok::<(), model::relabel::Error>(())
//! ```

use std::sync::Arc;

use crate::labels::LabelsRef;
use crate::names::Scheme;

mod case;
mod check;
mod config;
mod draft;
mod matcher;
mod rule;
mod template;
#[cfg(test)]
mod tests;

pub use check::{Error, Field, Mistake};
pub use config::{Action, RuleConfig, UnknownAction};

use draft::Draft;
use rule::Rule;

/// Compiled rules, applied in their order. Cloning is one reference count.
#[derive(Debug, Clone)]
pub struct Rules(Arc<Compiled>);

#[derive(Debug)]
struct Compiled {
    configs: Vec<RuleConfig>,
    rules: Vec<Rule>,
}

/// What became of a label set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// It passed as it was.
    Unchanged,
    /// It passed with these labels, of which there is at least one.
    Changed(LabelsRef<'a>),
    /// A rule dropped it, or no label was left.
    Dropped,
}

impl<'a> Outcome<'a> {
    /// The labels to go on with, given those that the rules were applied to; none when dropped.
    pub fn or_unchanged(self, input: LabelsRef<'a>) -> Option<LabelsRef<'a>> {
        match self {
            Self::Unchanged => Some(input),
            Self::Changed(labels) => Some(labels),
            Self::Dropped => None,
        }
    }
}

/// The memory that applying rules works in. Keep one per task: once it has grown to the size of
/// the label sets, [`Rules::apply`] allocates nothing.
#[derive(Debug, Default)]
pub struct Scratch {
    draft: draft::Memory,
    work: rule::Work,
    out: Vec<u8>,
}

impl Rules {
    /// Compiles rules under the legacy naming scheme, which is what Alloy's rules follow.
    ///
    /// # Errors
    ///
    /// Names every mistake of every rule: which rule, which field, and why.
    pub fn compile(configs: Vec<RuleConfig>) -> Result<Self, Error> {
        Self::compile_with(configs, Scheme::Legacy)
    }

    /// Compiles rules under a naming scheme: which label names a rule may write.
    ///
    /// # Errors
    ///
    /// As [`Rules::compile`].
    pub fn compile_with(configs: Vec<RuleConfig>, scheme: Scheme) -> Result<Self, Error> {
        let mut mistakes = Vec::new();
        let mut rules = Vec::with_capacity(configs.len());
        for (index, config) in configs.iter().enumerate() {
            let known = mistakes.len();
            check::check(index, config, scheme, &mut mistakes);
            match Rule::compile(config, scheme) {
                Ok(rule) if mistakes.len() == known => rules.push(rule),
                Ok(_) => {}
                Err(error) => {
                    mistakes.push(Mistake {
                        rule: index,
                        field: Field::Regex,
                        reason: error.to_string(),
                    });
                }
            }
        }
        if mistakes.is_empty() {
            Ok(Self(Arc::new(Compiled { configs, rules })))
        } else {
            Err(Error { mistakes })
        }
    }

    /// The rules as they were given.
    pub fn configs(&self) -> &[RuleConfig] {
        &self.0.configs
    }

    /// Whether there is no rule, so that every label set passes unchanged.
    pub fn is_empty(&self) -> bool {
        self.0.rules.is_empty()
    }

    /// Applies the rules to a label set.
    pub fn apply<'s>(&self, labels: LabelsRef<'_>, scratch: &'s mut Scratch) -> Outcome<'s> {
        let Scratch { draft, work, out } = scratch;
        let mut draft = Draft::new(labels, draft);
        for rule in &self.0.rules {
            if !rule.apply(&mut draft, work) {
                return Outcome::Dropped;
            }
        }
        if !draft.encode_if_changed(out) {
            return if labels.is_empty() { Outcome::Dropped } else { Outcome::Unchanged };
        }
        if out.is_empty() {
            Outcome::Dropped
        } else {
            Outcome::Changed(LabelsRef::from_encoded(out))
        }
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self(Arc::new(Compiled { configs: Vec::new(), rules: Vec::new() }))
    }
}

/// Rules are equal when they were given equally; under which naming scheme is not compared.
impl PartialEq for Rules {
    fn eq(&self, other: &Self) -> bool {
        self.0.configs == other.0.configs
    }
}
