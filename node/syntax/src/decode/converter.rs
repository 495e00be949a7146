//! How a value becomes the field of a struct.

use serde::de::DeserializeOwned;

use crate::convert::{FromValue, Mismatch};
use crate::kind::Type;
use crate::value::{Value, from_serde};

/// The type that something is written as.
pub(super) type Kind = fn() -> Type;

/// How a value becomes the field of a struct, and what the field holds where it does not.
pub struct Converter<T> {
    pub(super) convert: fn(&Value) -> Result<T, Mismatch>,
    /// See [`FromValue::mended`].
    pub(super) mended: fn(&Value) -> Option<T>,
    /// See [`FromValue::stand_in`].
    pub(super) stand_in: fn() -> Option<T>,
    /// What it is written as, where that is known.
    pub(super) kind: Option<Kind>,
}

impl<T: FromValue> Converter<T> {
    /// As the type says.
    pub fn typed() -> Self {
        Self {
            convert: T::from_value,
            mended: T::mended,
            stand_in: T::stand_in,
            kind: Some(T::kind),
        }
    }
}

impl<T: DeserializeOwned> Converter<T> {
    /// By `serde::Deserialize`, which gives all or nothing.
    pub fn serde() -> Self {
        Self { convert: from_serde, mended: |_| None, stand_in: || None, kind: None }
    }
}
