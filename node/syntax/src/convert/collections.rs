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

    fn mended(value: &Value) -> Option<Self> {
        T::mended(value).map(Some)
    }

    // It is written, which is what validations look at.
    fn stand_in() -> Option<Self> {
        T::stand_in().map(Some)
    }
}

impl<T: IntoValue> IntoValue for Option<T> {
    fn to_value(&self) -> Value {
        self.as_ref().map_or(Value::Null, T::to_value)
    }
}

/// Takes the converted parts of a collection together.
///
/// # Errors
/// Every part that does not fit, whatever their number: how many of them are shown is for those to
/// decide who know where they were written, see [`Diagnostics`](crate::Diagnostics).
pub fn convert_all<T, I>(parts: I) -> Result<Vec<T>, Mismatch>
where
    I: Iterator<Item = Result<T, (Step, Mismatch)>>,
{
    let mut converted = Vec::with_capacity(parts.size_hint().0);
    let mut others = Vec::new();
    for part in parts {
        match part {
            Ok(part) => converted.push(part),
            Err(other) => others.push(other),
        }
    }
    if others.is_empty() {
        return Ok(converted);
    }
    others.sort_by(|(one, _), (other, _)| one.cmp(other));
    Err(Mismatch::Parts(others))
}

/// A part of a collection, or what can stand in its place.
fn mended_part<T: FromValue>(part: &Value) -> Option<T> {
    T::from_value(part).ok().or_else(|| T::mended(part)).or_else(T::stand_in)
}

impl<T: FromValue> FromValue for Vec<T> {
    fn kind() -> Type {
        Type::array(T::kind())
    }

    fn from_known(value: &Value) -> Result<Self, Mismatch> {
        match value {
            Value::Array(values) => convert_all(values.iter().enumerate().map(|(at, value)| {
                T::from_value(value).map_err(|mismatch| (Step::Index(at), mismatch))
            })),
            Value::Null => Ok(Self::new()),
            _ => Err(Mismatch::expected(&Self::kind(), value.kind())),
        }
    }

    fn mended(value: &Value) -> Option<Self> {
        match value.plain() {
            Value::Array(values) => values.iter().map(mended_part).collect(),
            _ => None,
        }
    }
}

impl<T: IntoValue> IntoValue for Vec<T> {
    fn to_value(&self) -> Value {
        Value::array(self.iter().map(T::to_value))
    }
}

impl<T: FromValue> FromValue for BTreeMap<String, T> {
    fn kind() -> Type {
        Type::map(T::kind())
    }

    fn from_known(value: &Value) -> Result<Self, Mismatch> {
        match value {
            Value::Object(object) => {
                let entries = convert_all(object.iter().map(|(key, value)| {
                    T::from_value(value)
                        .map(|value| (key.to_string(), value))
                        .map_err(|mismatch| (Step::Key(key.to_string()), mismatch))
                }))?;
                Ok(entries.into_iter().collect())
            }
            Value::Null => Ok(Self::new()),
            _ => Err(Mismatch::expected(&Self::kind(), value.kind())),
        }
    }

    fn mended(value: &Value) -> Option<Self> {
        match value.plain() {
            Value::Object(object) => object
                .iter()
                .map(|(key, value)| Some((key.to_string(), mended_part(value)?)))
                .collect(),
            _ => None,
        }
    }
}

impl<T: IntoValue> IntoValue for BTreeMap<String, T> {
    fn to_value(&self) -> Value {
        Value::object(self.iter().map(|(key, value)| (key.as_str(), value.to_value())))
    }
}
