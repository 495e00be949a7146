//! From values of the language to Rust values, and back.

mod capsules;
mod collections;
mod mismatch;
mod scalars;
#[cfg(test)]
mod tests;

pub use collections::convert_all;
pub use mismatch::{Mismatch, Mistake};
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

    /// What can be made of a value that does not fit as a whole: its good parts, with a stand-in in
    /// the place of every other, so that a path leads to the same part of both. None where a value
    /// has no parts, and where nothing can stand in for one of them: a list of which some are left
    /// out would have others in their places.
    fn mended(_value: &Value) -> Option<Self> {
        None
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
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// The element of a list, from 0.
    Index(usize),
    /// The field of an object.
    Key(String),
}
