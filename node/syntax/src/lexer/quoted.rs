//! The values of a text that stand in quotes.

use std::ops::Range;

use super::literal::string_length;
use super::{TokenKind, lex};
use crate::source::Source;
use crate::value::Value;

/// Where values in quotes stand in a text, quotes included; labels of blocks and keys of objects are
/// names.
#[derive(Debug)]
pub(crate) struct Quoted {
    /// In the order of the text.
    values: Vec<InQuotes>,
    /// From where a text in quotes begins that does not end in its line to the next quote: that may be
    /// its end, as when a certificate is pasted between two.
    pub(super) endless: Vec<Range<usize>>,
}

/// One of them.
#[derive(Debug)]
pub(crate) struct InQuotes {
    pub range: Range<usize>,
    /// Whether it is a text as it should be.
    pub is_sound: bool,
}

impl Quoted {
    pub(crate) fn of(source: &Source) -> Self {
        let tokens = lex(source, &mut Vec::new()).tokens;
        let mut quoted = Self { values: Vec::new(), endless: Vec::new() };
        let mut open = Vec::new();
        for (at, token) in tokens.iter().enumerate() {
            match token.kind {
                TokenKind::Mark(mark @ ("{" | "[" | "(")) => open.push(mark),
                TokenKind::Mark("}" | "]" | ")") => drop(open.pop()),
                _ => {}
            }
            let range = token.span.range();
            let is_sound = token.kind != TokenKind::Invalid;
            let is_value = match &token.kind {
                TokenKind::Literal(Value::String(_)) => {
                    let kind = |at: usize| tokens.get(at).map(|token| &token.kind);
                    let (before, next) = (at.checked_sub(1).and_then(kind), kind(at + 1));
                    let is_label = matches!(before, Some(TokenKind::Identifier))
                        && matches!(next, Some(TokenKind::Mark("{")));
                    let is_key = open.last() == Some(&"{")
                        && matches!(before, Some(TokenKind::Mark("{" | ",")))
                        && matches!(next, Some(TokenKind::Mark("=")));
                    !is_label && !is_key
                }
                TokenKind::Invalid => {
                    let text = token.span.text();
                    let quote = text.chars().next().filter(|c| "\"`'".contains(*c));
                    let ends = match quote {
                        Some('"') => string_length(text).1,
                        Some(quote) => text.len() > 1 && text.ends_with(quote),
                        None => true,
                    };
                    // What goes on to the same quote is the same.
                    let is_within = quoted.endless.last().is_some_and(|last| range.end <= last.end);
                    if !ends && !is_within {
                        let rest = &source.text()[range.end..];
                        let next = rest.find('"').unwrap_or(rest.len());
                        quoted.endless.push(range.start..range.end + next);
                    }
                    quote.is_some()
                }
                _ => false,
            };
            if is_value {
                quoted.values.push(InQuotes { range, is_sound });
            }
        }
        quoted
    }

    /// Those that lie in a part of the text, or reach into it.
    pub(crate) fn values_in(&self, part: &Range<usize>) -> impl Iterator<Item = &InQuotes> {
        let first = self.values.partition_point(|value| value.range.end <= part.start);
        let end = part.end;
        self.values[first..].iter().take_while(move |value| value.range.start < end)
    }

    /// The one that a place lies in, or at the beginning of.
    pub(crate) fn around(&self, at: usize) -> Option<Range<usize>> {
        self.values_in(&(at..at + 1)).next().map(|value| value.range.clone())
    }

    /// How far a line is known not to be in quotes that others than these began: to its end, mostly. If
    /// any quotes are never closed, which those are that should be is anybody's guess, so that what
    /// seems to stand outside may be what is inside. None if that may be all of the line.
    pub(crate) fn readable(&self, text: &str, line: &Range<usize>) -> Option<usize> {
        if self.endless.is_empty() {
            return Some(line.end);
        }
        let begun =
            self.endless.iter().any(|text| text.start < line.start && line.start <= text.end);
        // Only those between backticks go on over several lines.
        if begun || text.contains('`') {
            return None;
        }
        let quote = text[line.clone()].find(['"', '\'']);
        Some(quote.map_or(line.end, |at| line.start + at + 1))
    }
}
