//! What a component says of its inner life, in the shape of the configuration language.

use syntax::{IntoValue, Value};

/// One statement of debug information.
#[derive(Debug, Clone)]
pub enum Detail {
    /// `name = value`
    Attribute {
        /// Its name.
        name: &'static str,
        /// Its value.
        value: Value,
    },
    /// `name { ... }`
    Block {
        /// Its name.
        name: &'static str,
        /// What it holds.
        body: Vec<Self>,
    },
}

impl Detail {
    /// A value with a name.
    pub fn value(name: &'static str, value: &(impl IntoValue + ?Sized)) -> Self {
        Self::Attribute { name, value: value.to_value() }
    }

    /// A group of values.
    pub fn block(name: &'static str, body: impl IntoIterator<Item = Self>) -> Self {
        Self::Block { name, body: body.into_iter().collect() }
    }
}
