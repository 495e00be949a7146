//! The one way to write a configuration.
//!
//! Tabs indent; a space stands around operators; the `=` of attributes in consecutive lines are
//! aligned; every statement of a block has its own line; a blank line stands before a block; at
//! most one blank line stands anywhere. Comments, and where lists and objects break their lines,
//! are kept.

mod lines;
#[cfg(test)]
mod tests;

use crate::ast::{Attribute, Block, Body, Expr, ExprKind, Field, File, Statement, UnaryOp};
use crate::diagnostic::Diagnostics;
use crate::parser::parse;
use crate::source::{Source, Span};
use crate::value::Value;

use lines::Lines;

/// Formats a configuration. Formatting what is formatted changes nothing, and formatting never
/// changes what a configuration says.
///
/// # Errors
/// All mistakes of the text, if it has some.
pub fn format(source: &Source) -> Result<String, Diagnostics> {
    let (file, diagnostics) = parse(source);
    let file = diagnostics.into_result(Some(file))?;
    Ok(format_file(&file))
}

fn format_file(file: &File) -> String {
    let mut printer = Printer { lines: Lines::new(file) };
    printer.statements(&file.body);
    printer.lines.finish(file.body.span.end())
}

struct Printer<'a> {
    lines: Lines<'a>,
}

impl Printer<'_> {
    fn statements(&mut self, body: &Body) {
        for (at, statement) in body.statements.iter().enumerate() {
            if at > 0 {
                self.lines.line_break();
            }
            match statement {
                Statement::Attribute(attribute) => self.attribute(attribute),
                Statement::Block(block) => {
                    if at > 0 {
                        self.lines.blank_line();
                    }
                    self.block(block);
                }
            }
        }
    }

    fn attribute(&mut self, attribute: &Attribute) {
        self.lines.token(&attribute.name.span);
        self.lines.align();
        self.lines.glue(" =");
        self.assigned(&attribute.name.span, &attribute.value);
    }

    /// The value behind an equals sign: on the same line unless a comment forbids it.
    fn assigned(&mut self, name: &Span, value: &Expr) {
        self.lines.space();
        let commented = self.lines.has_comment_before(value.span.start());
        let indented =
            usize::from(commented && self.lines.is_break(name.end(), value.span.start()));
        self.lines.indent(indented);
        self.expr(value);
        self.lines.dedent(indented);
    }

    fn block(&mut self, block: &Block) {
        for (at, part) in block.name.parts.iter().enumerate() {
            self.lines.glue(if at == 0 { "" } else { "." });
            self.lines.token(&part.span);
        }
        if let Some(label) = &block.label {
            self.lines.space();
            self.lines.token(&label.span);
        }
        self.lines.space();
        let (start, end) = (block.body.span.start(), block.body.span.end());
        self.lines.text(start - 1, "{", start);
        let empty = block.body.statements.is_empty();
        if empty {
            self.lines.space();
        } else {
            self.lines.line_break();
        }
        self.lines.indent(1);
        self.statements(&block.body);
        self.lines.comments_before(end);
        if !empty {
            self.lines.line_break();
        }
        self.lines.dedent(1);
        self.lines.close(end, "}", end + 1);
    }

    fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Literal(_) | ExprKind::Identifier(_) | ExprKind::Broken => {
                self.lines.token(&expr.span);
            }
            ExprKind::Array(elements) => {
                self.open(&expr.span, "[");
                self.list(elements, &expr.span, "]", Self::expr, |element| element.span.clone());
            }
            ExprKind::Object(fields) => {
                self.open(&expr.span, "{");
                let span = |field: &Field| field.key_span.to(&field.value.span);
                self.list(fields, &expr.span, "}", Self::field, span);
            }
            ExprKind::Access(value, field) => {
                self.expr(value);
                // Behind a number, a dot would be its decimal point.
                let number = matches!(value.kind, ExprKind::Literal(Value::Number(_)));
                self.lines.glue(if number { " ." } else { "." });
                self.lines.token(&field.span);
            }
            ExprKind::Index(value, index) => {
                self.expr(value);
                self.lines.glue("[");
                self.expr(index);
                let end = expr.span.end();
                self.lines.close(end - 1, "]", end);
            }
            ExprKind::Call(function, arguments) => {
                self.expr(function);
                self.lines.glue("(");
                let span = |argument: &Expr| argument.span.clone();
                self.list(arguments, &expr.span, ")", Self::expr, span);
            }
            ExprKind::Unary(operator, operand) => {
                let mark = match operator {
                    UnaryOp::Not => "!",
                    UnaryOp::Negate => "-",
                };
                self.open(&expr.span, mark);
                self.expr(operand);
            }
            ExprKind::Binary(left, _, operator, right) => {
                self.expr(left);
                self.lines.space();
                self.lines.token(operator);
                self.lines.space();
                let broken = self.lines.is_break(operator.end(), right.span.start());
                if broken {
                    self.lines.line_break();
                }
                self.lines.indent(usize::from(broken));
                self.expr(right);
                self.lines.dedent(usize::from(broken));
            }
            ExprKind::Paren(inner) => {
                self.open(&expr.span, "(");
                self.expr(inner);
                let end = expr.span.end();
                self.lines.close(end - 1, ")", end);
            }
        }
    }

    fn open(&mut self, span: &Span, mark: &str) {
        self.lines.text(span.start(), mark, span.start() + mark.len());
    }

    fn field(&mut self, field: &Field) {
        self.lines.token(&field.key_span);
        self.lines.align();
        self.lines.glue(" =");
        self.assigned(&field.key_span, &field.value);
    }

    /// What stands between brackets: an element that began a line begins one, and so does the
    /// closing bracket, in which case a comma stands before it.
    fn list<T>(
        &mut self,
        elements: &[T],
        whole: &Span,
        close: &str,
        print: fn(&mut Self, &T),
        span: impl Fn(&T) -> Span,
    ) {
        let end = whole.end() - close.len();
        let mut last = self.lines.position();
        for (at, element) in elements.iter().enumerate() {
            let place = span(element);
            let broken = self.lines.is_break(last, place.start());
            if broken {
                self.lines.line_break();
            } else if at > 0 {
                self.lines.space();
            }
            self.lines.indent(usize::from(broken));
            print(self, element);
            if at + 1 < elements.len() {
                self.lines.glue(",");
            }
            self.lines.dedent(usize::from(broken));
            last = place.end();
        }
        let broken = self.lines.is_break(last, end);
        if broken && !elements.is_empty() {
            self.lines.glue(",");
        }
        self.lines.indent(usize::from(broken));
        self.lines.comments_before(end);
        self.lines.dedent(usize::from(broken));
        if broken {
            self.lines.line_break();
        }
        self.lines.close(end, close, whole.end());
    }
}
