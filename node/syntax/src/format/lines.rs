//! Lines as they are put together: tokens, the comments between them, and aligned columns.

use crate::ast::{Comment, File};
use crate::source::Span;

/// The lines so far. Breaks and spaces are asked for before they are made, so that a comment
/// which trails a token still joins that token's line.
pub(super) struct Lines<'a> {
    source: &'a str,
    /// Comments that have not been written.
    comments: &'a [Comment],
    lines: Vec<Line>,
    indent: usize,
    /// How many line breaks come before the next token or comment: 2 make a blank line.
    breaks: usize,
    /// Whether a space comes before it, if no break does.
    space: bool,
    /// Where in the source the last token or comment ended.
    end: usize,
    /// Whether that was an opening bracket, after which no blank line stands.
    opened: bool,
    /// Whether the last token began its line.
    began: bool,
}

#[derive(Default)]
struct Line {
    indent: usize,
    text: String,
    /// Where in the text the column ends that is aligned with the neighbouring lines.
    column: Option<usize>,
}

impl<'a> Lines<'a> {
    pub(super) fn new(file: &'a File) -> Self {
        Self {
            source: file.source.text(),
            comments: &file.comments,
            lines: vec![Line::default()],
            indent: 0,
            breaks: 0,
            space: false,
            end: 0,
            opened: true,
            began: false,
        }
    }

    /// Where in the source the last token ended.
    pub(super) fn position(&self) -> usize {
        self.end
    }

    /// Whether the source breaks its line between two places.
    pub(super) fn is_break(&self, start: usize, end: usize) -> bool {
        self.source.get(start..end).is_some_and(|gap| gap.contains('\n'))
    }

    pub(super) fn has_comment_before(&self, place: usize) -> bool {
        self.comments.first().is_some_and(|comment| comment.span.start() < place)
    }

    pub(super) fn indent(&mut self, levels: usize) {
        self.indent += levels;
    }

    pub(super) fn dedent(&mut self, levels: usize) {
        self.indent -= levels;
    }

    pub(super) fn line_break(&mut self) {
        self.breaks = self.breaks.max(1);
    }

    pub(super) fn blank_line(&mut self) {
        self.breaks = 2;
    }

    pub(super) fn space(&mut self) {
        self.space = true;
    }

    /// Aligns what follows with the lines around, if the last token began its line.
    pub(super) fn align(&mut self) {
        let began = self.began;
        let line = self.line();
        if began && line.column.is_none() {
            line.column = Some(line.text.len());
        }
    }

    /// Adds to the last token.
    pub(super) fn glue(&mut self, text: &str) {
        self.line().text.push_str(text);
        self.opened = matches!(text, "(" | "[");
    }

    /// Writes what stands at a place as it is.
    pub(super) fn token(&mut self, span: &Span) {
        // As the lexer does in raw strings.
        let text = span.text().replace('\r', "");
        self.text(span.start(), &text, span.end());
    }

    /// Writes a token, and the comments before it.
    pub(super) fn text(&mut self, start: usize, text: &str, end: usize) {
        self.comments_before(start);
        self.advance(start);
        self.began = self.line().text.is_empty();
        self.line().text.push_str(text);
        self.end = end;
        self.opened = matches!(text, "{" | "[" | "(");
    }

    /// Writes a closing bracket: no blank line stands before it.
    pub(super) fn close(&mut self, start: usize, text: &str, end: usize) {
        self.comments_before(start);
        self.opened = true;
        self.breaks = self.breaks.min(1);
        self.text(start, text, end);
    }

    /// Writes the comments before a place: those that trail a token stay in its line.
    pub(super) fn comments_before(&mut self, place: usize) {
        while let Some((comment, rest)) = self.comments.split_first() {
            let (start, end) = (comment.span.start(), comment.span.end());
            if start >= place {
                return;
            }
            self.comments = rest;
            let first = self.lines.len() == 1 && self.line().text.is_empty();
            if self.is_break(self.end, start) && !first {
                self.line_break();
                self.advance(start);
            } else if !self.line().text.is_empty() {
                self.line().text.push(' ');
            }
            let indent = self.indent;
            let text = comment.span.text().replace('\r', "");
            let line = self.line();
            if line.text.is_empty() {
                line.indent = indent;
            }
            line.text.push_str(&text);
            self.end = end;
            self.opened = false;
            let next = rest.first().map_or(place, |comment| comment.span.start().min(place));
            if text.starts_with("//") || self.is_break(end, next) {
                self.line_break();
            } else {
                self.space = true;
            }
        }
    }

    /// Makes the breaks or the space that were asked for before a token or comment at `start`.
    fn advance(&mut self, start: usize) {
        let gap = self.source.get(self.end..start).unwrap_or_default();
        let blank = gap.bytes().filter(|byte| *byte == b'\n').count() > 1;
        let breaks = match std::mem::take(&mut self.breaks) {
            0 => 0,
            _ if self.opened => 1,
            1 if blank => 2,
            breaks => breaks,
        };
        let space = std::mem::take(&mut self.space);
        if self.lines.len() == 1 && self.line().text.is_empty() {
            return;
        }
        for _ in 0..breaks {
            self.lines.push(Line { indent: self.indent, ..Line::default() });
        }
        if breaks == 0 && space {
            self.line().text.push(' ');
        }
    }

    fn line(&mut self) -> &mut Line {
        if self.lines.is_empty() {
            self.lines.push(Line::default());
        }
        let last = self.lines.len() - 1;
        &mut self.lines[last]
    }

    /// The text, with the comments up to the end.
    pub(super) fn finish(mut self, end: usize) -> String {
        self.comments_before(end);
        let mut lines = self.lines;
        align_columns(&mut lines);
        let mut text = String::new();
        for line in lines {
            if !line.text.is_empty() {
                text.extend(std::iter::repeat_n('\t', line.indent));
                text.push_str(&line.text);
            }
            text.push('\n');
        }
        if text.trim().is_empty() { String::new() } else { text }
    }
}

/// Widens the columns of consecutive lines to the widest of them.
fn align_columns(lines: &mut [Line]) {
    let mut start = 0;
    while start < lines.len() {
        let mut end = start + 1;
        while end < lines.len() && continues(&lines[end - 1], &lines[end]) {
            end += 1;
        }
        let width =
            |line: &Line| line.column.map_or(0, |column| line.text[..column].chars().count());
        let widest = lines[start..end].iter().map(width).max().unwrap_or(0);
        for line in &mut lines[start..end] {
            let missing = widest - width(line);
            if let Some(column) = line.column {
                line.text.insert_str(column, &" ".repeat(missing));
            }
        }
        start = end;
    }
}

fn continues(above: &Line, below: &Line) -> bool {
    above.column.is_some()
        && below.column.is_some()
        && above.indent == below.indent
        && !above.text.contains('\n')
}
