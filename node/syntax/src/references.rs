//! Which names an expression reads.

use crate::ast::{Body, Expr, ExprKind, Ident, Statement};
use crate::source::Span;

/// A name and the fields read from it: `a.b.c` in `a.b.c["d"]`.
#[derive(Clone, Debug)]
pub struct Traversal {
    /// The name, then field after field.
    pub parts: Vec<Ident>,
}

impl Traversal {
    /// Where it is.
    pub fn span(&self) -> Span {
        let first = &self.parts[0].span;
        first.to(self.parts.last().map_or(first, |part| &part.span))
    }

    /// The parts as strings.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().map(|part| &*part.name)
    }
}

/// Every name that the expressions of a body read, blocks in it included, in the order of the
/// text. Names of the standard library are among them.
pub fn references(body: &Body) -> Vec<Traversal> {
    let mut found = Vec::new();
    visit_body(body, &mut found);
    found
}

fn visit_body(body: &Body, found: &mut Vec<Traversal>) {
    for statement in &body.statements {
        match statement {
            Statement::Attribute(attribute) => visit(&attribute.value, found),
            Statement::Block(block) => visit_body(&block.body, found),
        }
    }
}

fn visit(expr: &Expr, found: &mut Vec<Traversal>) {
    if let Some(traversal) = traversal(expr) {
        found.push(traversal);
        return;
    }
    match &expr.kind {
        ExprKind::Literal(_) | ExprKind::Identifier(_) | ExprKind::Broken => {}
        ExprKind::Array(values) => values.iter().for_each(|value| visit(value, found)),
        ExprKind::Object(fields) => fields.iter().for_each(|field| visit(&field.value, found)),
        ExprKind::Access(inner, _) | ExprKind::Unary(_, inner) | ExprKind::Paren(inner) => {
            visit(inner, found);
        }
        ExprKind::Index(value, index) => {
            visit(value, found);
            visit(index, found);
        }
        ExprKind::Call(function, arguments) => {
            visit(function, found);
            arguments.iter().for_each(|argument| visit(argument, found));
        }
        ExprKind::Binary(left, _, _, right) => {
            visit(left, found);
            visit(right, found);
        }
    }
}

/// The expression as a name and fields, if it is nothing else.
fn traversal(expr: &Expr) -> Option<Traversal> {
    match &expr.kind {
        ExprKind::Identifier(name) => {
            Some(Traversal { parts: vec![Ident { name: name.clone(), span: expr.span.clone() }] })
        }
        ExprKind::Access(inner, field) => {
            let mut traversal = traversal(inner)?;
            traversal.parts.push(field.clone());
            Some(traversal)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
