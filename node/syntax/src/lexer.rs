//! From text to tokens.

mod literal;
mod quoted;
#[cfg(test)]
mod tests;

pub(crate) use quoted::{InQuotes, Quoted};

use crate::ast::Comment;
use crate::diagnostic::{Diagnostic, MAX_DIAGNOSTICS};
use crate::source::{Source, Span};
use crate::value::Value;

/// What a token is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum TokenKind {
    Identifier,
    /// A number, a string, `true`, `false` or `null`.
    Literal(Value),
    /// Punctuation and operators, as written.
    Mark(&'static str),
    /// The end of a statement: a line break after something that can end one, or the end.
    Terminator,
    End,
    /// What cannot be a token; it has been reported.
    Invalid,
}

/// A token and its place.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) span: Span,
}

/// What the lexer makes of a text. The last token is always [`TokenKind::End`].
pub(crate) struct Lexed {
    pub(crate) tokens: Vec<Token>,
    pub(crate) comments: Vec<Comment>,
}

/// Longer marks stand before those they begin with.
const MARKS: [&str; 26] = [
    "||", "&&", "==", "!=", "<=", ">=", "=", "<", ">", "!", "+", "-", "*", "/", "%", "^", "{", "}",
    "[", "]", "(", ")", ",", ".", ";", ":",
];

/// Splits a text into tokens; what is wrong is reported, and never stops it.
pub(crate) fn lex(source: &Source, diagnostics: &mut Vec<Diagnostic>) -> Lexed {
    let mut lexer = Lexer {
        source,
        text: source.text(),
        at: 0,
        ends_statement: false,
        lexed: Lexed { tokens: Vec::new(), comments: Vec::new() },
        diagnostics,
    };
    if lexer.text.starts_with('\u{feff}') {
        lexer.at = '\u{feff}'.len_utf8();
    }
    while lexer.at < lexer.text.len() {
        lexer.step();
    }
    lexer.terminate(lexer.at);
    lexer.push(TokenKind::End, lexer.at, lexer.at);
    lexer.lexed
}

struct Lexer<'a> {
    source: &'a Source,
    text: &'a str,
    at: usize,
    /// Whether a line break here ends a statement.
    ends_statement: bool,
    lexed: Lexed,
    diagnostics: &'a mut Vec<Diagnostic>,
}

