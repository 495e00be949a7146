//! Values and serde: foreign formats in, foreign types out.

mod deserializer;

use std::fmt;

use serde::de::{DeserializeOwned, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::{Number, Value};
use crate::convert::Mismatch;

/// Converts by `serde::Deserialize`: what `#[arg(serde)]` does.
///
/// # Errors
/// What the type's implementation says; and [`Mismatch::Unknown`] for what is known only when
/// running.
pub fn from_serde<T: DeserializeOwned>(value: &Value) -> Result<T, Mismatch> {
    if value.is_unknown() {
        return Err(Mismatch::Unknown);
    }
    T::deserialize(deserializer::ValueDeserializer(&value.plain())).map_err(|error| error.0)
}

/// Converts by `serde::Serialize`, for the reference; none if the type cannot be a value.
pub fn shown_by_serde<T: Serialize>(value: &T) -> Option<Value> {
    // As text, which keeps the order of fields.
    serde_json::from_str(&serde_json::to_string(value).ok()?).ok()
}

/// What a document of another format holds.
impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(Number::Int(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(i64::try_from(value).map_or(Number::Uint(value), Number::Int)))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Number(Number::Float(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::string(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = sequence.next_element()? {
            values.push(value);
        }
        Ok(Value::array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some((key, value)) = map.next_entry::<Key, Value>()? {
            entries.push((key.0, value));
        }
        Ok(Value::object(entries))
    }
}

/// A key of a map, as it is written: other formats also have numbers, booleans and null there.
struct Key(String);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let key = Option::<String>::deserialize(deserializer)?;
        Ok(Self(key.unwrap_or_else(|| Value::Null.to_string())))
    }
}
