//! All that is wrong with a configuration.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;

use super::{Diagnostic, Severity};
use crate::source::Span;

/// How many parts of a value are shown to be wrong that have one place. A value that is computed has
/// one for all of its parts, however many they are; a few of them show what is wrong. A guess.
const MAX_PARTS_AT_ONE_PLACE: usize = 5;

/// How many mistakes are shown of a configuration: all that somebody wrote by hand, and of one that
/// a program wrote a text that a terminal, a log and an answer over HTTP can still hold (some 100
/// KiB). A guess.
const MAX_SHOWN: usize = 500;

/// All that is wrong with a configuration, in the order of its files and their text; what has no
/// place comes first.
///
/// A computed value may have any number of wrong parts: at one place, 5 different ones are kept, and
/// the last of them says how many more there are. So all mistakes together take no more memory than
/// a few times the tree of the text. Of those, in which each has something to mend, `Display` shows
/// the first 500, and says in the end how many it does not show.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics(BTreeMap<Place, Vec<Diagnostic>>);

impl Diagnostics {
    /// Adds a mistake. The same at the same place is the one that has been found before: what is
    /// used in several places is checked several times.
    pub fn push(&mut self, found: Diagnostic) {
        self.add(found, usize::max);
    }

    /// Adds a mistake in one part of a value. The same at the same place is one in another part.
    pub(crate) fn push_part(&mut self, found: Diagnostic) {
        self.add(Diagnostic { part: true, ..found }, |more, found| more + 1 + found);
    }

    /// Adds a mistake. `again` says how many more there are if it has been kept already.
    fn add(&mut self, mut found: Diagnostic, again: impl FnOnce(usize, usize) -> usize) {
        let here = self.0.entry(Place::of(&found)).or_default();
        let known = here.iter().any(|one| one.message == found.message);
        let parts = here.iter().filter(|one| one.part).count();
        let last = here.iter_mut().rfind(|one| one.part);
        match last {
            Some(last) if known => last.more = again(last.more, found.more),
            Some(last) if found.part && parts >= MAX_PARTS_AT_ONE_PLACE => {
                last.more += 1 + found.more;
            }
            // It is the last that says how many more there are.
            Some(last) if found.part => {
                found.more += std::mem::take(&mut last.more);
                here.push(found);
            }
            _ if known => {}
            _ => here.push(found),
        }
    }

    /// Those that are kept, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.0.values().flatten()
    }

    /// How many are kept, warnings included.
    pub fn len(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }

    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the configuration cannot be used.
    pub fn has_errors(&self) -> bool {
        self.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// `value` when there is no error; what is wrong otherwise. Warnings alone do not fail.
    pub fn into_result<T>(self, value: Option<T>) -> Result<T, Self> {
        match value {
            Some(value) if !self.has_errors() => Ok(value),
            _ => Err(self),
        }
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, diagnostic) in self.iter().take(MAX_SHOWN).enumerate() {
            let gap = if at == 0 { "" } else { "\n\n" };
            write!(f, "{gap}{diagnostic}")?;
        }
        match self.iter().skip(MAX_SHOWN).map(|one| 1 + one.more).sum::<usize>() {
            0 => Ok(()),
            more => write!(f, "\n\nand {more} more mistakes, which are not shown"),
        }
    }
}

impl std::error::Error for Diagnostics {}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        [diagnostic].into_iter().collect()
    }
}

impl FromIterator<Diagnostic> for Diagnostics {
    fn from_iter<I: IntoIterator<Item = Diagnostic>>(diagnostics: I) -> Self {
        let mut all = Self::default();
        all.extend(diagnostics);
        all
    }
}

impl Extend<Diagnostic> for Diagnostics {
    fn extend<I: IntoIterator<Item = Diagnostic>>(&mut self, diagnostics: I) {
        diagnostics.into_iter().for_each(|one| self.push(one));
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_values().flatten().collect::<Vec<_>>().into_iter()
    }
}

/// Where a mistake is, and how bad: errors are not counted among warnings.
#[derive(Clone, Debug)]
struct Place {
    span: Option<Span>,
    severity: Severity,
}

impl Place {
    fn of(found: &Diagnostic) -> Self {
        Self { span: found.span.clone(), severity: found.severity }
    }

    fn key(&self) -> (Option<(&str, usize, usize)>, Severity) {
        let span = self.span.as_ref();
        (span.map(|span| (span.source().name(), span.start(), span.end())), self.severity)
    }
}

impl Ord for Place {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Place {}
