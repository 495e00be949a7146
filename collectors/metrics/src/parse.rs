//! Pages become events: one reader per exposition format, none of which copies.

use std::sync::Arc;

use model::{Histogram, MetricKind};

mod dialect;
pub(crate) mod nhcb;
mod number;
mod proto;
mod series;
mod text;

pub use dialect::Dialect;
pub(crate) use number::format_float;
pub use proto::{HistogramForms, ProtoParser};
pub(crate) use series::unescape_help;
pub use series::{Label, LabelList, SeriesError, parse_exemplar_labels, parse_series, unescape};
pub use text::TextParser;

/// One thing that a page says. Text is as on the page: escapes are still escaped.
#[derive(Debug, Clone, PartialEq)]
pub enum Event<'a> {
    /// `HELP` of a family.
    Help {
        /// The family.
        name: &'a str,
        /// The text, escaped.
        help: &'a str,
    },
    /// `TYPE` of a family.
    Type {
        /// The family.
        name: &'a str,
        /// The type.
        kind: MetricKind,
    },
    /// `UNIT` of a family.
    Unit {
        /// The family.
        name: &'a str,
        /// The unit.
        unit: &'a str,
    },
    /// One number of one series.
    Sample(Sample<'a>),
    /// One native histogram of one series.
    Histogram(NativeSample<'a>),
}

/// One number of one series.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample<'a> {
    /// Name and labels as on the page: `up`, `up{job="x"}` or `{"up",job="x"}`. Well-formed.
    pub series: &'a str,
    /// The number.
    pub value: f64,
    /// The timestamp of the page, in milliseconds since the Unix epoch.
    pub timestamp: Option<i64>,
    /// When the counter began, in milliseconds since the Unix epoch; 0 when the page does not say
    /// it together with the sample.
    pub start_timestamp: i64,
    /// An exemplar of the series.
    pub exemplar: Option<Exemplar<'a>>,
    /// Whether the series is the one that the reader was told to expect.
    pub expected: bool,
}

/// An exemplar on a page.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exemplar<'a> {
    /// Its labels, in braces.
    pub labels: &'a str,
    /// The observed value.
    pub value: f64,
    /// Milliseconds since the Unix epoch.
    pub timestamp: Option<i64>,
}

/// One native histogram of one series.
#[derive(Debug, Clone, PartialEq)]
pub struct NativeSample<'a> {
    /// Name and labels, as a text page would have them.
    pub series: &'a str,
    /// The histogram.
    pub histogram: Arc<Histogram>,
    /// The timestamp of the page, in milliseconds since the Unix epoch.
    pub timestamp: Option<i64>,
    /// When the histogram began, in milliseconds since the Unix epoch; 0 when unknown.
    pub start_timestamp: i64,
    /// Exemplars of the series.
    pub exemplars: Vec<Exemplar<'a>>,
}

/// A page that cannot be read, and where that shows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {reason}")]
pub struct ParseError {
    /// Where.
    pub place: Place,
    /// What is wrong.
    pub reason: String,
}

/// A place on a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Of a text page; both count from 1, the column in bytes.
    Text {
        /// The line.
        line: usize,
        /// The byte in the line.
        column: usize,
    },
    /// Of a binary page: bytes from the start.
    Byte(usize),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text { line, column } => write!(f, "line {line}, column {column}"),
            Self::Byte(at) => write!(f, "byte {at}"),
        }
    }
}

impl ParseError {
    /// An error at a byte of a text page.
    pub(crate) fn in_text(page: &[u8], at: usize, reason: impl Into<String>) -> Self {
        let before = &page[..at.min(page.len())];
        let line = memchr::memchr_iter(b'\n', before).count() + 1;
        let column = before.len() - memchr::memrchr(b'\n', before).map_or(0, |at| at + 1) + 1;
        Self { place: Place::Text { line, column }, reason: reason.into() }
    }

    /// An error at a byte of a binary page.
    pub(crate) fn in_bytes(at: usize, reason: impl Into<String>) -> Self {
        Self { place: Place::Byte(at), reason: reason.into() }
    }
}

/// Takes a text page for what it has to be. The whole page is looked at once, so that nobody has
/// to ask again.
pub(crate) fn utf8(page: &[u8]) -> Result<&str, ParseError> {
    std::str::from_utf8(page)
        .map_err(|error| ParseError::in_text(page, error.valid_up_to(), "the page is not UTF-8"))
}

/// A page that is UTF-8 but for plain comments, which say nothing, with question marks in these; `None`
/// where that is not what is wrong with it.
pub(crate) fn with_legible_comments(page: &[u8]) -> Option<Vec<u8>> {
    std::str::from_utf8(page).err()?;
    let mut page = page.to_vec();
    for line in page.split_mut(|byte| *byte == b'\n') {
        let Some(comment) = line.trim_ascii_start().strip_prefix(b"#") else { continue };
        let word = comment.trim_ascii_start().split(u8::is_ascii_whitespace).next();
        if !matches!(word, Some(b"HELP" | b"TYPE" | b"UNIT" | b"EOF")) {
            line.iter_mut().filter(|byte| !byte.is_ascii()).for_each(|byte| *byte = b'?');
        }
    }
    std::str::from_utf8(&page).is_ok().then_some(page)
}
