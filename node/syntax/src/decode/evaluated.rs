//! A block whose expressions have been evaluated.

use std::sync::Arc;

use crate::ast::{Block, BlockName, Body, Expr, ExprKind, Ident, Label, Statement, is_identifier};
use crate::convert::Step;
use crate::diagnostic::Diagnostics;
use crate::eval::evaluate_parts;
use crate::scope::Scope;
use crate::source::Span;
use crate::value::{Stability, Value};

/// What a block holds, evaluated. Two are equal when they say the same, wherever they stand:
/// a component whose block is equal to what it runs with need not be told.
#[derive(Clone, Debug)]
pub struct Evaluated {
    /// Attributes and blocks in the order of the text.
    pub entries: Vec<Entry>,
    /// Where to say that something is missing: the name and the label of the block.
    pub header: Span,
    /// Whether all of it could be read, see [`Body::is_complete`].
    pub is_complete: bool,
    /// The stability level it was evaluated at.
    pub stability: Stability,
    /// What [`Scope::module_path`] said where it was evaluated.
    pub module_path: Arc<str>,
}

/// An attribute or a block.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// `name = value`
    Attribute(EvaluatedAttribute),
    /// `name "label" { … }`
    Block(EvaluatedBlock),
}

/// An attribute with its value.
#[derive(Clone, Debug)]
pub struct EvaluatedAttribute {
    /// Its name.
    pub name: Ident,
    /// Its value; not known where its expression failed.
    pub value: Value,
    /// Where the value comes from.
    pub expr: Arc<Expr>,
}

/// A block with its values.
#[derive(Clone, Debug)]
pub struct EvaluatedBlock {
    /// Its dotted name.
    pub name: BlockName,
    /// Its label.
    pub label: Option<Label>,
    /// What it holds.
    pub body: Evaluated,
}

impl Evaluated {
    /// Evaluates everything in a block, and says which expressions failed.
    pub fn new(block: &Block, scope: &Scope) -> (Self, Diagnostics) {
        let mut diagnostics = Diagnostics::default();
        let evaluated = Self::of_body(&block.body, block.header(), scope, &mut diagnostics);
        (evaluated, diagnostics)
    }

    fn of_body(body: &Body, header: Span, scope: &Scope, diagnostics: &mut Diagnostics) -> Self {
        let entries = body.statements.iter().map(|statement| match statement {
            Statement::Attribute(attribute) => {
                let (value, problems) = evaluate_parts(&attribute.value, scope);
                diagnostics.extend(problems);
                let (name, expr) = (attribute.name.clone(), attribute.value.clone());
                Entry::Attribute(EvaluatedAttribute { name, value, expr })
            }
            Statement::Block(block) => Entry::Block(EvaluatedBlock {
                name: block.name.clone(),
                label: block.label.clone(),
                body: Self::of_body(&block.body, block.header(), scope, diagnostics),
            }),
        });
        let (stability, module_path) = (scope.stability(), scope.module_path());
        let (entries, is_complete) = (entries.collect(), body.is_complete);
        Self { entries, header, is_complete, stability, module_path }
    }

    /// Its attribute of that name.
    pub fn attribute(&self, name: &str) -> Option<&EvaluatedAttribute> {
        self.entries.iter().find_map(|entry| match entry {
            Entry::Attribute(attribute) if *attribute.name.name == *name => Some(attribute),
            _ => None,
        })
    }

    /// Its blocks of that name.
    pub fn blocks<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a EvaluatedBlock> {
        self.entries.iter().filter_map(move |entry| match entry {
            Entry::Block(block) if *block.name.text == *name => Some(block),
            _ => None,
        })
    }

    /// Whether some value is known only when running.
    pub fn is_unknown(&self) -> bool {
        self.entries.iter().any(|entry| match entry {
            Entry::Attribute(attribute) => attribute.value.is_unknown(),
            Entry::Block(block) => block.body.is_unknown(),
        })
    }
}

impl PartialEq for Evaluated {
    fn eq(&self, other: &Self) -> bool {
        self.entries == other.entries && self.stability == other.stability
    }
}

impl PartialEq for EvaluatedAttribute {
    fn eq(&self, other: &Self) -> bool {
        self.name.name == other.name.name && self.value == other.value
    }
}

impl PartialEq for EvaluatedBlock {
    fn eq(&self, other: &Self) -> bool {
        let label = |block: &Self| block.label.as_ref().map(|label| label.value.clone());
        self.name.text == other.name.text && label(self) == label(other) && self.body == other.body
    }
}

impl EvaluatedAttribute {
    /// Where a part of the value was written, as far as the expression shows it.
    pub fn span_of<'s>(&self, path: impl IntoIterator<Item = &'s Step>) -> Span {
        self.expr_of(path).0.span.clone()
    }

    /// How an expression would lead from there to the part itself, which a value that is computed does
    /// not show: `[1].name`, with elements counted from 0. Empty where the part is written.
    pub(super) fn beyond_span_of(&self, path: &[&Step]) -> String {
        let shown = self.expr_of(path.iter().copied()).1;
        let beyond = path[shown..].iter().map(|step| match step {
            Step::Index(at) => format!("[{at}]"),
            Step::Key(key) if is_identifier(key) => format!(".{key}"),
            Step::Key(key) => format!("[{key:?}]"),
        });
        beyond.collect()
    }

    /// The same of the key at the end of a path.
    pub fn key_span_of(&self, path: &[Step]) -> Span {
        if let Some((Step::Key(key), around)) = path.split_last()
            && let ExprKind::Object(fields) = &self.expr_of(around).0.kind
            && let Some(field) = fields.iter().rfind(|field| *field.key == **key)
        {
            return field.key_span.clone();
        }
        self.span_of(path)
    }

    /// The expression of a part, as far as it is written, and how many steps that is.
    fn expr_of<'s>(&self, path: impl IntoIterator<Item = &'s Step>) -> (&Expr, usize) {
        let mut expr: &Expr = &self.expr;
        let mut steps = 0;
        for step in path {
            while let ExprKind::Paren(inner) = &expr.kind {
                expr = inner;
            }
            let inner = match (&expr.kind, step) {
                (ExprKind::Array(elements), Step::Index(at)) => elements.get(*at),
                (ExprKind::Object(fields), Step::Key(key)) => {
                    fields.iter().rfind(|field| *field.key == **key).map(|field| &field.value)
                }
                _ => None,
            };
            match inner {
                Some(inner) => expr = inner,
                None => break,
            }
            steps += 1;
        }
        (expr, steps)
    }
}
