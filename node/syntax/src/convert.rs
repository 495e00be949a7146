//! From values of the language to Rust values, and back.

mod capsules;
mod collections;
mod scalars;
#[cfg(test)]
mod tests;

pub use collections::convert_all;
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

    /// What stands in for a value that is missing, wrong or known only when running, so that the
    /// validation of the struct around it can look at everything else; see
    /// [`Problems::are_known`](crate::Problems::are_known). What `null` means, where it means
    /// something.
    fn stand_in() -> Option<Self> {
        Self::from_known(&Value::Null).ok()
    }
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
        /// Whether the value must not be shown.
        secret: bool,
    },
    /// Several parts of it are wrong: each of them.
    Several(Vec<Mismatch>),
}

impl Mismatch {
    /// Something is wrong with the value as a whole.
    pub fn new(message: impl Into<String>) -> Self {
        Self::Wrong { path: Vec::new(), message: message.into(), hint: None, secret: false }
    }

    /// `expected duration, got number`
    pub fn expected(expected: &Type, got: &str) -> Self {
        let message = format!("expected {expected}, got {got}");
        Self::Wrong { path: Vec::new(), message, hint: None, secret: expected.may_be_secret() }
    }

    /// Says what to do.
    pub fn hint(self, hint: impl Into<String>) -> Self {
        let hint = hint.into();
        match self {
            Self::Wrong { path, message, secret, .. } => {
                Self::Wrong { path, message, hint: Some(hint), secret }
            }
            other => other.map(|part| part.hint(hint.clone())),
        }
    }

    /// The same, seen from one step further out.
    pub fn within(self, step: Step) -> Self {
        match self {
            Self::Wrong { mut path, message, hint, secret } => {
                path.insert(0, step);
                Self::Wrong { path, message, hint, secret }
            }
            other => other.map(|part| part.within(step.clone())),
        }
    }

    fn map(self, change: impl Fn(Self) -> Self) -> Self {
        match self {
            Self::Several(parts) => Self::Several(parts.into_iter().map(change).collect()),
            single => single,
        }
    }

    /// What is wrong where only one thing can be told: its path, its message and its hint. None if
    /// nothing is wrong that is known.
    pub fn first(&self) -> Option<(&[Step], &str, Option<&str>)> {
        match self {
            Self::Unknown => None,
            Self::Wrong { path, message, hint, .. } => Some((path, message, hint.as_deref())),
            Self::Several(parts) => parts.iter().find_map(Self::first),
        }
    }
}
