//! From text to a tree, with every mistake of the text.

mod expressions;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::ast::{
    Attribute, Block, BlockName, Body, Expr, ExprKind, File, Ident, Label, Statement, is_identifier,
};
use crate::diagnostic::{Diagnostic, Diagnostics, MAX_DIAGNOSTICS};
use crate::lexer::{Token, TokenKind, lex};
use crate::source::{MAX_SOURCE, Source, Span};
use crate::value::Value;

/// How deep blocks, lists, objects, calls, parentheses and prefix operators may nest: far deeper
/// than anyone writes, shallow enough for the smallest stack.
pub const MAX_NESTING: usize = 128;

/// Parses a text. What could be understood is in the tree; what could not is in the diagnostics.
/// The tree of a text with errors is good for more checks, not for running.
pub fn parse(source: &Source) -> (File, Diagnostics) {
    let (file, mut diagnostics) = parse_all(source);
    diagnostics.sort_by_key(|diagnostic| diagnostic.span.as_ref().map(Span::start));
    if diagnostics.len() >= MAX_DIAGNOSTICS {
        diagnostics.truncate(MAX_DIAGNOSTICS);
        let message = format!("there may be more mistakes than the first {MAX_DIAGNOSTICS}");
        let end = source.text().len();
        let hint = "mend these first: past them the file was not read";
        diagnostics.push(Diagnostic::error(message, &source.span(end..end)).hint(hint));
    }
    (file, diagnostics.into_iter().collect())
}

/// Parses one expression, as it stands behind `=`.
///
/// # Errors
/// All that is wrong with it.
pub fn parse_expression(source: &Source) -> Result<Expr, Diagnostics> {
    let mut diagnostics = Vec::new();
    let lexed = lex(source, &mut diagnostics);
    let mut parser = Parser::new(source, lexed.tokens, diagnostics);
    let expr = parser.expression();
    if expr.is_ok() && parser.peek() == &TokenKind::Terminator {
        parser.next();
    }
    if expr.is_ok() && parser.peek() != &TokenKind::End {
        parser.unexpected("the end of the expression");
    }
    let diagnostics: Diagnostics = parser.diagnostics.into_iter().collect();
    diagnostics.into_result(expr.ok())
}

fn parse_all(source: &Source) -> (File, Vec<Diagnostic>) {
    let mut diagnostics = Vec::new();
    if source.text().len() > MAX_SOURCE {
        let message = format!(
            "{}: {} bytes are too many for a configuration; at most {MAX_SOURCE} are read",
            source.name(),
            source.text().len(),
        );
        let span = source.span(0..0);
        let body = Body { statements: Vec::new(), span, is_complete: false };
        let file = File { source: source.clone(), body, comments: Vec::new() };
        return (file, vec![Diagnostic::unplaced(message)]);
    }
    let lexed = lex(source, &mut diagnostics);
    let mut parser = Parser::new(source, lexed.tokens, diagnostics);
    let (mut statements, mut is_complete) = (Vec::new(), true);
    while parser.peek() != &TokenKind::End {
        is_complete &= parser.statements(&mut statements);
        if parser.peek() != &TokenKind::End {
            // `statements` stops only at the end or at a brace that closes nothing.
            parser.report("this brace closes nothing");
            parser.next();
        }
    }
    let span = source.span(0..source.text().len());
    let body = Body { statements, span, is_complete };
    (File { source: source.clone(), body, comments: lexed.comments }, parser.diagnostics)
}

fn is_broken(statement: &Statement) -> bool {
    matches!(statement, Statement::Attribute(one) if matches!(one.value.kind, ExprKind::Broken))
}

/// The mistake has been reported; whoever catches this goes on after the statement.
struct Reported;

type Parsed<T> = Result<T, Reported>;

struct Parser<'a> {
    source: &'a Source,
    tokens: Vec<Token>,
    at: usize,
    /// How many constructs are open.
    nesting: usize,
    diagnostics: Vec<Diagnostic>,
}

impl<'a> Parser<'a> {
    fn new(source: &'a Source, tokens: Vec<Token>, diagnostics: Vec<Diagnostic>) -> Self {
        Self { source, tokens, at: 0, nesting: 0, diagnostics }
    }

