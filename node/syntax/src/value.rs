//! What expressions evaluate to.

mod capsule;
mod display;
mod function;
mod number;
mod object;
mod secret;
mod serde;
mod signature;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use self::serde::{from_serde, shown_by_serde};
pub use capsule::{Capsule, CapsuleValue};
pub(crate) use display::quote;
pub use function::{CallError, Function, Stability};
pub use number::{Number, format_float};
pub use object::Object;
pub use secret::{OptionalSecret, Secret};
pub use signature::{Check, Signature};

use crate::kind::Type;

/// A value of the language. Cloning is cheap: everything large is shared.
#[derive(Clone, Debug)]
pub enum Value {
    /// `null`
    Null,
    /// A number.
    Number(Number),
    /// A string.
    String(Arc<str>),
    /// `true` or `false`
    Bool(bool),
    /// A list.
    Array(Arc<[Value]>),
    /// A map from strings, in the order it was written.
    Object(Object),
    /// Something that can be called.
    Function(Function),
    /// A string that is never shown.
    Secret(Secret),
    /// A Rust value that the language passes along.
    Capsule(CapsuleValue),
    /// What cannot be known without running: checking a configuration stands such values in
    /// for the exports of components.
    Unknown(Type),
}

impl Value {
    /// A string.
    pub fn string(text: impl AsRef<str>) -> Self {
        Self::String(text.as_ref().into())
    }

    /// A list.
    pub fn array(values: impl IntoIterator<Item = Self>) -> Self {
        Self::Array(values.into_iter().collect())
    }

    /// A map, from its entries in order; of entries of the same key the last stays.
    pub fn object<K: Into<Arc<str>>>(entries: impl IntoIterator<Item = (K, Self)>) -> Self {
        Self::Object(entries.into_iter().map(|(key, value)| (key.into(), value)).collect())
    }

    /// A capsule around a Rust value.
    pub fn capsule<T: Capsule>(value: Arc<T>) -> Self {
        Self::Capsule(CapsuleValue::new(value))
    }

    /// What a message calls this kind of value.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Number(_) => "number",
            Self::String(_) => "string",
            Self::Bool(_) => "bool",
            Self::Array(_) => "list",
            Self::Object(_) => "object",
            Self::Function(_) => "function",
            Self::Secret(_) => "secret",
            Self::Capsule(capsule) => capsule.name(),
            Self::Unknown(_) => "a value that is not known yet",
        }
    }

    /// The plain form: a capsule that stands for a plain value becomes that value, everything
    /// else stays.
    pub fn plain(&self) -> Self {
        match self {
            Self::Capsule(capsule) => capsule.plain().unwrap_or_else(|| self.clone()),
            other => other.clone(),
        }
    }

    /// Whether it is the zero of its type, an empty list or object, or null: what `coalesce`
    /// passes over.
    pub fn is_zero(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Number(number) => number.is_zero(),
            Self::String(text) => text.is_empty(),
            Self::Bool(value) => !value,
            Self::Array(values) => values.is_empty(),
            Self::Object(object) => object.is_empty(),
            Self::Secret(secret) => secret.expose().is_empty(),
            Self::Capsule(capsule) => capsule.inner().is_zero(),
            Self::Function(_) | Self::Unknown(_) => false,
        }
    }

    /// Whether this, or something inside it, cannot be known without running.
    pub fn is_unknown(&self) -> bool {
        match self {
            Self::Unknown(_) => true,
            Self::Array(values) => values.iter().any(Self::is_unknown),
            Self::Object(object) => object.iter().any(|(_, value)| value.is_unknown()),
            _ => false,
        }
    }
}

/// Equality as the language's `==`: values of different types differ, `3` equals `3.0`, objects
/// do not care for order, functions never equal, capsules decide themselves. A capsule that
/// stands for a plain value equals that value.
impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Number(a), Self::Number(b)) => a == b,
            (Self::String(a), Self::String(b)) => a == b,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Array(a), Self::Array(b)) => Arc::ptr_eq(a, b) || a == b,
            (Self::Object(a), Self::Object(b)) => a == b,
            (Self::Secret(a), Self::Secret(b)) => a == b,
            (Self::Capsule(a), Self::Capsule(b)) => a == b,
            (Self::Capsule(a), b) | (b, Self::Capsule(a)) => {
                a.plain().is_some_and(|plain| plain == *b)
            }
            _ => false,
        }
    }
}
