//! Deciding whether a pattern matches, without the engine where the pattern is simple.
//!
//! Most patterns in rules are a name, a few names, or a prefix with anything behind it. Comparing
//! bytes is an order of magnitude cheaper than the engine, most of all where groups are wanted.

use regex_automata::util::primitives::NonMaxUsize;
use regex_syntax::hir::literal::Extractor;
use regex_syntax::hir::{Class, Hir, HirKind};

use crate::go_regex::{self, Anchored, Parsed, Slots};

/// A pattern that has to match a whole text.
#[derive(Debug)]
pub(super) enum Matcher {
    /// One of these texts, sorted; no group can be asked for.
    Literals(Box<[Box<str>]>),
    /// A prefix, then at least `min_middle` bytes of anything, then a suffix. The middle is group
    /// 1 if there is a group.
    Affixes { prefix: Box<str>, min_middle: usize, suffix: Box<str> },
    /// Anything else.
    Engine(Anchored),
}

/// Where the groups of the last match are.
#[derive(Debug, Default)]
pub(super) struct Groups(Slots);

impl Groups {
    /// The text of a group; one that took no part in the match is empty.
    pub(super) fn get<'t>(&self, group: usize, matched: &'t str) -> &'t str {
        let slot = |index: usize| self.0.get(index).copied().flatten().map(NonMaxUsize::get);
        match (slot(group * 2), slot(group * 2 + 1)) {
            (Some(start), Some(end)) => &matched[start..end],
            _ => "",
        }
    }

    fn set_only(&mut self, start: usize, end: usize) {
        self.0.clear();
        self.0.extend([None, None, NonMaxUsize::new(start), NonMaxUsize::new(end)]);
    }
}

/// More literals than this are left to the engine, which has better ways to look among many.
const MAX_LITERALS: usize = 256;

impl Matcher {
    /// Compiles a pattern. Groups can be asked for afterwards only if `needs_groups` says so.
    pub(super) fn compile(
        pattern: &str,
        parsed: &Parsed,
        needs_groups: bool,
    ) -> Result<Self, go_regex::Error> {
        // Also where a fast path exists, so that what the engine refuses is always refused.
        let engine = Anchored::from_parsed(pattern, parsed)?;
        if let Some(affixes) = affixes(&parsed.hir) {
            return Ok(affixes);
        }
        match literals(&parsed.hir) {
            Some(literals) if !needs_groups => Ok(Self::Literals(literals)),
            _ => Ok(Self::Engine(engine)),
        }
    }

    /// Whether the whole text matches.
    #[inline]
    pub(super) fn is_match(&self, text: &str) -> bool {
        match self {
            Self::Literals(literals) => is_among(literals, text),
            Self::Affixes { .. } => self.middle(text).is_some(),
            Self::Engine(engine) => engine.is_match(text),
        }
    }

    /// Whether the whole text matches, and where the groups are if it does.
    #[inline]
    pub(super) fn captures(&self, text: &str, groups: &mut Groups) -> bool {
        match self {
            Self::Literals(literals) => is_among(literals, text),
            Self::Affixes { .. } => match self.middle(text) {
                Some((start, end)) => {
                    groups.set_only(start, end);
                    true
                }
                None => false,
            },
            Self::Engine(engine) => {
                groups.0.clear();
                groups.0.resize(engine.slot_len(), None);
                engine.captures(text, &mut groups.0)
            }
        }
    }

    /// Where the middle of a text with these affixes is.
    fn middle(&self, text: &str) -> Option<(usize, usize)> {
        let Self::Affixes { prefix, min_middle, suffix } = self else { return None };
        let fits = text.len() >= prefix.len() + min_middle + suffix.len()
            && text.starts_with(&**prefix)
            && text.ends_with(&**suffix);
        fits.then(|| (prefix.len(), text.len() - suffix.len()))
    }
}

fn is_among(sorted: &[Box<str>], text: &str) -> bool {
    if sorted.len() <= 8 {
        return sorted.iter().any(|literal| **literal == *text);
    }
    sorted.binary_search_by(|literal| (**literal).cmp(text)).is_ok()
}

/// The texts that a pattern matches, if they are few.
fn literals(hir: &Hir) -> Option<Box<[Box<str>]>> {
    // The extractor takes an assertion for the empty text.
    if !hir.properties().look_set().is_empty() {
        return None;
    }
    let mut sequence = Extractor::new()
        .limit_class(MAX_LITERALS)
        .limit_repeat(MAX_LITERALS)
        .limit_literal_len(4096)
        .limit_total(MAX_LITERALS)
        .extract(hir);
    sequence.sort();
    sequence.dedup();
    if !sequence.is_exact() {
        return None;
    }
    let text = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(Box::from);
    sequence.literals()?.iter().map(|literal| text(literal.as_bytes())).collect()
}

/// `prefix.*suffix`, `prefix(.+)suffix` and the like.
fn affixes(hir: &Hir) -> Option<Matcher> {
    let parts = match hir.kind() {
        HirKind::Concat(parts) => parts.as_slice(),
        _ => std::slice::from_ref(hir),
    };
    let wildcard = parts.iter().position(|part| anything(part).is_some())?;
    let min_middle = anything(&parts[wildcard])?;
    let [prefix, suffix] = [&parts[..wildcard], &parts[wildcard + 1..]].map(|parts| match parts {
        [] => Some(Box::from("")),
        [part] => literal(part),
        _ => None,
    });
    Some(Matcher::Affixes { prefix: prefix?, min_middle, suffix: suffix? })
}

fn literal(hir: &Hir) -> Option<Box<str>> {
    match hir.kind() {
        HirKind::Literal(literal) => std::str::from_utf8(&literal.0).ok().map(Box::from),
        _ => None,
    }
}

/// The least number of bytes that a wildcard takes: 0 for `.*`, 1 for `.+`, in a group or not.
/// Whether it is greedy does not matter, since it alone can vary.
fn anything(hir: &Hir) -> Option<usize> {
    match hir.kind() {
        HirKind::Capture(capture) if !matches!(capture.sub.kind(), HirKind::Capture(_)) => {
            anything(&capture.sub)
        }
        HirKind::Repetition(repetition) if repetition.max.is_none() && repetition.min <= 1 => {
            let HirKind::Class(Class::Unicode(class)) = repetition.sub.kind() else { return None };
            let mut ranges = class.iter();
            let all = ranges.next().is_some_and(|r| r.start() == '\0' && r.end() == char::MAX);
            all.then_some(repetition.min as usize)
        }
        _ => None,
    }
}
