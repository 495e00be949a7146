//! The tree of a parsed file. Every node knows its place.

use std::fmt;
use std::sync::Arc;

use crate::source::{Source, Span};
use crate::value::Value;

/// One parsed file.
#[derive(Clone, Debug)]
pub struct File {
    /// The text it was parsed from.
    pub source: Source,
    /// Its statements.
    pub body: Body,
    /// Its comments in the order of the text.
    pub comments: Vec<Comment>,
}

/// A comment with its marks, without the line break after it.
#[derive(Clone, Debug)]
pub struct Comment {
    /// Its place; the text there is the comment.
    pub span: Span,
}

/// The statements of a file or of a block.
#[derive(Clone, Debug)]
pub struct Body {
    /// In the order of the text.
    pub statements: Vec<Statement>,
    /// From the first to the last byte between the braces.
    pub span: Span,
    /// Whether all of it could be read; else what seems to be missing may be what could not.
    pub is_complete: bool,
}

impl Body {
    /// Its blocks, in the order of the text.
    pub fn blocks(&self) -> impl Iterator<Item = &Arc<Block>> {
        self.statements.iter().filter_map(|statement| match statement {
            Statement::Block(block) => Some(block),
            Statement::Attribute(_) => None,
        })
    }

    /// Its attributes, in the order of the text.
    pub fn attributes(&self) -> impl Iterator<Item = &Attribute> {
        self.statements.iter().filter_map(|statement| match statement {
            Statement::Attribute(attribute) => Some(attribute),
            Statement::Block(_) => None,
        })
    }
}

/// An attribute or a block.
#[derive(Clone, Debug)]
pub enum Statement {
    /// `name = value`
    Attribute(Attribute),
    /// `name "label" { … }`
    Block(Arc<Block>),
}

impl Statement {
    /// Where it is.
    pub fn span(&self) -> Span {
        match self {
            Self::Attribute(attribute) => attribute.name.span.to(&attribute.value.span),
            Self::Block(block) => block.span.clone(),
        }
    }
}

/// `name = value`
#[derive(Clone, Debug)]
pub struct Attribute {
    /// Its name.
    pub name: Ident,
    /// What it is set to. Shared, because decoded values remember where they come from.
    pub value: Arc<Expr>,
}

/// `a.b.c "label" { … }`
#[derive(Clone, Debug)]
pub struct Block {
    /// Its dotted name.
    pub name: BlockName,
    /// Its label; `""` is no label.
    pub label: Option<Label>,
    /// What is between the braces.
    pub body: Body,
    /// From the name to the closing brace.
    pub span: Span,
}

impl Block {
    /// `name.label`, or `name` without a label: how the block is referred to.
    pub fn id(&self) -> String {
        match &self.label {
            Some(label) => format!("{}.{}", self.name, label.value),
            None => self.name.to_string(),
        }
    }

    /// Name and label: what a message about the block points at.
    pub fn header(&self) -> Span {
        let name = self.name.span();
        self.label.as_ref().map_or(name.clone(), |label| name.to(&label.span))
    }
}

/// The dotted name of a block: at least one identifier.
#[derive(Clone, Debug)]
pub struct BlockName {
    /// The identifiers between the dots.
    pub parts: Vec<Ident>,
    /// The parts joined by dots.
    pub text: Arc<str>,
}

impl BlockName {
    /// Where it is.
    pub fn span(&self) -> Span {
        let last = self.parts.last().map(|part| &part.span);
        self.parts[0].span.to(last.unwrap_or(&self.parts[0].span))
    }
}

impl fmt::Display for BlockName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The label of a block, without its quotes.
#[derive(Clone, Debug)]
pub struct Label {
    /// A valid identifier.
    pub value: Arc<str>,
    /// Where it is, with its quotes.
    pub span: Span,
}

/// A name.
#[derive(Clone, Debug)]
pub struct Ident {
    /// The name.
    pub name: Arc<str>,
    /// Where it is.
    pub span: Span,
}

/// An expression.
#[derive(Clone, Debug)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it is.
    pub span: Span,
}

/// The kinds of expressions. Their depth is bounded by the parser.
#[derive(Clone, Debug)]
pub enum ExprKind {
    /// A number, a string, `true`, `false` or `null`.
    Literal(Value),
    /// `[a, b]`
    Array(Vec<Expr>),
    /// `{ a = b, "c" = d }`
    Object(Vec<Field>),
    /// A name.
    Identifier(Arc<str>),
    /// `value.name`
    Access(Box<Expr>, Ident),
    /// `value[index]`
    Index(Box<Expr>, Box<Expr>),
    /// `function(a, b)`
    Call(Box<Expr>, Vec<Expr>),
    /// `-a`, `!a`
    Unary(UnaryOp, Box<Expr>),
    /// `a + b`; the place is the operator's.
    Binary(Box<Expr>, BinaryOp, Span, Box<Expr>),
    /// `(a)`
    Paren(Box<Expr>),
    /// What could not be understood, and has been reported: it stands for the whole value of an
    /// attribute, so that nobody takes that for missing.
    Broken,
}

/// One entry of an object.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its key.
    pub key: Arc<str>,
    /// Where the key is, with its quotes if it has some.
    pub key_span: Span,
    /// Its value.
    pub value: Expr,
}

/// A prefix operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnaryOp {
    /// `!`
    Not,
    /// `-`
    Negate,
}

/// An infix operator, from the loosest to the tightest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the operators")]
pub enum BinaryOp {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Power,
}

impl BinaryOp {
    /// How tightly it binds: a larger number binds tighter.
    pub fn precedence(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And => 2,
            Self::Equal
            | Self::NotEqual
            | Self::Less
            | Self::LessEqual
            | Self::Greater
            | Self::GreaterEqual => 3,
            Self::Add | Self::Subtract => 4,
            Self::Multiply | Self::Divide | Self::Modulo => 5,
            Self::Power => 6,
        }
    }

    /// As it is written.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Or => "||",
            Self::And => "&&",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Modulo => "%",
            Self::Power => "^",
        }
    }
}

/// Whether a word is a valid name: a letter or `_`, then letters, numbers and `_`; not a keyword.
pub fn is_identifier(word: &str) -> bool {
    let mut chars = word.chars();
    chars.next().is_some_and(|c| c.is_alphabetic() || c == '_')
        && chars.all(|c| c.is_alphanumeric() || c == '_')
        && !matches!(word, "true" | "false" | "null")
}
