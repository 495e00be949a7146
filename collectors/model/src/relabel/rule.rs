//! One compiled rule.

use std::fmt::Write;

use md5::{Digest, Md5};

use super::case;
use super::config::{Action, RuleConfig};
use super::draft::{Draft, Entry};
use super::matcher::{Groups, Matcher};
use super::template::{self, Template};
use crate::go_regex::{self, Parsed};
use crate::names::{self, Scheme};

/// A rule, ready to be applied.
#[derive(Debug)]
pub(super) struct Rule {
    source: Source,
    step: Step,
}

/// What a rule looks at.
#[derive(Debug)]
struct Source {
    labels: Box<[Box<str>]>,
    separator: Box<str>,
}

#[derive(Debug)]
enum Step {
    Keep(Matcher),
    Drop(Matcher),
    KeepEqual(Box<str>),
    DropEqual(Box<str>),
    Replace(Replace),
    HashMod { modulus: u64, target: Box<str> },
    LabelMap { matcher: Matcher, name: Template },
    LabelDrop(Matcher),
    LabelKeep(Matcher),
    Lowercase(Box<str>),
    Uppercase(Box<str>),
}

#[derive(Debug)]
struct Replace {
    matcher: Matcher,
    needs_groups: bool,
    target: Target,
    value: Template,
    scheme: Scheme,
}

#[derive(Debug)]
enum Target {
    /// Known and known to be valid.
    Fixed(Box<str>),
    /// Depends on the match, and may turn out to be no valid name.
    Expanded(Template),
}

/// Memory that rules work in.
#[derive(Debug, Default)]
pub(super) struct Work {
    joined: String,
    name: String,
    value: String,
    groups: Groups,
    entries: Vec<Entry>,
}

impl Source {
    fn read<'t>(&'t self, draft: &'t Draft<'_, '_>, joined: &'t mut String) -> &'t str {
        match &*self.labels {
            [] => "",
            [label] => draft.get(label),
            labels => {
                joined.clear();
                for (index, label) in labels.iter().enumerate() {
                    if index > 0 {
                        joined.push_str(&self.separator);
                    }
                    joined.push_str(draft.get(label));
                }
                joined
            }
        }
    }
}

impl Rule {
    /// Compiles a rule whose other fields have been checked.
    pub(super) fn compile(config: &RuleConfig, scheme: Scheme) -> Result<Self, go_regex::Error> {
        let parsed = go_regex::parse(&config.regex, true)?;
        let matcher = |needs_groups| Matcher::compile(&config.regex, &parsed, needs_groups);
        let target = || Box::from(config.target_label.as_str());
        let step = match config.action {
            Action::Keep => Step::Keep(matcher(false)?),
            Action::Drop => Step::Drop(matcher(false)?),
            Action::LabelDrop => Step::LabelDrop(matcher(false)?),
            Action::LabelKeep => Step::LabelKeep(matcher(false)?),
            Action::KeepEqual => Step::KeepEqual(target()),
            Action::DropEqual => Step::DropEqual(target()),
            Action::Lowercase => Step::Lowercase(target()),
            Action::Uppercase => Step::Uppercase(target()),
            Action::HashMod => Step::HashMod { modulus: config.modulus.max(1), target: target() },
            Action::LabelMap => {
                let name = Template::new(&config.replacement, &parsed.group_names);
                Step::LabelMap { matcher: matcher(name.needs_groups())?, name }
            }
            Action::Replace => Step::Replace(Replace::compile(config, &parsed, scheme)?),
        };
        let source = Source {
            labels: config.source_labels.iter().map(|label| Box::from(label.as_str())).collect(),
            separator: config.separator.as_str().into(),
        };
        Ok(Self { source, step })
    }

    /// Applies the rule. Whether the label set stays.
    pub(super) fn apply(&self, draft: &mut Draft<'_, '_>, work: &mut Work) -> bool {
        let Work { joined, name, value, groups, entries } = work;
        let source = self.source.read(draft, joined);
        match &self.step {
            Step::Keep(matcher) => return matcher.is_match(source),
            Step::Drop(matcher) => return !matcher.is_match(source),
            Step::KeepEqual(target) => return draft.get(target) == source,
            Step::DropEqual(target) => return draft.get(target) != source,
            Step::LabelDrop(matcher) => draft.remove_where(|name| matcher.is_match(name)),
            Step::LabelKeep(matcher) => draft.remove_where(|name| !matcher.is_match(name)),
            Step::Replace(replace) => {
                if let Some(target) = replace.expand(source, groups, name, value) {
                    draft.set(target, value);
                }
            }
            Step::HashMod { modulus, target } => {
                let hash = hash(source) % modulus;
                value.clear();
                write!(value, "{hash}").expect("a string takes all that is written");
                draft.set(target, value);
            }
            Step::Lowercase(target) => {
                case::lower(source, value);
                draft.set(target, value);
            }
            Step::Uppercase(target) => {
                case::upper(source, value);
                draft.set(target, value);
            }
            Step::LabelMap { matcher, name: template } => {
                draft.snapshot(entries);
                for entry in entries.iter() {
                    let from = draft.text(entry.name);
                    if !matcher.captures(from, groups) {
                        continue;
                    }
                    template.expand(from, groups, name);
                    value.clear();
                    value.push_str(draft.text(entry.value));
                    // An invalid name is left for the scrape to report, but an empty one cannot be
                    // a label at all.
                    if !name.is_empty() {
                        draft.set(name, value);
                    }
                }
            }
        }
        true
    }
}

impl Replace {
    fn compile(
        config: &RuleConfig,
        parsed: &Parsed,
        scheme: Scheme,
    ) -> Result<Self, go_regex::Error> {
        let value = Template::new(&config.replacement, &parsed.group_names);
        let target = if template::has_variable(&config.target_label) {
            Target::Expanded(Template::new(&config.target_label, &parsed.group_names))
        } else {
            Target::Fixed(config.target_label.as_str().into())
        };
        let needs_groups = value.needs_groups()
            || matches!(&target, Target::Expanded(target) if target.needs_groups());
        let matcher = Matcher::compile(&config.regex, parsed, needs_groups)?;
        Ok(Self { matcher, needs_groups, target, value, scheme })
    }

    /// Puts what is to be written into `value`, and returns the label to write it to; none where
    /// the pattern does not match, or where the label's name would not be valid.
    fn expand<'t>(
        &'t self,
        source: &str,
        groups: &mut Groups,
        name: &'t mut String,
        value: &mut String,
    ) -> Option<&'t str> {
        let matches = if self.needs_groups {
            self.matcher.captures(source, groups)
        } else {
            self.matcher.is_match(source)
        };
        if !matches {
            return None;
        }
        let target: &str = match &self.target {
            Target::Fixed(target) => target,
            Target::Expanded(target) => {
                target.expand(source, groups, name);
                if !names::is_label_name(name, self.scheme) {
                    return None;
                }
                name
            }
        };
        self.value.expand(source, groups, value);
        Some(target)
    }
}

/// The last eight bytes of the MD5 digest as one number, which is what Prometheus takes.
fn hash(text: &str) -> u64 {
    let digest = Md5::digest(text.as_bytes());
    let (_, last) = digest.as_slice().split_at(8);
    u64::from_be_bytes(last.try_into().expect("a digest has 16 bytes"))
}
