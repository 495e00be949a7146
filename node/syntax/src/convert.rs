//! From values of the language to Rust values, and back.

mod capsules;
mod collections;
mod scalars;
#[cfg(test)]
mod tests;

pub use scalars::ByteSize;

use crate::kind::Type;
use crate::value::Value;

/// A Rust type that an attribute can hold.
pub trait FromValue: Sized {
    /// What the reference and messages call it.
    fn kind() -> Type;

    /// Converts a value that is known.
    ///
    /// # Errors
    /// When the value has another type, or is out of bounds.
    fn from_known(value: &Value) -> Result<Self, Mismatch>;

    /// Converts a value; a capsule that stands for a plain value is also tried as that.
    ///
    /// # Errors
    /// As [`Self::from_known`]; and [`Mismatch::Unknown`] for a value that is known only when
    /// running.
    fn from_value(value: &Value) -> Result<Self, Mismatch> {
        match value {
            Value::Unknown(given) if Self::kind().accepts(given) => Err(Mismatch::Unknown),
            Value::Unknown(given) => Err(Mismatch::expected(&Self::kind(), &given.to_string())),
            Value::Capsule(capsule) => {
                Self::from_known(value).or_else(|mismatch| match capsule.plain() {
                    Some(plain) => Self::from_value(&plain),
                    None => Err(mismatch),
                })
            }
            known => Self::from_known(known),
        }
    }

    /// What stands in for a value that is known only when running, so that the validation of the
    /// struct around it can look at everything else; none where a validation might take it for
    /// something that was written.
    fn stand_in() -> Option<Self> {
        None
    }

    /// Whether no validation looks at values of this type, so that a collection may stand in that
    /// has none of them.
    const OPAQUE: bool = false;
}

/// A Rust type that can be shown as a value: what exports are made of.
pub trait IntoValue {
    /// The value.
    fn to_value(&self) -> Value;
}

/// A step into a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The element of a list, from 0.
    Index(usize),
    /// The field of an object.
    Key(String),
}

/// Why a value does not fit.
#[derive(Clone, Debug, PartialEq)]
pub enum Mismatch {
    /// It is not known before running.
    Unknown,
    /// It is wrong.
    Wrong {
        /// Where in the value, from the outside in.
        path: Vec<Step>,
        /// What is wrong.
        message: String,
        /// What to do.
        hint: Option<String>,
    },
}

impl Mismatch {
    /// Something is wrong with the value as a whole.
    pub fn new(message: impl Into<String>) -> Self {
        Self::Wrong { path: Vec::new(), message: message.into(), hint: None }
    }

    /// `expected duration, got number`
    pub fn expected(expected: &Type, got: &str) -> Self {
        Self::new(format!("expected {expected}, got {got}"))
    }

    /// Says what to do.
    pub fn hint(self, hint: impl Into<String>) -> Self {
        match self {
            Self::Wrong { path, message, .. } => {
                Self::Wrong { path, message, hint: Some(hint.into()) }
            }
            Self::Unknown => Self::Unknown,
        }
    }

    /// The same, seen from one step further out.
    pub fn within(self, step: Step) -> Self {
        match self {
            Self::Wrong { mut path, message, hint } => {
                path.insert(0, step);
                Self::Wrong { path, message, hint }
            }
            Self::Unknown => Self::Unknown,
        }
    }
}