    fn token(&self) -> &Token {
        // The last token is the end, and nothing steps over it.
        &self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    fn peek(&self) -> &TokenKind {
        &self.token().kind
    }

    fn peek_at(&self, ahead: usize) -> &TokenKind {
        &self.tokens[(self.at + ahead).min(self.tokens.len() - 1)].kind
    }

    fn is(&self, mark: &str) -> bool {
        matches!(self.peek(), TokenKind::Mark(found) if *found == mark)
    }

    fn is_at(&self, ahead: usize, mark: &str) -> bool {
        matches!(self.peek_at(ahead), TokenKind::Mark(found) if *found == mark)
    }

    /// Takes the current token.
    fn next(&mut self) -> Token {
        let token = self.token().clone();
        if token.kind != TokenKind::End {
            self.at += 1;
        }
        token
    }

    fn expect(&mut self, mark: &str) -> Parsed<Span> {
        if self.is(mark) {
            return Ok(self.next().span);
        }
        Err(self.unexpected(&format!("{mark:?}")))
    }

    fn report(&mut self, message: impl Into<String>) -> Reported {
        let mut span = self.token().span.clone();
        // Only its place is wrong, so that its text is not shown: it may be secret.
        if matches!(self.peek(), TokenKind::Literal(Value::String(_))) {
            span = self.source.span(span.start()..span.start());
        }
        self.diagnostics.push(Diagnostic::error(message, &span));
        Reported
    }

    fn unexpected(&mut self, wanted: &str) -> Reported {
        let found = match self.peek() {
            // What is invalid has been reported by the lexer.
            TokenKind::Invalid => return Reported,
            TokenKind::Terminator => "the end of the line".to_owned(),
            TokenKind::End => "the end of the file".to_owned(),
            TokenKind::Literal(Value::String(_)) => "a string".to_owned(),
            _ => format!("{:?}", self.token().span.text()),
        };
        self.report(format!("expected {wanted}, found {found}"))
    }

    /// Runs a part of the grammar one level deeper.
    fn nested<T>(&mut self, part: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.nesting == MAX_NESTING {
            return Err(self.report(format!("this nests deeper than {MAX_NESTING} levels")));
        }
        self.nesting += 1;
        let parsed = part(self);
        self.nesting -= 1;
        parsed
    }

    /// Statements up to the brace that closes them, or the end; whether all of them could be read.
    fn statements(&mut self, statements: &mut Vec<Statement>) -> bool {
        let mut is_complete = true;
        loop {
            match self.peek() {
                TokenKind::End | TokenKind::Mark("}") => return is_complete,
                TokenKind::Terminator => {
                    self.next();
                }
                _ => {
                    let first = self.at;
                    match self.statement() {
                        Ok(statement) => {
                            // What is wrong in a value may have swallowed the lines behind it.
                            is_complete &= !is_broken(&statement);
                            is_complete &= self.end_of_statement(first);
                            statements.push(statement);
                        }
                        Err(Reported) => {
                            is_complete = false;
                            self.skip_statement(first);
                        }
                    }
                }
            }
        }
    }

    /// Skips what stands behind a statement in its line; whether there is nothing.
    fn end_of_statement(&mut self, first: usize) -> bool {
        if self.is("}") || matches!(self.peek(), TokenKind::End | TokenKind::Terminator) {
            return true;
        }
        self.unexpected("the end of the line");
        self.skip_statement(first);
        false
    }

    /// Goes on to the end of a statement that is wrong. If the brackets from its first token on
    /// close in order, that is the end of the line after the last of them; otherwise one of
    /// them is the mistake, and the statement is taken to end with its line.
    fn skip_statement(&mut self, first: usize) {
        if self.diagnostics.len() >= MAX_DIAGNOSTICS {
            self.at = self.tokens.len() - 1;
            return;
        }
        let end = self.balanced_end(first).unwrap_or_else(|| {
            let ends = |token: &Token| {
                matches!(token.kind, TokenKind::Terminator | TokenKind::Mark("}") | TokenKind::End)
            };
            let rest = self.tokens[self.at..].iter().position(ends);
            self.at + rest.unwrap_or_default()
        });
        self.at = end;
    }

    /// Where a statement ends if its brackets match: never before the current token.
    fn balanced_end(&self, first: usize) -> Option<usize> {
        let mut open: Vec<&str> = Vec::new();
        for (at, token) in self.tokens.iter().enumerate().skip(first) {
            match token.kind {
                TokenKind::End => return open.is_empty().then_some(at),
                TokenKind::Terminator if open.is_empty() && at >= self.at => return Some(at),
                TokenKind::Mark("}") if open.is_empty() => {
                    return (at >= self.at).then_some(at);
                }
                TokenKind::Mark("{") => open.push("}"),
                TokenKind::Mark("[") => open.push("]"),
                TokenKind::Mark("(") => open.push(")"),
                TokenKind::Mark(mark @ ("}" | "]" | ")")) if open.pop() != Some(mark) => {
                    return None;
                }
                _ => {}
            }
        }
        None
    }

    fn statement(&mut self) -> Parsed<Statement> {
        let start = self.at;
        let first = self.identifier("a name")?;
        if self.is("=") {
            self.next();
            let value = self.expression().unwrap_or_else(|Reported| self.broken(start));
            return Ok(Statement::Attribute(Attribute { name: first, value: Arc::new(value) }));
        }
        let mut parts = vec![first];
        while self.is(".") {
            self.next();
            parts.push(self.identifier("a name after the dot")?);
        }
        if self.is("=") {
            let message = "the name of an attribute has no dots";
            return Err(self.report(message));
        }
        self.block(parts).map(|block| Statement::Block(Arc::new(block)))
    }

    /// Skips the value of an attribute that is wrong, and gives what stands for it. The attribute
    /// began with the token `first`.
    fn broken(&mut self, first: usize) -> Expr {
        self.skip_statement(first);
        // Behind the name and the `=`, which may be all there is.
        let value = self.at.min(first + 2);
        let last = self.at.saturating_sub(1).max(value);
        let span = self.tokens[value].span.to(&self.tokens[last].span);
        Expr { kind: ExprKind::Broken, span }
    }

    fn identifier(&mut self, wanted: &str) -> Parsed<Ident> {
        if self.peek() != &TokenKind::Identifier {
            return Err(self.unexpected(wanted));
        }
        let span = self.next().span;
        Ok(Ident { name: span.text().into(), span })
    }

    fn block(&mut self, parts: Vec<Ident>) -> Parsed<Block> {
        let names: Vec<&str> = parts.iter().map(|part| &*part.name).collect();
        let name = BlockName { text: names.join(".").into(), parts };
        let label = self.label()?;
        let wanted = match (&label, name.parts.len()) {
            (Some(_), _) => "\"{\"",
            (None, 1) => "\"=\", \"{\" or a label",
            (None, _) => "\"{\" or a label",
        };
        if !self.is("{") {
            return Err(self.unexpected(wanted));
        }
        let body = self.nested(|parser| {
            let open = parser.next().span;
            let mut statements = Vec::new();
            let is_complete = parser.statements(&mut statements);
            if !parser.is("}") {
                let message = format!("the block {:?} is never closed", name.text);
                parser.diagnostics.push(Diagnostic::error(message, &open));
                return Err(Reported);
            }
            let close = parser.next().span;
            let span = parser.source.span(open.end()..close.start());
            Ok((Body { statements, span, is_complete }, close))
        });
        let (body, close) = body?;
        let span = name.span().to(&close);
        Ok(Block { name, label, body, span })
    }

    fn label(&mut self) -> Parsed<Option<Label>> {
        let text = match self.peek() {
            TokenKind::Literal(Value::String(text)) => text.clone(),
            TokenKind::Literal(_) => {
                return Err(self.report("the label of a block stands between double quotes"));
            }
            _ => return Ok(None),
        };
        let span = self.token().span.clone();
        if span.text().starts_with('`') {
            return Err(self.report("the label of a block stands between double quotes"));
        }
        self.next();
        if text.is_empty() {
            return Ok(None);
        }
        if !is_identifier(&text) {
            let message = format!("{text:?} is not a name");
            let hint = "a label is made of letters, digits and _, and does not begin with a digit";
            self.diagnostics.push(Diagnostic::error(message, &span).hint(hint));
        }
        Ok(Some(Label { value: text, span }))
    }
}
