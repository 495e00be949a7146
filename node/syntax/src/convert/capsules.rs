//! Rust values that travel as capsules: an attribute takes them as `Arc<T>`.

use std::sync::Arc;

use super::{FromValue, IntoValue, Mismatch};
use crate::kind::Type;
use crate::value::{Capsule, Value};

impl<T: Capsule> FromValue for Arc<T> {
    fn kind() -> Type {
        Type::Capsule(T::type_name())
    }

    fn from_known(value: &Value) -> Result<Self, Mismatch> {
        let found = match value {
            Value::Capsule(capsule) => capsule.downcast::<T>(),
            _ => None,
        };
        found.ok_or_else(|| Mismatch::expected(&Self::kind(), value.kind()))
    }
}

impl<T: Capsule> IntoValue for Arc<T> {
    fn to_value(&self) -> Value {
        Value::capsule(self.clone())
    }
}
