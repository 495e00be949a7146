//! Arguments, exports and debug information as the JSON of the HTTP API: a body is a list of
//! `{"name", "type": "attr", "value"}` and `{"name", "type": "block", "label", "body"}`.

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use serde::{Serialize, Serializer};
use serde_json::{Value as Json, json};

use crate::convert::{ByteSize, FromValue, IntoValue};
use crate::decode::{Entry, Evaluated};
use crate::kind::Type;
use crate::reference::{FieldDoc, FieldKind};
use crate::value::{Number, Secret, Value};

/// A body on its way to JSON.
#[derive(Clone, Debug, PartialEq)]
pub struct Body {
    statements: Vec<Json>,
    most: usize,
}

impl Default for Body {
    fn default() -> Self {
        Self::at_most(usize::MAX)
    }
}

impl Body {
    /// A body without statements.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same; but of each list that is added it shows the first `most` elements, and
    /// `"left_out"` beside the value says how many there are besides. For readers who look, and do
    /// not count: a list may have a hundred thousand.
    pub fn at_most(most: usize) -> Self {
        Self { statements: Vec::new(), most }
    }

    /// What a block says, in the order of its text. What only repeats a default is left out, and
    /// what the reference calls a secret is shown as one, also where it is written as a string.
    pub fn of(evaluated: &Evaluated, reference: &[FieldDoc]) -> Self {
        Self::new().with(evaluated, reference)
    }

    /// Adds the statements of [`Self::of`].
    pub fn with(mut self, evaluated: &Evaluated, reference: &[FieldDoc]) -> Self {
        for entry in &evaluated.entries {
            match entry {
                Entry::Attribute(attribute) => {
                    let field = reference.iter().find(|field| *field.name == *attribute.name.name);
                    self.field(&attribute.name.name, &attribute.value, field);
                }
                Entry::Block(block) => {
                    let field = reference.iter().find(|field| *field.name == *block.name.text);
                    let nested = match field.map(|field| &field.kind) {
                        Some(FieldKind::Block { nested, .. }) => nested(),
                        _ => Vec::new(),
                    };
                    let label = block.label.as_ref().map(|label| &*label.value);
                    let inside = Self::at_most(self.most).with(&block.body, &nested);
                    self.block(&block.name.text, label, inside);
                }
            }
        }
        self
    }

    /// The fields of an object as attributes: what a component exports. Empty for what is not an
    /// object.
    pub fn of_object(value: &Value) -> Self {
        Self::new().with_object(value)
    }

    /// Adds the statements of [`Self::of_object`].
    pub fn with_object(mut self, value: &Value) -> Self {
        if let Value::Object(object) = value.plain() {
            object.iter().for_each(|(name, value)| self.attribute(name, value));
        }
        self
    }

    /// Adds `name = value`.
    pub fn attribute(&mut self, name: &str, value: &Value) {
        let (value, left_out) = self.beginning(value);
        self.shown(name, &value, left_out);
    }

    /// Adds `name "label" { body }`.
    pub fn block(&mut self, name: &str, label: Option<&str>, body: Self) {
        let mut block = json!({"name": name, "type": "block", "body": body.statements});
        if let Some(label) = label {
            block["label"] = label.into();
        }
        self.statements.push(block);
    }

    /// Says that this many blocks of a name were left out, which readers who count never ask for.
    pub fn left_out(&mut self, name: &str, count: usize) {
        if count > 0 {
            self.statements.push(json!({"name": name, "type": "left_out", "count": count}));
        }
    }

    fn field(&mut self, name: &str, value: &Value, field: Option<&FieldDoc>) {
        let Some(FieldDoc { kind: FieldKind::Attribute(kind), required, default, .. }) = field
        else {
            return self.attribute(name, value);
        };
        let (beginning, left_out) = self.beginning(value);
        let value = canonical(&beginning, kind);
        let default = default.as_ref().map(|default| canonical(default, kind));
        if *required || left_out > 0 || default.as_ref() != Some(&value) {
            self.shown(name, &value, left_out);
        }
    }

    fn shown(&mut self, name: &str, value: &Value, left_out: usize) {
        let mut value = self::value(value);
        if left_out > 0 {
            value["left_out"] = left_out.into();
        }
        self.statements.push(json!({"name": name, "type": "attr", "value": value}));
    }

    /// As much of a value as is shown, and how many elements are not.
    fn beginning<'a>(&self, value: &'a Value) -> (Cow<'a, Value>, usize) {
        match value.plain() {
            Value::Array(values) if values.len() > self.most => {
                let beginning = Value::array(values.iter().take(self.most).cloned());
                (Cow::Owned(beginning), values.len() - self.most)
            }
            _ => (Cow::Borrowed(value), 0),
        }
    }
}

impl Serialize for Body {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.statements.serialize(serializer)
    }
}

/// A value as `{"type", "value"}`.
pub fn value(value: &Value) -> Json {
    match value.plain() {
        Value::Null => json!({"type": "null", "value": null}),
        Value::Number(number) => json!({"type": "number", "value": self::number(number)}),
        Value::String(text) => json!({"type": "string", "value": &*text}),
        Value::Bool(value) => json!({"type": "bool", "value": value}),
        Value::Array(values) => {
            let values: Vec<Json> = values.iter().map(self::value).collect();
            json!({"type": "array", "value": values})
        }
        Value::Object(object) => {
            let field = |(key, value): (&std::sync::Arc<str>, &Value)| json!({"key": &**key, "value": self::value(value)});
            json!({"type": "object", "value": object.iter().map(field).collect::<Vec<Json>>()})
        }
        function @ Value::Function(_) => json!({"type": "function", "value": function.to_string()}),
        other @ (Value::Secret(_) | Value::Capsule(_) | Value::Unknown(_)) => {
            json!({"type": "capsule", "value": other.to_string()})
        }
    }
}

fn number(number: Number) -> Json {
    match number {
        Number::Int(value) => value.into(),
        Number::Uint(value) => value.into(),
        // JSON has no infinity: these become null.
        Number::Float(value) => value.into(),
    }
}

/// A value as its type shows it: one spelling for durations and sizes, strings that are secrets
/// as secrets. What does not fit its type stays as it is.
fn canonical(value: &Value, kind: &Type) -> Value {
    match (kind, value) {
        (Type::Duration, value) => respelled::<std::time::Duration>(value),
        (Type::Bytes, value) => respelled::<ByteSize>(value),
        (Type::String, value @ Value::Number(_)) => respelled::<String>(value),
        (Type::Number, Value::String(text)) => {
            Number::parse(text).map_or_else(|| value.clone(), Value::Number)
        }
        (Type::Secret, Value::String(_) | Value::Number(_)) => respelled::<Secret>(value),
        (Type::Array(kind), Value::Array(values)) => {
            Value::array(values.iter().map(|value| canonical(value, kind)))
        }
        (Type::Map(kind), Value::Object(object)) => {
            Value::object(object.iter().map(|(key, value)| (key.clone(), canonical(value, kind))))
        }
        _ => value.clone(),
    }
}

fn respelled<T: FromValue + IntoValue>(value: &Value) -> Value {
    T::from_value(value).map_or_else(|_| value.clone(), |typed| typed.to_value())
}
