//! The text of a series: where it ends, and the labels in it.

use std::borrow::Cow;

use smallvec::SmallVec;

use super::dialect::Dialect;

#[cfg(test)]
mod tests;

/// A label of a series as on the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Label<'a> {
    /// The name, without quotes, escaped.
    pub name: &'a str,
    /// The value, without quotes, escaped.
    pub value: &'a str,
}

/// Labels of one series; so many as most series have need no allocation.
pub type LabelList<'a> = SmallVec<[Label<'a>; 16]>;

/// Why the text of a series is malformed, and at which byte of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct SeriesError {
    /// Bytes from the start.
    pub at: usize,
    /// What is wrong.
    pub reason: &'static str,
}

/// Whether a byte may stand in a bare metric name; digits not in front.
const METRIC: u8 = 1;
/// Whether a byte may stand in a bare label name; digits not in front.
const LABEL: u8 = 2;
const DIGIT: u8 = 4;

const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => METRIC | LABEL,
            b'0'..=b'9' => METRIC | LABEL | DIGIT,
            b':' => METRIC,
            _ => 0,
        };
        byte += 1;
    }
    classes
};

#[inline]
fn end_of_name(bytes: &[u8], start: usize, class: u8) -> usize {
    let mut at = start;
    match bytes.get(at) {
        Some(byte) if CLASSES[usize::from(*byte)] & (class | DIGIT) == class => at += 1,
        _ => return start,
    }
    while let Some(byte) = bytes.get(at)
        && CLASSES[usize::from(*byte)] & class != 0
    {
        at += 1;
    }
    at
}

/// The end of a bare metric name; the start when there is none.
#[inline]
pub(super) fn end_of_metric_name(bytes: &[u8], start: usize) -> usize {
    // A digit has the METRIC bit too, so the first byte is asked for METRIC without DIGIT.
    end_of_name(bytes, start, METRIC)
}

/// The byte behind a quoted string that begins at `start`.
#[inline]
pub(super) fn end_of_quoted(
    bytes: &[u8],
    start: usize,
    newlines: bool,
) -> Result<usize, SeriesError> {
    debug_assert_eq!(bytes[start], b'"');
    let mut at = start + 1;
    loop {
        match bytes.get(at) {
            Some(b'"') => return Ok(at + 1),
            Some(b'\\') if newlines || bytes.get(at + 1) != Some(&b'\n') => at += 2,
            Some(b'\\') => at += 1,
            Some(b'\n') if !newlines => {
                return Err(SeriesError { at, reason: "the quoted text does not end in its line" });
            }
            Some(_) => at += 1,
            None => {
                return Err(SeriesError { at: start, reason: "the quoted text does not end" });
            }
        }
    }
}

/// What the walk through a series finds.
pub(super) trait Visit<'a> {
    /// The name in quotes, inside of the braces.
    fn quoted_name(&mut self, name: &'a [u8]);
    /// A label.
    fn label(&mut self, name: &'a [u8], value: &'a [u8]);
}

/// Finds nothing interesting: for the search of the end.
pub(super) struct Skip;

impl<'a> Visit<'a> for Skip {
    #[inline]
    fn quoted_name(&mut self, _: &'a [u8]) {}
    #[inline]
    fn label(&mut self, _: &'a [u8], _: &'a [u8]) {}
}

/// Walks the labels in braces that open at `start`; returns the byte behind the closing brace.
///
/// `named` says whether a name stood before the brace. Exemplars have none at all, which
/// `exemplar` says.
#[inline]
pub(super) fn walk_braces<'a>(
    bytes: &'a [u8],
    start: usize,
    dialect: Dialect,
    mut named: bool,
    exemplar: bool,
    visit: &mut impl Visit<'a>,
) -> Result<usize, SeriesError> {
    debug_assert_eq!(bytes[start], b'{');
    let prometheus = dialect == Dialect::Prometheus;
    let fail = |at, reason| Err(SeriesError { at, reason });
    let mut at = skip_space(bytes, start + 1, prometheus);
    loop {
        let name_start = at;
        let (name, quoted) = match bytes.get(at) {
            Some(b'}') => break,
            Some(b'"') => {
                at = end_of_quoted(bytes, at, prometheus)?;
                (&bytes[name_start + 1..at - 1], true)
            }
            _ => {
                at = end_of_name(bytes, at, LABEL);
                (&bytes[name_start..at], false)
            }
        };
        if at == name_start {
            return fail(at, "expected a label name or a closing brace");
        }
        at = skip_space(bytes, at, prometheus);
        match bytes.get(at) {
            Some(b'=') => {
                at = skip_space(bytes, at + 1, prometheus);
                if bytes.get(at) != Some(&b'"') {
                    return fail(at, "expected a label value in quotes");
                }
                let end = end_of_quoted(bytes, at, prometheus)?;
                visit.label(name, &bytes[at + 1..end - 1]);
                at = skip_space(bytes, end, prometheus);
            }
            Some(b',' | b'}') if quoted && !exemplar => {
                if named {
                    return fail(name_start, "the series has two names");
                }
                named = true;
                visit.quoted_name(name);
            }
            _ => return fail(at, "expected an equals sign after the label name"),
        }
        match bytes.get(at) {
            Some(b',') => at = skip_space(bytes, at + 1, prometheus),
            Some(b'}') => break,
            // Prometheus reads its own format without commas too.
            Some(_) if prometheus => {}
            _ => return fail(at, "expected a comma or a closing brace"),
        }
    }
    if named || exemplar { Ok(at + 1) } else { fail(start, "the series has no name") }
}