impl Lexer<'_> {
    /// Consumes at least one byte.
    fn step(&mut self) {
        let start = self.at;
        let rest = &self.text[start..];
        let Some(first) = rest.chars().next() else { return };
        match first {
            '\n' => {
                self.terminate(start);
                self.at += 1;
            }
            ' ' | '\t' | '\r' => self.at += 1,
            '"' => self.string(start),
            '`' => self.raw_string(start),
            _ if rest.starts_with("//") => self.line_comment(start),
            _ if rest.starts_with("/*") => self.block_comment(start),
            _ if first.is_alphabetic() || first == '_' => self.word(start),
            _ if starts_number(rest) => self.number(start),
            _ => self.mark(start, first),
        }
    }

    fn push(&mut self, kind: TokenKind, start: usize, end: usize) {
        self.ends_statement = match &kind {
            TokenKind::Identifier | TokenKind::Literal(_) | TokenKind::Invalid => true,
            TokenKind::Mark(mark) => matches!(*mark, ")" | "]" | "}"),
            TokenKind::Terminator | TokenKind::End => false,
        };
        let span = self.source.span(start..end);
        self.lexed.tokens.push(Token { kind, span });
        self.at = end;
    }

    fn error(&mut self, message: impl Into<String>, start: usize, end: usize) {
        self.report(Diagnostic::error(message, &self.source.span(start..end)));
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        if self.diagnostics.len() < MAX_DIAGNOSTICS {
            self.diagnostics.push(diagnostic);
        }
    }

    fn terminate(&mut self, at: usize) {
        if self.ends_statement {
            self.push(TokenKind::Terminator, at, at);
        }
    }

    fn line_comment(&mut self, start: usize) {
        let rest = &self.text[start..];
        let end = start + rest.find('\n').unwrap_or(rest.len());
        let trimmed = start + self.text[start..end].trim_end().len();
        self.comment(start, trimmed);
        self.at = end;
    }

    fn block_comment(&mut self, start: usize) {
        let rest = &self.text[start + 2..];
        let end = match rest.find("*/") {
            Some(end) => start + 2 + end + 2,
            None => {
                self.error("this comment is never closed", start, start + 2);
                self.text.len()
            }
        };
        self.comment(start, end);
        if self.text[start..end].contains('\n') {
            self.terminate(start);
        }
        self.at = end;
    }

    fn comment(&mut self, start: usize, end: usize) {
        self.lexed.comments.push(Comment { span: self.source.span(start..end) });
    }

    fn word(&mut self, start: usize) {
        let rest = &self.text[start..];
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let kind = match &rest[..end] {
            "true" => TokenKind::Literal(Value::Bool(true)),
            "false" => TokenKind::Literal(Value::Bool(false)),
            "null" => TokenKind::Literal(Value::Null),
            _ => TokenKind::Identifier,
        };
        self.push(kind, start, start + end);
    }

    fn number(&mut self, start: usize) {
        let end = start + literal::number_length(&self.text[start..]);
        let text = &self.text[start..end];
        match crate::value::Number::parse(text) {
            Some(number) => self.push(TokenKind::Literal(Value::Number(number)), start, end),
            None => {
                self.error(format!("{text:?} is not a number"), start, end);
                self.push(TokenKind::Invalid, start, end);
            }
        }
    }

    fn string(&mut self, start: usize) {
        let (length, closed) = literal::string_length(&self.text[start..]);
        let end = start + length;
        if !closed {
            let message = "this string is never closed";
            let hint = "a string over several lines stands between backticks: `…`";
            let span = self.source.span(start..end);
            self.report(Diagnostic::error(message, &span).hint(hint));
            return self.push(TokenKind::Invalid, start, end);
        }
        match literal::unescape(&self.text[start + 1..end - 1]) {
            Ok(text) => self.push(TokenKind::Literal(Value::string(text)), start, end),
            Err(error) => {
                let at = start + 1 + error.at;
                self.error(error.message, at, at + error.length);
                self.push(TokenKind::Invalid, start, end);
            }
        }
    }

    fn raw_string(&mut self, start: usize) {
        let rest = &self.text[start + 1..];
        let Some(length) = rest.find('`') else {
            self.error("this raw string is never closed", start, start + 1);
            return self.push(TokenKind::Invalid, start, self.text.len());
        };
        // As in Go, carriage returns are not part of the string.
        let text = rest[..length].replace('\r', "");
        let end = start + 1 + length + 1;
        self.push(TokenKind::Literal(Value::string(text)), start, end);
    }

    fn mark(&mut self, start: usize, first: char) {
        let rest = &self.text[start..];
        if let Some(mark) = MARKS.iter().find(|mark| rest.starts_with(**mark)) {
            return self.push(TokenKind::Mark(mark), start, start + mark.len());
        }
        let end = start + first.len_utf8();
        let mut diagnostic = Diagnostic::error(
            format!("{first:?} has no meaning here"),
            &self.source.span(start..end),
        );
        diagnostic.hint = match first {
            '\'' => Some("strings stand between double quotes".to_owned()),
            '#' => Some("a comment begins with //".to_owned()),
            _ => None,
        };
        self.report(diagnostic);
        // A run of such characters is one mistake, and so is what stands between single quotes.
        let line = rest.split('\n').next().unwrap_or(rest);
        let quoted = line.get(1..).and_then(|line| line.find('\'')).filter(|_| first == '\'');
        let strange = |c: &char| *c == first || (!c.is_ascii() && !c.is_alphanumeric());
        let run: usize = match quoted {
            Some(length) => length + 2,
            None => rest.chars().take_while(strange).map(char::len_utf8).sum(),
        };
        self.push(TokenKind::Invalid, start, start + run.max(first.len_utf8()));
    }
}

fn starts_number(rest: &str) -> bool {
    let mut bytes = rest.bytes();
    match bytes.next() {
        Some(b'0'..=b'9') => true,
        Some(b'.') => bytes.next().is_some_and(|byte| byte.is_ascii_digit()),
        _ => false,
    }
}
