//! The line of a mistake.
//!
//! Messages go where configurations do not: into answers, logs and pages. What is secret is known of
//! values that fit their type, but mistakes are made with others, too: in names that nobody knows, in
//! texts that are no configuration. So of all values in quotes only the one at fault is shown.

use std::fmt;
use std::ops::Range;

use crate::lexer::{InQuotes, Quoted};
use crate::source::{Position, Span};

/// How many characters of a line are shown before the caret and from it on; a generated line can
/// be arbitrarily long.
const SHOWN_BEFORE: usize = 100;
const SHOWN_AFTER: usize = 60;

/// What stands for what is not shown.
const VEIL: char = '…';

/// The line of a place, and a line of carets below it; nothing where all of it may be part of a text
/// in quotes.
pub(super) fn excerpt(f: &mut fmt::Formatter<'_>, span: &Span) -> fmt::Result {
    let Position { line, .. } = span.position();
    let source = span.source();
    let (quoted, mut within) = (source.quoted(), source.line_range(line));
    let Some(readable) = quoted.readable(source.text(), &within) else { return Ok(()) };
    let cut = readable < within.end;
    within.end = readable;
    let marked = span.range();
    let shown = |part: Range<usize>| veiled(source.text(), quoted, part, &marked);
    // A place within a text that is not shown is that text.
    let from = quoted.around(marked.start).filter(|text| *text != marked);
    let from = from.map_or(marked.start, |text| text.start.max(within.start)).min(within.end);
    let before = shown(within.start..from);
    let mut behind = shown(from..within.end);
    behind.extend(cut.then_some(VEIL));
    let caret = shown(from..marked.end.clamp(from, within.end));

    let skipped = before.chars().count().saturating_sub(SHOWN_BEFORE);
    let before: String = before.chars().skip(skipped).collect();
    let behind: String = behind.chars().take(SHOWN_AFTER).collect();
    let carets = caret.trim_end().chars().count().clamp(1, SHOWN_AFTER);
    let gutter = line.to_string();
    let indent: String = before.chars().map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
    writeln!(f, "\n{gutter} | {before}{behind}")?;
    write!(f, "{:width$} | {indent}{}", "", "^".repeat(carets), width = gutter.len())
}

/// A part of a text, in which of the values in quotes only `marked` is shown.
fn veiled(text: &str, quoted: &Quoted, part: Range<usize>, marked: &Range<usize>) -> String {
    let mut shown = String::with_capacity(part.len());
    let mut at = part.start;
    for InQuotes { range: value, is_sound } in quoted.values_in(&part) {
        let (start, end) = (value.start.max(part.start), value.end.min(part.end));
        shown.push_str(&text[at..start]);
        if *is_sound && value == marked {
            shown.push_str(&without_credentials(&text[start..end]));
        } else {
            let quote = |at: usize| text[at..].chars().next().filter(|c| "\"`'".contains(*c));
            shown.extend(quote(value.start).filter(|_| value.start >= part.start));
            shown.push(VEIL);
            let last = (value.end - 1).max(value.start + 1);
            shown.extend(text.get(last..value.end).filter(|_| value.end <= part.end));
        }
        at = end;
    }
    shown.push_str(&text[at..part.end]);
    shown
}

/// The text without the user and the password of an address.
fn without_credentials(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let authority = rest.find('/').unwrap_or(rest.len());
    match rest[..authority].rfind('@') {
        Some(at) => format!("{scheme}://{VEIL}{}", &rest[at..]),
        None => text.to_owned(),
    }
}
