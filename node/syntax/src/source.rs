//! The text of a configuration file, and places in it.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use crate::lexer::Quoted;

/// The longest text that is parsed, in bytes: far above any hand-written or generated
/// configuration, low enough that offsets fit 32 bits and a wrong path cannot fill the memory.
pub const MAX_SOURCE: usize = 16 * 1024 * 1024;

/// A named text. Cloning shares it.
#[derive(Clone)]
pub struct Source(Arc<Inner>);

struct Inner {
    name: String,
    text: String,
    /// Offset of the first byte of every line.
    lines: Vec<u32>,
    secret: bool,
    /// Found when a mistake is shown first.
    quoted: OnceLock<Quoted>,
}

impl Source {
    /// A text, and the name it is reported under (usually the path of its file).
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self::made(name.into(), text.into(), false)
    }

    /// The same of a text that must not be shown: what is wrong with it is told without its lines.
    pub fn secret(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self::made(name.into(), text.into(), true)
    }

    fn made(name: String, text: String, secret: bool) -> Self {
        let starts = text.bytes().enumerate().filter(|&(_, byte)| byte == b'\n');
        let lines = std::iter::once(0)
            .chain(starts.filter_map(|(at, _)| u32::try_from(at + 1).ok()))
            .collect();
        Self(Arc::new(Inner { name, text, lines, secret, quoted: OnceLock::new() }))
    }

    /// The name it is reported under.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Whether its lines must not be shown.
    pub fn is_secret(&self) -> bool {
        self.0.secret
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// A place in this text, in bytes. The range is cut to the text and to whole characters.
    pub fn span(&self, range: Range<usize>) -> Span {
        let floor = |at: usize| self.floor(at);
        let (start, end) = (floor(range.start), floor(range.end).max(floor(range.start)));
        let fit = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Span { source: self.clone(), start: fit(start), end: fit(end) }
    }

    /// The line and the column (both from 1, the column in characters) of a byte offset.
    pub fn position(&self, offset: usize) -> Position {
        let offset = self.floor(offset);
        let line = self.0.lines.partition_point(|&start| start as usize <= offset);
        let start = self.0.lines[line - 1] as usize;
        Position { line, column: self.text()[start..offset].chars().count() + 1 }
    }

    /// The start of the character an offset is in; the end of the text for all past it.
    fn floor(&self, offset: usize) -> usize {
        let mut at = offset.min(self.text().len());
        while !self.text().is_char_boundary(at) {
            at -= 1;
        }
        at
    }

    /// Where values in quotes stand.
    pub(crate) fn quoted(&self) -> &Quoted {
        self.0.quoted.get_or_init(|| Quoted::of(self))
    }

    /// Where a line (from 1) stands, without its line break; at the end past it.
    pub(crate) fn line_range(&self, line: usize) -> Range<usize> {
        let start = line.checked_sub(1).and_then(|line| self.0.lines.get(line));
        let start = start.map_or(self.text().len(), |start| *start as usize);
        start..start + self.line(line).len()
    }

    /// The text of a line (from 1) without its line break; empty past the end.
    pub fn line(&self, line: usize) -> &str {
        let Some(&start) = line.checked_sub(1).and_then(|line| self.0.lines.get(line)) else {
            return "";
        };
        let rest = &self.text()[start as usize..];
        let line = rest.split('\n').next().unwrap_or_default();
        line.strip_suffix('\r').unwrap_or(line)
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({:?}, {} bytes)", self.name(), self.text().len())
    }
}

/// A line and a column, both from 1; the column counts characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
}

/// A range of bytes of one source. It holds its source, so a mistake can be shown anywhere.
#[derive(Clone)]
pub struct Span {
    source: Source,
    start: u32,
    end: u32,
}

impl Span {
    /// The text this is a place in.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The first byte.
    pub fn start(&self) -> usize {
        self.start as usize
    }

    /// The byte after the last.
    pub fn end(&self) -> usize {
        self.end as usize
    }

    /// The bytes from the first to the last.
    pub(crate) fn range(&self) -> Range<usize> {
        self.start()..self.end()
    }

    /// What is written there.
    pub fn text(&self) -> &str {
        &self.source.text()[self.start()..self.end()]
    }

    /// Line and column of the first byte.
    pub fn position(&self) -> Position {
        self.source.position(self.start())
    }

    /// From the start of this to the end of `last`, which must be of the same source.
    pub fn to(&self, last: &Self) -> Self {
        Self { source: self.source.clone(), start: self.start, end: last.end.max(self.start) }
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.start, self.end)
    }
}

/// `file:line:column`.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Position { line, column } = self.position();
        write!(f, "{}:{line}:{column}", self.source.name())
    }
}
