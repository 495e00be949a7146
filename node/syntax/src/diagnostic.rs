//! What is wrong with a configuration, where, and what to do about it.

use std::fmt;

use crate::source::{Position, Span};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// The configuration can be used, though it may not do what was meant.
    Warning,
}

/// One mistake. Its `Display` is the message for people: place, text, the line with a caret
/// unless that is secret, and a hint.
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
            Some(span) => {
                write!(f, "{span}: {severity}: {}", self.message)?;
                if !self.secret && !span.source().is_secret() {
                    excerpt(f, span)?;
                }
            }
        }
        for note in &self.notes {
            write!(f, "\n{}: note: {}", note.span, note.message)?;
        }
        match &self.hint {
            None => Ok(()),
            Some(hint) => write!(f, "\nhint: {hint}"),
        }
    }
}

impl std::error::Error for Diagnostic {}

/// How many characters of a line are shown before the caret and from it on; a generated line can
/// be arbitrarily long.
const SHOWN_BEFORE: usize = 100;
const SHOWN_AFTER: usize = 60;

/// The line of a place, and a line of carets below it.
fn excerpt(f: &mut fmt::Formatter<'_>, span: &Span) -> fmt::Result {
    let Position { line, column } = span.position();
    let text = span.source().line(line);
    let skipped = (column - 1).saturating_sub(SHOWN_BEFORE);
    let shown: String =
        text.chars().skip(skipped).take(column - 1 - skipped + SHOWN_AFTER).collect();
    let before: String = shown.chars().take(column - 1 - skipped).collect();

    let marked = span.text().split('\n').next().unwrap_or_default().trim_end();
    let carets = marked.chars().count().clamp(1, SHOWN_AFTER);
    let gutter = line.to_string();
    let indent: String = before.chars().map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
    writeln!(f, "\n{gutter} | {shown}")?;
    write!(f, "{:width$} | {indent}{}", "", "^".repeat(carets), width = gutter.len())
}

/// All that is wrong with a configuration. Its `Display` shows every one, separated by a blank
/// line.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// Adds one.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }

    /// In the order they were found.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.0.iter()
    }

    /// How many there are, warnings included.
    pub fn len(&self) -> usize {
        self.0.len()
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
    pub fn into_result<T>(mut self, value: Option<T>) -> Result<T, Self> {
        match value {
            Some(value) if !self.has_errors() => Ok(value),
            _ => {
                self.sort();
                Err(self)
            }
        }
    }

    /// Orders them by file and place; those without a place come first.
    pub fn sort(&mut self) {
        self.0.sort_by(|a, b| {
            let key = |d: &Diagnostic| {
                d.span.as_ref().map(|span| (span.source().name().to_owned(), span.start()))
            };
            key(a).cmp(&key(b))
        });
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, diagnostic) in self.iter().enumerate() {
            let gap = if at == 0 { "" } else { "\n\n" };
            write!(f, "{gap}{diagnostic}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Self(vec![diagnostic])
    }
}

impl FromIterator<Diagnostic> for Diagnostics {
    fn from_iter<I: IntoIterator<Item = Diagnostic>>(diagnostics: I) -> Self {
        Self(diagnostics.into_iter().collect())
    }
}

impl Extend<Diagnostic> for Diagnostics {
    fn extend<I: IntoIterator<Item = Diagnostic>>(&mut self, diagnostics: I) {
        self.0.extend(diagnostics);
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

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
