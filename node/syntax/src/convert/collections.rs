//! Lists, maps, and what may be absent.

use std::collections::BTreeMap;

use super::{FromValue, IntoValue, Mismatch, Step};
use crate::kind::Type;
use crate::value::Value;

impl<T: FromValue> FromValue for Option<T> {
    fn kind() -> Type {
        T::kind()
    }

    fn from_known(value: &Value) -> Result<Self, Mismatch> {
        match value {
            Value::Null => Ok(None),
            given => T::from_known(given).map(Some),
        }
    }

    fn stand_in() -> Option<Self> {
        T::stand_in().map(Some)
    }
}

impl<T: IntoValue> IntoValue for Option<T> {
    fn to_value(&self) -> Value {
        self.as_ref().map_or(Value::Null, T::to_value)
    }
}

/// Converts all of a collection: the first that is wrong counts, then whether all are known.
fn all<T, I: Iterator<Item = Result<T, Mismatch>>>(items: I) -> Result<Vec<T>, Mismatch> {
    let mut converted = Vec::with_capacity(items.size_hint().0);
    let mut known = true;
    for item in items {
        match item {
            Ok(item) => converted.push(item),
            Err(Mismatch::Unknown) => known = false,
            Err(wrong) => return Err(wrong),
        }
    }
    known.then_some(converted).ok_or(Mismatch::Unknown)
}

impl<T: FromValue> FromValue for Vec<T> {
    const OPAQUE: bool = T::OPAQUE;

    fn kind() -> Type {
        Type::array(T::kind())
    }

    fn from_known(value: &Value) -> Result<Self, Mismatch> {
        match value {
            Value::Array(values) => all(values.iter().enumerate().map(|(at, value)| {
                T::from_value(value).map_err(|mismatch| mismatch.within(Step::Index(at)))
            })),
            Value::Null => Ok(Self::new()),
            _ => Err(Mismatch::expected(&Self::kind(), value.kind())),
        }
    }

    fn stand_in() -> Option<Self> {
        T::OPAQUE.then(Self::new)
    }
}

impl<T: IntoValue> IntoValue for Vec<T> {
    fn to_value(&self) -> Value {
        Value::array(self.iter().map(T::to_value))
    }
}

impl<T: FromValue> FromValue for BTreeMap<String, T> {
    const OPAQUE: bool = T::OPAQUE;

    fn kind() -> Type {
        Type::map(T::kind())
    }

    fn from_known(value: &Value) -> Result<Self, Mismatch> {
        match value {
            Value::Object(object) => {
                let entries = all(object.iter().map(|(key, value)| {
                    let inside = |mismatch: Mismatch| mismatch.within(Step::Key(key.to_string()));
                    T::from_value(value).map(|value| (key.to_string(), value)).map_err(inside)
                }))?;
                Ok(entries.into_iter().collect())
            }
            Value::Null => Ok(Self::new()),
            _ => Err(Mismatch::expected(&Self::kind(), value.kind())),
        }
    }

    fn stand_in() -> Option<Self> {
        T::OPAQUE.then(Self::new)
    }
}

impl<T: IntoValue> IntoValue for BTreeMap<String, T> {
    fn to_value(&self) -> Value {
        Value::object(self.iter().map(|(key, value)| (key.as_str(), value.to_value())))
    }
}
