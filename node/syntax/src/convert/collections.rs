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

/// Of a collection, as many parts as this are told to be wrong: a list may come from elsewhere and
/// be long, and nobody reads more of the same. A guess.
const MAX_WRONG: usize = 100;

/// Takes the converted parts of a collection together.
///
/// # Errors
/// What is wrong with them: what is not known counts only where nothing is.
pub fn convert_all<T, I>(parts: I) -> Result<Vec<T>, Mismatch>
where
    I: Iterator<Item = Result<T, Mismatch>>,
{
    let mut converted = Vec::with_capacity(parts.size_hint().0);
    let (mut known, mut wrong) = (true, Vec::new());
    for part in parts {
        match part {
            Ok(part) => converted.push(part),
            Err(Mismatch::Unknown) => known = false,
            Err(Mismatch::Several(parts)) => wrong.extend(parts),
            Err(one) => wrong.push(one),
        }
        if wrong.len() >= MAX_WRONG {
            break;
        }
    }
    match wrong.len() {
        0 if known => Ok(converted),
        0 => Err(Mismatch::Unknown),
        1 => Err(wrong.remove(0)),
        _ => Err(Mismatch::Several(wrong)),
    }
}

impl<T: FromValue> FromValue for Vec<T> {
    fn kind() -> Type {
        Type::array(T::kind())
    }

    fn from_known(value: &Value) -> Result<Self, Mismatch> {
        match value {
            Value::Array(values) => convert_all(values.iter().enumerate().map(|(at, value)| {
                T::from_value(value).map_err(|mismatch| mismatch.within(Step::Index(at)))
            })),
            Value::Null => Ok(Self::new()),
            _ => Err(Mismatch::expected(&Self::kind(), value.kind())),
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
                    let inside = |mismatch: Mismatch| mismatch.within(Step::Key(key.to_string()));
                    T::from_value(value).map(|value| (key.to_string(), value)).map_err(inside)
                }))?;
                Ok(entries.into_iter().collect())
            }
            Value::Null => Ok(Self::new()),
            _ => Err(Mismatch::expected(&Self::kind(), value.kind())),
        }
    }
}

impl<T: IntoValue> IntoValue for BTreeMap<String, T> {
    fn to_value(&self) -> Value {
        Value::object(self.iter().map(|(key, value)| (key.as_str(), value.to_value())))
    }
}
