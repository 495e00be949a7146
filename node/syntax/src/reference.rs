//! What can be written in a body: its reference documentation, from the same declaration that
//! decodes it.

#[cfg(test)]
mod tests;

use crate::kind::Type;
use crate::value::{Stability, Value};

/// One attribute or block that a body takes.
#[derive(Clone, Debug)]
pub struct FieldDoc {
    /// Its name.
    pub name: &'static str,
    /// Attribute or block, and of what.
    pub kind: FieldKind,
    /// Whether the body is wrong without it.
    pub required: bool,
    /// What it is when it is not written; none if it then is absent.
    pub default: Option<Value>,
    /// Whole sentences.
    pub doc: &'static str,
    /// How far it has come.
    pub stability: Stability,
}

/// What a field is.
#[derive(Clone, Debug)]
pub enum FieldKind {
    /// `name = value`
    Attribute(Type),
    /// `name { … }`
    Block {
        /// Whether it may be written more than once.
        repeated: bool,
        /// What can be written in it. A function, because blocks may contain themselves.
        nested: fn() -> Vec<FieldDoc>,
    },
    /// The label of the block it stands in: `block "label" { … }`
    Label,
}

impl FieldDoc {
    /// The default as one would write it.
    pub fn default_text(&self) -> Option<String> {
        self.default.as_ref().map(ToString::to_string)
    }
}