#[inline]
pub(super) fn skip_space(bytes: &[u8], mut at: usize, allowed: bool) -> usize {
    while allowed && matches!(bytes.get(at), Some(b' ' | b'\t')) {
        at += 1;
    }
    at
}

/// Takes a series apart: returns its name, escaped, and appends its labels in the order of the
/// page.
///
/// # Errors
///
/// The text that a reader gave out is well-formed; an error is for text from elsewhere.
pub fn parse_series<'a>(text: &'a str, labels: &mut LabelList<'a>) -> Result<&'a str, SeriesError> {
    let bytes = text.as_bytes();
    let end = end_of_metric_name(bytes, 0);
    let mut collect = Collect { name: &bytes[..end], labels };
    let brace = skip_space(bytes, end, true);
    let end = if bytes.get(brace) == Some(&b'{') {
        walk_braces(bytes, brace, Dialect::Prometheus, end > 0, false, &mut collect)?
    } else {
        end
    };
    if end != bytes.len() || end == 0 {
        return Err(SeriesError { at: end, reason: "unexpected text in place of a series" });
    }
    Ok(text_of(collect.name))
}

/// Takes the labels of an exemplar apart, `{trace_id="x"}` for example.
///
/// # Errors
///
/// As [`parse_series`].
pub fn parse_exemplar_labels<'a>(
    text: &'a str,
    labels: &mut LabelList<'a>,
) -> Result<(), SeriesError> {
    let bytes = text.as_bytes();
    if bytes.first() != Some(&b'{') {
        return Err(SeriesError { at: 0, reason: "expected an opening brace" });
    }
    let mut collect = Collect { name: &[], labels };
    let end = walk_braces(bytes, 0, Dialect::Prometheus, true, true, &mut collect)?;
    if end != bytes.len() {
        return Err(SeriesError { at: end, reason: "unexpected text after the labels" });
    }
    Ok(())
}

struct Collect<'a, 'v> {
    name: &'a [u8],
    labels: &'v mut LabelList<'a>,
}

impl<'a> Visit<'a> for Collect<'a, '_> {
    fn quoted_name(&mut self, name: &'a [u8]) {
        self.name = name;
    }

    fn label(&mut self, name: &'a [u8], value: &'a [u8]) {
        self.labels.push(Label { name: text_of(name), value: text_of(value) });
    }
}

fn text_of(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("a text is cut at ASCII bytes only")
}

/// Removes the escapes of names, label values and OpenMetrics help: `\\`, `\"` and `\n`. Any other
/// backslash stays.
pub fn unescape(text: &str) -> Cow<'_, str> {
    unescape_some(text, true)
}

/// Removes the escapes of Prometheus help: `\\` and `\n`.
pub(crate) fn unescape_help(text: &str) -> Cow<'_, str> {
    unescape_some(text, false)
}

fn unescape_some(text: &str, quotes: bool) -> Cow<'_, str> {
    let Some(first) = memchr::memchr(b'\\', text.as_bytes()) else {
        return Cow::Borrowed(text);
    };
    let mut plain = String::with_capacity(text.len());
    plain.push_str(&text[..first]);
    let mut rest = text[first..].chars();
    while let Some(c) = rest.next() {
        let escaped = (c == '\\').then(|| rest.as_str().chars().next()).flatten();
        match escaped {
            Some('\\') => plain.push('\\'),
            Some('n') => plain.push('\n'),
            Some('"') if quotes => plain.push('"'),
            _ => {
                plain.push(c);
                continue;
            }
        }
        rest.next();
    }
    Cow::Owned(plain)
}
