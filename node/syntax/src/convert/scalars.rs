//! Strings, numbers, booleans, durations, sizes and secrets.

use std::sync::Arc;
use std::time::Duration;

use super::{FromValue, IntoValue, Mismatch};
use crate::go::{duration, size};
use crate::kind::Type;
use crate::value::{Number, OptionalSecret, Secret, Value};

fn wrong<T: FromValue>(value: &Value) -> Mismatch {
    Mismatch::expected(&T::kind(), value.kind())
}

impl FromValue for Value {
    fn kind() -> Type {
        Type::Any
    }

    fn from_known(value: &Value) -> Result<Self, Mismatch> {
        if value.is_unknown() { Err(Mismatch::Unknown) } else { Ok(value.clone()) }
    }
}

impl IntoValue for Value {
    fn to_value(&self) -> Value {
        self.clone()
    }
}

impl FromValue for Arc<str> {
    fn kind() -> Type {
        Type::String
    }

    fn from_known(value: &Value) -> Result<Self, Mismatch> {
        match value {
            Value::String(text) => Ok(text.clone()),
            Value::Number(number) => Ok(number.to_string().into()),
            Value::Null => Ok("".into()),
            Value::Secret(_) => Err(wrong::<Self>(value)
                .hint("a secret is not shown; convert.nonsensitive makes it a string")),
            _ => Err(wrong::<Self>(value)),
        }
    }

    fn stand_in() -> Option<Self> {
        Some(STAND_IN.into())
    }
}

impl FromValue for String {
    fn kind() -> Type {
        Type::String
    }

    fn from_known(value: &Value) -> Result<Self, Mismatch> {
        Arc::<str>::from_known(value).map(|text| text.to_string())
    }

    fn stand_in() -> Option<Self> {
        Some(STAND_IN.to_owned())
    }
}

impl IntoValue for str {
    fn to_value(&self) -> Value {
        Value::string(self)
    }
}

impl IntoValue for String {
    fn to_value(&self) -> Value {
        Value::string(self)
    }
}

impl FromValue for bool {
    fn kind() -> Type {
        Type::Bool
    }

    fn from_known(value: &Value) -> Result<Self, Mismatch> {
        match value {
            Value::Bool(value) => Ok(*value),
            Value::Null => Ok(false),
            _ => Err(wrong::<Self>(value)),
        }
    }
}

impl IntoValue for bool {
    fn to_value(&self) -> Value {
        Value::Bool(*self)
    }
}

/// A number, or a string that reads as one.
fn number(value: &Value) -> Result<Number, Mismatch> {
    match value {
        Value::Number(number) => Ok(*number),
        Value::Null => Ok(Number::Int(0)),
        Value::String(text) => Number::parse(text)
            .ok_or_else(|| Mismatch::new(format!("expected number, got string {value}"))),
        _ => Err(Mismatch::expected(&Type::Number, value.kind())),
    }
}

macro_rules! whole_numbers {
    ($($type:ty),*) => {$(
        impl FromValue for $type {
            fn kind() -> Type {
                Type::Number
            }

            fn from_known(value: &Value) -> Result<Self, Mismatch> {
                let number = number(value)?;
                let whole = number
                    .as_i128()
                    .ok_or_else(|| Mismatch::new(format!("expected a whole number, got {number}")))?;
                Self::try_from(whole).map_err(|_| {
                    let (min, max) = (Self::MIN, Self::MAX);
                    Mismatch::new(format!("{number} is not between {min} and {max}"))
                })
            }
        }

        impl IntoValue for $type {
            fn to_value(&self) -> Value {
                let small = i64::try_from(*self).map(Number::Int);
                Value::Number(small.unwrap_or_else(|_| Number::Uint(u64::try_from(*self).unwrap_or(u64::MAX))))
            }
        }
    )*};
}

whole_numbers!(i8, i16, i32, i64, isize, u8, u16, u32, u64, usize);

impl FromValue for f64 {
    fn kind() -> Type {
        Type::Number
    }

    fn from_known(value: &Value) -> Result<Self, Mismatch> {
        number(value).map(Number::as_f64)
    }
}

impl IntoValue for f64 {
    fn to_value(&self) -> Value {
        Value::Number(Number::Float(*self))
    }
}

impl FromValue for Duration {
    fn kind() -> Type {
        Type::Duration
    }

    fn from_known(value: &Value) -> Result<Self, Mismatch> {
        match value {
            Value::String(text) => duration::parse(text)
                .map_err(|error| Mismatch::new(error.to_string()).hint(duration::HINT)),
            Value::Null => Ok(Duration::ZERO),
            _ => Err(wrong::<Self>(value).hint(duration::HINT)),
        }
    }
}

/// A number of bytes: written as a number, or as a string with a unit such as `"10MiB"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

impl FromValue for ByteSize {
    fn kind() -> Type {
        Type::Bytes
    }

    fn from_known(value: &Value) -> Result<Self, Mismatch> {
        match value {
            Value::String(text) => size::parse(text)
                .map(Self)
                .map_err(|error| Mismatch::new(error.to_string()).hint(size::HINT)),
            Value::Number(_) | Value::Null => u64::from_known(value).map(Self),
            _ => Err(wrong::<Self>(value).hint(size::HINT)),
        }
    }
}

impl IntoValue for ByteSize {
    fn to_value(&self) -> Value {
        Value::string(size::format(self.0))
    }
}

impl IntoValue for Duration {
    fn to_value(&self) -> Value {
        Value::string(duration::format(*self))
    }
}

/// Stands in for a text: not empty, and right in most places, be it a password, a header or a URL.
const STAND_IN: &str = "http://unknown";

impl FromValue for Secret {
    fn kind() -> Type {
        Type::Secret
    }

    fn from_known(value: &Value) -> Result<Self, Mismatch> {
        match value {
            Value::Secret(secret) => Ok(secret.clone()),
            Value::String(_) | Value::Number(_) | Value::Null => {
                String::from_known(value).map(Secret::new)
            }
            _ => Err(wrong::<Self>(value)),
        }
    }

    fn stand_in() -> Option<Self> {
        Some(Self::new(STAND_IN))
    }
}

impl IntoValue for Secret {
    fn to_value(&self) -> Value {
        Value::Secret(self.clone())
    }
}

impl FromValue for OptionalSecret {
    fn kind() -> Type {
        Type::OptionalSecret
    }

    fn from_known(value: &Value) -> Result<Self, Mismatch> {
        match value {
            Value::Secret(secret) => Ok(Self::Secret(secret.clone())),
            Value::String(_) | Value::Number(_) | Value::Null => {
                Arc::<str>::from_known(value).map(Self::Plain)
            }
            _ => Err(wrong::<Self>(value)),
        }
    }

    fn stand_in() -> Option<Self> {
        Some(Self::Secret(Secret::new(STAND_IN)))
    }
}

impl IntoValue for OptionalSecret {
    fn to_value(&self) -> Value {
        match self {
            Self::Plain(text) => Value::String(text.clone()),
            Self::Secret(secret) => Value::Secret(secret.clone()),
        }
    }
}
