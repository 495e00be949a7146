//! A value as a source of data for `serde::Deserialize`.

use std::fmt;

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{Error as _, IntoDeserializer, Visitor};
use serde::{Deserializer, forward_to_deserialize_any};

use super::super::{Number, Value};
use crate::convert::Mismatch;
use crate::diagnostic::did_you_mean;

pub(super) struct ValueDeserializer<'a>(pub(super) &'a Value);

/// A mismatch that serde can make.
#[derive(Debug)]
pub(super) struct Error(pub(super) Mismatch);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unknown = "the value is known only when running";
        f.write_str(self.0.first().map_or(unknown, |mistake| mistake.message))
    }
}

impl std::error::Error for Error {}

impl serde::de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(Mismatch::new(message.to_string()))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let words: Vec<_> = expected.iter().map(|word| format!("{word:?}")).collect();
        let message = format!("expected one of {}, got {variant:?}", words.join(", "));
        Self(with_hint(Mismatch::new(message), did_you_mean(variant, expected.iter().copied())))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let message = format!("unknown field {field:?}");
        Self(with_hint(Mismatch::new(message), did_you_mean(field, expected.iter().copied())))
    }
}

fn with_hint(mismatch: Mismatch, hint: Option<String>) -> Mismatch {
    match hint {
        Some(hint) => mismatch.hint(hint),
        None => mismatch,
    }
}

impl<'de> Deserializer<'de> for ValueDeserializer<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Number(Number::Int(value)) => visitor.visit_i64(*value),
            Value::Number(Number::Uint(value)) => visitor.visit_u64(*value),
            Value::Number(Number::Float(value)) => match whole(*value) {
                Some(value) => visitor.visit_i64(value),
                None => visitor.visit_f64(*value),
            },
            Value::String(text) => visitor.visit_str(text),
            Value::Array(values) => {
                visitor.visit_seq(SeqDeserializer::new(values.iter().map(ValueDeserializer)))
            }
            Value::Object(object) => visitor.visit_map(MapDeserializer::new(
                object.iter().map(|(key, value)| (&**key, ValueDeserializer(value))),
            )),
            other => Err(Error::custom(format!("a {} does not fit here", other.kind()))),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.0 {
            Value::String(text) => visitor.visit_enum((&**text).into_deserializer()),
            other => {
                let words: Vec<_> = variants.iter().map(|word| format!("{word:?}")).collect();
                let got = other.kind();
                Err(Error::custom(format!("expected one of {}, got {got}", words.join(", "))))
            }
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

/// A float that is a whole number is taken for one: documents do not tell them apart.
fn whole(value: f64) -> Option<i64> {
    /// Floats count every whole number up to this one.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    (value.fract() == 0.0 && value.abs() <= EXACT).then_some(value as i64)
}

impl<'de> IntoDeserializer<'de, Error> for ValueDeserializer<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}
