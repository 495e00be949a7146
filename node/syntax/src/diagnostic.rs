//! What is wrong with a configuration, where, and what to do about it.

mod diagnostics;
mod excerpt;

use std::fmt;

pub use diagnostics::Diagnostics;

use crate::source::Span;
use excerpt::excerpt;

/// How many mistakes of one file are looked for; past that, the file is not a configuration and is
/// not read on: where a broken statement ends is found by looking through all that follows, and
/// that for each of them would take for ever.
pub(crate) const MAX_DIAGNOSTICS: usize = 100;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// The configuration can be used, though it may not do what was meant.
    Warning,
}

/// One mistake. Its `Display` is the message for people: place, text, the line with a caret
/// unless that is secret, a hint, and how many more there are that only count. Of a text that is secret
/// as a whole it is the place alone.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in lower case, without a full stop.
    pub message: String,
    /// Where; a mistake of a whole directory has no place.
    pub span: Option<Span>,
    /// Other places that matter, with a word on why.
    pub notes: Vec<Note>,
    /// What to do.
    pub hint: Option<String>,
    /// Whether the line must not be shown, since it holds what is secret.
    pub secret: bool,
    /// Whether it is said of one of many parts of a value: these may have a place in common, where
    /// only a few of them are shown; see [`Diagnostics`].
    pub part: bool,
    /// How many more of these are not shown.
    pub more: usize,
}

/// Another place that explains a mistake.
#[derive(Clone, Debug)]
pub struct Note {
    /// Why the place matters.
    pub message: String,
    /// The place.
    pub span: Span,
}

impl Diagnostic {
    /// An error at a place.
    pub fn error(message: impl Into<String>, span: &Span) -> Self {
        Self { span: Some(span.clone()), ..Self::unplaced(message) }
    }

    /// A warning at a place.
    pub fn warning(message: impl Into<String>, span: &Span) -> Self {
        Self { severity: Severity::Warning, ..Self::error(message, span) }
    }

    /// An error that has no place in a text, such as a file that cannot be read.
    pub fn unplaced(message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            message: message.into(),
            span: None,
            notes: Vec::new(),
            hint: None,
            secret: false,
            part: false,
            more: 0,
        }
    }

    /// The place is told, but its line not shown.
    pub fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    /// Says what to do.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says what to do, where something is known.
    pub fn maybe_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint.or(self.hint);
        self
    }

    /// Points at another place.
    pub fn note(mut self, message: impl Into<String>, span: &Span) -> Self {
        self.notes.push(Note { message: message.into(), span: span.clone() });
        self
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        match &self.span {
            None => write!(f, "{severity}: {}", self.message)?,
            // Messages, hints and notes quote words, any of which may be what is secret.
            Some(span) if span.source().is_secret() => {
                let reason = "what is wrong here is not shown, because the text is secret";
                return write!(f, "{span}: {severity}: {reason}");
            }
            Some(span) => {
                write!(f, "{span}: {severity}: {}", self.message)?;
                if !self.secret {
                    excerpt(f, span)?;
                }
            }
        }
        for note in &self.notes {
            write!(f, "\n{}: note: {}", note.span, note.message)?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\nhint: {hint}")?;
        }
        match self.more {
            0 => Ok(()),
            more => write!(f, "\nand {more} more here"),
        }
    }
}

impl std::error::Error for Diagnostic {}

/// A hint that names the known word closest to a misspelt one, if one is close enough.
pub fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let bound = (word.chars().count() / 3).clamp(1, 4);
    known
        .into_iter()
        .map(|candidate| (distance(&word.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|&(distance, candidate)| distance <= bound && candidate != word)
        .min()
        .map(|(_, candidate)| format!("did you mean {candidate:?}?"))
}

/// Edits between two words: insertions, deletions, substitutions and swaps of neighbours.
fn distance(a: &str, b: &str) -> usize {
    /// Words longer than this are not compared: no name in the language comes near.
    const MAX: usize = 128;
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().max(b.len()) > MAX {
        return usize::MAX;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let substituted = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = substituted.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests;
